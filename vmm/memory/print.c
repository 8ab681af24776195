/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Region trees and flat views as text, in the layout of QEMU's "info mtree".
 */
#include "vmm/memory/memory-private.h"

#include <inttypes.h>

#define TN_RANGE_FORMAT "%016" PRIx64 "-%016" PRIx64

static const char *
kind_name(const TnMemoryRegion *mr)
{
    switch (mr->kind) {
    case TN_REGION_RAM:
        return mr->ram_device ? "ramd" : "ram";
    case TN_REGION_ROM:
        return "rom";
    case TN_REGION_ROM_DEVICE:
        return mr->romd ? "romd" : "i/o";
    case TN_REGION_ALIAS:
        return mr->alias ? kind_name(mr->alias) : "i/o";
    case TN_REGION_CONTAINER:
    case TN_REGION_MMIO:
    case TN_REGION_IOMMU:
        break;
    }
    return "i/o";
}

const char *
tn_flat_range_kind(const TnFlatRange *flat)
{
    if (flat->iommu) {
        return "iommu";
    }
    if (!flat->host) {
        return "i/o";
    }
    if (flat->ops) {
        return "romd";
    }
    if (flat->ram_device) {
        return "ramd";
    }
    return flat->readonly ? "rom" : "ram";
}

static uint64_t
clamped_end(uint64_t start, uint64_t length_1)
{
    return start + MIN(length_1, UINT64_MAX - start);
}

typedef struct Printer {
    GString *text;
    GPtrArray *targets; /* of aliases seen, each once, to be printed on their own */
} Printer;

static void
note_target(Printer *p, TnMemoryRegion *target)
{
    if (!g_ptr_array_find(p->targets, target, NULL)) {
        g_ptr_array_add(p->targets, target);
    }
}

static void
print_line(Printer *p, const TnMemoryRegion *mr, uint64_t start, unsigned level)
{
    g_string_append_printf(p->text, "%*s" TN_RANGE_FORMAT " (prio %d, %s%s): ", (int)(2 * level),
                           "", start, clamped_end(start, mr->last_offset), mr->priority,
                           mr->nonvolatile ? "nv-" : "", kind_name(mr));
    if (mr->kind == TN_REGION_ALIAS) {
        g_string_append_printf(p->text, "alias %s @%s " TN_RANGE_FORMAT "\n", mr->name,
                               mr->alias ? mr->alias->name : "(gone)", mr->alias_offset,
                               clamped_end(mr->alias_offset, mr->last_offset));
    } else {
        g_string_append_printf(p->text, "%s\n", mr->name);
    }
}

/* Regions that are disabled are left out, but not what is in them, nor its depth. */
static void
print_region(Printer *p, TnMemoryRegion *mr, uint64_t base, unsigned level)
{
    uint64_t start = base + mr->addr;

    if (mr->kind == TN_REGION_ALIAS && mr->alias) {
        note_target(p, mr->alias);
    }
    if (mr->enabled) {
        print_line(p, mr, start, level);
    }
    for (unsigned i = 0; mr->subregions && i < mr->subregions->len; i++) {
        print_region(p, mr->subregions->pdata[i], start, level + 1);
    }
}

/* The names of all spaces with @root, unless one before @index has it, too. */
static bool
print_space_names(Printer *p, const TnMemory *memory, unsigned index, const TnMemoryRegion *root)
{
    for (unsigned i = 0; i < memory->spaces->len; i++) {
        const TnAddressSpace *as = memory->spaces->pdata[i];

        if (as->root != root) {
            continue;
        }
        if (i < index) {
            return false;
        }
        g_string_append_printf(p->text, "address-space: %s\n", as->name);
    }
    return true;
}

char *
tn_memory_print_tree(TnMemory *memory)
{
    g_autoptr(GPtrArray) targets = g_ptr_array_new();
    Printer p = { g_string_new(NULL), targets };

    tn_memory_lock(memory);
    for (unsigned i = 0; i < memory->spaces->len; i++) {
        const TnAddressSpace *as = memory->spaces->pdata[i];

        if (print_space_names(&p, memory, i, as->root)) {
            print_region(&p, as->root, 0, 1);
            g_string_append_c(p.text, '\n');
        }
    }
    /* The list grows while its members are printed. */
    for (unsigned i = 0; i < targets->len; i++) {
        TnMemoryRegion *target = targets->pdata[i];

        g_string_append_printf(p.text, "memory-region: %s\n", target->name);
        print_region(&p, target, 0, 1);
        g_string_append_c(p.text, '\n');
    }
    tn_memory_unlock(memory);
    return g_string_free(p.text, FALSE);
}

static void
print_flat_range(GString *text, const TnFlatRange *flat)
{
    g_string_append_printf(text, "  " TN_RANGE_FORMAT " (prio %d, %s%s): %s", flat->range.first,
                           flat->range.last, flat->region->priority,
                           flat->nonvolatile ? "nv-" : "",
                           flat->readonly && flat->host ? "rom" : kind_name(flat->region),
                           flat->region->name);
    if (flat->offset_in_region != 0) {
        g_string_append_printf(text, " @%016" PRIx64, flat->offset_in_region);
    }
    g_string_append_c(text, '\n');
}

static void
print_flat_view(GString *text, const TnMemory *memory, const TnFlatView *view, unsigned number)
{
    g_string_append_printf(text, "FlatView #%u\n", number);
    for (unsigned i = 0; i < memory->spaces->len; i++) {
        const TnAddressSpace *as = memory->spaces->pdata[i];

        if (as->view == view) {
            g_string_append_printf(text, " AS \"%s\", root: %s\n", as->name, as->root->name);
        }
    }
    g_string_append_printf(text, " Root memory region: %s\n",
                           view->root ? view->root->name : "(none)");
    for (unsigned i = 0; i < view->count; i++) {
        print_flat_range(text, &view->ranges[i]);
    }
    if (view->count == 0) {
        g_string_append(text, "  No rendered FlatView\n");
    }
    g_string_append_c(text, '\n');
}

char *
tn_memory_print_flat_views(TnMemory *memory)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);
    GString *text = g_string_new(NULL);
    unsigned number = 0;

    tn_memory_lock(memory);
    for (unsigned i = 0; i < memory->spaces->len; i++) {
        const TnAddressSpace *as = memory->spaces->pdata[i];

        if (g_hash_table_add(seen, as->view)) {
            print_flat_view(text, memory, as->view, number++);
        }
    }
    tn_memory_unlock(memory);
    return g_string_free(text, FALSE);
}
