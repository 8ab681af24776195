/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* QMP's error classes as a GError domain, shared by server and client. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define TN_QMP_ERROR (tn_qmp_error_quark())
GQuark tn_qmp_error_quark(void);

/* The classes of QMP's QapiErrorClass; an error's message is its "desc". */
typedef enum {
    TN_QMP_ERROR_GENERIC_ERROR,
    TN_QMP_ERROR_COMMAND_NOT_FOUND,
    TN_QMP_ERROR_DEVICE_NOT_ACTIVE,
    TN_QMP_ERROR_DEVICE_NOT_FOUND,
    TN_QMP_ERROR_KVM_MISSING_CAP,
    TN_QMP_ERROR_LAST,
} TnQmpError;

/**
 * tn_qmp_error_class_to_string:
 * Returns: QMP's name of @code ("DeviceNotFound"); "GenericError" when out of range.
 */
const char *tn_qmp_error_class_to_string(int code);

/**
 * tn_qmp_error_class_from_string:
 * @name: a class as a peer sent it, may be NULL.
 * Returns: its code; TN_QMP_ERROR_GENERIC_ERROR for one that is not known.
 */
TnQmpError tn_qmp_error_class_from_string(const char *name);

/**
 * tn_qmp_error_get_class:
 * @error: an error of any domain, not NULL.
 * Returns: the class QMP shows for it; GENERIC_ERROR for other domains than TN_QMP_ERROR.
 */
TnQmpError tn_qmp_error_get_class(const GError *error);

G_END_DECLS
