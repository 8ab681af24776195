/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The devices of a domain definition: one struct per kind, all starting with TnDevice. */
#ifndef TN_XML_DEVICE_H
#define TN_XML_DEVICE_H

#include "xml/bitmap.h"
#include "xml/enums.h"

/** TnPciAddress: `<address type='pci' ...>`. */
typedef struct {
    guint domain;   /**< 0 .. 0xffff */
    guint bus;      /**< 0 .. 0xff */
    guint slot;     /**< 0 .. 0x1f */
    guint function; /**< 0 .. 7 */
    TnTristate multifunction;
} TnPciAddress;

/** TnIsaAddress: `<address type='isa' ...>`; a zero member is not given. */
typedef struct {
    guint iobase;
    guint irq;
} TnIsaAddress;

/** TnDimmAddress: `<address type='dimm' ...>`. */
typedef struct {
    int slot;     /**< memory slot; -1: not chosen yet */
    guint64 base; /**< guest physical address in bytes; 0: not chosen yet */
} TnDimmAddress;

/** TnDeviceInfo: what every kind has: its alias and its place in the guest. */
typedef struct {
    char *alias; /**< owned; NULL: none. The monitor's device id. */
    TnAddressType address_type;
    union {
        TnPciAddress pci;
        TnIsaAddress isa;
        TnDimmAddress dimm;
    } address;
} TnDeviceInfo;

/** TnDevice: the common head of every device struct; @kind tells which struct it is. */
typedef struct {
    TnDeviceKind kind;
    TnDeviceInfo info;
} TnDevice;

/** TnChardevSource: the host end of a serial port or console. */
typedef struct {
    TnChardevType type;
    char *path;        /**< pty (live only), file, unix: owned; NULL: none */
    TnTristate append; /**< file: keep what is in it (`append='on'`) */
    gboolean listen;   /**< unix: mode='bind' (TRUE) or 'connect' */
} TnChardevSource;

/** TnSerialDevice: `<serial>`: an ISA 16550A. */
typedef struct {
    TnDevice base;
    TnChardevSource source;
    int port; /**< 0-based; -1 only before postparse */
} TnSerialDevice;

/** TnConsoleDevice: `<console>`: the first one is the twin of the first `<serial>`. */
typedef struct {
    TnDevice base;
    TnChardevSource source;
    int port;      /**< 0-based; -1 only before postparse */
    gboolean twin; /**< TRUE: shadows serial 0 and is no hardware of its own */
} TnConsoleDevice;

/** TnMemoryDevice: `<memory model='dimm'>`. */
typedef struct {
    TnDevice base;
    TnMemoryAccess access;
    TnTristate discard;
    TnBitmap *source_nodes;   /**< `<nodemask>`: host nodes; NULL: not given */
    guint64 pagesize_kib;     /**< `<pagesize>` in KiB; 0: not given */
    guint64 size_kib;         /**< `<size>` in KiB; never 0 */
    int target_node;          /**< guest node; -1: not given */
} TnMemoryDevice;

/** TnControllerDevice: `<controller>`: no USB, the PCI root, and bridges to further PCI buses. */
typedef struct {
    TnDevice base;
    TnControllerType type;
    int index;           /**< of pci: the number of the bus behind it; -1 only before postparse */
    char *model;         /**< owned; "none" for usb, "pci-root" or "pci-bridge" for pci */
    int chassis_nr;      /**< of a bridge: 1..255; -1 only before postparse, and of others */
    TnTristate hotplug;  /**< of the PCI root: whether devices come and go there */
} TnControllerDevice;

/** TN_PCI_BUS_MAX: the greatest number of a PCI bus. */
#define TN_PCI_BUS_MAX 255

/** tn_controller_is_bridge: does @self lead to a PCI bus of its own? */
gboolean tn_controller_is_bridge(const TnControllerDevice *self);

/** TnMemballoonDevice: `<memballoon model='none'/>`. */
typedef struct {
    TnDevice base;
} TnMemballoonDevice;

/** TnAudioDevice: `<audio type='none'/>`: a host side with nothing behind it. */
typedef struct {
    TnDevice base;
    int id; /**< 1 or more */
} TnAudioDevice;

/** TnHostdevDevice: `<hostdev mode='subsystem' type='pci'>`: a PCI device of the host. */
typedef struct {
    TnDevice base;
    gboolean managed;         /**< the driver takes it from its host driver and gives it back */
    TnHostdevDriver driver;
    TnPciAddress source;      /**< on the host; multifunction is not used */
    guint boot_order;         /**< 1 or more; 0: not given */
    TnTristate rom_enabled;
    TnTristate rom_bar;
    char *rom_file;           /**< owned; NULL: not given */
} TnHostdevDevice;

/** TN_PCI_ADDRESS_STRING_LEN: "ffff:ff:1f.7" and the NUL. */
#define TN_PCI_ADDRESS_STRING_LEN 13

/** tn_pci_address_format: write @address as "0000:00:06.0" to @ret_text (13 bytes). */
void tn_pci_address_format(const TnPciAddress *address, char *ret_text);

/** tn_pci_address_equal: the same place? Whether it is multifunction does not count. */
gboolean tn_pci_address_equal(const TnPciAddress *a, const TnPciAddress *b);

/** tn_device_free: release @device of any kind; NULL does nothing. */
void tn_device_free(TnDevice *device);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TnDevice, tn_device_free)

/** tn_device_copy: a deep copy of @device; NULL for NULL. */
TnDevice *tn_device_copy(const TnDevice *device);

/** tn_device_info_set_alias: replace the alias (copied; NULL removes it). */
void tn_device_info_set_alias(TnDeviceInfo *info, const char *alias);

/** tn_device_kind_name: the element name of @kind, e.g. "memory". */
const char *tn_device_kind_name(TnDeviceKind kind);

#endif
