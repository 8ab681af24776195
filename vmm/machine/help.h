/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What "-device help", "-object help" and their "X,help" print, from the types themselves. */
#pragma once

#include "vmm/core/object.h"

/* The user-creatable types: devices or objects. (transfer full) */
char *tn_help_list_devices(void);
char *tn_help_list_objects(void);

/* The properties of type @name; NULL with @error when there is no such one. (transfer full) */
char *tn_help_type(const char *name, GError **error);
