/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Intel 8254, "Operational description" and "Mode definitions". */
#include "vmm/hw/i8254-counter.h"

#define NS_PER_SECOND 1000000000

#define STATUS_OUT 0x80
#define STATUS_NULL 0x40

static gboolean
is_periodic(const TnI8254Counter *self)
{
    return self->mode == 2 || self->mode == 3;
}

/* Modes 1 and 5 start at a trigger, a rising gate. */
static gboolean
is_triggered(const TnI8254Counter *self)
{
    return self->mode == 1 || self->mode == 5;
}

static guint64
to_ticks(gint64 ns)
{
    return ns <= 0 ? 0 : (guint64)((__uint128_t)ns * TN_I8254_HZ / NS_PER_SECOND);
}

/* The first nanosecond at which @ticks have passed. */
static gint64
to_ns(guint64 ticks)
{
    return (gint64)(((__uint128_t)ticks * NS_PER_SECOND + TN_I8254_HZ - 1) / TN_I8254_HZ);
}

/* Clock pulses counted since the count was loaded. In modes 0 and 4 the gate holds it. */
static guint64
elapsed(const TnI8254Counter *self, gint64 now)
{
    gboolean held = !self->gate && !is_triggered(self);

    return to_ticks((held ? self->gate_low_ns : now) - self->load_ns);
}

/* Pulses of mode 3's first half, in which OUT is high; it is one longer when N is odd. */
static guint64
high_half(guint64 n)
{
    return (n + 1) / 2;
}

/* Loads what was written if its time has come. */
static void
load_due(TnI8254Counter *self, gint64 now)
{
    if (self->next_count != 0 && is_periodic(self) && self->counting && self->gate &&
        now >= self->next_load_ns) {
        self->count = self->next_count;
        self->next_count = 0;
        self->load_ns = self->next_load_ns;
    }
}

static void
load(TnI8254Counter *self, guint32 count, gint64 now)
{
    self->count = count;
    self->next_count = 0;
    self->load_ns = now;
    self->gate_low_ns = now;
    self->counting = TRUE;
}

/* "Write operations": when a complete count has come. */
static void
take_count(TnI8254Counter *self, guint16 raw, gint64 now)
{
    guint32 count = raw;

    if (self->bcd) {
        count = (raw >> 12) * 1000u + (raw >> 8 & 15) * 100u + (raw >> 4 & 15) * 10u + (raw & 15);
    }
    if (count == 0) {
        count = self->bcd ? 10000 : 0x10000;
    }
    if (is_triggered(self)) {
        self->next_count = count;
    } else if (is_periodic(self) && self->counting) {
        guint64 done = elapsed(self, now);

        /* "Does not affect the current counting sequence". */
        self->next_count = count;
        self->next_load_ns = self->load_ns + to_ns(done - done % self->count + self->count);
    } else {
        load(self, count, now);
    }
}

void
tn_i8254_counter_control(TnI8254Counter *self, guint8 word, gint64 now)
{
    unsigned rw = word >> 4 & 3;
    unsigned mode = word >> 1 & 7;

    if (rw == TN_I8254_RW_LATCH) {
        tn_i8254_counter_latch_count(self, now);
        return;
    }
    *self = (TnI8254Counter){
        .mode = (guint8)(mode > 5 ? mode - 4 : mode), /* M2 is "don't care" in 2 and 3 */
        .rw = (guint8)rw,
        .bcd = word & 1,
        .gate = self->gate,
        .gate_low_ns = now,
        .programmed = TRUE,
    };
}

/* The counting element, as it would be read. */
static guint16
current_count(TnI8254Counter *self, gint64 now)
{
    guint64 modulus = self->bcd ? 10000 : 0x10000;
    guint64 n, done, left;

    load_due(self, now);
    n = self->count;
    if (!self->counting) {
        return 0;
    }
    done = elapsed(self, now);
    if (self->mode == 2) {
        left = n - done % n;
    } else if (self->mode == 3) {
        /* Counts by two, each half anew; an odd N loses one first. */
        guint64 phase = done % n;
        guint64 even = n & ~(guint64)1;

        left = even - 2 * (phase < high_half(n) ? phase : phase - high_half(n));
    } else {
        left = (n % modulus + modulus - done % modulus) % modulus;
    }
    left %= modulus;
    if (self->bcd) {
        left = (left / 1000 << 12) | (left / 100 % 10 << 8) | (left / 10 % 10 << 4) | left % 10;
    }
    return (guint16)left;
}

void
tn_i8254_counter_latch_count(TnI8254Counter *self, gint64 now)
{
    if (!self->latched) {
        self->latch = current_count(self, now);
        self->latched = TRUE;
    }
}

void
tn_i8254_counter_latch_status(TnI8254Counter *self, gint64 now)
{
    gboolean out = tn_i8254_counter_out(self, now);

    if (!self->status_latched) {
        self->status = (guint8)((out ? STATUS_OUT : 0) |
                                (self->next_count || !self->counting ? STATUS_NULL : 0) |
                                self->rw << 4 | self->mode << 1 | (self->bcd ? 1 : 0));
        self->status_latched = TRUE;
    }
}

void
tn_i8254_counter_write(TnI8254Counter *self, guint8 value, gint64 now)
{
    if (!self->programmed) {
        return;
    }
    load_due(self, now);
    switch (self->rw) {
    case TN_I8254_RW_LSB:
        take_count(self, value, now);
        break;
    case TN_I8254_RW_MSB:
        take_count(self, (guint16)(value << 8), now);
        break;
    default:
        if (self->write_msb) {
            take_count(self, (guint16)(value << 8 | self->written_lsb), now);
        } else {
            self->written_lsb = value;
            if (self->mode == 0) {
                self->counting = FALSE; /* "writing the first byte disables counting" */
            }
        }
        self->write_msb = !self->write_msb;
        break;
    }
}

guint8
tn_i8254_counter_read(TnI8254Counter *self, gint64 now)
{
    guint16 count;
    gboolean msb;

    if (self->status_latched) {
        self->status_latched = FALSE;
        return self->status;
    }
    count = self->latched ? self->latch : current_count(self, now);
    msb = self->rw == TN_I8254_RW_MSB || (self->rw == TN_I8254_RW_BOTH && self->read_msb);
    if (self->rw == TN_I8254_RW_BOTH) {
        self->read_msb = !self->read_msb;
        self->latched = self->latched && self->read_msb;
    } else {
        self->latched = FALSE;
    }
    return (guint8)(msb ? count >> 8 : count);
}

void
tn_i8254_counter_set_gate(TnI8254Counter *self, gboolean gate, gint64 now)
{
    load_due(self, now);
    if (gate == self->gate) {
        return;
    }
    if (!gate) {
        self->gate_low_ns = now;
    } else if (is_triggered(self)) {
        guint32 count = self->next_count ? self->next_count : self->count;

        if (self->programmed && count != 0) {
            load(self, count, now);
        }
    } else if (self->counting && is_periodic(self)) {
        load(self, self->next_count ? self->next_count : self->count, now);
    } else if (self->counting) {
        self->load_ns += now - MAX(self->gate_low_ns, self->load_ns);
    }
    self->gate = gate;
}

gboolean
tn_i8254_counter_out(TnI8254Counter *self, gint64 now)
{
    guint64 done, n;

    load_due(self, now);
    if (!self->counting) {
        return self->programmed && self->mode != 0;
    }
    done = elapsed(self, now);
    n = self->count;
    switch (self->mode) {
    case 0:
    case 1:
        return done >= n;
    case 2:
        return !self->gate || done % n != n - 1 || n == 1;
    case 3:
        return !self->gate || done % n < high_half(n);
    default:
        return done != n;
    }
}

gint64
tn_i8254_counter_next_rise(TnI8254Counter *self, gint64 after)
{
    guint64 n, done;

    load_due(self, after);
    n = self->count;
    if (!self->counting || (!self->gate && !is_triggered(self))) {
        return -1;
    }
    if (!is_periodic(self)) {
        gint64 rise = self->load_ns + to_ns(self->mode < 2 ? n : n + 1);

        return rise > after ? rise : -1;
    }
    /* The period ends, whichever count the next one has. */
    done = to_ticks(after - self->load_ns);
    return self->load_ns + to_ns(done - done % n + n);
}
