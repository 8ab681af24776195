/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * All that a device may see of the machine it is part of. Filled by the machine
 * before the first device is realized, constant afterwards; its targets outlive
 * every device.
 */
#pragma once

#include <glib.h>

typedef struct TnMemory TnMemory;             /* vmm/memory/memory.h */
typedef struct TnMemoryRegion TnMemoryRegion; /* vmm/memory/region.h */
typedef struct TnAddressSpace TnAddressSpace; /* vmm/memory/address-space.h */
typedef struct TnClock TnClock;               /* vmm/core/clock.h */
typedef struct TnReset TnReset;               /* vmm/core/reset.h */
typedef struct TnRunStateControl TnRunStateControl; /* vmm/core/run-state.h */
typedef struct TnEvents TnEvents;             /* vmm/core/events.h */
typedef struct TnBootOrder TnBootOrder;             /* vmm/core/boot-order.h */
typedef struct TnHotplugTrace TnHotplugTrace; /* vmm/core/hotplug-trace.h */
typedef struct TnIrqLine TnIrqLine;           /* vmm/core/irq-line.h */
typedef struct TnFastPath TnFastPath;         /* vmm/core/fast-path.h */
typedef struct _TnHotplugHandler TnHotplugHandler;
typedef struct _TnObject TnObject;

typedef struct TnPlatform {
    TnMemory *memory;
    TnMemoryRegion *system_memory;  /* root of address space "memory" */
    TnMemoryRegion *system_io;      /* root of address space "I/O" */
    TnAddressSpace *memory_space;   /* for DMA */
    TnAddressSpace *io_space;
    TnIrqLine *isa_irqs;            /* 16 lines, index = ISA IRQ */
    TnClock *clock;                 /* virtual time: stands while the guest is stopped */
    TnReset *reset;
    TnRunStateControl *run_state;
    TnEvents *events;               /* to the monitor's clients */
    TnBootOrder *boot_order;        /* of devices with a bootindex */
    TnHotplugTrace *trace;          /* of plugs and unplugs, for those clients; may be NULL */
    TnFastPath *fast_path;          /* ioeventfd, irqfd, memory slots left; filled by accel */
    TnHotplugHandler *hotplug;      /* the machine's; NULL until it can take devices */
    TnObject *root;                 /* of the object tree */
} TnPlatform;
