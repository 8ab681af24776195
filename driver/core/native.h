/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A domain's XML in the words of the program that would run it. */
#ifndef TN_DRIVER_CORE_NATIVE_H
#define TN_DRIVER_CORE_NATIVE_H

#include "driver/core/driver.h"

G_BEGIN_DECLS

/**
 * tn_native_from_xml:
 * @format: "qemu-argv" is the only one.
 * Returns: (transfer full): the command line as one line of shell, as a start would have it; the
 * numbers of inherited descriptors are those of the first ones, and the IOMMU groups of host
 * devices, which are descriptors alone, are left out. Nothing is started or opened.
 * Errors: INVALID_ARG "unsupported config type ..."; what is wrong with @xml.
 */
char *tn_native_from_xml(TnDriver *driver, const char *format, const char *xml, GError **error);

G_END_DECLS

#endif
