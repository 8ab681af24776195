/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The MSI-X capability (PCI 3.0, 6.8.2). The table and the pending bits are regions over
 * a BAR; their callbacks take the msix lock alone, and so do senders.
 */
#include "vmm/pci/msix.h"

#include "vmm/pci/device-private.h"

#include <string.h>

#define MSIX_CAPABILITY 0x11
#define MSIX_CAPABILITY_SIZE 12

/* Offsets in the capability. */
#define MSIX_CONTROL 0x02
#define MSIX_TABLE 0x04
#define MSIX_PBA 0x08

#define MSIX_CONTROL_MASKED 0x4000
#define MSIX_CONTROL_ENABLE 0x8000

/* Offsets in a table entry, each 4 bytes. */
#define MSIX_ENTRY_ADDRESS 0x0
#define MSIX_ENTRY_ADDRESS_UPPER 0x4
#define MSIX_ENTRY_DATA 0x8
#define MSIX_ENTRY_CONTROL 0xc

#define MSIX_ENTRY_MASKED 0x1u
#define MSIX_ADDRESS_BITS 0xfffffffcu

typedef struct Entry {
    TnMsiMessage message;
    gboolean masked;  /* its own bit */
    gboolean pending;
    gboolean used;    /* what vector_used and vector_released were last told */
} Entry;

struct TnPciMsix {
    TnPciDevice *device;
    TnPciMsixConfig config; /* offset as it was chosen */
    TnMemoryRegion table, pba;

    GMutex lock;
    /* Under lock. */
    gboolean enabled, function_masked;
    Entry *entries;
};

static gboolean
is_masked_locked(const TnPciMsix *msix, const Entry *entry)
{
    return !msix->enabled || msix->function_masked || entry->masked;
}

/* Tells the owner what became of vector @n, and sends it if it waited for that.
 * @rewritten: its message is another now. */
static void
follow_locked(TnPciMsix *msix, unsigned n, gboolean rewritten)
{
    Entry *entry = &msix->entries[n];
    gboolean use = !is_masked_locked(msix, entry);

    if (entry->used && !use) {
        entry->used = FALSE;
        if (msix->config.vector_released) {
            msix->config.vector_released(msix->device, n);
        }
    } else if (use && (!entry->used || rewritten)) {
        entry->used = TRUE;
        if (msix->config.vector_used) {
            msix->config.vector_used(msix->device, n, &entry->message);
        }
    }
    if (use && entry->pending) {
        entry->pending = FALSE;
        tn_pci_master_send(msix->device, &entry->message);
    }
}

static uint64_t
table_read(void *opaque, uint64_t addr, unsigned size)
{
    TnPciMsix *msix = opaque;
    const Entry *entry = &msix->entries[addr / TN_PCI_MSIX_ENTRY_SIZE];
    guint32 value;

    g_mutex_lock(&msix->lock);
    switch (addr % TN_PCI_MSIX_ENTRY_SIZE) {
    case MSIX_ENTRY_ADDRESS:
        value = (guint32)entry->message.address;
        break;
    case MSIX_ENTRY_ADDRESS_UPPER:
        value = (guint32)(entry->message.address >> 32);
        break;
    case MSIX_ENTRY_DATA:
        value = entry->message.data;
        break;
    default:
        value = entry->masked ? MSIX_ENTRY_MASKED : 0;
        break;
    }
    g_mutex_unlock(&msix->lock);
    return value;
}

static void
table_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    TnPciMsix *msix = opaque;
    unsigned n = (unsigned)(addr / TN_PCI_MSIX_ENTRY_SIZE);
    Entry *entry = &msix->entries[n];
    TnMsiMessage before;

    g_mutex_lock(&msix->lock);
    before = entry->message;
    switch (addr % TN_PCI_MSIX_ENTRY_SIZE) {
    case MSIX_ENTRY_ADDRESS:
        entry->message.address = (before.address & ~(guint64)G_MAXUINT32) |
                                 (value & MSIX_ADDRESS_BITS);
        break;
    case MSIX_ENTRY_ADDRESS_UPPER:
        entry->message.address = (before.address & G_MAXUINT32) | (value << 32);
        break;
    case MSIX_ENTRY_DATA:
        entry->message.data = (guint32)value;
        break;
    default:
        entry->masked = (value & MSIX_ENTRY_MASKED) != 0;
        break;
    }
    follow_locked(msix, n,
                  before.address != entry->message.address ||
                      before.data != entry->message.data);
    g_mutex_unlock(&msix->lock);
}

static uint64_t
pba_read(void *opaque, uint64_t addr, unsigned size)
{
    TnPciMsix *msix = opaque;
    unsigned first = (unsigned)addr * 8;
    guint32 value = 0;

    g_mutex_lock(&msix->lock);
    for (unsigned i = 0; i < 32 && first + i < msix->config.vectors; i++) {
        value |= msix->entries[first + i].pending ? 1u << i : 0;
    }
    g_mutex_unlock(&msix->lock);
    return value;
}

/* Read-only by the specification. */
static void
pba_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
}

/* 4 and 8 bytes are what the specification allows (6.8.2); others are refused. */
static const TnMemoryRegionOps table_ops = {
    .read = table_read,
    .write = table_write,
    .valid = { .min = 4, .max = 8 },
    .impl = { .min = 4, .max = 4 },
};

static const TnMemoryRegionOps pba_ops = {
    .read = pba_read,
    .write = pba_write,
    .valid = { .min = 4, .max = 8 },
    .impl = { .min = 4, .max = 4 },
};

static guint32
table_size(const TnPciMsixConfig *config)
{
    return config->vectors * TN_PCI_MSIX_ENTRY_SIZE;
}

static guint32
pba_size(const TnPciMsixConfig *config)
{
    return (config->vectors + 63) / 64 * 8;
}

static gboolean
check_places(TnPciDevice *self, const TnPciMsixConfig *c, GError **error)
{
    const char *type = tn_object_get_type_name(TN_OBJECT(self));
    guint64 table_end = (guint64)c->table_offset + table_size(c);
    guint64 pba_end = (guint64)c->pba_offset + pba_size(c);

    if (c->table_bar == c->pba_bar && c->table_offset < pba_end && c->pba_offset < table_end) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "%s: table & pba overlap: table 0x%x+0x%x, pba 0x%x+0x%x in BAR %u", type,
                    c->table_offset, table_size(c), c->pba_offset, pba_size(c), c->table_bar);
        return FALSE;
    }
    if (table_end > tn_memory_region_size(c->table_region) ||
        pba_end > tn_memory_region_size(c->pba_region)) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "%s: table & pba don't fit in BARs: table up to 0x%" G_GINT64_MODIFIER
                    "x in BAR %u, pba up to 0x%" G_GINT64_MODIFIER "x in BAR %u",
                    type, table_end, c->table_bar, pba_end, c->pba_bar);
        return FALSE;
    }
    return TRUE;
}

static void
set_up_registers(TnPciConfig *config, const TnPciMsixConfig *c)
{
    tn_pci_config_set_word(config, c->offset + MSIX_CONTROL, (guint16)(c->vectors - 1));
    tn_pci_config_allow(config, c->offset + MSIX_CONTROL,
                        MSIX_CONTROL_ENABLE | MSIX_CONTROL_MASKED, 2);
    tn_pci_config_set_long(config, c->offset + MSIX_TABLE, c->table_offset | c->table_bar);
    tn_pci_config_set_long(config, c->offset + MSIX_PBA, c->pba_offset | c->pba_bar);
}

static void
lay_regions(TnPciMsix *msix)
{
    TnPciDevice *self = msix->device;
    TnMemory *memory = tn_device_get_platform(TN_DEVICE(self))->memory;
    const TnPciMsixConfig *c = &msix->config;

    tn_memory_begin(memory);
    tn_memory_region_init_io(&msix->table, memory, G_OBJECT(self), &table_ops, msix, "msix-table",
                             table_size(c));
    tn_memory_region_init_io(&msix->pba, memory, G_OBJECT(self), &pba_ops, msix, "msix-pba",
                             pba_size(c));
    tn_memory_region_add_subregion_overlap(c->table_region, c->table_offset, &msix->table, 1);
    tn_memory_region_add_subregion_overlap(c->pba_region, c->pba_offset, &msix->pba, 1);
    tn_memory_commit(memory);
}

gboolean
tn_pci_msix_init(TnPciDevice *self, const TnPciMsixConfig *config, GError **error)
{
    TnPciMsix *msix;
    guint8 offset;

    g_assert(!self->msix && config->vectors >= 1 && config->vectors <= TN_PCI_MSIX_MAX_VECTORS);
    g_assert(config->table_offset % 8 == 0 && config->pba_offset % 8 == 0);

    if (!check_places(self, config, error)) {
        return FALSE;
    }
    offset = tn_pci_device_add_capability(self, MSIX_CAPABILITY, config->offset,
                                          MSIX_CAPABILITY_SIZE, error);
    if (!offset) {
        return FALSE;
    }
    msix = g_new0(TnPciMsix, 1);
    msix->device = self;
    msix->config = *config;
    msix->config.offset = offset;
    msix->entries = g_new0(Entry, config->vectors);
    for (unsigned i = 0; i < config->vectors; i++) {
        msix->entries[i].masked = TRUE;
    }
    g_mutex_init(&msix->lock);
    set_up_registers(&self->config, &msix->config);
    lay_regions(msix);
    self->msix = msix;
    return TRUE;
}

void
tn_pci_msix_done(TnPciDevice *self)
{
    TnPciMsix *msix = g_steal_pointer(&self->msix);
    TnMemory *memory = tn_device_get_platform(TN_DEVICE(self))->memory;

    if (!msix) {
        return;
    }
    tn_memory_begin(memory);
    tn_memory_region_del_subregion(msix->config.pba_region, &msix->pba);
    tn_memory_region_del_subregion(msix->config.table_region, &msix->table);
    tn_memory_commit(memory);
    /* No access of a guest is inside of the callbacks when the state goes. */
    tn_memory_synchronize(memory);
    tn_memory_region_done(&msix->pba);
    tn_memory_region_done(&msix->table);
    g_mutex_clear(&msix->lock);
    g_free(msix->entries);
    g_free(msix);
}

void
tn_pci_msix_written(TnPciDevice *self, unsigned offset, unsigned size)
{
    TnPciMsix *msix = self->msix;
    unsigned control;

    if (!msix || !tn_pci_config_touches(offset, size, msix->config.offset + MSIX_CONTROL, 2)) {
        return;
    }
    control = tn_pci_config_get_word(&self->config, msix->config.offset + MSIX_CONTROL);
    g_mutex_lock(&msix->lock);
    msix->enabled = (control & MSIX_CONTROL_ENABLE) != 0;
    msix->function_masked = (control & MSIX_CONTROL_MASKED) != 0;
    for (unsigned i = 0; i < msix->config.vectors; i++) {
        follow_locked(msix, i, FALSE);
    }
    g_mutex_unlock(&msix->lock);
}

void
tn_pci_msix_reset(TnPciDevice *self)
{
    TnPciMsix *msix = self->msix;

    if (!msix) {
        return;
    }
    tn_pci_config_set_word(&self->config, msix->config.offset + MSIX_CONTROL,
                           (guint16)(msix->config.vectors - 1));
    g_mutex_lock(&msix->lock);
    msix->enabled = FALSE;
    msix->function_masked = FALSE;
    for (unsigned i = 0; i < msix->config.vectors; i++) {
        Entry *entry = &msix->entries[i];

        entry->message = (TnMsiMessage){ 0 };
        entry->masked = TRUE;
        entry->pending = FALSE;
        follow_locked(msix, i, FALSE);
    }
    g_mutex_unlock(&msix->lock);
}

gboolean
tn_pci_msix_is_enabled(TnPciDevice *self)
{
    gboolean enabled = FALSE;

    if (self->msix) {
        g_mutex_lock(&self->msix->lock);
        enabled = self->msix->enabled;
        g_mutex_unlock(&self->msix->lock);
    }
    return enabled;
}

gboolean
tn_pci_msix_is_masked(TnPciDevice *self, unsigned vector)
{
    gboolean masked;

    g_return_val_if_fail(self->msix && vector < self->msix->config.vectors, TRUE);

    g_mutex_lock(&self->msix->lock);
    masked = is_masked_locked(self->msix, &self->msix->entries[vector]);
    g_mutex_unlock(&self->msix->lock);
    return masked;
}

void
tn_pci_msix_get_message(TnPciDevice *self, unsigned vector, TnMsiMessage *ret_message)
{
    g_return_if_fail(self->msix && vector < self->msix->config.vectors);

    g_mutex_lock(&self->msix->lock);
    *ret_message = self->msix->entries[vector].message;
    g_mutex_unlock(&self->msix->lock);
}

void
tn_pci_msix_send(TnPciDevice *self, unsigned vector)
{
    TnPciMsix *msix = self->msix;

    g_return_if_fail(msix && vector < msix->config.vectors);

    g_mutex_lock(&msix->lock);
    if (msix->enabled) {
        msix->entries[vector].pending = TRUE;
        follow_locked(msix, vector, FALSE);
    }
    g_mutex_unlock(&msix->lock);
}

void
tn_pci_msix_set_pending(TnPciDevice *self, unsigned vector, gboolean pending)
{
    TnPciMsix *msix = self->msix;

    g_return_if_fail(msix && vector < msix->config.vectors);

    g_mutex_lock(&msix->lock);
    msix->entries[vector].pending = pending;
    g_mutex_unlock(&msix->lock);
}

/* Vectors are told of anew when the capability's control, loaded after this, is followed. */
static gboolean
state_post_load(void *opaque, unsigned version, GError **error)
{
    TnPciMsix *msix = opaque;

    g_mutex_lock(&msix->lock);
    for (unsigned i = 0; i < msix->config.vectors; i++) {
        Entry *entry = &msix->entries[i];

        /* As the guest could not have written them. */
        entry->message.address &= ~(guint64)(guint32)~MSIX_ADDRESS_BITS;
        if (entry->used) {
            entry->used = FALSE;
            if (msix->config.vector_released) {
                msix->config.vector_released(msix->device, i);
            }
        }
    }
    g_mutex_unlock(&msix->lock);
    return TRUE;
}

static const TnStateField entry_fields[] = {
    TN_STATE_FIELD(TN_STATE_U64, Entry, message.address),
    TN_STATE_FIELD(TN_STATE_U32, Entry, message.data),
    TN_STATE_FIELD(TN_STATE_BOOL, Entry, masked),
    TN_STATE_FIELD(TN_STATE_BOOL, Entry, pending),
    TN_STATE_END,
};

static const TnStateTable entry_state = {
    .name = "msix-entry",
    .version = 1,
    .fields = entry_fields,
};

static const TnStateField state_fields[] = {
    TN_STATE_STRUCTS(TnPciMsix, entries, config.vectors, Entry, &entry_state),
    TN_STATE_END,
};

const TnStateTable tn_pci_msix_state = {
    .name = "msix",
    .version = 1,
    .fields = state_fields,
    .post_load = state_post_load,
};
