/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table of all domains: three hash tables under one reader-writer lock. */
#include "driver/core/domain-list.h"

#include <string.h>

struct TnDomainList {
    GRWLock lock;
    GHashTable *by_uuid; /* uuid_text -> TnDomain, owns a reference */
    GHashTable *by_name; /* domain->name -> TnDomain; the key changes only under the lock */
    GHashTable *by_id;   /* id -> TnDomain */
    GHashTable *ids;     /* TnDomain -> id */
};

TnDomainList *
tn_domain_list_new(void)
{
    TnDomainList *list = g_new0(TnDomainList, 1);

    g_rw_lock_init(&list->lock);
    list->by_uuid = g_hash_table_new_full(g_str_hash, g_str_equal, NULL,
                                          (GDestroyNotify)tn_domain_unref);
    list->by_name = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    list->by_id = g_hash_table_new(NULL, NULL);
    list->ids = g_hash_table_new(NULL, NULL);
    return list;
}

void
tn_domain_list_free(TnDomainList *list)
{
    if (!list) {
        return;
    }
    g_hash_table_unref(list->ids);
    g_hash_table_unref(list->by_id);
    g_hash_table_unref(list->by_name);
    g_hash_table_unref(list->by_uuid);
    g_rw_lock_clear(&list->lock);
    g_free(list);
}

static TnDomain *
look_up(TnDomainList *list, GHashTable *table, gconstpointer key)
{
    TnDomain *domain, *found = NULL;

    g_rw_lock_reader_lock(&list->lock);
    domain = g_hash_table_lookup(table, key);
    if (domain) {
        g_mutex_lock(&domain->lock);
        found = tn_domain_is_empty_locked(domain) ? NULL : tn_domain_ref(domain);
        g_mutex_unlock(&domain->lock);
    }
    g_rw_lock_reader_unlock(&list->lock);
    return found;
}

TnDomain *
tn_domain_list_find_uuid(TnDomainList *list, const guint8 *uuid, const char *name, GError **error)
{
    char text[TN_UUID_STRING_LEN];
    TnDomain *domain;

    tn_uuid_format(uuid, text);
    domain = look_up(list, list->by_uuid, text);
    if (!domain && name) {
        tn_domain_set_gone_error(error, text, name);
    } else if (!domain) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_NO_DOMAIN, "no domain with matching uuid '%s'",
                    text);
    }
    return domain;
}

TnDomain *
tn_domain_list_find_name(TnDomainList *list, const char *name, GError **error)
{
    TnDomain *domain = look_up(list, list->by_name, name);

    if (!domain) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_NO_DOMAIN, "no domain with matching name '%s'",
                    name);
    }
    return domain;
}

TnDomain *
tn_domain_list_find_id(TnDomainList *list, int id, GError **error)
{
    TnDomain *domain = look_up(list, list->by_id, GINT_TO_POINTER(id));

    if (!domain) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_NO_DOMAIN, "no domain with matching id %d", id);
    }
    return domain;
}

/* Under the writer lock. Whether @def may be filed; NULL @ret_domain: it is new. */
static gboolean
check_clash(TnDomainList *list, const TnDomainDef *def, TnDomain **ret_domain, GError **error)
{
    char text[TN_UUID_STRING_LEN];
    TnDomain *same_uuid, *same_name;

    tn_uuid_format(def->uuid, text);
    same_uuid = g_hash_table_lookup(list->by_uuid, text);
    same_name = g_hash_table_lookup(list->by_name, def->name);
    if (same_uuid && same_uuid != same_name) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_OPERATION_FAILED,
                    "domain '%s' is already defined with uuid %s", same_uuid->name, text);
        return FALSE;
    }
    if (same_name && !same_uuid) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_OPERATION_FAILED,
                    "domain '%s' already exists with uuid %s", def->name, same_name->uuid_text);
        return FALSE;
    }
    if (!same_uuid && g_hash_table_size(list->by_uuid) >= TN_DOMAIN_LIST_MAX) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_OPERATION_FAILED,
                    "there are %d domains already, which is the limit", TN_DOMAIN_LIST_MAX);
        return FALSE;
    }
    *ret_domain = same_uuid;
    return TRUE;
}

TnDomain *
tn_domain_list_add(TnDomainList *list, TnDriver *driver, const TnDomainDef *def, GError **error)
{
    TnDomain *domain = NULL;

    g_rw_lock_writer_lock(&list->lock);
    if (check_clash(list, def, &domain, error)) {
        if (domain) {
            tn_domain_ref(domain);
        } else {
            domain = tn_domain_new(driver, def);
            g_hash_table_insert(list->by_uuid, domain->uuid_text, tn_domain_ref(domain));
            g_hash_table_insert(list->by_name, g_strdup(def->name), domain);
        }
    }
    g_rw_lock_writer_unlock(&list->lock);
    return domain;
}

/* Under the writer lock. */
static void
set_id(TnDomainList *list, TnDomain *domain, int id)
{
    gpointer old = g_hash_table_lookup(list->ids, domain);

    if (old) {
        g_hash_table_remove(list->by_id, old);
        g_hash_table_remove(list->ids, domain);
    }
    if (id > 0) {
        g_hash_table_insert(list->by_id, GINT_TO_POINTER(id), domain);
        g_hash_table_insert(list->ids, domain, GINT_TO_POINTER(id));
    }
}

void
tn_domain_list_set_id(TnDomainList *list, TnDomain *domain, int id)
{
    g_rw_lock_writer_lock(&list->lock);
    if (g_hash_table_lookup(list->by_uuid, domain->uuid_text) == domain) {
        set_id(list, domain, id);
    }
    g_rw_lock_writer_unlock(&list->lock);
}

void
tn_domain_list_clear_id(TnDomainList *list, TnDomain *domain, int id)
{
    g_rw_lock_writer_lock(&list->lock);
    if (g_hash_table_lookup(list->ids, domain) == GINT_TO_POINTER(id)) {
        set_id(list, domain, -1);
    }
    g_rw_lock_writer_unlock(&list->lock);
}

void
tn_domain_list_remove_if_empty(TnDomainList *list, TnDomain *domain)
{
    gboolean remove;

    g_rw_lock_writer_lock(&list->lock);
    g_mutex_lock(&domain->lock);
    /* A job may be filling it; its end looks again. */
    remove = tn_domain_is_empty_locked(domain) && !domain->job && !domain->removed;
    domain->removed = domain->removed || remove;
    g_mutex_unlock(&domain->lock);
    if (remove) {
        set_id(list, domain, -1);
        g_hash_table_remove(list->by_name, domain->name);
        g_hash_table_remove(list->by_uuid, domain->uuid_text);
    }
    g_rw_lock_writer_unlock(&list->lock);
}

gboolean
tn_domain_list_rename(TnDomainList *list, TnDomain *domain, const char *name, GError **error)
{
    gboolean ok;

    g_rw_lock_writer_lock(&list->lock);
    ok = !g_hash_table_contains(list->by_name, name);
    if (ok) {
        g_hash_table_remove(list->by_name, domain->name);
        g_mutex_lock(&domain->lock);
        g_free(domain->name);
        domain->name = g_strdup(name);
        g_mutex_unlock(&domain->lock);
        g_hash_table_insert(list->by_name, g_strdup(name), domain);
    } else {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_OPERATION_FAILED,
                    "domain with name '%s' already exists", name);
    }
    g_rw_lock_writer_unlock(&list->lock);
    return ok;
}

static int
compare_names(gconstpointer a, gconstpointer b)
{
    const TnDomain *x = *(TnDomain *const *)a;
    const TnDomain *y = *(TnDomain *const *)b;

    return strcmp(x->name, y->name);
}

GPtrArray *
tn_domain_list_get_all(TnDomainList *list)
{
    GPtrArray *all = g_ptr_array_new_with_free_func((GDestroyNotify)tn_domain_unref);
    GHashTableIter iter;
    gpointer value;

    /* Sorted inside: a rename changes names under the writer lock only. */
    g_rw_lock_reader_lock(&list->lock);
    g_hash_table_iter_init(&iter, list->by_uuid);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        TnDomain *domain = value;

        g_mutex_lock(&domain->lock);
        if (!tn_domain_is_empty_locked(domain)) {
            g_ptr_array_add(all, tn_domain_ref(domain));
        }
        g_mutex_unlock(&domain->lock);
    }
    g_ptr_array_sort(all, compare_names);
    g_rw_lock_reader_unlock(&list->lock);
    return all;
}
