/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * "vfio-pci": properties, and the order in which a host's function is taken and given back.
 *
 *   taken: group, container, DMA maps, device; config space; reset; BARs, ROM, MSI, MSI-X;
 *     error and request notifiers. INTx from the guest's first write to the command register.
 *   given back: notifiers, interrupts; reset, which ends DMA; MSI-X, overlays, maps of BARs;
 *     device, DMA maps, container, group.
 */
#include "vmm/vfio/pci-private.h"

#include "vmm/core/boot-order.h"
#include "vmm/core/property.h"
#include "vmm/pci/firmware-path.h"
#include "vmm/pci/intx.h"
#include "vmm/pci/msi.h"
#include "vmm/pci/msix.h"

#include <linux/vfio.h>
#include <stdio.h>

G_DEFINE_FINAL_TYPE(TnVfioPci, tn_vfio_pci, TN_TYPE_PCI_DEVICE)

enum {
    PROP_0,
    PROP_HOST,
    PROP_SYSFSDEV,
    PROP_ROMFILE,
    PROP_NO_MMAP,
    PROP_NO_KVM_INTX,
    PROP_NO_KVM_MSI,
    PROP_NO_KVM_MSIX,
    PROP_REQ,
    PROP_INTX_MMAP_TIMEOUT,
    PROP_VENDOR_ID,
    PROP_DEVICE_ID,
    PROP_SUB_VENDOR_ID,
    PROP_SUB_DEVICE_ID,
    PROP_BOOTINDEX,
};

const char *
tn_vfio_pci_get_name(TnVfioPci *self)
{
    return self->vfio.name;
}

/* "[DDDD:]BB:DD.F" as sysfs writes it; NULL when it is none. */
static char *
parse_host(const char *text)
{
    unsigned domain = 0, bus, slot, function;
    int end = 0;

    if (sscanf(text, "%x:%x:%x.%x%n", &domain, &bus, &slot, &function, &end) != 4 || text[end]) {
        domain = 0;
        if (sscanf(text, "%x:%x.%x%n", &bus, &slot, &function, &end) != 3 || text[end]) {
            return NULL;
        }
    }
    if (domain > 0xffff || bus > 0xff || slot > 0x1f || function > 7) {
        return NULL;
    }
    return g_strdup_printf("%04x:%02x:%02x.%u", domain, bus, slot, function);
}

static gboolean
open_device(TnVfioPci *self, GError **error)
{
    const TnPlatform *platform = tn_device_get_platform(TN_DEVICE(self));
    g_autofree char *path = g_strdup(self->sysfsdev);
    g_autofree char *name = NULL;

    if (!path && !self->host) {
        g_set_error_literal(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                            "No provided host device\nUse -device vfio-pci,host=DDDD:BB:DD.F or "
                            "-device vfio-pci,sysfsdev=PATH_TO_DEVICE");
        return FALSE;
    }
    if (path) {
        name = g_path_get_basename(path);
    } else {
        name = parse_host(self->host);
        if (!name) {
            g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                        "Property 'vfio-pci.host' doesn't take value '%s'", self->host);
            return FALSE;
        }
        path = g_strdup_printf("/sys/bus/pci/devices/%s", name);
    }
    return tn_vfio_device_open(&self->vfio, tn_vfio_host_of(platform->root), platform, path, name,
                               error);
}

static void
vector_used(TnPciDevice *device, unsigned vector, const TnMsiMessage *message)
{
    tn_vfio_vector_use(TN_VFIO_PCI(device), vector, message);
}

static void
vector_released(TnPciDevice *device, unsigned vector)
{
    tn_vfio_vector_release(TN_VFIO_PCI(device), vector);
}

static gboolean
setup_msix(TnVfioPci *self, GError **error)
{
    const TnVfioMsiCaps *caps = &self->caps;
    TnPciMsixConfig config = {
        .offset = caps->msix_offset,
        .vectors = caps->msix_vectors,
        .table_bar = caps->table_bar,
        .pba_bar = caps->pba_bar,
        .table_offset = caps->table_offset,
        .pba_offset = caps->pba_offset,
        .vector_used = vector_used,
        .vector_released = vector_released,
    };

    if (caps->table_bar >= TN_PCI_NUM_BARS || caps->pba_bar >= TN_PCI_NUM_BARS ||
        !self->bars[caps->table_bar].vfio.size || !self->bars[caps->pba_bar].vfio.size) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "MSI-X table in BAR %u, pending bits in BAR %u: no such BAR", caps->table_bar,
                    caps->pba_bar);
        return FALSE;
    }
    config.table_region = &self->bars[caps->table_bar].container;
    config.pba_region = &self->bars[caps->pba_bar].container;
    return tn_pci_msix_init(TN_PCI_DEVICE(self), &config, error);
}

/* What VFIO cannot deliver the guest is not shown either. */
static gboolean
setup_interrupts(TnVfioPci *self, GError **error)
{
    TnPciDevice *device = TN_PCI_DEVICE(self);
    const TnPciMsiConfig msi = {
        .offset = self->caps.msi_offset,
        .vectors = self->caps.msi_vectors,
        .maskable = self->caps.msi_maskable,
        .is_64bit = self->caps.msi_64bit,
    };
    guint32 flags;

    if (msi.vectors &&
        tn_vfio_device_get_irqs(&self->vfio, VFIO_PCI_MSI_IRQ_INDEX, &flags) >= msi.vectors) {
        if (!tn_pci_msi_init(device, &msi, error)) {
            return FALSE;
        }
        self->has_msi = TRUE;
    }
    if (self->caps.msix_vectors && tn_vfio_device_get_irqs(&self->vfio, VFIO_PCI_MSIX_IRQ_INDEX,
                                                           &flags) >= self->caps.msix_vectors) {
        if (!setup_msix(self, error)) {
            return FALSE;
        }
        self->has_msix = TRUE;
    }
    self->has_intx = tn_pci_config_get_byte(&device->config, TN_PCI_REG_INTERRUPT_PIN) != 0 &&
                     tn_vfio_device_get_irqs(&self->vfio, VFIO_PCI_INTX_IRQ_INDEX, &flags) == 1;
    return TRUE;
}

/* Everything that can fail, in order; give_back() undoes any part of it. */
static gboolean
take(TnVfioPci *self, GError **error)
{
    tn_vfio_host_list_add(self->vfio.host, self->vfio.host->functions, self);
    if (!tn_vfio_config_setup(self, error)) {
        return FALSE;
    }
    tn_vfio_reset(self, FALSE);
    return tn_vfio_bars_setup(self, error) && tn_vfio_rom_setup(self, error) &&
           setup_interrupts(self, error);
}

static void
give_back(TnVfioPci *self)
{
    tn_pci_device_set_intx_notify(TN_PCI_DEVICE(self), NULL);
    tn_vfio_notifiers_done(self);
    tn_vfio_vectors_end(self);
    tn_vfio_intx_disable(self);
    tn_vfio_reset(self, FALSE);
    tn_vfio_reset_is_over(self);
    tn_vfio_host_list_remove(self->vfio.host, self->vfio.host->functions, self);
    tn_pci_msix_done(TN_PCI_DEVICE(self));
    tn_vfio_rom_done(self);
    tn_vfio_bars_done(self);
    self->has_msi = self->has_msix = self->has_intx = FALSE;
    self->hidden_for_power = FALSE;
    tn_vfio_device_close(&self->vfio);
}

/* Another device may have the number. */
static gboolean
join_boot_order(TnVfioPci *self, GError **error)
{
    TnBootOrder *order = tn_device_get_platform(TN_DEVICE(self))->boot_order;
    g_autofree char *path = NULL;

    if (self->bootindex < 0 || !order) {
        return TRUE;
    }
    path = tn_pci_device_get_firmware_path(TN_PCI_DEVICE(self));
    return tn_boot_order_add(order, self->bootindex, self, path, error);
}

static void
leave_boot_order(TnVfioPci *self)
{
    TnBootOrder *order = tn_device_get_platform(TN_DEVICE(self))->boot_order;

    if (order) {
        tn_boot_order_remove(order, self);
    }
}

static gboolean
tn_vfio_pci_realize(TnPciDevice *device, GError **error)
{
    TnVfioPci *self = TN_VFIO_PCI(device);

    if (!open_device(self, error)) {
        return FALSE;
    }
    if (!take(self, error)) {
        g_prefix_error(error, "vfio %s: ", self->vfio.name);
        give_back(self);
        return FALSE;
    }
    if (!join_boot_order(self, error)) {
        give_back(self);
        return FALSE;
    }
    tn_vfio_config_link(self);
    tn_vfio_bars_register(self);
    if (self->rom.size) {
        tn_pci_device_register_bar(device, TN_PCI_ROM_BAR, TN_PCI_BAR_MEM32, &self->rom.region);
    }
    tn_vfio_notifiers_setup(self);
    tn_pci_device_set_intx_notify(device, tn_vfio_intx_route_changed);
    return TRUE;
}

static void
tn_vfio_pci_unrealize(TnPciDevice *device)
{
    TnVfioPci *self = TN_VFIO_PCI(device);

    leave_boot_order(self);
    give_back(self);
    g_assert(!self->vfio.group && self->overlays->len == 0 && !self->intx.enabled &&
             self->vectors.index == 0);
}

static void
tn_vfio_pci_reset(TnPciDevice *device)
{
    TnVfioPci *self = TN_VFIO_PCI(device);

    tn_vfio_vectors_end(self);
    tn_vfio_intx_disable(self);
    tn_vfio_reset(self, TRUE);
    g_mutex_lock(&self->irq_lock);
    if (self->hidden_for_power) {
        self->hidden_for_power = FALSE;
        tn_vfio_bars_update_maps_locked(self);
    }
    g_mutex_unlock(&self->irq_lock);
}

static void
tn_vfio_pci_finalize(GObject *object)
{
    TnVfioPci *self = TN_VFIO_PCI(object);

    g_ptr_array_unref(self->overlays);
    g_mutex_clear(&self->irq_lock);
    g_free(self->host);
    g_free(self->sysfsdev);
    g_free(self->romfile);
    G_OBJECT_CLASS(tn_vfio_pci_parent_class)->finalize(object);
}

/* A property's place in the struct. */
static gpointer
field_of(TnVfioPci *self, guint id)
{
    switch (id) {
    case PROP_HOST:
        return &self->host;
    case PROP_SYSFSDEV:
        return &self->sysfsdev;
    case PROP_ROMFILE:
        return &self->romfile;
    case PROP_NO_MMAP:
        return &self->no_mmap;
    case PROP_NO_KVM_INTX:
        return &self->no_kvm_intx;
    case PROP_NO_KVM_MSI:
        return &self->no_kvm_msi;
    case PROP_NO_KVM_MSIX:
        return &self->no_kvm_msix;
    case PROP_REQ:
        return &self->req;
    case PROP_INTX_MMAP_TIMEOUT:
        return &self->intx_mmap_timeout_ms;
    case PROP_VENDOR_ID:
        return &self->vendor_id;
    case PROP_DEVICE_ID:
        return &self->device_id;
    case PROP_SUB_VENDOR_ID:
        return &self->sub_vendor_id;
    case PROP_SUB_DEVICE_ID:
        return &self->sub_device_id;
    case PROP_BOOTINDEX:
        return &self->bootindex;
    default:
        return NULL;
    }
}

static void
tn_vfio_pci_get_property(GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
    gpointer field = field_of(TN_VFIO_PCI(object), id);

    if (G_VALUE_HOLDS_STRING(value)) {
        g_value_set_string(value, *(char **)field);
    } else if (G_VALUE_HOLDS_BOOLEAN(value)) {
        g_value_set_boolean(value, *(gboolean *)field);
    } else if (G_VALUE_HOLDS_INT(value)) {
        g_value_set_int(value, *(gint *)field);
    } else {
        g_value_set_uint(value, *(guint *)field);
    }
}

static void
tn_vfio_pci_set_property(GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
    gpointer field = field_of(TN_VFIO_PCI(object), id);

    if (G_VALUE_HOLDS_STRING(value)) {
        g_free(*(char **)field);
        *(char **)field = g_value_dup_string(value);
    } else if (G_VALUE_HOLDS_BOOLEAN(value)) {
        *(gboolean *)field = g_value_get_boolean(value);
    } else if (G_VALUE_HOLDS_INT(value)) {
        *(gint *)field = g_value_get_int(value);
    } else {
        *(guint *)field = g_value_get_uint(value);
    }
}

static void
add_text(GObjectClass *klass, guint id, const char *name, const char *blurb)
{
    g_object_class_install_property(klass, id,
                                    g_param_spec_string(name, NULL, blurb, NULL, TN_PARAM_RW));
}

static void
add_switch(GObjectClass *klass, guint id, const char *name, const char *blurb, gboolean on)
{
    g_object_class_install_property(klass, id,
                                    g_param_spec_boolean(name, NULL, blurb, on, TN_PARAM_RW));
}

static void
add_number(GObjectClass *klass, guint id, const char *name, const char *blurb, guint value)
{
    g_object_class_install_property(
        klass, id, g_param_spec_uint(name, NULL, blurb, 0, G_MAXUINT, value, TN_PARAM_RW));
}

static void
install_properties(GObjectClass *klass)
{
    add_text(klass, PROP_HOST, "host",
             "Address (bus/device/function) of the host device, example: 04:10.0");
    add_text(klass, PROP_SYSFSDEV, "sysfsdev", "Folder of the host device in sysfs");
    add_text(klass, PROP_ROMFILE, "romfile", "File shown as the expansion ROM");
    add_switch(klass, PROP_NO_MMAP, "x-no-mmap", "Trap every access to BARs", FALSE);
    add_switch(klass, PROP_NO_KVM_INTX, "x-no-kvm-intx", "Deliver INTx without KVM", FALSE);
    add_switch(klass, PROP_NO_KVM_MSI, "x-no-kvm-msi", "Deliver MSI without KVM", FALSE);
    add_switch(klass, PROP_NO_KVM_MSIX, "x-no-kvm-msix", "Deliver MSI-X without KVM", FALSE);
    add_switch(klass, PROP_REQ, "x-req", "Unplug when the host wants the device back", TRUE);
    add_number(klass, PROP_INTX_MMAP_TIMEOUT, "x-intx-mmap-timeout-ms",
               "How long BARs stay trapped after an INTx that KVM does not deliver", 1100);
    g_object_class_install_property(
        klass, PROP_BOOTINDEX,
        g_param_spec_int("bootindex", NULL, "Place in the order that firmware boots from", G_MININT,
                         G_MAXINT, -1, TN_PARAM_RW));
    add_number(klass, PROP_VENDOR_ID, "x-pci-vendor-id", "Shown instead of the device's",
               TN_VFIO_ID_ANY);
    add_number(klass, PROP_DEVICE_ID, "x-pci-device-id", "Shown instead of the device's",
               TN_VFIO_ID_ANY);
    add_number(klass, PROP_SUB_VENDOR_ID, "x-pci-sub-vendor-id", "Shown instead of the device's",
               TN_VFIO_ID_ANY);
    add_number(klass, PROP_SUB_DEVICE_ID, "x-pci-sub-device-id", "Shown instead of the device's",
               TN_VFIO_ID_ANY);
}

static void
tn_vfio_pci_class_init(TnVfioPciClass *klass)
{
    GObjectClass *object_class = G_OBJECT_CLASS(klass);
    TnObjectClass *tn_class = TN_OBJECT_CLASS(klass);
    TnPciDeviceClass *pci_class = TN_PCI_DEVICE_CLASS(klass);

    tn_class->type_name = "vfio-pci";
    tn_class->description = "VFIO-based PCI device assignment";
    tn_class->user_creatable = TRUE;
    TN_DEVICE_CLASS(klass)->hotpluggable = TRUE;
    object_class->finalize = tn_vfio_pci_finalize;
    object_class->get_property = tn_vfio_pci_get_property;
    object_class->set_property = tn_vfio_pci_set_property;
    pci_class->realize = tn_vfio_pci_realize;
    pci_class->unrealize = tn_vfio_pci_unrealize;
    pci_class->reset = tn_vfio_pci_reset;
    pci_class->config_read = tn_vfio_config_read;
    pci_class->config_write = tn_vfio_config_write;
    install_properties(object_class);
}

static void
tn_vfio_pci_init(TnVfioPci *self)
{
    g_mutex_init(&self->irq_lock);
    self->overlays = g_ptr_array_new();
    self->vfio.fd = -1;
    self->intx.fd = self->intx.resample_fd = -1;
    self->req = TRUE;
    self->bootindex = -1;
    self->intx_mmap_timeout_ms = 1100;
    self->vendor_id = self->device_id = TN_VFIO_ID_ANY;
    self->sub_vendor_id = self->sub_device_id = TN_VFIO_ID_ANY;
}
