/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* query-stats: names by the schema's kinds, values as they are. */
#include "driver/core/kvm-stats.h"

#include "driver/core/monitor.h"
#include "qmp/client.h"

/* More than KVM has of a guest and of a CPU; a monitor is not trusted. */
#define MAX_STATS_OF_TARGET 1024u

static void
free_stat(gpointer data)
{
    g_free(((TnKvmStat *)data)->name);
    g_free(data);
}

/* libvirt's word for a kind; NULL for those that are no single value. */
static const char *
suffix_of(const char *type)
{
    static const char *const kinds[][2] = {
        { "cumulative", "sum" }, { "instant", "cur" }, { "peak", "max" },
    };

    for (guint i = 0; i < G_N_ELEMENTS(kinds); i++) {
        if (g_strcmp0(type, kinds[i][0]) == 0) {
            return kinds[i][1];
        }
    }
    return NULL;
}

/* The string member @key, NULL when it is absent or something else. */
static const char *
get_text(json_object *object, const char *key)
{
    json_object *member;

    return json_object_object_get_ex(object, key, &member) &&
                   json_object_is_type(member, json_type_string)
               ? json_object_get_string(member)
               : NULL;
}

/* The array member @key, NULL likewise. */
static json_object *
get_array(json_object *object, const char *key)
{
    json_object *member;

    return json_object_object_get_ex(object, key, &member) &&
                   json_object_is_type(member, json_type_array)
               ? member
               : NULL;
}

static json_object *
ask(TnQmpClient *qmp, const char *command, const char *target, GError **error)
{
    json_object *args = json_object_new_object();
    json_object *reply;

    if (target) {
        json_object_object_add(args, "target", json_object_new_string(target));
    }
    reply = tn_qmp_client_call(qmp, command, args, NULL, 0, TN_KVM_STATS_TIMEOUT_MS, error);
    if (reply && !json_object_is_type(reply, json_type_array)) {
        g_set_error(error, TN_QMP_CLIENT_ERROR, TN_QMP_CLIENT_ERROR_PROTOCOL,
                    "the reply to %s is no array", command);
        g_clear_pointer(&reply, json_object_put);
    }
    return reply;
}

/* What the statistics of @target are called: name -> static suffix. (transfer full) */
static GHashTable *
read_schema(json_object *schemas, const char *target)
{
    GHashTable *names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    for (size_t i = 0; i < json_object_array_length(schemas); i++) {
        json_object *schema = json_object_array_get_idx(schemas, i);
        json_object *stats = get_array(schema, "stats");

        if (!stats || g_strcmp0(get_text(schema, "target"), target) != 0) {
            continue;
        }
        for (size_t s = 0; s < MIN(json_object_array_length(stats), MAX_STATS_OF_TARGET); s++) {
            json_object *stat = json_object_array_get_idx(stats, s);
            const char *name = get_text(stat, "name");
            const char *suffix = suffix_of(get_text(stat, "type"));

            if (name && suffix) {
                g_hash_table_replace(names, g_strdup(name), (gpointer)suffix);
            }
        }
    }
    return names;
}

static void
take_stat(GPtrArray *list, GHashTable *names, int vcpu, json_object *entry)
{
    const char *name = get_text(entry, "name");
    const char *suffix = name ? g_hash_table_lookup(names, name) : NULL;
    json_object *value = json_object_object_get(entry, "value");
    gboolean is_bool = json_object_is_type(value, json_type_boolean);
    TnKvmStat *stat;

    if (!suffix || !(is_bool || json_object_is_type(value, json_type_int))) {
        return;
    }
    stat = g_new0(TnKvmStat, 1);
    stat->vcpu = vcpu;
    stat->name = g_strdup_printf("%s.%s", name, suffix);
    stat->is_bool = is_bool;
    stat->value = is_bool ? (guint64)json_object_get_boolean(value)
                          : json_object_get_uint64(value);
    g_ptr_array_add(list, stat);
}

/* The indices of the CPUs that are there. (transfer full) */
static GArray *
present_vcpus(TnDomain *domain)
{
    GArray *indices = g_array_new(FALSE, FALSE, sizeof(int));

    g_mutex_lock(&domain->lock);
    for (guint i = 0; domain->live && i < domain->live->vcpus_max; i++) {
        if (tn_domain_def_get_vcpu(domain->live, i).enabled) {
            g_array_append_val(indices, i);
        }
    }
    g_mutex_unlock(&domain->lock);
    return indices;
}

/* @results: those of @target, CPUs in the order of their indices. */
static void
take_results(GPtrArray *list, json_object *results, GHashTable *names, const GArray *vcpus)
{
    size_t count = json_object_array_length(results);

    /* One came or went since: who is who cannot be told. */
    if (count != (vcpus ? vcpus->len : 1)) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        json_object *stats = get_array(json_object_array_get_idx(results, i), "stats");
        size_t n = stats ? MIN(json_object_array_length(stats), MAX_STATS_OF_TARGET) : 0;

        for (size_t s = 0; s < n; s++) {
            take_stat(list, names, vcpus ? g_array_index(vcpus, int, i) : -1,
                      json_object_array_get_idx(stats, s));
        }
    }
}

static gboolean
collect(TnDomain *domain, TnQmpClient *qmp, const char *target, json_object *schemas,
        GPtrArray *list, GError **error)
{
    gboolean of_vcpus = g_str_equal(target, "vcpu");
    g_autoptr(GHashTable) names = read_schema(schemas, target);
    g_autoptr(GArray) vcpus = of_vcpus ? present_vcpus(domain) : NULL;
    json_object *results;

    if (g_hash_table_size(names) == 0) {
        return TRUE;
    }
    results = ask(qmp, "query-stats", target, error);
    if (!results) {
        return FALSE;
    }
    take_results(list, results, names, vcpus);
    json_object_put(results);
    return TRUE;
}

/* Whether the monitor may be asked; one that was silent lately may not. */
static gboolean
may_ask(TnDomain *domain)
{
    gboolean ok;

    g_mutex_lock(&domain->lock);
    ok = g_get_monotonic_time() >= domain->stats_pause_end;
    g_mutex_unlock(&domain->lock);
    return ok;
}

static void
pause_asking(TnDomain *domain)
{
    g_mutex_lock(&domain->lock);
    domain->stats_pause_end =
        g_get_monotonic_time() + TN_KVM_STATS_PAUSE_SECONDS * G_TIME_SPAN_SECOND;
    g_mutex_unlock(&domain->lock);
}

GPtrArray *
tn_kvm_stats_get(TnDomain *domain, gboolean vm, gboolean vcpus)
{
    GPtrArray *list = g_ptr_array_new_with_free_func(free_stat);
    g_autoptr(TnQmpClient) qmp = may_ask(domain) ? tn_monitor_get(domain, NULL) : NULL;
    g_autoptr(GError) error = NULL;
    json_object *schemas = qmp ? ask(qmp, "query-stats-schemas", NULL, &error) : NULL;

    if (schemas) {
        (void)((!vm || collect(domain, qmp, "vm", schemas, list, &error)) &&
               (!vcpus || collect(domain, qmp, "vcpu", schemas, list, &error)));
        json_object_put(schemas);
    }
    if (g_error_matches(error, TN_QMP_CLIENT_ERROR, TN_QMP_CLIENT_ERROR_TIMEOUT)) {
        pause_asking(domain);
    }
    return list;
}
