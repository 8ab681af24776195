/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Memory backends against the real kernel: what complete maps, how smaps sees it,
 * and each refusal with its text.
 */
#include "vmm/backend/memory-backend.h"

#include "vmm/core/fd-set.h"
#include "vmm/core/property.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define KIB G_GUINT64_CONSTANT(1024)
#define MIB (KIB * 1024)

typedef struct {
    TnObject *root, *objects;
    TnMemory *memory;
    char *dir;
} Fixture;

static void
set_up(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;

    f->root = tn_object_new_root();
    f->objects = tn_object_ensure_container(f->root, "objects");
    f->memory = tn_memory_new();
    f->dir = g_dir_make_tmp("tenon-mem-XXXXXX", &error);
    g_assert_no_error(error);
}

static void
tear_down(Fixture *f, gconstpointer data)
{
    g_object_unref(f->root);
    tn_memory_free(f->memory);
    /* Each test removes its files: the directory is empty. */
    g_assert_cmpint(g_rmdir(f->dir), ==, 0);
    g_free(f->dir);
}

/* object-add of @type with the JSON members of @props (single quotes for double). */
static TnMemoryBackend *
try_add(Fixture *f, GType type, const char *props, GError **error)
{
    g_autoptr(TnObject) object = g_object_new(type, NULL);
    g_autofree char *text = g_strdelimit(g_strdup_printf("{%s}", props), "'", '"');
    json_object *json = json_tokener_parse(text);
    gboolean ok;

    g_assert_nonnull(json);
    ok = tn_object_set_properties_json(object, json, NULL, TN_PROPERTY_STRICT, f->root, error);
    json_object_put(json);
    if (!ok) {
        return NULL;
    }
    g_assert_true(tn_object_add_child(f->objects, "mem0", object, NULL));
    if (!TN_OBJECT_GET_CLASS(object)->complete(object, error)) {
        tn_object_unparent(object);
        return NULL;
    }
    return TN_MEMORY_BACKEND(object);
}

static TnMemoryBackend *
add(Fixture *f, GType type, const char *props)
{
    g_autoptr(GError) error = NULL;
    TnMemoryBackend *backend = try_add(f, type, props, &error);

    g_assert_no_error(error);
    return backend;
}

static void
assert_refused(Fixture *f, GType type, const char *props, const char *text)
{
    g_autoptr(GError) error = NULL;

    g_assert_null(try_add(f, type, props, &error));
    g_assert_nonnull(error);
    g_assert_cmpstr(error->message, ==, text);
}

#define RAM tn_memory_backend_ram_get_type()
#define MEMFD tn_memory_backend_memfd_get_type()
#define FILE_TYPE tn_memory_backend_file_get_type()

/* The value of @field of the mapping at @base in smaps. (transfer full) */
static char *
smaps_field(const void *base, const char *field)
{
    g_autofree char *text = NULL;
    g_autofree char *start = g_strdup_printf("\n%" G_GINT64_MODIFIER "x-", (guint64)(guintptr)base);
    const char *at;

    g_assert_true(g_file_get_contents("/proc/self/smaps", &text, NULL, NULL));
    at = strstr(text, start);
    g_assert_nonnull(at);
    at = strstr(at, field);
    g_assert_nonnull(at);
    at += strlen(field);
    return g_strstrip(g_strndup(at, strcspn(at, "\n")));
}

static gboolean
has_flag(TnMemoryBackend *backend, const char *flag)
{
    g_autofree char *flags = smaps_field(tn_memory_backend_get_mapping(backend)->base, "VmFlags:");
    g_auto(GStrv) list = g_strsplit(flags, " ", -1);

    return g_strv_contains((const char *const *)list, flag);
}

static guint64
resident_kib(TnMemoryBackend *backend)
{
    g_autofree char *rss = smaps_field(tn_memory_backend_get_mapping(backend)->base, "\nRss:");

    return g_ascii_strtoull(rss, NULL, 10);
}

static void
test_ram_maps_zeroed_memory(Fixture *f, gconstpointer data)
{
    TnMemoryBackend *backend = add(f, RAM, "'size': 4194304");
    const TnHostMemory *mapping = tn_memory_backend_get_mapping(backend);

    g_assert_cmpuint(mapping->size, ==, 4 * MIB);
    g_assert_cmpuint((guintptr)mapping->base % (2 * MIB), ==, 0);
    g_assert_cmpint(((char *)mapping->base)[4 * MIB - 1], ==, 0);
    ((char *)mapping->base)[0] = 1;
    g_assert_cmpuint(tn_memory_backend_get_alignment(backend), ==, 2 * MIB);
    g_assert_cmpuint(tn_memory_backend_get_size(backend), ==, 4 * MIB);
}

static void
test_ram_region(Fixture *f, gconstpointer data)
{
    TnMemoryBackend *backend = add(f, RAM, "'size': 4097");
    TnMemoryRegion *region = tn_memory_backend_get_region(backend, f->memory);

    g_assert_cmpstr(region->name, ==, "mem0");
    g_assert_cmpuint(tn_memory_region_size(region), ==, 8192);
    g_assert_cmpint(region->kind, ==, TN_REGION_RAM);
    g_assert_true(region->ram.host == tn_memory_backend_get_mapping(backend)->base);
    g_assert_cmpint(region->ram.fd, ==, -1);
    g_assert_true(region == tn_memory_backend_get_region(backend, f->memory));
}

static void
test_region_before_complete(Fixture *f, gconstpointer data)
{
    g_autoptr(TnMemoryBackend) backend = g_object_new(RAM, "size", 4096 * KIB, NULL);

    g_assert_null(tn_memory_backend_get_region(backend, f->memory));
}

static void
test_ram_defaults(Fixture *f, gconstpointer data)
{
    TnMemoryBackendInfo info;

    tn_memory_backend_get_info(add(f, RAM, "'size': 4096"), &info);
    g_assert_true(info.merge && info.dump && info.reserve);
    g_assert_false(info.share || info.prealloc);
    g_assert_cmpstr(tn_host_mem_policy_to_string(info.policy), ==, "default");
}

static void
test_ram_refusals(Fixture *f, gconstpointer data)
{
    assert_refused(f, RAM, "", "Parameter 'size' is missing");
    assert_refused(f, RAM, "'size': 0",
                   "property 'size' of memory-backend-ram doesn't take value '0'");
    assert_refused(f, RAM, "'size': 4096, 'prealloc-threads': 0",
                   "property 'prealloc-threads' of memory-backend-ram doesn't take value '0'");
    assert_refused(f, RAM, "'size': 4096, 'prealloc': true, 'reserve': false",
                   "'prealloc=on' and 'reserve=off' are incompatible");
    assert_refused(f, RAM, "'size': 4611686018427387904",
                   "cannot set up guest memory 'mem0': Cannot allocate memory");
    assert_refused(f, RAM, "'size': 18446744073709551615",
                   "cannot set up guest memory 'mem0': Cannot allocate memory");
}

static void
test_policy_refusals(Fixture *f, gconstpointer data)
{
    assert_refused(f, RAM, "'size': 4096, 'host-nodes': [0]",
                   "host-nodes must be empty for policy default, or you should explicitly "
                   "specify a policy other than default");
    assert_refused(f, RAM, "'size': 4096, 'policy': 'bind'",
                   "host-nodes must be set for policy bind");
    assert_refused(f, RAM, "'size': 4096, 'policy': 'bind', 'host-nodes': [128]",
                   "Invalid host-nodes value: 128");
    assert_refused(f, RAM, "'size': 4096, 'policy': 'foo'",
                   "Parameter 'policy' does not accept value 'foo'");
}

/* The policy of the page at @addr; -1 when the kernel has no NUMA. */
static int
policy_at(void *addr)
{
    int mode = -1;

    if (syscall(SYS_get_mempolicy, &mode, NULL, 0UL, addr, 2UL /* MPOL_F_ADDR */) < 0) {
        return -1;
    }
    return mode;
}

static void
test_policy_is_the_kernels(Fixture *f, gconstpointer data)
{
    static const struct {
        const char *name;
        int mode, other;
    } policies[] = { { "bind", 2, 2 }, { "interleave", 3, 3 }, { "preferred", 5, 1 } };

    for (guint i = 0; i < G_N_ELEMENTS(policies); i++) {
        g_autofree char *props = g_strdup_printf(
            "'size': 4194304, 'policy': '%s', 'host-nodes': [0]", policies[i].name);
        g_autoptr(GError) error = NULL;
        TnMemoryBackend *backend = try_add(f, RAM, props, &error);
        int mode;

        if (!backend && strstr(error->message, "Function not implemented")) {
            g_test_skip("this kernel has no NUMA policies");
            return;
        }
        g_assert_no_error(error);
        mode = policy_at(tn_memory_backend_get_mapping(backend)->base);
        g_assert_true(mode == policies[i].mode || mode == policies[i].other);
        tn_object_unparent(TN_OBJECT(backend));
    }
}

static void
test_policy_refuses_a_node_that_is_not_there(Fixture *f, gconstpointer data)
{
    if (policy_at(f) < 0) {
        g_test_skip("this kernel has no NUMA policies");
        return;
    }
    assert_refused(f, RAM, "'size': 4096, 'policy': 'bind', 'host-nodes': [127]",
                   "cannot bind memory to host NUMA nodes: Invalid argument");
}

static void
test_host_nodes_read_back(Fixture *f, gconstpointer data)
{
    g_autoptr(TnObject) object = g_object_new(RAM, NULL);
    json_object *in = json_tokener_parse("[5, 1, 64, 1]");
    json_object *out;

    g_assert_true(tn_object_set_property_json(object, "host-nodes", in, TN_PROPERTY_STRICT,
                                              f->root, NULL));
    out = tn_object_get_property_json(object, "host-nodes", NULL);
    g_assert_cmpstr(json_object_to_json_string_ext(out, JSON_C_TO_STRING_PLAIN), ==, "[1,5,64]");
    json_object_put(in);
    json_object_put(out);
}

static void
test_dump_is_live(Fixture *f, gconstpointer data)
{
    TnMemoryBackend *backend = add(f, RAM, "'size': 4194304, 'dump': false");

    g_assert_true(has_flag(backend, "dd"));
    g_object_set(backend, "dump", TRUE, NULL);
    g_assert_false(has_flag(backend, "dd"));
}

static void
test_merge_is_live(Fixture *f, gconstpointer data)
{
    TnMemoryBackend *backend = add(f, RAM, "'size': 4194304");

    if (!g_file_test("/sys/kernel/mm/ksm/run", G_FILE_TEST_EXISTS)) {
        g_test_skip("this kernel merges no pages");
        return;
    }
    g_assert_true(has_flag(backend, "mg"));
    g_object_set(backend, "merge", FALSE, NULL);
    g_assert_false(has_flag(backend, "mg"));
}

static void
test_fork_leaves_the_memory_out(Fixture *f, gconstpointer data)
{
    g_assert_true(has_flag(add(f, RAM, "'size': 4194304"), "dc"));
}

static void
test_share_maps_shared(Fixture *f, gconstpointer data)
{
    g_assert_true(has_flag(add(f, RAM, "'size': 4194304, 'share': true"), "sh"));
}

static void
test_noreserve(Fixture *f, gconstpointer data)
{
    g_assert_true(has_flag(add(f, RAM, "'size': 4194304, 'reserve': false"), "nr"));
}

static void
test_nothing_is_touched_without_prealloc(Fixture *f, gconstpointer data)
{
    g_assert_cmpuint(resident_kib(add(f, RAM, "'size': 67108864")), ==, 0);
}

static void
test_prealloc_populates(Fixture *f, gconstpointer data)
{
    g_assert_cmpuint(resident_kib(add(f, RAM, "'size': 8388608, 'prealloc': true")), ==, 8192);
}

static void
test_prealloc_by_several_threads(Fixture *f, gconstpointer data)
{
    TnMemoryBackend *backend = add(
        f, MEMFD, "'size': 68161536, 'prealloc': true, 'prealloc-threads': 3"); /* 65 MiB + 4 KiB */

    g_assert_cmpuint(resident_kib(backend), ==, 68161536 / 1024);
}

static void
test_memfd_is_shared_and_sealed(Fixture *f, gconstpointer data)
{
    TnMemoryBackend *backend = add(f, MEMFD, "'size': 4194304");
    TnMemoryRegion *region = tn_memory_backend_get_region(backend, f->memory);
    TnMemoryBackendInfo info;

    tn_memory_backend_get_info(backend, &info);
    g_assert_true(info.share);
    g_assert_cmpint(region->ram.fd, >=, 0);
    g_assert_cmpint(fcntl(region->ram.fd, F_GET_SEALS), ==,
                    F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL);
    g_assert_true(has_flag(backend, "sh"));
    g_assert_cmpuint(tn_memory_backend_get_alignment(backend), ==, 4096);
}

static void
test_memfd_unsealed(Fixture *f, gconstpointer data)
{
    TnMemoryBackend *backend = add(f, MEMFD, "'size': 4096, 'seal': false");
    TnMemoryRegion *region = tn_memory_backend_get_region(backend, f->memory);

    g_assert_cmpint(ftruncate(region->ram.fd, 8192), ==, 0);
}

static void
test_memfd_refusals(Fixture *f, gconstpointer data)
{
    assert_refused(f, MEMFD, "'size': 4097",
                   "backing store size 0x1001 does not match 'size' option 0x2000");
    assert_refused(f, MEMFD, "'size': 4096, 'hugetlb': true, 'hugetlbsize': 3145728",
                   "Hugepage size must be a power of 2");
    assert_refused(f, MEMFD, "'size': 4096, 'hugetlb': true, 'hugetlbsize': 0",
                   "Property 'memory-backend-memfd.hugetlbsize' doesn't take value '0'");
}

static void
test_memfd_hugetlb(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    TnMemoryBackend *backend;

    if (!g_file_test("/sys/kernel/mm/hugepages/hugepages-2048kB", G_FILE_TEST_EXISTS)) {
        g_test_skip("this kernel has no huge pages of 2 MiB");
        return;
    }
    assert_refused(f, MEMFD, "'size': 1048576, 'hugetlb': true, 'hugetlbsize': 2097152",
                   "failed to resize memfd to 1048576: Invalid argument");
    backend = try_add(f, MEMFD, "'size': 2097152, 'hugetlb': true, 'hugetlbsize': 2097152", &error);
    if (backend) {
        g_assert_cmpuint(tn_memory_backend_get_alignment(backend), ==, 2 * MIB);
        g_assert_true(has_flag(backend, "ht"));
    } else {
        g_assert_cmpstr(error->message, ==,
                        "unable to map backing store for guest RAM: Cannot allocate memory");
    }
}

/* "'mem-path': '<dir>/<name>', " and @rest. (transfer full) */
static char *
file_props(Fixture *f, const char *name, const char *rest)
{
    return g_strdup_printf("'mem-path': '%s/%s', %s", f->dir, name, rest);
}

static void
remove_file(Fixture *f, const char *name)
{
    g_autofree char *path = g_build_filename(f->dir, name, NULL);

    g_assert_cmpint(g_unlink(path), ==, 0);
}

static void
write_file(Fixture *f, const char *name, gsize size)
{
    g_autofree char *path = g_build_filename(f->dir, name, NULL);
    g_autofree char *text = g_malloc(size);

    memset(text, 'x', size);
    g_assert_true(g_file_set_contents(path, text, (gssize)size, NULL));
}

static void
test_file_is_made(Fixture *f, gconstpointer data)
{
    g_autofree char *props = file_props(f, "new", "'size': 1048576, 'share': true");
    TnMemoryBackend *backend = add(f, FILE_TYPE, props);
    g_autofree char *path = g_build_filename(f->dir, "new", NULL);
    g_autofree char *text = NULL;
    gsize size;

    memcpy(tn_memory_backend_get_mapping(backend)->base, "guest", 5);
    g_assert_true(g_file_get_contents(path, &text, &size, NULL));
    g_assert_cmpuint(size, ==, MIB);
    g_assert_cmpmem(text, 5, "guest", 5);
    remove_file(f, "new");
}

static void
test_file_private_leaves_the_file_alone(Fixture *f, gconstpointer data)
{
    g_autofree char *props = file_props(f, "old", "'size': 8192");
    g_autofree char *path = g_build_filename(f->dir, "old", NULL);
    g_autofree char *text = NULL;
    TnMemoryBackend *backend;

    write_file(f, "old", 8192);
    backend = add(f, FILE_TYPE, props);
    g_assert_cmpint(*(char *)tn_memory_backend_get_mapping(backend)->base, ==, 'x');
    memcpy(tn_memory_backend_get_mapping(backend)->base, "guest", 5);
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_assert_cmpint(text[0], ==, 'x');
    remove_file(f, "old");
}

static void
test_file_in_a_directory_has_no_name(Fixture *f, gconstpointer data)
{
    g_autofree char *props = file_props(f, "", "'size': 1048576");

    g_assert_cmpuint(tn_memory_backend_get_mapping(add(f, FILE_TYPE, props))->size, ==, MIB);
}

static void
test_file_readonly_is_rom(Fixture *f, gconstpointer data)
{
    g_autofree char *props = file_props(f, "ro", "'size': 4096, 'readonly': true");
    TnMemoryBackend *backend;

    write_file(f, "ro", 4096);
    backend = add(f, FILE_TYPE, props);
    g_assert_cmpint(tn_memory_backend_get_region(backend, f->memory)->kind, ==, TN_REGION_ROM);
    g_assert_false(has_flag(backend, "wr"));
    remove_file(f, "ro");
}

static void
test_file_align(Fixture *f, gconstpointer data)
{
    g_autofree char *props = file_props(f, "", "'size': 1048576, 'align': 1048576");
    TnMemoryBackend *backend = add(f, FILE_TYPE, props);

    g_assert_cmpuint(tn_memory_backend_get_alignment(backend), ==, MIB);
    g_assert_cmpuint((guintptr)tn_memory_backend_get_mapping(backend)->base % MIB, ==, 0);
}

static void
test_file_discard_data(Fixture *f, gconstpointer data)
{
    g_autofree char *path = g_strdup_printf("/dev/shm/tenon-discard-%d", getpid());
    g_autofree char *props = g_strdup_printf(
        "'mem-path': '%s', 'size': 8192, 'share': true, 'discard-data': true", path);
    g_autofree char *text = NULL;
    TnMemoryBackend *backend;

    if (!g_file_set_contents(path, "", 0, NULL)) {
        g_test_skip("no /dev/shm, and only some file systems can drop a file's blocks");
        return;
    }
    backend = add(f, FILE_TYPE, props);
    memset(tn_memory_backend_get_mapping(backend)->base, 'g', 8192);
    tn_object_unparent(TN_OBJECT(backend));
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_assert_cmpint(text[0], ==, 0);
    g_assert_cmpint(g_unlink(path), ==, 0);
}

static void
assert_file_refused(Fixture *f, const char *name, const char *rest, const char *text)
{
    g_autofree char *props = file_props(f, name, rest);

    assert_refused(f, FILE_TYPE, props, text);
}

static void
test_file_refusals(Fixture *f, gconstpointer data)
{
    g_autofree char *missing = g_strdup_printf(
        "can't open backing store %s/no/file for guest RAM: No such file or directory", f->dir);
    g_autofree char *missing_ro = g_strdup_printf(
        "can't open backing store %s/ro for guest RAM: No such file or directory", f->dir);

    assert_refused(f, FILE_TYPE, "'size': 4096", "Parameter 'mem-path' is missing");
    assert_file_refused(f, "no/file", "'size': 4096", missing);
    assert_file_refused(f, "ro", "'size': 4096, 'readonly': true", missing_ro);
    assert_refused(f, FILE_TYPE, "'size': 4096, 'mem-path': '/dev/null'",
                   "unable to map backing store for guest RAM: No such device");
    assert_file_refused(f, "a", "'size': 4096, 'align': 100",
                        "alignment 0x64 must be multiples of page size 0x1000");
    assert_file_refused(f, "a", "'size': 4096, 'align': 12288",
                        "alignment 0x3000 must be a power of two");
    write_file(f, "small", 4096);
    assert_file_refused(f, "small", "'size': 8192",
                        "backing store size 0x1000 does not match 'size' option 0x2000");
    remove_file(f, "small");
}

static void
test_file_from_a_set(Fixture *f, gconstpointer data)
{
    int fd = memfd_create("set", MFD_CLOEXEC);
    guint8 *base;

    g_assert_cmpint(fd, >=, 0);
    g_assert_true(tn_fdsets_add(tn_fdsets_get(f->root), 4, dup(fd), NULL, NULL, NULL));
    base = tn_memory_backend_get_mapping(
               add(f, FILE_TYPE, "'size': 4096, 'mem-path': '/dev/fdset/4', 'share': true"))
               ->base;
    base[0] = 0x5a;
    g_assert_cmpint(pread(fd, &base[1], 1, 0), ==, 1);
    g_assert_cmphex(base[1], ==, 0x5a);
    (void)close(fd);
}

static void
test_file_from_a_set_refusals(Fixture *f, gconstpointer data)
{
    int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);

    g_assert_true(tn_fdsets_add(tn_fdsets_get(f->root), 4, fd, NULL, NULL, NULL));
    assert_refused(f, FILE_TYPE, "'size': 4096, 'mem-path': '/dev/fdset/5'",
                   "can't open backing store /dev/fdset/5 for guest RAM: No such file or "
                   "directory");
    assert_refused(f, FILE_TYPE, "'size': 4096, 'mem-path': '/dev/fdset/4'",
                   "can't open backing store /dev/fdset/4 for guest RAM: Permission denied");
    assert_refused(f, FILE_TYPE, "'size': 4096, 'mem-path': '/dev/fdset/x'",
                   "can't open backing store /dev/fdset/x for guest RAM: Invalid argument");
}

/* What the refused attempts above made is gone again: tear_down finds the directory empty. */
static void
test_file_made_is_removed_on_failure(Fixture *f, gconstpointer data)
{
    g_autofree char *path = g_build_filename(f->dir, "new", NULL);

    assert_file_refused(f, "new", "'size': 4096, 'policy': 'bind', 'host-nodes': [127]",
                        policy_at(f) < 0
                            ? "cannot bind memory to host NUMA nodes: Function not implemented"
                            : "cannot bind memory to host NUMA nodes: Invalid argument");
    g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
}

static void
assert_set(Fixture *f, TnMemoryBackend *backend, const char *name, const char *value,
           const char *refusal)
{
    json_object *json = json_tokener_parse(value);
    g_autoptr(GError) error = NULL;

    (void)tn_object_set_property_json(TN_OBJECT(backend), name, json, TN_PROPERTY_STRICT, f->root,
                                      &error);
    g_assert_cmpstr(error ? error->message : NULL, ==, refusal);
    json_object_put(json);
}

static void
test_complete_fixes_all_but_merge_and_dump(Fixture *f, gconstpointer data)
{
    TnMemoryBackend *backend = add(f, RAM, "'size': 4096");

    assert_set(f, backend, "size", "8192", "cannot change property value");
    assert_set(f, backend, "share", "true", "cannot change property value");
    assert_set(f, backend, "policy", "\"bind\"", "cannot change property value");
    assert_set(f, backend, "merge", "false", NULL);
    assert_set(f, backend, "dump", "false", NULL);
}

static void
test_mapped_cannot_be_deleted(Fixture *f, gconstpointer data)
{
    TnMemoryBackend *backend = add(f, RAM, "'size': 4096");
    TnObjectClass *klass = TN_OBJECT_GET_CLASS(backend);

    g_assert_true(klass->can_be_deleted(TN_OBJECT(backend)));
    tn_memory_backend_set_mapped(backend, TRUE);
    g_assert_false(klass->can_be_deleted(TN_OBJECT(backend)));
}

static void
test_last_reference_unmaps(Fixture *f, gconstpointer data)
{
    TnMemoryBackend *backend = add(f, RAM, "'size': 4194304");
    void *base = tn_memory_backend_get_mapping(backend)->base;
    unsigned char resident;

    g_assert_cmpint(mincore(base, 4096, &resident), ==, 0);
    tn_object_unparent(TN_OBJECT(backend));
    g_assert_cmpint(mincore(base, 4096, &resident), ==, -1);
}

#define ADD(path, func)                                                                         \
    g_test_add("/backend/memory/" path, Fixture, NULL, set_up, func, tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("ram/maps-zeroed-memory", test_ram_maps_zeroed_memory);
    ADD("ram/region", test_ram_region);
    ADD("ram/defaults", test_ram_defaults);
    ADD("ram/refusals", test_ram_refusals);
    ADD("region-before-complete", test_region_before_complete);
    ADD("policy/refusals", test_policy_refusals);
    ADD("policy/is-the-kernels", test_policy_is_the_kernels);
    ADD("policy/refuses-a-node-that-is-not-there", test_policy_refuses_a_node_that_is_not_there);
    ADD("policy/host-nodes-read-back", test_host_nodes_read_back);
    ADD("dump-is-live", test_dump_is_live);
    ADD("merge-is-live", test_merge_is_live);
    ADD("fork-leaves-the-memory-out", test_fork_leaves_the_memory_out);
    ADD("share-maps-shared", test_share_maps_shared);
    ADD("noreserve", test_noreserve);
    ADD("prealloc/nothing-is-touched-without", test_nothing_is_touched_without_prealloc);
    ADD("prealloc/populates", test_prealloc_populates);
    ADD("prealloc/by-several-threads", test_prealloc_by_several_threads);
    ADD("memfd/is-shared-and-sealed", test_memfd_is_shared_and_sealed);
    ADD("memfd/unsealed", test_memfd_unsealed);
    ADD("memfd/refusals", test_memfd_refusals);
    ADD("memfd/hugetlb", test_memfd_hugetlb);
    ADD("file/is-made", test_file_is_made);
    ADD("file/private-leaves-the-file-alone", test_file_private_leaves_the_file_alone);
    ADD("file/in-a-directory-has-no-name", test_file_in_a_directory_has_no_name);
    ADD("file/readonly-is-rom", test_file_readonly_is_rom);
    ADD("file/align", test_file_align);
    ADD("file/discard-data", test_file_discard_data);
    ADD("file/refusals", test_file_refusals);
    ADD("file/made-is-removed-on-failure", test_file_made_is_removed_on_failure);
    ADD("file/from-a-set", test_file_from_a_set);
    ADD("file/from-a-set-refusals", test_file_from_a_set_refusals);
    ADD("complete-fixes-all-but-merge-and-dump", test_complete_fixes_all_but_merge_and_dump);
    ADD("mapped-cannot-be-deleted", test_mapped_cannot_be_deleted);
    ADD("last-reference-unmaps", test_last_reference_unmaps);
    return g_test_run();
}
