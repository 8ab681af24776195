/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* mc146818rtc: registers, setting the time, flags and interrupts, CMOS memory. */
#include "tests/lib/test-platform.h"
#include "vmm/hw/rtc.h"

#include <string.h>
#include <time.h>

#define IRQ 8

#define REG_A 0x0a
#define REG_B 0x0b
#define REG_C 0x0c
#define REG_D 0x0d
#define CENTURY 0x32

#define SET 0x80
#define UIP 0x80
#define UF 0x10
#define AF 0x20
#define PF 0x40

/* 2026-11-22 21:43:07, a Sunday. */
#define START 1795383787

typedef struct Fixture {
    TnTestPlatform *p;
    TnRtc *rtc;
} Fixture;

static void
set_up(Fixture *f, gconstpointer data)
{
    TnRtcConfig config = { .base = TN_RTC_BASE_DATETIME, .clock = TN_RTC_CLOCK_VM, START };

    f->p = tn_test_platform_new();
    f->rtc = tn_test_realize(f->p, tn_rtc_new(&f->p->platform, &config));
    tn_object_add_child_numbered(f->p->platform.root, "device", TN_OBJECT(f->rtc));
}

static void
tear_down(Fixture *f, gconstpointer data)
{
    tn_test_drop(f->rtc);
    tn_test_platform_free(f->p);
}

static uint8_t
get(Fixture *f, uint8_t reg)
{
    tn_test_outb(f->p, 0x70, reg);
    return tn_test_inb(f->p, 0x71);
}

static void
set(Fixture *f, uint8_t reg, uint8_t value)
{
    tn_test_outb(f->p, 0x70, reg);
    tn_test_outb(f->p, 0x71, value);
}

static void
assert_registers(Fixture *f, const char *expected)
{
    g_autofree char *got =
        g_strdup_printf("%02x%02x-%02x-%02x(%u) %02x:%02x:%02x", get(f, CENTURY), get(f, 9),
                        get(f, 8), get(f, 7), get(f, 6), get(f, 4), get(f, 2), get(f, 0));

    g_assert_cmpstr(got, ==, expected);
}

/* Second .999 may become the next one at any read: have the whole second ahead. */
static void
set_clock(Fixture *f, uint8_t hour, uint8_t minute, uint8_t second)
{
    set(f, REG_A, 0x66);
    set(f, 4, hour);
    set(f, 2, minute);
    set(f, 0, second);
    set(f, REG_A, 0x26);
}

static void
test_start_values(Fixture *f, gconstpointer data)
{
    g_assert_cmphex(get(f, REG_A) & 0x7f, ==, 0x26);
    g_assert_cmphex(get(f, REG_B), ==, 0x02);
    g_assert_cmphex(get(f, REG_D), ==, 0x80);
    g_assert_cmphex(tn_test_inb(f->p, 0x70), ==, 0xff);
}

static void
test_shows_base(Fixture *f, gconstpointer data)
{
    assert_registers(f, "2026-11-22(1) 21:43:07");
}

static void
test_nmi_bit_of_index_is_ignored(Fixture *f, gconstpointer data)
{
    g_assert_cmphex(get(f, 0x80 | REG_D), ==, 0x80);
}

static void
test_binary_form(Fixture *f, gconstpointer data)
{
    set(f, REG_B, 0x06);
    g_assert_cmpuint(get(f, 2), ==, 43);
    g_assert_cmpuint(get(f, 9), ==, 26);
    g_assert_cmpuint(get(f, CENTURY), ==, 20);
}

static void
test_12_hour_form(Fixture *f, gconstpointer data)
{
    set(f, REG_B, 0x00);
    g_assert_cmphex(get(f, 4), ==, 0x89);
}

static void
test_set_time(Fixture *f, gconstpointer data)
{
    set(f, REG_B, SET | 0x02);
    set(f, CENTURY, 0x19);
    set(f, 9, 0x99);
    set(f, 8, 0x12);
    set(f, 7, 0x31);
    set(f, 4, 0x23);
    set(f, 2, 0x59);
    set(f, 0, 0x30);
    assert_registers(f, "1999-12-31(1) 23:59:30");
    set(f, REG_B, 0x02);
    assert_registers(f, "1999-12-31(6) 23:59:30");
}

static void
test_set_one_register(Fixture *f, gconstpointer data)
{
    set(f, 4, 0x05);
    assert_registers(f, "2026-11-22(1) 05:43:07");
}

static void
test_far_years(Fixture *f, gconstpointer data)
{
    set(f, CENTURY, 0x99);
    set(f, 9, 0x99);
    g_assert_cmphex(get(f, CENTURY), ==, 0x99);
    set(f, CENTURY, 0xff);
    set(f, 9, 0xff);
    (void)get(f, 9);
    set(f, CENTURY, 0x00);
    set(f, 9, 0x00);
    g_assert_cmphex(get(f, CENTURY), ==, 0x00);
    g_assert_cmphex(get(f, 9), ==, 0x00);
}

static void
test_held_clock_stands(Fixture *f, gconstpointer data)
{
    set(f, REG_A, 0x76);
    g_assert_cmphex(get(f, REG_A), ==, 0x76);
    (void)get(f, REG_C);
    g_assert_cmphex(get(f, REG_C), ==, 0x00);
}

static void
test_set_clears_uie(Fixture *f, gconstpointer data)
{
    set(f, REG_B, SET | 0x12);
    g_assert_cmphex(get(f, REG_B), ==, SET | 0x02);
}

static void
test_c_and_d_are_read_only(Fixture *f, gconstpointer data)
{
    (void)get(f, REG_C);
    set(f, REG_C, 0xff);
    set(f, REG_D, 0x00);
    g_assert_cmphex(get(f, REG_C) & 0x8f, ==, 0x00);
    g_assert_cmphex(get(f, REG_D), ==, 0x80);
}

static gboolean
uf_is_set(gpointer user_data)
{
    /* The guest polls; nothing wakes the main loop. */
    g_main_context_wakeup(NULL);
    return get(user_data, REG_C) & UF;
}

static void
test_update_flag_without_interrupt(Fixture *f, gconstpointer data)
{
    unsigned calls = f->p->irqs[IRQ].calls;

    set_clock(f, 0x10, 0x00, 0x00);
    (void)get(f, REG_C);
    g_assert_cmphex(get(f, REG_C) & UF, ==, 0);
    /* What was read of the old second does not outlive it. */
    g_assert_cmphex(get(f, 0), ==, 0x00);
    tn_test_wait(uf_is_set, f);
    g_assert_cmphex(get(f, 0), ==, 0x01);
    g_assert_cmphex(get(f, REG_C) & UF, ==, 0);
    g_assert_cmpuint(f->p->irqs[IRQ].calls, ==, calls);
}

/* Shares, not times: a busy machine takes from both alike. */
static void
test_update_in_progress_is_short(Fixture *f, gconstpointer data)
{
    guint64 reads = 0, in_progress = 0;

    set_clock(f, 0x10, 0x00, 0x00);
    g_assert_cmphex(get(f, REG_A) & UIP, ==, 0);
    while (in_progress == 0 || get(f, 0) == 0x00) {
        in_progress += (get(f, REG_A) & UIP) != 0;
        reads++;
    }
    g_assert_cmpuint(in_progress, <, reads / 2);
}

static void
test_update_interrupt(Fixture *f, gconstpointer data)
{
    unsigned raised = f->p->irqs[IRQ].raised;

    set_clock(f, 0x10, 0x00, 0x00);
    (void)get(f, REG_C);
    set(f, REG_B, 0x12);
    tn_test_wait_count(&f->p->irqs[IRQ].raised, raised + 1);
    g_assert_cmpint(f->p->irqs[IRQ].level, ==, 1);
    g_assert_cmphex(get(f, REG_C) & ~PF, ==, 0x80 | UF);
    g_assert_cmpint(f->p->irqs[IRQ].level, ==, 0);
    g_assert_cmphex(get(f, REG_C) & ~PF, ==, 0x00);
}

static void
test_alarm_interrupt(Fixture *f, gconstpointer data)
{
    unsigned raised = f->p->irqs[IRQ].raised;

    set(f, 5, 0x11);
    set(f, 3, 0xff);
    set(f, 1, 0x00);
    set_clock(f, 0x10, 0x59, 0x59);
    (void)get(f, REG_C);
    set(f, REG_B, 0x22);
    tn_test_wait_count(&f->p->irqs[IRQ].raised, raised + 1);
    g_assert_cmphex(get(f, REG_C) & ~PF, ==, 0x80 | UF | AF);
    g_assert_cmphex(get(f, 4), ==, 0x11);
    g_assert_cmpint(f->p->irqs[IRQ].level, ==, 0);
}

static void
test_alarm_that_never_matches(Fixture *f, gconstpointer data)
{
    set(f, 5, 0x30);
    set(f, REG_B, 0x22);
    tn_test_iterate();
    g_assert_cmpint(f->p->irqs[IRQ].level, ==, 0);
}

static void
test_periodic_interrupt(Fixture *f, gconstpointer data)
{
    set(f, REG_A, 0x26);
    set(f, REG_B, 0x42);
    for (unsigned i = 0; i < 5; i++) {
        tn_test_wait_count(&f->p->irqs[IRQ].raised, i + 1);
        g_assert_cmphex(get(f, REG_C) & (0x80 | PF), ==, 0x80 | PF);
        g_assert_cmpint(f->p->irqs[IRQ].level, ==, 0);
    }
}

static void
test_unanswered_interrupt_comes_once(Fixture *f, gconstpointer data)
{
    set(f, REG_A, 0x23); /* 8192 Hz */
    set(f, REG_B, 0x42);
    tn_test_wait_count(&f->p->irqs[IRQ].raised, 1);
    tn_test_iterate();
    g_assert_cmpuint(f->p->irqs[IRQ].raised, ==, 1);
    g_assert_false(g_main_context_pending(NULL));
}

static void
test_flag_then_enable(Fixture *f, gconstpointer data)
{
    set_clock(f, 0x10, 0x00, 0x00);
    (void)get(f, REG_C);
    set(f, REG_A, 0x26);
    set(f, REG_B, 0x42);
    tn_test_wait_count(&f->p->irqs[IRQ].raised, 1);
    set(f, REG_B, 0x02);
    g_assert_cmpint(f->p->irqs[IRQ].level, ==, 0);
    set(f, REG_B, 0x42);
    g_assert_cmpint(f->p->irqs[IRQ].level, ==, 1);
}

static void
test_reset(Fixture *f, gconstpointer data)
{
    set(f, 0x40, 0x5a);
    set(f, REG_A, 0x26);
    set(f, REG_B, 0x7a);
    tn_test_wait_count(&f->p->irqs[IRQ].raised, 1);
    tn_reset_run(f->p->platform.reset);
    g_assert_cmpint(f->p->irqs[IRQ].level, ==, 0);
    g_assert_cmphex(get(f, REG_B), ==, 0x02);
    g_assert_cmphex(get(f, REG_C) & 0x80, ==, 0x00);
    g_assert_cmphex(get(f, 0x40), ==, 0x5a);
    g_assert_cmphex(get(f, 8), ==, 0x11);
}

/* As a suspended guest has it: next second's alarm, interrupt enabled. */
static void
test_alarm_wakes_up(Fixture *f, gconstpointer data)
{
    TnRunStateControl *rs = f->p->platform.run_state;

    tn_run_state_enable_wakeup(rs, TN_WAKEUP_RTC, TRUE);
    set(f, 1, 0xff);
    set(f, 3, 0xff);
    set(f, 5, 0xff);
    set(f, REG_B, 0x22);
    (void)get(f, REG_C);
    tn_run_state_request_suspend(rs);
    tn_test_wait_count(&f->p->wakeups, 1);
    g_assert_cmpint(f->p->wakeup_reason, ==, TN_WAKEUP_RTC);
}

static gboolean
has_events(gpointer user_data)
{
    return strstr(((Fixture *)user_data)->p->events->str, "RTC_CHANGE") != NULL;
}

static void
test_change_event(Fixture *f, gconstpointer data)
{
    set(f, REG_B, SET | 0x02);
    set(f, 4, 0x22); /* an hour on */
    set(f, REG_B, 0x02);
    tn_test_wait(has_events, f);
    g_assert_nonnull(strstr(f->p->events->str,
                            "RTC_CHANGE {\"offset\":3600,\"qom-path\":\"\\/device[0]\"}\n"));
}

static unsigned
count_events(Fixture *f)
{
    unsigned count = 0;

    for (const char *at = f->p->events->str; (at = strstr(at, "RTC_CHANGE")); at++) {
        count++;
    }
    return count;
}

static void
test_change_events_are_rationed(Fixture *f, gconstpointer data)
{
    for (int i = 0; i < 1000; i++) {
        set(f, 4, (uint8_t)(i % 10));
        tn_test_iterate();
    }
    g_assert_cmpuint(count_events(f), <=, 2);
}

static void
test_memory_sizes(Fixture *f, gconstpointer data)
{
    tn_rtc_set_memory(f->rtc, G_GUINT64_CONSTANT(3) << 30, G_GUINT64_CONSTANT(5) << 30);
    g_assert_cmphex(get(f, 0x15) | get(f, 0x16) << 8, ==, 640);
    g_assert_cmphex(get(f, 0x17) | get(f, 0x18) << 8, ==, 0xffff);
    g_assert_cmphex(get(f, 0x30) | get(f, 0x31) << 8, ==, 0xffff);
    g_assert_cmphex(get(f, 0x34) | get(f, 0x35) << 8, ==, ((3 << 10) - 16) << 4);
    g_assert_cmphex(get(f, 0x5b) | get(f, 0x5c) << 8 | get(f, 0x5d) << 16, ==, 5 << 14);
}

static void
test_small_memory(Fixture *f, gconstpointer data)
{
    tn_rtc_set_memory(f->rtc, 8 << 20, 0);
    g_assert_cmphex(get(f, 0x17) | get(f, 0x18) << 8, ==, 7 << 10);
    g_assert_cmphex(get(f, 0x34) | get(f, 0x35) << 8, ==, 0);
    g_assert_cmphex(get(f, 0x5b), ==, 0);
}

static void
test_cmos(Fixture *f, gconstpointer data)
{
    tn_rtc_set_cmos(f->rtc, 0x5f, 3);
    g_assert_cmphex(get(f, 0x5f), ==, 3);
    set(f, 0x0f, 0x0a);
    g_assert_cmphex(tn_rtc_get_cmos(f->rtc, 0x0f), ==, 0x0a);
    set(f, 0x7f, 0x77);
    g_assert_cmphex(get(f, 0x7f), ==, 0x77);
}

/* The bytes of "YYMMDDhhmm" that @base shows now. */
static void
assert_base(TnRtcBase base, struct tm *(*break_down)(const time_t *, struct tm *))
{
    Fixture f = { .p = tn_test_platform_new() };
    TnRtcConfig config = { .base = base };
    time_t before, after;
    struct tm tm;
    uint8_t hour, minute;

    f.rtc = tn_test_realize(f.p, tn_rtc_new(&f.p->platform, &config));
    set(&f, REG_B, 0x06);
    do {
        before = time(NULL);
        hour = get(&f, 4);
        minute = get(&f, 2);
        after = time(NULL);
    } while (before != after);
    break_down(&before, &tm);
    g_assert_cmpint(hour, ==, tm.tm_hour);
    g_assert_cmpint(minute, ==, tm.tm_min);
    tn_test_drop(f.rtc);
    tn_test_platform_free(f.p);
}

static void
test_base_utc(void)
{
    assert_base(TN_RTC_BASE_UTC, gmtime_r);
}

static void
test_base_localtime(void)
{
    g_setenv("TZ", "XYZ-05:30", TRUE);
    tzset();
    assert_base(TN_RTC_BASE_LOCALTIME, localtime_r);
}

#define add(path, func) g_test_add("/hw/rtc/" path, Fixture, NULL, set_up, func, tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    add("start-values", test_start_values);
    add("shows-base", test_shows_base);
    add("nmi-bit-of-index-is-ignored", test_nmi_bit_of_index_is_ignored);
    add("binary-form", test_binary_form);
    add("12-hour-form", test_12_hour_form);
    add("set/time", test_set_time);
    add("set/one-register", test_set_one_register);
    add("set/far-years", test_far_years);
    add("set/held-clock-stands", test_held_clock_stands);
    add("set/clears-uie", test_set_clears_uie);
    add("set/change-event", test_change_event);
    add("set/change-events-are-rationed", test_change_events_are_rationed);
    add("c-and-d-are-read-only", test_c_and_d_are_read_only);
    add("update/flag-without-interrupt", test_update_flag_without_interrupt);
    add("update/in-progress-is-short", test_update_in_progress_is_short);
    add("update/interrupt", test_update_interrupt);
    add("alarm/interrupt", test_alarm_interrupt);
    add("alarm/wakes-up", test_alarm_wakes_up);
    add("alarm/that-never-matches", test_alarm_that_never_matches);
    add("periodic/interrupt", test_periodic_interrupt);
    add("periodic/unanswered-comes-once", test_unanswered_interrupt_comes_once);
    add("periodic/flag-then-enable", test_flag_then_enable);
    add("reset", test_reset);
    add("cmos/memory-sizes", test_memory_sizes);
    add("cmos/small-memory", test_small_memory);
    add("cmos/bytes", test_cmos);
    g_test_add_func("/hw/rtc/base/utc", test_base_utc);
    g_test_add_func("/hw/rtc/base/localtime", test_base_localtime);
    return g_test_run();
}
