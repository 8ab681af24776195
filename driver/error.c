/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The daemon's error domain. */
#include "driver/error.h"

G_DEFINE_QUARK(tn-vir-error-quark, tn_vir_error)
