/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The expansion ROM: a file's contents, or the device's own, which is read when the guest
 * first looks at it, as on some devices that takes long or disturbs them.
 */
#include "vmm/vfio/pci-private.h"

#include "vmm/core/log.h"

#include <linux/vfio.h>
#include <string.h>

/* The smallest and largest ROM BAR (PCI 3.0, 6.2.5.2). */
#define MIN_ROM 2048
#define MAX_ROM (16 * 1024 * 1024)

static gsize
round_up(gsize size)
{
    gsize rounded = MIN_ROM;

    while (rounded < size) {
        rounded *= 2;
    }
    return rounded;
}

static void
load_from_device(TnVfioPci *self)
{
    TnVfioRom *rom = &self->rom;

    for (gsize at = 0; at < rom->vfio.size; at += 4096) {
        unsigned len = (unsigned)MIN(4096, rom->vfio.size - at);

        if (!tn_vfio_region_read(&self->vfio, &rom->vfio, at, rom->data + at, len)) {
            tn_log("vfio %s: Cannot read device rom. Device option ROM contents are probably "
                   "invalid",
                   self->vfio.name);
            return;
        }
    }
}

static uint64_t
rom_read(void *opaque, uint64_t addr, unsigned size)
{
    TnVfioPci *self = opaque;
    guint64 value = 0;

    if (!g_atomic_int_get(&self->rom.loaded)) {
        g_mutex_lock(&self->irq_lock);
        if (!self->rom.loaded) {
            load_from_device(self);
            g_atomic_int_set(&self->rom.loaded, TRUE);
        }
        g_mutex_unlock(&self->irq_lock);
    }
    memcpy(&value, self->rom.data + addr, size);
    return GUINT64_FROM_LE(value);
}

static void
rom_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    /* Read-only, as any ROM. */
}

static const TnMemoryRegionOps rom_ops = {
    .read = rom_read,
    .write = rom_write,
    .valid = { .min = 1, .max = 8 },
    .impl = { .min = 1, .max = 8 },
};

static gboolean
load_file(TnVfioPci *self, GError **error)
{
    g_autofree char *contents = NULL;
    gsize size;

    if (!g_file_get_contents(self->romfile, &contents, &size, NULL)) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC, "failed to find romfile \"%s\"",
                    self->romfile);
        return FALSE;
    }
    if (size == 0 || size > MAX_ROM) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "romfile \"%s\" has %" G_GSIZE_FORMAT " bytes; it may have 1 to %d",
                    self->romfile, size, MAX_ROM);
        return FALSE;
    }
    self->rom.size = round_up(size);
    self->rom.data = g_malloc(self->rom.size);
    memset(self->rom.data, 0xff, self->rom.size);
    memcpy(self->rom.data, contents, size);
    self->rom.loaded = TRUE;
    return TRUE;
}

gboolean
tn_vfio_rom_setup(TnVfioPci *self, GError **error)
{
    TnVfioRom *rom = &self->rom;
    g_autofree char *name = g_strdup_printf("vfio[%s].rom", self->vfio.name);

    /* A file without a name is no ROM at all; so is one that is not to show. */
    if ((self->romfile && !*self->romfile) || !TN_PCI_DEVICE(self)->rom_bar) {
        return TRUE;
    }
    if (self->romfile) {
        if (!load_file(self, error)) {
            return FALSE;
        }
    } else {
        if (!tn_vfio_device_get_region(&self->vfio, VFIO_PCI_ROM_REGION_INDEX, &rom->vfio,
                                       error)) {
            return FALSE;
        }
        if (rom->vfio.size == 0 || !rom->vfio.readable) {
            return TRUE;
        }
        if (rom->vfio.size > MAX_ROM) {
            g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                        "the device's ROM has %" G_GUINT64_FORMAT " bytes; it may have %d",
                        rom->vfio.size, MAX_ROM);
            return FALSE;
        }
        rom->size = round_up(rom->vfio.size);
        rom->data = g_malloc(rom->size);
        memset(rom->data, 0xff, rom->size);
    }
    tn_memory_region_init_io(&rom->region, tn_device_get_platform(TN_DEVICE(self))->memory,
                             G_OBJECT(self), &rom_ops, self, name, rom->size);
    return TRUE;
}

void
tn_vfio_rom_done(TnVfioPci *self)
{
    if (self->rom.size) {
        tn_memory_region_done(&self->rom.region);
    }
    g_free(self->rom.data);
    self->rom = (TnVfioRom){ 0 };
}
