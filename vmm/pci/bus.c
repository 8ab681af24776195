/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A PCI bus: function addresses, configuration accesses, interrupt lines. */
#include "vmm/pci/bus.h"

#include "vmm/pci/device-private.h"

/* Buses below buses: more than a guest can number, so never met. */
#define TN_PCI_MAX_DEPTH 256

struct _TnPciBus {
    TnObject parent_instance;

    TnPciBus *root;      /* itself for a host's; whose locks and lines count */
    TnPciDevice *bridge; /* NULL for a host's */
    TnMemoryRegion *memory, *io;
    const TnPciIrqRouter *router;
    void *router_opaque;

    GMutex lock;     /* the config lock, of a root */
    GMutex irq_lock; /* of a root */
    /* Under irq_lock: how many functions hold the line up. */
    unsigned line_users[TN_PCI_NUM_LINES];
    /* Changed on the main thread with the lock held; (transfer none), a function
     * leaves before it goes. */
    TnPciDevice *devices[TN_PCI_BUS_DEVFNS];
};

G_DEFINE_FINAL_TYPE(TnPciBus, tn_pci_bus, TN_TYPE_OBJECT)

TnPciBus *
tn_pci_bus_new(void)
{
    return g_object_new(TN_TYPE_PCI_BUS, NULL);
}

TnPciBus *
tn_pci_bus_new_secondary(TnPciDevice *bridge)
{
    TnPciBus *self = tn_pci_bus_new();

    self->bridge = bridge;
    self->root = bridge->bus->root;
    return self;
}

void
tn_pci_bus_set_spaces(TnPciBus *self, TnMemoryRegion *memory, TnMemoryRegion *io)
{
    self->memory = memory;
    self->io = io;
}

TnMemoryRegion *
tn_pci_bus_get_memory(TnPciBus *self)
{
    return self->memory;
}

TnMemoryRegion *
tn_pci_bus_get_io(TnPciBus *self)
{
    return self->io;
}

TnPciDevice *
tn_pci_bus_get_bridge(TnPciBus *self)
{
    return self->bridge;
}

typedef struct Search {
    const char *name;
    TnPciBus *found;
} Search;

static void
visit(TnObject *child, gpointer data)
{
    Search *search = data;

    if (search->found) {
        return;
    }
    if (TN_IS_PCI_BUS(child) && g_strcmp0(tn_object_get_name(child), search->name) == 0) {
        search->found = TN_PCI_BUS(child);
        return;
    }
    tn_object_foreach_child(child, visit, search);
}

TnPciBus *
tn_pci_bus_find(TnObject *root, const char *name)
{
    Search search = { name, NULL };

    visit(root, &search);
    return search.found;
}

static gboolean
slot_is_free(TnPciBus *self, int slot)
{
    for (int function = 0; function < 8; function++) {
        if (self->devices[TN_PCI_DEVFN(slot, function)]) {
            return FALSE;
        }
    }
    return TRUE;
}

static int
find_free_slot(TnPciBus *self)
{
    for (int slot = 0; slot < TN_PCI_BUS_DEVFNS / 8; slot++) {
        if (slot_is_free(self, slot)) {
            return slot;
        }
    }
    return -1;
}

static gboolean
fail_taken(TnPciBus *self, TnPciDevice *device, int devfn, GError **error)
{
    TnPciDevice *other = self->devices[devfn];
    const char *id = tn_device_get_id(TN_DEVICE(other));

    g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                "PCI: slot %d function %d not available for %s, in use by %s,id=%s",
                TN_PCI_SLOT(devfn), TN_PCI_FUNCTION(devfn),
                tn_object_get_type_name(TN_OBJECT(device)),
                tn_object_get_type_name(TN_OBJECT(other)), id ? id : "(null)");
    return FALSE;
}

/* Whether @devfn may be taken by @device; decides only. */
static gboolean
check_address(TnPciBus *self, TnPciDevice *device, int devfn, GError **error)
{
    int slot = TN_PCI_SLOT(devfn);
    int function = TN_PCI_FUNCTION(devfn);
    TnPciDevice *first = self->devices[TN_PCI_DEVFN(slot, 0)];

    if (self->devices[devfn]) {
        return fail_taken(self, device, devfn, error);
    }
    if (function != 0 && first && !first->multifunction) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "PCI: single function device can't be populated in function %x.%x",
                    (unsigned)slot, (unsigned)function);
        return FALSE;
    }
    for (int f = 1; function == 0 && !device->multifunction && f < 8; f++) {
        if (self->devices[TN_PCI_DEVFN(slot, f)]) {
            g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                        "PCI: %x.0 indicates single function, but %x.%x is already populated.",
                        (unsigned)slot, (unsigned)slot, (unsigned)f);
            return FALSE;
        }
    }
    return TRUE;
}

gboolean
tn_pci_bus_add(TnPciBus *self, TnPciDevice *device, GError **error)
{
    int devfn = device->devfn;

    if (devfn == TN_PCI_DEVFN_AUTO) {
        int slot = find_free_slot(self);

        if (slot < 0) {
            g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                        "PCI: no slot/function available for %s, all in use",
                        tn_object_get_type_name(TN_OBJECT(device)));
            return FALSE;
        }
        devfn = TN_PCI_DEVFN(slot, 0);
    } else if (!check_address(self, device, devfn, error)) {
        return FALSE;
    }

    tn_pci_bus_lock(self);
    device->devfn = devfn;
    self->devices[devfn] = device;
    tn_pci_bus_unlock(self);
    return TRUE;
}

void
tn_pci_bus_open(TnPciBus *self, TnPciDevice *device)
{
    tn_pci_bus_lock(self);
    device->answers = TRUE;
    tn_pci_bus_unlock(self);
}

void
tn_pci_bus_remove(TnPciBus *self, TnPciDevice *device)
{
    if (device->devfn == TN_PCI_DEVFN_AUTO || self->devices[device->devfn] != device) {
        return;
    }
    tn_pci_bus_lock(self);
    device->answers = FALSE;
    self->devices[device->devfn] = NULL;
    tn_pci_bus_unlock(self);
}

TnPciDevice *
tn_pci_bus_get_device(TnPciBus *self, int devfn)
{
    g_return_val_if_fail(devfn >= 0 && devfn < TN_PCI_BUS_DEVFNS, NULL);

    return self->devices[devfn];
}

unsigned
tn_pci_bus_get_number(TnPciBus *self)
{
    return self->bridge ? self->bridge->config.value[TN_PCI_BRIDGE_REG_SECONDARY] : 0;
}

/* The bus that a configuration cycle for bus @number ends on, NULL for none. Config lock. */
static TnPciBus *
route_cycle(TnPciBus *self, unsigned number, unsigned depth)
{
    if (number == tn_pci_bus_get_number(self)) {
        return self;
    }
    for (int i = 0; i < TN_PCI_BUS_DEVFNS && depth < TN_PCI_MAX_DEPTH; i++) {
        TnPciDevice *device = self->devices[i];
        const guint8 *value = device ? device->config.value : NULL;

        /* A bridge forwards what lies between its two numbers (PCI-to-PCI Bridge 1.2,
         * 3.1.2.1.2), unless it holds the bus in reset; a secondary bus 0 is one that nobody
         * numbered yet. */
        if (device && device->secondary && device->answers &&
            value[TN_PCI_BRIDGE_REG_SECONDARY] != 0 &&
            !(value[TN_PCI_BRIDGE_REG_CONTROL] & TN_PCI_BRIDGE_CONTROL_RESET) &&
            number >= value[TN_PCI_BRIDGE_REG_SECONDARY] &&
            number <= value[TN_PCI_BRIDGE_REG_SUBORDINATE]) {
            return route_cycle(device->secondary, number, depth + 1);
        }
    }
    return NULL;
}

/* The function that answers, NULL for none. Config lock. */
static TnPciDevice *
find_answering(TnPciBus *self, unsigned number, int devfn)
{
    TnPciBus *bus = route_cycle(self, number, 0);
    TnPciDevice *device = bus ? bus->devices[devfn] : NULL;

    return device && device->answers ? device : NULL;
}

guint32
tn_pci_bus_routed_read(TnPciBus *self, unsigned number, int devfn, unsigned offset, unsigned size)
{
    guint32 value = UINT32_MAX;
    TnPciDevice *device;

    g_return_val_if_fail(devfn >= 0 && devfn < TN_PCI_BUS_DEVFNS, UINT32_MAX);

    tn_pci_bus_lock(self);
    device = find_answering(self, number, devfn);
    if (device) {
        value = TN_PCI_DEVICE_GET_CLASS(device)->config_read(device, offset, size);
    }
    tn_pci_bus_unlock(self);
    return value;
}

void
tn_pci_bus_routed_write(TnPciBus *self, unsigned number, int devfn, unsigned offset,
                        guint32 value, unsigned size)
{
    TnPciDevice *device;

    g_return_if_fail(devfn >= 0 && devfn < TN_PCI_BUS_DEVFNS);

    tn_pci_bus_lock(self);
    device = find_answering(self, number, devfn);
    if (device) {
        TN_PCI_DEVICE_GET_CLASS(device)->config_write(device, offset, value, size);
    }
    tn_pci_bus_unlock(self);
}

guint32
tn_pci_bus_config_read(TnPciBus *self, int devfn, unsigned offset, unsigned size)
{
    guint32 value = UINT32_MAX;
    TnPciDevice *device;

    g_return_val_if_fail(devfn >= 0 && devfn < TN_PCI_BUS_DEVFNS, UINT32_MAX);

    tn_pci_bus_lock(self);
    device = self->devices[devfn];
    if (device && device->answers) {
        value = TN_PCI_DEVICE_GET_CLASS(device)->config_read(device, offset, size);
    }
    tn_pci_bus_unlock(self);
    return value;
}

void
tn_pci_bus_config_write(TnPciBus *self, int devfn, unsigned offset, guint32 value, unsigned size)
{
    TnPciDevice *device;

    g_return_if_fail(devfn >= 0 && devfn < TN_PCI_BUS_DEVFNS);

    tn_pci_bus_lock(self);
    device = self->devices[devfn];
    if (device && device->answers) {
        TN_PCI_DEVICE_GET_CLASS(device)->config_write(device, offset, value, size);
    }
    tn_pci_bus_unlock(self);
}

void
tn_pci_bus_reset_locked(TnPciBus *self)
{
    for (int i = 0; i < TN_PCI_BUS_DEVFNS; i++) {
        TnPciDevice *device = self->devices[i];

        if (device && device->answers) {
            /* From the far end: a bridge's reset closes the way to what is behind it. */
            if (device->secondary) {
                tn_pci_bus_reset_locked(device->secondary);
            }
            tn_pci_device_reset_locked(device);
        }
    }
}

void
tn_pci_bus_lock(TnPciBus *self)
{
    g_mutex_lock(&self->root->lock);
}

void
tn_pci_bus_unlock(TnPciBus *self)
{
    g_mutex_unlock(&self->root->lock);
}

void
tn_pci_bus_lock_irq(TnPciBus *self)
{
    g_mutex_lock(&self->root->irq_lock);
}

void
tn_pci_bus_unlock_irq(TnPciBus *self)
{
    g_mutex_unlock(&self->root->irq_lock);
}

void
tn_pci_bus_set_irq_router(TnPciBus *self, const TnPciIrqRouter *router, void *opaque)
{
    tn_pci_bus_lock_irq(self);
    self->router = router;
    self->router_opaque = opaque;
    tn_pci_bus_unlock_irq(self);
}

unsigned
tn_pci_bus_route(const TnPciDevice *device, unsigned pin)
{
    const TnPciBus *bus = device->bus;
    unsigned slot = (unsigned)TN_PCI_SLOT(device->devfn);

    /* Each bridge turns the pins by the slot (PCI-to-PCI Bridge 1.2, 9.1). */
    for (; bus->bridge; bus = bus->bridge->bus) {
        pin = (pin + slot) % TN_PCI_NUM_LINES;
        slot = (unsigned)TN_PCI_SLOT(bus->bridge->devfn);
    }
    return (slot + pin + TN_PCI_NUM_LINES - 1) % TN_PCI_NUM_LINES;
}

void
tn_pci_bus_count_irq_locked(TnPciBus *self, unsigned line, int change)
{
    TnPciBus *root = self->root;
    unsigned before = root->line_users[line];

    root->line_users[line] = (unsigned)((int)before + change);
    if (!before != !root->line_users[line] && root->router) {
        root->router->set_line(root->router_opaque, line, root->line_users[line] != 0);
    }
}

int
tn_pci_bus_get_line_gsi(TnPciBus *self, unsigned line)
{
    const TnPciBus *root = self->root;

    return root->router ? root->router->get_gsi(root->router_opaque, line) : -1;
}

static void
notify_bus(TnPciBus *self, unsigned depth)
{
    for (int i = 0; i < TN_PCI_BUS_DEVFNS; i++) {
        TnPciDevice *device = self->devices[i];
        void (*notify)(TnPciDevice *) = NULL;

        if (!device) {
            continue;
        }
        __atomic_load(&device->intx_notify, &notify, __ATOMIC_ACQUIRE);
        if (notify) {
            notify(device);
        }
        if (device->secondary && depth < TN_PCI_MAX_DEPTH) {
            notify_bus(device->secondary, depth + 1);
        }
    }
}

void
tn_pci_bus_irq_routes_changed(TnPciBus *self)
{
    notify_bus(self->root, 0);
}

static void
tn_pci_bus_finalize(GObject *object)
{
    g_mutex_clear(&TN_PCI_BUS(object)->irq_lock);
    g_mutex_clear(&TN_PCI_BUS(object)->lock);
    G_OBJECT_CLASS(tn_pci_bus_parent_class)->finalize(object);
}

static void
tn_pci_bus_class_init(TnPciBusClass *klass)
{
    G_OBJECT_CLASS(klass)->finalize = tn_pci_bus_finalize;
    TN_OBJECT_CLASS(klass)->type_name = "PCI";
    TN_OBJECT_CLASS(klass)->description = "PCI bus";
}

static void
tn_pci_bus_init(TnPciBus *self)
{
    self->root = self;
    g_mutex_init(&self->lock);
    g_mutex_init(&self->irq_lock);
}
