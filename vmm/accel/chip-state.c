/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * State of the chips in the kernel. KVM's own structs are the fields' place; when a counter of
 * the PIT was loaded is told as its age, as the clock of another host counts from elsewhere.
 * KVM begins counter 0's period anew when it is set.
 */
#include "vmm/accel/chip-state.h"

#include "vmm/accel/kvm-private.h"
#include "vmm/core/log.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <time.h>

#define NUM_CHIPS 3 /* two PICs, the IOAPIC */
#define NUM_PICS 2
#define NUM_COUNTERS 3

/* 82C54: six modes; access none, low, high, both; KVM's own steps of an access. */
#define MAX_MODE 5
#define NO_MODE 0xff /* KVM's, for a counter that was never programmed */
#define MAX_ACCESS 3
#define MAX_STEP 4
#define MAX_COUNT 0x10000u
#define PIT_FLAGS (KVM_PIT_FLAGS_HPET_LEGACY | KVM_PIT_FLAGS_SPEAKER_DATA_ON)
#define MAX_INIT_STATE 3 /* 8259A: ICW2, ICW3 or ICW4 is awaited, or none */

typedef struct kvm_pic_state PicState;
typedef struct kvm_ioapic_state IoapicState;
typedef struct kvm_pit_channel_state CounterState;

struct TnKvmChipState {
    TnKvm *kvm;
    struct kvm_irqchip chips[NUM_CHIPS];
    struct kvm_pit_state2 pit;
    PicState pic_states[NUM_PICS];

    /* What there is of them. */
    PicState *pics;
    guint n_pics;
    IoapicState *ioapic;
    CounterState *counters;
    guint n_counters;
};

static gint64
now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (gint64)now.tv_sec * 1000000000 + now.tv_nsec;
}

TnKvmChipState *
tn_kvm_chip_state_new(TnKvm *kvm)
{
    TnKvmChipState *self = g_new0(TnKvmChipState, 1);

    self->kvm = kvm;
    if (kvm->irqchip != TN_KVM_IRQCHIP_SPLIT) {
        self->pics = self->pic_states;
        self->n_pics = NUM_PICS;
        self->ioapic = &self->chips[NUM_PICS].chip.ioapic;
    }
    if (kvm->has_pit) {
        self->counters = self->pit.channels;
        self->n_counters = NUM_COUNTERS;
    }
    return self;
}

void
tn_kvm_chip_state_free(TnKvmChipState *self)
{
    g_free(self);
}

/* Neither call fails for a VM that has the chips. */
static void
state_pre_save(void *opaque)
{
    TnKvmChipState *self = opaque;
    gint64 now = now_ns();
    int failed = 0;

    for (unsigned i = 0; self->ioapic && i < NUM_CHIPS; i++) {
        self->chips[i].chip_id = i;
        failed |= ioctl(self->kvm->vm_fd, KVM_GET_IRQCHIP, &self->chips[i]);
    }
    for (unsigned i = 0; i < self->n_pics; i++) {
        self->pics[i] = self->chips[i].chip.pic;
    }
    if (self->n_counters) {
        failed |= ioctl(self->kvm->vm_fd, KVM_GET_PIT2, &self->pit);
    }
    for (unsigned i = 0; i < self->n_counters; i++) {
        self->counters[i].count_load_time = MAX(0, now - self->counters[i].count_load_time);
    }
    if (failed) {
        tn_log("the state of KVM's interrupt controllers cannot be read: %s", g_strerror(errno));
    }
}

static gboolean
judge_pic(const PicState *pic, unsigned which, GError **error)
{
    if (pic->init_state > MAX_INIT_STATE || pic->elcr & ~pic->elcr_mask) {
        g_set_error(error, TN_KVM_ERROR, TN_KVM_ERROR_FAILED,
                    "PIC %u cannot be at step %u of its set-up with the level mask 0x%x", which,
                    pic->init_state, pic->elcr);
        return FALSE;
    }
    return TRUE;
}

static gboolean
judge_counter(const CounterState *c, unsigned which, GError **error)
{
    if ((c->mode > MAX_MODE && c->mode != NO_MODE) || c->rw_mode > MAX_ACCESS ||
        c->read_state > MAX_STEP || c->write_state > MAX_STEP || c->count_latched > MAX_STEP ||
        c->count > MAX_COUNT || c->count_load_time < 0) {
        g_set_error(error, TN_KVM_ERROR, TN_KVM_ERROR_FAILED,
                    "PIT: counter %u cannot have mode %u, access %u, count %u", which, c->mode,
                    c->rw_mode, c->count);
        return FALSE;
    }
    return TRUE;
}

static gboolean
judge(const TnKvmChipState *self, GError **error)
{
    const IoapicState *first = &self->kvm->initial_chips[NUM_PICS].chip.ioapic;
    gboolean ok = TRUE;

    for (unsigned i = 0; i < self->n_pics && ok; i++) {
        ok = judge_pic(&self->pics[i], i, error);
    }
    for (unsigned i = 0; i < self->n_counters && ok; i++) {
        ok = judge_counter(&self->counters[i], i, error);
    }
    if (ok && self->ioapic && self->ioapic->base_address != first->base_address) {
        g_set_error(error, TN_KVM_ERROR, TN_KVM_ERROR_FAILED,
                    "the IOAPIC cannot be at 0x%" G_GINT64_MODIFIER "x",
                    (guint64)self->ioapic->base_address);
        ok = FALSE;
    }
    if (ok && self->pit.flags & ~PIT_FLAGS) {
        g_set_error(error, TN_KVM_ERROR, TN_KVM_ERROR_FAILED, "PIT: unknown flags 0x%x",
                    self->pit.flags & ~PIT_FLAGS);
        ok = FALSE;
    }
    return ok;
}

static gboolean
state_post_load(void *opaque, unsigned version, GError **error)
{
    TnKvmChipState *self = opaque;
    gint64 now = now_ns();
    struct kvm_pit_state2 pit;

    if (!judge(self, error)) {
        return FALSE;
    }
    for (unsigned i = 0; self->ioapic && i < NUM_CHIPS; i++) {
        self->chips[i].chip_id = i;
        if (i < NUM_PICS) {
            self->chips[i].chip.pic = self->pics[i];
        }
        if (ioctl(self->kvm->vm_fd, KVM_SET_IRQCHIP, &self->chips[i]) < 0) {
            return tn_kvm_set_errno(error, "KVM_SET_IRQCHIP");
        }
    }
    pit = self->pit;
    for (unsigned i = 0; i < self->n_counters; i++) {
        pit.channels[i].count_load_time = now - self->counters[i].count_load_time;
    }
    if (self->n_counters && ioctl(self->kvm->vm_fd, KVM_SET_PIT2, &pit) < 0) {
        return tn_kvm_set_errno(error, "KVM_SET_PIT2");
    }
    return TRUE;
}

static const TnStateField pic_fields[] = {
    TN_STATE_FIELD(TN_STATE_U8, PicState, last_irr),
    TN_STATE_FIELD(TN_STATE_U8, PicState, irr),
    TN_STATE_FIELD(TN_STATE_U8, PicState, imr),
    TN_STATE_FIELD(TN_STATE_U8, PicState, isr),
    TN_STATE_FIELD(TN_STATE_U8, PicState, priority_add),
    TN_STATE_FIELD(TN_STATE_U8, PicState, irq_base),
    TN_STATE_FIELD(TN_STATE_U8, PicState, read_reg_select),
    TN_STATE_FIELD(TN_STATE_U8, PicState, poll),
    TN_STATE_FIELD(TN_STATE_U8, PicState, special_mask),
    TN_STATE_FIELD(TN_STATE_U8, PicState, init_state),
    TN_STATE_FIELD(TN_STATE_U8, PicState, auto_eoi),
    TN_STATE_FIELD(TN_STATE_U8, PicState, rotate_on_auto_eoi),
    TN_STATE_FIELD(TN_STATE_U8, PicState, special_fully_nested_mode),
    TN_STATE_FIELD(TN_STATE_U8, PicState, init4),
    TN_STATE_FIELD(TN_STATE_U8, PicState, elcr),
    TN_STATE_FIELD(TN_STATE_U8, PicState, elcr_mask),
    TN_STATE_END,
};

static const TnStateTable pic_table = { .name = "kvm-i8259", .version = 1, .fields = pic_fields };

static const TnStateField ioapic_fields[] = {
    TN_STATE_FIELD(TN_STATE_U64, IoapicState, base_address),
    TN_STATE_FIELD(TN_STATE_U32, IoapicState, ioregsel),
    TN_STATE_FIELD(TN_STATE_U32, IoapicState, id),
    TN_STATE_FIELD(TN_STATE_U32, IoapicState, irr),
    TN_STATE_ARRAY(TN_STATE_U64, IoapicState, redirtbl, KVM_IOAPIC_NUM_PINS),
    TN_STATE_END,
};

static const TnStateTable ioapic_table = {
    .name = "kvm-ioapic",
    .version = 1,
    .fields = ioapic_fields,
};

static const TnStateField counter_fields[] = {
    TN_STATE_FIELD(TN_STATE_U32, CounterState, count),
    TN_STATE_FIELD(TN_STATE_U16, CounterState, latched_count),
    TN_STATE_FIELD(TN_STATE_U8, CounterState, count_latched),
    TN_STATE_FIELD(TN_STATE_U8, CounterState, status_latched),
    TN_STATE_FIELD(TN_STATE_U8, CounterState, status),
    TN_STATE_FIELD(TN_STATE_U8, CounterState, read_state),
    TN_STATE_FIELD(TN_STATE_U8, CounterState, write_state),
    TN_STATE_FIELD(TN_STATE_U8, CounterState, write_latch),
    TN_STATE_FIELD(TN_STATE_U8, CounterState, rw_mode),
    TN_STATE_FIELD(TN_STATE_U8, CounterState, mode),
    TN_STATE_FIELD(TN_STATE_U8, CounterState, bcd),
    TN_STATE_FIELD(TN_STATE_U8, CounterState, gate),
    TN_STATE_FIELD(TN_STATE_U64, CounterState, count_load_time),
    TN_STATE_END,
};

static const TnStateTable counter_table = {
    .name = "kvm-pit-counter",
    .version = 1,
    .fields = counter_fields,
};

static const TnStateField state_fields[] = {
    TN_STATE_STRUCTS(TnKvmChipState, pics, n_pics, PicState, &pic_table),
    TN_STATE_POINTER(TnKvmChipState, ioapic, &ioapic_table),
    TN_STATE_STRUCTS(TnKvmChipState, counters, n_counters, CounterState, &counter_table),
    TN_STATE_FIELD(TN_STATE_U32, TnKvmChipState, pit.flags),
    TN_STATE_END,
};

const TnStateTable tn_kvm_chip_state_table = {
    .name = "kvm-chips",
    .version = 1,
    .fields = state_fields,
    .pre_save = state_pre_save,
    .post_load = state_post_load,
};
