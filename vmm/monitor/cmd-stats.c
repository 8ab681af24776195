/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* query-stats and query-stats-schemas: what KVM counts. */
#include "vmm/core/stats.h"
#include "vmm/monitor/monitor-private.h"

#define PROVIDER "kvm"
#define TARGET_VM (-1)

static const char *const type_words[TN_STAT_N_TYPES] = {
    "cumulative", "instant", "peak", "linear-histogram", "log2-histogram",
};
static const char *const unit_words[TN_STAT_N_UNITS] = {
    NULL, "bytes", "seconds", "cycles", "boolean",
};

/* Whether @list, an array of strings or NULL for all, has @word. */
static gboolean
accepts(json_object *list, const char *word)
{
    if (!list) {
        return TRUE;
    }
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        if (strcmp(json_object_get_string(json_object_array_get_idx(list, i)), word) == 0) {
            return TRUE;
        }
    }
    return FALSE;
}

static json_object *
value_to_json(const TnStat *stat)
{
    json_object *array;

    if (stat->unit == TN_STAT_UNIT_BOOLEAN) {
        return json_object_new_boolean(stat->values[0] != 0);
    }
    if (stat->n_values == 1) {
        return json_object_new_uint64(stat->values[0]);
    }
    array = json_object_new_array();
    for (guint i = 0; i < stat->n_values; i++) {
        json_object_array_add(array, json_object_new_uint64(stat->values[i]));
    }
    return array;
}

/* Adds to @reply what is wanted of one target, unless that is nothing. @cpu: TARGET_VM or an
 * index; @names: NULL for all; @path: the CPU's or NULL. */
static gboolean
add_result(TnMachine *machine, json_object *reply, int cpu, const char *path,
           json_object *names, GError **error)
{
    g_autoptr(GPtrArray) stats = tn_machine_read_stats(machine, cpu, error);
    json_object *list, *result;

    if (!stats) {
        return FALSE;
    }
    list = json_object_new_array();
    for (guint i = 0; i < stats->len; i++) {
        const TnStat *stat = g_ptr_array_index(stats, i);

        if (accepts(names, stat->name)) {
            json_object *entry = json_object_new_object();

            tn_reply_add_string(entry, "name", stat->name);
            json_object_object_add(entry, "value", value_to_json(stat));
            json_object_array_add(list, entry);
        }
    }
    if (json_object_array_length(list) == 0) {
        json_object_put(list);
        return TRUE;
    }
    result = json_object_new_object();
    tn_reply_add_string(result, "provider", PROVIDER);
    if (path) {
        tn_reply_add_string(result, "qom-path", path);
    }
    json_object_object_add(result, "stats", list);
    json_object_array_add(reply, result);
    return TRUE;
}

/* What one request asks for: of the machine, or of each CPU that @vcpus (NULL: all) names. */
static gboolean
answer(TnMachine *machine, json_object *reply, json_object *args, json_object *names,
       GError **error)
{
    json_object *vcpus = json_object_object_get(args, "vcpus");
    gboolean ok = TRUE;

    if (strcmp(json_object_get_string(json_object_object_get(args, "target")), "vm") == 0) {
        return add_result(machine, reply, TARGET_VM, NULL, names, error);
    }
    for (unsigned i = 0; ok && i < tn_machine_get_cpu_count(machine); i++) {
        TnCpuInfo info = { 0 };

        tn_machine_get_cpu_info(machine, i, &info);
        if (info.present && accepts(vcpus, info.qom_path)) {
            ok = add_result(machine, reply, (int)i, info.qom_path, names, error);
        }
    }
    return ok;
}

TN_MONITOR_HANDLER(query_stats)
{
    TnMachine *machine = tn_monitor_machine(call);
    json_object *providers = json_object_object_get(args, "providers");
    json_object *reply = json_object_new_array();
    /* There is one provider, so each request is of it. */
    size_t requests = providers ? json_object_array_length(providers) : 1;
    gboolean ok = TRUE;

    for (size_t i = 0; ok && i < requests && tn_machine_has_stats(machine); i++) {
        json_object *request = providers ? json_object_array_get_idx(providers, i) : NULL;

        ok = answer(machine, reply, args,
                    request ? json_object_object_get(request, "names") : NULL, error);
    }
    if (!ok) {
        json_object_put(reply);
        return NULL;
    }
    return reply;
}

static json_object *
describe(const TnStat *stat)
{
    json_object *value = json_object_new_object();

    tn_reply_add_string(value, "name", stat->name);
    tn_reply_add_string(value, "type", type_words[stat->type]);
    if (unit_words[stat->unit]) {
        tn_reply_add_string(value, "unit", unit_words[stat->unit]);
    }
    if (stat->exponent != 0) {
        tn_reply_add_int(value, "base", stat->base);
    }
    tn_reply_add_int(value, "exponent", stat->exponent);
    if (stat->type == TN_STAT_LINEAR_HISTOGRAM) {
        tn_reply_add_uint(value, "bucket-size", stat->bucket_size);
    }
    return value;
}

static gboolean
add_schema(TnMachine *machine, json_object *reply, int cpu, const char *target, GError **error)
{
    g_autoptr(GPtrArray) stats = tn_machine_read_stats(machine, cpu, error);
    json_object *schema, *list;

    if (!stats) {
        return FALSE;
    }
    schema = json_object_new_object();
    list = json_object_new_array();
    for (guint i = 0; i < stats->len; i++) {
        json_object_array_add(list, describe(g_ptr_array_index(stats, i)));
    }
    tn_reply_add_string(schema, "provider", PROVIDER);
    tn_reply_add_string(schema, "target", target);
    json_object_object_add(schema, "stats", list);
    json_object_array_add(reply, schema);
    return TRUE;
}

TN_MONITOR_HANDLER(query_stats_schemas)
{
    TnMachine *machine = tn_monitor_machine(call);
    json_object *reply = json_object_new_array();

    /* CPU 0 is always there, and all count the same. */
    if (tn_machine_has_stats(machine) &&
        (!add_schema(machine, reply, TARGET_VM, "vm", error) ||
         !add_schema(machine, reply, 0, "vcpu", error))) {
        json_object_put(reply);
        return NULL;
    }
    return reply;
}
