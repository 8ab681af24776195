/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See fixture.h.
 */
#include "tests/unit/vmm/memory/fixture.h"

#include <inttypes.h>
#include <sys/mman.h>

void
fixture_set_up(Fixture *f, gconstpointer data)
{
    f->memory = tn_memory_new();
    tn_memory_region_init(&f->root, f->memory, NULL, "root", TN_SIZE_WHOLE);
    f->as = tn_address_space_new(f->memory, &f->root, "space");
    f->log = g_string_new(NULL);
}

void
fixture_tear_down(Fixture *f, gconstpointer data)
{
    tn_address_space_free(f->as);
    tn_memory_region_done(&f->root);
    tn_memory_free(f->memory);
    g_string_free(f->log, TRUE);
}

char *
view_text(const TnFlatView *view)
{
    GString *text = g_string_new(NULL);
    unsigned count;
    const TnFlatRange *ranges = tn_flat_view_ranges(view, &count);

    for (unsigned i = 0; i < count; i++) {
        g_string_append_printf(text, "%s%" PRIx64 "-%" PRIx64 " %s +%" PRIx64 "%s%s",
                               i > 0 ? "; " : "", ranges[i].range.first, ranges[i].range.last,
                               ranges[i].region->name, ranges[i].offset_in_region,
                               ranges[i].readonly ? " ro" : "",
                               ranges[i].nonvolatile ? " nv" : "");
    }
    return g_string_free(text, FALSE);
}

char *
space_text(Fixture *f)
{
    g_autoptr(TnFlatView) view = tn_address_space_get_view(f->as);

    return view_text(view);
}

TnRamBlock
ram_block_new(uint64_t size)
{
    void *host = mmap(NULL, size, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    g_assert(host != MAP_FAILED);
    return (TnRamBlock){ .host = host, .fd = -1 };
}

void
ram_block_free(TnRamBlock *ram, uint64_t size)
{
    g_assert_no_errno(munmap(ram->host, size));
}

static uint64_t
plain_read(void *opaque, uint64_t addr, unsigned size)
{
    return 0;
}

static void
plain_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
}

const TnMemoryRegionOps plain_ops = { .read = plain_read, .write = plain_write };
