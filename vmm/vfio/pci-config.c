/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Configuration space as the guest sees it: a mask says which bits the device answers; all
 * others are ours. Which capabilities are shown is a table, with reasons.
 * Spec: PCI Local Bus 3.0, chapter 6 and appendix H; PCI Bus Power Management 1.2, 3.2.4.
 *
 * Extended configuration space, from 0x100 on, has no place on a conventional bus and is not
 * offered.
 */
#include "vmm/vfio/pci-private.h"

#include "vmm/core/log.h"
#include "vmm/pci/msi.h"
#include "vmm/pci/msix.h"

#include <linux/vfio.h>
#include <string.h>

#define REG_BIST 0x0f
#define CAP_ID 0
#define CAP_NEXT 1
#define CAP_CONTROL 2
#define MAX_CAPS 48 /* as many as fit: 192 bytes of four at least */

#define STATUS_CAP_LIST 0x0010
#define HEADER_LAYOUT 0x7f

#define MSI_CONTROL_64BIT 0x0080
#define MSI_CONTROL_MASKABLE 0x0100
#define MSIX_TABLE 4
#define MSIX_PBA 8
#define MSIX_BIR 0x7
#define MSIX_CONTROL_SIZE 0x07ff

#define PM_NO_SOFT_RESET 0x08 /* of PM_CONTROL: what D3hot forgets is nothing */
#define EXP_CAPABILITIES 4
#define EXP_CAPABILITY_FLR 0x10000000
#define AF_CAPABILITIES 3
#define AF_CAPABILITY_TP_FLR 0x03 /* transactions pending, function level reset */

typedef enum {
    CAP_SHOWN,    /* the device's own bytes */
    CAP_EMULATED, /* made by vmm/pci */
    CAP_HIDDEN,
} CapKind;

typedef struct CapRow {
    guint8 id;
    CapKind kind;
    const char *reason;
} CapRow;

enum {
    CAP_ID_PM = 0x01,
    CAP_ID_MSI = 0x05,
    CAP_ID_EXP = 0x10,
    CAP_ID_MSIX = 0x11,
    CAP_ID_AF = 0x13,
};

static const CapRow cap_rows[] = {
    { CAP_ID_PM, CAP_SHOWN, "power management: the kernel carries out changes of state" },
    { 0x02, CAP_HIDDEN, "AGP: there is no AGP bridge above the device" },
    { 0x03, CAP_SHOWN, "vital product data: the kernel serializes accesses" },
    { 0x04, CAP_HIDDEN, "slot identification: names a slot of the host's chassis" },
    { CAP_ID_MSI, CAP_EMULATED, "messages go to the guest's interrupt controllers" },
    { 0x06, CAP_HIDDEN, "CompactPCI hot swap: the host's business" },
    { 0x07, CAP_SHOWN, "PCI-X: drivers read its limits" },
    { 0x08, CAP_SHOWN, "HyperTransport: the kernel knows its length" },
    { 0x09, CAP_SHOWN, "vendor's own: its drivers know" },
    { 0x0a, CAP_SHOWN, "debug port: in a BAR" },
    { 0x0b, CAP_HIDDEN, "CompactPCI central resource control: the host's business" },
    { 0x0c, CAP_HIDDEN, "hot-plug controller: the guest's slots are ACPI's" },
    { 0x0d, CAP_SHOWN, "bridge's subsystem ids: constant" },
    { 0x0e, CAP_HIDDEN, "AGP 8x: as AGP" },
    { 0x0f, CAP_HIDDEN, "secure device (an IOMMU): maps are the host's business" },
    { CAP_ID_EXP, CAP_SHOWN, "PCI Express: some drivers insist on it, even on a conventional bus" },
    { CAP_ID_MSIX, CAP_EMULATED, "messages go to the guest's interrupt controllers" },
    { 0x12, CAP_SHOWN, "SATA: constant" },
    { CAP_ID_AF, CAP_SHOWN, "advanced features: the kernel carries out the function reset" },
};

/* What the table does not name is hidden: nobody knows what writing to it reaches. */
static CapKind
kind_of_cap(guint8 id)
{
    for (gsize i = 0; i < G_N_ELEMENTS(cap_rows); i++) {
        if (cap_rows[i].id == id) {
            return cap_rows[i].kind;
        }
    }
    return CAP_HIDDEN;
}

gboolean
tn_vfio_config_read_device(TnVfioPci *self, unsigned offset, unsigned size, guint32 *ret_value)
{
    guint32 value = 0;

    if (!tn_vfio_region_read(&self->vfio, &self->config, offset, &value, size)) {
        return FALSE;
    }
    *ret_value = GUINT32_FROM_LE(value);
    return TRUE;
}

gboolean
tn_vfio_config_write_device(TnVfioPci *self, unsigned offset, unsigned size, guint32 value)
{
    guint32 bytes = GUINT32_TO_LE(value);

    return tn_vfio_region_write(&self->vfio, &self->config, offset, &bytes, size);
}

static void
answer_by_device(TnVfioPci *self, unsigned offset, unsigned size)
{
    memset(self->hardware + offset, 0xff, size);
}

static void
setup_header(TnVfioPci *self, const guint8 *device)
{
    static const guint8 copied[] = {
        TN_PCI_REG_VENDOR_ID, TN_PCI_REG_VENDOR_ID + 1, TN_PCI_REG_DEVICE_ID,
        TN_PCI_REG_DEVICE_ID + 1, TN_PCI_REG_REVISION, TN_PCI_REG_CLASS, TN_PCI_REG_CLASS + 1,
        TN_PCI_REG_CLASS + 2, 0x28, 0x29, 0x2a, 0x2b, TN_PCI_REG_SUBSYSTEM_VENDOR_ID,
        TN_PCI_REG_SUBSYSTEM_VENDOR_ID + 1, TN_PCI_REG_SUBSYSTEM_ID, TN_PCI_REG_SUBSYSTEM_ID + 1,
        TN_PCI_REG_INTERRUPT_PIN, 0x3e, 0x3f,
    };
    TnPciConfig *config = &TN_PCI_DEVICE(self)->config;
    const struct {
        unsigned reg;
        guint id;
    } overrides[] = {
        { TN_PCI_REG_VENDOR_ID, self->vendor_id },
        { TN_PCI_REG_DEVICE_ID, self->device_id },
        { TN_PCI_REG_SUBSYSTEM_VENDOR_ID, self->sub_vendor_id },
        { TN_PCI_REG_SUBSYSTEM_ID, self->sub_device_id },
    };

    for (gsize i = 0; i < G_N_ELEMENTS(copied); i++) {
        tn_pci_config_set_byte(config, copied[i], device[copied[i]]);
    }
    for (gsize i = 0; i < G_N_ELEMENTS(overrides); i++) {
        if (overrides[i].id != TN_VFIO_ID_ANY) {
            tn_pci_config_set_word(config, overrides[i].reg, (guint16)overrides[i].id);
        }
    }
    /* Errors are the device's to say and to forget; that there are capabilities is ours. */
    answer_by_device(self, TN_PCI_REG_STATUS, 2);
    self->hardware[TN_PCI_REG_STATUS] &= (guint8)~STATUS_CAP_LIST;
    answer_by_device(self, TN_PCI_REG_CACHE_LINE_SIZE, 2);
    answer_by_device(self, TN_PCI_REG_FIRST_OWN, TN_PCI_CONFIG_SIZE - TN_PCI_REG_FIRST_OWN);
}

static guint32
get_long(const guint8 *device, unsigned offset)
{
    return device[offset] | (guint32)device[offset + 1] << 8 | (guint32)device[offset + 2] << 16 |
           (guint32)device[offset + 3] << 24;
}

static void
note_msi(TnVfioMsiCaps *caps, const guint8 *device, guint8 at)
{
    guint32 control = get_long(device, at) >> 16;

    caps->msi_offset = at;
    caps->msi_vectors = 1U << MIN((control >> 1) & 7, 5);
    caps->msi_64bit = (control & MSI_CONTROL_64BIT) != 0;
    caps->msi_maskable = (control & MSI_CONTROL_MASKABLE) != 0;
}

static void
note_msix(TnVfioMsiCaps *caps, const guint8 *device, guint8 at)
{
    guint32 table = get_long(device, at + MSIX_TABLE);
    guint32 pba = get_long(device, at + MSIX_PBA);

    caps->msix_offset = at;
    caps->msix_vectors = ((get_long(device, at) >> 16) & MSIX_CONTROL_SIZE) + 1;
    caps->table_bar = table & MSIX_BIR;
    caps->table_offset = table & ~(guint32)MSIX_BIR;
    caps->pba_bar = pba & MSIX_BIR;
    caps->pba_offset = pba & ~(guint32)MSIX_BIR;
}

/* Offsets of the device's capabilities in the order of its chain. */
static unsigned
walk_caps(const guint8 *device, guint8 *ret_caps)
{
    unsigned n = 0;
    guint8 at = device[TN_PCI_REG_CAPABILITIES] & 0xfc;

    if (!(device[TN_PCI_REG_STATUS] & STATUS_CAP_LIST)) {
        return 0;
    }
    while (at >= TN_PCI_REG_FIRST_OWN && n < MAX_CAPS) {
        /* A chain that bites its tail ends there. */
        if (memchr(ret_caps, at, n)) {
            break;
        }
        ret_caps[n++] = at;
        at = device[at + CAP_NEXT] & 0xfc;
    }
    return n;
}

/* Where the bytes of the capability at @at end at the latest. */
static unsigned
end_of_cap(const guint8 *caps, unsigned n_caps, guint8 at)
{
    unsigned end = TN_PCI_CONFIG_SIZE;

    for (unsigned i = 0; i < n_caps; i++) {
        if (caps[i] > at && caps[i] < end) {
            end = caps[i];
        }
    }
    return end;
}

/* Which resets the function has of its own: PCI Express 2.0, 7.8.3; PCI AF ECN; PM 1.2, 3.2.4. */
static void
note_resets(TnVfioPci *self, const guint8 *device, guint8 at, unsigned room)
{
    if (device[at] == CAP_ID_PM && room >= 8) {
        self->has_pm_reset = (device[at + TN_VFIO_PM_CONTROL] & PM_NO_SOFT_RESET) == 0;
    } else if (device[at] == CAP_ID_EXP && room >= 8) {
        self->has_flr |= (get_long(device, at + EXP_CAPABILITIES) & EXP_CAPABILITY_FLR) != 0;
    } else if (device[at] == CAP_ID_AF && room >= 4) {
        self->has_flr |= (device[at + AF_CAPABILITIES] & AF_CAPABILITY_TP_FLR) ==
                         AF_CAPABILITY_TP_FLR;
    }
}

static void
setup_cap(TnVfioPci *self, const guint8 *device, guint8 at, unsigned end)
{
    TnPciConfig *config = &TN_PCI_DEVICE(self)->config;
    unsigned room = end - at;

    switch (kind_of_cap(device[at])) {
    case CAP_SHOWN:
        /* The chain is ours, as it may leave some out. */
        self->hardware[at + CAP_ID] = self->hardware[at + CAP_NEXT] = 0;
        tn_pci_config_set_byte(config, at, device[at]);
        if (device[at] == CAP_ID_PM && room >= 8) {
            self->pm_offset = at;
        }
        note_resets(self, device, at, room);
        return;
    case CAP_EMULATED:
        if (device[at] == CAP_ID_MSI && self->caps.msi_vectors == 0 && room >= 10) {
            note_msi(&self->caps, device, at);
        } else if (device[at] == CAP_ID_MSIX && self->caps.msix_vectors == 0 && room >= 12) {
            note_msix(&self->caps, device, at);
        }
        break;
    case CAP_HIDDEN:
        break;
    }
    memset(self->hardware + at, 0, room);
}

gboolean
tn_vfio_config_setup(TnVfioPci *self, GError **error)
{
    guint8 device[TN_PCI_CONFIG_SIZE];
    guint8 caps[MAX_CAPS];
    unsigned n_caps;

    if (!tn_vfio_device_get_region(&self->vfio, VFIO_PCI_CONFIG_REGION_INDEX, &self->config,
                                   error)) {
        return FALSE;
    }
    if (!tn_vfio_region_read(&self->vfio, &self->config, 0, device, sizeof device)) {
        g_set_error_literal(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                            "failed to read device config space");
        return FALSE;
    }
    if ((device[TN_PCI_REG_HEADER_TYPE] & HEADER_LAYOUT) != 0) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "header type %u: bridges cannot be given to a guest",
                    device[TN_PCI_REG_HEADER_TYPE] & HEADER_LAYOUT);
        return FALSE;
    }
    memset(self->hardware, 0, sizeof self->hardware);
    memset(&self->caps, 0, sizeof self->caps);
    self->pm_offset = 0;
    self->has_flr = self->has_pm_reset = FALSE;
    setup_header(self, device);
    n_caps = walk_caps(device, caps);
    for (unsigned i = 0; i < n_caps; i++) {
        setup_cap(self, device, caps[i], end_of_cap(caps, n_caps, caps[i]));
    }
    return TRUE;
}

/* Whether the guest finds it in the chain. */
static gboolean
is_shown(TnVfioPci *self, guint8 id, guint8 at)
{
    switch (kind_of_cap(id)) {
    case CAP_SHOWN:
        return TRUE;
    case CAP_EMULATED:
        return (self->has_msi && at == self->caps.msi_offset) ||
               (self->has_msix && at == self->caps.msix_offset);
    case CAP_HIDDEN:
        break;
    }
    return FALSE;
}

void
tn_vfio_config_link(TnVfioPci *self)
{
    TnPciConfig *config = &TN_PCI_DEVICE(self)->config;
    guint8 device[TN_PCI_CONFIG_SIZE];
    guint8 caps[MAX_CAPS];
    unsigned n_caps;
    unsigned link = TN_PCI_REG_CAPABILITIES;

    if (!tn_vfio_region_read(&self->vfio, &self->config, 0, device, sizeof device)) {
        return;
    }
    n_caps = walk_caps(device, caps);
    tn_pci_config_set_byte(config, link, 0);
    for (unsigned i = 0; i < n_caps; i++) {
        if (is_shown(self, device[caps[i]], caps[i])) {
            tn_pci_config_set_byte(config, link, caps[i]);
            link = caps[i] + CAP_NEXT;
            tn_pci_config_set_byte(config, link, 0);
        }
    }
    if (tn_pci_config_get_byte(config, TN_PCI_REG_CAPABILITIES)) {
        config->value[TN_PCI_REG_STATUS] |= STATUS_CAP_LIST;
    } else {
        config->value[TN_PCI_REG_STATUS] &= (guint8)~STATUS_CAP_LIST;
    }
}

static guint32
hardware_mask(const TnVfioPci *self, unsigned offset, unsigned size)
{
    guint32 mask = 0;

    for (unsigned i = 0; i < size && offset + i < TN_PCI_CONFIG_SIZE; i++) {
        mask |= (guint32)self->hardware[offset + i] << (8 * i);
    }
    return mask;
}

guint32
tn_vfio_config_read(TnPciDevice *device, unsigned offset, unsigned size)
{
    TnVfioPci *self = TN_VFIO_PCI(device);
    guint32 value = tn_pci_device_default_config_read(device, offset, size);
    guint32 mask = hardware_mask(self, offset, size);
    guint32 said = G_MAXUINT32;

    if (mask) {
        /* A device that does not answer reads as all ones, as on any bus. */
        (void)tn_vfio_config_read_device(self, offset, size, &said);
        value = (value & ~mask) | (said & mask);
    }
    return value;
}

static void
tell_device(TnVfioPci *self, unsigned offset, guint32 value, unsigned size)
{
    static int complaints;

    if (!tn_vfio_config_write_device(self, offset, size, value)) {
        tn_log_guest(&complaints, "vfio %s: cannot write %u bytes at 0x%x of configuration space",
                     self->vfio.name, size, offset);
    }
}

/* A device that sleeps answers no access: the map goes, so that the guest's reach the trap. */
static void
follow_power_state(TnVfioPci *self)
{
    guint32 control;
    gboolean asleep;

    if (!tn_vfio_config_read_device(self, self->pm_offset + TN_VFIO_PM_CONTROL, 2, &control)) {
        return;
    }
    asleep = (control & TN_VFIO_PM_STATE) != 0;
    g_mutex_lock(&self->irq_lock);
    if (asleep != self->hidden_for_power) {
        self->hidden_for_power = asleep;
        tn_vfio_bars_update_maps_locked(self);
    }
    g_mutex_unlock(&self->irq_lock);
}

/* What a write of the guest's changed about its message interrupts. */
typedef struct MsiState {
    gboolean msi, msix;
} MsiState;

static MsiState
get_msi_state(TnVfioPci *self)
{
    TnPciDevice *device = TN_PCI_DEVICE(self);

    return (MsiState){ self->has_msi && tn_pci_msi_is_enabled(device),
                       self->has_msix && tn_pci_msix_is_enabled(device) };
}

static void
update_msi(TnVfioPci *self)
{
    TnPciDevice *device = TN_PCI_DEVICE(self);

    for (unsigned n = 0; n < tn_pci_msi_get_allocated(device); n++) {
        TnMsiMessage message;

        if (tn_pci_msi_is_masked(device, n)) {
            tn_vfio_vector_release(self, n);
        } else {
            tn_pci_msi_get_message(device, n, &message);
            tn_vfio_vector_use(self, n, &message);
        }
    }
}

static void
follow_msi(TnVfioPci *self, MsiState old, unsigned offset, unsigned size)
{
    TnPciDevice *device = TN_PCI_DEVICE(self);
    MsiState now = get_msi_state(self);

    if ((old.msi && !now.msi) || (old.msix && !now.msix)) {
        tn_vfio_vectors_end(self);
    }
    if (!old.msi && now.msi) {
        tn_vfio_intx_disable(self);
        tn_vfio_vectors_begin(self, VFIO_PCI_MSI_IRQ_INDEX, tn_pci_msi_get_allocated(device));
        tn_vfio_vectors_set_all(self);
    }
    if (now.msi && tn_pci_config_touches(offset, size, self->caps.msi_offset, 24)) {
        update_msi(self);
    }
    if (!old.msix && now.msix) {
        tn_vfio_vectors_set_some(self);
    }
    if (!now.msi && !now.msix) {
        tn_vfio_intx_enable(self);
    }
}

/* MSI-X tells of its vectors from inside of the write that enables it: be ready before. */
static void
prepare_msix(TnVfioPci *self, unsigned offset, guint32 value, unsigned size)
{
    unsigned high = self->caps.msix_offset + CAP_CONTROL + 1U;
    guint8 byte;

    if (!self->has_msix || tn_pci_msix_is_enabled(TN_PCI_DEVICE(self)) ||
        !tn_pci_config_touches(offset, size, high, 1)) {
        return;
    }
    byte = (guint8)(value >> (8 * (high - offset)));
    if (byte & 0x80) {
        tn_vfio_vectors_end(self);
        tn_vfio_intx_disable(self);
        tn_vfio_vectors_begin(self, VFIO_PCI_MSIX_IRQ_INDEX, self->caps.msix_vectors);
    }
}

void
tn_vfio_config_write(TnPciDevice *device, unsigned offset, guint32 value, unsigned size)
{
    TnVfioPci *self = TN_VFIO_PCI(device);
    MsiState old = get_msi_state(self);
    gboolean command = tn_pci_config_touches(offset, size, TN_PCI_REG_COMMAND, 2);
    gboolean told = command || hardware_mask(self, offset, size);
    /* What stops decoding leaves the guest's map first, or an access in between would fault. */
    gboolean tell_last = command && !(offset == TN_PCI_REG_COMMAND &&
                                      value & (TN_PCI_COMMAND_MEMORY | TN_PCI_COMMAND_IO));

    if (command) {
        tn_vfio_reset_is_over(self);
    }
    if (told && !tell_last) {
        tell_device(self, offset, value, size);
    }
    prepare_msix(self, offset, value, size);
    tn_pci_device_default_config_write(device, offset, value, size);
    if (told && tell_last) {
        tell_device(self, offset, value, size);
    }
    if (self->pm_offset &&
        tn_pci_config_touches(offset, size, self->pm_offset + TN_VFIO_PM_CONTROL, 2)) {
        follow_power_state(self);
    }
    if (command || (self->has_msi &&
                    tn_pci_config_touches(offset, size, self->caps.msi_offset, 24)) ||
        (self->has_msix && tn_pci_config_touches(offset, size, self->caps.msix_offset, 4))) {
        follow_msi(self, old, offset, size);
    }
}
