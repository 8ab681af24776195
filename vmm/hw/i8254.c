/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The 8254 of a PC: counter 0 drives IRQ 0, counter 2 the speaker by port 0x61 (82371SB,
 * 2.5.3.6: NMI status and control). Virtual time is its clock; a timer on the main thread
 * raises the interrupts. docs/specs/i8254.md.
 */
#include "vmm/hw/i8254.h"

#include "vmm/core/clock.h"
#include "vmm/core/irq-line.h"
#include "vmm/hw/i8254-counter.h"
#include "vmm/memory/region.h"

#define NUM_COUNTERS 3
#define SPEAKER_COUNTER 2

#define PORT_COUNTERS 0x40
#define OFFSET_CONTROL 3
#define PORT_SPEAKER 0x61

#define CONTROL_COUNTER_SHIFT 6
#define CONTROL_READ_BACK 3
#define READ_BACK_NO_COUNT 0x20
#define READ_BACK_NO_STATUS 0x10
#define READ_BACK_COUNTER 0x02

#define SPEAKER_GATE 0x01
#define SPEAKER_WRITABLE 0x0f
#define SPEAKER_REFRESH 0x10
#define SPEAKER_OUT 0x20
#define REFRESH_NS 15085

/* A guest may ask for a tick each microsecond; the host gives at most one in this time. */
#define MIN_TICK_NS 100000

struct _TnI8254 {
    TnDevice parent_instance;

    TnMemoryRegion counters_io;
    TnMemoryRegion speaker_io;
    TnClock *clock;
    TnTimer *timer;

    GMutex lock;
    /* Under lock. */
    TnI8254Counter counters[NUM_COUNTERS];
    guint8 speaker;
    gint64 rise_ns; /* the edge that the timer is armed for, -1: none */
    gboolean line;
};

G_DEFINE_FINAL_TYPE(TnI8254, tn_i8254, TN_TYPE_DEVICE)

static void
set_line_locked(TnI8254 *self, gboolean level)
{
    TnIrqLine *lines = tn_device_get_platform(TN_DEVICE(self))->isa_irqs;

    if (level != self->line) {
        self->line = level;
        tn_irq_set(lines ? &lines[TN_I8254_IRQ] : NULL, level);
    }
}

static void
arm_locked(TnI8254 *self, gint64 now)
{
    self->rise_ns = tn_i8254_counter_next_rise(&self->counters[0], now);
    if (!self->timer) {
        return;
    }
    if (self->rise_ns < 0) {
        tn_timer_disarm(self->timer);
    } else {
        tn_timer_arm(self->timer, MAX(self->rise_ns, now + MIN_TICK_NS));
    }
}

/* Edges that the host missed are one edge: docs/specs/i8254.md, "Ticks". */
static void
raise_due_locked(TnI8254 *self, gint64 now)
{
    if (self->rise_ns >= 0 && now >= self->rise_ns) {
        set_line_locked(self, FALSE);
        set_line_locked(self, TRUE);
    }
}

static void
tick(void *opaque)
{
    TnI8254 *self = opaque;
    gint64 now;

    g_mutex_lock(&self->lock);
    now = tn_clock_now_ns(self->clock);
    raise_due_locked(self, now);
    arm_locked(self, now);
    g_mutex_unlock(&self->lock);
}

/* Counter 0 was touched. */
static void
update_irq_locked(TnI8254 *self, gint64 now)
{
    set_line_locked(self, tn_i8254_counter_out(&self->counters[0], now));
    arm_locked(self, now);
}

static void
read_back_locked(TnI8254 *self, guint8 word, gint64 now)
{
    for (unsigned i = 0; i < NUM_COUNTERS; i++) {
        if (!(word & (READ_BACK_COUNTER << i))) {
            continue;
        }
        if (!(word & READ_BACK_NO_COUNT)) {
            tn_i8254_counter_latch_count(&self->counters[i], now);
        }
        if (!(word & READ_BACK_NO_STATUS)) {
            tn_i8254_counter_latch_status(&self->counters[i], now);
        }
    }
}

static void
write_control_locked(TnI8254 *self, guint8 word, gint64 now)
{
    unsigned which = word >> CONTROL_COUNTER_SHIFT;

    if (which == CONTROL_READ_BACK) {
        read_back_locked(self, word, now);
        return;
    }
    tn_i8254_counter_control(&self->counters[which], word, now);
}

static uint64_t
counters_read(void *opaque, uint64_t addr, unsigned size)
{
    TnI8254 *self = opaque;
    guint8 value;

    if (addr == OFFSET_CONTROL) {
        return 0; /* "no operation" */
    }
    g_mutex_lock(&self->lock);
    value = tn_i8254_counter_read(&self->counters[addr], tn_clock_now_ns(self->clock));
    g_mutex_unlock(&self->lock);
    return value;
}

static gboolean
touches_irq(uint64_t addr, guint8 value)
{
    /* Latch commands change nothing that the line shows. */
    return addr == 0 || (addr == OFFSET_CONTROL && value >> CONTROL_COUNTER_SHIFT == 0 &&
                         (value >> 4 & 3) != TN_I8254_RW_LATCH);
}

static void
counters_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    TnI8254 *self = opaque;
    gint64 now;

    g_mutex_lock(&self->lock);
    now = tn_clock_now_ns(self->clock);
    if (touches_irq(addr, (guint8)value)) {
        raise_due_locked(self, now); /* the timer is only late */
    }
    if (addr == OFFSET_CONTROL) {
        write_control_locked(self, (guint8)value, now);
    } else {
        tn_i8254_counter_write(&self->counters[addr], (guint8)value, now);
    }
    if (touches_irq(addr, (guint8)value)) {
        update_irq_locked(self, now);
    }
    g_mutex_unlock(&self->lock);
}

static uint64_t
speaker_read(void *opaque, uint64_t addr, unsigned size)
{
    TnI8254 *self = opaque;
    gint64 now;
    guint8 value;

    g_mutex_lock(&self->lock);
    now = tn_clock_now_ns(self->clock);
    value = self->speaker;
    value |= now / REFRESH_NS & 1 ? SPEAKER_REFRESH : 0;
    value |= tn_i8254_counter_out(&self->counters[SPEAKER_COUNTER], now) ? SPEAKER_OUT : 0;
    g_mutex_unlock(&self->lock);
    return value;
}

static void
speaker_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    TnI8254 *self = opaque;

    g_mutex_lock(&self->lock);
    self->speaker = (guint8)value & SPEAKER_WRITABLE;
    tn_i8254_counter_set_gate(&self->counters[SPEAKER_COUNTER],
                              (self->speaker & SPEAKER_GATE) != 0, tn_clock_now_ns(self->clock));
    g_mutex_unlock(&self->lock);
}

static const TnMemoryRegionOps counters_ops = {
    .read = counters_read,
    .write = counters_write,
    .valid = { .min = 1, .max = 4, .unaligned = true },
    .impl = { .min = 1, .max = 1 },
};

static const TnMemoryRegionOps speaker_ops = {
    .read = speaker_read,
    .write = speaker_write,
    .valid = { .min = 1, .max = 1 },
    .impl = { .min = 1, .max = 1 },
};

TnI8254 *
tn_i8254_new(const TnPlatform *platform)
{
    TnI8254 *self = g_object_new(TN_TYPE_I8254, NULL);

    tn_device_set_platform(TN_DEVICE(self), platform);
    return self;
}

static void
tn_i8254_reset(TnDevice *device)
{
    TnI8254 *self = TN_I8254(device);

    g_mutex_lock(&self->lock);
    for (unsigned i = 0; i < NUM_COUNTERS; i++) {
        self->counters[i] = (TnI8254Counter){ .gate = i != SPEAKER_COUNTER };
    }
    self->speaker = 0;
    update_irq_locked(self, tn_clock_now_ns(self->clock));
    g_mutex_unlock(&self->lock);
}

static gboolean
tn_i8254_realize(TnDevice *device, GError **error)
{
    TnI8254 *self = TN_I8254(device);
    const TnPlatform *platform = tn_device_get_platform(device);

    self->clock = platform->clock;
    self->timer = tn_timer_new(self->clock, tick, self);
    tn_i8254_reset(device);
    tn_memory_region_init_io(&self->counters_io, platform->memory, G_OBJECT(self),
                             &counters_ops, self, "pit", NUM_COUNTERS + 1);
    tn_memory_region_add_subregion(platform->system_io, PORT_COUNTERS, &self->counters_io);
    tn_memory_region_init_io(&self->speaker_io, platform->memory, G_OBJECT(self), &speaker_ops,
                             self, "pcspk", 1);
    tn_memory_region_add_subregion(platform->system_io, PORT_SPEAKER, &self->speaker_io);
    return TRUE;
}

static void
tn_i8254_unrealize(TnDevice *device)
{
    TnI8254 *self = TN_I8254(device);
    const TnPlatform *platform = tn_device_get_platform(device);

    tn_memory_region_del_subregion(platform->system_io, &self->counters_io);
    tn_memory_region_del_subregion(platform->system_io, &self->speaker_io);
    tn_memory_synchronize(platform->memory);
    tn_memory_region_done(&self->counters_io);
    tn_memory_region_done(&self->speaker_io);
    g_clear_pointer(&self->timer, tn_timer_free);
}

static void
tn_i8254_finalize(GObject *object)
{
    g_mutex_clear(&TN_I8254(object)->lock);
    G_OBJECT_CLASS(tn_i8254_parent_class)->finalize(object);
}

#define COUNTER_STATE(n)                                                    \
    TN_STATE_FIELD(TN_STATE_U8, TnI8254, counters[n].mode),                 \
    TN_STATE_FIELD(TN_STATE_U8, TnI8254, counters[n].rw),                   \
    TN_STATE_FIELD(TN_STATE_BOOL, TnI8254, counters[n].bcd),                \
    TN_STATE_FIELD(TN_STATE_BOOL, TnI8254, counters[n].gate),               \
    TN_STATE_FIELD(TN_STATE_BOOL, TnI8254, counters[n].programmed),         \
    TN_STATE_FIELD(TN_STATE_BOOL, TnI8254, counters[n].counting),           \
    TN_STATE_FIELD(TN_STATE_U32, TnI8254, counters[n].count),               \
    TN_STATE_FIELD(TN_STATE_U32, TnI8254, counters[n].next_count),          \
    TN_STATE_FIELD(TN_STATE_U64, TnI8254, counters[n].load_ns),             \
    TN_STATE_FIELD(TN_STATE_U64, TnI8254, counters[n].next_load_ns),        \
    TN_STATE_FIELD(TN_STATE_U64, TnI8254, counters[n].gate_low_ns),         \
    TN_STATE_FIELD(TN_STATE_BOOL, TnI8254, counters[n].write_msb),          \
    TN_STATE_FIELD(TN_STATE_U8, TnI8254, counters[n].written_lsb),          \
    TN_STATE_FIELD(TN_STATE_BOOL, TnI8254, counters[n].read_msb),           \
    TN_STATE_FIELD(TN_STATE_BOOL, TnI8254, counters[n].latched),            \
    TN_STATE_FIELD(TN_STATE_BOOL, TnI8254, counters[n].status_latched),     \
    TN_STATE_FIELD(TN_STATE_U16, TnI8254, counters[n].latch),               \
    TN_STATE_FIELD(TN_STATE_U8, TnI8254, counters[n].status)

static const TnStateField state_fields[] = {
    COUNTER_STATE(0),
    COUNTER_STATE(1),
    COUNTER_STATE(2),
    TN_STATE_FIELD(TN_STATE_U8, TnI8254, speaker),
    TN_STATE_END,
};

#define MAX_COUNT 0x10000u

/* Times are virtual, and saved with the clock; none lies in the future but the next load. */
static gboolean
judge_counter(TnI8254Counter *c, unsigned which, gint64 now, GError **error)
{
    if (c->mode > 5 || c->rw > TN_I8254_RW_BOTH || c->count > MAX_COUNT ||
        c->next_count > MAX_COUNT || (c->counting && c->count == 0)) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "i8254: counter %u cannot have mode %u, access %u, count %u, next count %u",
                    which, c->mode, c->rw, c->count, c->next_count);
        return FALSE;
    }
    c->load_ns = CLAMP(c->load_ns, 0, now);
    c->gate_low_ns = CLAMP(c->gate_low_ns, 0, now);
    c->next_load_ns = CLAMP(c->next_load_ns, 0, now + G_USEC_PER_SEC * 1000);
    return TRUE;
}

static gboolean
state_post_load(void *opaque, unsigned version, GError **error)
{
    TnI8254 *self = opaque;
    gint64 now = tn_clock_now_ns(self->clock);
    gboolean ok = TRUE;

    g_mutex_lock(&self->lock);
    self->speaker &= SPEAKER_WRITABLE;
    for (unsigned i = 0; i < NUM_COUNTERS && ok; i++) {
        ok = judge_counter(&self->counters[i], i, now, error);
    }
    if (ok) {
        update_irq_locked(self, now);
    }
    g_mutex_unlock(&self->lock);
    return ok;
}

static const TnStateTable state_table = {
    .name = "i8254",
    .version = 1,
    .fields = state_fields,
    .post_load = state_post_load,
};

static void
tn_i8254_class_init(TnI8254Class *klass)
{
    TnObjectClass *tn_class = TN_OBJECT_CLASS(klass);
    TnDeviceClass *device_class = TN_DEVICE_CLASS(klass);

    G_OBJECT_CLASS(klass)->finalize = tn_i8254_finalize;
    tn_class->type_name = "isa-pit";
    tn_class->description = "8254 interval timer";
    device_class->bus = "ISA";
    device_class->realize = tn_i8254_realize;
    device_class->unrealize = tn_i8254_unrealize;
    device_class->reset = tn_i8254_reset;
    device_class->state = &state_table;
}

static void
tn_i8254_init(TnI8254 *self)
{
    g_mutex_init(&self->lock);
}
