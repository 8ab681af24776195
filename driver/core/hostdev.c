/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Host devices on their way into guests: at boot and while they run. */
#include "driver/core/hostdev.h"

#include <string.h>
#include <unistd.h>

#include "driver/core/driver-private.h"
#include "driver/core/hostdev-table.h"
#include "driver/core/memlock.h"
#include "driver/core/monitor.h"

static gboolean
take(TnDomain *domain, const char *name, TnHostdevDevice *device, GError **error)
{
    TnHostdevTable *table = domain->driver->hostdevs;
    char address[TN_PCI_ADDRESS_STRING_LEN];
    g_autofree char *xml = NULL;

    device->driver = TN_HOSTDEV_DRIVER_VFIO;
    xml = tn_domain_device_format(&device->base, TN_XML_FORMAT_SECURE);
    tn_pci_address_format(&device->source, address);
    return tn_hostdev_table_take(table,
                                 &(TnHostdevClaim){
                                     .address = address,
                                     .owner = domain->uuid_text,
                                     .owner_name = name,
                                     .alias = device->base.info.alias,
                                     .xml = xml,
                                     .managed = device->managed,
                                 },
                                 error);
}

static void
give_back(TnDomain *domain, const TnPciAddress *source, gboolean busy)
{
    char address[TN_PCI_ADDRESS_STRING_LEN];

    tn_pci_address_format(source, address);
    tn_hostdev_table_give_back(domain->driver->hostdevs, address, domain->uuid_text, busy);
}

static int
group_of(TnDomain *domain, const TnHostdevDevice *device, GError **error)
{
    char address[TN_PCI_ADDRESS_STRING_LEN];

    tn_pci_address_format(&device->source, address);
    return tn_pci_host_check_group(domain->driver->pci_host, address, error)
               ? tn_pci_host_get_group(domain->driver->pci_host, address, error)
               : -1;
}

static gboolean
open_group(TnDomain *domain, int group, TnHostdevGroup *ret_group, GError **error)
{
    TnPciHost *host = domain->driver->pci_host;
    int container = tn_pci_host_open_container(host, error);
    int fd = container < 0 ? -1 : tn_pci_host_open_group(host, group, error);

    if (fd < 0) {
        if (container >= 0) {
            close(container);
        }
        return FALSE;
    }
    *ret_group = (TnHostdevGroup){ .group = group, .group_fd = fd, .container_fd = container };
    return TRUE;
}

static void
close_group(const TnHostdevGroup *group)
{
    close(group->group_fd);
    close(group->container_fd);
}

/* ---- at boot ---- */

void
tn_hostdev_groups_free(GArray *groups)
{
    for (guint i = 0; groups && i < groups->len; i++) {
        close_group(&g_array_index(groups, TnHostdevGroup, i));
    }
    if (groups) {
        g_array_unref(groups);
    }
}

static gboolean
has_group(const GArray *groups, int group)
{
    for (guint i = 0; i < groups->len; i++) {
        if (g_array_index(groups, TnHostdevGroup, i).group == group) {
            return TRUE;
        }
    }
    return FALSE;
}

/* Only when all are taken is it known what is left in their groups. */
static gboolean
open_groups(TnDomain *domain, const TnDomainDef *def, GArray *groups, GError **error)
{
    for (guint i = 0; i < tn_domain_def_n_devices(def, TN_DEVICE_HOSTDEV); i++) {
        int group = group_of(domain, tn_domain_def_hostdev(def, i), error);
        TnHostdevGroup opened;

        if (group < 0) {
            return FALSE;
        }
        if (has_group(groups, group)) {
            continue;
        }
        if (!open_group(domain, group, &opened, error)) {
            return FALSE;
        }
        g_array_append_val(groups, opened);
    }
    return TRUE;
}

static void
abandon(TnDomain *domain, const TnDomainDef *def, guint n)
{
    while (n > 0) {
        give_back(domain, &tn_domain_def_hostdev(def, --n)->source, TRUE);
    }
}

GArray *
tn_hostdev_prepare(TnDomain *domain, TnDomainDef *def, GError **error)
{
    GArray *groups = g_array_new(FALSE, FALSE, sizeof(TnHostdevGroup));
    guint n = tn_domain_def_n_devices(def, TN_DEVICE_HOSTDEV);
    guint taken = 0;

    while (taken < n && take(domain, def->name, tn_domain_def_hostdev(def, taken), error)) {
        taken++;
    }
    if (taken < n || !open_groups(domain, def, groups, error)) {
        tn_hostdev_groups_free(groups);
        abandon(domain, def, taken);
        return NULL;
    }
    return groups;
}

void
tn_hostdev_abandon(TnDomain *domain, const TnDomainDef *def)
{
    abandon(domain, def, tn_domain_def_n_devices(def, TN_DEVICE_HOSTDEV));
}

void
tn_hostdev_settle(TnDomain *domain, const TnDomainDef *def)
{
    for (guint i = 0; i < tn_domain_def_n_devices(def, TN_DEVICE_HOSTDEV); i++) {
        char address[TN_PCI_ADDRESS_STRING_LEN];

        tn_pci_address_format(&tn_domain_def_hostdev(def, i)->source, address);
        (void)tn_hostdev_table_settle(domain->driver->hostdevs, address);
    }
}

/* ---- while it runs ---- */

static json_object *
one_string(const char *key, const char *value)
{
    json_object *args = json_object_new_object();

    json_object_object_add(args, key, json_object_new_string(value));
    return args;
}

/* What needs no answer. */
static void
send_off(TnQmpClient *qmp, const char *command, const char *key, const char *value)
{
    tn_qmp_client_call_async(qmp, command, one_string(key, value), NULL, 0, TN_MONITOR_TIMEOUT_MS,
                             NULL, NULL);
}

static gboolean
call(TnQmpClient *qmp, const char *command, json_object *args, int fd, GError **error)
{
    GError *why = NULL;
    json_object *reply = tn_qmp_client_call(qmp, command, args, fd >= 0 ? &fd : NULL, fd >= 0,
                                            TN_MONITOR_PINNED_TIMEOUT_MS, &why);

    if (!reply) {
        tn_monitor_explain(&why, command);
        g_propagate_error(error, why);
        return FALSE;
    }
    json_object_put(reply);
    return TRUE;
}

static void
drop_group(TnQmpClient *qmp, int group)
{
    g_autofree char *id = tn_hostdev_args_group_id(group);

    send_off(qmp, "object-del", "id", id);
}

/* getfd, getfd, object-add: the descriptors are the monitor's then. */
static gboolean
hand_group_over(TnQmpClient *qmp, const TnHostdevGroup *group, GError **error)
{
    g_autofree char *id = tn_hostdev_args_group_id(group->group);
    g_autofree char *fd = g_strconcat(id, "-fd", NULL);
    g_autofree char *container = g_strconcat(id, "-container", NULL);
    GError *why = NULL;

    if (!call(qmp, "getfd", one_string("fdname", fd), group->group_fd, error)) {
        return FALSE;
    }
    if (!call(qmp, "getfd", one_string("fdname", container), group->container_fd, error)) {
        send_off(qmp, "closefd", "fdname", fd);
        return FALSE;
    }
    if (!call(qmp, "object-add", tn_hostdev_args_group(group->group, fd, container), -1, &why)) {
        /* Without an answer nobody knows whether it was made: it is not to stay. */
        if (why->domain == TN_QMP_CLIENT_ERROR) {
            drop_group(qmp, group->group);
        }
        send_off(qmp, "closefd", "fdname", fd);
        send_off(qmp, "closefd", "fdname", container);
        g_propagate_error(error, why);
        return FALSE;
    }
    return TRUE;
}

static gboolean
add_group(TnDomain *domain, TnQmpClient *qmp, int group, GError **error)
{
    TnHostdevGroup opened;
    gboolean ok;

    if (!open_group(domain, group, &opened, error)) {
        return FALSE;
    }
    ok = hand_group_over(qmp, &opened, error);
    close_group(&opened);
    return ok;
}

static gboolean
raise_memlock(TnDomain *domain, const TnDomainDef *live, guint run, const TnDevice *device,
              GError **error)
{
    pid_t pid;

    g_mutex_lock(&domain->lock);
    pid = domain->run == run ? domain->process.pid : 0;
    g_mutex_unlock(&domain->lock);
    if (pid == 0) {
        g_set_error_literal(error, TN_VIR_ERROR, VIR_ERR_OPERATION_INVALID,
                            "domain is not running");
        return FALSE;
    }
    return tn_memlock_raise(domain->driver->config.memlock, pid, live, device, error);
}

/* What came of a device_add without an answer is not known: while the monitor may have the device
 * its driver must not get it back. When it lets go, or ends, the device goes back. */
static void
leave_in_doubt(TnDomain *domain, guint run, const TnHostdevDevice *device, TnQmpClient *qmp)
{
    send_off(qmp, "device_del", "id", device->base.info.alias);
    tn_hostdev_finish_plug(domain, run, &device->source, device->base.info.alias, TRUE);
}

gboolean
tn_hostdev_plug(TnDomain *domain, const TnDomainDef *live, guint run, TnHostdevDevice *device,
                TnQmpClient *qmp, GError **error)
{
    char address[TN_PCI_ADDRESS_STRING_LEN];
    GError *why = NULL;
    gboolean new_group;
    int group;

    tn_pci_address_format(&device->source, address);
    if (!take(domain, live->name, device, error)) {
        return FALSE;
    }
    group = group_of(domain, device, error);
    new_group = group >= 0 && !tn_hostdev_table_has_group(domain->driver->hostdevs,
                                                          domain->uuid_text, group, address);
    if (group < 0 || !raise_memlock(domain, live, run, &device->base, error) ||
        (new_group && !add_group(domain, qmp, group, error))) {
        give_back(domain, &device->source, TRUE);
        return FALSE;
    }
    if (call(qmp, "device_add", tn_hostdev_args_device(live, device), -1, &why)) {
        return TRUE;
    }
    if (why->domain == TN_QMP_CLIENT_ERROR) {
        leave_in_doubt(domain, run, device, qmp);
    } else {
        if (new_group) {
            g_autofree char *id = tn_hostdev_args_group_id(group);

            /* Waited for: the group must be closed before its driver can have the device. */
            (void)call(qmp, "object-del", one_string("id", id), -1, NULL);
        }
        give_back(domain, &device->source, TRUE);
    }
    g_propagate_error(error, why);
    return FALSE;
}

void
tn_hostdev_finish_plug(TnDomain *domain, guint run, const TnPciAddress *source, const char *alias,
                       gboolean kept)
{
    char address[TN_PCI_ADDRESS_STRING_LEN];
    gboolean runs, leaving;

    if (!kept) {
        give_back(domain, source, TRUE);
        return;
    }
    tn_pci_address_format(source, address);
    leaving = tn_hostdev_table_settle(domain->driver->hostdevs, address);
    g_mutex_lock(&domain->lock);
    runs = domain->run == run && domain->live;
    if (runs && leaving) {
        tn_monitor_device_gone_locked(domain, alias);
    }
    g_mutex_unlock(&domain->lock);
    if (!runs) {
        /* Its end passed over what was still in our hands. */
        give_back(domain, source, FALSE);
    }
}
