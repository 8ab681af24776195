/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The trace of hot plugs: what an event holds, that off is off, and its limit. */
#include "vmm/core/hotplug-trace.h"

#include <string.h>

typedef struct {
    TnEvents *events;
    TnHotplugTrace *trace;
    GPtrArray *texts;
} Fixture;

static void
on_event(void *opaque, const char *name, json_object *data, gint64 time_us)
{
    Fixture *f = opaque;

    g_assert_cmpstr(name, ==, "X_HOTPLUG_TRACE");
    g_ptr_array_add(f->texts, g_strdup(json_object_to_json_string_ext(data,
                                                                      JSON_C_TO_STRING_PLAIN)));
}

static void
set_up(Fixture *f, gconstpointer data)
{
    f->events = tn_events_new();
    f->trace = tn_hotplug_trace_new(f->events);
    f->texts = g_ptr_array_new_with_free_func(g_free);
    tn_events_subscribe(f->events, on_event, f);
}

static void
tear_down(Fixture *f, gconstpointer data)
{
    tn_hotplug_trace_free(f->trace);
    tn_events_free(f->events);
    g_ptr_array_unref(f->texts);
}

static void
test_off_at_first_and_without_a_trace(Fixture *f, gconstpointer data)
{
    g_assert_false(tn_hotplug_trace_is_on(f->trace));
    g_assert_false(tn_hotplug_trace_is_on(NULL));
    tn_hotplug_trace_set(f->trace, TRUE);
    g_assert_true(tn_hotplug_trace_is_on(f->trace));
    tn_hotplug_trace_set(f->trace, FALSE);
    g_assert_false(tn_hotplug_trace_is_on(f->trace));
}

static void
test_event_has_all_members(Fixture *f, gconstpointer data)
{
    tn_hotplug_trace_step(f->trace, TN_HOTPLUG_STEP_MEMORY_SLOT, "d0", "slot %d", 7);
    tn_hotplug_trace_step(f->trace, TN_HOTPLUG_STEP_UNREALIZE, NULL, "x");
    g_assert_cmpuint(f->texts->len, ==, 2);
    g_assert_true(g_str_has_prefix(
        g_ptr_array_index(f->texts, 0),
        "{\"step\":\"memory-slot\",\"device\":\"d0\",\"detail\":\"slot 7\",\"ns\":"));
    g_assert_true(g_str_has_prefix(g_ptr_array_index(f->texts, 1),
                                   "{\"step\":\"unrealize\",\"detail\":\"x\",\"ns\":"));
    g_assert_null(strstr(g_ptr_array_index(f->texts, 1), "left-out"));
}

/* A flood takes less than a second here; were it longer, a second's rest is allowed. */
static void
test_flood_is_bounded_and_counted(Fixture *f, gconstpointer data)
{
    gint64 start = f->trace->second_ns;
    guint told;

    for (guint i = 0; i < 3 * TN_HOTPLUG_TRACE_MAX_RATE; i++) {
        tn_hotplug_trace_step(f->trace, TN_HOTPLUG_STEP_ACPI_READ, NULL, "%u", i);
    }
    told = f->texts->len;
    g_assert_cmpuint(told, >=, TN_HOTPLUG_TRACE_MAX_RATE);
    g_assert_cmpuint(told + f->trace->left_out, <=, 3 * TN_HOTPLUG_TRACE_MAX_RATE);
    if (f->trace->left_out == 0) {
        g_test_skip("the machine is too slow to make a flood");
        return;
    }
    /* The next second begins. */
    g_assert_cmpint(f->trace->second_ns, >, start);
    f->trace->second_ns = 0;
    tn_hotplug_trace_step(f->trace, TN_HOTPLUG_STEP_ACPI_READ, NULL, "next");
    g_assert_cmpuint(f->texts->len, ==, told + 1);
    g_assert_nonnull(strstr(g_ptr_array_index(f->texts, told), "\"left-out\":"));
    g_assert_cmpuint(f->trace->left_out, ==, 0);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add("/core/hotplug-trace/off-at-first-and-without-a-trace", Fixture, NULL, set_up,
               test_off_at_first_and_without_a_trace, tear_down);
    g_test_add("/core/hotplug-trace/event-has-all-members", Fixture, NULL, set_up,
               test_event_has_all_members, tear_down);
    g_test_add("/core/hotplug-trace/flood-is-bounded-and-counted", Fixture, NULL, set_up,
               test_flood_is_bounded_and_counted, tear_down);
    return g_test_run();
}
