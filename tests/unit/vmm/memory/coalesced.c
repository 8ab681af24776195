/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Queued writes as the memory core sees them: which zones listeners hear of, and when the
 * queue is emptied. The queue itself is played here; KVM's is in tests/unit/vmm/accel.
 */
#include "vmm/memory/coalesced.h"

#include "tests/unit/vmm/memory/fixture.h"

#include <inttypes.h>

typedef struct Recorder {
    TnMemoryListener listener;
    GString *log;
} Recorder;

static void
record(TnMemoryListener *listener, const char *what, TnRange zone)
{
    GString *log = ((Recorder *)listener)->log;

    g_string_append_printf(log, "%s%s:%" PRIx64 "-%" PRIx64, log->len ? " " : "", what, zone.first,
                           zone.last);
}

static void
record_add(TnMemoryListener *listener, TnAddressSpace *as, TnRange zone)
{
    record(listener, "add", zone);
}

static void
record_del(TnMemoryListener *listener, TnAddressSpace *as, TnRange zone)
{
    record(listener, "del", zone);
}

static Recorder
recorder(Fixture *f)
{
    return (Recorder){ .listener = { .name = "recorder",
                                     .coalesced_add = record_add,
                                     .coalesced_del = record_del },
                       .log = f->log };
}

#define assert_log(f, expected)                       \
    do {                                              \
        g_assert_cmpstr((f)->log->str, ==, expected); \
        g_string_truncate((f)->log, 0);               \
    } while (0)

static void
test_zones(Fixture *f, gconstpointer data)
{
    TnMemoryRegion *io = make_io(f, "io", 0x1000);
    Recorder r = recorder(f);

    tn_memory_region_add_subregion(&f->root, 0x10000, io);
    tn_memory_listener_register(&r.listener, f->as);
    tn_memory_region_add_coalescing(io, 0x100, 0x10);
    assert_log(f, "add:10100-1010f");
    tn_memory_region_add_coalescing(io, 0x10, 4);
    assert_log(f, "add:10010-10013");
    tn_memory_region_set_address(io, 0x20000);
    assert_log(f, "del:10010-10013 del:10100-1010f add:20010-20013 add:20100-2010f");
    tn_memory_region_set_coalescing(io);
    assert_log(f, "del:20010-20013 del:20100-2010f add:20000-20fff");
    tn_memory_region_clear_coalescing(io);
    assert_log(f, "del:20000-20fff");
    tn_memory_listener_unregister(&r.listener, f->as);
}

static void
test_joined(Fixture *f, gconstpointer data)
{
    TnMemoryRegion *io = make_io(f, "io", 0x1000);
    Recorder r = recorder(f);

    tn_memory_region_add_subregion(&f->root, 0, io);
    tn_memory_region_add_coalescing(io, 0x10, 4);
    tn_memory_region_add_coalescing(io, 0x14, 4);
    tn_memory_region_add_coalescing(io, 0x12, 4);
    tn_memory_region_add_coalescing(io, 0x20, 4);
    tn_memory_listener_register(&r.listener, f->as);
    assert_log(f, "add:10-17 add:20-23");
    tn_memory_listener_unregister(&r.listener, f->as);
    assert_log(f, "del:10-17 del:20-23");
}

/* Only what shows of a zone: KVM must not queue another region's writes. */
static void
test_cut(Fixture *f, gconstpointer data)
{
    TnMemoryRegion *io = make_io(f, "io", 0x1000);
    TnMemoryRegion *over = make_io(f, "over", 0x10);
    Recorder r = recorder(f);

    tn_memory_region_set_coalescing(io);
    tn_memory_region_add_subregion(&f->root, 0x1000, io);
    tn_memory_listener_register(&r.listener, f->as);
    g_string_truncate(f->log, 0);
    tn_memory_region_add_subregion_overlap(&f->root, 0x1100, over, 1);
    assert_log(f, "del:1000-1fff add:1000-10ff add:1110-1fff");
    tn_memory_region_set_enabled(io, false);
    assert_log(f, "del:1000-10ff del:1110-1fff");
    tn_memory_listener_unregister(&r.listener, f->as);
}

/* The queue of some accelerator: numbers that a flush writes to the device's first register. */
typedef struct Queue {
    Fixture *f;
    unsigned waiting;
    unsigned flushes;
    bool inside;
} Queue;

static void
queue_flush(void *opaque)
{
    Queue *q = opaque;

    q->flushes++;
    if (q->inside) {
        return;
    }
    q->inside = true;
    for (; q->waiting > 0; q->waiting--) {
        uint32_t value = q->waiting;

        tn_address_space_write(q->f->as, 0x1000, &value, 4);
    }
    q->inside = false;
}

static uint64_t
say_read(void *opaque, uint64_t addr, unsigned size)
{
    Fixture *f = opaque;

    g_string_append_printf(f->log, "%sread", f->log->len ? " " : "");
    return 0;
}

static void
say_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    Fixture *f = opaque;

    g_string_append_printf(f->log, "%s%" PRIu64, f->log->len ? " " : "", value);
}

static const TnMemoryRegionOps say_ops = { .read = say_read, .write = say_write };

static TnMemoryRegion *
queue_init(Queue *q, Fixture *f)
{
    TnMemoryRegion *device = make_device(f, &say_ops, 0x100);

    *q = (Queue){ .f = f };
    tn_memory_region_add_subregion(&f->root, 0x1000, device);
    tn_memory_set_coalesced_flush(f->memory, queue_flush, q);
    return device;
}

static void
test_flush_before_transaction(Fixture *f, gconstpointer data)
{
    TnMemoryRegion *device;
    Queue q;

    device = queue_init(&q, f);
    q.waiting = 2;
    tn_memory_begin(f->memory);
    assert_log(f, "2 1");
    /* Nested ones do not, nor the commit: the map may be half changed. */
    q.waiting = 1;
    tn_memory_region_del_subregion(&f->root, device);
    tn_memory_commit(f->memory);
    assert_log(f, "");
    g_assert_cmpuint(q.flushes, ==, 1);
    tn_memory_set_coalesced_flush(f->memory, NULL, NULL);
}

static void
access4(Fixture *f, uint64_t addr, bool is_write)
{
    TnAccessCache cache = { 0 };
    uint32_t value = 99;

    tn_address_space_access(f->as, &cache, addr, &value, 4, is_write);
}

static void
test_flush_before_access(Fixture *f, gconstpointer data)
{
    TnMemoryRegion *status = make_device(f, &say_ops, 0x100);
    Queue q;

    queue_init(&q, f);
    tn_memory_region_add_subregion(&f->root, 0x2000, status);
    q.waiting = 2;
    access4(f, 0x2000, false);
    assert_log(f, "read");
    tn_memory_region_set_flush_coalesced(status, true);
    assert_log(f, "2 1");
    q.waiting = 2;
    access4(f, 0x2000, false);
    assert_log(f, "2 1 read");
    q.waiting = 1;
    access4(f, 0x2000, true);
    assert_log(f, "1 99");
    tn_memory_region_set_flush_coalesced(status, false);
    q.waiting = 1;
    access4(f, 0x2000, false);
    assert_log(f, "read");
    tn_memory_set_coalesced_flush(f->memory, NULL, NULL);
}

/* A region with zones asks for it without being told to. */
static void
test_zones_flush(Fixture *f, gconstpointer data)
{
    TnMemoryRegion *device;
    Queue q;

    device = queue_init(&q, f);
    tn_memory_region_add_coalescing(device, 0, 4);
    q.waiting = 2;
    access4(f, 0x1010, false);
    assert_log(f, "2 1 read");
    q.waiting = 2;
    tn_memory_region_clear_coalescing(device);
    assert_log(f, "2 1");
    q.waiting = 1;
    access4(f, 0x1010, false);
    assert_log(f, "read");
    tn_memory_set_coalesced_flush(f->memory, NULL, NULL);
}

static void
move_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    Fixture *f = opaque;

    tn_memory_begin(f->memory);
    tn_memory_commit(f->memory);
}

/* A callback may hold its lock; it was the exit's matter. */
static void
test_no_flush_inside_of_callback(Fixture *f, gconstpointer data)
{
    static const TnMemoryRegionOps ops = { .write = move_write };
    TnMemoryRegion *mover = make_device(f, &ops, 0x100);
    Queue q;

    queue_init(&q, f);
    tn_memory_region_add_subregion(&f->root, 0x2000, mover);
    q.waiting = 1;
    access4(f, 0x2000, true);
    assert_log(f, "");
    tn_memory_flush_coalesced(f->memory);
    assert_log(f, "1");
    tn_memory_set_coalesced_flush(f->memory, NULL, NULL);
}

static gpointer
begin_on_thread(gpointer memory)
{
    tn_memory_begin(memory);
    tn_memory_commit(memory);
    return NULL;
}

/* A thread that never accessed memory may change the map, and drains as well. */
static void
test_unregistered_thread(Fixture *f, gconstpointer data)
{
    Queue q;

    queue_init(&q, f);
    q.waiting = 1;
    g_thread_join(g_thread_new("stranger", begin_on_thread, f->memory));
    assert_log(f, "1");
    tn_memory_set_coalesced_flush(f->memory, NULL, NULL);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    fixture_test("/memory/coalesced/zones", test_zones);
    fixture_test("/memory/coalesced/zones-that-touch-are-joined", test_joined);
    fixture_test("/memory/coalesced/only-what-shows", test_cut);
    fixture_test("/memory/coalesced/flush-before-transaction", test_flush_before_transaction);
    fixture_test("/memory/coalesced/flush-before-access", test_flush_before_access);
    fixture_test("/memory/coalesced/zones-flush-before-access", test_zones_flush);
    fixture_test("/memory/coalesced/no-flush-inside-of-callback",
                 test_no_flush_inside_of_callback);
    fixture_test("/memory/coalesced/unregistered-thread", test_unregistered_thread);
    return g_test_run();
}
