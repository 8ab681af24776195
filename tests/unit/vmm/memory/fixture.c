/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See fixture.h.
 */
#include "tests/unit/vmm/memory/fixture.h"

#include <inttypes.h>
#include <sys/mman.h>

typedef struct HostMemory {
    void *host;
    uint64_t size;
} HostMemory;

static void
host_memory_free(gpointer opaque)
{
    HostMemory *m = opaque;

    munmap(m->host, m->size);
    g_free(m);
}

void
fixture_set_up(Fixture *f, gconstpointer data)
{
    f->memory = tn_memory_new();
    tn_memory_region_init(&f->root, f->memory, NULL, "root", TN_SIZE_WHOLE);
    f->as = tn_address_space_new(f->memory, &f->root, "space");
    f->regions = g_ptr_array_new_with_free_func(g_free);
    f->ram = g_ptr_array_new_with_free_func(host_memory_free);
    f->log = g_string_new(NULL);
}

void
fixture_tear_down(Fixture *f, gconstpointer data)
{
    tn_address_space_free(f->as);
    for (unsigned i = 0; i < f->regions->len; i++) {
        TnMemoryRegion *mr = f->regions->pdata[i];

        if (mr->container) {
            tn_memory_region_del_subregion(mr->container, mr);
        }
    }
    tn_memory_synchronize(f->memory);
    for (unsigned i = 0; i < f->regions->len; i++) {
        tn_memory_region_done(f->regions->pdata[i]);
    }
    tn_memory_region_done(&f->root);
    tn_memory_free(f->memory);
    g_ptr_array_unref(f->regions);
    g_ptr_array_unref(f->ram);
    g_string_free(f->log, TRUE);
}

static TnMemoryRegion *
new_region(Fixture *f)
{
    TnMemoryRegion *mr = g_new0(TnMemoryRegion, 1);

    g_ptr_array_add(f->regions, mr);
    return mr;
}

static TnRamBlock
new_ram(Fixture *f, uint64_t size)
{
    HostMemory *m = g_new0(HostMemory, 1);

    m->size = size;
    m->host = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                   -1, 0);
    g_assert(m->host != MAP_FAILED);
    g_ptr_array_add(f->ram, m);
    return (TnRamBlock){ .host = m->host, .fd = -1 };
}

TnMemoryRegion *
make_container(Fixture *f, const char *name, uint64_t size)
{
    TnMemoryRegion *mr = new_region(f);

    tn_memory_region_init(mr, f->memory, NULL, name, size);
    return mr;
}

TnMemoryRegion *
make_io(Fixture *f, const char *name, uint64_t size)
{
    TnMemoryRegion *mr = new_region(f);

    tn_memory_region_init_io(mr, f->memory, NULL, &plain_ops, f, name, size);
    return mr;
}

TnMemoryRegion *
make_device(Fixture *f, const TnMemoryRegionOps *ops, uint64_t size)
{
    TnMemoryRegion *mr = new_region(f);

    tn_memory_region_init_io(mr, f->memory, NULL, ops, f, "device", size);
    return mr;
}

TnMemoryRegion *
make_ram(Fixture *f, const char *name, uint64_t size)
{
    TnMemoryRegion *mr = new_region(f);
    TnRamBlock ram = new_ram(f, size);

    tn_memory_region_init_ram(mr, f->memory, NULL, name, size, &ram);
    return mr;
}

TnMemoryRegion *
make_rom(Fixture *f, const char *name, uint64_t size)
{
    TnMemoryRegion *mr = new_region(f);
    TnRamBlock ram = new_ram(f, size);

    tn_memory_region_init_rom(mr, f->memory, NULL, name, size, &ram);
    return mr;
}

TnMemoryRegion *
make_ram_device(Fixture *f, const char *name, uint64_t size)
{
    TnMemoryRegion *mr = new_region(f);
    TnRamBlock ram = new_ram(f, size);

    tn_memory_region_init_ram_device(mr, f->memory, NULL, name, size, &ram);
    return mr;
}

TnMemoryRegion *
make_rom_device(Fixture *f, const TnMemoryRegionOps *ops, uint64_t size)
{
    TnMemoryRegion *mr = new_region(f);
    TnRamBlock ram = new_ram(f, size);

    tn_memory_region_init_rom_device(mr, f->memory, NULL, ops, f, "device", size, &ram);
    return mr;
}

TnMemoryRegion *
make_alias(Fixture *f, const char *name, TnMemoryRegion *target, uint64_t offset, uint64_t size)
{
    TnMemoryRegion *mr = new_region(f);

    tn_memory_region_init_alias(mr, f->memory, NULL, name, target, offset, size);
    return mr;
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
space_text(TnAddressSpace *as)
{
    g_autoptr(TnFlatView) view = tn_address_space_get_view(as);

    return view_text(view);
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
