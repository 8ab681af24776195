/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hyperv-testdev, as docs/specs/test-devices.md has it: SynIC tests' other end.
 *
 * Locks: @lock covers routes and connections; it is taken on vCPU threads (port, hypercalls) and on
 * the main thread (acknowledgements).
 */
#include "vmm/hw/hyperv-testdev.h"

#include "vmm/core/fast-path.h"
#include "vmm/core/hyperv.h"
#include "vmm/core/log.h"
#include "vmm/memory/address-space.h"

#include <glib-unix.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Bits 23:16 of what is written. */
enum {
    COMMAND_ROUTE_CREATE = 1,
    COMMAND_ROUTE_DESTROY,
    COMMAND_ROUTE_SET,
    COMMAND_MESSAGES_CREATE,
    COMMAND_MESSAGES_DESTROY,
    COMMAND_EVENTS_CREATE,
    COMMAND_EVENTS_DESTROY,
};

/* More than 255 CPUs' SINTs nobody tests at once. */
#define MAX_ROUTES 256
#define NUM_CONNECTIONS 256 /* ids have 8 bits here */

/* TLFS 6.0b, 11.9: a message's slot. The type is what makes it taken. */
typedef struct Slot {
    guint32 type;
    guint8 size, flags;
    guint16 reserved;
    guint64 sender;
    guint8 payload[TN_HYPERV_MESSAGE_PAYLOAD];
} Slot;
G_STATIC_ASSERT(sizeof(Slot) == TN_HYPERV_PAGE_SLOT);
#define SLOT_FLAG_PENDING 0x01

/* One SINT of one CPU, raised by @irq_fd. */
typedef struct Route {
    unsigned users; /* connections and the guest's own route */
    unsigned cpu, sint, gsi;
    int irq_fd, ack_fd;
    GSource *source; /* of @ack_fd */
} Route;

typedef struct Connection {
    Route *route;             /* NULL: none of this id */
    TnHypervMessage *pending; /* the slot was taken; NULL: none waits */
} Connection;

struct _TnHypervTestdev {
    TnDevice parent_instance;

    TnMemoryRegion io;
    const TnHypervHost *host; /* NULL: this CPU model has no SynIC, and nothing works */
    int log_count;

    GMutex lock;
    /* Under @lock. Not carried along: the device is for tests. */
    GPtrArray *routes; /* of Route */
    Connection messages[NUM_CONNECTIONS], events[NUM_CONNECTIONS];
};

G_DEFINE_FINAL_TYPE(TnHypervTestdev, tn_hyperv_testdev, TN_TYPE_DEVICE)

static void
signal_fd(int fd)
{
    const guint64 one = 1;

    (void)!write(fd, &one, sizeof(one));
}

/* The host's view of a slot of @page; NULL: not in RAM. */
static void *
find_slot(TnHypervTestdev *self, guint64 page, unsigned sint)
{
    const TnPlatform *platform = tn_device_get_platform(TN_DEVICE(self));
    uint64_t length = 0;
    void *host = page ? tn_address_space_ram_ptr(platform->memory_space,
                                                 page + sint * TN_HYPERV_PAGE_SLOT, &length)
                      : NULL;

    return length >= TN_HYPERV_PAGE_SLOT ? host : NULL;
}

/* Needs @lock. FALSE: the slot is taken, and the guest will say when it is free. */
static gboolean
deliver_locked(TnHypervTestdev *self, const Route *route, const TnHypervMessage *message)
{
    TnHypervPages pages = { 0 };
    Slot *slot;

    if (!self->host->get_pages(self->host->opaque, route->cpu, &pages)) {
        return TRUE; /* nobody is there: it is lost */
    }
    slot = find_slot(self, pages.messages, route->sint);
    if (!slot) {
        return TRUE;
    }
    if (__atomic_load_n(&slot->type, __ATOMIC_ACQUIRE) != 0) {
        (void)__atomic_fetch_or(&slot->flags, SLOT_FLAG_PENDING, __ATOMIC_SEQ_CST);
        /* It may have become free before the flag told the guest to say so. */
        if (__atomic_load_n(&slot->type, __ATOMIC_SEQ_CST) != 0) {
            return FALSE;
        }
    }
    slot->size = (guint8)message->size;
    slot->flags = 0;
    slot->sender = 0;
    memcpy(slot->payload, message->payload, message->size);
    __atomic_store_n(&slot->type, message->type, __ATOMIC_RELEASE);
    signal_fd(route->irq_fd);
    return TRUE;
}

/* A route that a vCPU thread freed in the meantime has closed @fd: then it is not ours to read. */
static void
drain_ack_locked(const TnHypervTestdev *self, int fd)
{
    for (guint i = 0; i < self->routes->len; i++) {
        const Route *route = g_ptr_array_index(self->routes, i);
        guint64 count;

        if (route->ack_fd == fd) {
            (void)!read(fd, &count, sizeof(count));
        }
    }
}

/* The guest is done with a SINT: main thread. */
static gboolean
on_ack(gint fd, GIOCondition condition, gpointer user_data)
{
    TnHypervTestdev *self = user_data;

    g_mutex_lock(&self->lock);
    drain_ack_locked(self, fd);
    for (unsigned i = 0; i < NUM_CONNECTIONS; i++) {
        Connection *connection = &self->messages[i];

        if (connection->route && connection->route->ack_fd == fd && connection->pending &&
            deliver_locked(self, connection->route, connection->pending)) {
            g_clear_pointer(&connection->pending, g_free);
        }
    }
    g_mutex_unlock(&self->lock);
    return G_SOURCE_CONTINUE;
}

static void
route_free(TnHypervTestdev *self, Route *route)
{
    g_source_destroy(route->source);
    g_source_unref(route->source);
    self->host->remove_sint(self->host->opaque, route->gsi, route->irq_fd);
    (void)close(route->irq_fd);
    (void)close(route->ack_fd);
    g_free(route);
}

static Route *
find_route_locked(TnHypervTestdev *self, unsigned cpu, unsigned sint)
{
    for (guint i = 0; i < self->routes->len; i++) {
        Route *route = g_ptr_array_index(self->routes, i);

        if (route->cpu == cpu && route->sint == sint) {
            return route;
        }
    }
    return NULL;
}

static Route *
make_route_locked(TnHypervTestdev *self, unsigned cpu, unsigned sint, GError **error)
{
    int irq_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int ack_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int gsi = -1;
    Route *route;

    if (irq_fd < 0 || ack_fd < 0 || self->routes->len == MAX_ROUTES) {
        g_set_error_literal(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC, "no route is left");
    } else {
        gsi = self->host->add_sint(self->host->opaque, cpu, sint, irq_fd, ack_fd, error);
    }
    if (gsi < 0) {
        (void)close(irq_fd);
        (void)close(ack_fd);
        return NULL;
    }
    route = g_new0(Route, 1);
    *route = (Route){ .cpu = cpu, .sint = sint, .gsi = (unsigned)gsi, .irq_fd = irq_fd,
                      .ack_fd = ack_fd };
    route->source = g_unix_fd_source_new(ack_fd, G_IO_IN);
    g_source_set_callback(route->source, G_SOURCE_FUNC(on_ack), self, NULL);
    g_source_attach(route->source, NULL);
    g_ptr_array_add(self->routes, route);
    return route;
}

/* Needs @lock. One more user of the route; NULL when there can be none. */
static Route *
use_route_locked(TnHypervTestdev *self, unsigned cpu, unsigned sint)
{
    g_autoptr(GError) error = NULL;
    Route *route = find_route_locked(self, cpu, sint);

    if (!route && sint < TN_HYPERV_SINTS) {
        route = make_route_locked(self, cpu, sint, &error);
    }
    if (!route) {
        tn_log_guest(&self->log_count, "hyperv-testdev: no SINT %u of CPU %u: %s", sint, cpu,
                     error ? error->message : "there is none");
        return NULL;
    }
    route->users++;
    return route;
}

static void
drop_route_locked(TnHypervTestdev *self, Route *route)
{
    if (route && --route->users == 0) {
        g_ptr_array_remove_fast(self->routes, route);
        route_free(self, route);
    }
}

static void
connect_locked(TnHypervTestdev *self, Connection *connection, unsigned cpu, unsigned sint)
{
    if (!connection->route) {
        connection->route = use_route_locked(self, cpu, sint);
    }
}

static void
disconnect_locked(TnHypervTestdev *self, Connection *connection)
{
    drop_route_locked(self, connection->route);
    connection->route = NULL;
    g_clear_pointer(&connection->pending, g_free);
}

static void
obey_locked(TnHypervTestdev *self, unsigned command, unsigned cpu, unsigned sint, unsigned id)
{
    Route *route;

    switch (command) {
    case COMMAND_ROUTE_CREATE:
        (void)use_route_locked(self, cpu, sint);
        break;
    case COMMAND_ROUTE_DESTROY:
        drop_route_locked(self, find_route_locked(self, cpu, sint));
        break;
    case COMMAND_ROUTE_SET:
        route = find_route_locked(self, cpu, sint);
        if (route) {
            signal_fd(route->irq_fd);
        }
        break;
    case COMMAND_MESSAGES_CREATE:
        connect_locked(self, &self->messages[id], cpu, sint);
        break;
    case COMMAND_MESSAGES_DESTROY:
        disconnect_locked(self, &self->messages[id]);
        break;
    case COMMAND_EVENTS_CREATE:
        connect_locked(self, &self->events[id], cpu, sint);
        break;
    case COMMAND_EVENTS_DESTROY:
        disconnect_locked(self, &self->events[id]);
        break;
    default:
        break;
    }
}

static uint64_t
port_read(void *opaque, uint64_t addr, unsigned size)
{
    return 0;
}

static void
port_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    TnHypervTestdev *self = opaque;

    if (self->host) {
        g_mutex_lock(&self->lock);
        obey_locked(self, value >> 16 & 0xff, value >> 8 & 0xff, value & 0xff, value >> 24 & 0xff);
        g_mutex_unlock(&self->lock);
    }
}

static const TnMemoryRegionOps port_ops = {
    .read = port_read,
    .write = port_write,
    .valid = { .min = 4, .max = 4 },
    .impl = { .min = 4, .max = 4 },
};

static TnHypervStatus
post_message(void *opaque, guint32 id, const TnHypervMessage *message)
{
    TnHypervTestdev *self = opaque;
    TnHypervStatus status = TN_HYPERV_INVALID_CONNECTION;

    g_mutex_lock(&self->lock);
    if (id < NUM_CONNECTIONS && self->messages[id].route) {
        Connection *connection = &self->messages[id];

        status = TN_HYPERV_INSUFFICIENT_BUFFERS;
        if (!connection->pending) {
            if (!deliver_locked(self, connection->route, message)) {
                connection->pending = g_memdup2(message, sizeof(*message));
            }
            status = TN_HYPERV_SUCCESS;
        }
    }
    g_mutex_unlock(&self->lock);
    return status;
}

/* Events need no flag of the guest's: the connection's id is the flag. */
static void
set_flag_locked(TnHypervTestdev *self, const Route *route, unsigned flag)
{
    TnHypervPages pages = { 0 };
    guint8 *slot;

    if (!self->host->get_pages(self->host->opaque, route->cpu, &pages)) {
        return;
    }
    slot = find_slot(self, pages.events, route->sint);
    if (slot && !(__atomic_fetch_or(&slot[flag / 8], 1u << (flag % 8), __ATOMIC_SEQ_CST) &
                  1u << (flag % 8))) {
        signal_fd(route->irq_fd);
    }
}

static TnHypervStatus
signal_event(void *opaque, guint32 id, guint16 flag)
{
    TnHypervTestdev *self = opaque;
    TnHypervStatus status = TN_HYPERV_INVALID_CONNECTION;

    g_mutex_lock(&self->lock);
    if (id < NUM_CONNECTIONS && self->events[id].route) {
        /* One flag a connection, as its port was made. */
        status = flag == 0 ? TN_HYPERV_SUCCESS : TN_HYPERV_INVALID_PARAMETER;
        if (flag == 0) {
            set_flag_locked(self, self->events[id].route, id);
        }
    }
    g_mutex_unlock(&self->lock);
    return status;
}

static void
forget_all(TnHypervTestdev *self)
{
    g_mutex_lock(&self->lock);
    for (unsigned i = 0; i < NUM_CONNECTIONS; i++) {
        disconnect_locked(self, &self->messages[i]);
        disconnect_locked(self, &self->events[i]);
    }
    while (self->routes->len > 0) {
        Route *route = g_ptr_array_index(self->routes, 0);

        route->users = 1;
        drop_route_locked(self, route);
    }
    g_mutex_unlock(&self->lock);
}

static void
tn_hyperv_testdev_reset(TnDevice *device)
{
    forget_all(TN_HYPERV_TESTDEV(device));
}

static gboolean
tn_hyperv_testdev_realize(TnDevice *device, GError **error)
{
    TnHypervTestdev *self = TN_HYPERV_TESTDEV(device);
    const TnPlatform *platform = tn_device_get_platform(device);
    const TnHypervConnections connections = {
        .opaque = self, .post_message = post_message, .signal_event = signal_event
    };

    self->host = platform->fast_path ? platform->fast_path->hyperv : NULL;
    if (self->host) {
        self->host->set_connections(self->host->opaque, &connections);
    }
    tn_memory_region_init_io(&self->io, platform->memory, G_OBJECT(self), &port_ops, self,
                             "hyperv-testdev", 4);
    tn_memory_region_add_subregion(platform->system_io, TN_HYPERV_TESTDEV_PORT, &self->io);
    return TRUE;
}

static void
tn_hyperv_testdev_unrealize(TnDevice *device)
{
    TnHypervTestdev *self = TN_HYPERV_TESTDEV(device);
    const TnPlatform *platform = tn_device_get_platform(device);

    tn_memory_region_del_subregion(platform->system_io, &self->io);
    tn_memory_synchronize(platform->memory);
    tn_memory_region_done(&self->io);
    if (self->host) {
        self->host->set_connections(self->host->opaque, NULL);
    }
    forget_all(self);
}

static void
tn_hyperv_testdev_finalize(GObject *object)
{
    TnHypervTestdev *self = TN_HYPERV_TESTDEV(object);

    g_ptr_array_unref(self->routes);
    g_mutex_clear(&self->lock);
    G_OBJECT_CLASS(tn_hyperv_testdev_parent_class)->finalize(object);
}

static const TnStateField state_fields[] = { TN_STATE_END };
static const TnStateTable state_table = {
    .name = "hyperv-testdev", .version = 1, .fields = state_fields
};

static void
tn_hyperv_testdev_class_init(TnHypervTestdevClass *klass)
{
    TnObjectClass *tn_class = TN_OBJECT_CLASS(klass);
    TnDeviceClass *device_class = TN_DEVICE_CLASS(klass);

    G_OBJECT_CLASS(klass)->finalize = tn_hyperv_testdev_finalize;
    tn_class->type_name = "hyperv-testdev";
    tn_class->description = "The other end of tests of Hyper-V's SynIC";
    tn_class->user_creatable = TRUE;
    device_class->bus = "ISA";
    device_class->hotpluggable = FALSE;
    device_class->state = &state_table;
    device_class->realize = tn_hyperv_testdev_realize;
    device_class->unrealize = tn_hyperv_testdev_unrealize;
    device_class->reset = tn_hyperv_testdev_reset;
}

static void
tn_hyperv_testdev_init(TnHypervTestdev *self)
{
    g_mutex_init(&self->lock);
    self->routes = g_ptr_array_new();
}
