/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Readers on other threads while the topology changes under them. Made to run under
 * ThreadSanitizer and AddressSanitizer as well.
 *
 *   TN_TEST_ROUNDS  how often things change; 2000 unless set
 */
#include "tests/unit/vmm/memory/fixture.h"
#include "tests/unit/vmm/memory/topology.h"
#include "vmm/memory/memory-private.h"

#define READERS 3
#define ALIVE 0xa11fe
#define MIN_READS 1000

/* A device that dies for good: its callback must not run afterwards. */
#define TEST_TYPE_DEVICE (test_device_get_type())
G_DECLARE_FINAL_TYPE(TestDevice, test_device, TEST, DEVICE, GObject)

struct _TestDevice {
    GObject parent_instance;

    TnMemoryRegion mr;
    uint32_t magic;
    GThread *home; /* where it was made and has to be finalized */
};

G_DEFINE_FINAL_TYPE(TestDevice, test_device, G_TYPE_OBJECT)

static void
test_device_finalize(GObject *object)
{
    TestDevice *self = TEST_DEVICE(object);

    g_assert_true(self->home == g_thread_self());
    self->magic = 0;
    tn_memory_region_done(&self->mr);
    G_OBJECT_CLASS(test_device_parent_class)->finalize(object);
}

static void
test_device_class_init(TestDeviceClass *klass)
{
    G_OBJECT_CLASS(klass)->finalize = test_device_finalize;
}

static void
test_device_init(TestDevice *self)
{
    self->magic = ALIVE;
    self->home = g_thread_self();
}

static uint64_t
device_read(void *opaque, uint64_t addr, unsigned size)
{
    TestDevice *self = opaque;

    return self->magic;
}

static void
device_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
}

static const TnMemoryRegionOps device_ops = { .read = device_read, .write = device_write };

static TestDevice *
device_new(TnMemory *memory)
{
    TestDevice *self = g_object_new(TEST_TYPE_DEVICE, NULL);

    tn_memory_region_init_io(&self->mr, memory, G_OBJECT(self), &device_ops, self, "device", 0x10);
    return self;
}

typedef struct Reader {
    Fixture *f;
    GThread *thread;
    int *stop;   /* atomic */
    int reads;   /* atomic */
} Reader;

/* Reads a device that is always there, if not always the same. */
static gpointer
read_device(gpointer opaque)
{
    Reader *r = opaque;
    TnAccessCache cache = { 0 };

    tn_memory_register_thread();
    while (!g_atomic_int_get(r->stop)) {
        uint32_t value = 0;

        g_assert_cmpint(tn_address_space_access(r->f->as, &cache, 0x1000, &value, 4, false), ==,
                        TN_MEM_OK);
        g_assert_cmphex(value, ==, ALIVE);
        g_atomic_int_inc(&r->reads);
    }
    tn_memory_unregister_thread();
    return NULL;
}

static void
start(Reader *readers, Fixture *f, int *stop, GThreadFunc func)
{
    for (unsigned i = 0; i < READERS; i++) {
        readers[i] = (Reader){ .f = f, .stop = stop };
        readers[i].thread = g_thread_new("reader", func, &readers[i]);
    }
}

static void
join(Reader *readers, int *stop)
{
    g_atomic_int_set(stop, 1);
    for (unsigned i = 0; i < READERS; i++) {
        g_thread_join(readers[i].thread);
    }
}

static bool
all_have_read(Reader *readers)
{
    for (unsigned i = 0; i < READERS; i++) {
        if (g_atomic_int_get(&readers[i].reads) < MIN_READS) {
            return false;
        }
    }
    return true;
}

/* Unplugs and plugs in one transaction; the old device is left to the views. */
static TestDevice *
swap_device(Fixture *f, TestDevice *old)
{
    TestDevice *new = device_new(f->memory);

    tn_memory_begin(f->memory);
    tn_memory_region_del_subregion(&f->root, &old->mr);
    tn_memory_region_add_subregion(&f->root, 0x1000, &new->mr);
    tn_memory_commit(f->memory);
    g_object_unref(old);
    return new;
}

static void
test_unplug_under_readers(Fixture *f, gconstpointer data)
{
    unsigned rounds = topology_count("TN_TEST_ROUNDS", 20000);
    TestDevice *device = device_new(f->memory);
    Reader readers[READERS];
    int stop = 0;

    tn_memory_region_add_subregion(&f->root, 0x1000, &device->mr);
    start(readers, f, &stop, read_device);
    for (unsigned i = 0; i < rounds || !all_have_read(readers); i++) {
        device = swap_device(f, device);
        if (i % 16 == 0) {
            g_main_context_iteration(NULL, FALSE);
        }
    }
    join(readers, &stop);
    tn_memory_region_del_subregion(&f->root, &device->mr);
    g_object_unref(device);
}

/* The register that moves another device, as PCI config space does. */
static void
mover_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    tn_memory_region_set_address(opaque, value);
}

static const TnMemoryRegionOps mover_ops = { .read = device_read, .write = mover_write };

static gpointer
write_mover(gpointer opaque)
{
    Reader *r = opaque;
    TnAccessCache cache = { 0 };
    uint32_t value = 0x10000;

    tn_memory_register_thread();
    while (!g_atomic_int_get(r->stop)) {
        value ^= 0x8000;
        g_assert_cmpint(tn_address_space_access(r->f->as, &cache, 0x2000, &value, 4, true), ==,
                        TN_MEM_OK);
        g_atomic_int_inc(&r->reads);
    }
    tn_memory_unregister_thread();
    return NULL;
}

/* Several vCPUs change the topology from inside of callbacks while the main thread
 * does so, too, and waits for them: nobody may wait for nobody. */
static void
test_commits_from_callbacks(Fixture *f, gconstpointer data)
{
    unsigned rounds = topology_count("TN_TEST_ROUNDS", 20000);
    TestDevice *device = device_new(f->memory);
    TestDevice *moved = device_new(f->memory);
    TnMemoryRegion mover;
    Reader readers[READERS];
    int stop = 0;

    tn_memory_region_init_io(&mover, f->memory, NULL, &mover_ops, &moved->mr, "mover", 4);
    tn_memory_region_add_subregion(&f->root, 0x1000, &device->mr);
    tn_memory_region_add_subregion(&f->root, 0x2000, &mover);
    tn_memory_region_add_subregion_overlap(&f->root, 0x10000, &moved->mr, 0);
    start(readers, f, &stop, write_mover);
    for (unsigned i = 0; i < rounds; i++) {
        device = swap_device(f, device);
        if (i % 8 == 0) {
            tn_memory_synchronize(f->memory);
        }
    }
    join(readers, &stop);
    tn_memory_region_del_subregion(&f->root, &device->mr);
    tn_memory_region_del_subregion(&f->root, &moved->mr);
    tn_memory_region_del_subregion(&f->root, &mover);
    tn_memory_synchronize(f->memory);
    tn_memory_region_done(&mover);
    g_object_unref(device);
    g_object_unref(moved);
}

static unsigned
count_retired(TnMemory *memory)
{
    unsigned count;

    pthread_mutex_lock(&memory->retired_lock);
    count = memory->retired->len;
    pthread_mutex_unlock(&memory->retired_lock);
    return count;
}

static gpointer
move_often(gpointer opaque)
{
    Fixture *f = opaque;
    TnAccessCache cache = { 0 };

    tn_memory_register_thread();
    for (uint32_t i = 0; i < 10 * TN_MEMORY_MAX_RETIRED; i++) {
        uint32_t value = i & 1 ? 0x10000 : 0x18000;

        tn_address_space_access(f->as, &cache, 0x2000, &value, 4, true);
        g_assert_cmpuint(count_retired(f->memory), <=, TN_MEMORY_MAX_RETIRED);
    }
    tn_memory_unregister_thread();
    return NULL;
}

/* The main thread is busy elsewhere; a guest moves a BAR all the same. */
static void
test_replaced_views_are_bounded(Fixture *f, gconstpointer data)
{
    TestDevice *device = device_new(f->memory);
    TestDevice *moved = device_new(f->memory);
    TnMemoryRegion mover;
    Reader readers[READERS];
    gpointer weak = moved;
    int stop = 0;

    tn_memory_region_init_io(&mover, f->memory, NULL, &mover_ops, &moved->mr, "mover", 4);
    tn_memory_region_add_subregion(&f->root, 0x2000, &mover);
    tn_memory_region_add_subregion_overlap(&f->root, 0x10000, &moved->mr, 0);
    tn_memory_region_add_subregion(&f->root, 0x1000, &device->mr);
    start(readers, f, &stop, read_device);
    g_thread_join(g_thread_new("vcpu", move_often, f));
    join(readers, &stop);
    tn_memory_region_del_subregion(&f->root, &device->mr);
    g_object_unref(device);

    /* The owner went through all that, and ends here, on its own thread. */
    g_object_add_weak_pointer(weak, &weak);
    tn_memory_region_del_subregion(&f->root, &moved->mr);
    g_object_unref(moved);
    while (g_main_context_iteration(NULL, FALSE)) {
    }
    g_assert_null(weak);
    tn_memory_region_del_subregion(&f->root, &mover);
    tn_memory_synchronize(f->memory);
    tn_memory_region_done(&mover);
}

static gpointer
register_twice(gpointer opaque)
{
    Fixture *f = opaque;
    uint8_t byte;

    tn_memory_register_thread();
    tn_memory_register_thread();
    tn_memory_unregister_thread();
    g_assert_cmpint(tn_address_space_read(f->as, 0, &byte, 1), ==, TN_MEM_UNASSIGNED);
    tn_memory_unregister_thread();
    return NULL;
}

static void
test_registrations_nest(Fixture *f, gconstpointer data)
{
    g_thread_join(g_thread_new("nested", register_twice, f));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    fixture_test("/memory/threads/registrations-nest", test_registrations_nest);
    fixture_test("/memory/threads/unplug-under-readers", test_unplug_under_readers);
    fixture_test("/memory/threads/commits-from-callbacks", test_commits_from_callbacks);
    fixture_test("/memory/threads/replaced-views-are-bounded", test_replaced_views_are_bounded);
    return g_test_run();
}
