/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Event descriptors of regions: their order, where they show, what listeners hear, and the
 * writes that signal them where no accelerator does.
 */
#include "tests/unit/vmm/memory/fixture.h"

#include <inttypes.h>
#include <sys/eventfd.h>
#include <unistd.h>

typedef struct Recorder {
    TnMemoryListener listener;
    GString *log;
} Recorder;

static void
record(TnMemoryListener *listener, const char *what, const TnMemoryEventfd *e)
{
    GString *log = ((Recorder *)listener)->log;

    g_string_append_printf(log, "%s%s:%" PRIx64 "/%u", log->len ? " " : "", what, e->addr,
                           e->size);
    if (e->match_data) {
        g_string_append_printf(log, "=%" PRIx64, e->data);
    }
    g_string_append_printf(log, "#%d", e->fd);
}

static void
record_add(TnMemoryListener *listener, TnAddressSpace *as, const TnMemoryEventfd *e)
{
    record(listener, "add", e);
}

static void
record_del(TnMemoryListener *listener, TnAddressSpace *as, const TnMemoryEventfd *e)
{
    record(listener, "del", e);
}

static void
record_section(TnMemoryListener *listener, const TnMemorySection *section)
{
    GString *log = ((Recorder *)listener)->log;

    g_string_append_printf(log, "%ssection:%s", log->len ? " " : "", section->flat->region->name);
}

static Recorder
recorder(Fixture *f)
{
    return (Recorder){ .listener = { .name = "recorder",
                                     .eventfd_add = record_add,
                                     .eventfd_del = record_del },
                       .log = f->log };
}

#define assert_log(f, expected)                       \
    do {                                              \
        g_assert_cmpstr((f)->log->str, ==, expected); \
        g_string_truncate((f)->log, 0);               \
    } while (0)

static void
test_sorted(Fixture *f, gconstpointer data)
{
    TnMemoryRegion *io = make_io(f, "io", 0x100);
    Recorder r = recorder(f);

    tn_memory_region_add_eventfd(io, 0x10, 4, true, 2, 7);
    tn_memory_region_add_eventfd(io, 0x10, 4, true, 1, 8);
    tn_memory_region_add_eventfd(io, 0x10, 4, true, 1, 7);
    tn_memory_region_add_eventfd(io, 0x10, 4, false, 9, 7);
    tn_memory_region_add_eventfd(io, 0x10, 0, false, 0, 7);
    tn_memory_region_add_eventfd(io, 0x8, 8, false, 0, 7);
    tn_memory_region_add_subregion(&f->root, 0x1000, io);
    tn_memory_listener_register(&r.listener, f->as);
    assert_log(f, "add:1008/8#7 add:1010/0#7 add:1010/4#7 add:1010/4=1#7 add:1010/4=1#8 "
                  "add:1010/4=2#7");
    tn_memory_listener_unregister(&r.listener, f->as);
    assert_log(f, "del:1008/8#7 del:1010/0#7 del:1010/4#7 del:1010/4=1#7 del:1010/4=1#8 "
                  "del:1010/4=2#7");
}

/* Data is compared in the bytes that are written, so no more of it is kept. */
static void
test_data_is_cut(Fixture *f, gconstpointer data)
{
    TnMemoryRegion *io = make_io(f, "io", 0x100);
    Recorder r = recorder(f);

    tn_memory_region_add_subregion(&f->root, 0, io);
    tn_memory_listener_register(&r.listener, f->as);
    tn_memory_region_add_eventfd(io, 0, 2, true, 0x12345678, 7);
    assert_log(f, "add:0/2=5678#7");
    tn_memory_region_del_eventfd(io, 0, 2, true, 0xffff5678, 7);
    assert_log(f, "del:0/2=5678#7");
    tn_memory_listener_unregister(&r.listener, f->as);
}

static void
test_difference(Fixture *f, gconstpointer data)
{
    TnMemoryRegion *io = make_io(f, "io", 0x100);
    Recorder r = recorder(f);

    tn_memory_region_add_eventfd(io, 0, 4, false, 0, 1);
    tn_memory_region_add_eventfd(io, 4, 4, false, 0, 2);
    tn_memory_region_add_subregion(&f->root, 0, io);
    tn_memory_listener_register(&r.listener, f->as);
    g_string_truncate(f->log, 0);
    tn_memory_begin(f->memory);
    tn_memory_region_add_eventfd(io, 8, 4, false, 0, 3);
    tn_memory_region_del_eventfd(io, 0, 4, false, 0, 1);
    assert_log(f, "");
    tn_memory_commit(f->memory);
    assert_log(f, "del:0/4#1 add:8/4#3");
    tn_memory_listener_unregister(&r.listener, f->as);
}

static void
test_moves_with_region(Fixture *f, gconstpointer data)
{
    TnMemoryRegion *io = make_io(f, "io", 0x100);
    Recorder r = recorder(f);

    tn_memory_region_add_eventfd(io, 0x10, 4, false, 0, 1);
    tn_memory_region_add_subregion(&f->root, 0x2000, io);
    r.listener.region_add = r.listener.region_del = record_section;
    tn_memory_listener_register(&r.listener, f->as);
    assert_log(f, "section:io add:2010/4#1");
    tn_memory_region_set_address(io, 0x1000);
    assert_log(f, "section:io section:io del:2010/4#1 add:1010/4#1");
    tn_memory_region_set_enabled(io, false);
    assert_log(f, "section:io del:1010/4#1");
    tn_memory_listener_unregister(&r.listener, f->as);
}

static void
test_hidden(Fixture *f, gconstpointer data)
{
    TnMemoryRegion *io = make_io(f, "io", 0x100);
    TnMemoryRegion *over = make_io(f, "over", 1);
    Recorder r = recorder(f);

    tn_memory_region_add_eventfd(io, 0x10, 4, false, 0, 1);
    tn_memory_region_add_subregion(&f->root, 0x1000, io);
    tn_memory_listener_register(&r.listener, f->as);
    g_string_truncate(f->log, 0);
    /* Its first byte decides, for there a write to it begins. */
    tn_memory_region_add_subregion_overlap(&f->root, 0x1013, over, 1);
    assert_log(f, "");
    tn_memory_region_set_address(over, 0x1010);
    assert_log(f, "del:1010/4#1");
    tn_memory_region_set_enabled(over, false);
    assert_log(f, "add:1010/4#1");
    tn_memory_region_set_size(io, 0x10);
    assert_log(f, "del:1010/4#1");
    tn_memory_listener_unregister(&r.listener, f->as);
}

static void
test_shows_through_aliases(Fixture *f, gconstpointer data)
{
    TnMemoryRegion *io = make_io(f, "io", 0x100);
    Recorder r = recorder(f);

    tn_memory_region_add_eventfd(io, 0x10, 4, false, 0, 1);
    tn_memory_region_add_subregion(&f->root, 0x1000, io);
    tn_memory_region_add_subregion(&f->root, 0x5000, make_alias(f, "alias", io, 0x10, 4));
    tn_memory_region_add_subregion(&f->root, 0x6000, make_alias(f, "none", io, 0x11, 4));
    tn_memory_listener_register(&r.listener, f->as);
    assert_log(f, "add:1010/4#1 add:5000/4#1");
    tn_memory_listener_unregister(&r.listener, f->as);
}

/* The highest listener hears of removals first and of additions last. */
static void
test_listener_order(Fixture *f, gconstpointer data)
{
    TnMemoryRegion *io = make_io(f, "io", 0x100);
    GString *high_log = g_string_new("high: ");
    Recorder low = recorder(f), high = recorder(f);

    high.listener.priority = 10;
    high.log = high_log;
    tn_memory_region_add_subregion(&f->root, 0, io);
    tn_memory_listener_register(&high.listener, f->as);
    tn_memory_listener_register(&low.listener, f->as);
    tn_memory_region_add_eventfd(io, 0, 4, false, 0, 1);
    g_assert_cmpstr(high_log->str, ==, "high:  add:0/4#1");
    assert_log(f, "add:0/4#1");
    tn_memory_listener_unregister(&low.listener, f->as);
    tn_memory_listener_unregister(&high.listener, f->as);
    g_string_free(high_log, TRUE);
}

static void
test_twice(Fixture *f, gconstpointer data)
{
    if (g_test_subprocess()) {
        TnMemoryRegion *io = make_io(f, "io", 0x100);

        tn_memory_region_add_eventfd(io, 0, 4, false, 0, 1);
        tn_memory_region_add_eventfd(io, 0, 4, false, 5, 1);
        return;
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_failed();
    g_test_trap_assert_stderr("*region 'io' has this event descriptor already*");
}

static void
test_del_of_none(Fixture *f, gconstpointer data)
{
    if (g_test_subprocess()) {
        tn_memory_region_del_eventfd(make_io(f, "io", 0x100), 0, 4, false, 0, 1);
        return;
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_failed();
    g_test_trap_assert_stderr("*region 'io' does not have this event descriptor*");
}

/* A device that says what was written to it. */
static uint64_t
say_read(void *opaque, uint64_t addr, unsigned size)
{
    return 0x77;
}

static void
say_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    Fixture *f = opaque;

    g_string_append_printf(f->log, "%s%" PRIx64 "/%u=%" PRIx64, f->log->len ? " " : "", addr, size,
                           value);
}

static const TnMemoryRegionOps say_ops = { .read = say_read, .write = say_write };

typedef struct Bell {
    TnMemoryRegion *device;
    TnAccessCache cache;
    int fd;
} Bell;

static void
bell_init(Bell *b, Fixture *f)
{
    *b = (Bell){ .device = make_device(f, &say_ops, 0x100),
                 .fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC) };
    g_assert_cmpint(b->fd, >=, 0);
    tn_memory_region_add_subregion(&f->root, 0x1000, b->device);
}

static uint64_t
bell_take(const Bell *b)
{
    uint64_t count = 0;

    return read(b->fd, &count, sizeof(count)) == sizeof(count) ? count : 0;
}

static TnMemResult
bell_write(Bell *b, Fixture *f, uint64_t addr, uint64_t value, unsigned size)
{
    return tn_address_space_access(f->as, &b->cache, addr, &value, size, true);
}

static void
test_write_signals(Fixture *f, gconstpointer data)
{
    Bell b;

    bell_init(&b, f);
    tn_memory_region_add_eventfd(b.device, 0x10, 4, false, 0, b.fd);
    g_assert_cmpint(bell_write(&b, f, 0x1010, 5, 4), ==, TN_MEM_OK);
    g_assert_cmpint(bell_write(&b, f, 0x1010, 6, 4), ==, TN_MEM_OK);
    assert_log(f, "");
    g_assert_cmpuint(bell_take(&b), ==, 2);
    /* Other sizes and addresses are the device's. */
    bell_write(&b, f, 0x1010, 7, 2);
    bell_write(&b, f, 0x1014, 8, 4);
    assert_log(f, "10/2=7 14/4=8");
    g_assert_cmpuint(bell_take(&b), ==, 0);
    close(b.fd);
}

static void
test_read_is_the_devices(Fixture *f, gconstpointer data)
{
    uint32_t value = 0;
    Bell b;

    bell_init(&b, f);
    tn_memory_region_add_eventfd(b.device, 0x10, 4, false, 0, b.fd);
    tn_address_space_access(f->as, &b.cache, 0x1010, &value, 4, false);
    g_assert_cmphex(value, ==, 0x77);
    g_assert_cmpuint(bell_take(&b), ==, 0);
    close(b.fd);
}

static void
test_data_matches(Fixture *f, gconstpointer data)
{
    Bell b;

    bell_init(&b, f);
    tn_memory_region_add_eventfd(b.device, 0x10, 2, true, 3, b.fd);
    bell_write(&b, f, 0x1010, 2, 2);
    bell_write(&b, f, 0x1010, 3, 2);
    bell_write(&b, f, 0x1010, 4, 2);
    assert_log(f, "10/2=2 10/2=4");
    g_assert_cmpuint(bell_take(&b), ==, 1);
    close(b.fd);
}

static void
test_any_length(Fixture *f, gconstpointer data)
{
    Bell b;

    bell_init(&b, f);
    tn_memory_region_add_eventfd(b.device, 0x10, 0, false, 0, b.fd);
    bell_write(&b, f, 0x1010, 2, 1);
    bell_write(&b, f, 0x1010, 3, 4);
    /* Even where the device would refuse it: KVM asks no device. */
    bell_write(&b, f, 0x1010, 4, 8);
    assert_log(f, "");
    g_assert_cmpuint(bell_take(&b), ==, 3);
    close(b.fd);
}

static void
test_long_write(Fixture *f, gconstpointer data)
{
    static const uint32_t words[] = { 1, 2, 3 };
    Bell b;

    bell_init(&b, f);
    tn_memory_region_add_eventfd(b.device, 0x10, 4, false, 0, b.fd);
    tn_address_space_write(f->as, 0x100c, words, sizeof(words));
    assert_log(f, "c/4=1 14/4=3");
    g_assert_cmpuint(bell_take(&b), ==, 1);
    close(b.fd);
}

static void
test_removed(Fixture *f, gconstpointer data)
{
    Bell b;

    bell_init(&b, f);
    tn_memory_region_add_eventfd(b.device, 0x10, 4, false, 0, b.fd);
    tn_memory_region_del_eventfd(b.device, 0x10, 4, false, 0, b.fd);
    bell_write(&b, f, 0x1010, 1, 4);
    assert_log(f, "10/4=1");
    g_assert_cmpuint(bell_take(&b), ==, 0);
    close(b.fd);
}

/* A counter that nobody reads takes no more, and the guest does not wait for that. */
static void
test_full_counter(Fixture *f, gconstpointer data)
{
    uint64_t most = UINT64_MAX - 1;
    Bell b;

    bell_init(&b, f);
    tn_memory_region_add_eventfd(b.device, 0x10, 4, false, 0, b.fd);
    g_assert_cmpint(write(b.fd, &most, sizeof(most)), ==, sizeof(most));
    g_assert_cmpint(bell_write(&b, f, 0x1010, 1, 4), ==, TN_MEM_OK);
    assert_log(f, "");
    close(b.fd);
}

#define RACE_CHANGES 2000

/* A guest that rings while descriptors come and go. */
typedef struct Ringer {
    Bell bell;
    Fixture *f;
    unsigned rings;
    int stop;    /* atomic */
    int writes;  /* atomic: that reached the device */
} Ringer;

static void
ringer_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    __atomic_fetch_add((int *)opaque, 1, __ATOMIC_RELAXED);
}

static const TnMemoryRegionOps ringer_ops = { .write = ringer_write };

static gpointer
ringer_thread(gpointer opaque)
{
    Ringer *r = opaque;

    tn_memory_register_thread();
    while (!__atomic_load_n(&r->stop, __ATOMIC_ACQUIRE)) {
        bell_write(&r->bell, r->f, 0x1010, 1, 4);
        r->rings++;
    }
    tn_memory_unregister_thread();
    return NULL;
}

/* Every write goes to the descriptor or to the device, never to both or none. */
static void
test_while_writing(Fixture *f, gconstpointer data)
{
    Ringer r = { .f = f };
    TnMemoryRegion device;
    GThread *thread;

    r.bell.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    tn_memory_region_init_io(&device, f->memory, NULL, &ringer_ops, &r.writes, "ringer", 0x100);
    tn_memory_region_add_subregion(&f->root, 0x1000, &device);
    thread = g_thread_new("ringer", ringer_thread, &r);
    for (unsigned i = 0; i < RACE_CHANGES; i++) {
        tn_memory_region_add_eventfd(&device, 0x10, 4, false, 0, r.bell.fd);
        tn_memory_region_del_eventfd(&device, 0x10, 4, false, 0, r.bell.fd);
    }
    __atomic_store_n(&r.stop, 1, __ATOMIC_RELEASE);
    g_thread_join(thread);
    g_assert_cmpuint(bell_take(&r.bell) + (uint64_t)r.writes, ==, r.rings);
    tn_memory_region_del_subregion(&f->root, &device);
    tn_memory_synchronize(f->memory);
    tn_memory_region_done(&device);
    close(r.bell.fd);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    fixture_test("/memory/eventfd/sorted", test_sorted);
    fixture_test("/memory/eventfd/data-is-cut-to-size", test_data_is_cut);
    fixture_test("/memory/eventfd/difference-removals-first", test_difference);
    fixture_test("/memory/eventfd/moves-with-region", test_moves_with_region);
    fixture_test("/memory/eventfd/hidden-with-its-first-byte", test_hidden);
    fixture_test("/memory/eventfd/shows-through-aliases", test_shows_through_aliases);
    fixture_test("/memory/eventfd/every-listener", test_listener_order);
    fixture_test("/memory/eventfd/twice-is-fatal", test_twice);
    fixture_test("/memory/eventfd/del-of-none-is-fatal", test_del_of_none);
    fixture_test("/memory/eventfd/write-signals", test_write_signals);
    fixture_test("/memory/eventfd/read-is-the-devices", test_read_is_the_devices);
    fixture_test("/memory/eventfd/data-matches", test_data_matches);
    fixture_test("/memory/eventfd/any-length", test_any_length);
    fixture_test("/memory/eventfd/long-write", test_long_write);
    fixture_test("/memory/eventfd/removed", test_removed);
    fixture_test("/memory/eventfd/full-counter", test_full_counter);
    fixture_test("/memory/eventfd/comes-and-goes-while-writing", test_while_writing);
    return g_test_run();
}
