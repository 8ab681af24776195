/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The board's own devices and the tables that describe them. */
#include "vmm/machine/pc-devices.h"

#include "vmm/hw/fw-cfg.h"
#include "vmm/hw/hpet.h"
#include "vmm/hw/i440fx.h"
#include "vmm/hw/i8042.h"
#include "vmm/hw/piix3.h"
#include "vmm/hw/piix4-pm.h"
#include "vmm/hw/port92.h"
#include "vmm/hw/rtc.h"
#include "vmm/hw/serial.h"
#include "vmm/hw/vmport.h"
#include "vmm/machine/machine-private.h"
#include "vmm/machine/pc-acpi.h"
#include "vmm/machine/pc-fw-cfg.h"
#include "vmm/machine/pc-hotplug.h"
#include "vmm/machine/pc-pci-hotplug.h"
#include "vmm/machine/pc-pci-setup.h"
#include "vmm/machine/user-objects.h"
#include "vmm/pci/host.h"

#define GIB (1ULL << 30)
#define IOAPIC_ADDRESS 0xfec00000ULL
/* For 64-bit BARs, behind all RAM there can be: QEMU's default. */
#define PCI_HOLE64_SIZE (2 * GIB)
/* ICH's reset control register: full reset. Linux uses what the FADT names first. */
#define RESET_PORT 0xcf9
#define RESET_VALUE 0x0f

struct TnPcDevices {
    TnMachine *machine;
    guint64 below_4g, above_4g;
    /* references, in the order of realization */
    TnPciHost *host;
    TnPciDevice *i440fx;
    TnPiix3 *piix3;
    TnPiix4Pm *pm;
    TnFwCfg *fw_cfg;
    TnHpet *hpet; /* NULL for hpet=off */
    TnRtc *rtc;
    TnI8042 *i8042;
    TnPort92 *port92;
    TnVmport *vmport; /* NULL for vmport=off */
    TnPcHotplug *hotplug;
};

/* Hangs @device, which the board made, into the tree and brings it to life. */
static gboolean
realize(TnPcDevices *d, gpointer device, GError **error)
{
    tn_object_add_child_numbered(d->machine->unattached, "device", TN_OBJECT(device));
    return tn_user_objects_set_globals(d->machine, TN_DEVICE(device), error) &&
           tn_device_realize(TN_DEVICE(device), error);
}

static gboolean
make_chipset(TnPcDevices *d, GError **error)
{
    const TnPlatform *p = &d->machine->platform;
    TnPciBus *bus;

    d->host = tn_pci_host_new(p);
    if (!tn_object_add_child(TN_OBJECT(d->machine), "i440fx", TN_OBJECT(d->host), error) ||
        !tn_device_realize(TN_DEVICE(d->host), error)) {
        return FALSE;
    }
    bus = tn_pci_host_get_bus(d->host);
    d->i440fx = tn_i440fx_new(p, bus);
    d->piix3 = tn_piix3_new(p, d->host);
    d->pm = g_object_new(TN_TYPE_PIIX4_PM, NULL);
    tn_device_set_platform(TN_DEVICE(d->pm), p);
    tn_pci_device_set_address(TN_PCI_DEVICE(d->pm), bus, TN_PCI_DEVFN(1, 3));
    return realize(d, d->i440fx, error) && realize(d, d->piix3, error) &&
           realize(d, d->pm, error);
}

/* The HPET comes before the devices whose lines it takes between. */
static gboolean
make_timers(TnPcDevices *d, GError **error)
{
    if (!d->machine->config->hpet) {
        return TRUE;
    }
    d->hpet = tn_hpet_new(&d->machine->platform);
    return realize(d, d->hpet, error);
}

static gboolean
make_fw_cfg(TnPcDevices *d, GError **error)
{
    d->fw_cfg = tn_pc_fw_cfg_new(&d->machine->platform, d->machine->config, error);
    return d->fw_cfg && realize(d, d->fw_cfg, error);
}

static gboolean
make_isa_devices(TnPcDevices *d, GError **error)
{
    const TnPlatform *p = &d->machine->platform;
    const TnMachineConfig *c = d->machine->config;
    const TnRtcConfig rtc = {
        .base = c->rtc_date != G_MININT64 ? TN_RTC_BASE_DATETIME
                : c->rtc_localtime        ? TN_RTC_BASE_LOCALTIME
                                          : TN_RTC_BASE_UTC,
        .start = c->rtc_date,
    };

    d->rtc = tn_rtc_new(p, &rtc);
    d->i8042 = tn_i8042_new(p);
    d->port92 = tn_port92_new(p);
    if (!realize(d, d->rtc, error) || !realize(d, d->i8042, error) ||
        !realize(d, d->port92, error)) {
        return FALSE;
    }
    tn_rtc_set_memory(d->rtc, d->below_4g, d->above_4g);
    return TRUE;
}

/* The digits of @text, which is canonical; zeroes for NULL. */
static void
parse_uuid(const char *text, guint8 *ret_uuid)
{
    for (unsigned n = 0; text && n < 16; text++) {
        if (*text != '-') {
            ret_uuid[n++] = (guint8)(g_ascii_xdigit_value(text[0]) << 4 |
                                     g_ascii_xdigit_value(text[1]));
            text++;
        }
    }
}

static gboolean
make_vmport(TnPcDevices *d, GError **error)
{
    const TnMachineConfig *c = d->machine->config;
    TnVmportConfig config = { .ram_size = c->ram_size };

    if (!c->vmport) {
        return TRUE;
    }
    parse_uuid(c->uuid, config.uuid);
    d->vmport = tn_vmport_new(&d->machine->platform, &config);
    return realize(d, d->vmport, error);
}

static gboolean
make_hotplug(TnPcDevices *d, GError **error)
{
    TnPlatform *p = &d->machine->platform;
    const TnMachineConfig *c = d->machine->config;
    const TnPcHotplugConfig hotplug = {
        .platform = p,
        .gpe = tn_piix4_pm_get_gpe(d->pm),
        .pci_bus = tn_pci_host_get_bus(d->host),
        .hotplug_on_root = tn_piix4_pm_hotplugs_on_root(d->pm),
        .hotplug_behind_bridges = tn_piix4_pm_hotplugs_behind_bridges(d->pm),
        .ram_end = 4 * GIB + d->above_4g,
        .ram_size = c->ram_size,
        .max_ram_size = c->max_ram_size,
        .ram_slots = c->ram_slots,
        .num_nodes = c->num_numa,
    };

    d->hotplug = tn_pc_hotplug_new(&hotplug, error);
    p->hotplug = (TnHotplugHandler *)d->hotplug;
    return d->hotplug != NULL;
}

void
tn_pc_devices_refresh_fw_cfg(TnPcDevices *d)
{
    tn_pc_fw_cfg_refresh(d->fw_cfg, &d->machine->platform);
}

TnPcDevices *
tn_pc_devices_new(TnMachine *machine, const TnPcRam *ram, GError **error)
{
    TnMemory *memory = machine->platform.memory;
    TnPcDevices *d = g_new0(TnPcDevices, 1);
    gboolean made;

    d->machine = machine;
    d->below_4g = tn_pc_ram_below_4g(ram);
    d->above_4g = tn_pc_ram_above_4g(ram);
    /* Nobody sees the machine half made: one view is enough for all its regions. What goes again
     * needs a view without it, so outside. */
    tn_memory_begin(memory);
    made = make_chipset(d, error) && make_timers(d, error) && make_isa_devices(d, error) &&
           make_fw_cfg(d, error) && make_vmport(d, error) && make_hotplug(d, error);
    tn_memory_commit(memory);
    if (!made) {
        tn_pc_devices_free(d);
        return NULL;
    }
    return d;
}

/* Gives back what @device claimed, before the devices it is built on do. */
static void
drop(gpointer device)
{
    if (device) {
        tn_device_unrealize(TN_DEVICE(device));
        tn_object_unparent(TN_OBJECT(device));
        g_object_unref(device);
    }
}

void
tn_pc_devices_stop_hotplug(TnPcDevices *d)
{
    if (d->hotplug) {
        tn_pc_hotplug_shut_down(d->hotplug);
        d->machine->platform.hotplug = NULL;
        g_clear_object(&d->hotplug);
    }
}

void
tn_pc_devices_free(TnPcDevices *d)
{
    if (!d) {
        return;
    }
    tn_pc_devices_stop_hotplug(d);
    drop(d->vmport);
    drop(d->port92);
    drop(d->i8042);
    drop(d->rtc);
    drop(d->fw_cfg);
    drop(d->hpet);
    drop(d->pm);
    drop(d->piix3);
    drop(d->i440fx);
    drop(d->host);
    g_free(d);
}

/* Which COM ports there are: bit n for COM n+1. */
static void
note_serial(TnObject *child, gpointer user_data)
{
    unsigned index = 0;

    if (TN_IS_SERIAL(child)) {
        g_object_get(child, "index", &index, NULL);
        *(unsigned *)user_data |= index < 4 ? 1u << index : 0;
    }
}

static unsigned
find_serials(TnMachine *machine)
{
    unsigned found = 0;

    tn_object_foreach_child(machine->peripheral, note_serial, &found);
    tn_object_foreach_child(machine->peripheral_anon, note_serial, &found);
    return found;
}

static guint64
pci_hole64_base(TnPcDevices *d)
{
    guint64 end = 4 * GIB + d->above_4g;
    TnRange window;

    if (tn_pc_hotplug_get_window(d->hotplug, &window)) {
        end = window.last + 1;
    }
    return (end + GIB - 1) / GIB * GIB;
}

guint64
tn_pc_devices_get_last_address(TnPcDevices *d)
{
    return pci_hole64_base(d) + PCI_HOLE64_SIZE - 1;
}

GBytes *
tn_pc_devices_build_acpi(TnPcDevices *d, const TnAcpiCpu *cpus, unsigned num_cpus,
                         GError **error)
{
    const TnMachineConfig *c = d->machine->config;
    g_autofree guint64 *node_sizes = g_new0(guint64, TN_MAX_NUMA_NODES);
    unsigned serials = find_serials(d->machine);
    TnAcpiPciBus pci_buses[TN_PC_PCI_HOTPLUG_MAX_BUSES];
    TnRange window;
    TnPcAcpiConfig acpi = {
        .cpus = cpus,
        .num_cpus = num_cpus,
        .node_sizes = node_sizes,
        .num_nodes = c->num_numa,
        .distances = c->distances,
        .below_4g = d->below_4g,
        .above_4g = d->above_4g,
        .ram_slots = c->ram_slots,
        .pci_buses = pci_buses,
        .num_pci_buses = tn_pc_hotplug_describe_pci(d->hotplug, pci_buses),
        .pci_hole = { d->below_4g, IOAPIC_ADDRESS - 1 },
        .com1 = (serials & 1) != 0,
        .com2 = (serials & 2) != 0,
        .rtc = TRUE,
        .hpet = d->hpet != NULL,
        .fw_cfg = TRUE,
        .i8042 = TRUE,
        .s3 = tn_piix4_pm_has_sleep(d->pm, TN_PIIX4_S3),
        .s4 = tn_piix4_pm_has_sleep(d->pm, TN_PIIX4_S4),
        .s4_type = tn_piix4_pm_get_s4_type(d->pm),
        .reset_port = RESET_PORT,
        .reset_value = RESET_VALUE,
    };

    for (unsigned i = 0; i < c->num_numa; i++) {
        node_sizes[i] = c->numa[i].size;
    }
    if (tn_pc_hotplug_get_window(d->hotplug, &window)) {
        acpi.device_memory_base = window.first;
        acpi.device_memory_size = tn_range_size(window);
    }
    acpi.pci_hole64.first = pci_hole64_base(d);
    acpi.pci_hole64.last = tn_pc_devices_get_last_address(d);
    return tn_pc_acpi_build(&acpi, error);
}

void
tn_pc_devices_settle(TnPcDevices *d)
{
    tn_pc_hotplug_settle(d->hotplug);
}

void
tn_pc_devices_setup_pci(TnPcDevices *d)
{
    tn_pc_pci_setup_bridges(tn_pci_host_get_bus(d->host),
                            (TnRange){ d->below_4g, IOAPIC_ADDRESS - 1 });
}

void
tn_pc_devices_press_power_button(TnPcDevices *d)
{
    tn_piix4_pm_press_power_button(d->pm);
}

void
tn_pc_devices_note_suspend(TnPcDevices *d)
{
    tn_rtc_set_cmos(d->rtc, TN_RTC_CMOS_SHUTDOWN, TN_RTC_SHUTDOWN_S3);
}

void
tn_pc_devices_note_wakeup(TnPcDevices *d, TnWakeupReason reason)
{
    tn_piix4_pm_wake_up(d->pm, reason);
}

TnAcpiGpe *
tn_pc_devices_get_gpe(TnPcDevices *d)
{
    return tn_piix4_pm_get_gpe(d->pm);
}

TnPcHotplug *
tn_pc_devices_get_hotplug(TnPcDevices *d)
{
    return d->hotplug;
}
