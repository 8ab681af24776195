/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Threads of guests on CPUs of the host: at start, live, hot-plugged, after a restart; refusals. */
#include "driver/core/pin.h"

#include <libvirt/libvirt.h>
#include <string.h>
#include <unistd.h>

#include "driver/core/affinity.h"
#include "driver/core/lifecycle.h"
#include "driver/core/passthrough.h"
#include "driver/core/vcpu.h"
#include "tests/unit/driver/core/fixture.h"

#define ADD(path, func) g_test_add(path, Fixture, NULL, fixture_set_up, func, fixture_tear_down)
#define LIVE VIR_DOMAIN_AFFECT_LIVE
#define CONFIG VIR_DOMAIN_AFFECT_CONFIG

/* The first and the last CPU that this test may run on: one and the same on the least of hosts. */
static guint first_cpu, last_cpu;

static void
find_cpus(void)
{
    g_autoptr(TnBitmap) cpus = tn_affinity_get(getpid());

    g_assert_nonnull(cpus);
    first_cpu = (guint)tn_bitmap_next(cpus, 0);
    for (int i = (int)first_cpu; i >= 0; i = tn_bitmap_next(cpus, (guint)i + 1)) {
        last_cpu = (guint)i;
    }
}

static TnBitmap *
only(guint cpu)
{
    TnBitmap *cpus = tn_bitmap_new();

    tn_bitmap_add(cpus, cpu);
    return cpus;
}

/* A running guest of two vCPUs, one of them there. */
static TnDomain *
start(Fixture *f, const char *tuning, const char *words)
{
    g_autofree char *xml = g_strdup_printf(
        "<domain type='kvm'><name>g</name><memory unit='MiB'>128</memory>%s"
        "<vcpu current='1'>2</vcpu><os><type arch='x86_64' machine='pc'>hvm</type>"
        "<kernel>/dev/null</kernel><cmdline>%s</cmdline></os><features><acpi/></features></domain>",
        tuning, words);
    g_autoptr(GError) error = NULL;
    TnDomain *domain = tn_lifecycle_define(f->driver, xml, NULL, &error);

    g_assert_no_error(error);
    (void)tn_lifecycle_create(domain, 0, &error);
    g_assert_no_error(error);
    return domain;
}

/* The thread of vCPU @n. */
static pid_t
thread_of(TnDomain *domain, guint n)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text =
        tn_passthrough_qmp(domain, "{\"execute\":\"query-cpus-fast\"}", &error);
    json_object *reply, *list;
    pid_t tid = 0;

    g_assert_no_error(error);
    reply = json_tokener_parse(text);
    list = json_object_object_get(reply, "return");
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        json_object *cpu = json_object_array_get_idx(list, i);

        if (json_object_get_int(json_object_object_get(cpu, "cpu-index")) == (int)n) {
            tid = json_object_get_int(json_object_object_get(cpu, "thread-id"));
        }
    }
    json_object_put(reply);
    g_assert_cmpint(tid, >, 0);
    return tid;
}

static void
assert_cpus(pid_t tid, guint cpu)
{
    g_autoptr(TnBitmap) cpus = tn_affinity_get(tid);
    g_autofree char *text = cpus ? tn_bitmap_format(cpus) : g_strdup("none");
    g_autofree char *wanted = g_strdup_printf("%u", cpu);

    g_assert_cmpstr(text, ==, wanted);
}

static void
pin(TnDomain *domain, guint vcpu, guint cpu, unsigned flags)
{
    g_autoptr(TnBitmap) cpus = only(cpu);
    g_autoptr(GError) error = NULL;

    (void)tn_pin_set_vcpu(domain, vcpu, cpus, flags, &error);
    g_assert_no_error(error);
}

static void
test_live(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = start(f, "", "");
    g_autofree char *event = g_strdup_printf("g tuned cputune.vcpupin0 %u", last_cpu);

    pin(domain, 0, last_cpu, LIVE);
    assert_cpus(thread_of(domain, 0), last_cpu);
    g_assert_nonnull(tn_domain_def_vcpu_pin(domain->live, 0));
    g_assert_null(tn_domain_def_vcpu_pin(domain->persistent, 0));
    g_assert_cmpuint(fixture_count_events(f, event), ==, 1);
}

static void
test_config(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = start(f, "", "");
    g_autoptr(TnBitmap) before = tn_affinity_get(thread_of(domain, 0));
    g_autoptr(TnBitmap) after = NULL;

    pin(domain, 0, last_cpu, CONFIG);
    after = tn_affinity_get(thread_of(domain, 0));
    g_assert_true(tn_bitmap_equal(before, after));
    g_assert_null(tn_domain_def_vcpu_pin(domain->live, 0));
    g_assert_nonnull(tn_domain_def_vcpu_pin(domain->persistent, 0));
}

static void
test_emulator(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = start(f, "", "");
    g_autoptr(TnBitmap) cpus = only(first_cpu);
    g_autoptr(GError) error = NULL;

    pin(domain, 0, last_cpu, LIVE);
    (void)tn_pin_set_emulator(domain, cpus, LIVE | CONFIG, &error);
    g_assert_no_error(error);
    assert_cpus(domain->process.pid, first_cpu);
    assert_cpus(thread_of(domain, 0), last_cpu);
    g_assert_true(tn_bitmap_equal(domain->live->emulator_pin, cpus));
    g_assert_true(tn_bitmap_equal(domain->persistent->emulator_pin, cpus));
}

static void
test_start(Fixture *f, gconstpointer data)
{
    g_autofree char *tuning = g_strdup_printf(
        "<cputune><vcpupin vcpu='0' cpuset='%u'/><emulatorpin cpuset='%u'/></cputune>", last_cpu,
        first_cpu);
    g_autoptr(TnDomain) domain = start(f, tuning, "");

    assert_cpus(domain->process.pid, first_cpu);
    assert_cpus(thread_of(domain, 0), last_cpu);
}

static void
test_emulator_pin_is_not_for_vcpus(Fixture *f, gconstpointer data)
{
    g_autofree char *tuning =
        g_strdup_printf("<cputune><emulatorpin cpuset='%u'/></cputune>", first_cpu);
    g_autoptr(TnDomain) domain = start(f, tuning, "");
    g_autoptr(TnBitmap) cpus = tn_affinity_get(thread_of(domain, 0));

    g_assert_true(tn_bitmap_contains(cpus, last_cpu));
}

static void
test_plugged_vcpu(Fixture *f, gconstpointer data)
{
    g_autofree char *tuning = g_strdup_printf(
        "<cputune><vcpupin vcpu='1' cpuset='%u'/><emulatorpin cpuset='%u'/></cputune>", last_cpu,
        first_cpu);
    g_autoptr(TnDomain) domain = start(f, tuning, "");
    g_autoptr(GError) error = NULL;

    (void)tn_vcpu_set_count(domain, 2, LIVE, &error);
    g_assert_no_error(error);
    assert_cpus(thread_of(domain, 1), last_cpu);
}

static void
test_pin_before_the_plug(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = start(f, "", "");
    g_autoptr(GError) error = NULL;

    pin(domain, 1, last_cpu, LIVE);
    (void)tn_vcpu_set_count(domain, 2, LIVE, &error);
    g_assert_no_error(error);
    assert_cpus(thread_of(domain, 1), last_cpu);
}

static void
refuse(TnDomain *domain, guint vcpu, const TnBitmap *cpus, unsigned flags, int code,
       const char *text)
{
    g_autoptr(GError) error = NULL;

    g_assert_false(tn_pin_set_vcpu(domain, vcpu, cpus, flags, &error));
    g_assert_error(error, TN_VIR_ERROR, code);
    if (!g_str_has_prefix(error->message, text)) {
        g_assert_cmpstr(error->message, ==, text);
    }
}

static void
test_refusals(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = start(f, "", "");
    g_autoptr(TnBitmap) none = tn_bitmap_new();
    g_autoptr(TnBitmap) cpus = only(first_cpu);

    refuse(domain, 0, none, LIVE, VIR_ERR_INVALID_ARG, "Empty cpu list for pinning");
    refuse(domain, 2, cpus, LIVE, VIR_ERR_INVALID_ARG,
           "vcpu 2 is out of range of live cpu count 2");
    refuse(domain, 2, cpus, CONFIG, VIR_ERR_INVALID_ARG,
           "vcpu 2 is out of range of persistent cpu count 1");
    refuse(domain, G_MAXUINT, cpus, LIVE, VIR_ERR_INVALID_ARG,
           "vcpu 2147483647 is out of range of live cpu count 2");
}

static void
test_cpus_the_host_has_not(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = start(f, "", "");
    g_autoptr(TnBitmap) cpus = only(TN_XML_BITMAP_MAX - 1);

    refuse(domain, 0, cpus, LIVE | CONFIG, VIR_ERR_SYSTEM_ERROR,
           "cannot set CPU affinity on process ");
    g_assert_null(tn_domain_def_vcpu_pin(domain->live, 0));
    g_assert_null(tn_domain_def_vcpu_pin(domain->persistent, 0));
}

static void
test_start_on_cpus_the_host_has_not(Fixture *f, gconstpointer data)
{
    const char *xml =
        "<domain type='kvm'><name>g</name><memory unit='MiB'>128</memory>"
        "<vcpu cpuset='16383'>1</vcpu><os><type arch='x86_64' machine='pc'>hvm</type>"
        "<kernel>/dev/null</kernel></os></domain>";
    g_autoptr(GError) error = NULL;
    g_autoptr(TnDomain) domain = tn_lifecycle_define(f->driver, xml, NULL, &error);

    g_assert_no_error(error);
    g_assert_false(tn_lifecycle_create(domain, 0, &error));
    g_assert_error(error, TN_VIR_ERROR, VIR_ERR_SYSTEM_ERROR);
    g_assert_true(g_str_has_prefix(error->message, "cannot set CPU affinity on process "));
    fixture_wait_state(domain, VIR_DOMAIN_SHUTOFF);
}

static void
test_thread_of_another_process_is_left_alone(Fixture *f, gconstpointer data)
{
    g_autofree char *words = g_strdup_printf("stray=%d", (int)getpid());
    g_autoptr(TnDomain) domain = start(f, "", words);
    g_autoptr(TnBitmap) before = tn_affinity_get(getpid());
    g_autoptr(TnBitmap) after = NULL;
    g_autoptr(TnBitmap) cpus = only(last_cpu);

    refuse(domain, 0, cpus, LIVE, VIR_ERR_OPERATION_INVALID, "cpu affinity is not supported");
    after = tn_affinity_get(getpid());
    g_assert_true(tn_bitmap_equal(before, after));
}

static void
test_restart_puts_them_back(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = start(f, "", "");
    g_autoptr(TnDomain) again = NULL;
    g_autoptr(GError) error = NULL;

    pin(domain, 0, last_cpu, LIVE);
    /* As if the daemon had ended between the note and the deed. */
    (void)tn_affinity_set(thread_of(domain, 0), NULL, &error);
    g_assert_no_error(error);
    fixture_stop_driver(f);
    fixture_start_driver(f);
    again = tn_domain_list_find_name(tn_driver_get_domains(f->driver), "g", &error);
    g_assert_no_error(error);
    fixture_wait_job(again);
    g_assert_nonnull(tn_domain_def_vcpu_pin(again->live, 0));
    assert_cpus(thread_of(again, 0), last_cpu);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    find_cpus();
    ADD("/driver/pin/live", test_live);
    ADD("/driver/pin/config", test_config);
    ADD("/driver/pin/emulator", test_emulator);
    ADD("/driver/pin/start", test_start);
    ADD("/driver/pin/emulator-pin-is-not-for-vcpus", test_emulator_pin_is_not_for_vcpus);
    ADD("/driver/pin/plugged-vcpu", test_plugged_vcpu);
    ADD("/driver/pin/pin-before-the-plug", test_pin_before_the_plug);
    ADD("/driver/pin/refusals", test_refusals);
    ADD("/driver/pin/cpus-the-host-has-not", test_cpus_the_host_has_not);
    ADD("/driver/pin/start-on-cpus-the-host-has-not", test_start_on_cpus_the_host_has_not);
    ADD("/driver/pin/thread-of-another-process-is-left-alone",
        test_thread_of_another_process_is_left_alone);
    ADD("/driver/pin/restart-puts-them-back", test_restart_puts_them_back);
    return g_test_run();
}
