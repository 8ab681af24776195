/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The machine's run state, played: counts what vCPUs ask of it. */
#pragma once

#include "vmm/core/run-state.h"

struct TnRunStateControl {
    GMutex lock;
    GCond changed;
    unsigned resets;          /* under lock, like the rest */
    unsigned shutdowns;
    unsigned internal_errors;
};
