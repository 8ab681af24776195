/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Event descriptors on a region: a write that matches signals one and never reaches the
 * device. KVM does it without an exit where it can (a listener tells it); what comes by
 * an exit, or from this process, is matched here by the same rules.
 */
#pragma once

#include "vmm/memory/region.h"

/* One descriptor; lists of them are sorted by the fields in this order. */
typedef struct TnMemoryEventfd {
    uint64_t addr;   /* offset in its region; in a flat view the guest's address */
    unsigned size;   /* of the write: 1, 2, 4, 8, or 0 for any */
    bool match_data; /* only a write of @data */
    uint64_t data;   /* 0 unless @match_data */
    int fd;          /* of an eventfd; the caller's */
} TnMemoryEventfd;

/**
 * tn_memory_region_add_eventfd / _del_eventfd:
 * @mr: MMIO or a ROM device. @addr: offset in it. @size: 1, 2, 4 or 8 bytes; 0 for a write of
 * any length, which cannot @match_data. @data: compared in its low @size bytes.
 * Each is a transaction of its own unless one is open. @fd stays the caller's, who closes it
 * after the commit of del. The same five twice, or del of what is not there, is the
 * programmer's error. Takes the topology lock; any thread.
 */
void tn_memory_region_add_eventfd(TnMemoryRegion *mr, uint64_t addr, unsigned size,
                                  bool match_data, uint64_t data, int fd);
void tn_memory_region_del_eventfd(TnMemoryRegion *mr, uint64_t addr, unsigned size,
                                  bool match_data, uint64_t data, int fd);

/* The order of lists: negative, 0 or positive, as for g_array_sort(). */
int tn_memory_eventfd_compare(const TnMemoryEventfd *a, const TnMemoryEventfd *b);
