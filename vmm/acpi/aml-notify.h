/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Notifying one of many devices by its number, as hot-plug controllers' AML needs it. */
#pragma once

#include "vmm/acpi/aml.h"

/* Writes the four characters and the NUL of a device's name. */
typedef void (*TnAmlNamer)(char *ret_name, unsigned number);

/**
 * tn_aml_notify_method:
 * @name: the method's.
 * @namer: names the devices.
 * @count: devices 0..@count-1; at least 1.
 * Returns: (transfer full): a method (number, value) that notifies the device of that
 *   number (ACPI 6.3, 19.6.95). It is found by halving: a chain of 256 comparisons is
 *   what the guest would interpret for the last one.
 */
TnAml *tn_aml_notify_method(const char *name, TnAmlNamer namer, unsigned count);
