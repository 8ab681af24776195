/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Fixed power-management registers: ACPI 6.3, 4.8.3. docs/specs/piix4-pm.md. */
#include "vmm/acpi/pm.h"

#include "vmm/core/log.h"

#define NS_PER_S 1000000000

/* 4.8.3.3: the timer counts 24 bits; its status bit is set when bit 23 changes. */
#define TIMER_MASK 0xffffffU
#define TIMER_HALF (G_GUINT64_CONSTANT(1) << 23)

/* What the guest may enable and what it may clear. */
#define EVENT_BITS                                                                                \
    (TN_ACPI_PM1_TIMER | TN_ACPI_PM1_GLOBAL | TN_ACPI_PM1_POWER_BUTTON | TN_ACPI_PM1_RTC)

/* Control bits that keep what is written. */
#define CONTROL_BITS (TN_ACPI_PM1_BM_RLD | TN_ACPI_PM1_SLP_TYP_MASK << TN_ACPI_PM1_SLP_TYP_SHIFT)

static guint64
ticks_now(TnAcpiPm *pm)
{
    unsigned __int128 ns = (guint64)tn_clock_now_ns(pm->clock);

    return (guint64)(ns * TN_ACPI_PM_TIMER_HZ / NS_PER_S);
}

/* The first nanosecond at which the timer shows @tick. */
static gint64
tick_to_ns(guint64 tick)
{
    unsigned __int128 t = tick;

    return (gint64)((t * NS_PER_S + TN_ACPI_PM_TIMER_HZ - 1) / TN_ACPI_PM_TIMER_HZ);
}

/* Needs @lock: the next overflow after now. */
static void
forget_overflow_locked(TnAcpiPm *pm)
{
    pm->overflow_tick = (ticks_now(pm) & ~(TIMER_HALF - 1)) + TIMER_HALF;
}

/* Needs @lock. */
static guint16
status_locked(TnAcpiPm *pm)
{
    return pm->status | (ticks_now(pm) >= pm->overflow_tick ? TN_ACPI_PM1_TIMER : 0);
}

/* Needs @lock. */
static void
update_locked(TnAcpiPm *pm)
{
    guint16 status = status_locked(pm);

    if (pm->run_state) {
        tn_run_state_enable_wakeup(pm->run_state, TN_WAKEUP_RTC,
                                   (pm->enable & TN_ACPI_PM1_RTC) != 0);
        tn_run_state_enable_wakeup(pm->run_state, TN_WAKEUP_PM_TIMER,
                                   (pm->enable & TN_ACPI_PM1_TIMER) != 0);
    }
    tn_acpi_sci_set(pm->sci, TN_ACPI_SCI_PM1, (status & pm->enable & EVENT_BITS) != 0);
    if ((pm->enable & TN_ACPI_PM1_TIMER) && !(status & TN_ACPI_PM1_TIMER)) {
        tn_timer_arm(pm->alarm, tick_to_ns(pm->overflow_tick));
    } else {
        tn_timer_disarm(pm->alarm);
    }
}

void
tn_acpi_pm_update(TnAcpiPm *pm)
{
    g_mutex_lock(&pm->lock);
    update_locked(pm);
    g_mutex_unlock(&pm->lock);
}

static void
alarm_rings(void *opaque)
{
    TnAcpiPm *pm = opaque;

    tn_acpi_pm_update(pm);
    if (pm->run_state) {
        tn_run_state_request_wakeup(pm->run_state, TN_WAKEUP_PM_TIMER);
    }
}

/* @reg with the @size bytes at byte @at of it replaced by @value. */
static guint16
merge(guint16 reg, unsigned at, guint64 value, unsigned size)
{
    unsigned mask = (size == 1 ? 0xffU : 0xffffU) << (8 * at);

    return (guint16)((reg & ~mask) | ((unsigned)value << (8 * at) & mask));
}

static uint64_t
event_read(void *opaque, uint64_t addr, unsigned size)
{
    TnAcpiPm *pm = opaque;
    guint16 reg;

    g_mutex_lock(&pm->lock);
    reg = addr < TN_ACPI_PM1_ENABLE ? status_locked(pm) : pm->enable;
    g_mutex_unlock(&pm->lock);
    return (uint64_t)reg >> (8 * (addr & 1));
}

static void
event_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    TnAcpiPm *pm = opaque;

    g_mutex_lock(&pm->lock);
    if (addr < TN_ACPI_PM1_ENABLE) {
        guint16 clear = merge(0, addr & 1, value, size);

        pm->status &= (guint16)~clear;
        if (clear & TN_ACPI_PM1_TIMER) {
            forget_overflow_locked(pm);
        }
    } else {
        pm->enable = merge(pm->enable, addr & 1, value, size) & EVENT_BITS;
    }
    update_locked(pm);
    g_mutex_unlock(&pm->lock);
}

/* Splitting a dword in its two registers is the memory core's work. */
static const TnMemoryRegionOps event_ops = {
    .read = event_read,
    .write = event_write,
    .valid = { .min = 1, .max = 4 },
    .impl = { .min = 1, .max = 2 },
};

static uint64_t
control_read(void *opaque, uint64_t addr, unsigned size)
{
    TnAcpiPm *pm = opaque;
    guint16 reg;

    g_mutex_lock(&pm->lock);
    reg = pm->control_value;
    g_mutex_unlock(&pm->lock);
    return (uint64_t)reg >> (8 * addr);
}

static void
enter_sleep(TnAcpiPm *pm, unsigned type)
{
    if (type == TN_ACPI_SLP_TYP_S5) {
        tn_run_state_request_shutdown(pm->run_state, TN_SHUTDOWN_CAUSE_GUEST_SHUTDOWN);
    } else if (pm->s3 && type == TN_ACPI_SLP_TYP_S3) {
        tn_run_state_request_suspend(pm->run_state);
    } else if (pm->s4 && type == pm->s4_type) {
        tn_run_state_request_suspend_disk(pm->run_state);
    } else {
        tn_log_guest(&pm->log_count, "guest asked for sleep type %u, which the machine lacks",
                     type);
    }
}

static void
control_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    TnAcpiPm *pm = opaque;
    guint16 reg;

    g_mutex_lock(&pm->lock);
    reg = merge(pm->control_value, (unsigned)addr, value, size);
    pm->control_value = (reg & CONTROL_BITS) | TN_ACPI_PM1_SCI_EN;
    g_mutex_unlock(&pm->lock);

    if ((reg & TN_ACPI_PM1_SLP_EN) && pm->run_state) {
        enter_sleep(pm, reg >> TN_ACPI_PM1_SLP_TYP_SHIFT & TN_ACPI_PM1_SLP_TYP_MASK);
    }
}

static const TnMemoryRegionOps control_ops = {
    .read = control_read,
    .write = control_write,
    .valid = { .min = 1, .max = 2 },
    .impl = { .min = 1, .max = 2 },
};

/* Without a lock: the counter is nothing but the clock. */
static uint64_t
timer_read(void *opaque, uint64_t addr, unsigned size)
{
    return ticks_now(opaque) & TIMER_MASK;
}

static void
timer_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    /* Read-only (4.8.3.3). */
}

static const TnMemoryRegionOps timer_ops = {
    .read = timer_read,
    .write = timer_write,
    .valid = { .min = 1, .max = 4 },
    .impl = { .min = 4, .max = 4 },
};

void
tn_acpi_pm_init(TnAcpiPm *pm, const TnAcpiPmConfig *config)
{
    g_mutex_init(&pm->lock);
    pm->sci = config->sci;
    pm->clock = config->clock;
    pm->run_state = config->run_state;
    pm->s3 = config->s3;
    pm->s4 = config->s4;
    pm->s4_type = config->s4_type;
    pm->alarm = tn_timer_new(pm->clock, alarm_rings, pm);
    tn_memory_region_init(&pm->region, config->memory, NULL, "piix4-pm", TN_ACPI_PM_LENGTH);
    tn_memory_region_init_io(&pm->event, config->memory, NULL, &event_ops, pm, "acpi-evt", 4);
    tn_memory_region_init_io(&pm->control, config->memory, NULL, &control_ops, pm, "acpi-cnt", 2);
    tn_memory_region_init_io(&pm->timer, config->memory, NULL, &timer_ops, pm, "acpi-tmr", 4);
    tn_memory_region_add_subregion(&pm->region, TN_ACPI_PM1_STATUS, &pm->event);
    tn_memory_region_add_subregion(&pm->region, TN_ACPI_PM1_CONTROL, &pm->control);
    tn_memory_region_add_subregion(&pm->region, TN_ACPI_PM_TIMER, &pm->timer);
    tn_acpi_pm_reset(pm);
}

void
tn_acpi_pm_done(TnAcpiPm *pm)
{
    tn_memory_synchronize(pm->region.memory);
    tn_memory_region_del_subregion(&pm->region, &pm->event);
    tn_memory_region_del_subregion(&pm->region, &pm->control);
    tn_memory_region_del_subregion(&pm->region, &pm->timer);
    tn_memory_region_done(&pm->event);
    tn_memory_region_done(&pm->control);
    tn_memory_region_done(&pm->timer);
    tn_memory_region_done(&pm->region);
    tn_timer_free(pm->alarm);
    g_mutex_clear(&pm->lock);
}

void
tn_acpi_pm_reset(TnAcpiPm *pm)
{
    g_mutex_lock(&pm->lock);
    pm->status = 0;
    pm->enable = 0;
    /* The FADT says SMI_CMD 0: the machine is in ACPI mode and stays there (4.8.2.5). */
    pm->control_value = TN_ACPI_PM1_SCI_EN;
    forget_overflow_locked(pm);
    update_locked(pm);
    g_mutex_unlock(&pm->lock);
}

void
tn_acpi_pm_wake_up(TnAcpiPm *pm, TnWakeupReason reason)
{
    static const guint16 bits[TN_WAKEUP_LAST] = {
        [TN_WAKEUP_RTC] = TN_ACPI_PM1_RTC,
        [TN_WAKEUP_PM_TIMER] = TN_ACPI_PM1_TIMER,
        [TN_WAKEUP_OTHER] = TN_ACPI_PM1_POWER_BUTTON,
    };

    g_mutex_lock(&pm->lock);
    pm->status |= TN_ACPI_PM1_WAKE | bits[reason];
    update_locked(pm);
    g_mutex_unlock(&pm->lock);
}

void
tn_acpi_pm_press_power_button(TnAcpiPm *pm)
{
    g_mutex_lock(&pm->lock);
    pm->status |= TN_ACPI_PM1_POWER_BUTTON;
    update_locked(pm);
    g_mutex_unlock(&pm->lock);
}
