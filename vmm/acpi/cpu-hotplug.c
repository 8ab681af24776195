/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The CPU-hotplug controller's registers. docs/specs/acpi-cpu-hotplug.md.
 *
 * A guest's eject and _OST are seen on a vCPU thread. The registers answer at
 * once; what follows (events, the unplug itself) is work for the main thread,
 * carried out in the order in which the guest asked.
 */
#include "vmm/acpi/cpu-hotplug.h"

#include "vmm/acpi/ost.h"

#include <string.h>

/* Register map of the modern mode. */
enum {
    REG_SELECTOR = 0x0, /* write */
    REG_DATA2 = 0x0,    /* read */
    REG_FLAGS = 0x4,
    REG_COMMAND = 0x5, /* write */
    REG_DATA = 0x8,
};

enum {
    COMMAND_NEXT_EVENT = 0,
    COMMAND_OST_EVENT = 1,
    COMMAND_OST_STATUS = 2,
    COMMAND_GET_ID = 3,
    COMMAND_END,
};

#define EVENT_FLAGS (TN_ACPI_CPU_INSERTING | TN_ACPI_CPU_REMOVING | TN_ACPI_CPU_FIRMWARE)
#define BOOT_CPU 0

/* Reports the guest made, at most; what it adds beyond is dropped with its CPU's
 * last answer kept, so a guest cannot grow the queue. */
#define MAX_WORK 1024

/* What is left to do on the main thread. */
typedef struct Work {
    gboolean eject; /* else: report an _OST */
    unsigned index;
    TnDevice *device; /* reference, NULL: nobody was there */
    guint32 source, status;
} Work;

struct TnAcpiCpuHotplug {
    TnAcpiCpuHotplugConfig config;
    guint32 apic_ids[TN_ACPI_CPU_HOTPLUG_MAX_CPUS];
    TnMemoryRegion legacy, modern;
    GSource *worker;

    GMutex lock;
    /* Under @lock. */
    guint32 selector;
    guint8 command;
    gboolean is_modern;
    guint8 flags[TN_ACPI_CPU_HOTPLUG_MAX_CPUS];
    guint32 ost_source[TN_ACPI_CPU_HOTPLUG_MAX_CPUS];
    guint32 ost_status[TN_ACPI_CPU_HOTPLUG_MAX_CPUS];
    TnDevice *devices[TN_ACPI_CPU_HOTPLUG_MAX_CPUS]; /* (transfer none), NULL: not there */
    GQueue work; /* of Work */
};

static void
work_free(Work *work)
{
    g_clear_object(&work->device);
    g_free(work);
}

/* About the selected CPU. Needs @lock. */
static void
queue_work_locked(TnAcpiCpuHotplug *self, gboolean eject)
{
    unsigned index = self->selector;
    Work *work;

    /* Ejects are as many as CPUs and never dropped; reports can be repeated at will. */
    if (!eject && self->work.length >= MAX_WORK) {
        return;
    }
    work = g_new0(Work, 1);
    work->eject = eject;
    work->index = index;
    work->device = self->devices[index] ? g_object_ref(self->devices[index]) : NULL;
    work->source = self->ost_source[index];
    work->status = self->ost_status[index];
    g_queue_push_tail(&self->work, work);
    g_source_set_ready_time(self->worker, 0);
}

/* Whether the CPU that the guest spoke of is still the one that is there. */
static gboolean
is_current(TnAcpiCpuHotplug *self, const Work *work)
{
    gboolean current;

    g_mutex_lock(&self->lock);
    current = work->device && self->devices[work->index] == work->device;
    g_mutex_unlock(&self->lock);
    return current;
}

static void
report_ost(TnAcpiCpuHotplug *self, const Work *work)
{
    const TnAcpiOstReport report = { work->device, work->index, "CPU", work->source,
                                     work->status };

    if (self->config.events) {
        tn_acpi_ost_emit(self->config.events, &report);
    }
    if (tn_acpi_ost_is_refusal(work->source, work->status) && is_current(self, work)) {
        tn_device_set_pending_unplug(work->device, FALSE);
        if (self->config.events) {
            tn_acpi_ost_emit_refusal(self->config.events, work->device);
        }
    }
}

static gboolean
work_off(gpointer user_data)
{
    TnAcpiCpuHotplug *self = user_data;
    Work *work;

    g_source_set_ready_time(self->worker, -1);
    for (;;) {
        g_mutex_lock(&self->lock);
        work = g_queue_pop_head(&self->work);
        g_mutex_unlock(&self->lock);
        if (!work) {
            return G_SOURCE_CONTINUE;
        }
        if (!work->eject) {
            report_ost(self, work);
        } else if (is_current(self, work)) {
            self->config.ejected(self->config.opaque, work->device);
        }
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

static uint64_t
legacy_read(void *opaque, uint64_t addr, unsigned size)
{
    TnAcpiCpuHotplug *self = opaque;
    guint8 map = 0;

    g_mutex_lock(&self->lock);
    for (unsigned i = 0; i < self->config.cpus; i++) {
        if (self->devices[i] && self->apic_ids[i] / 8 == addr) {
            map |= (guint8)(1U << self->apic_ids[i] % 8);
        }
    }
    g_mutex_unlock(&self->lock);
    return map;
}

/* The regions as the mode has them; not under @lock. */
static void
show_mode(TnAcpiCpuHotplug *self, gboolean modern)
{
    tn_memory_begin(self->config.memory);
    tn_memory_region_set_enabled(&self->legacy, !modern);
    tn_memory_region_set_enabled(&self->modern, modern);
    tn_memory_commit(self->config.memory);
}

static void
legacy_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    TnAcpiCpuHotplug *self = opaque;
    gboolean leave;

    g_mutex_lock(&self->lock);
    leave = addr == 0 && value == 0 && !self->is_modern;
    self->is_modern = self->is_modern || leave;
    g_mutex_unlock(&self->lock);
    if (leave) {
        show_mode(self, TRUE);
    }
}

static uint64_t
hotplug_read(void *opaque, uint64_t addr, unsigned size)
{
    TnAcpiCpuHotplug *self = opaque;
    uint64_t value = 0;

    g_mutex_lock(&self->lock);
    if (self->selector < self->config.cpus) {
        if (addr == REG_FLAGS) {
            value = self->flags[self->selector];
        } else if (addr == REG_DATA && self->command == COMMAND_NEXT_EVENT) {
            value = self->selector;
        } else if (addr == REG_DATA && self->command == COMMAND_GET_ID) {
            value = self->apic_ids[self->selector];
        }
        /* REG_DATA2 is the upper half of APIC ids, which have 8 bits. */
    }
    g_mutex_unlock(&self->lock);
    return value;
}

/* Needs @lock. At most one of the bits is acted on, as a guest sets one alone. */
static void
write_control_locked(TnAcpiCpuHotplug *self, unsigned value)
{
    guint8 *flags = &self->flags[self->selector];
    gboolean removable = (*flags & TN_ACPI_CPU_ENABLED) && self->selector != BOOT_CPU;

    if (value & TN_ACPI_CPU_INSERTING) {
        *flags &= (guint8)~TN_ACPI_CPU_INSERTING;
    } else if (value & TN_ACPI_CPU_REMOVING) {
        *flags &= (guint8)~TN_ACPI_CPU_REMOVING;
    } else if (value & TN_ACPI_CPU_EJECT) {
        if (removable) {
            /* The guest looks at _STA right after _EJ0 and must find nobody. */
            *flags = 0;
            queue_work_locked(self, TRUE);
        }
    } else if ((value & TN_ACPI_CPU_FIRMWARE) && removable) {
        *flags |= TN_ACPI_CPU_FIRMWARE;
    }
}

/* Needs @lock. */
static void
select_next_event_locked(TnAcpiCpuHotplug *self)
{
    for (unsigned i = 0; i < self->config.cpus; i++) {
        unsigned index = (self->selector + i) % self->config.cpus;

        if (self->flags[index] & EVENT_FLAGS) {
            self->selector = index;
            return;
        }
    }
}

/* Needs @lock. */
static void
write_command_locked(TnAcpiCpuHotplug *self, guint8 command)
{
    if (command >= COMMAND_END) {
        return;
    }
    self->command = command;
    if (command == COMMAND_NEXT_EVENT) {
        select_next_event_locked(self);
    }
}

/* Needs @lock. */
static void
write_data_locked(TnAcpiCpuHotplug *self, guint32 value)
{
    if (self->command == COMMAND_OST_EVENT) {
        self->ost_source[self->selector] = value;
    } else if (self->command == COMMAND_OST_STATUS) {
        self->ost_status[self->selector] = value;
        queue_work_locked(self, FALSE);
    }
}

static void
hotplug_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    TnAcpiCpuHotplug *self = opaque;

    g_mutex_lock(&self->lock);
    if (addr == REG_SELECTOR) {
        self->selector = (guint32)value;
    } else if (self->selector < self->config.cpus) {
        if (addr == REG_FLAGS) {
            write_control_locked(self, (unsigned)value);
        } else if (addr == REG_COMMAND) {
            write_command_locked(self, (guint8)MIN(value, G_MAXUINT8));
        } else if (addr == REG_DATA) {
            write_data_locked(self, (guint32)value);
        }
    }
    g_mutex_unlock(&self->lock);
}

static const TnMemoryRegionOps legacy_ops = {
    .read = legacy_read,
    .write = legacy_write,
    .valid = { .min = 1, .max = 4 },
    .impl = { .min = 1, .max = 1 },
};

static const TnMemoryRegionOps hotplug_ops = {
    .read = hotplug_read,
    .write = hotplug_write,
    .valid = { .min = 1, .max = 4 },
    .impl = { .min = 1, .max = 4 },
};

static void
make_regions(TnAcpiCpuHotplug *self)
{
    const TnAcpiCpuHotplugConfig *c = &self->config;

    tn_memory_region_init_io(&self->legacy, c->memory, NULL, &legacy_ops, self,
                             "acpi-cpu-hotplug-legacy", TN_ACPI_CPU_HOTPLUG_LEGACY_LENGTH);
    tn_memory_region_init_io(&self->modern, c->memory, NULL, &hotplug_ops, self,
                             "acpi-cpu-hotplug", TN_ACPI_CPU_HOTPLUG_LENGTH);
    tn_memory_region_set_enabled(&self->modern, FALSE);
    tn_memory_begin(c->memory);
    tn_memory_region_add_subregion(c->io, c->port, &self->legacy);
    /* Never both are enabled. */
    tn_memory_region_add_subregion_overlap(c->io, c->port, &self->modern, 0);
    tn_memory_commit(c->memory);
}

TnAcpiCpuHotplug *
tn_acpi_cpu_hotplug_new(const TnAcpiCpuHotplugConfig *config)
{
    TnAcpiCpuHotplug *self = g_new0(TnAcpiCpuHotplug, 1);

    g_assert(config->cpus >= 1 && config->cpus <= TN_ACPI_CPU_HOTPLUG_MAX_CPUS);
    self->config = *config;
    memcpy(self->apic_ids, config->apic_ids, config->cpus * sizeof(self->apic_ids[0]));
    self->config.apic_ids = self->apic_ids;
    g_mutex_init(&self->lock);
    g_queue_init(&self->work);
    self->worker = g_source_new(&worker_funcs, sizeof(GSource));
    g_source_set_static_name(self->worker, "acpi-cpu-hotplug");
    g_source_set_callback(self->worker, work_off, self, NULL);
    g_source_attach(self->worker, NULL);
    make_regions(self);
    return self;
}

void
tn_acpi_cpu_hotplug_free(TnAcpiCpuHotplug *self)
{
    if (!self) {
        return;
    }
    tn_memory_begin(self->config.memory);
    tn_memory_region_del_subregion(self->config.io, &self->modern);
    tn_memory_region_del_subregion(self->config.io, &self->legacy);
    tn_memory_commit(self->config.memory);
    tn_memory_synchronize(self->config.memory);
    tn_memory_region_done(&self->modern);
    tn_memory_region_done(&self->legacy);
    g_source_destroy(self->worker);
    g_source_unref(self->worker);
    g_queue_clear_full(&self->work, (GDestroyNotify)work_free);
    g_mutex_clear(&self->lock);
    g_free(self);
}

void
tn_acpi_cpu_hotplug_plug(TnAcpiCpuHotplug *self, unsigned index, TnDevice *device, gboolean notify)
{
    g_return_if_fail(index < self->config.cpus);
    g_mutex_lock(&self->lock);
    self->devices[index] = device;
    self->flags[index] = TN_ACPI_CPU_ENABLED | (notify ? TN_ACPI_CPU_INSERTING : 0);
    g_mutex_unlock(&self->lock);
    if (notify) {
        tn_acpi_gpe_raise(self->config.gpe, TN_ACPI_CPU_HOTPLUG_GPE);
    }
}

gboolean
tn_acpi_cpu_hotplug_unplug_request(TnAcpiCpuHotplug *self, unsigned index)
{
    gboolean modern, told;

    g_return_val_if_fail(index < self->config.cpus, FALSE);
    g_mutex_lock(&self->lock);
    modern = self->is_modern;
    /* Ejected already, and on its way out: there is nothing left to ask for. */
    told = modern && (self->flags[index] & TN_ACPI_CPU_ENABLED);
    if (told) {
        self->flags[index] |= TN_ACPI_CPU_REMOVING;
    }
    g_mutex_unlock(&self->lock);
    if (told) {
        tn_acpi_gpe_raise(self->config.gpe, TN_ACPI_CPU_HOTPLUG_GPE);
    }
    return modern;
}

void
tn_acpi_cpu_hotplug_unplug(TnAcpiCpuHotplug *self, unsigned index)
{
    g_return_if_fail(index < self->config.cpus);
    g_mutex_lock(&self->lock);
    self->devices[index] = NULL;
    self->flags[index] = 0;
    g_mutex_unlock(&self->lock);
}

gboolean
tn_acpi_cpu_hotplug_is_modern(TnAcpiCpuHotplug *self)
{
    gboolean modern;

    g_mutex_lock(&self->lock);
    modern = self->is_modern;
    g_mutex_unlock(&self->lock);
    return modern;
}

void
tn_acpi_cpu_hotplug_get_ost(TnAcpiCpuHotplug *self, unsigned index, TnDevice **ret_device,
                            guint32 *ret_source, guint32 *ret_status)
{
    g_return_if_fail(index < self->config.cpus);
    g_mutex_lock(&self->lock);
    *ret_device = self->devices[index];
    *ret_source = self->ost_source[index];
    *ret_status = self->ost_status[index];
    g_mutex_unlock(&self->lock);
}

guint8
tn_acpi_cpu_hotplug_get_flags(TnAcpiCpuHotplug *self, unsigned index)
{
    guint8 flags;

    g_return_val_if_fail(index < self->config.cpus, 0);
    g_mutex_lock(&self->lock);
    flags = self->flags[index];
    g_mutex_unlock(&self->lock);
    return flags;
}

/* Selectors may have any value; flags must fit the CPUs that are there. */
static gboolean
post_load(void *opaque, unsigned version, GError **error)
{
    TnAcpiCpuHotplug *self = opaque;
    const guint8 known = TN_ACPI_CPU_ENABLED | EVENT_FLAGS;
    gboolean ok = self->command < COMMAND_END;

    for (unsigned i = 0; i < TN_ACPI_CPU_HOTPLUG_MAX_CPUS; i++) {
        gboolean enabled = (self->flags[i] & TN_ACPI_CPU_ENABLED) != 0;

        ok = ok && (self->flags[i] & ~known) == 0 && (!enabled || self->devices[i]);
    }
    if (!ok) {
        g_set_error_literal(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                            "acpi-cpu-hotplug: the saved registers do not fit the machine's CPUs");
        return FALSE;
    }
    self->is_modern = self->is_modern != 0;
    show_mode(self, self->is_modern);
    return TRUE;
}

static const TnStateField state_fields[] = {
    TN_STATE_FIELD(TN_STATE_U32, TnAcpiCpuHotplug, selector),
    TN_STATE_FIELD(TN_STATE_U8, TnAcpiCpuHotplug, command),
    TN_STATE_FIELD(TN_STATE_BOOL, TnAcpiCpuHotplug, is_modern),
    TN_STATE_ARRAY(TN_STATE_BYTES, TnAcpiCpuHotplug, flags, TN_ACPI_CPU_HOTPLUG_MAX_CPUS),
    TN_STATE_ARRAY(TN_STATE_U32, TnAcpiCpuHotplug, ost_source, TN_ACPI_CPU_HOTPLUG_MAX_CPUS),
    TN_STATE_ARRAY(TN_STATE_U32, TnAcpiCpuHotplug, ost_status, TN_ACPI_CPU_HOTPLUG_MAX_CPUS),
    TN_STATE_END,
};

const TnStateTable tn_acpi_cpu_hotplug_state = {
    .name = "acpi-cpu-hotplug",
    .version = 1,
    .fields = state_fields,
    .post_load = post_load,
};
