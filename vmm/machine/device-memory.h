/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Device memory: the window of guest addresses in which DIMMs appear, and the
 * slots they take. Plain data: it decides where a device may go and remembers
 * who is where; regions and registers are pc-hotplug's. Main thread.
 */
#pragma once

#include "vmm/memory/range.h"

#include <glib.h>

typedef struct TnDeviceMemory TnDeviceMemory;

/**
 * TnDeviceMemoryConfig:
 * @ram_end: end of the RAM above 4 GiB (4 GiB when there is none).
 * @ram_size, @max_ram_size: -m size and maxmem, bytes.
 * @slots: -m slots.
 */
typedef struct TnDeviceMemoryConfig {
    guint64 ram_end;
    guint64 ram_size, max_ram_size;
    unsigned slots;
} TnDeviceMemoryConfig;

/**
 * tn_device_memory_new:
 * The window begins at the first GiB boundary from @ram_end on and has a GiB for
 * each slot beyond what may be plugged, so that alignment never costs capacity.
 * Without maxmem there is no window; every choice is then refused.
 * @error: GENERIC "unsupported amount of memory slots: <n>", "maximum memory size must
 *   be aligned to multiple of 4096 bytes", "unsupported amount of maximum memory: <n>".
 */
TnDeviceMemory *tn_device_memory_new(const TnDeviceMemoryConfig *config, GError **error);
void tn_device_memory_free(TnDeviceMemory *dm);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TnDeviceMemory, tn_device_memory_free)

/* FALSE, with *@ret_window untouched, when there is no window. */
gboolean tn_device_memory_get_window(const TnDeviceMemory *dm, TnRange *ret_window);
/* Number of slots; sum of what is plugged. */
unsigned tn_device_memory_get_slots(const TnDeviceMemory *dm);
guint64 tn_device_memory_get_used(const TnDeviceMemory *dm);

/* What a device asks for. */
typedef struct TnDeviceMemoryRequest {
    guint64 size;  /* bytes, not 0 */
    guint64 align; /* of address and size; a power of two */
    guint64 addr;  /* 0: the lowest that fits */
    int slot;      /* -1: the lowest that is free */
} TnDeviceMemoryRequest;

typedef struct TnDeviceMemoryPlace {
    guint64 addr;
    unsigned slot;
} TnDeviceMemoryPlace;

/**
 * tn_device_memory_choose_slot / _choose_addr:
 * The two halves of a decision; nothing changes.
 * @error: GENERIC with QEMU's texts (docs/specs/acpi-memory-hotplug.md lists them).
 */
gboolean tn_device_memory_choose_slot(const TnDeviceMemory *dm, int wish, unsigned *ret_slot,
                                      GError **error);
gboolean tn_device_memory_choose_addr(const TnDeviceMemory *dm,
                                      const TnDeviceMemoryRequest *request, guint64 *ret_addr,
                                      GError **error);

/* Takes a place that was chosen. @name: the device's id for messages, may be NULL;
 * copied. @owner: given to the callback below. */
void tn_device_memory_occupy(TnDeviceMemory *dm, const TnDeviceMemoryPlace *place, guint64 size,
                             const char *name, gpointer owner);
/* Frees @slot and its addresses. */
void tn_device_memory_release(TnDeviceMemory *dm, unsigned slot);

/* Owners by ascending address. @func must not occupy or release. */
void tn_device_memory_foreach(const TnDeviceMemory *dm, GFunc func, gpointer user_data);
