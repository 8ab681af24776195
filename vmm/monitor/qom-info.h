/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Properties and types as QMP shows them, from GObject's own introspection. */
#pragma once

#include "vmm/core/property.h"

/* Which properties, and what of them. */
enum {
    TN_QOM_SETTABLE = 1 << 0, /* only what the user may set at creation */
    TN_QOM_DEFAULTS = 1 << 1, /* with their default values */
};

/* (transfer full): an array of ObjectPropertyInfo of @type (a TnObject), sorted by the
 * class's own order. */
json_object *tn_qom_list_class_properties(GType type, unsigned flags);

/* (transfer full): one property's default, NULL where none can be told. */
json_object *tn_qom_default_value(GParamSpec *pspec);

/* (transfer full): one ObjectPropertyInfo. @description may be NULL. */
json_object *tn_qom_property_info(const char *name, const char *type, const char *description);
