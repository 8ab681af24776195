/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading /sys/devices/system and /proc/cpuinfo. */
#include "driver/host/topology.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* CPUs and nodes beyond these are no host that we know. */
#define MAX_CPUS 16384
#define MAX_NODES 1024

static char *read_text(const char *root, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* A small file without its last newline, or NULL. (transfer full) */
static char *
read_text(const char *root, const char *format, ...)
{
    g_autofree char *tail = NULL;
    g_autofree char *path = NULL;
    char *text = NULL;
    va_list args;

    va_start(args, format);
    tail = g_strdup_vprintf(format, args);
    va_end(args);
    path = g_strconcat(root, tail, NULL);
    return g_file_get_contents(path, &text, NULL, NULL) ? g_strchomp(text) : NULL;
}

static int
to_int(const char *text, int otherwise)
{
    return text && *text ? (int)g_ascii_strtoll(text, NULL, 10) : otherwise;
}

/* "0-3,7" as numbers below @limit. */
static GArray *
parse_list(const char *text, guint limit)
{
    GArray *numbers = g_array_new(FALSE, FALSE, sizeof(guint));
    g_auto(GStrv) parts = g_strsplit(text ? text : "", ",", -1);

    for (char **part = parts; *part; part++) {
        guint first, last;
        int n = sscanf(*part, "%u-%u", &first, &last);

        if (n < 1) {
            continue;
        }
        last = n == 1 ? first : last;
        for (guint i = first; i <= last && i < limit; i++) {
            g_array_append_val(numbers, i);
        }
    }
    return numbers;
}

static void
read_cpuinfo(TnHostTopology *t, const char *root)
{
    g_autofree char *text = read_text(root, "/proc/cpuinfo");
    g_auto(GStrv) lines = g_strsplit(text ? text : "", "\n", -1);

    /* The first processor stands for all. */
    for (char **line = lines; *line && **line; line++) {
        g_auto(GStrv) pair = g_strsplit(*line, ":", 2);
        const char *key = g_strchomp(pair[0]);
        char *value = pair[0] && pair[1] ? g_strstrip(pair[1]) : NULL;

        if (!value) {
            continue;
        }
        if (strcmp(key, "model name") == 0) {
            g_free(t->model);
            t->model = g_strdup(value);
        } else if (strcmp(key, "vendor_id") == 0) {
            g_free(t->vendor);
            t->vendor = strcmp(value, "GenuineIntel") == 0   ? g_strdup("Intel")
                        : strcmp(value, "AuthenticAMD") == 0 ? g_strdup("AMD")
                                                             : NULL;
        } else if (strcmp(key, "microcode") == 0) {
            g_free(t->microcode);
            t->microcode = g_strdup_printf("%" G_GUINT64_FORMAT,
                                           g_ascii_strtoull(value, NULL, 0));
        } else if (strcmp(key, "cpu MHz") == 0) {
            t->mhz = (guint)g_ascii_strtod(value, NULL);
        } else if (strcmp(key, "flags") == 0) {
            g_strfreev(t->flags);
            t->flags = g_strsplit(value, " ", -1);
        }
    }
}

static TnHostProcessor
read_processor(const char *root, guint id)
{
    TnHostProcessor cpu = { .id = id };
    g_autofree char *socket = read_text(
        root, "/sys/devices/system/cpu/cpu%u/topology/physical_package_id", id);
    g_autofree char *die = read_text(root, "/sys/devices/system/cpu/cpu%u/topology/die_id", id);
    g_autofree char *core = read_text(root, "/sys/devices/system/cpu/cpu%u/topology/core_id", id);

    cpu.socket = to_int(socket, -1);
    cpu.die = MAX(to_int(die, 0), 0);
    cpu.core = to_int(core, -1);
    cpu.siblings = read_text(root, "/sys/devices/system/cpu/cpu%u/topology/thread_siblings_list",
                             id);
    return cpu;
}

static guint64
read_meminfo(const char *text, const char *key)
{
    const char *line = text ? strstr(text, key) : NULL;

    return line ? g_ascii_strtoull(line + strlen(key), NULL, 10) : 0;
}

static void
read_pages(TnHostNode *node, const char *root)
{
    g_autofree char *dir_path = g_strdup_printf("%s/sys/devices/system/node/node%u/hugepages",
                                                root, node->id);
    g_autoptr(GDir) dir = g_dir_open(dir_path, 0, NULL);
    guint64 huge_kib = 0;
    TnHostPageSize base = { .size_kib = (guint64)sysconf(_SC_PAGESIZE) / 1024 };
    const char *name;

    g_array_append_val(node->pages, base);
    while (dir && (name = g_dir_read_name(dir))) {
        TnHostPageSize page = { 0 };
        g_autofree char *count = NULL;

        if (sscanf(name, "hugepages-%" G_GUINT64_FORMAT "kB", &page.size_kib) != 1) {
            continue;
        }
        count = read_text(root, "/sys/devices/system/node/node%u/hugepages/%s/nr_hugepages",
                          node->id, name);
        page.count = count ? g_ascii_strtoull(count, NULL, 10) : 0;
        huge_kib += page.count * page.size_kib;
        g_array_append_val(node->pages, page);
    }
    if (node->memory_kib > huge_kib) {
        g_array_index(node->pages, TnHostPageSize, 0).count = (node->memory_kib - huge_kib) /
                                                              base.size_kib;
    }
}

static void
read_distances(TnHostNode *node, const char *root)
{
    g_autofree char *text = read_text(root, "/sys/devices/system/node/node%u/distance", node->id);
    g_auto(GStrv) parts = g_strsplit(text ? text : "", " ", -1);

    for (char **part = parts; *part && **part; part++) {
        guint distance = (guint)to_int(*part, 10);

        g_array_append_val(node->distances, distance);
    }
}

static void
clear_processor(gpointer data)
{
    g_free(((TnHostProcessor *)data)->siblings);
}

static void
clear_node(gpointer data)
{
    TnHostNode *node = data;

    g_array_unref(node->cpus);
    g_array_unref(node->pages);
    g_array_unref(node->distances);
}

/* @numa: the host tells of nodes; otherwise node 0 is everything. */
static void
add_node(TnHostTopology *t, const char *root, guint id, GArray *online, gboolean numa)
{
    TnHostNode node = { .id = id };
    g_autofree char *cpulist = read_text(root, "/sys/devices/system/node/node%u/cpulist", id);
    g_autofree char *meminfo = read_text(root, "/sys/devices/system/node/node%u/meminfo", id);
    g_autoptr(GArray) cpus = numa ? parse_list(cpulist, MAX_CPUS) : g_array_ref(online);

    node.cpus = g_array_new(FALSE, FALSE, sizeof(TnHostProcessor));
    g_array_set_clear_func(node.cpus, clear_processor);
    node.pages = g_array_new(FALSE, FALSE, sizeof(TnHostPageSize));
    node.distances = g_array_new(FALSE, FALSE, sizeof(guint));
    node.memory_kib = numa ? read_meminfo(meminfo, "MemTotal:") : t->memory_kib;
    for (guint i = 0; i < cpus->len; i++) {
        TnHostProcessor cpu = read_processor(root, g_array_index(cpus, guint, i));

        g_array_append_val(node.cpus, cpu);
    }
    read_pages(&node, root);
    if (numa) {
        read_distances(&node, root);
    }
    g_array_append_val(t->nodes, node);
}

/* How many different values @key has, at least 1. */
static guint
count_values(const TnHostTopology *t, guint64 (*key)(const TnHostProcessor *cpu))
{
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);

    for (guint n = 0; n < t->nodes->len; n++) {
        const TnHostNode *node = &g_array_index(t->nodes, TnHostNode, n);

        for (guint i = 0; i < node->cpus->len; i++) {
            guint64 value = key(&g_array_index(node->cpus, TnHostProcessor, i));

            g_hash_table_add(seen, g_memdup2(&value, sizeof(value)));
        }
    }
    return MAX(g_hash_table_size(seen), 1);
}

static guint64
socket_key(const TnHostProcessor *cpu)
{
    return (guint64)(guint)MAX(cpu->socket, 0) << 44;
}

static guint64
die_key(const TnHostProcessor *cpu)
{
    return socket_key(cpu) | (guint64)(guint)MAX(cpu->die, 0) << 24;
}

static guint64
core_key(const TnHostProcessor *cpu)
{
    /* Without topology every CPU is a core of its own. */
    return die_key(cpu) | (guint64)(guint)(cpu->core < 0 ? (int)cpu->id : cpu->core);
}

/* sockets, dies, cores, threads whose product with the nodes is the number of CPUs; when the host
 * is not that regular, one socket with as many cores as there are CPUs. */
static void
count_topology(TnHostTopology *t)
{
    guint nodes = MAX(t->nodes->len, 1);
    guint sockets = count_values(t, socket_key);
    guint dies = count_values(t, die_key);
    guint cores = count_values(t, core_key);

    t->sockets = MAX(sockets / nodes, 1);
    t->dies = MAX(dies / sockets, 1);
    t->cores = MAX(cores / dies, 1);
    t->threads = MAX(t->n_cpus / cores, 1);
    if (nodes * t->sockets * t->dies * t->cores * t->threads != t->n_cpus) {
        t->sockets = t->dies = t->threads = 1;
        t->cores = MAX(t->n_cpus, 1);
    }
}

TnHostTopology *
tn_host_topology_read(const char *root)
{
    TnHostTopology *t = g_new0(TnHostTopology, 1);
    g_autofree char *online_text = read_text(root, "/sys/devices/system/cpu/online");
    g_autofree char *present_text = read_text(root, "/sys/devices/system/cpu/present");
    g_autofree char *nodes_text = read_text(root, "/sys/devices/system/node/online");
    g_autofree char *meminfo = read_text(root, "/proc/meminfo");
    g_autoptr(GArray) online = parse_list(online_text ? online_text : "0", MAX_CPUS);
    g_autoptr(GArray) present = parse_list(present_text ? present_text : "0", MAX_CPUS);
    g_autoptr(GArray) nodes = parse_list(nodes_text ? nodes_text : "0", MAX_NODES);

    t->model = g_strdup("");
    t->memory_kib = read_meminfo(meminfo, "MemTotal:");
    t->n_cpus = MAX(online->len, 1);
    t->n_possible = MAX(present->len, t->n_cpus);
    t->nodes = g_array_new(FALSE, FALSE, sizeof(TnHostNode));
    g_array_set_clear_func(t->nodes, clear_node);
    read_cpuinfo(t, root);
    for (guint i = 0; i < nodes->len; i++) {
        add_node(t, root, g_array_index(nodes, guint, i), online, nodes_text != NULL);
    }
    count_topology(t);
    return t;
}

void
tn_host_topology_free(TnHostTopology *t)
{
    if (t) {
        g_free(t->model);
        g_free(t->vendor);
        g_free(t->microcode);
        g_strfreev(t->flags);
        g_array_unref(t->nodes);
        g_free(t);
    }
}
