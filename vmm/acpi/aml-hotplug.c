/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The shapes of hot-plug controllers' AML. */
#include "vmm/acpi/aml-hotplug.h"

#include <stdarg.h>

#define WAIT_FOR_EVER 0xffff

void
tn_aml_bank_enter(const TnAmlBank *bank, TnAml *method, TnAml *number)
{
    tn_aml_append(method, tn_aml_acquire(tn_aml_path(bank->mutex), WAIT_FOR_EVER));
    tn_aml_append(method, tn_aml_store(number, tn_aml_path(bank->selector)));
}

void
tn_aml_bank_leave(const TnAmlBank *bank, TnAml *method)
{
    tn_aml_append(method, tn_aml_release(tn_aml_path(bank->mutex)));
}

TnAml *
tn_aml_bank_method(const TnAmlBank *bank, const char *name, unsigned args, TnAml *result, ...)
{
    TnAml *method = tn_aml_method(name, args, TRUE);
    va_list terms;

    tn_aml_bank_enter(bank, method, tn_aml_arg(0));
    va_start(terms, result);
    for (TnAml *term = va_arg(terms, TnAml *); term; term = va_arg(terms, TnAml *)) {
        tn_aml_append(method, term);
    }
    va_end(terms);
    tn_aml_bank_leave(bank, method);
    if (result) {
        tn_aml_append(method, tn_aml_return(result));
    }
    return method;
}

TnAml *
tn_aml_bank_scan(const TnAmlBank *bank, const char *name, unsigned count, ...)
{
    TnAml *method = tn_aml_method(name, 0, TRUE);
    TnAml *loop = tn_aml_while(tn_aml_less(tn_aml_local(0), tn_aml_int(count)));
    va_list terms;

    tn_aml_append(method, tn_aml_acquire(tn_aml_path(bank->mutex), WAIT_FOR_EVER));
    tn_aml_append(method, tn_aml_store(tn_aml_int(0), tn_aml_local(0)));
    tn_aml_append(loop, tn_aml_store(tn_aml_local(0), tn_aml_path(bank->selector)));
    va_start(terms, count);
    for (TnAml *term = va_arg(terms, TnAml *); term; term = va_arg(terms, TnAml *)) {
        tn_aml_append(loop, term);
    }
    va_end(terms);
    tn_aml_append(loop, tn_aml_increment(tn_aml_local(0)));
    tn_aml_append(method, loop);
    tn_aml_bank_leave(bank, method);
    return method;
}

TnAml *
tn_aml_forward(const char *name, unsigned args, const char *target, unsigned number,
               gboolean returns)
{
    TnAml *method = tn_aml_method(name, args, FALSE);
    TnAml *call = args == 3 ? tn_aml_call(target, tn_aml_int(number), tn_aml_arg(0),
                                          tn_aml_arg(1), NULL)
                            : tn_aml_call(target, tn_aml_int(number), NULL);

    tn_aml_append(method, returns ? tn_aml_return(call) : call);
    return method;
}

TnAml *
tn_aml_ports_device(const char *path, const char *uid, guint16 port, guint8 length)
{
    TnAml *device = tn_aml_device(path);
    TnAml *crs = tn_aml_resource_template();

    tn_aml_append(device, tn_aml_name("_HID", tn_aml_eisaid("PNP0A06")));
    tn_aml_append(device, tn_aml_name("_UID", tn_aml_string(uid)));
    tn_aml_append(crs, tn_aml_io(port, port, 1, length));
    tn_aml_append(device, tn_aml_name("_CRS", crs));
    return device;
}

void
tn_aml_add_gpe(TnAml *dsdt, const char *name, const char *method)
{
    TnAml *gpe = tn_aml_scope("\\_GPE");
    TnAml *handler = tn_aml_method(name, 0, FALSE);

    tn_aml_append(handler, tn_aml_call(method, NULL));
    tn_aml_append(gpe, handler);
    tn_aml_append(dsdt, gpe);
}
