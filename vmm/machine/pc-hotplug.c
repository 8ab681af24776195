/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The pc machine's hotplug handler, and how a DIMM comes and goes:
 *
 *   pre_plug: slot, node, capacity, address, a free memory slot of KVM: refuse or choose
 *   (realize: the backend is taken)
 *   claim: region into "device-memory" (flat view, KVM slot, DMA maps of host devices),
 *     out again when somebody cannot follow
 *   plug: slot register, GPE 3 -> SCI
 *   unplug_request: slot register, GPE 3 -> SCI; the guest answers by eject or by _OST
 *   unplug: region out, slot free, unrealize, unparent, DEVICE_DELETED
 */
#include "vmm/machine/pc-hotplug.h"

#include "vmm/acpi/memory-hotplug.h"
#include "vmm/core/fast-path.h"
#include "vmm/hw/pc-dimm.h"
#include "vmm/machine/device-memory.h"
#include "vmm/machine/pc-pci-hotplug.h"

typedef struct Row {
    GType type;
    const TnPcHotplugRow *row;
    gpointer opaque;
} Row;

struct _TnPcHotplug {
    GObject parent_instance;

    const TnPlatform *platform;
    unsigned num_nodes;
    TnDeviceMemory *places;
    TnMemoryRegion window;            /* "device-memory", in system memory when has_window */
    gboolean has_window;
    TnAcpiMemoryHotplug *controller;  /* NULL without slots */
    TnPcPciHotplug *pci;              /* NULL without a bus */
    GArray *rows;                     /* of Row */
};

static void handler_init(TnHotplugHandlerInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE(TnPcHotplug, tn_pc_hotplug, G_TYPE_OBJECT,
                              G_IMPLEMENT_INTERFACE(TN_TYPE_HOTPLUG_HANDLER, handler_init))

static gboolean
check_node(TnPcHotplug *self, TnPcDimm *dimm, GError **error)
{
    unsigned nodes = MAX(self->num_nodes, 1);

    if (tn_pc_dimm_get_node(dimm) >= nodes) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "'DIMM property node has value %u' which exceeds the number of numa nodes: %u",
                    tn_pc_dimm_get_node(dimm), nodes);
        return FALSE;
    }
    return TRUE;
}

/* The accelerator must be able to show one more run of memory. */
static gboolean
check_accelerator(TnPcHotplug *self, GError **error)
{
    const TnFastPath *fast_path = self->platform->fast_path;

    if (fast_path && fast_path->free_memory_slots &&
        fast_path->free_memory_slots(fast_path->opaque) == 0) {
        g_set_error_literal(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                            "hypervisor has no free memory slots left");
        return FALSE;
    }
    return TRUE;
}

static gboolean
dimm_pre_plug(gpointer opaque, TnDevice *device, GError **error)
{
    TnPcHotplug *self = opaque;
    TnPcDimm *dimm = TN_PC_DIMM(device);
    TnMemoryRegion *region = tn_pc_dimm_get_region(dimm);
    TnDeviceMemoryRequest request = { .addr = tn_pc_dimm_get_addr(dimm) };
    TnDeviceMemoryPlace place;

    if (!tn_device_memory_choose_slot(self->places, tn_pc_dimm_get_slot(dimm), &place.slot,
                                      error)) {
        return FALSE;
    }
    if (!region) {
        g_set_error_literal(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                            "'memdev' property must be set");
        return FALSE;
    }
    if (!check_accelerator(self, error)) {
        return FALSE;
    }
    request.size = tn_memory_region_size(region);
    request.align = tn_memory_backend_get_alignment(tn_pc_dimm_get_memdev(dimm));
    if (!tn_device_memory_choose_addr(self->places, &request, &place.addr, error) ||
        !check_node(self, dimm, error)) {
        return FALSE;
    }
    tn_pc_dimm_set_place(dimm, place.addr, place.slot);
    return TRUE;
}

static void
trace_memory(TnPcHotplug *self, TnPcDimm *dimm, const char *what)
{
    if (G_UNLIKELY(tn_hotplug_trace_is_on(self->platform->trace))) {
        tn_hotplug_trace_step(self->platform->trace, TN_HOTPLUG_STEP_MEMORY_SLOT,
                              tn_device_get_id(TN_DEVICE(dimm)),
                              "0x%" G_GINT64_MODIFIER "x, size 0x%" G_GINT64_MODIFIER "x: %s",
                              tn_pc_dimm_get_addr(dimm),
                              tn_memory_region_size(tn_pc_dimm_get_region(dimm)), what);
    }
}

static void
take_out(TnPcHotplug *self, TnMemoryRegion *region)
{
    tn_memory_begin(self->platform->memory);
    tn_memory_region_del_subregion(&self->window, region);
    tn_memory_commit(self->platform->memory);
}

static gboolean
dimm_claim(gpointer opaque, TnDevice *device, GError **error)
{
    TnPcHotplug *self = opaque;
    TnPcDimm *dimm = TN_PC_DIMM(device);
    TnMemoryRegion *region = tn_pc_dimm_get_region(dimm);
    const TnDeviceMemoryPlace place = { tn_pc_dimm_get_addr(dimm),
                                        (unsigned)tn_pc_dimm_get_slot(dimm) };

    tn_memory_begin(self->platform->memory);
    tn_memory_region_add_subregion(&self->window, place.addr - self->window.addr, region);
    if (!tn_memory_commit_checked(self->platform->memory, error)) {
        take_out(self, region);
        return FALSE;
    }
    tn_device_memory_occupy(self->places, &place, tn_memory_region_size(region),
                            tn_device_get_id(device), dimm);
    trace_memory(self, dimm, "shown");
    return TRUE;
}

static void
dimm_plug(gpointer opaque, TnDevice *device)
{
    TnPcHotplug *self = opaque;
    TnPcDimm *dimm = TN_PC_DIMM(device);
    const TnAcpiMemoryDevice shown = {
        .device = device,
        .addr = tn_pc_dimm_get_addr(dimm),
        .size = tn_memory_region_size(tn_pc_dimm_get_region(dimm)),
        .node = tn_pc_dimm_get_node(dimm),
    };

    /* Told last: the memory is there when the guest looks. */
    tn_acpi_memory_hotplug_plug(self->controller, (unsigned)tn_pc_dimm_get_slot(dimm), &shown,
                                tn_device_is_hotplugged(device));
}

static gboolean
dimm_unplug_request(gpointer opaque, TnDevice *device, GError **error)
{
    TnPcHotplug *self = opaque;

    tn_device_set_pending_unplug(device, TRUE);
    tn_acpi_memory_hotplug_unplug_request(self->controller,
                                          (unsigned)tn_pc_dimm_get_slot(TN_PC_DIMM(device)));
    return TRUE;
}

static void
dimm_unplug(gpointer opaque, TnDevice *device)
{
    TnPcHotplug *self = opaque;
    TnPcDimm *dimm = TN_PC_DIMM(device);
    unsigned slot = (unsigned)tn_pc_dimm_get_slot(dimm);

    /* First nobody is told of it, then nobody reaches it, then its place is free. */
    tn_acpi_memory_hotplug_unplug(self->controller, slot);
    take_out(self, tn_pc_dimm_get_region(dimm));
    trace_memory(self, dimm, "gone");
    tn_device_memory_release(self->places, slot);
}

static const TnPcHotplugRow dimm_row = {
    .pre_plug = dimm_pre_plug,
    .claim = dimm_claim,
    .plug = dimm_plug,
    .unplug_request = dimm_unplug_request,
    .unplug = dimm_unplug,
};

/* The row of @device's kind, NULL for none. */
static const Row *
find_row(TnPcHotplug *self, TnDevice *device)
{
    for (guint i = 0; i < self->rows->len; i++) {
        const Row *row = &g_array_index(self->rows, Row, i);

        if (g_type_is_a(G_OBJECT_TYPE(device), row->type)) {
            return row;
        }
    }
    return NULL;
}

static gboolean
pre_plug(TnHotplugHandler *handler, TnDevice *device, GError **error)
{
    const Row *row = find_row(TN_PC_HOTPLUG(handler), device);

    return !row || !row->row->pre_plug || row->row->pre_plug(row->opaque, device, error);
}

static gboolean
claim(TnHotplugHandler *handler, TnDevice *device, GError **error)
{
    const Row *row = find_row(TN_PC_HOTPLUG(handler), device);

    return !row || !row->row->claim || row->row->claim(row->opaque, device, error);
}

static void
plug(TnHotplugHandler *handler, TnDevice *device)
{
    const Row *row = find_row(TN_PC_HOTPLUG(handler), device);

    if (row && row->row->plug) {
        row->row->plug(row->opaque, device);
    }
}

static gboolean
unplug_request(TnHotplugHandler *handler, TnDevice *device, GError **error)
{
    const Row *row = find_row(TN_PC_HOTPLUG(handler), device);

    if (!row || !row->row->unplug_request) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "Device '%s' does not support hotplugging",
                    tn_object_get_type_name(TN_OBJECT(device)));
        return FALSE;
    }
    return row->row->unplug_request(row->opaque, device, error);
}

static void
emit_deleted(TnPcHotplug *self, const char *id, const char *path)
{
    json_object *data = json_object_new_object();

    if (id) {
        json_object_object_add(data, "device", json_object_new_string(id));
    }
    json_object_object_add(data, "path", json_object_new_string(path ? path : ""));
    tn_events_emit(self->platform->events, "DEVICE_DELETED", data);
}

static void
unplug(TnHotplugHandler *handler, TnDevice *device)
{
    TnPcHotplug *self = TN_PC_HOTPLUG(handler);
    const Row *row = find_row(self, device);
    g_autoptr(TnDevice) keep = g_object_ref(device);
    g_autofree char *path = tn_object_get_path(TN_OBJECT(device));

    if (row && row->row->unplug) {
        row->row->unplug(row->opaque, device);
    }
    tn_device_unrealize(keep);
    tn_object_unparent(TN_OBJECT(keep));
    tn_device_set_pending_unplug(keep, FALSE);
    if (self->platform->events) {
        emit_deleted(self, tn_device_get_id(keep), path);
    }
}

static void
ejected(void *opaque, TnDevice *device)
{
    tn_hotplug_handler_unplug(TN_HOTPLUG_HANDLER(opaque), device);
}

static void
handler_init(TnHotplugHandlerInterface *iface)
{
    iface->pre_plug = pre_plug;
    iface->claim = claim;
    iface->plug = plug;
    iface->unplug_request = unplug_request;
    iface->unplug = unplug;
}

static void
finalize(GObject *object)
{
    TnPcHotplug *self = TN_PC_HOTPLUG(object);

    tn_pc_hotplug_shut_down(self);
    tn_device_memory_free(self->places);
    g_array_unref(self->rows);
    G_OBJECT_CLASS(tn_pc_hotplug_parent_class)->finalize(object);
}

static void
tn_pc_hotplug_init(TnPcHotplug *self)
{
    self->rows = g_array_new(FALSE, FALSE, sizeof(Row));
}

static void
tn_pc_hotplug_class_init(TnPcHotplugClass *klass)
{
    G_OBJECT_CLASS(klass)->finalize = finalize;
}

static void
make_window(TnPcHotplug *self)
{
    TnRange window;

    if (!tn_device_memory_get_window(self->places, &window)) {
        return;
    }
    tn_memory_region_init(&self->window, self->platform->memory, NULL, "device-memory",
                          tn_range_size(window));
    tn_memory_region_add_subregion(self->platform->system_memory, window.first, &self->window);
    self->has_window = TRUE;
}

static void
make_controller(TnPcHotplug *self, TnAcpiGpe *gpe)
{
    const TnAcpiMemoryHotplugConfig config = {
        .memory = self->platform->memory,
        .io = self->platform->system_io,
        .port = TN_ACPI_MEMORY_HOTPLUG_PORT,
        .gpe = gpe,
        .events = self->platform->events,
        .trace = self->platform->trace,
        .slots = tn_device_memory_get_slots(self->places),
        .ejected = ejected,
        .opaque = self,
    };

    if (config.slots) {
        self->controller = tn_acpi_memory_hotplug_new(&config);
    }
}

TnPcHotplug *
tn_pc_hotplug_new(const TnPcHotplugConfig *config, GError **error)
{
    g_autoptr(TnPcHotplug) self = g_object_new(TN_TYPE_PC_HOTPLUG, NULL);
    const TnDeviceMemoryConfig places = {
        .ram_end = config->ram_end,
        .ram_size = config->ram_size,
        .max_ram_size = config->max_ram_size,
        .slots = config->ram_slots,
    };

    self->platform = config->platform;
    self->num_nodes = config->num_nodes;
    self->places = tn_device_memory_new(&places, error);
    if (!self->places) {
        return NULL;
    }
    make_window(self);
    make_controller(self, config->gpe);
    tn_pc_hotplug_add_row(self, TN_TYPE_PC_DIMM, &dimm_row, self);
    if (config->pci_bus) {
        self->pci = tn_pc_pci_hotplug_new(config, self);
    }
    return g_steal_pointer(&self);
}

static void
collect(gpointer data, gpointer user_data)
{
    g_ptr_array_add(user_data, g_object_ref(data));
}

void
tn_pc_hotplug_shut_down(TnPcHotplug *self)
{
    g_autoptr(GPtrArray) dimms = g_ptr_array_new_with_free_func(g_object_unref);

    if (self->controller) {
        tn_device_memory_foreach(self->places, collect, dimms);
        for (guint i = 0; i < dimms->len; i++) {
            dimm_unplug(self, g_ptr_array_index(dimms, i));
            tn_device_unrealize(g_ptr_array_index(dimms, i));
        }
        g_clear_pointer(&self->controller, tn_acpi_memory_hotplug_free);
    }
    g_clear_pointer(&self->pci, tn_pc_pci_hotplug_free);
    if (self->has_window) {
        tn_memory_region_del_subregion(self->platform->system_memory, &self->window);
        tn_memory_synchronize(self->platform->memory);
        tn_memory_region_done(&self->window);
        self->has_window = FALSE;
    }
}

gboolean
tn_pc_hotplug_get_window(TnPcHotplug *self, TnRange *ret_window)
{
    return tn_device_memory_get_window(self->places, ret_window);
}

guint64
tn_pc_hotplug_get_plugged_size(TnPcHotplug *self)
{
    return tn_device_memory_get_used(self->places);
}

typedef struct {
    TnMemoryDeviceFunc func;
    gpointer user_data;
} DimmVisit;

static void
visit_dimm(gpointer data, gpointer user_data)
{
    TnPcDimm *dimm = data;
    const DimmVisit *visit = user_data;
    g_autofree char *memdev = tn_object_get_path(TN_OBJECT(tn_pc_dimm_get_memdev(dimm)));
    const TnMemoryDeviceInfo info = {
        .id = tn_device_get_id(TN_DEVICE(dimm)),
        .addr = tn_pc_dimm_get_addr(dimm),
        .size = tn_memory_region_size(tn_pc_dimm_get_region(dimm)),
        .slot = (unsigned)tn_pc_dimm_get_slot(dimm),
        .node = tn_pc_dimm_get_node(dimm),
        .memdev_path = memdev ? memdev : "",
        .hotplugged = tn_device_is_hotplugged(TN_DEVICE(dimm)),
        .hotpluggable = TRUE,
    };

    visit->func(&info, visit->user_data);
}

void
tn_pc_hotplug_foreach_memory_device(TnPcHotplug *self, TnMemoryDeviceFunc func,
                                    gpointer user_data)
{
    DimmVisit visit = { func, user_data };

    tn_device_memory_foreach(self->places, visit_dimm, &visit);
}

void
tn_pc_hotplug_foreach_ospm_status(TnPcHotplug *self, TnOspmFunc func, gpointer user_data)
{
    unsigned slots = self->controller ? tn_device_memory_get_slots(self->places) : 0;

    for (unsigned i = 0; i < slots; i++) {
        TnOspmInfo info = { .slot_type = "DIMM" };
        TnAcpiOst ost;

        tn_acpi_memory_hotplug_get_ost(self->controller, i, &ost);
        (void)g_snprintf(info.slot, sizeof info.slot, "%u", i);
        info.device = ost.device ? tn_device_get_id(ost.device) : NULL;
        info.source = ost.source;
        info.status = ost.status;
        func(&info, user_data);
    }
}

static void
describe_dimm_slot(TnPcHotplug *self, unsigned slot, TnAcpiSlotFunc func, gpointer user_data)
{
    guint8 flags = tn_acpi_memory_hotplug_get_flags(self->controller, slot);
    g_autofree char *path = NULL;
    TnAcpiOst ost;
    TnAcpiSlotInfo info = {
        .kind = "DIMM",
        .slot = slot,
        .enabled = (flags & TN_ACPI_MEMORY_ENABLED) != 0,
        .inserting = (flags & TN_ACPI_MEMORY_INSERTING) != 0,
        .removing = (flags & TN_ACPI_MEMORY_REMOVING) != 0,
        .removable = TRUE,
    };

    tn_acpi_memory_hotplug_get_ost(self->controller, slot, &ost);
    if (ost.device) {
        path = tn_object_get_path(TN_OBJECT(ost.device));
        info.device = tn_device_get_id(ost.device);
        info.pending = tn_device_is_pending_unplug(ost.device);
    }
    info.path = path;
    info.has_ost = ost.source != 0 || ost.status != 0;
    info.ost_source = ost.source;
    info.ost_status = ost.status;
    func(&info, user_data);
}

void
tn_pc_hotplug_foreach_acpi_slot(TnPcHotplug *self, TnAcpiSlotFunc func, gpointer user_data)
{
    unsigned slots = self->controller ? tn_device_memory_get_slots(self->places) : 0;

    for (unsigned i = 0; i < slots; i++) {
        describe_dimm_slot(self, i, func, user_data);
    }
    if (self->pci) {
        tn_pc_pci_hotplug_foreach_slot(self->pci, func, user_data);
    }
}

void
tn_pc_hotplug_settle(TnPcHotplug *self)
{
    if (self->pci) {
        tn_pc_pci_hotplug_settle(self->pci);
    }
}

unsigned
tn_pc_hotplug_describe_pci(TnPcHotplug *self, TnAcpiPciBus *ret_buses)
{
    return self->pci ? tn_pc_pci_hotplug_describe(self->pci, ret_buses) : 0;
}

void
tn_pc_hotplug_add_row(TnPcHotplug *self, GType type, const TnPcHotplugRow *row, gpointer opaque)
{
    Row entry = { type, row, opaque };

    g_array_append_val(self->rows, entry);
}
