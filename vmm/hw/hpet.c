/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The HPET by docs/specs/hpet.md (IA-PC HPET Specification 1.0a).
 *
 * Locks: @lock for all registers. Interrupt lines are set with it held; they do not
 * come back here, but for the RTC's and PIT's through the gate, which takes it, too.
 */
#include "vmm/hw/hpet.h"

#include "vmm/core/clock.h"
#include "vmm/core/fast-path.h"
#include "vmm/core/irq-line.h"
#include "vmm/memory/region.h"

#define NUM_TIMERS 3
#define TICK_NS 10
#define MIN_REARM_NS 20000

#define CAPABILITIES ((guint64)10000000 << 32 | TN_HPET_BLOCK_ID)

#define REG_CAPABILITIES 0x000
#define REG_CONFIG 0x010
#define REG_STATUS 0x020
#define REG_COUNTER 0x0f0
#define REG_TIMERS 0x100
#define TIMER_STRIDE 0x20
#define TIMER_CONFIG 0x00
#define TIMER_COMPARATOR 0x08

#define CONFIG_ENABLE 0x1u
#define CONFIG_LEGACY 0x2u
#define CONFIG_WRITABLE 0x3u

#define TIMER_LEVEL 0x0002u
#define TIMER_INT_ENABLE 0x0004u
#define TIMER_PERIODIC 0x0008u
#define TIMER_SET_ACCUMULATOR 0x0040u
#define TIMER_32BIT 0x0100u
#define TIMER_ROUTE_SHIFT 9
#define TIMER_ROUTE_MASK 0x3e00u
#define TIMER_CAPABILITIES ((guint64)0x4 << 32 | 0x0030u)
#define TIMER_WRITABLE \
    (TIMER_LEVEL | TIMER_INT_ENABLE | TIMER_PERIODIC | TIMER_SET_ACCUMULATOR | TIMER_32BIT | \
     TIMER_ROUTE_MASK)

#define ROUTE_PIN2 2
#define PIT_IRQ 0
#define RTC_IRQ 8

typedef struct Comparator {
    TnHpet *hpet;
    TnTimer *timer;
    unsigned index;
    guint64 config; /* writable bits alone */
    guint64 value;
    guint64 period; /* ticks; periodic mode */
    bool waiting;   /* for the counter to come to @value */
} Comparator;

/* An ISA line that somebody else drives, and that the legacy route takes over. */
typedef struct Gate {
    TnHpet *hpet;
    TnIrqLine below;
    int level;
} Gate;

struct _TnHpet {
    TnDevice parent_instance;

    TnMemoryRegion mmio;
    TnClock *clock;
    Gate pit_gate, rtc_gate;

    GMutex lock;
    guint64 config;
    guint64 status;
    guint64 counter;     /* now while it stands, else at @counter_base */
    gint64 counter_base; /* virtual time */
    Comparator timers[NUM_TIMERS];
};

G_DEFINE_FINAL_TYPE(TnHpet, tn_hpet, TN_TYPE_DEVICE)

static guint64
counter_locked(TnHpet *self)
{
    if (!(self->config & CONFIG_ENABLE)) {
        return self->counter;
    }
    return self->counter + (guint64)(tn_clock_now_ns(self->clock) - self->counter_base) / TICK_NS;
}

/* Ticks from @counter to the comparator, 0 when it lies behind. */
static guint64
ticks_left(const Comparator *t, guint64 counter)
{
    if (t->config & TIMER_32BIT) {
        gint32 left = (gint32)((guint32)t->value - (guint32)counter);

        return left > 0 ? (guint64)left : 0;
    }
    return (gint64)(t->value - counter) > 0 ? t->value - counter : 0;
}

static void
arm_locked(TnHpet *self, Comparator *t, gint64 not_before_ns)
{
    guint64 left;
    gint64 when;

    if (!t->waiting || !(self->config & CONFIG_ENABLE) || !(t->config & TIMER_INT_ENABLE)) {
        tn_timer_disarm(t->timer);
        return;
    }
    left = MIN(ticks_left(t, counter_locked(self)), (guint64)(G_MAXINT64 / 4 / TICK_NS));
    when = tn_clock_now_ns(self->clock) + (gint64)(left * TICK_NS);
    tn_timer_arm(t->timer, MAX(when, not_before_ns));
}

static const TnIrqLine *
line_of(TnHpet *self, const Comparator *t)
{
    if ((self->config & CONFIG_LEGACY) && t->index < 2) {
        return t->index == 0 ? &self->pit_gate.below : &self->rtc_gate.below;
    }
    return (t->config & TIMER_ROUTE_MASK) >> TIMER_ROUTE_SHIFT == ROUTE_PIN2
               ? &self->pit_gate.below
               : NULL;
}

static void
update_line_locked(TnHpet *self, const Comparator *t)
{
    gboolean up = (self->status >> t->index & 1) && (t->config & TIMER_LEVEL) &&
                  (t->config & TIMER_INT_ENABLE) && (self->config & CONFIG_ENABLE);

    tn_irq_set(line_of(self, t), up);
}

static void
fire_locked(TnHpet *self, Comparator *t)
{
    if (t->config & TIMER_LEVEL) {
        self->status |= (guint64)1 << t->index;
        update_line_locked(self, t);
    } else {
        tn_irq_raise(line_of(self, t));
        tn_irq_lower(line_of(self, t));
    }
}

/* Past the counter, by whole periods. */
static void
advance_locked(Comparator *t, guint64 counter)
{
    guint64 behind = (t->config & TIMER_32BIT) ? (guint32)counter - (guint32)t->value
                                               : counter - t->value;

    t->value += (behind / t->period + 1) * t->period;
    if (t->config & TIMER_32BIT) {
        t->value = (guint32)t->value;
    }
}

static void
timer_due(void *opaque)
{
    Comparator *t = opaque;
    TnHpet *self = t->hpet;
    guint64 counter;

    g_mutex_lock(&self->lock);
    counter = counter_locked(self);
    /* It may have been changed since it was armed. */
    if (!t->waiting || !(self->config & CONFIG_ENABLE) || !(t->config & TIMER_INT_ENABLE)) {
        g_mutex_unlock(&self->lock);
        return;
    }
    if (ticks_left(t, counter) > 0) {
        arm_locked(self, t, 0);
    } else {
        fire_locked(self, t);
        t->waiting = (t->config & TIMER_PERIODIC) && t->period;
        if (t->waiting) {
            advance_locked(t, counter);
            arm_locked(self, t, tn_clock_now_ns(self->clock) + MIN_REARM_NS);
        }
    }
    g_mutex_unlock(&self->lock);
}

/* The PIT's and the RTC's own interrupts, on their way through. */
static void
gate_set(void *opaque, int n, int level)
{
    Gate *gate = opaque;
    TnHpet *self = gate->hpet;

    g_mutex_lock(&self->lock);
    gate->level = level;
    if (!(self->config & CONFIG_LEGACY)) {
        tn_irq_set(&gate->below, level);
    }
    g_mutex_unlock(&self->lock);
}

static void
set_legacy_locked(TnHpet *self, gboolean legacy)
{
    const TnFastPath *fast_path = tn_device_get_platform(TN_DEVICE(self))->fast_path;

    if (fast_path && fast_path->gate_pit) {
        fast_path->gate_pit(fast_path->opaque, legacy);
    }
    tn_irq_set(&self->pit_gate.below, legacy ? 0 : self->pit_gate.level);
    tn_irq_set(&self->rtc_gate.below, legacy ? 0 : self->rtc_gate.level);
}

static void
write_config_locked(TnHpet *self, guint64 value)
{
    guint64 before = self->config;
    guint64 counter = counter_locked(self);

    value &= CONFIG_WRITABLE;
    if ((before ^ value) & CONFIG_ENABLE) {
        self->counter = counter;
        self->counter_base = tn_clock_now_ns(self->clock);
    }
    self->config = value;
    if ((before ^ value) & CONFIG_LEGACY) {
        set_legacy_locked(self, (value & CONFIG_LEGACY) != 0);
    }
    for (unsigned i = 0; i < NUM_TIMERS; i++) {
        update_line_locked(self, &self->timers[i]);
        arm_locked(self, &self->timers[i], 0);
    }
}

static void
write_counter_locked(TnHpet *self, guint64 value)
{
    self->counter = value;
    self->counter_base = tn_clock_now_ns(self->clock);
    for (unsigned i = 0; i < NUM_TIMERS; i++) {
        arm_locked(self, &self->timers[i], 0);
    }
}

static void
write_timer_config_locked(TnHpet *self, Comparator *t, guint64 value)
{
    if (t->config & TIMER_LEVEL) {
        tn_irq_lower(line_of(self, t));
    }
    t->config = value & TIMER_WRITABLE;
    if (t->config & TIMER_32BIT) {
        t->value = (guint32)t->value;
        t->period = (guint32)t->period;
    }
    update_line_locked(self, t);
    arm_locked(self, t, 0);
}

static void
write_comparator_locked(TnHpet *self, Comparator *t, guint64 value)
{
    if (t->config & TIMER_32BIT) {
        value = (guint32)value;
    }
    if (!(t->config & TIMER_PERIODIC) || (t->config & TIMER_SET_ACCUMULATOR) ||
        !(self->config & CONFIG_ENABLE)) {
        t->value = value;
    }
    if ((t->config & TIMER_PERIODIC) && !(t->config & TIMER_SET_ACCUMULATOR)) {
        t->period = value;
    }
    t->config &= ~(guint64)TIMER_SET_ACCUMULATOR;
    t->waiting = true;
    arm_locked(self, t, 0);
}

static guint64
read_locked(TnHpet *self, uint64_t reg)
{
    const Comparator *t;

    switch (reg) {
    case REG_CAPABILITIES:
        return CAPABILITIES;
    case REG_CONFIG:
        return self->config;
    case REG_STATUS:
        return self->status;
    case REG_COUNTER:
        return counter_locked(self);
    default:
        break;
    }
    if (reg < REG_TIMERS || reg >= REG_TIMERS + NUM_TIMERS * TIMER_STRIDE) {
        return 0;
    }
    t = &self->timers[(reg - REG_TIMERS) / TIMER_STRIDE];
    switch ((reg - REG_TIMERS) % TIMER_STRIDE) {
    case TIMER_CONFIG:
        return t->config | TIMER_CAPABILITIES;
    case TIMER_COMPARATOR:
        return t->value;
    default:
        return 0;
    }
}

static void
write_locked(TnHpet *self, uint64_t reg, guint64 value)
{
    Comparator *t;

    switch (reg) {
    case REG_CONFIG:
        write_config_locked(self, value);
        return;
    case REG_STATUS:
        self->status &= ~value;
        for (unsigned i = 0; i < NUM_TIMERS; i++) {
            if (self->timers[i].config & TIMER_LEVEL) {
                update_line_locked(self, &self->timers[i]);
            }
        }
        return;
    case REG_COUNTER:
        write_counter_locked(self, value);
        return;
    default:
        break;
    }
    if (reg < REG_TIMERS || reg >= REG_TIMERS + NUM_TIMERS * TIMER_STRIDE) {
        return;
    }
    t = &self->timers[(reg - REG_TIMERS) / TIMER_STRIDE];
    switch ((reg - REG_TIMERS) % TIMER_STRIDE) {
    case TIMER_CONFIG:
        write_timer_config_locked(self, t, value);
        break;
    case TIMER_COMPARATOR:
        write_comparator_locked(self, t, value);
        break;
    default:
        break;
    }
}

static uint64_t
mmio_read(void *opaque, uint64_t addr, unsigned size)
{
    TnHpet *self = opaque;
    guint64 value;

    g_mutex_lock(&self->lock);
    value = read_locked(self, addr & ~(uint64_t)7);
    g_mutex_unlock(&self->lock);
    return size == 8 ? value : (guint32)(value >> (8 * (addr & 4)));
}

static void
mmio_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    TnHpet *self = opaque;
    uint64_t reg = addr & ~(uint64_t)7;

    g_mutex_lock(&self->lock);
    if (size == 4) {
        /* One half; a status bit that was not written must not be cleared. */
        guint64 other = reg == REG_STATUS ? 0 : read_locked(self, reg);
        unsigned shift = 8 * (unsigned)(addr & 4);

        value = (other & ~((guint64)G_MAXUINT32 << shift)) | value << shift;
    }
    write_locked(self, reg, value);
    g_mutex_unlock(&self->lock);
}

static const TnMemoryRegionOps mmio_ops = {
    .read = mmio_read,
    .write = mmio_write,
    .valid = { .min = 4, .max = 8 },
    .impl = { .min = 4, .max = 8 },
};

TnHpet *
tn_hpet_new(const TnPlatform *platform)
{
    TnHpet *self = g_object_new(TN_TYPE_HPET, NULL);

    tn_device_set_platform(TN_DEVICE(self), platform);
    return self;
}

static void
take_line(TnHpet *self, Gate *gate, TnIrqLine *line)
{
    gate->hpet = self;
    gate->below = *line;
    *line = (TnIrqLine){ .handler = gate_set, .opaque = gate, .n = line->n };
}

static gboolean
tn_hpet_realize(TnDevice *device, GError **error)
{
    TnHpet *self = TN_HPET(device);
    const TnPlatform *p = tn_device_get_platform(device);

    self->clock = p->clock;
    for (unsigned i = 0; i < NUM_TIMERS; i++) {
        Comparator *t = &self->timers[i];

        *t = (Comparator){ .hpet = self, .index = i, .value = G_MAXUINT64 };
        t->timer = tn_timer_new(p->clock, timer_due, t);
    }
    take_line(self, &self->pit_gate, &p->isa_irqs[PIT_IRQ]);
    take_line(self, &self->rtc_gate, &p->isa_irqs[RTC_IRQ]);
    tn_memory_region_init_io(&self->mmio, p->memory, G_OBJECT(self), &mmio_ops, self, "hpet",
                             TN_HPET_SIZE);
    tn_memory_region_add_subregion(p->system_memory, TN_HPET_BASE, &self->mmio);
    return TRUE;
}

static void
tn_hpet_unrealize(TnDevice *device)
{
    TnHpet *self = TN_HPET(device);
    const TnPlatform *p = tn_device_get_platform(device);

    tn_memory_region_del_subregion(p->system_memory, &self->mmio);
    tn_memory_synchronize(p->memory);
    tn_memory_region_done(&self->mmio);
    for (unsigned i = 0; i < NUM_TIMERS; i++) {
        g_clear_pointer(&self->timers[i].timer, tn_timer_free);
    }
    p->isa_irqs[PIT_IRQ] = self->pit_gate.below;
    p->isa_irqs[RTC_IRQ] = self->rtc_gate.below;
}

static void
tn_hpet_reset(TnDevice *device)
{
    TnHpet *self = TN_HPET(device);

    g_mutex_lock(&self->lock);
    for (unsigned i = 0; i < NUM_TIMERS; i++) {
        Comparator *t = &self->timers[i];

        write_timer_config_locked(self, t, 0);
        t->value = G_MAXUINT64;
        t->period = 0;
        t->waiting = false;
    }
    self->status = 0;
    write_config_locked(self, 0);
    self->counter = 0;
    g_mutex_unlock(&self->lock);
}

static void
tn_hpet_finalize(GObject *object)
{
    g_mutex_clear(&TN_HPET(object)->lock);
    G_OBJECT_CLASS(tn_hpet_parent_class)->finalize(object);
}

#define TIMER_FIELDS(n) \
    TN_STATE_FIELD(TN_STATE_U64, TnHpet, timers[n].config), \
        TN_STATE_FIELD(TN_STATE_U64, TnHpet, timers[n].value), \
        TN_STATE_FIELD(TN_STATE_U64, TnHpet, timers[n].period), \
        TN_STATE_FIELD(TN_STATE_BOOL, TnHpet, timers[n].waiting)

static gboolean
post_load(void *opaque, unsigned version, GError **error)
{
    TnHpet *self = opaque;

    self->config &= CONFIG_WRITABLE;
    for (unsigned i = 0; i < NUM_TIMERS; i++) {
        self->timers[i].config &= TIMER_WRITABLE;
    }
    return TRUE;
}

static const TnStateField state_fields[] = {
    TN_STATE_FIELD(TN_STATE_U64, TnHpet, config),
    TN_STATE_FIELD(TN_STATE_U64, TnHpet, status),
    TN_STATE_FIELD(TN_STATE_U64, TnHpet, counter),
    TN_STATE_FIELD(TN_STATE_U64, TnHpet, counter_base),
    TIMER_FIELDS(0),
    TIMER_FIELDS(1),
    TIMER_FIELDS(2),
    TN_STATE_END,
};

static const TnStateTable state_table = {
    .name = "hpet",
    .version = 1,
    .fields = state_fields,
    .post_load = post_load,
};

static void
tn_hpet_class_init(TnHpetClass *klass)
{
    TnObjectClass *tn_class = TN_OBJECT_CLASS(klass);
    TnDeviceClass *device_class = TN_DEVICE_CLASS(klass);

    G_OBJECT_CLASS(klass)->finalize = tn_hpet_finalize;
    tn_class->type_name = "hpet";
    tn_class->description = "High precision event timer";
    device_class->realize = tn_hpet_realize;
    device_class->unrealize = tn_hpet_unrealize;
    device_class->reset = tn_hpet_reset;
    device_class->state = &state_table;
}

static void
tn_hpet_init(TnHpet *self)
{
    g_mutex_init(&self->lock);
}
