/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A queue that carries events from any thread to subscribers on the main thread. */
#include "vmm/core/events.h"

typedef struct PendingEvent {
    const char *name;
    json_object *data;
    gint64 time_us;
} PendingEvent;

typedef struct Subscriber {
    TnEventFunc func;
    void *opaque;
} Subscriber;

struct TnEvents {
    GThread *main_thread;
    GArray *subscribers; /* main thread */

    GMutex lock; /* guards the two below */
    GQueue pending;
    GSource *drain; /* scheduled, not run yet */
};

TnEvents *
tn_events_new(void)
{
    TnEvents *events = g_new0(TnEvents, 1);

    events->main_thread = g_thread_self();
    events->subscribers = g_array_new(FALSE, FALSE, sizeof(Subscriber));
    g_mutex_init(&events->lock);
    g_queue_init(&events->pending);
    return events;
}

static void
pending_event_free(gpointer data)
{
    PendingEvent *event = data;

    if (event->data) {
        json_object_put(event->data);
    }
    g_free(event);
}

void
tn_events_free(TnEvents *events)
{
    if (!events) {
        return;
    }
    if (events->drain) {
        g_source_destroy(events->drain);
        g_source_unref(events->drain);
    }
    g_queue_clear_full(&events->pending, pending_event_free);
    g_mutex_clear(&events->lock);
    g_array_unref(events->subscribers);
    g_free(events);
}

static void
deliver(TnEvents *events, const PendingEvent *event)
{
    for (guint i = 0; i < events->subscribers->len; i++) {
        const Subscriber *sub = &g_array_index(events->subscribers, Subscriber, i);

        sub->func(sub->opaque, event->name, event->data, event->time_us);
    }
}

static void
drain_now(TnEvents *events)
{
    for (;;) {
        PendingEvent *event;

        g_mutex_lock(&events->lock);
        event = g_queue_pop_head(&events->pending);
        g_mutex_unlock(&events->lock);
        if (!event) {
            return;
        }
        deliver(events, event);
        pending_event_free(event);
    }
}

static gboolean
drain_cb(gpointer user_data)
{
    TnEvents *events = user_data;

    g_mutex_lock(&events->lock);
    g_clear_pointer(&events->drain, g_source_unref);
    g_mutex_unlock(&events->lock);
    drain_now(events);
    return G_SOURCE_REMOVE;
}

void
tn_events_emit(TnEvents *events, const char *name, json_object *data)
{
    PendingEvent *event = g_new0(PendingEvent, 1);

    event->name = name;
    event->data = data;
    event->time_us = g_get_real_time();

    g_mutex_lock(&events->lock);
    g_queue_push_tail(&events->pending, event);
    if (g_thread_self() != events->main_thread && !events->drain) {
        events->drain = g_idle_source_new();
        g_source_set_priority(events->drain, G_PRIORITY_DEFAULT);
        g_source_set_callback(events->drain, drain_cb, events, NULL);
        g_source_attach(events->drain, NULL);
    }
    g_mutex_unlock(&events->lock);

    if (g_thread_self() == events->main_thread) {
        drain_now(events);
    }
}

void
tn_events_subscribe(TnEvents *events, TnEventFunc func, void *opaque)
{
    Subscriber sub = { func, opaque };

    g_array_append_val(events->subscribers, sub);
}

void
tn_events_unsubscribe(TnEvents *events, TnEventFunc func, void *opaque)
{
    for (guint i = 0; i < events->subscribers->len; i++) {
        const Subscriber *sub = &g_array_index(events->subscribers, Subscriber, i);

        if (sub->func == func && sub->opaque == opaque) {
            g_array_remove_index(events->subscribers, i);
            return;
        }
    }
}
