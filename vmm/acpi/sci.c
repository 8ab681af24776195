/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The System Control Interrupt: a level made of the levels of its sources. */
#include "vmm/acpi/sci.h"

void
tn_acpi_sci_init(TnAcpiSci *sci, const TnIrqLine *line)
{
    g_mutex_init(&sci->lock);
    sci->asserted = 0;
    sci->line = line;
    sci->trace = NULL;
}

void
tn_acpi_sci_set_trace(TnAcpiSci *sci, TnHotplugTrace *trace)
{
    sci->trace = trace;
}

void
tn_acpi_sci_done(TnAcpiSci *sci)
{
    g_mutex_clear(&sci->lock);
}

void
tn_acpi_sci_set(TnAcpiSci *sci, TnAcpiSciSource source, gboolean level)
{
    gboolean rose = FALSE;
    unsigned before;

    g_mutex_lock(&sci->lock);
    before = sci->asserted;
    if (level) {
        sci->asserted |= 1U << source;
    } else {
        sci->asserted &= ~(1U << source);
    }
    if (!before != !sci->asserted) {
        tn_irq_set(sci->line, sci->asserted != 0);
        rose = !before;
    }
    g_mutex_unlock(&sci->lock);
    if (rose && G_UNLIKELY(tn_hotplug_trace_is_on(sci->trace))) {
        tn_hotplug_trace_step(sci->trace, TN_HOTPLUG_STEP_SCI, NULL, "line up");
    }
}
