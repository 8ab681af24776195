/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the tests of all hot-plug controllers stand on: a platform with an SCI on line 9 and
 * GPE0 at 0xafe0, and devices that do nothing. */
#pragma once

#include "tests/lib/test-platform.h"
#include "vmm/acpi/gpe.h"
#include "vmm/acpi/sci.h"

typedef struct AcpiBoard {
    TnTestPlatform *p;
    TnAcpiSci sci;
    TnAcpiGpe gpe;
} AcpiBoard;

void acpi_board_set_up(AcpiBoard *board);
/* After the controller is gone. */
void acpi_board_tear_down(AcpiBoard *board);

/* A device called @prefix and @number, not realized. (transfer full) */
TnDevice *acpi_new_device(const char *prefix, unsigned number);
