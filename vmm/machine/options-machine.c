/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Options that shape the machine: -machine -accel -cpu -smp -m -numa -name -rtc -uuid. */
#include "vmm/machine/keyval.h"
#include "vmm/machine/options.h"

#include <limits.h>
#include <string.h>

#define MIB (1024 * 1024ULL)
#define DEFAULT_RAM (128 * MIB)
#define FIRST_INHERITED_FD 3
#define MAX_RAM (1ULL << 46) /* what 48 address bits leave beside the windows */

/* "kvm", alone or first of a list as "kvm:tcg". */
static gboolean
check_accel(const char *accel, GError **error)
{
    if (strcmp(accel, "kvm") != 0 && !g_str_has_prefix(accel, "kvm:")) {
        return tn_fail(error, "invalid accelerator %s: only kvm is supported", accel);
    }
    return TRUE;
}

/* The underscore is QEMU's older spelling, and still libvirt's. */
static gboolean
take_irqchip(TnMachineConfig *config, json_object *terms, GError **error)
{
    g_autofree char *older = tn_keyval_take(terms, "kernel_irqchip");
    g_autofree char *newer = tn_keyval_take(terms, "kernel-irqchip");
    const char *irqchip = newer ? newer : older;

    if (!irqchip) {
        return TRUE;
    }
    if (strcmp(irqchip, "off") == 0) {
        return tn_fail(error, "kernel-irqchip=off is not supported: the local APICs are always "
                              "KVM's; use on or split");
    }
    if (strcmp(irqchip, "on") != 0 && strcmp(irqchip, "split") != 0) {
        return tn_fail(error, "Parameter 'kernel-irqchip' does not accept value '%s'", irqchip);
    }
    config->split_irqchip = strcmp(irqchip, "split") == 0;
    return TRUE;
}

/* QEMU's OnOffAuto; "auto" is what @ret_value was before. */
static gboolean
take_on_off_auto(json_object *terms, const char *key, gboolean *ret_value, GError **error)
{
    g_autofree char *text = tn_keyval_take(terms, key);

    if (!text || strcmp(text, "auto") == 0) {
        return TRUE;
    }
    if (strcmp(text, "on") != 0 && strcmp(text, "off") != 0) {
        return tn_fail(error, "Parameter '%s' does not accept value '%s'", key, text);
    }
    *ret_value = strcmp(text, "on") == 0;
    return TRUE;
}

/* A property that QEMU's machine has and whose one supported value is "off". */
static gboolean
take_off(json_object *terms, const char *key, GError **error)
{
    gboolean on = FALSE;

    if (!tn_keyval_take_bool(terms, key, &on, error)) {
        return FALSE;
    }
    return !on || tn_fail(error, "Property '%s' cannot be 'on': it is not supported", key);
}

gboolean
tn_options_take_machine(TnMachineConfig *config, const char *text, GError **error)
{
    TN_AUTO_JSON terms = tn_keyval_parse(text, "type", error);
    g_autofree char *type = NULL;
    g_autofree char *accel = NULL;
    g_autofree char *backend = NULL;

    if (!terms) {
        return FALSE;
    }
    type = tn_keyval_take(terms, "type");
    if (type && strcmp(type, "pc") != 0 && strcmp(type, "pc-i440fx-7.2") != 0) {
        return tn_fail(error, "unsupported machine type '%s': use 'pc' or 'pc-i440fx-7.2'", type);
    }
    accel = tn_keyval_take(terms, "accel");
    if (accel && !check_accel(accel, error)) {
        return FALSE;
    }
    backend = tn_keyval_take(terms, "memory-backend");
    if (backend) {
        g_free(config->memory_backend);
        config->memory_backend = g_steal_pointer(&backend);
    }
    return take_irqchip(config, terms, error) && take_off(terms, "usb", error) &&
           tn_keyval_take_bool(terms, "hpet", &config->hpet, error) &&
           take_on_off_auto(terms, "pit", &config->pit, error) &&
           take_on_off_auto(terms, "vmport", &config->vmport, error) &&
           tn_keyval_take_bool(terms, "dump-guest-core", &config->dump_guest_core, error) &&
           tn_keyval_take_bool(terms, "mem-merge", &config->mem_merge, error) &&
           tn_keyval_take_uint(terms, "x-unpacked-kernel", FIRST_INHERITED_FD, INT_MAX,
                               &config->kept_kernel_fd, error) &&
           tn_keyval_check_empty(terms, error);
}

gboolean
tn_options_take_overcommit(TnMachineConfig *config, const char *text, GError **error)
{
    TN_AUTO_JSON terms = tn_keyval_parse(text, NULL, error);

    return terms && take_off(terms, "mem-lock", error) &&
           tn_keyval_take_bool(terms, "cpu-pm", &config->cpu_pm, error) &&
           tn_keyval_check_empty(terms, error);
}

gboolean
tn_options_take_accel(TnMachineConfig *config, const char *text, GError **error)
{
    TN_AUTO_JSON terms = tn_keyval_parse(text, "accel", error);
    g_autofree char *accel = NULL;

    if (!terms) {
        return FALSE;
    }
    accel = tn_keyval_take(terms, "accel");
    if (!accel) {
        return tn_fail(error, "Parameter 'accel' is missing");
    }
    return check_accel(accel, error) && take_irqchip(config, terms, error) &&
           tn_keyval_check_empty(terms, error);
}

/* What is so here whatever is said: addresses are the host's width unless "phys-bits=" says
 * otherwise, and only "+invtsc" ties a guest to its host. */
static gboolean
is_host_term(const char *term)
{
    static const char *const terms[] = { "host-phys-bits",     "host-phys-bits=on",
                                         "host-phys-bits=off", "migratable=on",
                                         "migratable=off",     "migratable=no",
                                         "migratable=yes",     NULL };

    return g_strv_contains(terms, term);
}

gboolean
tn_options_take_cpu(TnMachineConfig *config, const char *text, GError **error)
{
    g_auto(GStrv) terms = g_strsplit(text, ",", -1);
    g_autoptr(GPtrArray) features = g_ptr_array_new_with_free_func(g_free);

    if (!terms[0] || !*terms[0]) {
        return tn_fail(error, "Parameter 'cpu' expects a CPU model");
    }
    for (char **term = terms + 1; *term; term++) {
        const char *equals = strchr(*term, '=');

        if (is_host_term(*term)) {
            continue;
        }
        if (**term == '+' || **term == '-' || g_str_has_prefix(*term, "phys-bits=") ||
            g_str_has_prefix(*term, "vendor=")) {
            g_ptr_array_add(features, g_strdup(*term));
        } else if (equals && strcmp(equals, "=on") == 0) {
            g_ptr_array_add(features, g_strdup_printf("+%.*s", (int)(equals - *term), *term));
        } else if (equals && strcmp(equals, "=off") == 0) {
            g_ptr_array_add(features, g_strdup_printf("-%.*s", (int)(equals - *term), *term));
        } else if (!equals) {
            g_ptr_array_add(features, g_strconcat("+", *term, NULL));
        } else {
            return tn_fail(error, "Expected key=on or key=off, found '%s' in CPU features", *term);
        }
    }
    g_ptr_array_add(features, NULL);
    g_free(config->cpu_model);
    config->cpu_model = g_strdup(terms[0]);
    g_strfreev(config->cpu_features);
    config->cpu_features = (GStrv)g_ptr_array_free(g_steal_pointer(&features), FALSE);
    return TRUE;
}

/* Completes the topology as QEMU does since 6.2: what is not given prefers cores. */
static void
complete_smp_counts(TnMachineConfig *c)
{
    c->dies = c->dies ? c->dies : 1;
    if (c->max_cpus == 0 && c->sockets && c->cores && c->threads) {
        c->max_cpus = c->sockets * c->dies * c->cores * c->threads;
    }
    if (c->cpus == 0) {
        c->cpus = c->max_cpus ? c->max_cpus : MAX(1, c->sockets) * c->dies * MAX(1, c->cores) *
                                                   MAX(1, c->threads);
    }
    if (c->max_cpus == 0) {
        c->max_cpus = c->cpus;
    }
    c->threads = c->threads ? c->threads : 1;
    if (c->cores == 0) {
        c->sockets = c->sockets ? c->sockets : 1;
        c->cores = MAX(1, c->max_cpus / (c->sockets * c->dies * c->threads));
    } else if (c->sockets == 0) {
        c->sockets = MAX(1, c->max_cpus / (c->dies * c->cores * c->threads));
    }
}

static gboolean
complete_smp(TnMachineConfig *c, GError **error)
{
    TnCpuTopology topology;
    guint32 last;

    complete_smp_counts(c);
    topology = tn_machine_config_get_topology(c);
    if (tn_cpu_topology_count(&topology) != c->max_cpus) {
        return tn_fail(error,
                       "Invalid CPU topology: product of the hierarchy must match maxcpus: sockets "
                       "(%u) * dies (%u) * cores (%u) * threads (%u) != maxcpus (%u)",
                       c->sockets, c->dies, c->cores, c->threads, c->max_cpus);
    }
    if (c->cpus > c->max_cpus) {
        return tn_fail(
            error,
            "Invalid CPU topology: maxcpus must be equal to or greater than smp: sockets "
            "(%u) * dies (%u) * cores (%u) * threads (%u) == maxcpus (%u) < smp_cpus (%u)",
            c->sockets, c->dies, c->cores, c->threads, c->max_cpus, c->cpus);
    }
    if (c->max_cpus > TN_MAX_CPUS) {
        return tn_fail(error,
                       "Invalid SMP CPUs %u. The max CPUs supported by machine "
                       "'pc-i440fx-7.2' is %d",
                       c->max_cpus, TN_MAX_CPUS);
    }
    last = tn_cpu_topology_apic_id(&topology, c->max_cpus - 1);
    if (last > TN_MAX_APIC_ID) {
        return tn_fail(error,
                       "Invalid CPU topology: the last CPU's APIC id (%u) exceeds the limit "
                       "of %d",
                       last, TN_MAX_APIC_ID);
    }
    return TRUE;
}

gboolean
tn_options_take_smp(TnMachineConfig *config, const char *text, GError **error)
{
    TN_AUTO_JSON terms = tn_keyval_parse(text, "cpus", error);

    config->cpus = config->max_cpus = 0;
    config->sockets = config->dies = config->cores = config->threads = 0;
    return terms && tn_keyval_take_uint(terms, "cpus", 1, TN_MAX_CPUS, &config->cpus, error) &&
           tn_keyval_take_uint(terms, "maxcpus", 1, TN_MAX_CPUS, &config->max_cpus, error) &&
           tn_keyval_take_uint(terms, "sockets", 1, TN_MAX_CPUS, &config->sockets, error) &&
           tn_keyval_take_uint(terms, "dies", 1, TN_MAX_CPUS, &config->dies, error) &&
           tn_keyval_take_uint(terms, "cores", 1, TN_MAX_CPUS, &config->cores, error) &&
           tn_keyval_take_uint(terms, "threads", 1, TN_MAX_CPUS, &config->threads, error) &&
           tn_keyval_check_empty(terms, error) && complete_smp(config, error);
}

static gboolean
take_size(json_object *terms, const char *key, guint64 unit, guint64 *ret_bytes, GError **error)
{
    g_autofree char *text = tn_keyval_take(terms, key);

    if (text && !tn_parse_size(text, unit, ret_bytes)) {
        return tn_fail(error, "Parameter '%s' expects a size, not '%s'", key, text);
    }
    return TRUE;
}

gboolean
tn_options_take_memory(TnMachineConfig *config, const char *text, GError **error)
{
    TN_AUTO_JSON terms = tn_keyval_parse(text, "size", error);
    guint64 size = DEFAULT_RAM, max = 0;
    unsigned slots = 0;

    if (!terms || !take_size(terms, "size", MIB, &size, error) ||
        !take_size(terms, "maxmem", MIB, &max, error) ||
        !tn_keyval_take_uint(terms, "slots", 0, TN_MAX_RAM_SLOTS, &slots, error) ||
        !tn_keyval_check_empty(terms, error)) {
        return FALSE;
    }
    if (size == 0 || size > MAX_RAM) {
        return tn_fail(error,
                       "invalid value of -m size: %" G_GUINT64_FORMAT
                       " bytes; 1 MiB to %llu GiB are possible",
                       size, MAX_RAM >> 30);
    }
    /* QEMU rounds boot RAM up to 8 KiB; a page's multiple is what slots need. */
    size = (size + 8191) & ~8191ULL;
    if (max != 0 && max < size) {
        return tn_fail(error,
                       "invalid value of maxmem: maximum memory size (0x%" G_GINT64_MODIFIER
                       "x) must be at least the initial memory size (0x%" G_GINT64_MODIFIER "x)",
                       max, size);
    }
    if (max > MAX_RAM) {
        return tn_fail(error,
                       "invalid value of maxmem: %" G_GUINT64_FORMAT
                       " bytes are more than the limit of %llu GiB",
                       max, MAX_RAM >> 30);
    }
    if (slots && max <= size) {
        return tn_fail(error,
                       "invalid -m: slots were specified but maxmem leaves no room for them");
    }
    if (max > size && !slots) {
        return tn_fail(error,
                       "invalid value of maxmem: memory slots were not specified but maximum "
                       "memory size (0x%" G_GINT64_MODIFIER "x) exceeds the initial one "
                       "(0x%" G_GINT64_MODIFIER "x)",
                       max, size);
    }
    config->ram_size = size;
    config->ram_slots = slots;
    config->max_ram_size = max ? max : size;
    return TRUE;
}

/* "0-3,5" (commas doubled on the command line are single here) or one "cpus=" of several. */
static gboolean
take_numa_cpus(TnNumaNode *node, const char *text, GError **error)
{
    g_auto(GStrv) ends = g_strsplit(text, "-", 2);
    char *end;
    guint64 first, last;

    first = ends[0] && g_ascii_isdigit(*ends[0]) ? g_ascii_strtoull(ends[0], &end, 10)
                                                 : G_MAXUINT64;
    last = first;
    if (first != G_MAXUINT64 && *end == '\0' && ends[1]) {
        last = g_ascii_isdigit(*ends[1]) ? g_ascii_strtoull(ends[1], &end, 10) : G_MAXUINT64;
    }
    if (first > last || last >= TN_MAX_CPUS || *end) {
        return tn_fail(error, "Invalid parameter 'cpus': '%s' is no range of CPUs below %d", text,
                       TN_MAX_CPUS);
    }
    for (guint64 cpu = first; cpu <= last; cpu++) {
        node->cpus[cpu / 64] |= 1ULL << (cpu % 64);
    }
    node->given_cpus = TRUE;
    return TRUE;
}

/* -numa repeats "cpus=" in one option, which a JSON object cannot hold: cut them out first. */
static char *
split_numa_cpus(const char *text, GPtrArray *cpus)
{
    g_auto(GStrv) terms = g_strsplit(text, ",", -1);
    g_autoptr(GString) rest = g_string_new(NULL);

    for (char **term = terms; *term; term++) {
        if (g_str_has_prefix(*term, "cpus=")) {
            g_ptr_array_add(cpus, g_strdup(*term + strlen("cpus=")));
        } else {
            g_string_append_printf(rest, "%s%s", rest->len ? "," : "", *term);
        }
    }
    return g_string_free(g_steal_pointer(&rest), FALSE);
}

gboolean
tn_options_take_numa(TnMachineConfig *config, const char *text, GError **error)
{
    g_autoptr(GPtrArray) cpus = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *rest = split_numa_cpus(text, cpus);
    TN_AUTO_JSON terms = tn_keyval_parse(rest, "type", error);
    g_autofree char *type = NULL;
    TnNumaNode node = { 0 };
    unsigned id = config->num_numa;

    if (!terms) {
        return FALSE;
    }
    type = tn_keyval_take(terms, "type");
    if (g_strcmp0(type, "dist") == 0) {
        return cpus->len == 0 ? tn_options_take_numa_distance(config, terms, error)
                              : tn_fail(error, "Invalid parameter 'cpus'");
    }
    if (!type || strcmp(type, "node") != 0) {
        return tn_fail(error, "-numa %s is not supported: use -numa node or -numa dist",
                       type ? type : "");
    }
    if (!tn_keyval_take_uint(terms, "nodeid", 0, TN_MAX_NUMA_NODES - 1, &id, error) ||
        !take_size(terms, "mem", MIB, &node.size, error)) {
        return FALSE;
    }
    if (id != config->num_numa) {
        return tn_fail(error, "NUMA nodes must be given in order: expected nodeid=%u, found %u",
                       config->num_numa, id);
    }
    if (config->num_numa >= TN_MAX_NUMA_NODES) {
        return tn_fail(error, "too many NUMA nodes: the limit is %d", TN_MAX_NUMA_NODES);
    }
    for (guint i = 0; i < cpus->len; i++) {
        if (!take_numa_cpus(&node, g_ptr_array_index(cpus, i), error)) {
            return FALSE;
        }
    }
    node.memdev = tn_keyval_take(terms, "memdev");
    if (!tn_keyval_check_empty(terms, error)) {
        g_free(node.memdev);
        return FALSE;
    }
    config->numa = g_renew(TnNumaNode, config->numa, config->num_numa + 1);
    config->numa[config->num_numa++] = node;
    return TRUE;
}

gboolean
tn_options_take_name(TnMachineConfig *config, const char *text, GError **error)
{
    TN_AUTO_JSON terms = tn_keyval_parse(text, "guest", error);

    if (!terms || !tn_keyval_take_bool(terms, "debug-threads", &config->debug_threads, error)) {
        return FALSE;
    }
    g_free(config->name);
    config->name = tn_keyval_take(terms, "guest");
    g_free(config->process_name);
    config->process_name = tn_keyval_take(terms, "process");
    return tn_keyval_check_empty(terms, error);
}

gboolean
tn_options_take_rtc(TnMachineConfig *config, const char *text, GError **error)
{
    TN_AUTO_JSON terms = tn_keyval_parse(text, NULL, error);
    g_autofree char *base = NULL;
    g_autofree char *clock = NULL;
    g_autofree char *driftfix = NULL;

    if (!terms) {
        return FALSE;
    }
    base = tn_keyval_take(terms, "base");
    clock = tn_keyval_take(terms, "clock");
    driftfix = tn_keyval_take(terms, "driftfix");
    if (clock && strcmp(clock, "host") != 0) {
        return tn_fail(error, "-rtc clock=%s is not supported: use clock=host", clock);
    }
    if (driftfix && strcmp(driftfix, "none") != 0 && strcmp(driftfix, "slew") != 0) {
        return tn_fail(error, "-rtc driftfix=%s is unknown: use none or slew", driftfix);
    }
    config->rtc_localtime = g_strcmp0(base, "localtime") == 0;
    if (base && !config->rtc_localtime && strcmp(base, "utc") != 0) {
        g_autoptr(GTimeZone) utc = g_time_zone_new_utc();
        g_autoptr(GDateTime) date = g_date_time_new_from_iso8601(base, utc);

        if (!date) {
            return tn_fail(error,
                           "invalid datetime format '%s' in -rtc base: use utc, localtime or "
                           "2006-06-17T16:01:21",
                           base);
        }
        config->rtc_date = g_date_time_to_unix(date);
    }
    return tn_keyval_check_empty(terms, error);
}

gboolean
tn_options_take_uuid(TnMachineConfig *config, const char *text, GError **error)
{
    if (!g_uuid_string_is_valid(text)) {
        return tn_fail(error, "Failed to parse UUID string '%s'", text);
    }
    g_free(config->uuid);
    config->uuid = g_ascii_strdown(text, -1);
    return TRUE;
}

/* Shares of nodes that say no size: the rest, divided evenly; beside memdevs, none. */
static gboolean
complete_numa_memory(TnMachineConfig *c, GError **error)
{
    guint64 sum = 0;
    gboolean memdevs = FALSE;

    for (unsigned i = 0; i < c->num_numa; i++) {
        sum += c->numa[i].size;
        memdevs = memdevs || c->numa[i].memdev;
    }
    if (memdevs) {
        return sum == 0 || tn_fail(error, "numa configuration should use either mem= or memdev=, "
                                          "mixing both is not allowed");
    }
    if (sum == 0 && c->num_numa) {
        guint64 share = (c->ram_size / c->num_numa) & ~(8 * MIB - 1);

        for (unsigned i = 0; i < c->num_numa; i++) {
            c->numa[i].size = share;
        }
        c->numa[c->num_numa - 1].size = c->ram_size - share * (c->num_numa - 1);
        return TRUE;
    }
    if (c->num_numa && sum != c->ram_size) {
        return tn_fail(error,
                       "total memory for NUMA nodes (0x%" G_GINT64_MODIFIER
                       "x) should equal RAM size (0x%" G_GINT64_MODIFIER "x)",
                       sum, c->ram_size);
    }
    return TRUE;
}

static gboolean
complete_numa_cpus(TnMachineConfig *c, GError **error)
{
    gboolean any = FALSE;

    for (unsigned cpu = 0; cpu < TN_MAX_CPUS; cpu++) {
        unsigned owners = 0;

        for (unsigned i = 0; i < c->num_numa; i++) {
            any = any || c->numa[i].given_cpus;
            owners += (c->numa[i].cpus[cpu / 64] >> (cpu % 64)) & 1;
        }
        if (owners > 1) {
            return tn_fail(error, "CPU %u is in more than one NUMA node", cpu);
        }
        if (owners && cpu >= c->max_cpus) {
            return tn_fail(error, "CPU index (%u) should be smaller than maxcpus (%u)", cpu,
                           c->max_cpus);
        }
    }
    for (unsigned cpu = 0; c->num_numa && cpu < c->max_cpus; cpu++) {
        unsigned owners = 0;

        for (unsigned i = 0; i < c->num_numa; i++) {
            owners += (c->numa[i].cpus[cpu / 64] >> (cpu % 64)) & 1;
        }
        if (!owners) {
            /* Whole sockets go round the nodes; with explicit lists the rest is node 0's. */
            unsigned socket = cpu / (c->dies * c->cores * c->threads);
            unsigned node = any ? 0 : socket % c->num_numa;

            c->numa[node].cpus[cpu / 64] |= 1ULL << (cpu % 64);
        }
    }
    return TRUE;
}

gboolean
tn_options_complete(TnMachineConfig *config, GError **error)
{
    if (!config->type) {
        config->type = g_strdup("pc-i440fx-7.2");
    }
    if (!config->cpu_model) {
        config->cpu_model = g_strdup("host");
    }
    if (config->ram_size == 0) {
        config->ram_size = config->max_ram_size = DEFAULT_RAM;
    }
    if (!complete_smp(config, error)) {
        return FALSE;
    }
    if (config->num_numa == 0 && config->max_ram_size > config->ram_size) {
        /* Linux takes hot-plugged memory only with an SRAT: one node for all, as QEMU makes. */
        config->numa = g_new0(TnNumaNode, 1);
        config->numa[0].size = config->ram_size;
        config->num_numa = 1;
    }
    return complete_numa_memory(config, error) && complete_numa_cpus(config, error) &&
           tn_options_complete_numa_distances(config, error);
}
