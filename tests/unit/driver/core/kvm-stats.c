/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Statistics that the monitor tells: named by their kinds, and never waited for long. */
#include "driver/core/kvm-stats.h"

#include "driver/core/lifecycle.h"
#include "tests/unit/driver/core/fixture.h"

/* "VCPU NAME=VALUE" a line. */
static char *
print(const GPtrArray *stats)
{
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < stats->len; i++) {
        const TnKvmStat *stat = g_ptr_array_index(stats, i);

        g_string_append_printf(text, "%d %s=%" G_GUINT64_FORMAT "%s\n", stat->vcpu, stat->name,
                               stat->value, stat->is_bool ? " (bool)" : "");
    }
    return g_string_free(text, FALSE);
}

static void
assert_stats(TnDomain *domain, gboolean vm, gboolean vcpus, const char *expected)
{
    g_autoptr(GPtrArray) stats = tn_kvm_stats_get(domain, vm, vcpus);
    g_autofree char *text = print(stats);

    g_assert_cmpstr(text, ==, expected);
}

/* Numbers beyond what is signed stay whole; a histogram is no single value. */
static void
test_of_guest_and_cpus(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = fixture_start(f, "g", "");

    assert_stats(domain, TRUE, TRUE,
                 "-1 pages_4k.cur=512\n"
                 "0 exits.sum=18446744073709551615\n"
                 "0 guest_mode.cur=1 (bool)\n"
                 "0 halt_poll_success_ns.sum=10\n");
    assert_stats(domain, TRUE, FALSE, "-1 pages_4k.cur=512\n");
    assert_stats(domain, FALSE, FALSE, "");
}

static void
test_not_running(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = fixture_define(f, "g", "");

    assert_stats(domain, TRUE, TRUE, "");
}

/* As of a host whose KVM does not tell, or of an older monitor. */
static void
test_monitor_cannot_tell(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = fixture_start(f, "g", "refuse=query-stats-schemas");

    assert_stats(domain, TRUE, TRUE, "");
    g_assert_cmpint(domain->stats_pause_end, ==, 0);
}

/* Waited for once, and then not for a while. */
static void
test_monitor_hangs(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = fixture_start(f, "g", "hang=query-stats");
    gint64 before;

    assert_stats(domain, TRUE, TRUE, "");
    g_assert_cmpint(domain->stats_pause_end, >, g_get_monotonic_time());
    before = g_get_monotonic_time();
    for (guint i = 0; i < 100; i++) {
        assert_stats(domain, TRUE, TRUE, "");
    }
    g_assert_cmpint(g_get_monotonic_time() - before, <, TN_KVM_STATS_TIMEOUT_MS * 1000);
    domain->stats_pause_end = 0;
    assert_stats(domain, TRUE, FALSE, "");
    g_assert_cmpint(domain->stats_pause_end, >, before);
}

#define ADD(path, func) g_test_add(path, Fixture, NULL, fixture_set_up, func, fixture_tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("/driver/kvm-stats/of-guest-and-cpus", test_of_guest_and_cpus);
    ADD("/driver/kvm-stats/not-running", test_not_running);
    ADD("/driver/kvm-stats/monitor-cannot-tell", test_monitor_cannot_tell);
    ADD("/driver/kvm-stats/monitor-hangs", test_monitor_hangs);
    return g_test_run();
}
