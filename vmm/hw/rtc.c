/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * MC146818 real-time clock and CMOS memory. Spec: Motorola MC146818 data sheet;
 * docs/specs/rtc.md.
 *
 * Nothing ticks: time registers and flags are computed from the host's clock when
 * they are read, and timers run only for interrupts that the guest enabled.
 *
 * Locks: @lock covers all state; timers take it on the main thread, ports on
 * vCPU threads.
 */
#include "vmm/hw/rtc.h"

#include "vmm/core/clock.h"
#include "vmm/core/events.h"
#include "vmm/core/irq-line.h"
#include "vmm/core/run-state.h"
#include "vmm/hw/rtc-time.h"
#include "vmm/memory/region.h"

#include <time.h>

#define TN_RTC_PORT 0x70 /* index, data */
#define TN_RTC_IRQ 8

enum {
    TN_RTC_REG_SECOND = 0x00,
    TN_RTC_REG_SECOND_ALARM = 0x01,
    TN_RTC_REG_MINUTE = 0x02,
    TN_RTC_REG_MINUTE_ALARM = 0x03,
    TN_RTC_REG_HOUR = 0x04,
    TN_RTC_REG_HOUR_ALARM = 0x05,
    TN_RTC_REG_WEEKDAY = 0x06,
    TN_RTC_REG_DAY = 0x07,
    TN_RTC_REG_MONTH = 0x08,
    TN_RTC_REG_YEAR = 0x09,
    TN_RTC_REG_A = 0x0a,
    TN_RTC_REG_B = 0x0b,
    TN_RTC_REG_C = 0x0c,
    TN_RTC_REG_D = 0x0d,
    TN_RTC_REG_CENTURY = 0x32,
    TN_RTC_NUM_REGS = 0x80,
};

/* CMOS bytes by convention of PC firmware. */
enum {
    TN_RTC_CMOS_BASE_MEMORY = 0x15,
    TN_RTC_CMOS_EXTENDED_MEMORY = 0x17,
    TN_RTC_CMOS_EXTENDED_MEMORY_2 = 0x30,
    TN_RTC_CMOS_ABOVE_16M = 0x34,
    TN_RTC_CMOS_ABOVE_4G = 0x5b,
};

#define TN_RTC_A_UIP 0x80
#define TN_RTC_A_DIVIDER 0x70
#define TN_RTC_A_DIVIDER_32K 0x20
#define TN_RTC_A_DIVIDER_RESET 0x60 /* 11x */
#define TN_RTC_A_RATE 0x0f
#define TN_RTC_A_RESET 0x26

#define TN_RTC_B_SET 0x80
#define TN_RTC_B_UIE 0x10 /* PIE, AIE, UIE lie where C has PF, AF, UF */
#define TN_RTC_B_AIE 0x20
#define TN_RTC_B_PIE 0x40
#define TN_RTC_B_SQWE 0x08
#define TN_RTC_B_BINARY 0x04
#define TN_RTC_B_24H 0x02
#define TN_RTC_B_RESET TN_RTC_B_24H

#define TN_RTC_C_UF 0x10
#define TN_RTC_C_AF 0x20
#define TN_RTC_C_PF 0x40
#define TN_RTC_C_FLAGS 0x70
#define TN_RTC_C_IRQF 0x80

#define TN_RTC_D_VALID 0x80

/* An alarm register from 0xc0 on matches anything. */
#define TN_RTC_ALARM_ANY 0xc0

#define NS_PER_SECOND G_GINT64_CONSTANT(1000000000)
/* The chip's own clock, in whose ticks guest time is counted here: 64 bits hold any
 * year that the registers can spell, and a second is a shift. */
#define TN_RTC_HZ_SHIFT 15
#define TN_RTC_HZ (G_GINT64_CONSTANT(1) << TN_RTC_HZ_SHIFT)
/* UIP is up for so many ticks, 244 us, before the registers change (data sheet, tBUC). */
#define TN_RTC_UIP_TICKS 8
/* RTC_CHANGE at most so often, however often the guest sets its clock. */
#define TN_RTC_CHANGE_PERIOD_NS NS_PER_SECOND

struct _TnRtc {
    TnDevice parent_instance;

    TnRtcConfig config;
    TnMemoryRegion io;
    const TnIrqLine *irq_line;
    TnClock *clock;
    clockid_t clock_id; /* the driving clock's, unless that is virtual time */
    gint64 base_offset; /* of "-rtc base"; what RTC_CHANGE counts from */

    GMutex lock;
    /* All below: under lock. */
    TnTimer *periodic_timer;
    TnTimer *second_timer; /* update and alarm */
    TnTimer *change_timer;
    gint64 change_told_ns;
    gint64 offset;      /* guest's time minus the driving clock's, in ticks */
    gint64 seen_second; /* UF and AF are up to date for it */
    gint64 seen_tick;   /* PF likewise, in periods */
    /* The time registers of the last second that was read, good for so long from there on in
     * the driving clock's time; 0: for nothing. */
    guint8 shown[TN_RTC_REG_CENTURY + 1];
    gint64 shown_from_ns;
    guint64 shown_for_ns;
    bool irq_level;
    guint8 index;
    guint8 regs[TN_RTC_NUM_REGS]; /* time registers: only while the clock is held */
};

G_DEFINE_FINAL_TYPE(TnRtc, tn_rtc, TN_TYPE_DEVICE)

static gint64
seconds_to_ticks(gint64 second)
{
    return second * TN_RTC_HZ;
}

static gint64
ns_to_ticks(gint64 ns)
{
    return ns / NS_PER_SECOND * TN_RTC_HZ + ns % NS_PER_SECOND * TN_RTC_HZ / NS_PER_SECOND;
}

/* The first nanosecond of a tick; @ticks up to days. */
static gint64
ticks_to_ns(gint64 ticks)
{
    return ticks / TN_RTC_HZ * NS_PER_SECOND +
           (ticks % TN_RTC_HZ * NS_PER_SECOND + TN_RTC_HZ - 1) / TN_RTC_HZ;
}

static gint64
to_seconds(gint64 ticks)
{
    return ticks >> TN_RTC_HZ_SHIFT;
}

static gint64
fraction(gint64 ticks)
{
    return ticks & (TN_RTC_HZ - 1);
}

static gint64
virtual_ticks(const TnRtc *self)
{
    return ns_to_ticks(tn_clock_now_ns(self->clock));
}

/* Inlined: reading the time is what guests do most here. */
static inline gint64
driving_clock_ns(const TnRtc *self)
{
    struct timespec ts;

    if (G_UNLIKELY(self->config.clock == TN_RTC_CLOCK_VM)) {
        return tn_clock_now_ns(self->clock);
    }
    clock_gettime(self->clock_id, &ts);
    return (gint64)ts.tv_sec * NS_PER_SECOND + ts.tv_nsec;
}

static gint64
driving_clock_ticks(const TnRtc *self)
{
    return ns_to_ticks(driving_clock_ns(self));
}

static gint64
guest_ticks(const TnRtc *self)
{
    return driving_clock_ticks(self) + self->offset;
}

/* The time registers stand while the guest sets them. */
static bool
is_held(const TnRtc *self)
{
    return (self->regs[TN_RTC_REG_B] & TN_RTC_B_SET) ||
           (self->regs[TN_RTC_REG_A] & TN_RTC_A_DIVIDER_RESET) == TN_RTC_A_DIVIDER_RESET;
}

#define BIT(n) (G_GUINT64_CONSTANT(1) << (n))

static bool
is_time_reg(guint8 index)
{
    const guint64 time_regs = BIT(TN_RTC_REG_SECOND) | BIT(TN_RTC_REG_MINUTE) |
                              BIT(TN_RTC_REG_HOUR) | BIT(TN_RTC_REG_WEEKDAY) |
                              BIT(TN_RTC_REG_DAY) | BIT(TN_RTC_REG_MONTH) |
                              BIT(TN_RTC_REG_YEAR) | BIT(TN_RTC_REG_CENTURY);

    return index < 64 && (time_regs & BIT(index));
}

/* Spells @second into @regs in the form that B asks for. */
static void
spell_time(const TnRtc *self, gint64 second, guint8 *regs)
{
    gboolean binary = (self->regs[TN_RTC_REG_B] & TN_RTC_B_BINARY) != 0;
    TnRtcTime t;

    tn_rtc_time_from_seconds(second, &t);
    regs[TN_RTC_REG_SECOND] = tn_rtc_encode(t.second, binary);
    regs[TN_RTC_REG_MINUTE] = tn_rtc_encode(t.minute, binary);
    regs[TN_RTC_REG_HOUR] =
        tn_rtc_encode_hour(t.hour, binary, self->regs[TN_RTC_REG_B] & TN_RTC_B_24H);
    regs[TN_RTC_REG_WEEKDAY] = tn_rtc_encode(t.weekday, binary);
    regs[TN_RTC_REG_DAY] = tn_rtc_encode(t.day, binary);
    regs[TN_RTC_REG_MONTH] = tn_rtc_encode(t.month, binary);
    regs[TN_RTC_REG_YEAR] = tn_rtc_encode((guint8)(t.year % 100), binary);
    regs[TN_RTC_REG_CENTURY] = tn_rtc_encode((guint8)(t.year / 100), binary);
}

/* Spells the second that holds @now_ns of the driving clock, and for how long it is good. */
static void __attribute__((noinline))
show_time(TnRtc *self, gint64 now_ns)
{
    gint64 second = to_seconds(ns_to_ticks(now_ns) + self->offset);

    spell_time(self, second, self->shown);
    self->shown_from_ns = ticks_to_ns(seconds_to_ticks(second) - self->offset);
    self->shown_for_ns =
        (guint64)(ticks_to_ns(seconds_to_ticks(second + 1) - self->offset) - self->shown_from_ns);
}

/* The clock, its form or whether it is held changes. */
static void
forget_shown(TnRtc *self)
{
    self->shown_for_ns = 0;
}

/* Guests read all of the time registers in a row. */
static inline guint8
read_time_reg(TnRtc *self, guint8 index)
{
    gint64 now_ns = driving_clock_ns(self);

    if (G_UNLIKELY((guint64)(now_ns - self->shown_from_ns) >= self->shown_for_ns)) {
        if (is_held(self)) {
            return self->regs[index];
        }
        show_time(self, now_ns);
    }
    return self->shown[index];
}

static void
latch_time(TnRtc *self)
{
    spell_time(self, to_seconds(guest_ticks(self)), self->regs);
}

/* The time that the latched registers spell. */
static gint64
latched_seconds(const TnRtc *self)
{
    gboolean binary = (self->regs[TN_RTC_REG_B] & TN_RTC_B_BINARY) != 0;
    const guint8 *regs = self->regs;
    TnRtcTime t = {
        .second = tn_rtc_decode(regs[TN_RTC_REG_SECOND], binary),
        .minute = tn_rtc_decode(regs[TN_RTC_REG_MINUTE], binary),
        .hour = tn_rtc_decode_hour(regs[TN_RTC_REG_HOUR], binary,
                                   regs[TN_RTC_REG_B] & TN_RTC_B_24H),
        .day = tn_rtc_decode(regs[TN_RTC_REG_DAY], binary),
        .month = tn_rtc_decode(regs[TN_RTC_REG_MONTH], binary),
        .year = (guint16)(tn_rtc_decode(regs[TN_RTC_REG_CENTURY], binary) * 100 +
                          tn_rtc_decode(regs[TN_RTC_REG_YEAR], binary)),
    };

    return tn_rtc_time_to_seconds(&t);
}

/* The clock goes on from what is latched, @ticks into that second. */
static void
set_time(TnRtc *self, gint64 ticks)
{
    gint64 second = latched_seconds(self);
    gint64 now = tn_clock_now_ns(self->clock);

    self->offset = seconds_to_ticks(second) + ticks - driving_clock_ticks(self);
    forget_shown(self);
    self->seen_second = second;
    tn_timer_arm(self->change_timer, MAX(now, self->change_told_ns + TN_RTC_CHANGE_PERIOD_NS));
}

static bool
alarm_field_matches(TnRtc *self, guint8 reg, guint8 value)
{
    gboolean binary = (self->regs[TN_RTC_REG_B] & TN_RTC_B_BINARY) != 0;
    guint8 alarm = self->regs[reg];

    if (alarm >= TN_RTC_ALARM_ANY) {
        return true;
    }
    if (reg == TN_RTC_REG_HOUR_ALARM) {
        return tn_rtc_decode_hour(alarm, binary, self->regs[TN_RTC_REG_B] & TN_RTC_B_24H) == value;
    }
    return tn_rtc_decode(alarm, binary) == value;
}

/* The first second after @second at which the alarm matches; G_MAXINT64: never. */
static gint64
next_alarm(TnRtc *self, gint64 second)
{
    gint64 end = second + 24 * 3600 + 1;

    for (gint64 t = second + 1; t <= end;) {
        TnRtcTime time;

        tn_rtc_time_from_seconds(t, &time);
        if (!alarm_field_matches(self, TN_RTC_REG_HOUR_ALARM, time.hour)) {
            t += 3600 - time.minute * 60 - time.second;
        } else if (!alarm_field_matches(self, TN_RTC_REG_MINUTE_ALARM, time.minute)) {
            t += 60 - time.second;
        } else if (!alarm_field_matches(self, TN_RTC_REG_SECOND_ALARM, time.second)) {
            t++;
        } else {
            return t;
        }
    }
    return G_MAXINT64;
}

/* Length of the periodic interrupt in ticks of 32768 Hz; 0: off (data sheet, table 5). */
static gint64
period_ticks(const TnRtc *self)
{
    unsigned rate = self->regs[TN_RTC_REG_A] & TN_RTC_A_RATE;

    if (rate == 0 || (self->regs[TN_RTC_REG_A] & TN_RTC_A_DIVIDER) != TN_RTC_A_DIVIDER_32K) {
        return 0;
    }
    return rate <= 2 ? G_GINT64_CONSTANT(1) << (rate + 6) : G_GINT64_CONSTANT(1) << (rate - 1);
}

static void
update_irq(TnRtc *self)
{
    guint8 *c = &self->regs[TN_RTC_REG_C];
    bool level = (*c & self->regs[TN_RTC_REG_B] & TN_RTC_C_FLAGS) != 0;

    *c = level ? *c | TN_RTC_C_IRQF : *c & ~TN_RTC_C_IRQF;
    if (level != self->irq_level) {
        self->irq_level = level;
        tn_irq_set(self->irq_line, level);
    }
}

/* An alarm that interrupts also ends a sleep. */
static void
wake_guest(TnRtc *self)
{
    const TnPlatform *platform = tn_device_get_platform(TN_DEVICE(self));

    if ((self->regs[TN_RTC_REG_B] & TN_RTC_B_AIE) && platform->run_state) {
        tn_run_state_request_wakeup(platform->run_state, TN_WAKEUP_RTC);
    }
}

/* Brings the flags in C up to now. */
static void
catch_up(TnRtc *self)
{
    gint64 period = period_ticks(self);
    gint64 second = to_seconds(guest_ticks(self));
    guint8 *c = &self->regs[TN_RTC_REG_C];

    if (!is_held(self) && second != self->seen_second) {
        *c |= TN_RTC_C_UF;
        /* Backwards, or far ahead: the host's clock was set; the alarm counts from there. */
        if (second > self->seen_second && next_alarm(self, self->seen_second) <= second) {
            *c |= TN_RTC_C_AF;
            wake_guest(self);
        }
        self->seen_second = second;
    }
    if (period > 0 && virtual_ticks(self) / period != self->seen_tick) {
        *c |= TN_RTC_C_PF;
        self->seen_tick = virtual_ticks(self) / period;
    }
    update_irq(self);
}

/* Forgets what happened before: new settings count from now. */
static void
restart_flags(TnRtc *self)
{
    gint64 period = period_ticks(self);

    self->seen_second = to_seconds(guest_ticks(self));
    self->seen_tick = period > 0 ? virtual_ticks(self) / period : 0;
}

/* Arms the timers for what is enabled and not pending yet: an interrupt that the
 * guest does not answer costs nothing. */
static void
arm_timers(TnRtc *self)
{
    guint8 wanted = self->regs[TN_RTC_REG_B] & ~self->regs[TN_RTC_REG_C] & TN_RTC_C_FLAGS;
    gint64 period = period_ticks(self);
    gint64 now = guest_ticks(self);
    gint64 due = G_MAXINT64;

    if ((wanted & TN_RTC_B_PIE) && period > 0) {
        tn_timer_arm(self->periodic_timer,
                     ticks_to_ns((virtual_ticks(self) / period + 1) * period));
    } else {
        tn_timer_disarm(self->periodic_timer);
    }

    if (!is_held(self) && (wanted & TN_RTC_B_UIE)) {
        due = to_seconds(now) + 1;
    } else if (!is_held(self) && (wanted & TN_RTC_B_AIE)) {
        due = next_alarm(self, to_seconds(now));
    }
    if (due != G_MAXINT64) {
        tn_timer_arm(self->second_timer, tn_clock_now_ns(self->clock) +
                                             ticks_to_ns(seconds_to_ticks(due) - now));
    } else {
        tn_timer_disarm(self->second_timer);
    }
}

static void
on_timer(void *opaque)
{
    TnRtc *self = opaque;

    g_mutex_lock(&self->lock);
    catch_up(self);
    arm_timers(self);
    g_mutex_unlock(&self->lock);
}

/* Tells how far the guest's clock is from "-rtc base" now. */
static void
on_change_timer(void *opaque)
{
    TnRtc *self = opaque;
    const TnPlatform *platform = tn_device_get_platform(TN_DEVICE(self));
    g_autofree char *path = tn_object_get_path(TN_OBJECT(self));
    json_object *data = json_object_new_object();
    gint64 difference;

    g_mutex_lock(&self->lock);
    self->change_told_ns = tn_clock_now_ns(self->clock);
    difference = self->offset - self->base_offset;
    g_mutex_unlock(&self->lock);

    /* Rounded: the guest sets whole seconds. */
    json_object_object_add(data, "offset",
                           json_object_new_int64(to_seconds(difference + TN_RTC_HZ / 2)));
    json_object_object_add(data, "qom-path", json_object_new_string(path ? path : ""));
    tn_events_emit(platform->events, "RTC_CHANGE", data);
}

static guint8
read_reg(TnRtc *self, guint8 index)
{
    guint8 value;

    if (is_time_reg(index)) {
        return read_time_reg(self, index);
    }
    switch (index) {
    case TN_RTC_REG_A:
        value = self->regs[index];
        if (!is_held(self) && fraction(guest_ticks(self)) >= TN_RTC_HZ - TN_RTC_UIP_TICKS) {
            value |= TN_RTC_A_UIP;
        }
        return value;
    case TN_RTC_REG_C:
        catch_up(self);
        value = self->regs[index];
        self->regs[index] = 0;
        update_irq(self);
        arm_timers(self);
        return value;
    default:
        return self->regs[index];
    }
}

/* A or B changes, and with them maybe whether the clock is held. */
static void
write_control(TnRtc *self, guint8 index, guint8 value)
{
    bool was_held = is_held(self);
    bool was_divider = (self->regs[TN_RTC_REG_A] & TN_RTC_A_DIVIDER_RESET) ==
                       TN_RTC_A_DIVIDER_RESET;
    gint64 period = period_ticks(self);

    catch_up(self);
    if (!was_held) {
        /* In the form that holds before the change. */
        latch_time(self);
    }
    self->regs[index] = value;
    forget_shown(self);
    if (was_held && !is_held(self)) {
        /* The first update comes half a second after the divider's release; it
         * goes on counting through SET (data sheet, "divider control"). */
        set_time(self, was_divider ? TN_RTC_HZ / 2 : fraction(guest_ticks(self)));
    }
    if (period_ticks(self) != period || was_held != is_held(self)) {
        restart_flags(self);
    }
    update_irq(self);
    arm_timers(self);
}

static void
write_reg(TnRtc *self, guint8 index, guint8 value)
{
    switch (index) {
    case TN_RTC_REG_A:
        write_control(self, index, value & ~TN_RTC_A_UIP);
        break;
    case TN_RTC_REG_B:
        write_control(self, index, value & TN_RTC_B_SET ? value & ~TN_RTC_B_UIE : value);
        break;
    case TN_RTC_REG_C:
    case TN_RTC_REG_D:
        break;
    case TN_RTC_REG_SECOND_ALARM:
    case TN_RTC_REG_MINUTE_ALARM:
    case TN_RTC_REG_HOUR_ALARM:
        catch_up(self);
        self->regs[index] = value;
        arm_timers(self);
        break;
    default:
        if (is_time_reg(index) && !is_held(self)) {
            catch_up(self);
            latch_time(self);
            self->regs[index] = value;
            set_time(self, fraction(guest_ticks(self)));
            arm_timers(self);
        } else {
            self->regs[index] = value;
        }
    }
}

static uint64_t
rtc_read(void *opaque, uint64_t addr, unsigned size)
{
    TnRtc *self = opaque;
    guint8 value;

    if (addr == 0) {
        return 0xff; /* the index port is write-only */
    }
    g_mutex_lock(&self->lock);
    value = read_reg(self, self->index);
    g_mutex_unlock(&self->lock);
    return value;
}

static void
rtc_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    TnRtc *self = opaque;

    g_mutex_lock(&self->lock);
    if (addr == 0) {
        self->index = (guint8)value & (TN_RTC_NUM_REGS - 1); /* bit 7 masks NMI */
    } else {
        write_reg(self, self->index, (guint8)value);
    }
    g_mutex_unlock(&self->lock);
}

static const TnMemoryRegionOps rtc_ops = {
    .read = rtc_read,
    .write = rtc_write,
    .valid = { .min = 1, .max = 4, .unaligned = true },
    .impl = { .min = 1, .max = 1 },
};

TnRtc *
tn_rtc_new(const TnPlatform *platform, const TnRtcConfig *config)
{
    TnRtc *self = g_object_new(TN_TYPE_RTC, NULL);

    if (config) {
        self->config = *config;
    }
    tn_device_set_platform(TN_DEVICE(self), platform);
    return self;
}

void
tn_rtc_set_cmos(TnRtc *self, guint8 index, guint8 value)
{
    g_return_if_fail(index > TN_RTC_REG_D && index < TN_RTC_NUM_REGS && !is_time_reg(index));

    g_mutex_lock(&self->lock);
    self->regs[index] = value;
    g_mutex_unlock(&self->lock);
}

guint8
tn_rtc_get_cmos(TnRtc *self, guint8 index)
{
    guint8 value;

    g_return_val_if_fail(index < TN_RTC_NUM_REGS, 0xff);

    g_mutex_lock(&self->lock);
    value = self->regs[index];
    g_mutex_unlock(&self->lock);
    return value;
}

static void
set_cmos_number(TnRtc *self, guint8 index, guint64 value, unsigned bytes)
{
    guint64 largest = (G_GUINT64_CONSTANT(1) << (8 * bytes)) - 1;
    guint64 shown = MIN(value, largest);

    for (unsigned i = 0; i < bytes; i++) {
        tn_rtc_set_cmos(self, (guint8)(index + i), (guint8)(shown >> (8 * i)));
    }
}

void
tn_rtc_set_memory(TnRtc *self, guint64 below_4g, guint64 above_4g)
{
    guint64 mib = 1 << 20;
    guint64 extended_kib = below_4g > mib ? (below_4g - mib) >> 10 : 0;
    guint64 above_16m = below_4g > 16 * mib ? below_4g - 16 * mib : 0;

    set_cmos_number(self, TN_RTC_CMOS_BASE_MEMORY, 640, 2);
    set_cmos_number(self, TN_RTC_CMOS_EXTENDED_MEMORY, extended_kib, 2);
    set_cmos_number(self, TN_RTC_CMOS_EXTENDED_MEMORY_2, extended_kib, 2);
    set_cmos_number(self, TN_RTC_CMOS_ABOVE_16M, above_16m >> 16, 2);
    set_cmos_number(self, TN_RTC_CMOS_ABOVE_4G, above_4g >> 16, 3);
}

/* Guest's time minus the driving clock's, as "-rtc base" wants it at start. */
static gint64
start_offset(const TnRtc *self)
{
    time_t now = time(NULL);
    gint64 start = CLAMP(self->config.start, TN_RTC_TIME_FIRST, TN_RTC_TIME_LAST);
    gint64 utc_offset = 0;
    struct tm tm;

    if (self->config.base == TN_RTC_BASE_DATETIME) {
        return seconds_to_ticks(start) - driving_clock_ticks(self);
    }
    if (self->config.base == TN_RTC_BASE_LOCALTIME && localtime_r(&now, &tm)) {
        utc_offset = tm.tm_gmtoff;
    }
    if (self->config.clock == TN_RTC_CLOCK_HOST) {
        return seconds_to_ticks(utc_offset);
    }
    return seconds_to_ticks(now + utc_offset) - driving_clock_ticks(self);
}

/* The RESET# pin: interrupts off; time, alarm and CMOS memory live on a battery. */
static void
tn_rtc_reset(TnDevice *device)
{
    TnRtc *self = TN_RTC(device);

    g_mutex_lock(&self->lock);
    self->index = 0;
    self->regs[TN_RTC_REG_B] &=
        (guint8) ~(TN_RTC_B_PIE | TN_RTC_B_AIE | TN_RTC_B_UIE | TN_RTC_B_SQWE);
    self->regs[TN_RTC_REG_C] = 0;
    restart_flags(self);
    update_irq(self);
    arm_timers(self);
    g_mutex_unlock(&self->lock);
}

static gboolean
tn_rtc_realize(TnDevice *device, GError **error)
{
    TnRtc *self = TN_RTC(device);
    const TnPlatform *platform = tn_device_get_platform(device);

    self->irq_line = platform->isa_irqs ? &platform->isa_irqs[TN_RTC_IRQ] : NULL;
    self->clock = platform->clock;
    self->clock_id = self->config.clock == TN_RTC_CLOCK_RT ? CLOCK_MONOTONIC : CLOCK_REALTIME;
    self->periodic_timer = tn_timer_new(platform->clock, on_timer, self);
    self->second_timer = tn_timer_new(platform->clock, on_timer, self);
    self->change_timer = tn_timer_new(platform->clock, on_change_timer, self);
    self->change_told_ns = -TN_RTC_CHANGE_PERIOD_NS;
    self->base_offset = start_offset(self);
    self->offset = self->base_offset;
    self->regs[TN_RTC_REG_A] = TN_RTC_A_RESET;
    self->regs[TN_RTC_REG_B] = TN_RTC_B_RESET;
    self->regs[TN_RTC_REG_D] = TN_RTC_D_VALID;
    tn_rtc_reset(device);

    tn_memory_region_init_io(&self->io, platform->memory, G_OBJECT(self), &rtc_ops, self, "rtc",
                             2);
    tn_memory_region_add_subregion(platform->system_io, TN_RTC_PORT, &self->io);
    return TRUE;
}

static void
tn_rtc_unrealize(TnDevice *device)
{
    TnRtc *self = TN_RTC(device);
    const TnPlatform *platform = tn_device_get_platform(device);

    tn_memory_region_del_subregion(platform->system_io, &self->io);
    tn_memory_synchronize(platform->memory);
    g_clear_pointer(&self->periodic_timer, tn_timer_free);
    g_clear_pointer(&self->second_timer, tn_timer_free);
    g_clear_pointer(&self->change_timer, tn_timer_free);
    tn_irq_lower(self->irq_line);
    tn_memory_region_done(&self->io);
}

static void
tn_rtc_finalize(GObject *object)
{
    g_mutex_clear(&TN_RTC(object)->lock);
    G_OBJECT_CLASS(tn_rtc_parent_class)->finalize(object);
}

static const TnStateField state_fields[] = {
    TN_STATE_FIELD(TN_STATE_U64, TnRtc, offset),
    TN_STATE_FIELD(TN_STATE_U8, TnRtc, index),
    TN_STATE_ARRAY(TN_STATE_BYTES, TnRtc, regs, TN_RTC_NUM_REGS),
    TN_STATE_END,
};

static gboolean
state_post_load(void *opaque, unsigned version, GError **error)
{
    TnRtc *self = opaque;
    gint64 furthest = seconds_to_ticks(TN_RTC_TIME_LAST);

    self->offset = CLAMP(self->offset, -furthest, furthest);
    self->index &= TN_RTC_NUM_REGS - 1;
    forget_shown(self);
    self->regs[TN_RTC_REG_A] &= ~TN_RTC_A_UIP;
    self->regs[TN_RTC_REG_C] &= TN_RTC_C_FLAGS;
    self->regs[TN_RTC_REG_D] = TN_RTC_D_VALID;
    restart_flags(self);
    update_irq(self);
    arm_timers(self);
    return TRUE;
}

static const TnStateTable state_table = {
    .name = "mc146818rtc",
    .version = 1,
    .fields = state_fields,
    .post_load = state_post_load,
};

static void
tn_rtc_class_init(TnRtcClass *klass)
{
    TnObjectClass *tn_class = TN_OBJECT_CLASS(klass);
    TnDeviceClass *device_class = TN_DEVICE_CLASS(klass);

    G_OBJECT_CLASS(klass)->finalize = tn_rtc_finalize;
    tn_class->type_name = "mc146818rtc";
    tn_class->description = "Real-time clock";
    device_class->bus = "ISA";
    device_class->realize = tn_rtc_realize;
    device_class->unrealize = tn_rtc_unrealize;
    device_class->reset = tn_rtc_reset;
    device_class->state = &state_table;
}

static void
tn_rtc_init(TnRtc *self)
{
    g_mutex_init(&self->lock);
}
