/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Judging a completed definition: what no guest could be, and what Tenon's cannot be. */
#include "xml/device-private.h"
#include "xml/domain-private.h"

#include <string.h>

/* Bytes of a name: it becomes a file name with a suffix (NAME_MAX is 255). */
#define NAME_MAX_BYTES 240

static gboolean
validate_name(const char *name, GError **error)
{
    if (strchr(name, '/') != NULL) {
        tn_xml_error_set(error, TN_XML_ERROR_XML, "name %s cannot contain '/'", name);
        return FALSE;
    }
    if (strchr(name, '\n') != NULL) {
        tn_xml_error_set(error, TN_XML_ERROR_XML_DETAIL, "invalid char in name: %s", name);
        return FALSE;
    }
    if (strlen(name) > NAME_MAX_BYTES) {
        tn_xml_error_set(error, TN_XML_ERROR_XML, "name of %" G_GSIZE_FORMAT " bytes is longer "
                         "than %d", strlen(name), NAME_MAX_BYTES);
        return FALSE;
    }
    if (g_str_equal(name, ".") || g_str_equal(name, "..")) {
        tn_xml_error_set(error, TN_XML_ERROR_XML, "name '%s' is not allowed", name);
        return FALSE;
    }
    return TRUE;
}

static gboolean
validate_vcpus(const TnDomainDef *def, GError **error)
{
    if (def->vcpus_max > TN_XML_MAX_VCPUS) {
        tn_xml_error_set(error, TN_XML_ERROR_CONFIG_UNSUPPORTED,
                         "Maximum CPUs greater than specified machine type limit %d",
                         TN_XML_MAX_VCPUS);
        return FALSE;
    }
    if (def->vcpus > def->vcpus_max) {
        tn_xml_error_set(error, TN_XML_ERROR_CONFIG_UNSUPPORTED,
                         "maximum vCPU count must not be less than current vCPU count");
        return FALSE;
    }
    return tn_vcpus_validate(def, error);
}

static gboolean
validate_lifecycle(const TnDomainDef *def, GError **error)
{
    const char *refused = NULL;

    if (def->on_reboot == TN_LIFECYCLE_RESTART_RENAME ||
        def->on_poweroff == TN_LIFECYCLE_RESTART_RENAME ||
        def->on_crash == TN_LIFECYCLE_RESTART_RENAME) {
        refused = "the 'rename-restart' action for 'on_reboot'/'on_poweroff'/'on_crash'";
    } else if (def->on_reboot == TN_LIFECYCLE_PRESERVE ||
               def->on_poweroff == TN_LIFECYCLE_PRESERVE) {
        refused = "the 'preserve' action for 'on_reboot'/'on_poweroff'";
    }
    if (refused != NULL) {
        tn_xml_error_set(error, TN_XML_ERROR_CONFIG_UNSUPPORTED,
                         "tenon driver doesn't support %s", refused);
    }
    return refused == NULL;
}

gboolean
tn_memory_device_check_clash(const TnMemoryDevice *a, const TnMemoryDevice *b, GError **error)
{
    const TnDimmAddress *x = &a->base.info.address.dimm;
    const TnDimmAddress *y = &b->base.info.address.dimm;

    if (a == b || a->base.info.address_type != TN_ADDRESS_DIMM ||
        b->base.info.address_type != TN_ADDRESS_DIMM) {
        return TRUE;
    }
    if (x->slot == y->slot) {
        tn_xml_error_set(error, TN_XML_ERROR_CONFIG_UNSUPPORTED,
                         "memory device slot '%d' is already being used by another memory device",
                         y->slot);
        return FALSE;
    }
    if (x->base != 0 && x->base == y->base) {
        tn_xml_error_set(error, TN_XML_ERROR_CONFIG_UNSUPPORTED,
                         "memory device base '0x%" G_GINT64_MODIFIER "x' is already being used by "
                         "another memory device", y->base);
        return FALSE;
    }
    return TRUE;
}

static gboolean
validate_dimms(const TnDomainDef *def, GError **error)
{
    guint n_dimms = tn_domain_def_n_devices(def, TN_DEVICE_MEMORY);

    for (guint i = 0; i < n_dimms; i++) {
        for (guint j = 0; j < i; j++) {
            if (!tn_memory_device_check_clash(tn_domain_def_memory_device(def, j),
                                              tn_domain_def_memory_device(def, i), error)) {
                return FALSE;
            }
        }
    }
    return TRUE;
}

static gboolean
validate_pci_addresses(const TnDomainDef *def, GError **error)
{
    for (int kind = 0; kind < TN_DEVICE_LAST; kind++) {
        for (guint i = 0; i < def->devices[kind]->len; i++) {
            if (!tn_device_check_pci(def, g_ptr_array_index(def->devices[kind], i), error)) {
                return FALSE;
            }
        }
    }
    return TRUE;
}

static gboolean
validate_devices(const TnDomainDef *def, GError **error)
{
    g_autoptr(GHashTable) aliases = g_hash_table_new(g_str_hash, g_str_equal);

    for (int kind = 0; kind < TN_DEVICE_LAST; kind++) {
        for (guint i = 0; i < def->devices[kind]->len; i++) {
            const TnDevice *device = g_ptr_array_index(def->devices[kind], i);

            if (!tn_device_validate(device, def, error)) {
                return FALSE;
            }
            if (device->info.alias != NULL && kind != TN_DEVICE_CONSOLE &&
                !g_hash_table_add(aliases, device->info.alias)) {
                tn_xml_error_set(error, TN_XML_ERROR_CONFIG_UNSUPPORTED,
                                 "non unique alias detected: %s", device->info.alias);
                return FALSE;
            }
        }
    }
    return validate_dimms(def, error) && tn_hostdevs_validate(def, error) &&
           validate_pci_addresses(def, error) && tn_boot_order_validate(def, error);
}

gboolean
tn_domain_def_validate(const TnDomainDef *def, GError **error)
{
    return validate_name(def->name, error) && validate_vcpus(def, error) &&
           tn_domain_cpu_validate(def, error) && tn_domain_memory_validate(def, error) &&
           tn_numatune_validate(def, error) && tn_domain_features_validate(&def->features, error) &&
           tn_domain_clock_validate(&def->clock, error) && validate_lifecycle(def, error) &&
           validate_devices(def, error);
}
