/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Host devices on their way back: let go of, left by a guest that ended, found after a restart. */
#include "driver/core/hostdev.h"

#include <string.h>

#include "driver/core/driver-private.h"
#include "driver/core/hostdev-table.h"
#include "driver/core/launch.h"
#include "driver/core/monitor.h"

/* The guest has let go of the last device of a group: the monitor closes it. */
static void
delete_group(TnDomain *domain, int group)
{
    g_autofree char *id = tn_hostdev_args_group_id(group);
    json_object *args = json_object_new_object();
    g_autoptr(GError) error = NULL;

    json_object_object_add(args, "id", json_object_new_string(id));
    /* One that is not there, or a monitor that has ended, holds nothing either. */
    if (!tn_monitor_call(domain, "object-del", args, &error)) {
        g_debug("domain %s, %s: %s", domain->uuid_text, id, error->message);
    }
}

static void
leave_chore(TnDomain *domain, guint run, int value)
{
    TnHostdevTable *table = domain->driver->hostdevs;
    TnHostdevLeaving leaving;

    while (tn_hostdev_table_next_leaving(table, domain->uuid_text, &leaving)) {
        if (leaving.last_of_group) {
            delete_group(domain, leaving.group);
        }
        tn_hostdev_table_give_back(table, leaving.address, domain->uuid_text, TRUE);
        g_mutex_lock(&domain->lock);
        if (domain->run == run && domain->live) {
            /* Told when the host has it: whoever waits for it may use it then. */
            tn_monitor_unplug_done_locked(domain, leaving.alias, leaving.announce);
        }
        g_mutex_unlock(&domain->lock);
        tn_hostdev_leaving_clear(&leaving);
    }
    tn_launch_save_run_later(domain);
}

gboolean
tn_hostdev_gone_locked(TnDomain *domain, const char *alias, gboolean announce)
{
    if (!tn_hostdev_table_mark_leaving(domain->driver->hostdevs, domain->uuid_text, alias,
                                       announce)) {
        return FALSE;
    }
    tn_driver_push_chore(domain->driver, leave_chore, domain, domain->run, 0);
    return TRUE;
}

void
tn_hostdev_release_all(TnDomain *domain)
{
    tn_hostdev_table_give_back_all(domain->driver->hostdevs, domain->uuid_text);
}

/* ---- after a restart ---- */

/* Names of what the monitor has plugged, as a set. NULL with an error. */
static GHashTable *
ask_peripherals(TnQmpClient *qmp, GError **error)
{
    json_object *args = json_object_new_object();
    json_object *list;
    GHashTable *names;

    json_object_object_add(args, "path", json_object_new_string("/machine/peripheral"));
    list = tn_qmp_client_call(qmp, "qom-list", args, NULL, 0, TN_MONITOR_TIMEOUT_MS, error);
    if (!list) {
        return NULL;
    }
    names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (size_t i = 0; json_object_is_type(list, json_type_array) &&
                       i < json_object_array_length(list); i++) {
        json_object *name = json_object_object_get(json_object_array_get_idx(list, i), "name");

        if (json_object_is_type(name, json_type_string)) {
            g_hash_table_add(names, g_strdup(json_object_get_string(name)));
        }
    }
    json_object_put(list);
    return names;
}

typedef struct Reconciling {
    TnDomain *domain;
    GHashTable *names; /* what the monitor has */
} Reconciling;

/* The monitor has it, the definition does not: an attach that was cut short. Under the lock. */
static void
take_up_locked(TnDomain *domain, const char *address, const char *alias, const char *xml)
{
    const TnXmlParseOptions options = { .flags = TN_XML_PARSE_SKIP_VALIDATE,
                                        .host = tn_driver_get_xml_host(domain->driver) };
    g_autoptr(GError) error = NULL;
    TnDevice *device = tn_domain_device_parse(xml, domain->live, &options, &error);

    if (!device) {
        g_warning("domain '%s' has PCI device %s, which its definition cannot tell: %s",
                  domain->name, address, error->message);
        return;
    }
    g_message("domain '%s': PCI device %s was attached while the daemon ended", domain->name,
              address);
    tn_domain_def_insert(domain->live, device);
    tn_event_hub_emit_device_locked(domain->driver->events, domain,
                                    VIR_DOMAIN_EVENT_ID_DEVICE_ADDED, alias);
}

static void
reconcile_one(const char *address, const char *alias, const char *xml, gpointer user_data)
{
    Reconciling *r = user_data;
    TnDomain *domain = r->domain;

    g_mutex_lock(&domain->lock);
    if (domain->live && !g_hash_table_contains(r->names, alias)) {
        g_message("domain '%s': PCI device %s is not in the guest: given back", domain->name,
                  address);
        tn_monitor_device_gone_locked(domain, alias);
    } else if (domain->live && !tn_domain_def_find_alias(domain->live, alias)) {
        take_up_locked(domain, address, alias, xml);
    }
    g_mutex_unlock(&domain->lock);
}

/* Those of the definition that are not in the guest and were given back already. */
static void
drop_gone(Reconciling *r)
{
    TnDomain *domain = r->domain;

    g_mutex_lock(&domain->lock);
    for (guint i = domain->live ? tn_domain_def_n_devices(domain->live, TN_DEVICE_HOSTDEV) : 0;
         i > 0; i--) {
        g_autofree char *alias = g_strdup(
            tn_domain_def_hostdev(domain->live, i - 1)->base.info.alias);

        if (alias && !g_hash_table_contains(r->names, alias)) {
            tn_monitor_device_gone_locked(domain, alias);
        }
    }
    g_mutex_unlock(&domain->lock);
}

static void
count_one(const char *address, const char *alias, const char *xml, gpointer user_data)
{
    ++*(guint *)user_data;
}

gboolean
tn_hostdev_reconcile(TnDomain *domain, TnQmpClient *qmp, GError **error)
{
    TnHostdevTable *table = domain->driver->hostdevs;
    g_autoptr(GHashTable) names = NULL;
    guint n = 0;

    tn_hostdev_table_foreach_owned(table, domain->uuid_text, count_one, &n);
    g_mutex_lock(&domain->lock);
    n += domain->live ? tn_domain_def_n_devices(domain->live, TN_DEVICE_HOSTDEV) : 0;
    g_mutex_unlock(&domain->lock);
    if (n == 0) {
        return TRUE;
    }
    names = ask_peripherals(qmp, error);
    if (!names) {
        return FALSE;
    }
    tn_hostdev_table_foreach_owned(table, domain->uuid_text, reconcile_one,
                                   &(Reconciling){ domain, names });
    drop_gone(&(Reconciling){ domain, names });
    return TRUE;
}

static gboolean
runs(TnDriver *driver, const char *uuid_text)
{
    guint8 uuid[TN_UUID_LEN];
    g_autoptr(TnDomain) domain = NULL;
    gboolean live = FALSE;

    if (tn_uuid_parse(uuid_text, uuid)) {
        domain = tn_domain_list_find_uuid(driver->domains, uuid, NULL, NULL);
    }
    if (domain) {
        g_mutex_lock(&domain->lock);
        live = domain->live != NULL;
        g_mutex_unlock(&domain->lock);
    }
    return live;
}

static void
give_back_work(TnDriver *driver, char *uuid)
{
    if (uuid) {
        tn_hostdev_table_give_back_all(driver->hostdevs, uuid);
    } else {
        tn_hostdev_table_recover(driver->hostdevs);
    }
    g_free(uuid);
}

void
tn_hostdev_recover(TnDriver *driver)
{
    g_auto(GStrv) owners = tn_hostdev_table_owners(driver->hostdevs);

    for (char **owner = owners; *owner; owner++) {
        if (!runs(driver, *owner)) {
            g_message("PCI devices of domain %s, which ended, are given back", *owner);
            /* Marked at once: who wants them waits. */
            tn_hostdev_table_mark_all_leaving(driver->hostdevs, *owner);
            tn_driver_push_work(driver, give_back_work, g_strdup(*owner));
        }
    }
    tn_driver_push_work(driver, give_back_work, NULL);
}
