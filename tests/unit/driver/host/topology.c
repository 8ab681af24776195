/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Hosts made of files: what is read of them. */
#include "driver/host/topology.h"

#include <glib/gstdio.h>

#include "driver/host/stats.h"

static void
put(const char *root, const char *path, const char *text)
{
    g_autofree char *full = g_strconcat(root, path, NULL);
    g_autofree char *dir = g_path_get_dirname(full);

    g_assert_cmpint(g_mkdir_with_parents(dir, 0700), ==, 0);
    g_assert_true(g_file_set_contents(full, text, -1, NULL));
}

static void
put_cpu(const char *root, guint id, guint socket, guint core)
{
    g_autofree char *dir = g_strdup_printf("/sys/devices/system/cpu/cpu%u/topology", id);
    g_autofree char *socket_path = g_strconcat(dir, "/physical_package_id", NULL);
    g_autofree char *core_path = g_strconcat(dir, "/core_id", NULL);
    g_autofree char *socket_text = g_strdup_printf("%u\n", socket);
    g_autofree char *core_text = g_strdup_printf("%u\n", core);

    put(root, socket_path, socket_text);
    put(root, core_path, core_text);
}

static void
remove_tree(const char *path)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *child = g_build_filename(path, name, NULL);

        if (g_file_test(child, G_FILE_TEST_IS_DIR)) {
            remove_tree(child);
        } else {
            (void)g_unlink(child);
        }
    }
    (void)g_rmdir(path);
}

/* Two nodes, a socket each, of two cores with two threads. */
static char *
big_host(void)
{
    char *root = g_dir_make_tmp("tenon-host-XXXXXX", NULL);

    put(root, "/proc/meminfo", "MemTotal:  4096 kB\nMemFree: 1024 kB\nBuffers: 10 kB\n"
                               "SwapCached: 1 kB\nCached: 20 kB\n");
    put(root, "/proc/cpuinfo", "processor : 0\nvendor_id : AuthenticAMD\n"
                               "model name : A CPU: good\ncpu MHz : 2500.123\n"
                               "flags : fpu svm\n\nprocessor : 1\n");
    put(root, "/proc/stat", "cpu  10 2 3 100 5 1 1 0 0 0\ncpu0 5 1 1 50 2 0 0 0 0 0\n"
                            "cpu10 1 1 1 1 1 1 1 0 0 0\n");
    put(root, "/sys/devices/system/cpu/online", "0-7\n");
    put(root, "/sys/devices/system/cpu/present", "0-9\n");
    put(root, "/sys/devices/system/node/online", "0-1\n");
    put(root, "/sys/devices/system/node/node0/cpulist", "0-3\n");
    put(root, "/sys/devices/system/node/node1/cpulist", "4-7\n");
    put(root, "/sys/devices/system/node/node0/distance", "10 21\n");
    put(root, "/sys/devices/system/node/node1/distance", "21 10\n");
    put(root, "/sys/devices/system/node/node0/meminfo", "Node 0 MemTotal: 3072 kB\n"
                                                        "Node 0 MemFree: 512 kB\n");
    put(root, "/sys/devices/system/node/node1/meminfo", "Node 1 MemTotal: 1024 kB\n");
    put(root, "/sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages", "1\n");
    put(root, "/sys/devices/system/node/node0/hugepages/hugepages-2048kB/free_hugepages", "1\n");
    for (guint i = 0; i < 8; i++) {
        put_cpu(root, i, i / 4, i / 2 % 2);
    }
    return root;
}

static void
test_two_nodes(void)
{
    g_autofree char *root = big_host();
    g_autoptr(TnHostTopology) t = tn_host_topology_read(root);
    const TnHostNode *node = &g_array_index(t->nodes, TnHostNode, 0);

    g_assert_cmpuint(t->nodes->len, ==, 2);
    g_assert_cmpuint(t->n_cpus, ==, 8);
    g_assert_cmpuint(t->n_possible, ==, 10);
    g_assert_cmpuint(t->sockets, ==, 1);
    g_assert_cmpuint(t->cores, ==, 2);
    g_assert_cmpuint(t->threads, ==, 2);
    g_assert_cmpuint(node->memory_kib, ==, 3072);
    g_assert_cmpuint(node->cpus->len, ==, 4);
    g_assert_cmpuint(g_array_index(node->distances, guint, 1), ==, 21);
    g_assert_cmpuint(node->pages->len, ==, 2);
    g_assert_cmpuint(g_array_index(node->pages, TnHostPageSize, 0).count, ==, 256);
    remove_tree(root);
}

static void
test_cpuinfo(void)
{
    g_autofree char *root = big_host();
    g_autoptr(TnHostTopology) t = tn_host_topology_read(root);

    g_assert_cmpstr(t->model, ==, "A CPU: good");
    g_assert_cmpstr(t->vendor, ==, "AMD");
    g_assert_cmpuint(t->mhz, ==, 2500);
    g_assert_cmpstr(t->flags[1], ==, "svm");
    g_assert_cmpuint(t->memory_kib, ==, 4096);
    remove_tree(root);
}

static void
test_irregular_host_counts_as_one_socket(void)
{
    g_autofree char *root = big_host();
    g_autoptr(TnHostTopology) t = NULL;

    put(root, "/sys/devices/system/node/node1/cpulist", "4-6\n");
    put(root, "/sys/devices/system/cpu/online", "0-6\n");
    t = tn_host_topology_read(root);
    g_assert_cmpuint(t->sockets, ==, 1);
    g_assert_cmpuint(t->cores, ==, 7);
    g_assert_cmpuint(t->threads, ==, 1);
    remove_tree(root);
}

static void
test_nothing_to_read(void)
{
    g_autoptr(TnHostTopology) t = tn_host_topology_read("/nonexistent");

    g_assert_cmpuint(t->n_cpus, ==, 1);
    g_assert_cmpuint(t->nodes->len, ==, 1);
    g_assert_cmpuint(t->sockets * t->cores * t->threads, ==, 1);
}

static void
test_cpu_times(void)
{
    g_autofree char *root = big_host();
    TnHostCpuTimes times;

    g_assert_true(tn_host_cpu_times(root, -1, &times));
    g_assert_cmpuint(times.user, ==, 120000000);
    g_assert_cmpuint(times.kernel, ==, 50000000);
    g_assert_true(tn_host_cpu_times(root, 0, &times));
    g_assert_cmpuint(times.idle, ==, 500000000);
    g_assert_false(tn_host_cpu_times(root, 1, &times));
    remove_tree(root);
}

static void
test_memory(void)
{
    g_autofree char *root = big_host();
    TnHostMemory memory;
    guint64 count;

    g_assert_true(tn_host_memory(root, -1, &memory));
    g_assert_cmpuint(memory.cached, ==, 20);
    g_assert_true(tn_host_memory(root, 0, &memory));
    g_assert_cmpuint(memory.free, ==, 512);
    g_assert_false(tn_host_memory(root, 5, &memory));
    g_assert_true(tn_host_free_pages(root, 0, 2048, &count));
    g_assert_cmpuint(count, ==, 1);
    g_assert_false(tn_host_free_pages(root, 0, 12, &count));
    remove_tree(root);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/host/topology/two-nodes", test_two_nodes);
    g_test_add_func("/host/topology/cpuinfo", test_cpuinfo);
    g_test_add_func("/host/topology/irregular-host-counts-as-one-socket",
                    test_irregular_host_counts_as_one_socket);
    g_test_add_func("/host/topology/nothing-to-read", test_nothing_to_read);
    g_test_add_func("/host/stats/cpu-times", test_cpu_times);
    g_test_add_func("/host/stats/memory", test_memory);
    return g_test_run();
}
