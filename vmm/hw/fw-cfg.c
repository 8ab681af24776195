/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fw_cfg by docs/specs/fw-cfg.md: a selector, a data register that walks through the
 * item, and DMA by a descriptor in guest memory.
 *
 * Locks: @lock for all that the guest moves, and the items' numbers that change. It
 * is held while DMA is done, which reaches RAM only.
 */
#include "vmm/hw/fw-cfg.h"

#include "vmm/memory/address-space.h"

#include <string.h>

#define FEATURE_TRADITIONAL 0x1
#define FEATURE_DMA 0x2

/* Offsets from TN_FW_CFG_PORT. */
#define REG_SELECTOR 0
#define REG_DATA 1
#define REG_DMA_HIGH 4
#define REG_DMA_LOW 8

#define DMA_SIGNATURE UINT64_C(0x51454d5520434647) /* "QEMU CFG" */
/* Bits of a descriptor's control word; bits 31:16 are the key of SELECT. */
#define DMA_ERROR 0x01u
#define DMA_READ 0x02u
#define DMA_SKIP 0x04u
#define DMA_SELECT 0x08u
#define DMA_WRITE 0x10u

/* One entry of the directory: size and key big-endian, two bytes of zero, a name. */
#define DIR_ENTRY_SIZE 64
#define DIR_NAME_OFFSET 8

#define CHUNK 4096u

typedef struct Descriptor {
    guint32 control;
    guint32 length;
    guint64 address;
} Descriptor;
G_STATIC_ASSERT(sizeof(Descriptor) == 16);

typedef struct File {
    char name[TN_FW_CFG_MAX_NAME + 1];
    GBytes *data;
} File;

struct _TnFwCfg {
    TnDevice parent_instance;

    TnMemoryRegion io, dma_io;
    GMutex lock;
    GHashTable *items; /* key -> GBytes */
    GArray *files;     /* of File, by name; which there are is constant once realized */

    /* Under @lock. */
    guint16 key;
    guint32 offset;
    guint64 dma_addr; /* its high half, until the low one comes */
};

G_DEFINE_FINAL_TYPE(TnFwCfg, tn_fw_cfg, TN_TYPE_DEVICE)

static void
clear_file(gpointer data)
{
    g_bytes_unref(((File *)data)->data);
}

/* The bytes of the item that is selected; NULL and 0 when there is none. */
static const guint8 *
item_locked(TnFwCfg *self, gsize *ret_size)
{
    GBytes *bytes = g_hash_table_lookup(self->items, GUINT_TO_POINTER((guint)self->key));

    *ret_size = 0;
    return bytes ? g_bytes_get_data(bytes, ret_size) : NULL;
}

static void
select_locked(TnFwCfg *self, guint16 key)
{
    self->key = key;
    self->offset = 0;
}

static guint8
next_byte_locked(TnFwCfg *self)
{
    gsize size;
    const guint8 *data = item_locked(self, &size);

    return self->offset < size ? data[self->offset++] : 0;
}

static uint64_t
io_read(void *opaque, uint64_t addr, unsigned size)
{
    TnFwCfg *self = opaque;
    uint64_t value = 0;

    if (addr == REG_DATA && size == 1) {
        g_mutex_lock(&self->lock);
        value = next_byte_locked(self);
        g_mutex_unlock(&self->lock);
    }
    return value;
}

static void
io_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    TnFwCfg *self = opaque;

    /* Writing data by the port went out of the specification; nothing is writable. */
    if (addr == REG_SELECTOR && size == 2) {
        g_mutex_lock(&self->lock);
        select_locked(self, (guint16)value);
        g_mutex_unlock(&self->lock);
    }
}

static const TnMemoryRegionOps io_ops = {
    .read = io_read,
    .write = io_write,
    .valid = { .min = 1, .max = 2, .unaligned = true },
    .impl = { .min = 1, .max = 2, .unaligned = true },
};

/* Copies what is left of the item, then zeroes, to guest memory. */
static gboolean
dma_read_locked(TnFwCfg *self, guint64 address, guint32 length)
{
    TnAddressSpace *space = tn_device_get_platform(TN_DEVICE(self))->memory_space;
    static const guint8 zeroes[CHUNK];
    gsize size;
    const guint8 *data = item_locked(self, &size);

    while (length > 0) {
        const guint8 *from = zeroes;
        guint32 n = MIN(length, CHUNK);

        if (self->offset < size) {
            from = data + self->offset;
            n = (guint32)MIN(n, size - self->offset);
            self->offset += n;
        }
        if (tn_address_space_dma_write(space, address, from, n) != TN_MEM_OK) {
            return FALSE;
        }
        address += n;
        length -= n;
    }
    return TRUE;
}

static gboolean
run_descriptor_locked(TnFwCfg *self, const Descriptor *d)
{
    gsize size;

    if (d->control & DMA_SELECT) {
        select_locked(self, (guint16)(d->control >> 16));
    }
    if (d->control & DMA_READ) {
        return dma_read_locked(self, d->address, d->length);
    }
    if (d->control & DMA_WRITE) {
        return FALSE; /* no item can be written */
    }
    if (d->control & DMA_SKIP) {
        (void)item_locked(self, &size);
        self->offset = (guint32)MIN((guint64)self->offset + d->length, MAX(size, self->offset));
    }
    return TRUE;
}

static void
dma_locked(TnFwCfg *self, guint64 addr)
{
    TnAddressSpace *space = tn_device_get_platform(TN_DEVICE(self))->memory_space;
    Descriptor d;
    guint32 control = GUINT32_TO_BE(DMA_ERROR);

    if (tn_address_space_dma_read(space, addr, &d, sizeof(d)) == TN_MEM_OK) {
        d.control = GUINT32_FROM_BE(d.control);
        d.length = GUINT32_FROM_BE(d.length);
        d.address = GUINT64_FROM_BE(d.address);
        if (run_descriptor_locked(self, &d)) {
            control = 0;
        }
    }
    (void)tn_address_space_dma_write(space, addr, &control, sizeof(control));
}

static uint64_t
dma_io_read(void *opaque, uint64_t addr, unsigned size)
{
    /* The registers are big-endian: port 0x514 holds the first byte. */
    uint64_t value = DMA_SIGNATURE << (8 * addr) >> (64 - 8 * size);

    return size == 8   ? GUINT64_SWAP_LE_BE(value)
           : size == 4 ? GUINT32_SWAP_LE_BE((guint32)value)
           : size == 2 ? GUINT16_SWAP_LE_BE((guint16)value)
                       : value;
}

static void
dma_io_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    TnFwCfg *self = opaque;

    g_mutex_lock(&self->lock);
    if (size == 8 && addr == 0) {
        self->dma_addr = 0;
        dma_locked(self, GUINT64_SWAP_LE_BE(value));
    } else if (size == 4 && addr == 0) {
        self->dma_addr = (guint64)GUINT32_SWAP_LE_BE((guint32)value) << 32;
    } else if (size == 4 && addr == REG_DMA_LOW - REG_DMA_HIGH) {
        guint64 address = self->dma_addr | GUINT32_SWAP_LE_BE((guint32)value);

        self->dma_addr = 0;
        dma_locked(self, address);
    }
    g_mutex_unlock(&self->lock);
}

static const TnMemoryRegionOps dma_io_ops = {
    .read = dma_io_read,
    .write = dma_io_write,
    .valid = { .min = 1, .max = 8 },
    .impl = { .min = 1, .max = 8 },
};

TnFwCfg *
tn_fw_cfg_new(const TnPlatform *platform)
{
    TnFwCfg *self = g_object_new(TN_TYPE_FW_CFG, NULL);

    tn_device_set_platform(TN_DEVICE(self), platform);
    return self;
}

void
tn_fw_cfg_set_item(TnFwCfg *self, guint16 key, const void *data, gsize size)
{
    g_mutex_lock(&self->lock);
    g_hash_table_insert(self->items, GUINT_TO_POINTER((guint)key), g_bytes_new(data, size));
    g_mutex_unlock(&self->lock);
}

void
tn_fw_cfg_set_u16(TnFwCfg *self, guint16 key, guint16 value)
{
    value = GUINT16_TO_LE(value);
    tn_fw_cfg_set_item(self, key, &value, sizeof(value));
}

void
tn_fw_cfg_set_u64(TnFwCfg *self, guint16 key, guint64 value)
{
    value = GUINT64_TO_LE(value);
    tn_fw_cfg_set_item(self, key, &value, sizeof(value));
}

gboolean
tn_fw_cfg_add_file(TnFwCfg *self, const char *name, GBytes *data, GError **error)
{
    File file = { .data = data };
    guint at = 0;

    if (*name == '\0' || strlen(name) > TN_FW_CFG_MAX_NAME) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "fw_cfg: name '%s' is not of 1 to %d bytes", name, TN_FW_CFG_MAX_NAME);
        return FALSE;
    }
    if (self->files->len == TN_FW_CFG_MAX_FILES || g_bytes_get_size(data) > G_MAXUINT32) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "fw_cfg: no room for '%s': the limit is %d files of 4 GiB", name,
                    TN_FW_CFG_MAX_FILES);
        return FALSE;
    }
    while (at < self->files->len &&
           strcmp(g_array_index(self->files, File, at).name, name) < 0) {
        at++;
    }
    if (at < self->files->len && strcmp(g_array_index(self->files, File, at).name, name) == 0) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "duplicate fw_cfg file name: %s", name);
        return FALSE;
    }
    (void)g_strlcpy(file.name, name, sizeof(file.name));
    g_bytes_ref(data);
    g_array_insert_val(self->files, at, file);
    return TRUE;
}

/* Gives the files their numbers and writes the directory. */
static void
publish_files_locked(TnFwCfg *self)
{
    gsize size = sizeof(guint32) + (gsize)self->files->len * DIR_ENTRY_SIZE;
    guint8 *dir = g_malloc0(size);
    guint32 count = GUINT32_TO_BE(self->files->len);

    memcpy(dir, &count, sizeof(count));
    for (guint i = 0; i < self->files->len; i++) {
        const File *file = &g_array_index(self->files, File, i);
        guint8 *entry = dir + sizeof(count) + (gsize)i * DIR_ENTRY_SIZE;
        guint16 key = (guint16)(TN_FW_CFG_FILE_FIRST + i);
        guint32 file_size = GUINT32_TO_BE((guint32)g_bytes_get_size(file->data));
        guint16 select = GUINT16_TO_BE(key);

        memcpy(entry, &file_size, sizeof(file_size));
        memcpy(entry + sizeof(file_size), &select, sizeof(select));
        memcpy(entry + DIR_NAME_OFFSET, file->name, strlen(file->name));
        g_hash_table_insert(self->items, GUINT_TO_POINTER((guint)key), g_bytes_ref(file->data));
    }
    g_hash_table_insert(self->items, GUINT_TO_POINTER(TN_FW_CFG_FILE_DIR),
                        g_bytes_new_take(dir, size));
}

void
tn_fw_cfg_set_file(TnFwCfg *self, const char *name, GBytes *data)
{
    g_mutex_lock(&self->lock);
    for (guint i = 0; i < self->files->len; i++) {
        File *file = &g_array_index(self->files, File, i);

        if (strcmp(file->name, name) == 0) {
            g_bytes_unref(file->data);
            file->data = g_bytes_ref(data);
        }
    }
    publish_files_locked(self);
    g_mutex_unlock(&self->lock);
}

static gboolean
tn_fw_cfg_realize(TnDevice *device, GError **error)
{
    static const guint8 id[] = { FEATURE_TRADITIONAL | FEATURE_DMA, 0, 0, 0 };
    TnFwCfg *self = TN_FW_CFG(device);
    const TnPlatform *p = tn_device_get_platform(device);

    tn_fw_cfg_set_item(self, TN_FW_CFG_SIGNATURE, "QEMU", 4);
    tn_fw_cfg_set_item(self, TN_FW_CFG_ID, id, sizeof(id));
    g_mutex_lock(&self->lock);
    publish_files_locked(self);
    g_mutex_unlock(&self->lock);
    tn_memory_region_init_io(&self->io, p->memory, G_OBJECT(self), &io_ops, self, "fwcfg", 2);
    tn_memory_region_init_io(&self->dma_io, p->memory, G_OBJECT(self), &dma_io_ops, self,
                             "fwcfg.dma", 8);
    tn_memory_begin(p->memory);
    tn_memory_region_add_subregion(p->system_io, TN_FW_CFG_PORT, &self->io);
    tn_memory_region_add_subregion(p->system_io, TN_FW_CFG_PORT + REG_DMA_HIGH, &self->dma_io);
    tn_memory_commit(p->memory);
    return TRUE;
}

static void
tn_fw_cfg_unrealize(TnDevice *device)
{
    TnFwCfg *self = TN_FW_CFG(device);
    const TnPlatform *p = tn_device_get_platform(device);

    tn_memory_begin(p->memory);
    tn_memory_region_del_subregion(p->system_io, &self->io);
    tn_memory_region_del_subregion(p->system_io, &self->dma_io);
    tn_memory_commit(p->memory);
    tn_memory_synchronize(p->memory);
    tn_memory_region_done(&self->io);
    tn_memory_region_done(&self->dma_io);
}

static void
tn_fw_cfg_reset(TnDevice *device)
{
    TnFwCfg *self = TN_FW_CFG(device);

    g_mutex_lock(&self->lock);
    select_locked(self, TN_FW_CFG_SIGNATURE);
    self->dma_addr = 0;
    g_mutex_unlock(&self->lock);
}

static void
tn_fw_cfg_finalize(GObject *object)
{
    TnFwCfg *self = TN_FW_CFG(object);

    g_hash_table_unref(self->items);
    g_array_unref(self->files);
    g_mutex_clear(&self->lock);
    G_OBJECT_CLASS(tn_fw_cfg_parent_class)->finalize(object);
}

/* Any key and offset is safe: what is not there reads as zeroes. */
static const TnStateField state_fields[] = {
    TN_STATE_FIELD(TN_STATE_U16, TnFwCfg, key),
    TN_STATE_FIELD(TN_STATE_U32, TnFwCfg, offset),
    TN_STATE_FIELD(TN_STATE_U64, TnFwCfg, dma_addr),
    TN_STATE_END,
};

static const TnStateTable state_table = {
    .name = "fw_cfg",
    .version = 1,
    .fields = state_fields,
};

static void
tn_fw_cfg_class_init(TnFwCfgClass *klass)
{
    TnObjectClass *tn_class = TN_OBJECT_CLASS(klass);
    TnDeviceClass *device_class = TN_DEVICE_CLASS(klass);

    G_OBJECT_CLASS(klass)->finalize = tn_fw_cfg_finalize;
    tn_class->type_name = "fw_cfg_io";
    tn_class->description = "Firmware configuration";
    device_class->realize = tn_fw_cfg_realize;
    device_class->unrealize = tn_fw_cfg_unrealize;
    device_class->reset = tn_fw_cfg_reset;
    device_class->state = &state_table;
}

static void
tn_fw_cfg_init(TnFwCfg *self)
{
    g_mutex_init(&self->lock);
    self->items = g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)g_bytes_unref);
    self->files = g_array_new(FALSE, FALSE, sizeof(File));
    g_array_set_clear_func(self->files, clear_file);
}
