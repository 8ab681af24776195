/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The MSI capability (PCI 3.0, 6.8.1). Config space holds the guest's registers; what
 * senders need is copied out of it, so that they take no config lock.
 */
#include "vmm/pci/msi.h"

#include "vmm/pci/device-private.h"

#define MSI_CAPABILITY 0x05

/* Offsets in the capability; those past the address depend on its form. */
#define MSI_CONTROL 0x02
#define MSI_ADDRESS 0x04
#define MSI_ADDRESS_UPPER 0x08
#define MSI_DATA_32 0x08
#define MSI_DATA_64 0x0c
#define MSI_MASK_AFTER_DATA 4

#define MSI_CONTROL_ENABLE 0x0001
#define MSI_CONTROL_CAPABLE_SHIFT 1
#define MSI_CONTROL_ALLOCATED_SHIFT 4
#define MSI_CONTROL_ALLOCATED 0x0070
#define MSI_CONTROL_64BIT 0x0080
#define MSI_CONTROL_MASKABLE 0x0100

#define MSI_ADDRESS_BITS 0xfffffffcu
#define MSI_MAX_VECTORS 32

struct TnPciMsi {
    TnPciMsiConfig config; /* offset as it was chosen */
    unsigned size;

    GMutex lock;
    /* Under lock. */
    gboolean enabled;
    unsigned allocated; /* 1 .. config.vectors */
    TnMsiMessage message;
    guint32 mask, pending;
};

static unsigned
data_at(const TnPciMsi *msi)
{
    return msi->config.offset + (msi->config.is_64bit ? MSI_DATA_64 : MSI_DATA_32);
}

static unsigned
mask_at(const TnPciMsi *msi)
{
    return data_at(msi) + MSI_MASK_AFTER_DATA;
}

static unsigned
pending_at(const TnPciMsi *msi)
{
    return mask_at(msi) + 4;
}

static guint32
all_vectors(unsigned vectors)
{
    return vectors >= MSI_MAX_VECTORS ? G_MAXUINT32 : (1u << vectors) - 1;
}

static unsigned
log2_of(unsigned value)
{
    return (unsigned)g_bit_nth_lsf(value, -1);
}

static void
set_up_registers(TnPciConfig *config, const TnPciMsi *msi)
{
    const TnPciMsiConfig *c = &msi->config;
    unsigned control = log2_of(c->vectors) << MSI_CONTROL_CAPABLE_SHIFT;

    control |= c->is_64bit ? MSI_CONTROL_64BIT : 0;
    control |= c->maskable ? MSI_CONTROL_MASKABLE : 0;
    tn_pci_config_set_word(config, c->offset + MSI_CONTROL, (guint16)control);
    tn_pci_config_allow(config, c->offset + MSI_CONTROL,
                        MSI_CONTROL_ENABLE | MSI_CONTROL_ALLOCATED, 2);
    tn_pci_config_allow(config, c->offset + MSI_ADDRESS, MSI_ADDRESS_BITS, 4);
    if (c->is_64bit) {
        tn_pci_config_allow(config, c->offset + MSI_ADDRESS_UPPER, 0xffffffff, 4);
    }
    tn_pci_config_allow(config, data_at(msi), 0xffff, 2);
    if (c->maskable) {
        tn_pci_config_allow(config, mask_at(msi), all_vectors(c->vectors), 4);
    }
}

gboolean
tn_pci_msi_init(TnPciDevice *self, const TnPciMsiConfig *config, GError **error)
{
    TnPciMsi *msi;
    unsigned size = config->is_64bit ? MSI_DATA_64 + 2 : MSI_DATA_32 + 2;
    guint8 offset;

    g_assert(!self->msi && config->vectors >= 1 && config->vectors <= MSI_MAX_VECTORS &&
             (config->vectors & (config->vectors - 1)) == 0);

    if (config->maskable) {
        size += 2 + 8;
    }
    offset = tn_pci_device_add_capability(self, MSI_CAPABILITY, config->offset, (guint8)size,
                                          error);
    if (!offset) {
        return FALSE;
    }
    msi = g_new0(TnPciMsi, 1);
    msi->config = *config;
    msi->config.offset = offset;
    msi->size = size;
    msi->allocated = 1;
    g_mutex_init(&msi->lock);
    set_up_registers(&self->config, msi);
    self->msi = msi;
    return TRUE;
}

void
tn_pci_msi_free(TnPciDevice *self)
{
    TnPciMsi *msi = g_steal_pointer(&self->msi);

    if (msi) {
        g_mutex_clear(&msi->lock);
        g_free(msi);
    }
}

static void
message_locked(const TnPciMsi *msi, unsigned vector, TnMsiMessage *ret_message)
{
    guint32 bits = msi->allocated - 1;

    *ret_message = msi->message;
    ret_message->data = (ret_message->data & ~bits) | (vector & bits);
}

/* Copies the registers out. Returns the vectors whose pending bit now goes out as a
 * message; they are cleared. */
static guint32
take_over_locked(TnPciDevice *self, TnPciMsi *msi)
{
    const TnPciConfig *config = &self->config;
    unsigned control = tn_pci_config_get_word(config, msi->config.offset + MSI_CONTROL);
    unsigned allocated = 1u << ((control & MSI_CONTROL_ALLOCATED) >> MSI_CONTROL_ALLOCATED_SHIFT);
    guint32 due;

    msi->enabled = (control & MSI_CONTROL_ENABLE) != 0;
    /* More than there are counts as all of them. */
    msi->allocated = MIN(allocated, msi->config.vectors);
    msi->message.address = tn_pci_config_get_long(config, msi->config.offset + MSI_ADDRESS);
    if (msi->config.is_64bit) {
        msi->message.address |=
            (guint64)tn_pci_config_get_long(config, msi->config.offset + MSI_ADDRESS_UPPER) << 32;
    }
    msi->message.data = tn_pci_config_get_word(config, data_at(msi));
    msi->mask = msi->config.maskable ? tn_pci_config_get_long(config, mask_at(msi)) : 0;
    due = msi->enabled ? msi->pending & ~msi->mask : 0;
    msi->pending &= ~due;
    return due;
}

void
tn_pci_msi_written(TnPciDevice *self, unsigned offset, unsigned size)
{
    TnPciMsi *msi = self->msi;
    TnMsiMessage messages[MSI_MAX_VECTORS];
    guint32 due;

    if (!msi || !tn_pci_config_touches(offset, size, msi->config.offset, msi->size)) {
        return;
    }
    g_mutex_lock(&msi->lock);
    due = take_over_locked(self, msi);
    for (unsigned i = 0; i < MSI_MAX_VECTORS; i++) {
        message_locked(msi, i, &messages[i]);
    }
    g_mutex_unlock(&msi->lock);
    for (unsigned i = 0; i < MSI_MAX_VECTORS; i++) {
        if (due & (1u << i)) {
            tn_pci_master_send(self, &messages[i]);
        }
    }
    if (msi->config.changed) {
        msi->config.changed(self);
    }
}

guint32
tn_pci_msi_overlay(TnPciDevice *self, unsigned offset, guint32 value, unsigned size)
{
    TnPciMsi *msi = self->msi;
    guint32 pending;

    if (!msi || !msi->config.maskable ||
        !tn_pci_config_touches(offset, size, pending_at(msi), 4)) {
        return value;
    }
    g_mutex_lock(&msi->lock);
    pending = msi->pending;
    g_mutex_unlock(&msi->lock);
    for (unsigned i = 0; i < size; i++) {
        unsigned at = offset + i;

        if (at >= pending_at(msi) && at < pending_at(msi) + 4) {
            value |= ((pending >> (8 * (at - pending_at(msi)))) & 0xff) << (8 * i);
        }
    }
    return value;
}

void
tn_pci_msi_reset(TnPciDevice *self)
{
    TnPciMsi *msi = self->msi;
    TnPciConfig *config = &self->config;

    if (!msi) {
        return;
    }
    for (unsigned i = msi->config.offset + MSI_CONTROL; i < msi->config.offset + msi->size; i++) {
        config->value[i] &= (guint8)~config->writable[i];
    }
    g_mutex_lock(&msi->lock);
    msi->pending = 0;
    (void)take_over_locked(self, msi);
    g_mutex_unlock(&msi->lock);
    if (msi->config.changed) {
        msi->config.changed(self);
    }
}

gboolean
tn_pci_msi_is_enabled(TnPciDevice *self)
{
    gboolean enabled = FALSE;

    if (self->msi) {
        g_mutex_lock(&self->msi->lock);
        enabled = self->msi->enabled;
        g_mutex_unlock(&self->msi->lock);
    }
    return enabled;
}

unsigned
tn_pci_msi_get_allocated(TnPciDevice *self)
{
    unsigned allocated;

    g_return_val_if_fail(self->msi, 1);

    g_mutex_lock(&self->msi->lock);
    allocated = self->msi->allocated;
    g_mutex_unlock(&self->msi->lock);
    return allocated;
}

gboolean
tn_pci_msi_is_masked(TnPciDevice *self, unsigned vector)
{
    gboolean masked;

    g_return_val_if_fail(self->msi && vector < MSI_MAX_VECTORS, TRUE);

    g_mutex_lock(&self->msi->lock);
    masked = (self->msi->mask & (1u << vector)) != 0;
    g_mutex_unlock(&self->msi->lock);
    return masked;
}

void
tn_pci_msi_get_message(TnPciDevice *self, unsigned vector, TnMsiMessage *ret_message)
{
    g_return_if_fail(self->msi);

    g_mutex_lock(&self->msi->lock);
    message_locked(self->msi, vector, ret_message);
    g_mutex_unlock(&self->msi->lock);
}

void
tn_pci_msi_send(TnPciDevice *self, unsigned vector)
{
    TnPciMsi *msi = self->msi;
    TnMsiMessage message;
    gboolean send;

    g_return_if_fail(msi && vector < MSI_MAX_VECTORS);

    g_mutex_lock(&msi->lock);
    send = msi->enabled && !(msi->mask & (1u << vector));
    if (msi->enabled && !send) {
        msi->pending |= 1u << vector;
    }
    message_locked(msi, vector, &message);
    g_mutex_unlock(&msi->lock);
    if (send) {
        tn_pci_master_send(self, &message);
    }
}

/* The other fields are configuration space's, which is loaded after this and written anew. */
static gboolean
state_post_load(void *opaque, unsigned version, GError **error)
{
    TnPciMsi *msi = opaque;

    if (msi->pending & ~all_vectors(msi->config.vectors)) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "MSI: pending bits 0x%x, and only %u vectors", msi->pending,
                    msi->config.vectors);
        return FALSE;
    }
    return TRUE;
}

static const TnStateField state_fields[] = {
    TN_STATE_FIELD(TN_STATE_U32, TnPciMsi, pending),
    TN_STATE_END,
};

const TnStateTable tn_pci_msi_state = {
    .name = "msi",
    .version = 1,
    .fields = state_fields,
    .post_load = state_post_load,
};
