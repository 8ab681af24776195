/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* QMP's error classes and their names. */
#include "qmp/error.h"

G_DEFINE_QUARK(tn-qmp-error-quark, tn_qmp_error)

static const char *const class_names[TN_QMP_ERROR_LAST] = {
    [TN_QMP_ERROR_GENERIC_ERROR] = "GenericError",
    [TN_QMP_ERROR_COMMAND_NOT_FOUND] = "CommandNotFound",
    [TN_QMP_ERROR_DEVICE_NOT_ACTIVE] = "DeviceNotActive",
    [TN_QMP_ERROR_DEVICE_NOT_FOUND] = "DeviceNotFound",
    [TN_QMP_ERROR_KVM_MISSING_CAP] = "KVMMissingCap",
};

const char *
tn_qmp_error_class_to_string(int code)
{
    if (code < 0 || code >= TN_QMP_ERROR_LAST) {
        code = TN_QMP_ERROR_GENERIC_ERROR;
    }
    return class_names[code];
}

TnQmpError
tn_qmp_error_class_from_string(const char *name)
{
    for (int code = 0; name && code < TN_QMP_ERROR_LAST; code++) {
        if (g_str_equal(name, class_names[code])) {
            return (TnQmpError)code;
        }
    }
    return TN_QMP_ERROR_GENERIC_ERROR;
}

TnQmpError
tn_qmp_error_get_class(const GError *error)
{
    if (error->domain != TN_QMP_ERROR || error->code < 0 || error->code >= TN_QMP_ERROR_LAST) {
        return TN_QMP_ERROR_GENERIC_ERROR;
    }
    return (TnQmpError)error->code;
}
