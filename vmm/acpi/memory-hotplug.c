/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The memory-hotplug controller's registers. docs/specs/acpi-memory-hotplug.md.
 *
 * A guest's eject and _OST are seen on a vCPU thread. The registers answer at
 * once; what follows (events, the unplug itself) is work for the main thread,
 * carried out in the order in which the guest asked.
 */
#include "vmm/acpi/memory-hotplug.h"

#include "vmm/acpi/ost.h"

#include <json-c/json.h>

/* Register map: what a read and what a write at the same offset means. */
enum {
    REG_ADDR_LOW = 0x00,
    REG_ADDR_HIGH = 0x04,
    REG_SIZE_LOW = 0x08,
    REG_SIZE_HIGH = 0x0c,
    REG_NODE = 0x10,
    REG_FLAGS = 0x14,

    REG_SELECTOR = 0x00,
    REG_OST_SOURCE = 0x04,
    REG_OST_STATUS = 0x08,
    REG_CONTROL = 0x14,
};

/* Work the guest made, at most; what it adds beyond is dropped with its slot's
 * last answer kept, so a guest cannot grow the queue. */
#define MAX_WORK 1024

typedef struct Slot {
    TnDevice *device; /* (transfer none), NULL: empty */
    guint64 addr, size;
    guint32 node;
    guint8 flags; /* ENABLED, INSERTING, REMOVING */
    guint32 ost_source, ost_status;
} Slot;

/* What is left to do on the main thread. */
typedef struct Work {
    gboolean eject; /* else: report an _OST */
    unsigned slot;
    TnDevice *device; /* reference, NULL: the slot was empty */
    guint32 source, status;
} Work;

struct TnAcpiMemoryHotplug {
    TnAcpiMemoryHotplugConfig config;
    TnMemoryRegion region;
    GSource *worker;

    GMutex lock;
    /* Under @lock. */
    guint32 selector;
    Slot *slots;
    GQueue work; /* of Work */
};

static void
work_free(Work *work)
{
    g_clear_object(&work->device);
    g_free(work);
}

/* Needs @lock. */
static void
queue_work_locked(TnAcpiMemoryHotplug *self, gboolean eject)
{
    const Slot *slot = &self->slots[self->selector];
    Work *work;

    /* Ejects are as many as DIMMs and never dropped; reports can be repeated at will. */
    if (!eject && self->work.length >= MAX_WORK) {
        return;
    }
    work = g_new0(Work, 1);
    work->eject = eject;
    work->slot = self->selector;
    work->device = slot->device ? g_object_ref(slot->device) : NULL;
    work->source = slot->ost_source;
    work->status = slot->ost_status;
    g_queue_push_tail(&self->work, work);
    g_source_set_ready_time(self->worker, 0);
}

/* MEM_UNPLUG_ERROR, and DEVICE_UNPLUG_GUEST_ERROR which took its place. */
static void
emit_refusal(TnAcpiMemoryHotplug *self, const Work *work)
{
    const char *id = tn_device_get_id(work->device);
    g_autofree char *text =
        g_strdup_printf("guest refused to eject the memory device in slot %u: %s (0x%x)",
                        work->slot, tn_acpi_ost_status_text(work->status), work->status);
    json_object *data = json_object_new_object();

    json_object_object_add(data, "device", json_object_new_string(id ? id : ""));
    json_object_object_add(data, "msg", json_object_new_string(text));
    tn_events_emit(self->config.events, "MEM_UNPLUG_ERROR", data);
    tn_acpi_ost_emit_refusal(self->config.events, work->device);
}

/* Whether the slot still holds the device that the guest spoke of: it may be
 * gone, and another one there, by the time the main thread looks. */
static gboolean
is_current(TnAcpiMemoryHotplug *self, const Work *work)
{
    gboolean current;

    g_mutex_lock(&self->lock);
    current = work->device && self->slots[work->slot].device == work->device;
    g_mutex_unlock(&self->lock);
    return current;
}

static void
do_work(TnAcpiMemoryHotplug *self, const Work *work)
{
    if (work->eject) {
        if (is_current(self, work)) {
            self->config.ejected(self->config.opaque, work->device);
        }
        return;
    }
    if (self->config.events) {
        const TnAcpiOstReport report = { work->device, work->slot, "DIMM", work->source,
                                         work->status };

        tn_acpi_ost_emit(self->config.events, &report);
    }
    if (tn_acpi_ost_is_refusal(work->source, work->status) && is_current(self, work)) {
        tn_device_set_pending_unplug(work->device, FALSE);
        if (self->config.events) {
            emit_refusal(self, work);
        }
    }
}

static gboolean
work_off(gpointer user_data)
{
    TnAcpiMemoryHotplug *self = user_data;
    Work *work;

    g_source_set_ready_time(self->worker, -1);
    for (;;) {
        g_mutex_lock(&self->lock);
        work = g_queue_pop_head(&self->work);
        g_mutex_unlock(&self->lock);
        if (!work) {
            return G_SOURCE_CONTINUE;
        }
        do_work(self, work);
        work_free(work);
    }
}

/* A source that is ready when its ready time says so, and only then. */
static gboolean
dispatch_worker(GSource *source, GSourceFunc func, gpointer user_data)
{
    return func(user_data);
}

static GSourceFuncs worker_funcs = { .dispatch = dispatch_worker };

/* Which steps of a hot plug an access means. */
static void
trace_read(TnAcpiMemoryHotplug *self, unsigned number, const Slot *slot)
{
    if (slot->flags & (TN_ACPI_MEMORY_INSERTING | TN_ACPI_MEMORY_REMOVING)) {
        tn_hotplug_trace_step(self->config.trace, TN_HOTPLUG_STEP_ACPI_READ, NULL,
                              "DIMM slot %u: %s", number,
                              slot->flags & TN_ACPI_MEMORY_REMOVING ? "removing" : "inserting");
    }
}

static void
trace_write(TnAcpiMemoryHotplug *self, uint64_t addr, uint64_t value, const Slot *slot,
            unsigned number)
{
    if (addr == REG_OST_STATUS) {
        tn_hotplug_trace_step(self->config.trace, TN_HOTPLUG_STEP_OST, NULL,
                              "DIMM slot %u: source 0x%x, status 0x%x", number, slot->ost_source,
                              slot->ost_status);
    } else if (addr == REG_CONTROL && (value & TN_ACPI_MEMORY_EJECT)) {
        tn_hotplug_trace_step(self->config.trace, TN_HOTPLUG_STEP_EJECT, NULL, "DIMM slot %u",
                              number);
    }
}

static uint64_t
hotplug_read(void *opaque, uint64_t addr, unsigned size)
{
    TnAcpiMemoryHotplug *self = opaque;
    unsigned number;
    Slot slot;

    g_mutex_lock(&self->lock);
    if (self->selector >= self->config.slots) {
        g_mutex_unlock(&self->lock);
        return 0;
    }
    number = self->selector;
    slot = self->slots[number];
    g_mutex_unlock(&self->lock);
    if (addr == REG_FLAGS && G_UNLIKELY(tn_hotplug_trace_is_on(self->config.trace))) {
        trace_read(self, number, &slot);
    }

    switch (addr) {
    case REG_ADDR_LOW:
        return slot.addr & G_MAXUINT32;
    case REG_ADDR_HIGH:
        return slot.addr >> 32;
    case REG_SIZE_LOW:
        return slot.size & G_MAXUINT32;
    case REG_SIZE_HIGH:
        return slot.size >> 32;
    case REG_NODE:
        return slot.node;
    case REG_FLAGS:
        return slot.flags;
    default:
        return UINT64_MAX;
    }
}

/* Needs @lock. At most one of the bits is acted on, as a guest sets one alone. */
static void
write_control_locked(TnAcpiMemoryHotplug *self, unsigned value)
{
    Slot *slot = &self->slots[self->selector];

    if (value & TN_ACPI_MEMORY_INSERTING) {
        slot->flags &= (guint8)~TN_ACPI_MEMORY_INSERTING;
    } else if (value & TN_ACPI_MEMORY_REMOVING) {
        slot->flags &= (guint8)~TN_ACPI_MEMORY_REMOVING;
    } else if ((value & TN_ACPI_MEMORY_EJECT) && (slot->flags & TN_ACPI_MEMORY_ENABLED)) {
        /* The guest looks at _STA right after _EJ0 and must find the slot empty. */
        slot->flags = 0;
        queue_work_locked(self, TRUE);
    }
}

static void
hotplug_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    TnAcpiMemoryHotplug *self = opaque;
    gboolean traced = FALSE;
    unsigned number = 0;
    Slot seen;

    g_mutex_lock(&self->lock);
    if (addr == REG_SELECTOR) {
        self->selector = (guint32)value;
    } else if (self->selector < self->config.slots) {
        Slot *slot = &self->slots[self->selector];

        if (addr == REG_OST_SOURCE) {
            slot->ost_source = (guint32)value;
        } else if (addr == REG_OST_STATUS) {
            slot->ost_status = (guint32)value;
            queue_work_locked(self, FALSE);
        } else if (addr == REG_CONTROL) {
            write_control_locked(self, (unsigned)value);
        }
        traced = tn_hotplug_trace_is_on(self->config.trace);
        number = self->selector;
        seen = *slot;
    }
    g_mutex_unlock(&self->lock);
    if (G_UNLIKELY(traced)) {
        trace_write(self, addr, value, &seen, number);
    }
}

static const TnMemoryRegionOps hotplug_ops = {
    .read = hotplug_read,
    .write = hotplug_write,
    .valid = { .min = 1, .max = 4 },
    .impl = { .min = 1, .max = 4 },
};

TnAcpiMemoryHotplug *
tn_acpi_memory_hotplug_new(const TnAcpiMemoryHotplugConfig *config)
{
    TnAcpiMemoryHotplug *self = g_new0(TnAcpiMemoryHotplug, 1);

    g_assert(config->slots >= 1 && config->slots <= TN_ACPI_MEMORY_HOTPLUG_MAX_SLOTS);
    self->config = *config;
    self->slots = g_new0(Slot, config->slots);
    g_mutex_init(&self->lock);
    g_queue_init(&self->work);
    self->worker = g_source_new(&worker_funcs, sizeof(GSource));
    g_source_set_static_name(self->worker, "acpi-mem-hotplug");
    g_source_set_callback(self->worker, work_off, self, NULL);
    g_source_attach(self->worker, NULL);
    tn_memory_region_init_io(&self->region, config->memory, NULL, &hotplug_ops, self,
                             "acpi-mem-hotplug", TN_ACPI_MEMORY_HOTPLUG_LENGTH);
    tn_memory_region_add_subregion(config->io, config->port, &self->region);
    return self;
}

void
tn_acpi_memory_hotplug_free(TnAcpiMemoryHotplug *self)
{
    if (!self) {
        return;
    }
    tn_memory_region_del_subregion(self->config.io, &self->region);
    tn_memory_synchronize(self->config.memory);
    tn_memory_region_done(&self->region);
    g_source_destroy(self->worker);
    g_source_unref(self->worker);
    g_queue_clear_full(&self->work, (GDestroyNotify)work_free);
    g_mutex_clear(&self->lock);
    g_free(self->slots);
    g_free(self);
}

void
tn_acpi_memory_hotplug_plug(TnAcpiMemoryHotplug *self, unsigned slot,
                            const TnAcpiMemoryDevice *device, gboolean notify)
{
    Slot *s;

    g_return_if_fail(slot < self->config.slots);
    g_mutex_lock(&self->lock);
    s = &self->slots[slot];
    s->device = device->device;
    s->addr = device->addr;
    s->size = device->size;
    s->node = device->node;
    s->flags = TN_ACPI_MEMORY_ENABLED | (notify ? TN_ACPI_MEMORY_INSERTING : 0);
    g_mutex_unlock(&self->lock);
    if (notify) {
        tn_acpi_gpe_raise(self->config.gpe, TN_ACPI_MEMORY_HOTPLUG_GPE);
    }
}

void
tn_acpi_memory_hotplug_unplug_request(TnAcpiMemoryHotplug *self, unsigned slot)
{
    gboolean told = FALSE;

    g_return_if_fail(slot < self->config.slots);
    g_mutex_lock(&self->lock);
    /* Ejected already, and on its way out: there is nothing left to ask for. */
    if (self->slots[slot].flags & TN_ACPI_MEMORY_ENABLED) {
        self->slots[slot].flags |= TN_ACPI_MEMORY_REMOVING;
        told = TRUE;
    }
    g_mutex_unlock(&self->lock);
    if (told) {
        tn_acpi_gpe_raise(self->config.gpe, TN_ACPI_MEMORY_HOTPLUG_GPE);
    }
}

void
tn_acpi_memory_hotplug_unplug(TnAcpiMemoryHotplug *self, unsigned slot)
{
    Slot *s;

    g_return_if_fail(slot < self->config.slots);
    g_mutex_lock(&self->lock);
    s = &self->slots[slot];
    s->device = NULL;
    s->addr = 0;
    s->size = 0;
    s->node = 0;
    s->flags = 0;
    g_mutex_unlock(&self->lock);
}

void
tn_acpi_memory_hotplug_get_ost(TnAcpiMemoryHotplug *self, unsigned slot, TnAcpiOst *ret_ost)
{
    const Slot *s;

    g_return_if_fail(slot < self->config.slots);
    g_mutex_lock(&self->lock);
    s = &self->slots[slot];
    *ret_ost = (TnAcpiOst){ s->device, s->ost_source, s->ost_status };
    g_mutex_unlock(&self->lock);
}

guint8
tn_acpi_memory_hotplug_get_flags(TnAcpiMemoryHotplug *self, unsigned slot)
{
    guint8 flags;

    g_return_val_if_fail(slot < self->config.slots, 0);
    g_mutex_lock(&self->lock);
    flags = self->slots[slot].flags;
    g_mutex_unlock(&self->lock);
    return flags;
}
