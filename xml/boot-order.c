/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* `<boot order=...>` of devices: which of them the firmware tries first. */
#include "xml/device-private.h"

static guint
order_of(const TnDevice *device)
{
    const TnDeviceOps *ops = tn_device_ops(device->kind);

    return ops->boot_order != NULL ? ops->boot_order(device) : 0;
}

/* How many devices of @def bear @order; 0: any. */
static guint
count_order(const TnDomainDef *def, guint order)
{
    guint n = 0;

    for (int kind = 0; kind < TN_DEVICE_LAST; kind++) {
        for (guint i = 0; i < def->devices[kind]->len; i++) {
            guint other = order_of(g_ptr_array_index(def->devices[kind], i));

            n += other != 0 && (order == 0 || other == order);
        }
    }
    return n;
}

gboolean
tn_domain_def_has_boot_order(const TnDomainDef *def)
{
    return count_order(def, 0) > 0;
}

static gboolean
check_os(const TnDomainDef *def, GError **error)
{
    if (def->os.n_boot > 0) {
        tn_xml_error_set(error, TN_XML_ERROR_CONFIG_UNSUPPORTED,
                         "per-device boot elements cannot be used together with os/boot elements");
        return FALSE;
    }
    return TRUE;
}

gboolean
tn_boot_order_validate(const TnDomainDef *def, GError **error)
{
    for (int kind = 0; kind < TN_DEVICE_LAST; kind++) {
        for (guint i = 0; i < def->devices[kind]->len; i++) {
            guint order = order_of(g_ptr_array_index(def->devices[kind], i));

            if (order != 0 && count_order(def, order) > 1) {
                tn_xml_error_set(error, TN_XML_ERROR_CONFIG_UNSUPPORTED,
                                 "boot order '%u' used for more than one device", order);
                return FALSE;
            }
        }
    }
    return !tn_domain_def_has_boot_order(def) || check_os(def, error);
}

gboolean
tn_boot_order_check_insert(const TnDomainDef *def, const TnDevice *device, GError **error)
{
    guint order = order_of(device);

    if (order == 0) {
        return TRUE;
    }
    if (count_order(def, order) > 0) {
        tn_xml_error_set(error, TN_XML_ERROR_CONFIG_UNSUPPORTED,
                         "boot order %u is already used by another device", order);
        return FALSE;
    }
    return check_os(def, error);
}
