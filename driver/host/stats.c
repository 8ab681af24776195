/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* /proc/stat, /proc/meminfo and their kin of single nodes. */
#include "driver/host/stats.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

gboolean
tn_host_cpu_times(const char *root, int cpu, TnHostCpuTimes *ret_times)
{
    g_autofree char *path = g_strconcat(root, "/proc/stat", NULL);
    g_autofree char *key = cpu < 0 ? g_strdup("cpu ") : g_strdup_printf("cpu%d ", cpu);
    g_autofree char *text = NULL;
    const char *line;
    guint64 user, nice, system, idle, iowait, irq, softirq, tick;

    if (!g_file_get_contents(path, &text, NULL, NULL)) {
        return FALSE;
    }
    for (line = text; line && !g_str_has_prefix(line, key);) {
        line = strchr(line, '\n');
        line = line ? line + 1 : NULL;
    }
    if (!line || sscanf(line + strlen(key),
                        "%" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT
                        " %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT
                        " %" G_GUINT64_FORMAT,
                        &user, &nice, &system, &idle, &iowait, &irq, &softirq) != 7) {
        return FALSE;
    }
    tick = 1000000000ULL / (guint64)sysconf(_SC_CLK_TCK);
    *ret_times = (TnHostCpuTimes){
        .kernel = (system + irq + softirq) * tick,
        .user = (user + nice) * tick,
        .idle = idle * tick,
        .iowait = iowait * tick,
    };
    return TRUE;
}

static guint64
find_kib(const char *text, const char *key)
{
    const char *line = strstr(text, key);

    return line ? g_ascii_strtoull(line + strlen(key), NULL, 10) : 0;
}

gboolean
tn_host_memory(const char *root, int node, TnHostMemory *ret_memory)
{
    g_autofree char *whole = g_strconcat(root, "/proc/meminfo", NULL);
    g_autofree char *own = g_strdup_printf("%s/sys/devices/system/node/node%d/meminfo", root, node);
    g_autofree char *text = NULL;

    if (node < 0 ? !g_file_get_contents(whole, &text, NULL, NULL)
                 : !g_file_get_contents(own, &text, NULL, NULL) &&
                       (node > 0 || !g_file_get_contents(whole, &text, NULL, NULL))) {
        return FALSE;
    }
    *ret_memory = (TnHostMemory){
        .total = find_kib(text, "MemTotal:"),
        .free = find_kib(text, "MemFree:"),
        .buffers = node < 0 ? find_kib(text, "Buffers:") : 0,
        .cached = node < 0 ? find_kib(text, "\nCached:") : 0,
        .has_cache = node < 0,
    };
    return TRUE;
}

gboolean
tn_host_free_pages(const char *root, int node, guint size_kib, guint64 *ret_count)
{
    guint page_kib = (guint)sysconf(_SC_PAGESIZE) / 1024;
    g_autofree char *dir = node < 0
                               ? g_strconcat(root, "/sys/kernel/mm", NULL)
                               : g_strdup_printf("%s/sys/devices/system/node/node%d", root, node);
    g_autofree char *path = g_strdup_printf("%s/hugepages/hugepages-%ukB/free_hugepages", dir,
                                            size_kib);
    g_autofree char *text = NULL;
    TnHostMemory memory;

    if (size_kib == page_kib) {
        if (!tn_host_memory(root, node, &memory)) {
            return FALSE;
        }
        *ret_count = memory.free / page_kib;
        return TRUE;
    }
    if (!g_file_get_contents(path, &text, NULL, NULL)) {
        return FALSE;
    }
    *ret_count = g_ascii_strtoull(text, NULL, 10);
    return TRUE;
}
