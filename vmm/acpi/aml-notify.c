/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The method that notifies one of many devices. */
#include "vmm/acpi/aml-notify.h"

/* Notify for one device of first..first+count-1. */
static void
add_notify(TnAml *parent, TnAmlNamer namer, unsigned first, unsigned count)
{
    if (count == 1) {
        char name[5];

        namer(name, first);
        tn_aml_append(parent, tn_aml_notify(tn_aml_path(name), tn_aml_arg(1)));
    } else {
        unsigned half = count / 2;
        TnAml *low = tn_aml_if(tn_aml_less(tn_aml_arg(0), tn_aml_int(first + half)));
        TnAml *high = tn_aml_else();

        add_notify(low, namer, first, half);
        add_notify(high, namer, first + half, count - half);
        tn_aml_append(parent, low);
        tn_aml_append(parent, high);
    }
}

TnAml *
tn_aml_notify_method(const char *name, TnAmlNamer namer, unsigned count)
{
    TnAml *method = tn_aml_method(name, 2, FALSE);

    add_notify(method, namer, 0, count);
    return method;
}
