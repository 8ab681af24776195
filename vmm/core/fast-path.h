/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * KVM's short cuts as an interface: devices ask, accel fills it in. A machine
 * without KVM (unit tests) leaves members NULL and the helpers answer "no".
 */
#pragma once

#include "vmm/core/platform.h"

struct TnFastPath {
    void *opaque;
    /* Memory slots the accelerator can still take. Main thread. */
    unsigned (*free_memory_slots)(void *opaque);
    /* An event descriptor that raises @gsi when written. */
    gboolean (*add_irqfd)(void *opaque, int fd, int resample_fd, unsigned gsi, GError **error);
    void (*remove_irqfd)(void *opaque, int fd, unsigned gsi);
};
