/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What users create by name: -object/object-add and -device/device_add. The
 * verbs themselves are declared in machine.h. Main thread.
 */
#pragma once

#include "vmm/machine/machine.h"

/* The list in which tn_machine_device_add() keeps devices until the board exists. */
GPtrArray *tn_user_objects_new_cold_list(void);

/* Gives @device the values of -global for its type; before it is realized. */
gboolean tn_user_objects_set_globals(TnMachine *machine, TnDevice *device, GError **error);

/* Creates and realizes them all, in the order given. */
gboolean tn_user_objects_realize_cold_devices(TnMachine *machine, GError **error);
