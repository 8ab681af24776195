/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the AML builder's files share. */
#pragma once

#include "vmm/acpi/aml.h"

/* @value's low @bytes bytes, least significant first. */
void tn_aml_put_le(GByteArray *out, guint64 value, unsigned bytes);

/* A term of bytes that are encoded already; copied. */
TnAml *tn_aml_raw(const void *data, gsize size);

/* A term that begins with the opcode @op; with a PkgLength over all that is appended. */
TnAml *tn_aml_one_op(unsigned op);
TnAml *tn_aml_pkg_op(unsigned op);
