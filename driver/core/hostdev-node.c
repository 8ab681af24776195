/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Devices that a user takes from the host and gives back by hand: virsh nodedev-detach. */
#include "driver/core/hostdev-table-private.h"

#include "driver/error.h"

/* An entry of which nothing needs to be known is no reason to keep a record. */
static void
leave_as_found(TnHostdevTable *table, TnHostdevEntry *entry)
{
    tn_hostdev_leave(table, entry, !entry->recorded);
}

static gboolean
detach_fresh(TnHostdevTable *table, TnHostdevEntry *entry, GError **error)
{
    g_autoptr(GError) why = NULL;

    if (!tn_pci_host_driver_is_harmless(entry->driver) &&
        !tn_pci_host_check_unused(table->host, entry->address, error)) {
        return FALSE;
    }
    entry->detached = TRUE;
    if (!tn_hostdev_save(table, entry, error)) {
        entry->detached = FALSE;
        return FALSE;
    }
    if (tn_pci_host_bind(table->host, entry->address, TN_PCI_HOST_STUB, TN_PCI_HOST_STUB, error)) {
        return TRUE;
    }
    entry->detached = FALSE;
    entry->managed = TRUE; /* if it stays with the stub, the next start tries again */
    if (tn_hostdev_restore(table, entry, &why)) {
        entry->recorded = FALSE;
    } else {
        g_warning("PCI device %s cannot be given back to the host: %s", entry->address,
                  why->message);
        (void)tn_hostdev_save(table, entry, NULL);
    }
    return FALSE;
}

gboolean
tn_hostdev_table_detach(TnHostdevTable *table, const char *address, GError **error)
{
    TnHostdevEntry *entry;
    gboolean ok;

    if (!tn_pci_host_check_device(table->host, address, error)) {
        return FALSE;
    }
    if (!tn_pci_host_has_iommu(table->host)) {
        g_set_error_literal(error, TN_VIR_ERROR, VIR_ERR_CONFIG_UNSUPPORTED,
                            "VFIO device assignment is currently not supported on this system");
        return FALSE;
    }
    if (!tn_pci_host_check_assignable(table->host, address, error)) {
        return FALSE;
    }
    entry = tn_hostdev_enter(table, address, -1, TRUE, error);
    if (!entry) {
        return FALSE;
    }
    if (entry->detached) {
        ok = tn_hostdev_check_free(entry, error) &&
             tn_pci_host_bind(table->host, address, TN_PCI_HOST_STUB, TN_PCI_HOST_STUB, error);
    } else {
        ok = tn_hostdev_check_free(entry, error) && detach_fresh(table, entry, error);
    }
    leave_as_found(table, entry);
    return ok;
}

/* The record tells where it was; but what is asked for is that the host has it. */
static gboolean
give_to_host(TnHostdevTable *table, const TnHostdevEntry *entry, GError **error)
{
    return entry->driver && tn_pci_host_driver_is_harmless(entry->driver)
               ? tn_pci_host_release(table->host, entry->address, error)
               : tn_hostdev_restore(table, entry, error);
}

gboolean
tn_hostdev_table_reattach(TnHostdevTable *table, const char *address, GError **error)
{
    g_autoptr(GError) why = NULL;
    TnHostdevEntry *entry;
    gboolean ok;

    if (!tn_pci_host_check_device(table->host, address, error)) {
        return FALSE;
    }
    entry = tn_hostdev_enter(table, address, -1, FALSE, &why);
    if (!entry && why) {
        g_propagate_error(error, g_steal_pointer(&why));
        return FALSE;
    }
    if (!entry) {
        /* Somebody else detached it, or nobody did. */
        return tn_pci_host_release(table->host, address, error);
    }
    ok = tn_hostdev_check_free(entry, error) && give_to_host(table, entry, error);
    tn_hostdev_leave(table, entry, ok);
    return ok;
}

gboolean
tn_hostdev_table_reset(TnHostdevTable *table, const char *address, GError **error)
{
    g_autofree char *driver = NULL;
    TnHostdevEntry *entry;
    gboolean ok;

    /* The reset of a bridge would be one of all that is behind it. */
    if (!tn_pci_host_check_device(table->host, address, error) ||
        !tn_pci_host_check_assignable(table->host, address, error)) {
        return FALSE;
    }
    entry = tn_hostdev_enter(table, address, -1, TRUE, NULL);
    if (!entry || entry->owner) {
        if (entry) {
            tn_hostdev_leave(table, entry, FALSE);
        }
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_INTERNAL_ERROR,
                    "Unable to reset PCI device %s: Not resetting active device", address);
        return FALSE;
    }
    driver = tn_pci_host_get_driver(table->host, address);
    ok = (tn_pci_host_driver_is_harmless(driver) ||
          tn_pci_host_check_unused(table->host, address, error)) &&
         tn_pci_host_reset(table->host, address, error);
    leave_as_found(table, entry);
    return ok;
}
