/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Listeners: what they are told, in which order, and that it adds up.
 *
 *   TN_TEST_SEED, TN_TEST_TOPOLOGIES: as in flat-random.c, for the replay
 */
#include "tests/unit/vmm/memory/fixture.h"
#include "tests/unit/vmm/memory/topology.h"

#include <inttypes.h>

typedef struct Recorder {
    TnMemoryListener listener;
    GString *log;
} Recorder;

static void
record(TnMemoryListener *listener, const char *what, const TnMemorySection *section)
{
    Recorder *r = (Recorder *)listener;

    g_string_append_printf(r->log, "%s%s", listener->name, what);
    if (section) {
        g_string_append_printf(r->log, ":%s@%" PRIx64, section->flat->region->name,
                               section->flat->range.first);
    }
    g_string_append_c(r->log, ' ');
}

static void
record_begin(TnMemoryListener *listener)
{
    record(listener, "begin", NULL);
}

static void
record_commit(TnMemoryListener *listener)
{
    record(listener, "commit", NULL);
}

static void
record_del(TnMemoryListener *listener, const TnMemorySection *section)
{
    record(listener, "del", section);
}

static void
record_add(TnMemoryListener *listener, const TnMemorySection *section)
{
    record(listener, "add", section);
}

static void
record_nop(TnMemoryListener *listener, const TnMemorySection *section)
{
    record(listener, "nop", section);
}

static Recorder
recorder(Fixture *f, const char *name, int priority)
{
    return (Recorder){ .listener = { .name = name,
                                     .priority = priority,
                                     .begin = record_begin,
                                     .commit = record_commit,
                                     .region_del = record_del,
                                     .region_add = record_add,
                                     .region_nop = record_nop },
                       .log = f->log };
}

/* Compares what was recorded, and starts anew. */
#define assert_log(f, expected)                           \
    do {                                                  \
        g_strchomp((f)->log->str);                        \
        g_assert_cmpstr((f)->log->str, ==, expected);     \
        g_string_truncate((f)->log, 0);                   \
    } while (0)

static void
test_register(Fixture *f, gconstpointer data)
{
    Recorder r = recorder(f, "", 0);

    tn_memory_region_add_subregion(&f->root, 0x1000, make_io(f, "a", 0x10));
    tn_memory_region_add_subregion(&f->root, 0x2000, make_io(f, "b", 0x10));
    tn_memory_listener_register(&r.listener, f->as);
    assert_log(f, "begin add:a@1000 add:b@2000 commit");
    tn_memory_listener_unregister(&r.listener, f->as);
    assert_log(f, "begin del:a@1000 del:b@2000 commit");
}

static void
test_unregistered_hears_nothing(Fixture *f, gconstpointer data)
{
    Recorder r = recorder(f, "", 0);

    tn_memory_listener_register(&r.listener, f->as);
    tn_memory_listener_unregister(&r.listener, f->as);
    g_string_truncate(f->log, 0);
    tn_memory_region_add_subregion(&f->root, 0x1000, make_io(f, "a", 0x10));
    assert_log(f, "");
    tn_memory_listener_unregister(&r.listener, f->as);
    assert_log(f, "");
}

static void
test_nop(Fixture *f, gconstpointer data)
{
    Recorder r = recorder(f, "", 0);

    tn_memory_region_add_subregion(&f->root, 0x1000, make_io(f, "a", 0x10));
    tn_memory_listener_register(&r.listener, f->as);
    g_string_truncate(f->log, 0);
    tn_memory_region_add_subregion(&f->root, 0, make_io(f, "b", 0x10));
    assert_log(f, "begin add:b@0 nop:a@1000 commit");
    tn_memory_listener_unregister(&r.listener, f->as);
}

static void
test_removals_first(Fixture *f, gconstpointer data)
{
    Recorder r = recorder(f, "", 0);
    TnMemoryRegion *a = make_io(f, "a", 0x1000);

    tn_memory_region_add_subregion(&f->root, 0x1000, a);
    tn_memory_region_add_subregion(&f->root, 0x5000, make_io(f, "b", 0x1000));
    tn_memory_listener_register(&r.listener, f->as);
    g_string_truncate(f->log, 0);
    /* To a lower address, where a walk in order would add first. */
    tn_memory_region_set_address(a, 0x800);
    assert_log(f, "begin del:a@1000 add:a@800 nop:b@5000 commit");
    tn_memory_listener_unregister(&r.listener, f->as);
}

static void
test_cut_region_is_told_anew(Fixture *f, gconstpointer data)
{
    Recorder r = recorder(f, "", 0);

    tn_memory_region_add_subregion(&f->root, 0x1000, make_io(f, "a", 0x1000));
    tn_memory_listener_register(&r.listener, f->as);
    g_string_truncate(f->log, 0);
    tn_memory_region_add_subregion_overlap(&f->root, 0x1800, make_io(f, "b", 0x100), 1);
    assert_log(f, "begin del:a@1000 add:a@1000 add:b@1800 add:a@1900 commit");
    tn_memory_listener_unregister(&r.listener, f->as);
}

static void
test_attribute_is_a_change(Fixture *f, gconstpointer data)
{
    Recorder r = recorder(f, "", 0);
    TnMemoryRegion *ram = make_ram(f, "ram", 0x1000);

    tn_memory_region_add_subregion(&f->root, 0, ram);
    tn_memory_listener_register(&r.listener, f->as);
    g_string_truncate(f->log, 0);
    tn_memory_region_set_readonly(ram, true);
    assert_log(f, "begin del:ram@0 add:ram@0 commit");
    tn_memory_region_set_readonly(ram, true);
    assert_log(f, "");
    tn_memory_listener_unregister(&r.listener, f->as);
}

static void
test_one_round_per_transaction(Fixture *f, gconstpointer data)
{
    Recorder r = recorder(f, "", 0);

    tn_memory_listener_register(&r.listener, f->as);
    g_string_truncate(f->log, 0);
    tn_memory_begin(f->memory);
    tn_memory_region_add_subregion(&f->root, 0x1000, make_io(f, "a", 0x10));
    tn_memory_begin(f->memory);
    tn_memory_region_add_subregion(&f->root, 0x2000, make_io(f, "b", 0x10));
    tn_memory_commit(f->memory);
    assert_log(f, "");
    tn_memory_commit(f->memory);
    assert_log(f, "begin add:a@1000 add:b@2000 commit");
    tn_memory_listener_unregister(&r.listener, f->as);
}

static void
test_nothing_changed_nothing_told(Fixture *f, gconstpointer data)
{
    Recorder r = recorder(f, "", 0);
    TnMemoryRegion *a = make_io(f, "a", 0x10);

    tn_memory_region_set_enabled(a, false);
    tn_memory_listener_register(&r.listener, f->as);
    g_string_truncate(f->log, 0);
    tn_memory_begin(f->memory);
    tn_memory_commit(f->memory);
    tn_memory_region_add_subregion(&f->root, 0x1000, a);
    tn_memory_region_set_address(a, 0x2000);
    tn_memory_region_set_size(a, 0x20);
    assert_log(f, "");
    tn_memory_listener_unregister(&r.listener, f->as);
}

static void
test_added_and_removed_within(Fixture *f, gconstpointer data)
{
    Recorder r = recorder(f, "", 0);
    TnMemoryRegion *a = make_io(f, "a", 0x10);

    tn_memory_listener_register(&r.listener, f->as);
    g_string_truncate(f->log, 0);
    tn_memory_begin(f->memory);
    tn_memory_region_add_subregion(&f->root, 0x1000, a);
    tn_memory_region_del_subregion(&f->root, a);
    tn_memory_commit(f->memory);
    assert_log(f, "begin commit");
    tn_memory_listener_unregister(&r.listener, f->as);
}

static void
test_priorities(Fixture *f, gconstpointer data)
{
    Recorder high = recorder(f, "high.", 10);
    Recorder low = recorder(f, "low.", 0);
    TnMemoryRegion *a = make_io(f, "a", 0x10);

    tn_memory_listener_register(&high.listener, f->as);
    tn_memory_listener_register(&low.listener, f->as);
    g_string_truncate(f->log, 0);
    tn_memory_region_add_subregion(&f->root, 0x1000, a);
    assert_log(f, "low.begin high.begin low.add:a@1000 high.add:a@1000 low.commit high.commit");
    tn_memory_region_del_subregion(&f->root, a);
    assert_log(f, "low.begin high.begin high.del:a@1000 low.del:a@1000 low.commit high.commit");
    tn_memory_listener_unregister(&high.listener, f->as);
    tn_memory_listener_unregister(&low.listener, f->as);
}

static void
test_equal_priorities(Fixture *f, gconstpointer data)
{
    Recorder first = recorder(f, "1.", 0);
    Recorder second = recorder(f, "2.", 0);

    tn_memory_listener_register(&first.listener, f->as);
    tn_memory_listener_register(&second.listener, f->as);
    g_string_truncate(f->log, 0);
    tn_memory_region_add_subregion(&f->root, 0x1000, make_io(f, "a", 0x10));
    assert_log(f, "1.begin 2.begin 1.add:a@1000 2.add:a@1000 1.commit 2.commit");
    tn_memory_listener_unregister(&first.listener, f->as);
    tn_memory_listener_unregister(&second.listener, f->as);
}

static void
test_no_callbacks(Fixture *f, gconstpointer data)
{
    TnMemoryListener deaf = { .name = "deaf" };

    tn_memory_region_add_subregion(&f->root, 0x1000, make_io(f, "a", 0x10));
    tn_memory_listener_register(&deaf, f->as);
    tn_memory_region_add_subregion(&f->root, 0x2000, make_io(f, "b", 0x10));
    tn_memory_listener_unregister(&deaf, f->as);
}

static void
test_only_its_space(Fixture *f, gconstpointer data)
{
    TnMemoryRegion *ports = make_container(f, "ports", 0x10000);
    g_autoptr(TnAddressSpace) io = tn_address_space_new(f->memory, ports, "I/O");
    Recorder r = recorder(f, "", 0);

    tn_memory_listener_register(&r.listener, io);
    g_string_truncate(f->log, 0);
    tn_memory_region_add_subregion(&f->root, 0x1000, make_io(f, "a", 0x10));
    assert_log(f, "begin commit");
    tn_memory_region_add_subregion(ports, 0x60, make_io(f, "kbd", 1));
    assert_log(f, "begin add:kbd@60 commit");
    tn_memory_listener_unregister(&r.listener, io);
}

/* Looks at the published view from inside of the callbacks. */
typedef struct Watcher {
    TnMemoryListener listener;
    TnAddressSpace *as;
    GString *log;
} Watcher;

static void
watch(Watcher *w, const char *when)
{
    g_autofree char *text = space_text(w->as);

    g_string_append_printf(w->log, "%s[%s] ", when, text);
}

static void
watch_add(TnMemoryListener *listener, const TnMemorySection *section)
{
    watch((Watcher *)listener, "add");
}

static void
watch_commit(TnMemoryListener *listener)
{
    watch((Watcher *)listener, "commit");
}

static void
test_published_before_commit(Fixture *f, gconstpointer data)
{
    Watcher w = { .listener = { .name = "watcher", .region_add = watch_add,
                                .commit = watch_commit },
                  .as = f->as,
                  .log = f->log };

    tn_memory_listener_register(&w.listener, f->as);
    g_string_truncate(f->log, 0);
    tn_memory_region_add_subregion(&f->root, 0, make_io(f, "a", 1));
    assert_log(f, "add[] commit[0-0 a +0]");
    tn_memory_listener_unregister(&w.listener, f->as);
}

/* A guest's access while its RAM is taken out of and put back into KVM's slots. */
static TnMemResult during_update;

static void
access_in_del(TnMemoryListener *listener, const TnMemorySection *section)
{
    uint32_t value;

    during_update = tn_address_space_read(section->space, 0x1000, &value, 4);
}

static void
test_old_view_serves_during_the_passes(Fixture *f, gconstpointer data)
{
    TnMemoryListener listener = { .name = "prober", .region_del = access_in_del };
    TnMemoryRegion *ram = make_ram(f, "ram", 0x4000);

    tn_memory_region_add_subregion(&f->root, 0, ram);
    tn_memory_listener_register(&listener, f->as);
    during_update = TN_MEM_UNASSIGNED;
    tn_memory_region_add_subregion_overlap(&f->root, 0x3000, make_io(f, "io", 0x1000), 1);
    g_assert_cmpint(during_update, ==, TN_MEM_OK);
    tn_memory_listener_unregister(&listener, f->as);
}

static void
change_in_commit(TnMemoryListener *listener)
{
    static TnMemoryRegion *target;

    if (!target) {
        target = (TnMemoryRegion *)(void *)listener->name;
        return;
    }
    tn_memory_region_set_enabled(target, false);
}

static void
test_change_from_inside(Fixture *f, gconstpointer data)
{
    if (g_test_subprocess()) {
        TnMemoryRegion *a = make_io(f, "a", 1);
        TnMemoryListener listener = { .name = (const char *)a, .commit = change_in_commit };

        tn_memory_listener_register(&listener, f->as);
        tn_memory_region_add_subregion(&f->root, 0, a);
        return;
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_failed();
    g_test_trap_assert_stderr("*a memory listener changes the topology*");
}

static void
test_space_freed_while_registered(Fixture *f, gconstpointer data)
{
    if (g_test_subprocess()) {
        TnMemoryListener listener = { .name = "forgotten" };
        TnAddressSpace *as = tn_address_space_new(f->memory, &f->root, "short");

        tn_memory_listener_register(&listener, as);
        tn_address_space_free(as);
        return;
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_failed();
    g_test_trap_assert_stderr("*address space 'short' ends while listener 'forgotten'*");
}

/* Keeps what it is told, and objects to whatever does not fit. */
typedef struct Replay {
    TnMemoryListener listener;
    GArray *sections; /* TnFlatRange, in no order */
    GArray *eventfds; /* TnMemoryEventfd, in no order */
    bool in_round;
    bool adding;
    bool adding_eventfds;
    unsigned nops;
} Replay;

static bool
same(const TnFlatRange *a, const TnFlatRange *b)
{
    return a->range.first == b->range.first && a->range.last == b->range.last &&
           a->region == b->region && a->offset_in_region == b->offset_in_region &&
           a->readonly == b->readonly && a->nonvolatile == b->nonvolatile && a->host == b->host;
}

static unsigned
replay_find(const Replay *r, const TnFlatRange *flat)
{
    for (unsigned i = 0; i < r->sections->len; i++) {
        if (same(&g_array_index(r->sections, TnFlatRange, i), flat)) {
            return i;
        }
    }
    g_assert_not_reached();
}

static void
replay_begin(TnMemoryListener *listener)
{
    Replay *r = (Replay *)listener;

    g_assert_false(r->in_round);
    r->in_round = true;
    r->adding = false;
    r->adding_eventfds = false;
    r->nops = 0;
}

static void
replay_del(TnMemoryListener *listener, const TnMemorySection *section)
{
    Replay *r = (Replay *)listener;

    g_assert_true(r->in_round);
    g_assert_false(r->adding);
    g_array_remove_index_fast(r->sections, replay_find(r, section->flat));
}

static void
replay_add(TnMemoryListener *listener, const TnMemorySection *section)
{
    Replay *r = (Replay *)listener;

    g_assert_true(r->in_round);
    r->adding = true;
    for (unsigned i = 0; i < r->sections->len; i++) {
        g_assert_false(tn_range_overlaps(g_array_index(r->sections, TnFlatRange, i).range,
                                         section->flat->range));
    }
    g_array_append_val(r->sections, *section->flat);
    r->nops++;
}

static void
replay_nop(TnMemoryListener *listener, const TnMemorySection *section)
{
    Replay *r = (Replay *)listener;

    g_assert_true(r->in_round);
    r->adding = true;
    replay_find(r, section->flat);
    r->nops++;
}

static unsigned
replay_find_eventfd(const Replay *r, const TnMemoryEventfd *e)
{
    unsigned i = 0;

    while (i < r->eventfds->len &&
           tn_memory_eventfd_compare(&g_array_index(r->eventfds, TnMemoryEventfd, i), e) != 0) {
        i++;
    }
    return i;
}

static void
replay_eventfd_del(TnMemoryListener *listener, TnAddressSpace *as, const TnMemoryEventfd *e)
{
    Replay *r = (Replay *)listener;
    unsigned i = replay_find_eventfd(r, e);

    g_assert_true(r->in_round);
    g_assert_false(r->adding_eventfds);
    g_assert_cmpuint(i, <, r->eventfds->len);
    g_array_remove_index_fast(r->eventfds, i);
}

static void
replay_eventfd_add(TnMemoryListener *listener, TnAddressSpace *as, const TnMemoryEventfd *e)
{
    Replay *r = (Replay *)listener;

    g_assert_true(r->in_round);
    r->adding_eventfds = true;
    g_assert_cmpuint(replay_find_eventfd(r, e), ==, r->eventfds->len);
    g_array_append_val(r->eventfds, *e);
}

static void
replay_commit(TnMemoryListener *listener)
{
    Replay *r = (Replay *)listener;

    g_assert_true(r->in_round);
    /* Everything there is was named in this round. */
    g_assert_cmpuint(r->nops, ==, r->sections->len);
    r->in_round = false;
}

static int
by_address(gconstpointer a, gconstpointer b)
{
    const TnFlatRange *x = a;
    const TnFlatRange *y = b;

    return x->range.first < y->range.first ? -1 : 1;
}

static int
compare_eventfds(gconstpointer a, gconstpointer b)
{
    return tn_memory_eventfd_compare(a, b);
}

static void
replay_check(Replay *r, const Topology *t)
{
    g_array_sort(r->sections, by_address);
    topology_check(t, (const TnFlatRange *)(void *)r->sections->data, r->sections->len);
    g_array_sort(r->eventfds, compare_eventfds);
    topology_check_eventfds(t, (const TnMemoryEventfd *)(void *)r->eventfds->data,
                            r->eventfds->len);
}

static void
replay_one_tree(TnMemory *memory, GRand *rand)
{
    g_autoptr(GArray) sections = g_array_new(FALSE, FALSE, sizeof(TnFlatRange));
    g_autoptr(GArray) eventfds = g_array_new(FALSE, FALSE, sizeof(TnMemoryEventfd));
    Replay r = { .listener = { .name = "replay",
                               .begin = replay_begin,
                               .region_del = replay_del,
                               .region_add = replay_add,
                               .region_nop = replay_nop,
                               .eventfd_del = replay_eventfd_del,
                               .eventfd_add = replay_eventfd_add,
                               .commit = replay_commit },
                 .sections = sections,
                 .eventfds = eventfds };
    Topology t;
    TnAddressSpace *as;

    topology_init(&t, memory, rand);
    as = tn_address_space_new(memory, &t.regions[0].mr, "space");
    tn_memory_listener_register(&r.listener, as);
    replay_check(&r, &t);
    for (unsigned i = 0; i < 16; i++) {
        unsigned changes = 1 + (unsigned)g_rand_int_range(rand, 0, 3);

        tn_memory_begin(memory);
        for (unsigned j = 0; j < changes; j++) {
            topology_mutate(&t);
        }
        tn_memory_commit(memory);
        replay_check(&r, &t);
    }
    tn_memory_listener_unregister(&r.listener, as);
    g_assert_cmpuint(sections->len, ==, 0);
    g_assert_cmpuint(eventfds->len, ==, 0);
    tn_address_space_free(as);
    topology_done(&t);
}

static void
test_replay(void)
{
    guint32 seed = topology_seed();
    unsigned trees = topology_count("TN_TEST_TOPOLOGIES", 10000);
    g_autoptr(GRand) rand = g_rand_new_with_seed(seed);
    g_autoptr(TnMemory) memory = tn_memory_new();

    for (unsigned i = 0; i < trees; i++) {
        replay_one_tree(memory, rand);
    }
}

/* Refuses what is called "bad". */
static void
refusing_add(TnMemoryListener *listener, const TnMemorySection *section)
{
    g_autoptr(GError) error = NULL;

    record_add(listener, section);
    if (g_str_has_prefix(section->flat->region->name, "bad")) {
        error = g_error_new(G_FILE_ERROR, G_FILE_ERROR_NOMEM, "no room for %s",
                            section->flat->region->name);
        record(listener, tn_memory_section_refuse(section, error) ? "heard" : "unheard",
               NULL);
    }
}

static void
test_refuse_checked(Fixture *f, gconstpointer data)
{
    Recorder r = recorder(f, "", 0);
    g_autoptr(GError) error = NULL;

    r.listener.region_add = refusing_add;
    tn_memory_listener_register(&r.listener, f->as);
    assert_log(f, "begin commit");
    tn_memory_begin(f->memory);
    tn_memory_region_add_subregion(&f->root, 0x1000, make_io(f, "bad-1", 0x10));
    tn_memory_region_add_subregion(&f->root, 0x2000, make_io(f, "bad-2", 0x10));
    g_assert_false(tn_memory_commit_checked(f->memory, &error));
    g_assert_error(error, G_FILE_ERROR, G_FILE_ERROR_NOMEM);
    g_assert_cmpstr(error->message, ==, "no room for bad-1");
    assert_log(f, "begin add:bad-1@1000 heard add:bad-2@2000 heard commit");
    tn_memory_listener_unregister(&r.listener, f->as);
    assert_log(f, "begin del:bad-1@1000 del:bad-2@2000 commit");
}

static void
test_refuse_is_forgotten(Fixture *f, gconstpointer data)
{
    Recorder r = recorder(f, "", 0);
    TnMemoryRegion *bad = make_io(f, "bad", 0x10);
    g_autoptr(GError) error = NULL;

    r.listener.region_add = refusing_add;
    tn_memory_listener_register(&r.listener, f->as);
    tn_memory_begin(f->memory);
    tn_memory_region_add_subregion(&f->root, 0x1000, bad);
    g_assert_false(tn_memory_commit_checked(f->memory, NULL));
    tn_memory_region_del_subregion(&f->root, bad);
    tn_memory_begin(f->memory);
    tn_memory_region_add_subregion(&f->root, 0x1000, make_io(f, "good", 0x10));
    g_assert_true(tn_memory_commit_checked(f->memory, &error));
    g_assert_no_error(error);
    tn_memory_listener_unregister(&r.listener, f->as);
}

static void
test_refuse_unchecked(Fixture *f, gconstpointer data)
{
    Recorder r = recorder(f, "", 0);

    r.listener.region_add = refusing_add;
    tn_memory_listener_register(&r.listener, f->as);
    tn_memory_region_add_subregion(&f->root, 0x1000, make_io(f, "bad", 0x10));
    assert_log(f, "begin commit begin add:bad@1000 unheard commit");
    tn_memory_listener_unregister(&r.listener, f->as);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    fixture_test("/memory/listener/register-tells-todays-view", test_register);
    fixture_test("/memory/listener/unregistered-hears-nothing", test_unregistered_hears_nothing);
    fixture_test("/memory/listener/nop-for-what-stays", test_nop);
    fixture_test("/memory/listener/removals-first", test_removals_first);
    fixture_test("/memory/listener/cut-region-is-told-anew", test_cut_region_is_told_anew);
    fixture_test("/memory/listener/attribute-is-a-change", test_attribute_is_a_change);
    fixture_test("/memory/listener/one-round-per-transaction", test_one_round_per_transaction);
    fixture_test("/memory/listener/nothing-changed-nothing-told",
                 test_nothing_changed_nothing_told);
    fixture_test("/memory/listener/added-and-removed-within", test_added_and_removed_within);
    fixture_test("/memory/listener/priorities", test_priorities);
    fixture_test("/memory/listener/equal-priorities-in-order", test_equal_priorities);
    fixture_test("/memory/listener/callbacks-may-be-null", test_no_callbacks);
    fixture_test("/memory/listener/only-its-space", test_only_its_space);
    fixture_test("/memory/listener/published-before-commit", test_published_before_commit);
    fixture_test("/memory/listener/old-view-serves-during-the-passes",
                 test_old_view_serves_during_the_passes);
    fixture_test("/memory/listener/refusal-reaches-a-checked-commit", test_refuse_checked);
    fixture_test("/memory/listener/refusal-is-told-once", test_refuse_is_forgotten);
    fixture_test("/memory/listener/refusal-nobody-asked-for", test_refuse_unchecked);
    fixture_test("/memory/listener/change-from-inside-is-fatal", test_change_from_inside);
    fixture_test("/memory/listener/space-freed-while-registered-is-fatal",
                 test_space_freed_while_registered);
    g_test_add_func("/memory/listener/replay-equals-the-view", test_replay);
    return g_test_run();
}
