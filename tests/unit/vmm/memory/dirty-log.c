/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Dirty logs: what is noted for whom, what a snapshot takes, what listeners are told.
 */
#include "vmm/memory/dirty-log.h"

#include "tests/unit/vmm/memory/fixture.h"

#include <inttypes.h>

#define PAGE TN_DIRTY_PAGE_SIZE

/* "1 5" for the dirty pages of a snapshot of the whole region. */
static char *
take(TnMemoryRegion *ram, TnDirtyClient client, uint64_t offset, uint64_t len)
{
    g_autoptr(TnDirtySnapshot) snapshot =
        tn_memory_region_snapshot_and_clear_dirty(ram, client, offset, len);
    GString *text = g_string_new(NULL);
    unsigned count = 0;

    for (uint64_t page = 0; page <= ram->last_offset / PAGE; page++) {
        if (tn_dirty_snapshot_get(snapshot, page * PAGE, 1)) {
            g_string_append_printf(text, "%s%" PRIu64, text->len ? " " : "", page);
            count++;
        }
    }
    g_assert_cmpuint(tn_dirty_snapshot_count(snapshot), ==, count);
    return g_string_free(text, FALSE);
}

#define assert_taken(ram, client, offset, len, expected)            \
    do {                                                            \
        g_autofree char *text_ = take((ram), (client), offset, len); \
        g_assert_cmpstr(text_, ==, expected);                       \
    } while (0)
#define assert_dirty(ram, client, expected) \
    assert_taken(ram, client, 0, tn_memory_region_size(ram), expected)

static void
write_byte(Fixture *f, uint64_t addr)
{
    tn_address_space_write(f->as, addr, "x", 1);
}

static void
test_writes_are_noted(Fixture *f, gconstpointer data)
{
    TnMemoryRegion *ram = make_ram(f, "ram", 0x100 * PAGE);
    TnAccessCache cache = { 0 };
    uint32_t value = 1;

    tn_memory_region_add_subregion(&f->root, 0x100000, ram);
    write_byte(f, 0x100000);
    tn_memory_region_set_log(ram, TN_DIRTY_VGA, true);
    assert_dirty(ram, TN_DIRTY_VGA, "");
    write_byte(f, 0x100000 + PAGE);
    tn_address_space_dma_write(f->as, 0x100000 + 4 * PAGE - 1, "xy", 2);
    tn_address_space_access(f->as, &cache, 0x100000 + 64 * PAGE, &value, 4, true);
    tn_address_space_access(f->as, &cache, 0x100000 + 65 * PAGE, &value, 4, false);
    assert_dirty(ram, TN_DIRTY_VGA, "1 3 4 64");
    assert_dirty(ram, TN_DIRTY_VGA, "");
    tn_memory_region_set_log(ram, TN_DIRTY_VGA, false);
    write_byte(f, 0x100000);
    assert_dirty(ram, TN_DIRTY_VGA, "");
}

static void
test_long_write(Fixture *f, gconstpointer data)
{
    TnMemoryRegion *ram = make_ram(f, "ram", 0x100 * PAGE);
    g_autofree uint8_t *bytes = g_malloc0(200 * PAGE);
    g_autoptr(TnDirtySnapshot) snapshot = NULL;

    tn_memory_region_add_subregion(&f->root, 0, ram);
    tn_memory_region_set_log(ram, TN_DIRTY_VGA, true);
    tn_address_space_write(f->as, 10 * PAGE, bytes, 200 * PAGE);
    snapshot = tn_memory_region_snapshot_and_clear_dirty(ram, TN_DIRTY_VGA, 0, 0x100 * PAGE);
    g_assert_cmpuint(tn_dirty_snapshot_count(snapshot), ==, 200);
    g_assert_false(tn_dirty_snapshot_get(snapshot, 0, 10 * PAGE));
    g_assert_true(tn_dirty_snapshot_get(snapshot, 0, 10 * PAGE + 1));
    g_assert_true(tn_dirty_snapshot_get(snapshot, 210 * PAGE - 1, 2));
    g_assert_false(tn_dirty_snapshot_get(snapshot, 210 * PAGE, 46 * PAGE));
    g_assert_false(tn_dirty_snapshot_get(snapshot, 0x1000 * PAGE, 1));
}

static void
test_range_of_snapshot(Fixture *f, gconstpointer data)
{
    TnMemoryRegion *ram = make_ram(f, "ram", 0x100 * PAGE);

    tn_memory_region_add_subregion(&f->root, 0, ram);
    tn_memory_region_set_log(ram, TN_DIRTY_VGA, true);
    for (unsigned page = 60; page < 70; page++) {
        write_byte(f, (uint64_t)page * PAGE);
    }
    /* Whole pages, though only bytes of them are asked for. */
    assert_taken(ram, TN_DIRTY_VGA, 62 * PAGE + 5, 4 * PAGE, "62 63 64 65 66");
    assert_taken(ram, TN_DIRTY_VGA, 0, 61 * PAGE, "60");
    /* Cut off at the end. */
    assert_taken(ram, TN_DIRTY_VGA, 68 * PAGE, UINT64_MAX, "68 69");
    assert_taken(ram, TN_DIRTY_VGA, UINT64_MAX, 1, "");
    assert_dirty(ram, TN_DIRTY_VGA, "61 67");
}

static void
test_clients_are_apart(Fixture *f, gconstpointer data)
{
    TnMemoryRegion *ram = make_ram(f, "ram", 8 * PAGE);

    tn_memory_region_add_subregion(&f->root, 0, ram);
    tn_memory_region_set_log(ram, TN_DIRTY_VGA, true);
    write_byte(f, PAGE);
    tn_memory_global_log_start(f->memory);
    write_byte(f, 2 * PAGE);
    assert_dirty(ram, TN_DIRTY_VGA, "1 2");
    assert_dirty(ram, TN_DIRTY_MIGRATION, "2");
    write_byte(f, 3 * PAGE);
    tn_memory_global_log_stop(f->memory);
    write_byte(f, 4 * PAGE);
    assert_dirty(ram, TN_DIRTY_VGA, "3 4");
    assert_dirty(ram, TN_DIRTY_MIGRATION, "");
    /* Begins anew, without page 3 of the time before. */
    tn_memory_global_log_start(f->memory);
    assert_dirty(ram, TN_DIRTY_MIGRATION, "");
    tn_memory_global_log_stop(f->memory);
}

static void
test_global(Fixture *f, gconstpointer data)
{
    TnMemoryRegion *ram = make_ram(f, "ram", 8 * PAGE);
    TnMemoryRegion *bar = make_ram_device(f, "bar", 8 * PAGE);
    TnMemoryRegion *later = make_ram(f, "later", 8 * PAGE);

    tn_memory_region_add_subregion(&f->root, 0, ram);
    tn_memory_region_add_subregion(&f->root, 0x100000, bar);
    tn_memory_global_log_start(f->memory);
    tn_memory_region_add_subregion(&f->root, 0x200000, later);
    write_byte(f, 0);
    write_byte(f, 0x100000);
    write_byte(f, 0x200000 + PAGE);
    assert_dirty(ram, TN_DIRTY_MIGRATION, "0");
    assert_dirty(bar, TN_DIRTY_MIGRATION, "");
    assert_dirty(later, TN_DIRTY_MIGRATION, "1");
    tn_memory_global_log_stop(f->memory);
}

/* Seen through an alias it is the region's page. */
static void
test_alias(Fixture *f, gconstpointer data)
{
    TnMemoryRegion *ram = make_ram(f, "ram", 8 * PAGE);

    tn_memory_region_add_subregion(&f->root, 0x100000, make_alias(f, "a", ram, 4 * PAGE, PAGE));
    tn_memory_region_set_log(ram, TN_DIRTY_VGA, true);
    write_byte(f, 0x100010);
    assert_dirty(ram, TN_DIRTY_VGA, "4");
    tn_memory_region_set_dirty(ram, PAGE, 1);
    assert_dirty(ram, TN_DIRTY_VGA, "1");
}

static void
test_never_logged(Fixture *f, gconstpointer data)
{
    TnMemoryRegion *ram = make_ram(f, "ram", 8 * PAGE);

    tn_memory_region_add_subregion(&f->root, 0, ram);
    tn_memory_region_set_dirty(ram, 0, PAGE);
    assert_dirty(ram, TN_DIRTY_VGA, "");
    tn_memory_region_sync_log(ram);
}

static void
test_rom_takes_nothing(Fixture *f, gconstpointer data)
{
    TnMemoryRegion *rom = make_rom(f, "rom", 8 * PAGE);

    tn_memory_region_add_subregion(&f->root, 0, rom);
    tn_memory_global_log_start(f->memory);
    write_byte(f, 0);
    assert_dirty(rom, TN_DIRTY_MIGRATION, "");
    tn_memory_global_log_stop(f->memory);
}

typedef struct Recorder {
    TnMemoryListener listener;
    GString *log;
    TnMemoryRegion *wrote; /* reported as written by the next sync */
} Recorder;

static void
record(TnMemoryListener *listener, const char *what, const TnMemorySection *section)
{
    GString *log = ((Recorder *)listener)->log;

    g_string_append_printf(log, "%s%s:%s@%" PRIx64, log->len ? " " : "", what,
                           section->flat->region->name, section->flat->range.first);
}

static void
record_add(TnMemoryListener *listener, const TnMemorySection *section)
{
    record(listener, section->flat->dirty_clients ? "add-logged" : "add", section);
}

static void
record_del(TnMemoryListener *listener, const TnMemorySection *section)
{
    record(listener, "del", section);
}

static void
record_start(TnMemoryListener *listener, const TnMemorySection *section, unsigned old_clients,
             unsigned new_clients)
{
    record(listener, "start", section);
    g_string_append_printf(((Recorder *)listener)->log, "/%u>%u", old_clients, new_clients);
}

static void
record_stop(TnMemoryListener *listener, const TnMemorySection *section, unsigned old_clients,
            unsigned new_clients)
{
    record(listener, "stop", section);
    g_string_append_printf(((Recorder *)listener)->log, "/%u>%u", old_clients, new_clients);
}

static void
record_sync(TnMemoryListener *listener, const TnMemorySection *section)
{
    Recorder *r = (Recorder *)listener;

    record(listener, "sync", section);
    if (r->wrote == section->flat->region) {
        tn_memory_region_set_dirty(r->wrote, 7 * PAGE, 1);
    }
}

static void
record_clear(TnMemoryListener *listener, const TnMemorySection *section, TnRange offsets)
{
    record(listener, "clear", section);
    g_string_append_printf(((Recorder *)listener)->log, "/%" PRIx64 "-%" PRIx64, offsets.first,
                           offsets.last);
}

static Recorder
recorder(Fixture *f)
{
    return (Recorder){ .listener = { .name = "recorder",
                                     .region_add = record_add,
                                     .region_del = record_del,
                                     .log_start = record_start,
                                     .log_stop = record_stop,
                                     .log_sync = record_sync,
                                     .log_clear = record_clear },
                       .log = f->log };
}

#define assert_log(f, expected)                       \
    do {                                              \
        g_assert_cmpstr((f)->log->str, ==, expected); \
        g_string_truncate((f)->log, 0);               \
    } while (0)

/* No section goes away for it: KVM's slots must not. */
static void
test_told(Fixture *f, gconstpointer data)
{
    TnMemoryRegion *ram = make_ram(f, "ram", 8 * PAGE);
    Recorder r = recorder(f);

    tn_memory_region_add_subregion(&f->root, 0, ram);
    tn_memory_listener_register(&r.listener, f->as);
    assert_log(f, "add:ram@0");
    tn_memory_region_set_log(ram, TN_DIRTY_VGA, true);
    assert_log(f, "start:ram@0/0>1");
    tn_memory_region_set_log(ram, TN_DIRTY_VGA, true);
    assert_log(f, "");
    tn_memory_global_log_start(f->memory);
    assert_log(f, "start:ram@0/1>3");
    tn_memory_region_set_log(ram, TN_DIRTY_VGA, false);
    assert_log(f, "stop:ram@0/3>2");
    tn_memory_region_add_subregion(&f->root, 0x100000, make_ram(f, "new", PAGE));
    assert_log(f, "add-logged:new@100000");
    tn_memory_global_log_stop(f->memory);
    assert_log(f, "stop:ram@0/2>0 stop:new@100000/2>0");
    tn_memory_listener_unregister(&r.listener, f->as);
}

static void
test_sync(Fixture *f, gconstpointer data)
{
    TnMemoryRegion *ram = make_ram(f, "ram", 8 * PAGE);
    Recorder r = recorder(f);

    tn_memory_region_add_subregion(&f->root, 0, ram);
    tn_memory_region_add_subregion(&f->root, 0x100000, make_ram(f, "other", PAGE));
    tn_memory_region_add_subregion(&f->root, 0x200000, make_alias(f, "a", ram, 0, PAGE));
    tn_memory_region_set_log(ram, TN_DIRTY_VGA, true);
    tn_memory_listener_register(&r.listener, f->as);
    g_string_truncate(f->log, 0);
    r.wrote = ram;
    tn_memory_region_sync_log(ram);
    assert_log(f, "sync:ram@0 sync:ram@200000");
    assert_dirty(ram, TN_DIRTY_VGA, "7");
    assert_log(f, "clear:ram@0/0-7fff clear:ram@200000/0-fff");
    tn_memory_global_log_sync(f->memory);
    assert_log(f, "sync:ram@0 sync:ram@200000");
    assert_taken(ram, TN_DIRTY_VGA, 2 * PAGE, 1, "");
    assert_log(f, "clear:ram@0/2000-2fff");
    tn_memory_listener_unregister(&r.listener, f->as);
}

#define RACE_PAGES 70
#define RACE_WRITERS 2
#define RACE_WRITES 50000

/* Writers say what they are about to write to, the reader what it has seen after it was dirty. */
typedef struct Race {
    Fixture *f;
    TnMemoryRegion *ram;
    unsigned begun[RACE_PAGES]; /* atomic */
    unsigned seen[RACE_PAGES];
    int writing; /* atomic: threads */
} Race;

static gpointer
race_writer(gpointer opaque)
{
    Race *race = opaque;

    tn_memory_register_thread();
    for (unsigned i = 0; i < RACE_WRITES; i++) {
        unsigned page = (i * 7 + (i >> 6)) % RACE_PAGES;

        __atomic_fetch_add(&race->begun[page], 1, __ATOMIC_SEQ_CST);
        /* Different bytes for each thread: the memory itself is nobody's race. */
        write_byte(race->f, (uint64_t)page * PAGE + (uint64_t)(uintptr_t)g_thread_self() % PAGE);
    }
    tn_memory_unregister_thread();
    __atomic_fetch_sub(&race->writing, 1, __ATOMIC_SEQ_CST);
    return NULL;
}

static void
race_look(Race *race)
{
    g_autoptr(TnDirtySnapshot) snapshot = tn_memory_region_snapshot_and_clear_dirty(
        race->ram, TN_DIRTY_VGA, 0, RACE_PAGES * PAGE);

    for (unsigned page = 0; page < RACE_PAGES; page++) {
        if (tn_dirty_snapshot_get(snapshot, (uint64_t)page * PAGE, 1)) {
            race->seen[page] = __atomic_load_n(&race->begun[page], __ATOMIC_SEQ_CST);
        }
    }
}

/* What migration needs: a page written after it was looked at is dirty again. */
static void
test_no_write_is_lost(Fixture *f, gconstpointer data)
{
    Race race = { .f = f, .ram = make_ram(f, "ram", RACE_PAGES * PAGE), .writing = RACE_WRITERS };
    GThread *threads[RACE_WRITERS];

    tn_memory_region_add_subregion(&f->root, 0, race.ram);
    tn_memory_region_set_log(race.ram, TN_DIRTY_VGA, true);
    for (unsigned i = 0; i < RACE_WRITERS; i++) {
        threads[i] = g_thread_new("writer", race_writer, &race);
    }
    while (__atomic_load_n(&race.writing, __ATOMIC_SEQ_CST) > 0) {
        race_look(&race);
    }
    for (unsigned i = 0; i < RACE_WRITERS; i++) {
        g_thread_join(threads[i]);
    }
    race_look(&race);
    for (unsigned page = 0; page < RACE_PAGES; page++) {
        g_assert_cmpuint(race.seen[page], ==, race.begun[page]);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    fixture_test("/memory/dirty-log/writes-are-noted", test_writes_are_noted);
    fixture_test("/memory/dirty-log/long-write", test_long_write);
    fixture_test("/memory/dirty-log/range-of-snapshot", test_range_of_snapshot);
    fixture_test("/memory/dirty-log/clients-are-apart", test_clients_are_apart);
    fixture_test("/memory/dirty-log/global", test_global);
    fixture_test("/memory/dirty-log/alias", test_alias);
    fixture_test("/memory/dirty-log/never-logged", test_never_logged);
    fixture_test("/memory/dirty-log/rom-takes-nothing", test_rom_takes_nothing);
    fixture_test("/memory/dirty-log/listeners-are-told", test_told);
    fixture_test("/memory/dirty-log/sync-then-clear", test_sync);
    fixture_test("/memory/dirty-log/no-write-is-lost", test_no_write_is_lost);
    return g_test_run();
}
