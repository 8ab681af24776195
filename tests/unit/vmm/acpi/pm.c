/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* PM1 registers and the PM timer: ACPI 6.3, 4.8.3. The block lies at port 0x600. */
#include "vmm/acpi/pm.h"

#include "tests/lib/test-platform.h"

#include <string.h>

#define STATUS 0x600
#define ENABLE 0x602
#define CONTROL 0x604
#define TIMER 0x608

#define SCI 9

typedef struct {
    TnTestPlatform *p;
    TnAcpiSci sci;
    TnAcpiPm pm;
} Fixture;

static void
set_up(Fixture *f, gconstpointer data)
{
    TnAcpiPmConfig config;

    f->p = tn_test_platform_new();
    tn_acpi_sci_init(&f->sci, &f->p->platform.isa_irqs[SCI]);
    config = (TnAcpiPmConfig){
        .memory = f->p->platform.memory,
        .sci = &f->sci,
        .clock = f->p->platform.clock,
        .run_state = f->p->platform.run_state,
        .s3 = data == NULL,
        .s4 = data == NULL,
        .s4_type = TN_ACPI_SLP_TYP_S4,
    };
    tn_acpi_pm_init(&f->pm, &config);
    tn_memory_region_add_subregion(f->p->platform.system_io, STATUS, &f->pm.region);
}

static void
tear_down(Fixture *f, gconstpointer data)
{
    tn_memory_region_del_subregion(f->p->platform.system_io, &f->pm.region);
    tn_acpi_pm_done(&f->pm);
    tn_acpi_sci_done(&f->sci);
    tn_test_platform_free(f->p);
}

static void
test_power_on_values(Fixture *f, gconstpointer data)
{
    g_assert_cmphex(tn_test_in(f->p, STATUS, 2), ==, 0);
    g_assert_cmphex(tn_test_in(f->p, ENABLE, 2), ==, 0);
    g_assert_cmphex(tn_test_in(f->p, CONTROL, 2), ==, TN_ACPI_PM1_SCI_EN);
    g_assert_cmpint(f->p->irqs[SCI].level, ==, 0);
}

static void
test_power_button_raises_the_sci_when_enabled(Fixture *f, gconstpointer data)
{
    tn_test_out(f->p, ENABLE, TN_ACPI_PM1_POWER_BUTTON, 2);
    tn_acpi_pm_press_power_button(&f->pm);
    g_assert_cmpint(f->p->irqs[SCI].level, ==, 1);
    g_assert_cmphex(tn_test_in(f->p, STATUS, 2), ==, TN_ACPI_PM1_POWER_BUTTON);
    tn_test_out(f->p, STATUS, TN_ACPI_PM1_POWER_BUTTON, 2);
    g_assert_cmphex(tn_test_in(f->p, STATUS, 2), ==, 0);
    g_assert_cmpint(f->p->irqs[SCI].level, ==, 0);
}

static void
test_power_button_waits_until_enabled(Fixture *f, gconstpointer data)
{
    tn_acpi_pm_press_power_button(&f->pm);
    g_assert_cmpint(f->p->irqs[SCI].level, ==, 0);
    tn_test_out(f->p, ENABLE, TN_ACPI_PM1_POWER_BUTTON, 2);
    g_assert_cmpint(f->p->irqs[SCI].level, ==, 1);
    tn_test_out(f->p, ENABLE, 0, 2);
    g_assert_cmpint(f->p->irqs[SCI].level, ==, 0);
}

static void
test_status_clears_only_ones(Fixture *f, gconstpointer data)
{
    tn_acpi_pm_press_power_button(&f->pm);
    tn_test_out(f->p, STATUS, 0, 2);
    tn_test_out(f->p, STATUS, (guint16)~TN_ACPI_PM1_POWER_BUTTON, 2);
    g_assert_cmphex(tn_test_in(f->p, STATUS, 2), ==, TN_ACPI_PM1_POWER_BUTTON);
}

static void
test_enable_keeps_only_known_bits(Fixture *f, gconstpointer data)
{
    tn_test_out(f->p, ENABLE, 0xffff, 2);
    g_assert_cmphex(tn_test_in(f->p, ENABLE, 2), ==, 0x0521);
}

static void
test_enable_by_bytes(Fixture *f, gconstpointer data)
{
    tn_test_outb(f->p, ENABLE + 1, 0x01);
    tn_test_outb(f->p, ENABLE, 0x20);
    g_assert_cmphex(tn_test_in(f->p, ENABLE, 2), ==, 0x0120);
    g_assert_cmphex(tn_test_inb(f->p, ENABLE + 1), ==, 0x01);
}

static void
test_status_and_enable_as_one_dword(Fixture *f, gconstpointer data)
{
    tn_acpi_pm_press_power_button(&f->pm);
    tn_test_out(f->p, STATUS, (TN_ACPI_PM1_POWER_BUTTON << 16), 4);
    g_assert_cmphex(tn_test_in(f->p, STATUS, 4), ==,
                    TN_ACPI_PM1_POWER_BUTTON << 16 | TN_ACPI_PM1_POWER_BUTTON);
}

static void
test_control_keeps_sci_en(Fixture *f, gconstpointer data)
{
    tn_test_out(f->p, CONTROL, 0, 2);
    g_assert_cmphex(tn_test_in(f->p, CONTROL, 2), ==, TN_ACPI_PM1_SCI_EN);
    tn_test_out(f->p, CONTROL, 1 << TN_ACPI_PM1_SLP_TYP_SHIFT | TN_ACPI_PM1_BM_RLD, 2);
    g_assert_cmphex(tn_test_in(f->p, CONTROL, 2), ==, 0x0403);
}

static gboolean
has_quit(gpointer user_data)
{
    return ((TnTestPlatform *)user_data)->quits > 0;
}

static void
test_s5_shuts_down(Fixture *f, gconstpointer data)
{
    tn_test_out(f->p, CONTROL, TN_ACPI_PM1_SLP_EN | TN_ACPI_PM1_SCI_EN, 2);
    g_assert_cmphex(tn_test_in(f->p, CONTROL, 2) & TN_ACPI_PM1_SLP_EN, ==, 0);
    tn_test_wait(has_quit, f->p);
    g_assert_nonnull(strstr(f->p->events->str, "guest-shutdown"));
}

static void
test_s5_by_its_high_byte(Fixture *f, gconstpointer data)
{
    tn_test_outb(f->p, CONTROL + 1, TN_ACPI_PM1_SLP_EN >> 8);
    tn_test_wait(has_quit, f->p);
}

static void
test_sleep_types_that_are_not_there(Fixture *f, gconstpointer data)
{
    tn_test_out(f->p, CONTROL, TN_ACPI_PM1_SLP_EN | 1 << TN_ACPI_PM1_SLP_TYP_SHIFT, 2);
    tn_test_iterate();
    g_assert_cmpuint(f->p->quits, ==, 0);
}

/* Time stands from here on. */
static void
sleep_as(Fixture *f, unsigned type)
{
    tn_test_out(f->p, CONTROL, TN_ACPI_PM1_SLP_EN | type << TN_ACPI_PM1_SLP_TYP_SHIFT, 2);
    tn_test_iterate();
}

static void
test_s3_suspends(Fixture *f, gconstpointer data)
{
    sleep_as(f, TN_ACPI_SLP_TYP_S3);
    g_assert_cmpuint(f->p->holds, ==, 1);
    g_assert_cmpuint(f->p->suspends, ==, 1);
    g_assert_nonnull(strstr(f->p->events->str, "SUSPEND {}"));
}

static void
test_s4_shuts_down(Fixture *f, gconstpointer data)
{
    sleep_as(f, TN_ACPI_SLP_TYP_S4);
    g_assert_cmpuint(f->p->quits, ==, 1);
    g_assert_true(g_str_has_prefix(f->p->events->str, "SUSPEND_DISK {}\nSHUTDOWN "));
}

static void
test_disabled_sleep_is_ignored(Fixture *f, gconstpointer data)
{
    sleep_as(f, TN_ACPI_SLP_TYP_S3);
    sleep_as(f, TN_ACPI_SLP_TYP_S4);
    g_assert_cmpuint(f->p->holds, ==, 0);
    g_assert_cmpstr(f->p->events->str, ==, "");
}

static void
test_enabled_rtc_wakes_up(Fixture *f, gconstpointer data)
{
    sleep_as(f, TN_ACPI_SLP_TYP_S3);
    tn_run_state_request_wakeup(f->p->platform.run_state, TN_WAKEUP_RTC);
    tn_test_iterate();
    g_assert_cmpuint(f->p->wakeups, ==, 0);
    tn_test_out(f->p, ENABLE, TN_ACPI_PM1_RTC, 2);
    tn_run_state_request_wakeup(f->p->platform.run_state, TN_WAKEUP_RTC);
    tn_test_iterate();
    g_assert_cmpuint(f->p->wakeups, ==, 1);
}

static void
test_enabled_timer_wakes_up(Fixture *f, gconstpointer data)
{
    tn_test_out(f->p, CONTROL, TN_ACPI_PM1_SLP_EN | TN_ACPI_SLP_TYP_S3 << TN_ACPI_PM1_SLP_TYP_SHIFT,
                2);
    f->pm.overflow_tick =
        (guint64)tn_clock_now_ns(f->p->platform.clock) * 3579545 / 1000000000 + 100000;
    tn_test_out(f->p, ENABLE, TN_ACPI_PM1_TIMER, 2);
    tn_test_wait_count(&f->p->wakeups, 1);
    g_assert_cmpint(f->p->wakeup_reason, ==, TN_WAKEUP_PM_TIMER);
}

static void
test_wake_status_says_why(Fixture *f, gconstpointer data)
{
    tn_acpi_pm_wake_up(&f->pm, TN_WAKEUP_RTC);
    g_assert_cmphex(tn_test_in(f->p, STATUS, 2), ==, TN_ACPI_PM1_WAKE | TN_ACPI_PM1_RTC);
    tn_test_out(f->p, STATUS, 0xffff, 2);
    g_assert_cmphex(tn_test_in(f->p, STATUS, 2), ==, 0);
    tn_acpi_pm_wake_up(&f->pm, TN_WAKEUP_OTHER);
    g_assert_cmphex(tn_test_in(f->p, STATUS, 2), ==, TN_ACPI_PM1_WAKE | TN_ACPI_PM1_POWER_BUTTON);
}

static void
stop_clock(Fixture *f)
{
    tn_clock_stop(f->p->platform.clock);
}

static void
test_timer_counts_the_clock(Fixture *f, gconstpointer data)
{
    guint64 ticks;

    stop_clock(f);
    ticks = (guint64)((unsigned __int128)tn_clock_now_ns(f->p->platform.clock) * 3579545 /
                      1000000000);
    g_assert_cmpuint(tn_test_in(f->p, TIMER, 4), ==, ticks & 0xffffff);
    g_assert_cmpuint(tn_test_in(f->p, TIMER, 4), ==, ticks & 0xffffff);
    g_assert_cmpuint(tn_test_in(f->p, TIMER, 2), ==, ticks & 0xffff);
    g_assert_cmpuint(tn_test_inb(f->p, TIMER + 3), ==, 0);
}

static void
test_timer_is_read_only(Fixture *f, gconstpointer data)
{
    guint32 before;

    stop_clock(f);
    before = tn_test_in(f->p, TIMER, 4);
    tn_test_out(f->p, TIMER, ~before, 4);
    g_assert_cmphex(tn_test_in(f->p, TIMER, 4), ==, before);
}

static void
test_timer_overflow_sets_its_status(Fixture *f, gconstpointer data)
{
    f->pm.overflow_tick = 1; /* long ago */
    g_assert_cmphex(tn_test_in(f->p, STATUS, 2), ==, TN_ACPI_PM1_TIMER);
    tn_test_out(f->p, STATUS, TN_ACPI_PM1_TIMER, 2);
    g_assert_cmphex(tn_test_in(f->p, STATUS, 2), ==, 0);
    g_assert_cmpuint(f->pm.overflow_tick % (1 << 23), ==, 0);
}

static gboolean
sci_is_up(gpointer user_data)
{
    return ((TnTestPlatform *)user_data)->irqs[SCI].level == 1;
}

static void
test_timer_alarm_raises_the_sci(Fixture *f, gconstpointer data)
{
    /* An overflow 30 ms ahead; the real one may be 2.3 s away. */
    f->pm.overflow_tick =
        (guint64)tn_clock_now_ns(f->p->platform.clock) * 3579545 / 1000000000 + 100000;
    tn_test_out(f->p, ENABLE, TN_ACPI_PM1_TIMER, 2);
    g_assert_cmpint(f->p->irqs[SCI].level, ==, 0);
    tn_test_wait(sci_is_up, f->p);
    tn_test_out(f->p, STATUS, TN_ACPI_PM1_TIMER, 2);
    g_assert_cmpint(f->p->irqs[SCI].level, ==, 0);
}

static void
test_reset(Fixture *f, gconstpointer data)
{
    tn_test_out(f->p, ENABLE, TN_ACPI_PM1_POWER_BUTTON, 2);
    tn_test_out(f->p, CONTROL, 5 << TN_ACPI_PM1_SLP_TYP_SHIFT, 2);
    tn_acpi_pm_press_power_button(&f->pm);
    tn_acpi_pm_reset(&f->pm);
    test_power_on_values(f, data);
}

#define ADD(path, func) g_test_add("/acpi/pm/" path, Fixture, NULL, set_up, func, tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("power-on-values", test_power_on_values);
    ADD("power-button/raises-the-sci-when-enabled", test_power_button_raises_the_sci_when_enabled);
    ADD("power-button/waits-until-enabled", test_power_button_waits_until_enabled);
    ADD("status/clears-only-ones", test_status_clears_only_ones);
    ADD("enable/keeps-only-known-bits", test_enable_keeps_only_known_bits);
    ADD("enable/by-bytes", test_enable_by_bytes);
    ADD("status-and-enable-as-one-dword", test_status_and_enable_as_one_dword);
    ADD("control/keeps-sci-en", test_control_keeps_sci_en);
    ADD("sleep/s5-shuts-down", test_s5_shuts_down);
    ADD("sleep/s5-by-its-high-byte", test_s5_by_its_high_byte);
    ADD("sleep/types-that-are-not-there", test_sleep_types_that_are_not_there);
    ADD("sleep/s3-suspends", test_s3_suspends);
    ADD("sleep/s4-shuts-down", test_s4_shuts_down);
    g_test_add("/acpi/pm/sleep/disabled-is-ignored", Fixture, "disabled", set_up,
               test_disabled_sleep_is_ignored, tear_down);
    ADD("wakeup/enabled-rtc", test_enabled_rtc_wakes_up);
    ADD("wakeup/enabled-timer", test_enabled_timer_wakes_up);
    ADD("wakeup/status-says-why", test_wake_status_says_why);
    ADD("timer/counts-the-clock", test_timer_counts_the_clock);
    ADD("timer/is-read-only", test_timer_is_read_only);
    ADD("timer/overflow-sets-its-status", test_timer_overflow_sets_its_status);
    ADD("timer/alarm-raises-the-sci", test_timer_alarm_raises_the_sci);
    ADD("reset", test_reset);
    return g_test_run();
}
