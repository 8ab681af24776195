/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the AML of all hot-plug controllers has in common: registers that speak of the slot,
 * CPU or bus that was selected last, each access to which holds a mutex from the selection
 * on; a scan of all of them; methods of a slot's device that hand over to the controller's;
 * and the handler of a GPE.
 */
#pragma once

#include "vmm/acpi/aml.h"

/* Notify values, ACPI 6.3 table 5-165. */
#define TN_AML_NOTIFY_DEVICE_CHECK 1
#define TN_AML_NOTIFY_EJECT_REQUEST 3

/* _STA of what is there and works (ACPI 6.3, 6.3.7). */
#define TN_AML_STA_WORKS 0x0f

/* The names of the mutex and of the selector, as the methods see them. */
typedef struct TnAmlBank {
    const char *mutex;
    const char *selector;
} TnAmlBank;

/* Appends to @method: take the mutex, select @number; and give the mutex back. */
void tn_aml_bank_enter(const TnAmlBank *bank, TnAml *method, TnAml *number);
void tn_aml_bank_leave(const TnAmlBank *bank, TnAml *method);

/**
 * tn_aml_bank_method:
 * @args: of the method, 1..7; the first is the number to select.
 * @result: what is returned in the end, NULL for nothing.
 * The statements that follow are done in between; NULL-terminated. All are consumed.
 */
TnAml *tn_aml_bank_method(const TnAmlBank *bank, const char *name, unsigned args, TnAml *result,
                          ...) G_GNUC_NULL_TERMINATED;

/* A method (): the statements that follow for each number 0..@count-1, which is selected then
 * and in Local0; NULL-terminated, consumed. The mutex is held all along. */
TnAml *tn_aml_bank_scan(const TnAmlBank *bank, const char *name, unsigned count, ...)
    G_GNUC_NULL_TERMINATED;

/* A method of @args arguments, 0, 1 or 3 (_OST), that calls @target with @number; one of 3
 * passes on its first two. @returns: what @target does. */
TnAml *tn_aml_forward(const char *name, unsigned args, const char *target, unsigned number,
                      gboolean returns);

/* A device that says whose the @length ports from @port on are, so that the guest gives them to
 * nobody else: PNP0A06 with the _UID @uid. */
TnAml *tn_aml_ports_device(const char *path, const char *uid, guint16 port, guint8 length);

/* Adds to the DSDT: the handler @name of \_GPE calls @method. */
void tn_aml_add_gpe(TnAml *dsdt, const char *name, const char *method);
