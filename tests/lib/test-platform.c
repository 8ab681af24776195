/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A machine without KVM, for tests of devices. */
#include "tests/lib/test-platform.h"

#include "vmm/core/boot-order.h"
#define TN_TEST_LIMIT_SECONDS 10

static void
on_irq(void *opaque, int n, int level)
{
    TnTestPlatform *p = opaque;

    p->irqs[n].level = level;
    p->irqs[n].calls++;
    if (level) {
        p->irqs[n].raised++;
    }
}

static void
no_vcpus(void *opaque)
{
}

static void
on_reset(void *opaque)
{
    TnTestPlatform *p = opaque;

    p->resets++;
    tn_reset_run(p->platform.reset);
}

static void
on_powerdown(void *opaque)
{
    ((TnTestPlatform *)opaque)->powerdowns++;
}

static void
on_quit(void *opaque, int status)
{
    ((TnTestPlatform *)opaque)->quits++;
    ((TnTestPlatform *)opaque)->quit_status = status;
}

static void
on_hold(void *opaque)
{
    ((TnTestPlatform *)opaque)->holds++;
}

static void
on_suspend(void *opaque)
{
    ((TnTestPlatform *)opaque)->suspends++;
}

static gboolean
on_wake(void *opaque, TnWakeupReason reason)
{
    ((TnTestPlatform *)opaque)->wakeups++;
    ((TnTestPlatform *)opaque)->wakeup_reason = reason;
    return TRUE;
}

static void
on_event(void *opaque, const char *name, json_object *data, gint64 time_us)
{
    TnTestPlatform *p = opaque;

    g_string_append_printf(p->events, "%s %s\n", name,
                           data ? json_object_to_json_string_ext(data, JSON_C_TO_STRING_PLAIN)
                                : "{}");
}

static const TnRunStateOps run_state_ops = {
    .pause_vcpus = no_vcpus,
    .resume_vcpus = no_vcpus,
    .reset = on_reset,
    .powerdown = on_powerdown,
    .quit = on_quit,
    .hold_vcpu = on_hold,
    .suspend = on_suspend,
    .wake = on_wake,
};

static void
make_spaces(TnTestPlatform *p)
{
    TnPlatform *platform = &p->platform;

    platform->memory = tn_memory_new();
    tn_memory_region_init(&p->system_memory, platform->memory, NULL, "system", TN_SIZE_WHOLE);
    tn_memory_region_init(&p->system_io, platform->memory, NULL, "io", 0x10000);
    platform->system_memory = &p->system_memory;
    platform->system_io = &p->system_io;
    platform->memory_space = tn_address_space_new(platform->memory, &p->system_memory, "memory");
    platform->io_space = tn_address_space_new(platform->memory, &p->system_io, "I/O");
}

TnTestPlatform *
tn_test_platform_new(void)
{
    TnTestPlatform *p = g_new0(TnTestPlatform, 1);
    TnPlatform *platform = &p->platform;

    p->events = g_string_new(NULL);
    for (int i = 0; i < TN_TEST_ISA_IRQS; i++) {
        p->isa_lines[i] = (TnIrqLine){ on_irq, p, i };
    }
    make_spaces(p);
    platform->isa_irqs = p->isa_lines;
    platform->clock = tn_clock_new();
    platform->reset = tn_reset_new();
    platform->events = tn_events_new();
    platform->boot_order = tn_boot_order_new();
    platform->trace = tn_hotplug_trace_new(platform->events);
    platform->root = tn_object_new_root();
    platform->run_state = tn_run_state_new(platform->clock, platform->events, &run_state_ops, p);
    g_assert_true(tn_run_state_cont(platform->run_state, NULL));
    tn_events_subscribe(platform->events, on_event, p);
    return p;
}

void
tn_test_platform_free(TnTestPlatform *p)
{
    TnPlatform *platform;

    if (!p) {
        return;
    }
    platform = &p->platform;
    g_object_unref(platform->root);
    tn_events_unsubscribe(platform->events, on_event, p);
    tn_run_state_free(platform->run_state);
    tn_hotplug_trace_free(platform->trace);
    tn_boot_order_free(platform->boot_order);
    tn_events_free(platform->events);
    tn_reset_free(platform->reset);
    tn_clock_free(platform->clock);
    tn_address_space_free(platform->io_space);
    tn_address_space_free(platform->memory_space);
    tn_memory_region_done(&p->system_io);
    tn_memory_region_done(&p->system_memory);
    tn_memory_free(platform->memory);
    g_string_free(p->events, TRUE);
    g_free(p);
}

gpointer
tn_test_realize(TnTestPlatform *p, gpointer device)
{
    g_autoptr(GError) error = NULL;

    tn_device_set_platform(TN_DEVICE(device), &p->platform);
    tn_device_realize(TN_DEVICE(device), &error);
    g_assert_no_error(error);
    return device;
}

void
tn_test_drop(gpointer device)
{
    gpointer weak = device;

    tn_device_unrealize(TN_DEVICE(device));
    tn_object_unparent(TN_OBJECT(device));
    tn_memory_synchronize(tn_device_get_platform(TN_DEVICE(device))->memory);
    g_object_add_weak_pointer(device, &weak);
    g_object_unref(device);
    g_assert_null(weak);
}

TnMemResult
tn_test_in_result(TnTestPlatform *p, uint16_t port, unsigned size, uint32_t *ret_value)
{
    TnAccessCache cache = { 0 };

    *ret_value = 0;
    return tn_address_space_access(p->platform.io_space, &cache, port, ret_value, size, false);
}

TnMemResult
tn_test_out_result(TnTestPlatform *p, uint16_t port, uint32_t value, unsigned size)
{
    TnAccessCache cache = { 0 };

    return tn_address_space_access(p->platform.io_space, &cache, port, &value, size, true);
}

uint32_t
tn_test_in(TnTestPlatform *p, uint16_t port, unsigned size)
{
    uint32_t value;

    (void)tn_test_in_result(p, port, size, &value);
    return value;
}

void
tn_test_out(TnTestPlatform *p, uint16_t port, uint32_t value, unsigned size)
{
    (void)tn_test_out_result(p, port, value, size);
}

static gboolean
on_limit(gpointer user_data)
{
    *(gboolean *)user_data = TRUE;
    return G_SOURCE_CONTINUE;
}

void
tn_test_wait(TnTestCondition condition, gpointer user_data)
{
    gboolean late = FALSE;
    guint limit = g_timeout_add_seconds(TN_TEST_LIMIT_SECONDS, on_limit, &late);

    while (!condition(user_data)) {
        g_main_context_iteration(NULL, TRUE);
        g_assert_false(late);
    }
    g_source_remove(limit);
}

typedef struct Count {
    const unsigned *count;
    unsigned expected;
} Count;

static gboolean
count_reached(gpointer user_data)
{
    const Count *c = user_data;

    return *c->count >= c->expected;
}

void
tn_test_wait_count(const unsigned *count, unsigned expected)
{
    tn_test_wait(count_reached, &(Count){ count, expected });
}

void
tn_test_iterate(void)
{
    while (g_main_context_iteration(NULL, FALSE)) {
        /* Once more, until nothing is ready. */
    }
}
