/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The domain definition: the plain data behind a domain XML, and the doors of the pipeline
 * parse -> postparse -> validate -> format. Nothing here does I/O; a definition belongs to one
 * owner, and callers lock around it if they share it.
 */
#ifndef TN_XML_DOMAIN_H
#define TN_XML_DOMAIN_H

#include "xml/bitmap.h"
#include "xml/device.h"
#include "xml/enums.h"
#include "xml/error.h"

struct _xmlNode;

#define TN_UUID_LEN 16
#define TN_UUID_STRING_LEN 37

/** TN_XML_MAX_DOCUMENT: bytes of a document that is accepted; libvirt's RPC allows 4 MiB. */
#define TN_XML_MAX_DOCUMENT (8 * 1024 * 1024)

/** TN_XML_MAX_VCPUS: vCPUs of the pc machine (8-bit APIC ids), as QEMU's pc-i440fx says. */
#define TN_XML_MAX_VCPUS 255

/** TN_XML_MAX_MEMORY_SLOTS: memory slots of the ACPI memory-hotplug controller. */
#define TN_XML_MAX_MEMORY_SLOTS 256

/** TnHugepage: one `<page>` of `<hugepages>`. */
typedef struct {
    guint64 size_kib;  /**< 0: the host's default huge page size (`<hugepages/>` alone) */
    TnBitmap *nodeset; /**< guest nodes; NULL: all others */
} TnHugepage;

/** TnDomainMemory: sizes in KiB. */
typedef struct {
    guint64 initial_kib; /**< memory the guest boots with: `<memory>` minus the DIMMs */
    guint64 current_kib; /**< `<currentMemory>` */
    guint64 max_kib;     /**< `<maxMemory>`; 0: not given */
    guint slots;         /**< `<maxMemory slots=>`; 0: not given */
    TnTristate dump_core;
    GArray *hugepages;   /**< of TnHugepage; empty: no huge pages */
    gboolean nosharepages;
    TnMemorySource source;
    TnMemoryAccess access;
    TnMemoryAllocation allocation;
    gboolean discard;
    guint64 given_total_kib; /**< `<memory>` as parsed; only between parse and postparse */
} TnDomainMemory;

/** TN_MEMTUNE_UNLIMITED: KiB from which on a limit is none: VIR_DOMAIN_MEMORY_PARAM_UNLIMITED. */
#define TN_MEMTUNE_UNLIMITED G_GUINT64_CONSTANT(9007199254740991)

/** TnMemtune: `<memtune>`: KiB, at most TN_MEMTUNE_UNLIMITED; see tn_memtune_is_set(). */
typedef struct {
    guint64 hard_limit_kib;
    guint64 soft_limit_kib;
    guint64 swap_hard_limit_kib;
} TnMemtune;

/** TnMemnode: `<memnode cellid= mode= nodeset=>`. */
typedef struct {
    guint cell;
    TnNumatuneMode mode;
    TnBitmap *nodeset; /**< owned, never NULL */
} TnMemnode;

/** TnNumatune: `<numatune>`. */
typedef struct {
    gboolean has_memory;  /**< `<memory>` is there */
    TnNumatuneMode mode;
    TnBitmap *nodeset;    /**< owned; not NULL when has_memory */
    GArray *memnodes;     /**< of TnMemnode, ascending cells */
} TnNumatune;

/** TnNumaCell: `<cpu><numa><cell>`. */
typedef struct {
    TnBitmap *cpus;        /**< owned; NULL: a node without CPUs */
    guint64 memory_kib;
    TnMemoryAccess access;
    TnTristate discard;
    guint8 *distances;     /**< owned: to each cell, 0: not told; NULL: none is told */
} TnNumaCell;

/** TnCpuFeature: `<cpu><feature>`. */
typedef struct {
    char *name;
    TnCpuPolicy policy;
} TnCpuFeature;

/** TnDomainCpu: `<cpu>`. */
typedef struct {
    TnCpuMode mode;
    TnCpuCheck check;
    TnTristate migratable;
    guint sockets;      /**< 0: no `<topology>` */
    guint dies;
    guint cores;
    guint threads;
    GArray *features;   /**< of TnCpuFeature, in document order */
    GArray *cells;      /**< of TnNumaCell; index is the cell id */
} TnDomainCpu;

/** TnDomainOs: `<os>`. Strings owned, NULL when absent. */
typedef struct {
    char *machine;      /**< canonical after postparse: "pc-i440fx-7.2" */
    char *kernel;
    char *initrd;
    char *cmdline;
    TnBootDevice boot[TN_BOOT_LAST];
    guint n_boot;
    TnTristate bootmenu;
} TnDomainOs;

/** TnDomainFeatures: `<features>`. */
typedef struct {
    gboolean acpi;
    gboolean apic;
    gboolean pae;
    TnTristate vmport; /**< ABSENT is the machine's own default, on */
    TnTristate smm;    /**< only NO is supported */
    TnIoapicDriver ioapic;
} TnDomainFeatures;

/** TnTimer: `<clock><timer>`. */
typedef struct {
    TnTimerName name;
    TnTristate present;
    TnTimerTickpolicy tickpolicy;
    TnTimerTrack track;
} TnTimer;

/** TnDomainClock: `<clock>`. */
typedef struct {
    TnClockOffset offset;
    gint64 adjustment; /**< variable: seconds added to @basis */
    TnClockBasis basis;
    GArray *timers;    /**< of TnTimer */
} TnDomainClock;

/** TnSeclabel: `<seclabel>`; kept, nothing is labelled. Strings owned, NULL when absent. */
typedef struct {
    TnSeclabelType type;
    char *model;
    TnTristate relabel;
    char *label;
    char *baselabel;
    char *imagelabel;
} TnSeclabel;

/** TnVcpuState: `<vcpus><vcpu>`, one virtual CPU. */
typedef struct {
    gboolean enabled;
    gboolean hotpluggable; /**< it comes, and may go, by hot plug: always so when not enabled */
    guint order;           /**< in which the enabled ones came, from 1 on; 0: not given */
} TnVcpuState;

/** TnDomainDef: one domain definition. Strings are owned and NULL when absent. */
typedef struct {
    TnVirtType virt_type;
    int id;                   /**< -1: not running */
    char *name;
    guint8 uuid[TN_UUID_LEN];
    gboolean has_uuid;        /**< FALSE only before postparse */
    char *title;
    char *description;
    struct _xmlNode *metadata; /**< owned `<metadata>` element; use xml/metadata.h */
    TnDomainMemory memory;
    TnMemtune memtune;
    guint vcpus_max;
    guint vcpus;              /**< enabled ones; 1 .. vcpus_max */
    GArray *vcpu_states;      /**< of TnVcpuState, vcpus_max of them; NULL: the first @vcpus are
                                   enabled and there from the start */
    TnBitmap *cpuset;         /**< `<vcpu cpuset=>`: host CPUs; NULL: not given */
    GPtrArray *vcpu_pins;     /**< `<vcpupin>`: of TnBitmap, owned; index: vCPU, NULL: no pin; never
                                   longer than vcpus_max; use tn_domain_def_vcpu_pin() */
    TnBitmap *emulator_pin;   /**< `<emulatorpin>`; NULL: not given */
    TnNumatune numatune;
    char *partition;          /**< `<resource><partition>` */
    TnDomainOs os;
    TnDomainFeatures features;
    TnDomainCpu cpu;
    TnDomainClock clock;
    TnLifecycleAction on_poweroff;
    TnLifecycleAction on_reboot;
    TnLifecycleAction on_crash;
    TnTristate suspend_to_mem;  /**< `<pm>`: ABSENT is the machine's own default, on */
    TnTristate suspend_to_disk;
    char *emulator;
    GPtrArray *devices[TN_DEVICE_LAST]; /**< of TnDevice, owned, in document order */
    GArray *seclabels;        /**< of TnSeclabel */
} TnDomainDef;

/** TnXmlHost: what postparse needs to know of the host. Borrowed for the call. */
typedef struct {
    const char *emulator;     /**< path put into `<emulator>` when absent; NULL: left out */
    const char *machine;      /**< canonical name of "pc", and the only one accepted besides it;
                                   NULL: "pc-i440fx-7.2" */
    /** new_uuid: fill @ret_uuid with 16 random bytes (version bits are set by postparse);
     *  NULL: a definition without `<uuid>` is refused. */
    void (*new_uuid)(guint8 *ret_uuid, gpointer user_data);
    gpointer user_data;
} TnXmlHost;

/** TnXmlParseFlags: how a document is read. */
typedef enum {
    TN_XML_PARSE_DEFAULT = 0,
    TN_XML_PARSE_INACTIVE = 1 << 0, /**< ignore run-time data: id, aliases other than "ua-...",
                                         pty paths (define, create) */
    TN_XML_PARSE_SKIP_VALIDATE = 1 << 1, /**< definitions that were accepted before and are read
                                              back from disk */
} TnXmlParseFlags;

/** TnXmlParseOptions: all inputs of the pipeline besides the document. Borrowed for the call. */
typedef struct {
    TnXmlParseFlags flags;
    const TnXmlHost *host;    /**< NULL: nothing is filled in from the host */
    const char *schema_path;  /**< RelaxNG schema to validate against first; NULL: none */
} TnXmlParseOptions;

/** TnXmlFormatFlags: numbers of virDomainXMLFlags, so that the wire's flags pass through. */
typedef enum {
    TN_XML_FORMAT_DEFAULT = 0,
    TN_XML_FORMAT_SECURE = 1 << 0,     /**< with passwords (Tenon keeps none yet) */
    TN_XML_FORMAT_INACTIVE = 1 << 1,   /**< without run-time data */
    TN_XML_FORMAT_UPDATE_CPU = 1 << 2, /**< nothing to expand: modes are host modes */
    TN_XML_FORMAT_MIGRATABLE = 1 << 3, /**< without what libvirt adds by itself */
    TN_XML_FORMAT_FLAGS_ALL = (1 << 4) - 1
} TnXmlFormatFlags;

/** tn_domain_def_new: an empty definition: no name, id -1, no devices. */
TnDomainDef *tn_domain_def_new(void);

/** tn_domain_def_free: release @def and all it owns; NULL and half-filled ones are fine. */
void tn_domain_def_free(TnDomainDef *def);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TnDomainDef, tn_domain_def_free)

/** tn_domain_def_copy: a deep copy. */
TnDomainDef *tn_domain_def_copy(const TnDomainDef *def);

/** tn_domain_def_tell_vcpus_apart: fill vcpu_states, so that `<vcpus>` is shown. */
void tn_domain_def_tell_vcpus_apart(TnDomainDef *def);

/** tn_domain_def_get_vcpu: state of vCPU @id < vcpus_max. */
TnVcpuState tn_domain_def_get_vcpu(const TnDomainDef *def, guint id);

/** tn_domain_def_set_vcpu: the state of vCPU @id; its place in the order is given up. */
void tn_domain_def_set_vcpu(TnDomainDef *def, guint id, gboolean enabled, gboolean hotpluggable);

/** tn_domain_def_set_vcpus_max: more places, not enabled, or fewer. */
void tn_domain_def_set_vcpus_max(TnDomainDef *def, guint max);

/** tn_domain_def_n_boot_vcpus: how many are there from the start: enabled, not hot-pluggable. */
guint tn_domain_def_n_boot_vcpus(const TnDomainDef *def);

/** tn_domain_def_number_vcpus: gives the enabled ones that have no place in the order the next. */
void tn_domain_def_number_vcpus(TnDomainDef *def);

/** tn_domain_def_has_distances: whether any `<distances>` are told. */
gboolean tn_domain_def_has_distances(const TnDomainDef *def);

/** tn_domain_def_distance: from cell @from to cell @to, as QEMU takes it: untold ones are 20. */
guint tn_domain_def_distance(const TnDomainDef *def, guint from, guint to);

/** tn_domain_def_vcpu_pin: host CPUs that `<vcpupin>` gives vCPU @id, borrowed; NULL: none. */
const TnBitmap *tn_domain_def_vcpu_pin(const TnDomainDef *def, guint id);

/** tn_domain_def_vcpu_cpus: host CPUs that vCPU @id runs on, by its pin or `<vcpu cpuset=>`,
 *  borrowed; NULL: all. */
const TnBitmap *tn_domain_def_vcpu_cpus(const TnDomainDef *def, guint id);

/** tn_domain_def_emulator_cpus: the same for all threads but the vCPUs'. */
const TnBitmap *tn_domain_def_emulator_cpus(const TnDomainDef *def);

/** tn_domain_def_is_pinned: whether anything says on which host CPUs the guest runs. */
gboolean tn_domain_def_is_pinned(const TnDomainDef *def);

/** tn_domain_def_set_vcpu_pin: pins vCPU @id < vcpus_max to @cpus (copied). */
void tn_domain_def_set_vcpu_pin(TnDomainDef *def, guint id, const TnBitmap *cpus);

/** tn_domain_def_set_emulator_pin: the same for all threads but the vCPUs'. */
void tn_domain_def_set_emulator_pin(TnDomainDef *def, const TnBitmap *cpus);

/** tn_memtune_is_set: whether @kib of a TnMemtune is a limit. */
static inline gboolean
tn_memtune_is_set(guint64 kib)
{
    return kib < TN_MEMTUNE_UNLIMITED;
}

/**
 * tn_domain_def_parse: the whole pipeline: read @xml, complete it, judge it.
 * @xml: the document, NUL-terminated UTF-8; hostile input is expected.
 * @options: flags, host and schema; NULL: defaults.
 * Returns: the definition, or NULL with a TN_XML_ERROR: XML_DETAIL or XML (malformed),
 * CONFIG_UNSUPPORTED (names the element that Tenon does not support), INVALID_SCHEMA ...
 */
TnDomainDef *tn_domain_def_parse(const char *xml, const TnXmlParseOptions *options,
                                 GError **error);

/**
 * tn_domain_def_postparse: fill in what the QEMU driver would: uuid, machine, current memory,
 * console twin, controllers, ports, DIMM slots. Done by tn_domain_def_parse() already; idempotent.
 * @host: see TnXmlHost; NULL: nothing from the host.
 */
gboolean tn_domain_def_postparse(TnDomainDef *def, const TnXmlHost *host, GError **error);

/** tn_domain_def_validate: judge a completed definition as a whole and each of its devices. */
gboolean tn_domain_def_validate(const TnDomainDef *def, GError **error);

/**
 * tn_domain_def_format: the XML of @def as libvirt writes it, with a final newline.
 * @flags: without INACTIVE, a running definition (id >= 0) shows id, aliases and pty paths.
 * Returns: the text, caller frees. Never fails.
 */
char *tn_domain_def_format(const TnDomainDef *def, TnXmlFormatFlags flags);

/** tn_uuid_format: write the 36 characters of @uuid and a NUL to @ret_text (37 bytes). */
void tn_uuid_format(const guint8 *uuid, char *ret_text);

/** tn_uuid_parse: read a UUID, hyphens optional as libvirt allows; FALSE when malformed. */
gboolean tn_uuid_parse(const char *text, guint8 *ret_uuid);

/* --- memory ------------------------------------------------------------------------------ */

/** tn_domain_def_memory_total: KiB of boot memory plus all DIMMs: what `<memory>` shows. */
guint64 tn_domain_def_memory_total(const TnDomainDef *def);

/* --- devices ------------------------------------------------------------------------------ */

/**
 * tn_domain_device_parse: read one device element, as attach-device and detach-device send it.
 * @xml: document whose root names the kind.
 * @def: the domain it is for; its devices give the defaults. Unchanged.
 * @options: as for a domain (INACTIVE: aliases other than "ua-" are dropped).
 * Returns: the completed and validated device, free with tn_device_free(), or NULL with an error.
 */
TnDevice *tn_domain_device_parse(const char *xml, const TnDomainDef *def,
                                 const TnXmlParseOptions *options, GError **error);

/** tn_domain_device_format: the XML of one device, unindented, with a final newline. */
char *tn_domain_device_format(const TnDevice *device, TnXmlFormatFlags flags);

/** tn_domain_def_n_devices: how many devices of @kind there are. */
guint tn_domain_def_n_devices(const TnDomainDef *def, TnDeviceKind kind);

/** tn_domain_def_device: the @index-th device of @kind, borrowed; @index must be in range. */
TnDevice *tn_domain_def_device(const TnDomainDef *def, TnDeviceKind kind, guint index);

/** tn_domain_def_memory_device: the @index-th DIMM, borrowed; @index must be in range. */
TnMemoryDevice *tn_domain_def_memory_device(const TnDomainDef *def, guint index);

/** tn_domain_def_hostdev: the @index-th host device, borrowed; @index must be in range. */
TnHostdevDevice *tn_domain_def_hostdev(const TnDomainDef *def, guint index);

/** tn_domain_def_pci_controller: that of PCI bus @index, borrowed; NULL: there is none. */
TnControllerDevice *tn_domain_def_pci_controller(const TnDomainDef *def, int index);

/** tn_domain_def_pci_bus_name: the monitor's name of PCI bus @index; NULL: there is no such
 *  bus, or its controller has no alias yet. */
const char *tn_domain_def_pci_bus_name(const TnDomainDef *def, guint index);

/** tn_domain_def_serial: the @index-th serial port, borrowed; @index must be in range. */
TnSerialDevice *tn_domain_def_serial(const TnDomainDef *def, guint index);

/** tn_domain_def_console: the @index-th console, borrowed; @index must be in range. */
TnConsoleDevice *tn_domain_def_console(const TnDomainDef *def, guint index);

/** tn_domain_def_set_serial_path: what the @index-th serial port ended up as on the host (the pty
 *  that was opened; copied, NULL: none), also for the console that is its twin. */
void tn_domain_def_set_serial_path(TnDomainDef *def, guint index, const char *path);

/** tn_domain_def_find_alias: the device of that alias, borrowed, or NULL. */
TnDevice *tn_domain_def_find_alias(const TnDomainDef *def, const char *alias);

/**
 * tn_domain_def_find_device: which device of @def does @like describe, as detach-device asks?
 * A memory device matches by size, access and source, and by alias, node and address as far as
 * @like gives them; a host device by its place on the host, and by alias and address likewise.
 * Returns: the index in its kind, or -1 with DEVICE_MISSING ("device not found: matching memory
 * device was not found", "device not found: host pci device 0000:00:06.0 not found").
 */
int tn_domain_def_find_device(const TnDomainDef *def, const TnDevice *like, GError **error);

/** tn_domain_def_free_memory_slot: the lowest memory slot that no DIMM holds, or -1: all taken. */
int tn_domain_def_free_memory_slot(const TnDomainDef *def);

/** tn_domain_def_make_room: add to @def, which is not live, the PCI buses that @device (not yet
 *  in it) needs, as libvirt does. INTERNAL when there can be no more. */
gboolean tn_domain_def_make_room(TnDomainDef *def, const TnDevice *device, GError **error);

/**
 * tn_domain_def_assign_address: give @device the address that it lacks: a DIMM the lowest free
 * slot, a serial port the next number, a PCI device the lowest free slot from 3 on. A DIMM's base
 * address is the monitor's choice.
 * Returns: FALSE with CONFIG_UNSUPPORTED ("no free memory device slot available") or INTERNAL
 * ("No more available PCI slots").
 */
gboolean tn_domain_def_assign_address(const TnDomainDef *def, TnDevice *device, GError **error);

/**
 * tn_domain_def_check_insert: may @device (with its address) be added to @def? Checks duplicates
 * of slot, base, alias, PCI address, host device and boot order, memory beyond maxMemory, guest
 * node. Changes nothing.
 */
gboolean tn_domain_def_check_insert(const TnDomainDef *def, const TnDevice *device,
                                    GError **error);

/** tn_domain_def_assign_alias: give @device, if it has none, the alias that the QEMU driver would
 *  ("serial0", "dimm0", "pci.0" ...). To be done after its address. */
void tn_domain_def_assign_alias(const TnDomainDef *def, TnDevice *device);

/** tn_domain_def_assign_aliases: the same for every device of @def, at start. */
void tn_domain_def_assign_aliases(TnDomainDef *def);

/** tn_domain_def_insert: append @device (owned by @def from now on); memory counts into
 *  currentMemory. Cannot fail. The order for a hot plug: tn_domain_device_parse(),
 *  _assign_address(), _check_insert(), _assign_alias(), the plug itself, _insert(). */
void tn_domain_def_insert(TnDomainDef *def, TnDevice *device);

/** tn_domain_def_remove: take the @index-th device of @kind out; the caller owns it.
 *  currentMemory is kept within the total. */
TnDevice *tn_domain_def_remove(TnDomainDef *def, TnDeviceKind kind, guint index);

/** tn_domain_def_remove_device: take @device out by identity; FALSE when it is not in @def.
 *  The caller owns it then. */
gboolean tn_domain_def_remove_device(TnDomainDef *def, TnDevice *device);

/**
 * tn_domain_def_check_abi: would a guest notice if @dst replaced @src (redefine, restore)?
 * Returns: TRUE when not; else FALSE with CONFIG_UNSUPPORTED naming what differs.
 */
gboolean tn_domain_def_check_abi(const TnDomainDef *src, const TnDomainDef *dst, GError **error);

#endif
