/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Boot RAM: where it shows, and what keeps a machine from having it. */
#include "vmm/machine/pc-ram.h"

#include "tests/lib/test-platform.h"
#include "vmm/backend/memory-backend.h"
#include "vmm/machine/machine-private.h"
#include "vmm/memory/listener.h"

#define MIB (1ULL << 20)
#define GIB (1ULL << 30)

typedef struct {
    TnTestPlatform *p;
    TnMachineConfig config;
    TnMachine machine; /* as far as RAM looks at it */
    TnPcRam *ram;
    /* A listener as the accelerator is one. */
    TnMemoryListener listener;
    guint64 refused; /* the address it takes nothing at; none: G_MAXUINT64 */
    unsigned sections;
} Fixture;

/* The machine's, which would make the default backend: all tests here name theirs. */
gboolean
tn_machine_object_add(TnMachine *self, const char *type, const char *id, json_object *props,
                      TnPropertyInput input, GError **error)
{
    g_assert_not_reached();
}

static void
on_add(TnMemoryListener *listener, const TnMemorySection *section)
{
    Fixture *f = (Fixture *)(void *)((char *)listener - G_STRUCT_OFFSET(Fixture, listener));
    g_autoptr(GError) error = g_error_new(TN_CORE_ERROR, TN_CORE_ERROR_GENERIC, "no slot is left");

    f->sections++;
    if (section->flat->range.first == f->refused) {
        g_assert_true(tn_memory_section_refuse(section, error));
    }
}

static void
on_del(TnMemoryListener *listener, const TnMemorySection *section)
{
    Fixture *f = (Fixture *)(void *)((char *)listener - G_STRUCT_OFFSET(Fixture, listener));

    f->sections--;
}

static void
set_up(Fixture *f, gconstpointer data)
{
    f->p = tn_test_platform_new();
    f->machine.config = &f->config;
    f->machine.platform = f->p->platform;
    f->machine.objects = tn_object_ensure_container(f->p->platform.root, "objects");
    f->listener = (TnMemoryListener){
        .name = "accelerator", .region_add = on_add, .region_del = on_del
    };
    f->refused = G_MAXUINT64;
    tn_memory_listener_register(&f->listener, f->p->platform.memory_space);
    f->sections = 0;
}

static void
unparent_child(TnObject *child, gpointer user_data)
{
    tn_object_unparent(child);
}

static void
tear_down(Fixture *f, gconstpointer data)
{
    tn_pc_ram_free(f->ram);
    tn_memory_listener_unregister(&f->listener, f->p->platform.memory_space);
    tn_object_foreach_child(f->machine.objects, unparent_child, NULL);
    tn_memory_synchronize(f->p->platform.memory);
    tn_test_platform_free(f->p);
}

/* object-add memory-backend-ram. (transfer none) */
static TnMemoryBackend *
add_backend(Fixture *f, const char *id, guint64 size)
{
    g_autoptr(TnObject) object = g_object_new(tn_memory_backend_ram_get_type(), "size", size,
                                              "reserve", FALSE, NULL);
    g_autoptr(GError) error = NULL;

    tn_object_add_child(f->machine.objects, id, object, &error);
    g_assert_no_error(error);
    TN_OBJECT_GET_CLASS(object)->complete(object, &error);
    g_assert_no_error(error);
    return TN_MEMORY_BACKEND(object);
}

static void
make_ram(Fixture *f, const char *backend, guint64 size)
{
    g_autoptr(GError) error = NULL;

    f->config.memory_backend = (char *)backend;
    f->config.ram_size = size;
    f->ram = tn_pc_ram_new(&f->machine, &error);
    g_assert_no_error(error);
}

static void
assert_refused(Fixture *f, const char *backend, guint64 size, const char *text)
{
    g_autoptr(GError) error = NULL;

    f->config.memory_backend = (char *)backend;
    f->config.ram_size = size;
    g_assert_null(tn_pc_ram_new(&f->machine, &error));
    g_assert_cmpstr(error->message, ==, text);
    g_assert_cmpuint(f->sections, ==, 0);
}

static gboolean
is_ram(Fixture *f, guint64 address)
{
    guint64 size;

    return tn_address_space_ram_ptr(f->p->platform.memory_space, address, &size) != NULL;
}

static void
test_small_ram_lies_below_the_hole(Fixture *f, gconstpointer data)
{
    add_backend(f, "m0", 64 * MIB);
    make_ram(f, "m0", 64 * MIB);
    g_assert_true(is_ram(f, 0));
    g_assert_true(is_ram(f, 64 * MIB - 1));
    g_assert_false(is_ram(f, 64 * MIB));
    g_assert_cmpuint(tn_pc_ram_above_4g(f->ram), ==, 0);
}

static void
test_large_ram_lies_around_the_hole(Fixture *f, gconstpointer data)
{
    add_backend(f, "m0", 5 * GIB);
    make_ram(f, "m0", 5 * GIB);
    g_assert_true(is_ram(f, 3 * GIB - 1));
    g_assert_false(is_ram(f, 3 * GIB));
    g_assert_false(is_ram(f, 4 * GIB - 1));
    g_assert_true(is_ram(f, 4 * GIB));
    g_assert_true(is_ram(f, 6 * GIB - 1));
    g_assert_false(is_ram(f, 6 * GIB));
}

static void
test_refused_ram_ends_the_start(Fixture *f, gconstpointer data)
{
    TnMemoryBackend *backend = add_backend(f, "m0", 5 * GIB);

    f->refused = 4 * GIB;
    assert_refused(f, "m0", 5 * GIB, "no slot is left");
    g_assert_false(is_ram(f, 0));
    g_assert_false(tn_memory_backend_is_mapped(backend));
    /* Nothing is left of it. */
    f->refused = G_MAXUINT64;
    make_ram(f, "m0", 5 * GIB);
    g_assert_true(is_ram(f, 4 * GIB));
}

static void
test_refuse_unknown_backend(Fixture *f, gconstpointer data)
{
    assert_refused(f, "m0", 64 * MIB, "memory backend 'm0' not found");
}

static void
test_refuse_other_size(Fixture *f, gconstpointer data)
{
    TnMemoryBackend *backend = add_backend(f, "m0", 64 * MIB);

    assert_refused(f, "m0", 32 * MIB,
                   "Machine memory size does not match the size of the memory backend 'm0': "
                   "33554432 and 67108864 bytes");
    g_assert_false(tn_memory_backend_is_mapped(backend));
}

static void
test_refuse_backend_in_use(Fixture *f, gconstpointer data)
{
    tn_memory_backend_set_mapped(add_backend(f, "m0", 64 * MIB), TRUE);
    assert_refused(f, "m0", 64 * MIB, "memory backend m0 is used multiple times");
}

#define ADD(path, func) \
    g_test_add("/machine/pc-ram/" path, Fixture, NULL, set_up, func, tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("small-lies-below-the-hole", test_small_ram_lies_below_the_hole);
    ADD("large-lies-around-the-hole", test_large_ram_lies_around_the_hole);
    ADD("refused-by-a-listener-ends-the-start", test_refused_ram_ends_the_start);
    ADD("refuse-unknown-backend", test_refuse_unknown_backend);
    ADD("refuse-other-size", test_refuse_other_size);
    ADD("refuse-backend-in-use", test_refuse_backend_in_use);
    return g_test_run();
}
