/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a device kind gives to the table of kinds, and the parts that kinds share. */
#ifndef TN_XML_DEVICE_PRIVATE_H
#define TN_XML_DEVICE_PRIVATE_H

#include "xml/domain.h"
#include "xml/reader.h"
#include "xml/writer.h"

/**
 * TnDeviceOps: the row of one kind. NULL callbacks have nothing to do. The head of the struct
 * (TnDevice) is parsed, formatted, copied and cleared by the table's own code.
 */
typedef struct {
    gsize size; /**< of the kind's struct */

    /** parse: fill the zeroed @device from @node, which is marked already. */
    gboolean (*parse)(TnDevice *device, xmlNodePtr node, TnXmlParseFlags flags, GError **error);

    /** format: write attributes and children; alias and address follow by themselves. */
    void (*format)(const TnDevice *device, TnXmlWriter *writer, TnXmlFormatFlags flags);

    /** format_after_alias: write the children that libvirt puts between alias and address. */
    void (*format_after_alias)(const TnDevice *device, TnXmlWriter *writer);

    /** validate: judge the device alone and against @def. */
    gboolean (*validate)(const TnDevice *device, const TnDomainDef *def, GError **error);

    /** own: replace each owned pointer of the shallow copy @device by a copy of its own. */
    void (*own)(TnDevice *device);

    /** clear: release what the kind's own fields own. */
    void (*clear)(TnDevice *device);

    /** check_abi: would the guest notice @dst in place of @src? */
    gboolean (*check_abi)(const TnDevice *src, const TnDevice *dst, GError **error);

    /** matches: does @like (as far as it says) describe @device? NULL: kind cannot be detached. */
    gboolean (*matches)(const TnDevice *device, const TnDevice *like);

    /** describe: @like for "device not found: ..."; caller frees; NULL: "matching KIND device". */
    char *(*describe)(const TnDevice *like);

    /** check_insert: may @device, valid by itself, join @def as it is? */
    gboolean (*check_insert)(const TnDomainDef *def, const TnDevice *device, GError **error);

    /** boot_order: of the device; 0: none. NULL: kind cannot be booted from. */
    guint (*boot_order)(const TnDevice *device);

    /** alias: the name that the QEMU driver would give; caller frees; NULL: has none. */
    char *(*alias)(const TnDomainDef *def, const TnDevice *device);

    /** is_implicit: TRUE when libvirt adds such a device by itself (left out of migration XML). */
    gboolean (*is_implicit)(const TnDevice *device);

    /** on_pci: does the device sit on a PCI bus, and is given an address there? NULL: no. */
    gboolean (*on_pci)(const TnDevice *device);
} TnDeviceOps;

extern const TnDeviceOps tn_controller_ops;
extern const TnDeviceOps tn_serial_ops;
extern const TnDeviceOps tn_console_ops;
extern const TnDeviceOps tn_audio_ops;
extern const TnDeviceOps tn_hostdev_ops;
extern const TnDeviceOps tn_memballoon_ops;
extern const TnDeviceOps tn_memory_ops;

/** tn_device_ops: the row of @kind. */
const TnDeviceOps *tn_device_ops(TnDeviceKind kind);

/** tn_device_new: a zeroed device of @kind with an empty head. */
TnDevice *tn_device_new(TnDeviceKind kind);

/** tn_device_parse_node: read one device element of a known kind. */
TnDevice *tn_device_parse_node(TnDeviceKind kind, xmlNodePtr node, TnXmlParseFlags flags,
                               GError **error);

/** tn_device_format_node: write one device into @writer. */
void tn_device_format_node(const TnDevice *device, TnXmlWriter *writer, TnXmlFormatFlags flags);

/** tn_device_validate: judge one device within @def. */
gboolean tn_device_validate(const TnDevice *device, const TnDomainDef *def, GError **error);

/** tn_memory_device_check_clash: FALSE when two DIMMs want the same slot or base. validate.c */
gboolean tn_memory_device_check_clash(const TnMemoryDevice *a, const TnMemoryDevice *b,
                                      GError **error);

/* --- address.c ----------------------------------------------------------------------------- */

/** tn_device_info_parse: alias and address of the device element @node. */
gboolean tn_device_info_parse(TnDeviceInfo *info, xmlNodePtr node, TnXmlParseFlags flags,
                              GError **error);

/** tn_device_info_format_alias, _address: write the one and the other. */
void tn_device_info_format_alias(const TnDeviceInfo *info, TnXmlWriter *writer,
                                 TnXmlFormatFlags flags);
void tn_device_info_format_address(const TnDeviceInfo *info, TnXmlWriter *writer);

/** tn_pci_address_parse: the attributes domain, bus, slot, function and multifunction of @node. */
gboolean tn_pci_address_parse(TnPciAddress *pci, xmlNodePtr node, GError **error);

/** tn_pci_address_put: the same as attributes of the element just started. */
void tn_pci_address_put(const TnPciAddress *pci, TnXmlWriter *writer);

/** tn_device_info_matches: does @like (as far as it says) describe @info? */
gboolean tn_device_info_matches(const TnDeviceInfo *info, const TnDeviceInfo *like);

/** tn_device_info_check_abi: are the addresses the same for the guest? */
gboolean tn_device_info_check_abi(const TnDeviceInfo *src, const TnDeviceInfo *dst,
                                  GError **error);

/** tn_device_info_is_user_alias: TRUE for an alias that a user chose ("ua-..."). */
gboolean tn_device_info_is_user_alias(const char *alias);

/** tn_device_is_on_pci: does @device sit on a PCI bus? */
gboolean tn_device_is_on_pci(const TnDevice *device);

/* --- pci-address.c ------------------------------------------------------------------------- */

/** tn_pci_buses_complete: add to @def the bridges that its devices need and, unless NULL, @extra
 *  that is to join: up to the greatest bus that one names, and so many that each that names no
 *  place finds one, with one left for later. INTERNAL when there can be no more buses. */
gboolean tn_pci_buses_complete(TnDomainDef *def, const TnDevice *extra, GError **error);

/** tn_device_assign_pci: give @device the lowest free slot of the lowest bus if it names no
 *  address. Returns: FALSE with INTERNAL ("No more available PCI slots"). */
gboolean tn_device_assign_pci(const TnDomainDef *def, TnDevice *device, GError **error);

/** tn_device_check_pci: is the PCI address of @device one that the machine has and that no other
 *  device of @def holds? Devices without one pass. XML. */
gboolean tn_device_check_pci(const TnDomainDef *def, const TnDevice *device, GError **error);

/* --- device-controller.c -------------------------------------------------------------------- */

/** tn_pci_bridge_new: the bridge to bus @index, 1 or more. */
TnDevice *tn_pci_bridge_new(int index);

/* --- device-hostdev.c ---------------------------------------------------------------------- */

/** tn_hostdevs_validate: no host device twice. XML. */
gboolean tn_hostdevs_validate(const TnDomainDef *def, GError **error);

/* --- boot-order.c -------------------------------------------------------------------------- */

/** tn_domain_def_has_boot_order: does any device bear a boot order? */
gboolean tn_domain_def_has_boot_order(const TnDomainDef *def);

/** tn_boot_order_validate: each order once, and none beside `<os><boot>`. CONFIG_UNSUPPORTED. */
gboolean tn_boot_order_validate(const TnDomainDef *def, GError **error);

/** tn_boot_order_check_insert: the same for @device that is to join @def. */
gboolean tn_boot_order_check_insert(const TnDomainDef *def, const TnDevice *device,
                                    GError **error);

/* --- chardev.c ----------------------------------------------------------------------------- */

/** tn_chardev_parse: type attribute and source of a serial or console element. */
gboolean tn_chardev_parse(TnChardevSource *source, xmlNodePtr node, TnXmlParseFlags flags,
                          GError **error);

/** tn_chardev_put_type: write the type attribute. */
void tn_chardev_put_type(const TnChardevSource *source, TnXmlWriter *writer);

/** tn_chardev_format: write the `<source>` element, if there is one. */
void tn_chardev_format(const TnChardevSource *source, TnXmlWriter *writer, TnXmlFormatFlags flags);

/** tn_chardev_shows_path: TRUE when @flags let the path of @source be shown. */
gboolean tn_chardev_shows_path(const TnChardevSource *source, TnXmlFormatFlags flags);

/** tn_chardev_validate: has @source what its type needs? */
gboolean tn_chardev_validate(const TnChardevSource *source, GError **error);

/** tn_chardev_assign: make @dst an equal copy of @src. */
void tn_chardev_assign(TnChardevSource *dst, const TnChardevSource *src);

/** tn_chardev_equal: the same end on the host? A pty's path does not count. */
gboolean tn_chardev_equal(const TnChardevSource *a, const TnChardevSource *b);

/** tn_chardev_parse_port: the port attribute of a target; -1 when absent. */
gboolean tn_chardev_parse_port(xmlNodePtr target, int *ret_port, GError **error);

#endif
