/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The daemon's error domain: its codes are libvirt's own numbers (virErrorNumber). */
#ifndef TN_DRIVER_ERROR_H
#define TN_DRIVER_ERROR_H

#include <glib.h>
#include <libvirt/virterror.h>

G_BEGIN_DECLS

/**
 * TN_VIR_ERROR:
 *
 * Error domain of everything in `driver/`. The code is a `VIR_ERR_*` number from
 * <libvirt/virterror.h>; the message is the detail alone ("no domain with matching name 'x'"): the
 * sentence that belongs to the code ("Domain not found") is put before it where the error is sent
 * (`driver/rpc/error.c`).
 */
#define TN_VIR_ERROR (tn_vir_error_quark())

/**
 * tn_vir_error_quark:
 *
 * Returns: the quark behind %TN_VIR_ERROR. Any thread.
 */
GQuark tn_vir_error_quark(void);

G_END_DECLS

#endif
