/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * BARs. What VFIO lets us map becomes RAM of the device's, so that KVM gives it a slot and
 * the guest reaches it without an exit; all else is trapped and done by pread and pwrite.
 */
#include "vmm/vfio/pci-private.h"

#include "vmm/core/log.h"
#include "vmm/pci/msix.h"
#include "vmm/vfio/quirks.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define BAR_IO 0x1
#define BAR_MEM_TYPE 0x6
#define BAR_MEM_TYPE_64 0x4
#define BAR_MEM_PREFETCH 0x8

/* Limits of a BAR (PCI 3.0, 6.2.5.1). */
#define MAX_IO_BAR 256
#define MIN_IO_BAR 4
#define MAX_MEM32_BAR (G_GUINT64_CONSTANT(1) << 31)
#define MIN_MEM_BAR 16

enum {
    PRIORITY_TRAP = -1,
    PRIORITY_MAP = 0,
};

guint64
tn_vfio_bar_read(TnVfioPci *self, unsigned bar, guint64 offset, unsigned size)
{
    static int complaints;
    guint64 value = 0;

    if (!tn_vfio_region_read(&self->vfio, &self->bars[bar].vfio, offset, &value, size)) {
        tn_log_guest(&complaints, "vfio %s: cannot read %u bytes at 0x%" PRIx64 " of BAR %u",
                     self->vfio.name, size, (uint64_t)offset, bar);
        return G_MAXUINT64;
    }
    return GUINT64_FROM_LE(value);
}

void
tn_vfio_bar_write(TnVfioPci *self, unsigned bar, guint64 offset, guint64 value, unsigned size)
{
    static int complaints;
    guint64 bytes = GUINT64_TO_LE(value);

    if (!tn_vfio_region_write(&self->vfio, &self->bars[bar].vfio, offset, &bytes, size)) {
        tn_log_guest(&complaints, "vfio %s: cannot write %u bytes at 0x%" PRIx64 " of BAR %u",
                     self->vfio.name, size, (uint64_t)offset, bar);
    }
}

static uint64_t
trap_read(void *opaque, uint64_t addr, unsigned size)
{
    TnVfioBar *bar = opaque;
    guint64 value = tn_vfio_bar_read(bar->owner, bar->vfio.index, addr, size);

    tn_vfio_intx_eoi(bar->owner);
    return value;
}

static void
trap_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    TnVfioBar *bar = opaque;

    tn_vfio_bar_write(bar->owner, bar->vfio.index, addr, value, size);
    tn_vfio_intx_eoi(bar->owner);
}

static const TnMemoryRegionOps trap_ops = {
    .read = trap_read,
    .write = trap_write,
    .valid = { .min = 1, .max = 8 },
    .impl = { .min = 1, .max = 8 },
};

static gboolean
check_size(const TnVfioBar *bar, unsigned n, GError **error)
{
    guint64 size = bar->vfio.size;
    guint64 min = bar->kind & TN_PCI_BAR_IO ? MIN_IO_BAR : MIN_MEM_BAR;
    guint64 max = bar->kind & TN_PCI_BAR_IO      ? MAX_IO_BAR
                  : bar->kind & TN_PCI_BAR_MEM64 ? G_MAXINT64
                                                 : MAX_MEM32_BAR;

    if (size & (size - 1) || size < min || size > max) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "BAR %u has 0x%" PRIx64 " bytes, which no BAR of its kind can have", n,
                    (uint64_t)size);
        return FALSE;
    }
    return TRUE;
}

static gboolean
read_kind(TnVfioPci *self, unsigned n, unsigned *ret_kind, GError **error)
{
    guint32 value;

    if (!tn_vfio_config_read_device(self, TN_PCI_REG_BAR0 + 4 * n, 4, &value)) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC, "Failed to read BAR %u", n);
        return FALSE;
    }
    if (value & BAR_IO) {
        *ret_kind = TN_PCI_BAR_IO;
        return TRUE;
    }
    *ret_kind = ((value & BAR_MEM_TYPE) == BAR_MEM_TYPE_64 ? TN_PCI_BAR_MEM64 : TN_PCI_BAR_MEM32) |
                (value & BAR_MEM_PREFETCH ? TN_PCI_BAR_PREFETCH : 0);
    return TRUE;
}

/*
 * Where the kernel does not let the MSI-X table be mapped, the pages that hold it are cut out
 * of the areas. Elsewhere the emulated table simply lies above the map.
 */
static void
cut_out_msix(TnVfioPci *self, TnVfioRegion *region)
{
    const TnVfioMsiCaps *caps = &self->caps;
    guint64 page = (guint64)sysconf(_SC_PAGESIZE);
    guint64 first, end;
    TnVfioRegion cut = *region;

    if (caps->msix_vectors == 0 || caps->table_bar != region->index || region->msix_mappable) {
        return;
    }
    first = caps->table_offset & ~(page - 1);
    end = (caps->table_offset + (guint64)caps->msix_vectors * TN_PCI_MSIX_ENTRY_SIZE + page - 1) &
          ~(page - 1);
    cut.n_areas = 0;
    for (unsigned i = 0; i < region->n_areas; i++) {
        TnVfioArea area = region->areas[i];
        guint64 area_end = area.offset + area.size;

        if (area.offset < first && cut.n_areas < TN_VFIO_MAX_AREAS) {
            cut.areas[cut.n_areas++] =
                (TnVfioArea){ area.offset, MIN(area_end, first) - area.offset };
        }
        if (area_end > end && cut.n_areas < TN_VFIO_MAX_AREAS) {
            guint64 start = MAX(area.offset, end);

            cut.areas[cut.n_areas++] = (TnVfioArea){ start, area_end - start };
        }
    }
    *region = cut;
}

/* A map that fails costs speed, not the device: what it should show stays trapped. */
static void
map_area(TnVfioPci *self, TnVfioBar *bar, const TnVfioArea *area)
{
    const TnVfioKernel *kernel = &self->vfio.host->kernel;
    TnVfioBarMap *map = &bar->maps[bar->n_maps];
    int prot = (bar->vfio.readable ? PROT_READ : 0) | (bar->vfio.writable ? PROT_WRITE : 0);
    g_autofree char *name = NULL;
    TnRamBlock ram = { .fd = -1 };

    map->host = kernel->ops->mmap(kernel->opaque, area->size, prot, self->vfio.fd,
                                  bar->vfio.fd_offset + area->offset);
    if (map->host == MAP_FAILED) {
        tn_log("vfio %s: Failed to mmap BAR %u. Performance may be slow: %s", self->vfio.name,
               bar->vfio.index, g_strerror(errno));
        return;
    }
    map->size = area->size;
    ram.host = map->host;
    name = g_strdup_printf("%s BAR %u mmaps[%u]", self->vfio.name, bar->vfio.index, bar->n_maps);
    tn_memory_region_init_ram_device(&map->region, bar->container.memory, G_OBJECT(self), name,
                                     area->size, &ram);
    tn_memory_region_set_readonly(&map->region, !bar->vfio.writable);
    tn_memory_region_add_subregion_overlap(&bar->container, area->offset, &map->region,
                                           PRIORITY_MAP);
    bar->n_maps++;
}

static gboolean
setup_bar(TnVfioPci *self, unsigned n, GError **error)
{
    TnMemory *memory = tn_device_get_platform(TN_DEVICE(self))->memory;
    TnVfioBar *bar = &self->bars[n];
    g_autofree char *container = g_strdup_printf("%s base BAR %u", self->vfio.name, n);
    g_autofree char *trap = g_strdup_printf("%s BAR %u", self->vfio.name, n);
    TnVfioRegion region;

    bar->owner = self;
    if (!tn_vfio_device_get_region(&self->vfio, n, &region, error)) {
        return FALSE;
    }
    if (region.size == 0) {
        return TRUE;
    }
    if (n > 0 && self->bars[n - 1].vfio.size && self->bars[n - 1].kind & TN_PCI_BAR_MEM64) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "BAR %u lies in the upper half of BAR %u", n, n - 1);
        return FALSE;
    }
    bar->vfio = region;
    if (!read_kind(self, n, &bar->kind, error) || !check_size(bar, n, error)) {
        bar->vfio.size = 0;
        return FALSE;
    }
    if (n == TN_PCI_NUM_BARS - 1 && bar->kind & TN_PCI_BAR_MEM64) {
        bar->vfio.size = 0;
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC, "BAR %u cannot be of 64 bits", n);
        return FALSE;
    }
    cut_out_msix(self, &bar->vfio);
    tn_memory_region_init(&bar->container, memory, G_OBJECT(self), container, region.size);
    tn_memory_region_init_io(&bar->trap, memory, G_OBJECT(self), &trap_ops, bar, trap, region.size);
    tn_memory_region_add_subregion_overlap(&bar->container, 0, &bar->trap, PRIORITY_TRAP);
    bar->maps = g_new0(TnVfioBarMap, MAX(bar->vfio.n_areas, 1));
    for (unsigned i = 0; !self->no_mmap && i < bar->vfio.n_areas; i++) {
        map_area(self, bar, &bar->vfio.areas[i]);
    }
    return TRUE;
}

gboolean
tn_vfio_bars_setup(TnVfioPci *self, GError **error)
{
    for (unsigned n = 0; n < TN_PCI_NUM_BARS; n++) {
        if (!setup_bar(self, n, error)) {
            return FALSE;
        }
    }
    tn_vfio_quirks_setup(self);
    return TRUE;
}

void
tn_vfio_bars_register(TnVfioPci *self)
{
    for (unsigned n = 0; n < TN_PCI_NUM_BARS; n++) {
        TnVfioBar *bar = &self->bars[n];

        if (bar->vfio.size) {
            tn_pci_device_register_bar(TN_PCI_DEVICE(self), (int)n, bar->kind, &bar->container);
        }
    }
}

void
tn_vfio_bars_done(TnVfioPci *self)
{
    const TnVfioKernel *kernel;

    /* Nobody is inside of a trap or looks at a map any more: they left the bus before. */
    tn_memory_synchronize(tn_device_get_platform(TN_DEVICE(self))->memory);
    tn_vfio_quirks_done(self);
    for (unsigned n = 0; n < TN_PCI_NUM_BARS; n++) {
        TnVfioBar *bar = &self->bars[n];

        if (!bar->vfio.size) {
            continue;
        }
        kernel = &self->vfio.host->kernel;
        for (unsigned i = 0; i < bar->n_maps; i++) {
            tn_memory_region_del_subregion(&bar->container, &bar->maps[i].region);
            tn_memory_region_done(&bar->maps[i].region);
            (void)kernel->ops->munmap(kernel->opaque, bar->maps[i].host, bar->maps[i].size);
        }
        tn_memory_region_del_subregion(&bar->container, &bar->trap);
        tn_memory_region_done(&bar->trap);
        tn_memory_region_done(&bar->container);
        g_free(bar->maps);
        *bar = (TnVfioBar){ 0 };
    }
}

void
tn_vfio_bars_update_maps_locked(TnVfioPci *self)
{
    gboolean shown = !self->hidden_for_intx && !self->hidden_for_power;
    TnMemory *memory = tn_device_get_platform(TN_DEVICE(self))->memory;

    tn_memory_begin(memory);
    for (unsigned n = 0; n < TN_PCI_NUM_BARS; n++) {
        for (unsigned i = 0; i < self->bars[n].n_maps; i++) {
            tn_memory_region_set_enabled(&self->bars[n].maps[i].region, shown);
        }
    }
    tn_memory_commit(memory);
}
