/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Devices of the host that guests have: taken, kept in records, given back. */
#include "driver/core/hostdev-table-private.h"

#include <string.h>

#include "driver/error.h"

#define SECTION "device"

static void
entry_free(gpointer data)
{
    TnHostdevEntry *entry = data;

    g_free(entry->address);
    g_free(entry->driver);
    g_free(entry->override);
    g_free(entry->owner);
    g_free(entry->owner_name);
    g_free(entry->alias);
    g_free(entry->xml);
    g_free(entry);
}

/* ---- records ---- */

static void
set_text(GKeyFile *file, const char *key, const char *text)
{
    if (text) {
        g_key_file_set_string(file, SECTION, key, text);
    }
}

gboolean
tn_hostdev_save(TnHostdevTable *table, TnHostdevEntry *entry, GError **error)
{
    g_autoptr(GKeyFile) file = g_key_file_new();
    g_autofree char *text = NULL;

    set_text(file, "address", entry->address);
    set_text(file, "driver", entry->driver);
    set_text(file, "override", entry->override);
    set_text(file, "owner", entry->owner);
    set_text(file, "owner-name", entry->owner_name);
    set_text(file, "alias", entry->alias);
    set_text(file, "xml", entry->xml);
    g_key_file_set_boolean(file, SECTION, "detached", entry->detached);
    g_key_file_set_boolean(file, SECTION, "managed", entry->managed);
    g_key_file_set_integer(file, SECTION, "group", entry->group);
    text = g_key_file_to_data(file, NULL, NULL);
    /* Even if this fails there may be a file. */
    entry->recorded = TRUE;
    return tn_state_store_save_hostdev(table->store, entry->address, text, error);
}

static char *
get_text(GKeyFile *file, const char *key)
{
    return g_key_file_get_string(file, SECTION, key, NULL);
}

static void
load(const char *path, const char *text, gpointer user_data)
{
    TnHostdevTable *table = user_data;
    g_autoptr(GKeyFile) file = g_key_file_new();
    g_autoptr(GError) error = NULL;
    TnHostdevEntry *entry = g_new0(TnHostdevEntry, 1);

    if (g_key_file_load_from_data(file, text, strlen(text), G_KEY_FILE_NONE, &error)) {
        entry->address = g_key_file_get_string(file, SECTION, "address", &error);
    }
    if (error) {
        g_warning("%s is no record of a host device: %s; passed over", path, error->message);
        entry_free(entry);
        return;
    }
    entry->recorded = TRUE;
    entry->driver = get_text(file, "driver");
    entry->override = get_text(file, "override");
    entry->owner = get_text(file, "owner");
    entry->owner_name = get_text(file, "owner-name");
    entry->alias = get_text(file, "alias");
    entry->xml = get_text(file, "xml");
    entry->detached = g_key_file_get_boolean(file, SECTION, "detached", NULL);
    entry->managed = g_key_file_get_boolean(file, SECTION, "managed", NULL);
    entry->group = g_key_file_get_integer(file, SECTION, "group", NULL);
    g_hash_table_replace(table->entries, entry->address, entry);
}

TnHostdevTable *
tn_hostdev_table_new(TnStateStore *store, TnPciHost *host)
{
    TnHostdevTable *table = g_new0(TnHostdevTable, 1);

    table->store = store;
    table->host = host;
    g_mutex_init(&table->lock);
    g_cond_init(&table->changed);
    table->entries = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, entry_free);
    tn_state_store_foreach_hostdev(store, load, table);
    return table;
}

void
tn_hostdev_table_free(TnHostdevTable *table)
{
    if (table) {
        g_hash_table_unref(table->entries);
        g_cond_clear(&table->changed);
        g_mutex_clear(&table->lock);
        g_free(table);
    }
}

/* ---- who has it ---- */

/* Another one is giving it back, or is looking at it: soon over, unlike a guest's start. */
static gboolean
is_passing(const TnHostdevEntry *entry)
{
    return entry->leaving || (entry->busy && !entry->owner);
}

/* Whether @address, or a device of @group, is about to be the host's. Under the lock. */
static gboolean
must_wait_locked(TnHostdevTable *table, const char *address, int group)
{
    const TnHostdevEntry *entry = g_hash_table_lookup(table->entries, address);
    GHashTableIter iter;
    gpointer value;

    if (entry && is_passing(entry)) {
        return TRUE;
    }
    g_hash_table_iter_init(&iter, table->entries);
    while (group >= 0 && g_hash_table_iter_next(&iter, NULL, &value)) {
        entry = value;
        if (entry->leaving && entry->group == group) {
            return TRUE;
        }
    }
    return FALSE;
}

TnHostdevEntry *
tn_hostdev_enter(TnHostdevTable *table, const char *address, int group, gboolean create,
                 GError **error)
{
    gint64 until = g_get_monotonic_time() + TN_HOSTDEV_WAIT_SECONDS * G_USEC_PER_SEC;
    gboolean in_time = TRUE;
    TnHostdevEntry *entry;

    g_mutex_lock(&table->lock);
    while (must_wait_locked(table, address, group) && in_time) {
        in_time = g_cond_wait_until(&table->changed, &table->lock, until);
    }
    entry = g_hash_table_lookup(table->entries, address);
    if (!in_time && must_wait_locked(table, address, group)) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_OPERATION_TIMEOUT,
                    "PCI device %s is being given back to the host and not free within %d seconds",
                    address, TN_HOSTDEV_WAIT_SECONDS);
        entry = NULL;
    } else if (entry && entry->busy) {
        (void)tn_hostdev_check_free(entry, error);
        entry = NULL;
    } else if (!entry && create) {
        entry = g_new0(TnHostdevEntry, 1);
        entry->address = g_strdup(address);
        entry->driver = tn_pci_host_get_driver(table->host, address);
        entry->override = tn_pci_host_get_override(table->host, address);
        entry->group = -1;
        g_hash_table_insert(table->entries, entry->address, entry);
    }
    if (entry) {
        entry->busy = TRUE;
    }
    g_mutex_unlock(&table->lock);
    return entry;
}

void
tn_hostdev_leave(TnHostdevTable *table, TnHostdevEntry *entry, gboolean forget)
{
    if (forget) {
        tn_state_store_delete_hostdev(table->store, entry->address);
    }
    g_mutex_lock(&table->lock);
    entry->busy = FALSE;
    if (forget) {
        g_hash_table_remove(table->entries, entry->address);
    }
    g_cond_broadcast(&table->changed);
    g_mutex_unlock(&table->lock);
}

gboolean
tn_hostdev_check_free(const TnHostdevEntry *entry, GError **error)
{
    if (entry->owner) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_OPERATION_INVALID,
                    "PCI device %s is in use by driver QEMU, domain %s", entry->address,
                    entry->owner_name);
        return FALSE;
    }
    return TRUE;
}

/* Devices of one IOMMU group see each other's memory: they are one guest's. Under the lock. */
static gboolean
check_group_owner_locked(TnHostdevTable *table, const TnHostdevEntry *entry,
                         const TnHostdevClaim *claim, int group, GError **error)
{
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, table->entries);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const TnHostdevEntry *other = value;

        if (other != entry && other->owner && other->group == group &&
            strcmp(other->owner, claim->owner) != 0) {
            g_set_error(error, TN_VIR_ERROR, VIR_ERR_OPERATION_INVALID,
                        "PCI device %s is in IOMMU group %d, of which device %s is in use by "
                        "driver QEMU, domain %s", entry->address, group, other->address,
                        other->owner_name);
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean
own(TnHostdevTable *table, TnHostdevEntry *entry, const TnHostdevClaim *claim, int group,
    GError **error)
{
    gboolean ok;

    g_mutex_lock(&table->lock);
    ok = check_group_owner_locked(table, entry, claim, group, error);
    if (ok) {
        entry->owner = g_strdup(claim->owner);
        entry->owner_name = g_strdup(claim->owner_name);
        entry->alias = g_strdup(claim->alias);
        entry->xml = g_strdup(claim->xml);
        entry->managed = claim->managed;
        entry->group = group;
        entry->announce = FALSE;
    }
    g_mutex_unlock(&table->lock);
    return ok;
}

static void
disown(TnHostdevTable *table, TnHostdevEntry *entry)
{
    g_mutex_lock(&table->lock);
    g_clear_pointer(&entry->owner, g_free);
    g_clear_pointer(&entry->owner_name, g_free);
    g_clear_pointer(&entry->alias, g_free);
    g_clear_pointer(&entry->xml, g_free);
    entry->leaving = FALSE;
    g_mutex_unlock(&table->lock);
}

gboolean
tn_hostdev_restore(TnHostdevTable *table, const TnHostdevEntry *entry, GError **error)
{
    g_autoptr(GError) why = NULL;

    if (tn_pci_host_bind(table->host, entry->address, entry->driver, entry->override, &why)) {
        return TRUE;
    }
    /* Its driver does not take it (any more): whoever does is better than the stub. */
    g_warning("PCI device %s does not go back to driver '%s': %s", entry->address,
              entry->driver ? entry->driver : "none", why->message);
    return tn_pci_host_release(table->host, entry->address, error);
}

/* The caller has it and no guest does: it goes where it belongs. */
static void
put_back(TnHostdevTable *table, TnHostdevEntry *entry)
{
    g_autoptr(GError) error = NULL;
    gboolean moved = entry->managed && !entry->detached;
    gboolean forget = !entry->detached;

    if (moved && !tn_hostdev_restore(table, entry, &error)) {
        g_warning("PCI device %s cannot be given back to the host: %s", entry->address,
                  error->message);
        g_clear_error(&error);
        forget = FALSE;
    }
    disown(table, entry);
    if (!forget && !tn_hostdev_save(table, entry, &error)) {
        g_warning("%s", error->message);
    }
    tn_hostdev_leave(table, entry, forget);
}

/* ---- taking ---- */

static gboolean
check_claim(TnHostdevTable *table, const TnHostdevEntry *entry, const TnHostdevClaim *claim,
            GError **error)
{
    g_autofree char *driver = tn_pci_host_get_driver(table->host, entry->address);

    if (!claim->managed && g_strcmp0(driver, TN_PCI_HOST_STUB) != 0) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_OPERATION_INVALID,
                    "Unmanaged PCI device %s must be manually detached from the host",
                    entry->address);
        return FALSE;
    }
    return tn_pci_host_driver_is_harmless(driver) ||
           tn_pci_host_check_unused(table->host, entry->address, error);
}

/* The caller has @entry and gives it up when this fails. */
static gboolean
take(TnHostdevTable *table, TnHostdevEntry *entry, const TnHostdevClaim *claim, int group,
     GError **error)
{
    if (!check_claim(table, entry, claim, error) || !own(table, entry, claim, group, error)) {
        tn_hostdev_leave(table, entry, !entry->recorded);
        return FALSE;
    }
    if (!tn_hostdev_save(table, entry, error)) {
        disown(table, entry);
        tn_hostdev_leave(table, entry, !entry->detached);
        return FALSE;
    }
    if (claim->managed && !tn_pci_host_bind(table->host, entry->address, TN_PCI_HOST_STUB,
                                            TN_PCI_HOST_STUB, error)) {
        put_back(table, entry);
        return FALSE;
    }
    return TRUE;
}

gboolean
tn_hostdev_table_take(TnHostdevTable *table, const TnHostdevClaim *claim, GError **error)
{
    TnHostdevEntry *entry;
    int group;

    if (!tn_pci_host_check_device(table->host, claim->address, error)) {
        return FALSE;
    }
    if (!tn_pci_host_has_iommu(table->host)) {
        g_set_error_literal(error, TN_VIR_ERROR, VIR_ERR_CONFIG_UNSUPPORTED,
                            "host doesn't support VFIO PCI passthrough");
        return FALSE;
    }
    group = tn_pci_host_get_group(table->host, claim->address, error);
    if (group < 0 || !tn_pci_host_check_assignable(table->host, claim->address, error)) {
        return FALSE;
    }
    entry = tn_hostdev_enter(table, claim->address, group, TRUE, error);
    if (!entry) {
        return FALSE;
    }
    if (!tn_hostdev_check_free(entry, error)) {
        tn_hostdev_leave(table, entry, FALSE);
        return FALSE;
    }
    return take(table, entry, claim, group, error);
}

gboolean
tn_hostdev_table_settle(TnHostdevTable *table, const char *address)
{
    TnHostdevEntry *entry;
    gboolean leaving;

    g_mutex_lock(&table->lock);
    entry = g_hash_table_lookup(table->entries, address);
    leaving = entry && entry->leaving;
    if (entry) {
        entry->busy = FALSE;
    }
    g_cond_broadcast(&table->changed);
    g_mutex_unlock(&table->lock);
    return leaving;
}

/* ---- giving back ---- */

void
tn_hostdev_table_give_back(TnHostdevTable *table, const char *address, const char *owner,
                           gboolean busy)
{
    TnHostdevEntry *entry;

    g_mutex_lock(&table->lock);
    entry = g_hash_table_lookup(table->entries, address);
    if (entry && (g_strcmp0(entry->owner, owner) != 0 || entry->busy != busy)) {
        entry = NULL;
    }
    if (entry) {
        entry->busy = TRUE;
        entry->leaving = TRUE;
    }
    g_mutex_unlock(&table->lock);
    if (entry) {
        put_back(table, entry);
    }
}

/* An entry of @owner that nobody has, and that leaves if @leaving; the caller has it then. */
static TnHostdevEntry *
grab_owned(TnHostdevTable *table, const char *owner, gboolean leaving)
{
    TnHostdevEntry *found = NULL;
    GHashTableIter iter;
    gpointer value;

    g_mutex_lock(&table->lock);
    g_hash_table_iter_init(&iter, table->entries);
    while (!found && g_hash_table_iter_next(&iter, NULL, &value)) {
        TnHostdevEntry *entry = value;

        if (!entry->busy && g_strcmp0(entry->owner, owner) == 0 && (entry->leaving || !leaving)) {
            found = entry;
            entry->busy = entry->leaving = TRUE;
        }
    }
    g_mutex_unlock(&table->lock);
    return found;
}

void
tn_hostdev_table_give_back_all(TnHostdevTable *table, const char *owner)
{
    TnHostdevEntry *entry;

    while ((entry = grab_owned(table, owner, FALSE))) {
        put_back(table, entry);
    }
}

void
tn_hostdev_table_recover(TnHostdevTable *table)
{
    g_autoptr(GPtrArray) stray = g_ptr_array_new();
    GHashTableIter iter;
    gpointer value;

    g_mutex_lock(&table->lock);
    g_hash_table_iter_init(&iter, table->entries);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        TnHostdevEntry *entry = value;

        if (!entry->owner && !entry->detached && !entry->busy) {
            entry->busy = entry->leaving = TRUE;
            g_ptr_array_add(stray, entry);
        }
    }
    g_mutex_unlock(&table->lock);
    for (guint i = 0; i < stray->len; i++) {
        put_back(table, g_ptr_array_index(stray, i));
    }
}

gboolean
tn_hostdev_table_mark_leaving(TnHostdevTable *table, const char *owner, const char *alias,
                              gboolean announce)
{
    GHashTableIter iter;
    gpointer value;
    gboolean found = FALSE;

    g_mutex_lock(&table->lock);
    g_hash_table_iter_init(&iter, table->entries);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        TnHostdevEntry *entry = value;

        if (g_strcmp0(entry->owner, owner) == 0 &&
            (!alias || g_strcmp0(entry->alias, alias) == 0)) {
            entry->leaving = TRUE;
            entry->announce = announce;
            found = TRUE;
        }
    }
    g_mutex_unlock(&table->lock);
    return found;
}

void
tn_hostdev_table_mark_all_leaving(TnHostdevTable *table, const char *owner)
{
    (void)tn_hostdev_table_mark_leaving(table, owner, NULL, FALSE);
}

void
tn_hostdev_leaving_clear(TnHostdevLeaving *leaving)
{
    g_clear_pointer(&leaving->address, g_free);
    g_clear_pointer(&leaving->alias, g_free);
}

gboolean
tn_hostdev_table_next_leaving(TnHostdevTable *table, const char *owner,
                              TnHostdevLeaving *ret_leaving)
{
    const TnHostdevEntry *entry = grab_owned(table, owner, TRUE);

    if (!entry) {
        return FALSE;
    }
    *ret_leaving = (TnHostdevLeaving){
        .address = g_strdup(entry->address),
        .alias = g_strdup(entry->alias),
        .group = entry->group,
        .last_of_group = !tn_hostdev_table_has_group(table, owner, entry->group, entry->address),
        .announce = entry->announce,
    };
    return TRUE;
}

/* ---- looking ---- */

gboolean
tn_hostdev_table_has_group(TnHostdevTable *table, const char *owner, int group,
                           const char *address)
{
    GHashTableIter iter;
    gpointer value;
    gboolean found = FALSE;

    g_mutex_lock(&table->lock);
    g_hash_table_iter_init(&iter, table->entries);
    while (!found && g_hash_table_iter_next(&iter, NULL, &value)) {
        const TnHostdevEntry *entry = value;

        found = entry->group == group && g_strcmp0(entry->owner, owner) == 0 && !entry->leaving &&
                strcmp(entry->address, address) != 0;
    }
    g_mutex_unlock(&table->lock);
    return found;
}

void
tn_hostdev_table_foreach_owned(TnHostdevTable *table, const char *owner, TnHostdevOwnedFunc func,
                               gpointer user_data)
{
    g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func(g_free);
    GHashTableIter iter;
    gpointer value;

    g_mutex_lock(&table->lock);
    g_hash_table_iter_init(&iter, table->entries);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const TnHostdevEntry *entry = value;

        if (g_strcmp0(entry->owner, owner) == 0) {
            g_ptr_array_add(texts, g_strdup(entry->address));
            g_ptr_array_add(texts, g_strdup(entry->alias ? entry->alias : ""));
            g_ptr_array_add(texts, g_strdup(entry->xml ? entry->xml : ""));
        }
    }
    g_mutex_unlock(&table->lock);
    for (guint i = 0; i + 2 < texts->len; i += 3) {
        func(g_ptr_array_index(texts, i), g_ptr_array_index(texts, i + 1),
             g_ptr_array_index(texts, i + 2), user_data);
    }
}

GStrv
tn_hostdev_table_owners(TnHostdevTable *table)
{
    g_autoptr(GHashTable) owners = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GPtrArray) list = g_ptr_array_new();
    GHashTableIter iter;
    gpointer value;

    g_mutex_lock(&table->lock);
    g_hash_table_iter_init(&iter, table->entries);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const TnHostdevEntry *entry = value;

        if (entry->owner && g_hash_table_add(owners, entry->owner)) {
            g_ptr_array_add(list, g_strdup(entry->owner));
        }
    }
    g_mutex_unlock(&table->lock);
    g_ptr_array_add(list, NULL);
    return (GStrv)g_ptr_array_free(g_steal_pointer(&list), FALSE);
}
