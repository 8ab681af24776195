/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The pc machine as the monitor and main see it: what it was made from, what it
 * is made of, and the verbs that change it. Main thread, unless said otherwise.
 */
#pragma once

#include "vmm/core/cpu-topology.h"
#include "vmm/core/device.h"
#include "vmm/core/events.h"
#include "vmm/core/property.h"
#include "vmm/core/run-state.h"
#include "vmm/memory/memory.h"

G_BEGIN_DECLS

/* One "-numa node". */
typedef struct TnNumaNode {
    guint64 size;      /* bytes of boot RAM */
    char *memdev;      /* id of its backend, NULL: part of the machine's RAM */
    guint64 cpus[4];   /* bit mask of CPU indices, up to 255 */
    gboolean given_cpus;
} TnNumaNode;

#define TN_MAX_NUMA_NODES 128
#define TN_MAX_CPUS 255
#define TN_MAX_APIC_ID 254 /* 8 bits, the last meaning everybody */
#define TN_MAX_RAM_SLOTS 256

/* One "-fw_cfg": a file for the guest's firmware. */
typedef struct TnFwCfgFile {
    char *name;
    GBytes *data;
} TnFwCfgFile;

/* One "-global": a value for every later device of a type. */
typedef struct TnGlobal {
    char *driver, *property, *value;
} TnGlobal;

/* What "-machine -cpu -smp -m -numa -kernel ..." said, checked and completed. */
typedef struct TnMachineConfig {
    char *type;             /* "pc-i440fx-7.2" (alias "pc") */
    char *name;             /* -name guest=, may be NULL */
    char *process_name;     /* -name process= */
    gboolean debug_threads; /* -name debug-threads=on: threads carry names */
    char *uuid;             /* -uuid, canonical text; may be NULL */
    char *cpu_model;        /* "host" */
    GStrv cpu_features;     /* "+x", "-x" */
    unsigned cpus, max_cpus, sockets, dies, cores, threads;
    guint64 ram_size;       /* bytes at boot */
    unsigned ram_slots;     /* DIMM slots, 0 without hot plug */
    guint64 max_ram_size;   /* == ram_size without hot plug */
    char *memory_backend;   /* -machine memory-backend=id, may be NULL */
    gboolean dump_guest_core, mem_merge;
    TnNumaNode *numa;       /* num_numa of them */
    unsigned num_numa;
    guint8 *distances;      /* between nodes: num_numa rows of num_numa; NULL: not told */
    char *kernel, *initrd, *append;
    unsigned kept_kernel_fd; /* -machine x-unpacked-kernel=: @kernel, unpacked before; 0: none */
    char *kvm_path;         /* NULL: /dev/kvm */
    gboolean split_irqchip; /* kernel-irqchip=split: PIC, IOAPIC and PIT are devices of ours */
    gboolean hpet;          /* -machine hpet=: default on */
    gboolean cpu_pm;        /* -overcommit cpu-pm=: guests halt and wait without an exit */
    gboolean vmport;        /* -machine vmport=: default on */
    gboolean pit;           /* -machine pit=: default on */
    gboolean pit_discard;   /* -global kvm-pit.lost_tick_policy=discard */
    GPtrArray *fw_cfg_files; /* of TnFwCfgFile: -fw_cfg; NULL for none */
    GPtrArray *globals;     /* of TnGlobal: -global, in order; NULL for none */
    gboolean rtc_localtime; /* -rtc base=localtime */
    gint64 rtc_date;        /* -rtc base=DATE: seconds since the epoch; G_MININT64: now */
    gboolean no_reboot, no_shutdown, start_paused;
} TnMachineConfig;

void tn_machine_config_free(TnMachineConfig *config);

/* How the possible CPUs are arranged. */
TnCpuTopology tn_machine_config_get_topology(const TnMachineConfig *config);
/* The NUMA node of CPU @cpu; FALSE, *@ret_node untouched, without any. */
gboolean tn_machine_config_find_node(const TnMachineConfig *config, unsigned cpu,
                                     unsigned *ret_node);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(TnMachineConfig, tn_machine_config_free)

#define TN_TYPE_MACHINE (tn_machine_get_type())
G_DECLARE_FINAL_TYPE(TnMachine, tn_machine, TN, MACHINE, TnObject)

/* Makes "/", "/objects", "/machine", "/machine/peripheral", the platform and the
 * clock, events and run state; nothing of the board yet, so that -object and
 * -chardev can be made first. Takes @config. Never fails. */
TnMachine *tn_machine_new(TnMachineConfig *config);

/* Builds the board: KVM, RAM, devices, ACPI, kernel, vCPUs (paused). */
gboolean tn_machine_realize(TnMachine *self, GError **error);

/* Called on the main thread when the guest's life is over (powered off, quit). */
typedef void (*TnMachineQuitFunc)(void *opaque, int status);
void tn_machine_set_quit(TnMachine *self, TnMachineQuitFunc quit, void *opaque);

const TnMachineConfig *tn_machine_get_config(TnMachine *self);
const TnPlatform *tn_machine_get_platform(TnMachine *self);
TnObject *tn_machine_get_root(TnMachine *self);
/* "/chardevs": the container of all character devices. */
TnObject *tn_machine_get_chardevs(TnMachine *self);

/* -object, object-add: a @type below /objects/@id, its properties set from
 * @props (members "qom-type" and "id" are skipped; may be NULL), completed. */
gboolean tn_machine_object_add(TnMachine *self, const char *type, const char *id,
                               json_object *props, TnPropertyInput input, GError **error);
/* object-del. GENERIC "object '<id>' is in use, can not be deleted", "object '<id>' not found". */
gboolean tn_machine_object_del(TnMachine *self, const char *id, GError **error);

/* -device, device_add: @props has "driver", maybe "id" and "bus". Before realize
 * (command line) the device is kept and realized with the board. */
gboolean tn_machine_device_add(TnMachine *self, json_object *props, TnPropertyInput input,
                               GError **error);
/* device_del by id or path: asks the guest. NOT_FOUND "Device '<id>' not found". */
gboolean tn_machine_device_del(TnMachine *self, const char *id, GError **error);

/* One possible CPU as query-cpus-fast and query-hotpluggable-cpus show it. */
typedef struct TnCpuInfo {
    unsigned index;
    gboolean present;
    int thread_id; /* 0 when it is not there */
    unsigned socket_id, die_id, core_id, thread_in_core, node_id;
    gboolean has_die, has_node;
    const char *qom_path; /* NULL when it is not there */
} TnCpuInfo;
/* How many there may be; some of them are there. */
unsigned tn_machine_get_cpu_count(TnMachine *self);
void tn_machine_get_cpu_info(TnMachine *self, unsigned index, TnCpuInfo *ret_info);
/* "info registers" of one CPU that is there. (transfer full) */
char *tn_machine_print_registers(TnMachine *self, unsigned index);
/* Whether the host's KVM tells what it counts. If so: what it counted of the guest (@cpu -1) or
 * of a CPU that is there, an array of TnStat (vmm/core/stats.h). (transfer full) NULL with
 * @error: "KVM stats: ...". */
gboolean tn_machine_has_stats(TnMachine *self);
GPtrArray *tn_machine_read_stats(TnMachine *self, int cpu, GError **error);
/* "info lapic" of one CPU that is there; and the index of the CPU with that APIC id, -1 for none
 * that is there. (transfer full) */
char *tn_machine_print_lapic(TnMachine *self, unsigned index);
int tn_machine_find_apic_id(TnMachine *self, guint64 apic_id);
/* "info pic". (transfer full) NULL where the interrupt controllers are KVM's. */
char *tn_machine_print_irqchip(TnMachine *self);

/* One plugged memory device, for query-memory-devices. */
typedef struct TnMemoryDeviceInfo {
    const char *id; /* may be NULL */
    guint64 addr, size;
    unsigned slot, node;
    const char *memdev_path;
    gboolean hotplugged, hotpluggable;
} TnMemoryDeviceInfo;
typedef void (*TnMemoryDeviceFunc)(const TnMemoryDeviceInfo *info, gpointer user_data);
void tn_machine_foreach_memory_device(TnMachine *self, TnMemoryDeviceFunc func,
                                      gpointer user_data);

/* The PCI buses as query-pci tells of them. (transfer full) */
json_object *tn_machine_query_pci(TnMachine *self);

/* One slot's _OST as the guest left it, for query-acpi-ospm-status. */
typedef struct TnOspmInfo {
    const char *device; /* may be NULL */
    char slot[8];
    const char *slot_type; /* "DIMM", "CPU" */
    guint32 source, status;
} TnOspmInfo;
typedef void (*TnOspmFunc)(const TnOspmInfo *info, gpointer user_data);
void tn_machine_foreach_ospm_status(TnMachine *self, TnOspmFunc func, gpointer user_data);

/* One slot of ACPI hot plug, for x-query-acpi-slots. */
typedef struct TnAcpiSlotInfo {
    const char *kind;   /* "DIMM", "PCI", "CPU" */
    const char *bus;    /* PCI: the bus's name; else NULL */
    unsigned slot;
    const char *device; /* id of what is in it; of several functions function 0's; may be NULL */
    const char *path;   /* likewise, in the object tree; NULL: empty */
    unsigned functions; /* PCI: how many are in it */
    gboolean enabled;   /* the guest finds something in it */
    gboolean inserting; /* the guest has not looked yet at what came */
    gboolean removing;  /* the registers ask the guest to let go */
    gboolean removable; /* the guest may let go */
    gboolean pending;   /* device_del waits for the guest's answer */
    gboolean has_ost;   /* the guest said something since; else the two below are 0 */
    guint32 ost_source, ost_status;
} TnAcpiSlotInfo;
typedef void (*TnAcpiSlotFunc)(const TnAcpiSlotInfo *info, gpointer user_data);
/* By kind and number. */
void tn_machine_foreach_acpi_slot(TnMachine *self, TnAcpiSlotFunc func, gpointer user_data);

/* x-query-dma-maps: what host devices reach, as the schema's array of DmaContainerInfo.
 * (transfer full) */
json_object *tn_machine_query_dma_maps(TnMachine *self);

/* Before the last unref: ends the vCPUs and takes the board apart. */
void tn_machine_shut_down(TnMachine *self);

G_END_DECLS
