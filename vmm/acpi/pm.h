/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Fixed power-management registers (ACPI 6.3, 4.8.3): PM1 status, enable and
 * control, the PM timer. docs/specs/piix4-pm.md. Threads: any, unless said otherwise.
 */
#pragma once

#include "vmm/acpi/sci.h"
#include "vmm/core/clock.h"
#include "vmm/core/run-state.h"
#include "vmm/memory/region.h"

/* The block of ports that PIIX4 decodes at PMBASE. */
#define TN_ACPI_PM_LENGTH 64
/* Offsets in it. */
enum {
    TN_ACPI_PM1_STATUS = 0x00,
    TN_ACPI_PM1_ENABLE = 0x02,
    TN_ACPI_PM1_CONTROL = 0x04,
    TN_ACPI_PM_TIMER = 0x08,
};

/* 4.8.3.1: bits of PM1 status and enable. */
#define TN_ACPI_PM1_TIMER (1U << 0)
#define TN_ACPI_PM1_GLOBAL (1U << 5)
#define TN_ACPI_PM1_POWER_BUTTON (1U << 8)
#define TN_ACPI_PM1_RTC (1U << 10)
#define TN_ACPI_PM1_WAKE (1U << 15) /* status only */

/* 4.8.3.2: bits of PM1 control. */
#define TN_ACPI_PM1_SCI_EN (1U << 0)
#define TN_ACPI_PM1_BM_RLD (1U << 1)
#define TN_ACPI_PM1_SLP_TYP_SHIFT 10
#define TN_ACPI_PM1_SLP_TYP_MASK 7U
#define TN_ACPI_PM1_SLP_EN (1U << 13)

/* PIIX4's SUS_TYP of soft off and suspend to memory; the user says which is suspend to disk. */
#define TN_ACPI_SLP_TYP_S5 0
#define TN_ACPI_SLP_TYP_S3 1
#define TN_ACPI_SLP_TYP_S4 2 /* by default */

#define TN_ACPI_PM_TIMER_HZ 3579545

/* Embedded by the PM device; fields are pm.c's and its state table's. */
typedef struct TnAcpiPm {
    TnMemoryRegion region; /* TN_ACPI_PM_LENGTH ports; placed by the PM device */
    TnMemoryRegion event, control, timer;
    TnAcpiSci *sci;
    TnClock *clock;
    TnRunStateControl *run_state;
    gboolean s3, s4;
    guint8 s4_type;
    TnTimer *alarm; /* the next overflow, while the guest wants to be told */
    int log_count;

    GMutex lock;
    /* Under @lock, held while the SCI is told. */
    guint16 status; /* without the timer's bit, which is computed */
    guint16 enable;
    guint16 control_value;
    guint64 overflow_tick; /* when the timer's status bit is set next */
} TnAcpiPm;

/* What the registers act on; all outlive the block. */
typedef struct TnAcpiPmConfig {
    TnMemory *memory;
    TnAcpiSci *sci;
    TnClock *clock;
    TnRunStateControl *run_state; /* sleep and S5 ask it; NULL: nobody */
    gboolean s3, s4;              /* the guest may sleep, and to disk by @s4_type */
    guint8 s4_type;
} TnAcpiPmConfig;

/* Makes the block; the caller puts pm->region somewhere. Main thread. */
void tn_acpi_pm_init(TnAcpiPm *pm, const TnAcpiPmConfig *config);
/* After pm->region was taken away; waits for accesses that are still inside. Main thread. */
void tn_acpi_pm_done(TnAcpiPm *pm);

/* Registers to their power-on values: nothing pending or enabled, SCI_EN set. */
void tn_acpi_pm_reset(TnAcpiPm *pm);

/* The SCI and the alarm as the registers have them, after they were loaded. */
void tn_acpi_pm_update(TnAcpiPm *pm);

/* After the reset that ends a sleep: WAK_STS and what woke the guest are set; the power button
 * where nothing else did. */
void tn_acpi_pm_wake_up(TnAcpiPm *pm, TnWakeupReason reason);

/* The user presses the power button: its status bit is set. */
void tn_acpi_pm_press_power_button(TnAcpiPm *pm);
