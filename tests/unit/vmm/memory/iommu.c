/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * IOMMU regions: accesses that are translated, and who is told of which change.
 */
#include "vmm/memory/iommu.h"

#include "tests/unit/vmm/memory/fixture.h"

#include <inttypes.h>
#include <string.h>

#define MAX_ENTRIES 8

/* Translates by a list of entries; what is in none of them is not mapped, page by page. */
typedef struct Unit {
    TnMemoryRegion mr;
    TnIommuEntry entries[MAX_ENTRIES];
    unsigned count;
    unsigned translations;
    TnIommuPerm asked;
    unsigned old_flags, new_flags, flag_changes;
    bool refuses_map;
    bool lies; /* answers for other addresses than asked */
} Unit;

static TnIommuEntry
translate(TnMemoryRegion *mr, uint64_t addr, TnIommuPerm perm, unsigned index)
{
    Unit *u = mr->opaque;

    u->translations++;
    u->asked = perm;
    if (u->lies) {
        return (TnIommuEntry){ u->entries[0].target, { addr + 1, addr + 2 }, 0, TN_IOMMU_RW };
    }
    for (unsigned i = 0; i < u->count; i++) {
        if (tn_range_contains(u->entries[i].iova, addr)) {
            return u->entries[i];
        }
    }
    return (TnIommuEntry){ .iova = { addr & ~UINT64_C(0xfff), addr | 0xfff } };
}

static gboolean
flags_changed(TnMemoryRegion *mr, unsigned old_flags, unsigned new_flags, GError **error)
{
    Unit *u = mr->opaque;

    if (u->refuses_map && (new_flags & TN_IOMMU_NOTIFIER_MAP)) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NOSYS, "caching mode is off");
        return FALSE;
    }
    u->old_flags = old_flags;
    u->new_flags = new_flags;
    u->flag_changes++;
    return TRUE;
}

static const TnIommuOps unit_ops = { .translate = translate,
                                     .flags_changed = flags_changed,
                                     .num_indexes = 2 };

/* A target space of RAM at 0 and a device at 0x100000; the unit at 0x80000000 of @f's space. */
typedef struct Bench {
    TnMemoryRegion *target_root, *ram;
    TnAddressSpace *target;
    Unit *unit;
} Bench;

static uint64_t
say_read(void *opaque, uint64_t addr, unsigned size)
{
    return 0xd0 + addr;
}

static void
say_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    Fixture *f = opaque;

    g_string_append_printf(f->log, "%" PRIx64 "/%u=%" PRIx64 " ", addr, size, value);
}

static const TnMemoryRegionOps say_ops = { .read = say_read, .write = say_write };

static void
bench_init(Bench *b, Fixture *f)
{
    b->target_root = make_container(f, "target", TN_SIZE_WHOLE);
    b->ram = make_ram(f, "ram", 0x10000);
    tn_memory_region_add_subregion(b->target_root, 0, b->ram);
    tn_memory_region_add_subregion(b->target_root, 0x100000, make_device(f, &say_ops, 0x1000));
    b->target = tn_address_space_new(f->memory, b->target_root, "target");
    b->unit = g_new0(Unit, 1);
    tn_memory_region_init_iommu(&b->unit->mr, f->memory, NULL, &unit_ops, b->unit, "iommu",
                                0x10000);
    tn_memory_region_add_subregion(&f->root, 0x80000000, &b->unit->mr);
}

static void
bench_done(Bench *b, Fixture *f)
{
    tn_memory_region_del_subregion(&f->root, &b->unit->mr);
    tn_memory_synchronize(f->memory);
    tn_memory_region_done(&b->unit->mr);
    g_free(b->unit);
    tn_address_space_free(b->target);
}

static void
map(Bench *b, uint64_t first, uint64_t last, uint64_t translated, TnIommuPerm perm)
{
    g_assert_cmpuint(b->unit->count, <, MAX_ENTRIES);
    b->unit->entries[b->unit->count++] =
        (TnIommuEntry){ b->target, { first, last }, translated, perm };
}

static void
test_access(Fixture *f, gconstpointer data)
{
    TnAccessCache cache = { 0 };
    uint32_t value = 0;
    Bench b;

    bench_init(&b, f);
    map(&b, 0x1000, 0x1fff, 0x3000, TN_IOMMU_RW);
    memcpy((uint8_t *)b.ram->ram.host + 0x3010, "\x01\x02\x03\x04", 4);
    g_assert_cmpint(
        tn_address_space_access(f->as, &cache, 0x80001010, &value, 4, false), ==, TN_MEM_OK);
    g_assert_cmphex(value, ==, 0x04030201);
    g_assert_cmpint(b.unit->asked, ==, TN_IOMMU_READ);
    g_assert_cmpint(tn_address_space_write(f->as, 0x80001020, "abcd", 4), ==, TN_MEM_OK);
    g_assert_cmpmem((uint8_t *)b.ram->ram.host + 0x3020, 4, "abcd", 4);
    g_assert_cmpint(b.unit->asked, ==, TN_IOMMU_WRITE);
    bench_done(&b, f);
}

static void
test_dma(Fixture *f, gconstpointer data)
{
    uint32_t value = 0;
    Bench b;

    bench_init(&b, f);
    map(&b, 0, 0xfff, 0, TN_IOMMU_RW);
    map(&b, 0x1000, 0x1fff, 0x100000, TN_IOMMU_RW);
    g_assert_cmpint(tn_address_space_dma_write(f->as, 0x80000000, "abcd", 4), ==, TN_MEM_OK);
    g_assert_cmpint(tn_address_space_dma_read(f->as, 0x80000000, &value, 4), ==, TN_MEM_OK);
    g_assert_cmpmem(&value, 4, "abcd", 4);
    /* A device behind it is none that DMA reaches. */
    g_assert_cmpint(tn_address_space_dma_write(f->as, 0x80001000, &value, 4), ==,
                    TN_MEM_UNASSIGNED);
    g_assert_cmpstr(f->log->str, ==, "");
    g_assert_cmpint(tn_address_space_write(f->as, 0x80001004, &value, 4), ==, TN_MEM_OK);
    g_assert_cmpstr(f->log->str, ==, "4/4=64636261 ");
    bench_done(&b, f);
}

static void
test_pieces(Fixture *f, gconstpointer data)
{
    uint8_t back[8];
    Bench b;

    bench_init(&b, f);
    map(&b, 0x0000, 0x0fff, 0x5000, TN_IOMMU_RW);
    map(&b, 0x1000, 0x1fff, 0x2000, TN_IOMMU_RW);
    g_assert_cmpint(tn_address_space_write(f->as, 0x80000ffc, "abcdefgh", 8), ==, TN_MEM_OK);
    g_assert_cmpmem((uint8_t *)b.ram->ram.host + 0x5ffc, 4, "abcd", 4);
    g_assert_cmpmem((uint8_t *)b.ram->ram.host + 0x2000, 4, "efgh", 4);
    /* Past the last entry there is nothing; what comes before is read all the same. */
    g_assert_cmpint(tn_address_space_read(f->as, 0x80001ffc, back, 8), ==, TN_MEM_UNASSIGNED);
    g_assert_cmpmem(back, 8, "\0\0\0\0\xff\xff\xff\xff", 8);
    bench_done(&b, f);
}

static void
test_permissions(Fixture *f, gconstpointer data)
{
    uint32_t value = 0;
    Bench b;

    bench_init(&b, f);
    map(&b, 0x0000, 0x0fff, 0, TN_IOMMU_READ);
    map(&b, 0x1000, 0x1fff, 0, TN_IOMMU_WRITE);
    g_assert_cmpint(tn_address_space_write(f->as, 0x80000000, "abcd", 4), ==, TN_MEM_UNASSIGNED);
    g_assert_cmpint(*(uint8_t *)b.ram->ram.host, ==, 0);
    g_assert_cmpint(tn_address_space_read(f->as, 0x80000000, &value, 4), ==, TN_MEM_OK);
    g_assert_cmphex(value, ==, 0);
    g_assert_cmpint(tn_address_space_read(f->as, 0x80001000, &value, 4), ==, TN_MEM_UNASSIGNED);
    g_assert_cmphex(value, ==, 0xffffffff);
    g_assert_cmpint(tn_address_space_write(f->as, 0x80001000, "abcd", 4), ==, TN_MEM_OK);
    bench_done(&b, f);
}

static void
test_answer_for_other_address(Fixture *f, gconstpointer data)
{
    uint32_t value = 0;
    Bench b;

    bench_init(&b, f);
    map(&b, 0, 0xfff, 0, TN_IOMMU_RW);
    b.unit->lies = true;
    g_assert_cmpint(tn_address_space_read(f->as, 0x80000000, &value, 4), ==, TN_MEM_UNASSIGNED);
    g_assert_cmphex(value, ==, 0xffffffff);
    bench_done(&b, f);
}

/* An IOMMU that leads to itself. */
static void
test_loop(Fixture *f, gconstpointer data)
{
    uint32_t value = 0;
    Bench b;

    bench_init(&b, f);
    map(&b, 0, 0xfff, 0x80000000, TN_IOMMU_RW);
    b.unit->entries[0].target = f->as;
    g_assert_cmpint(tn_address_space_read(f->as, 0x80000000, &value, 4), ==, TN_MEM_UNASSIGNED);
    g_assert_cmphex(value, ==, 0xffffffff);
    g_assert_cmpuint(b.unit->translations, ==, TN_IOMMU_MAX_HOPS);
    bench_done(&b, f);
}

static void
section_seen(TnMemoryListener *listener, const TnMemorySection *section)
{
    if (tn_memory_region_is_iommu(section->flat->region)) {
        g_assert_null(section->flat->host);
        g_assert_cmphex(section->flat->range.first, ==, 0x80000000);
        ((unsigned *)(void *)listener->name)[0]++;
    }
}

static void
test_section(Fixture *f, gconstpointer data)
{
    unsigned seen = 0;
    TnMemoryListener listener = { .name = (const char *)&seen, .region_add = section_seen };
    Bench b;

    bench_init(&b, f);
    tn_memory_listener_register(&listener, f->as);
    g_assert_cmpuint(seen, ==, 1);
    g_assert_null(tn_address_space_ram_ptr(f->as, 0x80000000, NULL));
    tn_memory_listener_unregister(&listener, f->as);
    bench_done(&b, f);
}

typedef struct Mirror {
    TnIommuNotifier notifier;
    GString *log;
    const char *name;
} Mirror;

static void
mirror_notify(TnIommuNotifier *notifier, const TnIommuEntry *entry)
{
    Mirror *m = (Mirror *)notifier;

    g_string_append_printf(m->log, "%s%s%s:%" PRIx64 "-%" PRIx64, m->log->len ? " " : "", m->name,
                           entry->perm ? "map" : "unmap", entry->iova.first, entry->iova.last);
    if (entry->perm) {
        g_string_append_printf(m->log, ">%" PRIx64, entry->translated);
    }
}

static Mirror
mirror(Fixture *f, const char *name, unsigned flags, uint64_t first, uint64_t last)
{
    return (Mirror){ .notifier = { .notify = mirror_notify,
                                   .flags = flags,
                                   .range = { first, last } },
                     .log = f->log,
                     .name = name };
}

#define assert_log(f, expected)                       \
    do {                                              \
        g_assert_cmpstr((f)->log->str, ==, expected); \
        g_string_truncate((f)->log, 0);               \
    } while (0)

static void
register_ok(Bench *b, Mirror *m)
{
    g_autoptr(GError) error = NULL;
    gboolean ok = tn_memory_region_register_iommu_notifier(&b->unit->mr, &m->notifier, &error);

    g_assert_no_error(error);
    g_assert_true(ok);
}

static void
unregister(Bench *b, Mirror *m)
{
    tn_memory_region_unregister_iommu_notifier(&b->unit->mr, &m->notifier);
}

static void
notify_map(Bench *b, uint64_t first, uint64_t last, uint64_t to)
{
    TnIommuEntry entry = { b->target, { first, last }, to, TN_IOMMU_RW };

    tn_memory_region_notify_iommu(&b->unit->mr, 0, TN_IOMMU_NOTIFIER_MAP, &entry);
}

static void
notify_unmap(Bench *b, uint64_t first, uint64_t last, TnIommuNotifierFlags type)
{
    TnIommuEntry entry = { b->target, { first, last }, 0, TN_IOMMU_NONE };

    tn_memory_region_notify_iommu(&b->unit->mr, 0, type, &entry);
}

static void
test_flags(Fixture *f, gconstpointer data)
{
    Mirror maps = mirror(f, "m-", TN_IOMMU_NOTIFIER_MAP, 0, 0xffff);
    Mirror unmaps = mirror(f, "u-", TN_IOMMU_NOTIFIER_UNMAP, 0, 0xffff);
    Mirror tlb = mirror(f, "t-", TN_IOMMU_NOTIFIER_DEVIOTLB_UNMAP, 0, 0xffff);
    Mirror both = mirror(f, "b-", TN_IOMMU_NOTIFIER_MAP | TN_IOMMU_NOTIFIER_UNMAP, 0, 0xffff);
    Bench b;

    bench_init(&b, f);
    register_ok(&b, &maps);
    register_ok(&b, &unmaps);
    register_ok(&b, &tlb);
    register_ok(&b, &both);
    notify_map(&b, 0x1000, 0x1fff, 0x5000);
    assert_log(f, "m-map:1000-1fff>5000 b-map:1000-1fff>5000");
    notify_unmap(&b, 0x1000, 0x1fff, TN_IOMMU_NOTIFIER_UNMAP);
    assert_log(f, "u-unmap:1000-1fff b-unmap:1000-1fff");
    notify_unmap(&b, 0x1000, 0x1fff, TN_IOMMU_NOTIFIER_DEVIOTLB_UNMAP);
    assert_log(f, "t-unmap:1000-1fff");
    unregister(&b, &maps);
    unregister(&b, &unmaps);
    unregister(&b, &tlb);
    unregister(&b, &both);
    notify_map(&b, 0x1000, 0x1fff, 0x5000);
    assert_log(f, "");
    bench_done(&b, f);
}

static void
test_range(Fixture *f, gconstpointer data)
{
    unsigned all = TN_IOMMU_NOTIFIER_MAP | TN_IOMMU_NOTIFIER_UNMAP;
    Mirror m = mirror(f, "", all, 0x2000, 0x3fff);
    Bench b;

    bench_init(&b, f);
    register_ok(&b, &m);
    notify_map(&b, 0x1000, 0x1fff, 0);
    notify_map(&b, 0x4000, 0x4fff, 0);
    assert_log(f, "");
    notify_map(&b, 0x2000, 0x3fff, 0x7000);
    assert_log(f, "map:2000-3fff>7000");
    /* Cropped at the start (the target with it), at the end, on both sides. */
    notify_map(&b, 0x1000, 0x2fff, 0x7000);
    assert_log(f, "map:2000-2fff>8000");
    notify_map(&b, 0x3000, 0x4fff, 0x7000);
    assert_log(f, "map:3000-3fff>7000");
    notify_unmap(&b, 0, UINT64_MAX, TN_IOMMU_NOTIFIER_UNMAP);
    assert_log(f, "unmap:2000-3fff");
    unregister(&b, &m);
    bench_done(&b, f);
}

static void
test_index(Fixture *f, gconstpointer data)
{
    Mirror zero = mirror(f, "0-", TN_IOMMU_NOTIFIER_UNMAP, 0, 0xffff);
    Mirror one = mirror(f, "1-", TN_IOMMU_NOTIFIER_UNMAP, 0, 0xffff);
    TnIommuEntry entry = { NULL, { 0, 0xfff }, 0, TN_IOMMU_NONE };
    Bench b;

    bench_init(&b, f);
    one.notifier.index = 1;
    register_ok(&b, &zero);
    register_ok(&b, &one);
    tn_memory_region_notify_iommu(&b.unit->mr, 1, TN_IOMMU_NOTIFIER_UNMAP, &entry);
    assert_log(f, "1-unmap:0-fff");
    tn_memory_region_notify_iommu(&b.unit->mr, 0, TN_IOMMU_NOTIFIER_UNMAP, &entry);
    assert_log(f, "0-unmap:0-fff");
    unregister(&b, &zero);
    unregister(&b, &one);
    bench_done(&b, f);
}

static void
test_flags_changed(Fixture *f, gconstpointer data)
{
    Mirror unmaps = mirror(f, "", TN_IOMMU_NOTIFIER_UNMAP, 0, 0xffff);
    Mirror again = mirror(f, "", TN_IOMMU_NOTIFIER_UNMAP, 0, 0xffff);
    Mirror maps = mirror(f, "", TN_IOMMU_NOTIFIER_MAP, 0, 0xffff);
    Bench b;

    bench_init(&b, f);
    register_ok(&b, &unmaps);
    g_assert_cmpuint(b.unit->flag_changes, ==, 1);
    g_assert_cmpuint(b.unit->old_flags, ==, 0);
    g_assert_cmpuint(b.unit->new_flags, ==, TN_IOMMU_NOTIFIER_UNMAP);
    /* The same flags once more are no change. */
    register_ok(&b, &again);
    g_assert_cmpuint(b.unit->flag_changes, ==, 1);
    register_ok(&b, &maps);
    g_assert_cmpuint(b.unit->new_flags, ==, TN_IOMMU_NOTIFIER_UNMAP | TN_IOMMU_NOTIFIER_MAP);
    g_assert_cmpuint(tn_memory_region_iommu_flags(&b.unit->mr), ==, b.unit->new_flags);
    unregister(&b, &unmaps);
    g_assert_cmpuint(b.unit->flag_changes, ==, 2);
    unregister(&b, &again);
    g_assert_cmpuint(b.unit->new_flags, ==, TN_IOMMU_NOTIFIER_MAP);
    unregister(&b, &maps);
    g_assert_cmpuint(b.unit->new_flags, ==, 0);
    unregister(&b, &maps);
    g_assert_cmpuint(b.unit->flag_changes, ==, 4);
    bench_done(&b, f);
}

static void
test_refused(Fixture *f, gconstpointer data)
{
    Mirror unmaps = mirror(f, "u-", TN_IOMMU_NOTIFIER_UNMAP, 0, 0xffff);
    Mirror maps = mirror(f, "m-", TN_IOMMU_NOTIFIER_MAP | TN_IOMMU_NOTIFIER_UNMAP, 0, 0xffff);
    g_autoptr(GError) error = NULL;
    Bench b;

    bench_init(&b, f);
    b.unit->refuses_map = true;
    register_ok(&b, &unmaps);
    g_assert_false(
        tn_memory_region_register_iommu_notifier(&b.unit->mr, &maps.notifier, &error));
    g_assert_error(error, G_FILE_ERROR, G_FILE_ERROR_NOSYS);
    g_assert_cmpuint(tn_memory_region_iommu_flags(&b.unit->mr), ==, TN_IOMMU_NOTIFIER_UNMAP);
    notify_unmap(&b, 0, 0xfff, TN_IOMMU_NOTIFIER_UNMAP);
    assert_log(f, "u-unmap:0-fff");
    unregister(&b, &unmaps);
    bench_done(&b, f);
}

static void
test_replay(Fixture *f, gconstpointer data)
{
    Mirror m = mirror(f, "", TN_IOMMU_NOTIFIER_UNMAP, 0x1800, 0x7fff);
    Bench b;

    bench_init(&b, f);
    map(&b, 0x0000, 0x0fff, 0x9000, TN_IOMMU_RW);
    map(&b, 0x1000, 0x2fff, 0x4000, TN_IOMMU_READ);
    map(&b, 0x5000, 0x5fff, 0x1000, TN_IOMMU_RW);
    map(&b, 0x7000, 0xffff, 0x0000, TN_IOMMU_RW);
    tn_memory_region_replay_iommu(&b.unit->mr, &m.notifier);
    assert_log(f, "map:1800-2fff>4800 map:5000-5fff>1000 map:7000-7fff>0");
    g_assert_cmpint(b.unit->asked, ==, TN_IOMMU_NONE);
    bench_done(&b, f);
}

/* From entry to entry: 2^52 pages are not asked for one by one. */
static void
test_replay_of_all(Fixture *f, gconstpointer data)
{
    Mirror m = mirror(f, "", TN_IOMMU_NOTIFIER_MAP, 0, UINT64_MAX);
    Bench b;

    bench_init(&b, f);
    tn_memory_region_set_size(&b.unit->mr, TN_SIZE_WHOLE);
    map(&b, 0, 0x7fffffffffffffff, 0, TN_IOMMU_NONE);
    map(&b, 0x8000000000000000, UINT64_MAX, 0, TN_IOMMU_RW);
    tn_memory_region_replay_iommu(&b.unit->mr, &m.notifier);
    assert_log(f, "map:8000000000000000-ffffffffffffffff>0");
    g_assert_cmpuint(b.unit->translations, ==, 2);
    bench_done(&b, f);
}

static void
own_replay(TnMemoryRegion *mr, TnIommuNotifier *notifier)
{
    TnIommuEntry entry = { NULL, { 0, 0xffff }, 0x40, TN_IOMMU_READ };

    tn_memory_region_notify_iommu_one(notifier, TN_IOMMU_NOTIFIER_MAP, &entry);
}

static void
test_own_replay(Fixture *f, gconstpointer data)
{
    static const TnIommuOps ops = { .translate = translate, .replay = own_replay };
    Mirror m = mirror(f, "", TN_IOMMU_NOTIFIER_MAP, 0x10, 0x1f);
    TnMemoryRegion mr;

    tn_memory_region_init_iommu(&mr, f->memory, NULL, &ops, NULL, "own", 0x10000);
    tn_memory_region_replay_iommu(&mr, &m.notifier);
    assert_log(f, "map:10-1f>50");
    tn_memory_region_done(&mr);
}

static void
test_unmap_that_permits(Fixture *f, gconstpointer data)
{
    if (g_test_subprocess()) {
        Mirror m = mirror(f, "", TN_IOMMU_NOTIFIER_UNMAP, 0, 0xffff);
        TnIommuEntry entry = { NULL, { 0, 0xfff }, 0, TN_IOMMU_READ };

        tn_memory_region_notify_iommu_one(&m.notifier, TN_IOMMU_NOTIFIER_UNMAP, &entry);
        return;
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_failed();
}

static void
test_ends_with_notifier(Fixture *f, gconstpointer data)
{
    if (g_test_subprocess()) {
        Mirror m = mirror(f, "", TN_IOMMU_NOTIFIER_UNMAP, 0, 0xffff);
        Bench b;

        bench_init(&b, f);
        register_ok(&b, &m);
        bench_done(&b, f);
        return;
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_failed();
    g_test_trap_assert_stderr("*IOMMU region 'iommu' ends while 1 notifiers are registered*");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    fixture_test("/memory/iommu/access-is-translated", test_access);
    fixture_test("/memory/iommu/dma-is-translated", test_dma);
    fixture_test("/memory/iommu/piece-by-piece", test_pieces);
    fixture_test("/memory/iommu/permissions", test_permissions);
    fixture_test("/memory/iommu/answer-for-other-address-is-a-fault",
                 test_answer_for_other_address);
    fixture_test("/memory/iommu/loop-is-a-fault", test_loop);
    fixture_test("/memory/iommu/listeners-see-a-section", test_section);
    fixture_test("/memory/iommu/notifier-flags", test_flags);
    fixture_test("/memory/iommu/notifier-range-crops", test_range);
    fixture_test("/memory/iommu/notifier-index", test_index);
    fixture_test("/memory/iommu/flags-changed", test_flags_changed);
    fixture_test("/memory/iommu/flags-refused", test_refused);
    fixture_test("/memory/iommu/replay", test_replay);
    fixture_test("/memory/iommu/replay-of-all-addresses", test_replay_of_all);
    fixture_test("/memory/iommu/own-replay", test_own_replay);
    fixture_test("/memory/iommu/unmap-that-permits-is-fatal", test_unmap_that_permits);
    fixture_test("/memory/iommu/ends-with-notifier-is-fatal", test_ends_with_notifier);
    return g_test_run();
}
