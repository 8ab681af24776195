/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The PCI hot-plug controller as the guest's ACPI drives it: below \_SB.PCI0 a device for
 * each slot with an eject method (ACPI 6.3, 6.3.3), and for each bridge that has such slots
 * behind it, where they lie; and the handler of GPE 1. A bus's selector is its BSEL.
 *
 * The registers speak of the bus that was selected last, so every access holds the
 * mutex BLCK from the selection on.
 */
#include "vmm/acpi/pci-hotplug.h"

/* Notify values, ACPI 6.3 table 5-165. */
#define NOTIFY_DEVICE_CHECK 1
#define NOTIFY_EJECT_REQUEST 3

#define WAIT_FOR_EVER 0xffff

/* PCI Firmware 3.1, 4.6: functions of a device's _DSM. */
#define DSM_UUID "e5c937d0-3553-4d7a-9117-ea4d19c3434d"
#define DSM_REVISION 2
#define DSM_SUPPORTED 0
#define DSM_NAME 7

static TnAml *
lock(void)
{
    return tn_aml_acquire(tn_aml_path("BLCK"), WAIT_FOR_EVER);
}

static TnAml *
unlock(void)
{
    return tn_aml_release(tn_aml_path("BLCK"));
}

/* What a method of a bus's slot does first: its first argument is the bus. */
static void
begin_access(TnAml *method)
{
    tn_aml_append(method, lock());
    tn_aml_append(method, tn_aml_store(tn_aml_arg(0), tn_aml_path("BNUM")));
}

/* The ports, in the order of their offsets. */
static void
add_registers(TnAml *bridge, guint16 port)
{
    static const char *const units[] = { "PCIU", "PCID", "B0EJ", "PRMV", "BNUM",
                                         "PIDX", "OSLT", "OSEV", "OSST" };
    TnAml *field = tn_aml_field("PCST", TN_AML_DWORD_ACC, TN_AML_WRITE_AS_ZEROS);

    G_STATIC_ASSERT(G_N_ELEMENTS(units) * 4 == TN_ACPI_PCI_HOTPLUG_LENGTH);
    tn_aml_append(bridge, tn_aml_op_region("PCST", TN_AML_SYSTEM_IO, port,
                                           TN_ACPI_PCI_HOTPLUG_LENGTH));
    for (unsigned i = 0; i < G_N_ELEMENTS(units); i++) {
        tn_aml_append(field, tn_aml_field_unit(units[i], 32));
    }
    tn_aml_append(bridge, field);
    tn_aml_append(bridge, tn_aml_mutex("BLCK", 0));
}

/* PCEJ (bus, slot): _EJ0 of a slot. */
static TnAml *
method_eject(void)
{
    TnAml *m = tn_aml_method("PCEJ", 2, TRUE);

    begin_access(m);
    tn_aml_append(m, tn_aml_store(tn_aml_shift_left(tn_aml_int(1), tn_aml_arg(1)),
                                  tn_aml_path("B0EJ")));
    tn_aml_append(m, unlock());
    return m;
}

/* POST (bus, slot, event, status): _OST of a slot. */
static TnAml *
method_ost(void)
{
    static const char *const registers[] = { "OSLT", "OSEV", "OSST" };
    TnAml *m = tn_aml_method("POST", 4, TRUE);

    begin_access(m);
    for (unsigned i = 0; i < G_N_ELEMENTS(registers); i++) {
        tn_aml_append(m, tn_aml_store(tn_aml_arg(1 + i), tn_aml_path(registers[i])));
    }
    tn_aml_append(m, unlock());
    return m;
}

/* AIDX (bus, slot): the acpi-index of what is in it, 0 for none. */
static TnAml *
method_index(void)
{
    TnAml *m = tn_aml_method("AIDX", 2, TRUE);

    begin_access(m);
    tn_aml_append(m, tn_aml_store(tn_aml_shift_left(tn_aml_int(1), tn_aml_arg(1)),
                                  tn_aml_path("PIDX")));
    tn_aml_append(m, tn_aml_store(tn_aml_path("PIDX"), tn_aml_local(0)));
    tn_aml_append(m, unlock());
    tn_aml_append(m, tn_aml_return(tn_aml_local(0)));
    return m;
}

/* Return (Buffer () { @functions }): which functions of a _DSM there are. */
static TnAml *
return_functions(guint8 functions)
{
    return tn_aml_return(tn_aml_buffer(&functions, sizeof functions));
}

static void
add_if(TnAml *parent, TnAml *condition, TnAml *then)
{
    TnAml *branch = tn_aml_if(condition);

    tn_aml_append(branch, then);
    tn_aml_append(parent, branch);
}

/* PDSM (uuid, revision, function, bus, slot): _DSM of a slot. Tells the guest the number by
 * which it names a device, if the device has one (PCI Firmware 3.1, 4.6.7). */
static TnAml *
method_dsm(void)
{
    TnAml *m = tn_aml_method("PDSM", 5, TRUE);
    TnAml *name = tn_aml_if(tn_aml_equal(tn_aml_arg(2), tn_aml_int(DSM_NAME)));
    TnAml *package = tn_aml_package();

    add_if(m, tn_aml_not(tn_aml_equal(tn_aml_arg(0), tn_aml_uuid(DSM_UUID))),
           return_functions(0));
    add_if(m, tn_aml_less(tn_aml_arg(1), tn_aml_int(DSM_REVISION)), return_functions(0));
    tn_aml_append(m, tn_aml_store(tn_aml_call("AIDX", tn_aml_arg(3), tn_aml_arg(4), NULL),
                                  tn_aml_local(0)));
    add_if(m, tn_aml_equal(tn_aml_local(0), tn_aml_int(0)), return_functions(0));
    add_if(m, tn_aml_equal(tn_aml_arg(2), tn_aml_int(DSM_SUPPORTED)),
           return_functions(1 << DSM_SUPPORTED | 1 << DSM_NAME));
    tn_aml_append(package, tn_aml_int(0));
    tn_aml_append(package, tn_aml_string(""));
    tn_aml_append(name, tn_aml_store(package, tn_aml_local(1)));
    tn_aml_append(name, tn_aml_store(tn_aml_local(0),
                                     tn_aml_index(tn_aml_local(1), tn_aml_int(0))));
    tn_aml_append(name, tn_aml_return(tn_aml_local(1)));
    tn_aml_append(m, name);
    tn_aml_append(m, return_functions(0));
    return m;
}

#define NAME_SIZE 4

/* QEMU's name of a device: S and its address. A slot's is that of its function 0. */
static void
device_name(char *ret_name, unsigned devfn)
{
    (void)g_snprintf(ret_name, NAME_SIZE, "S%02X", devfn & 0xff);
}

/* DVNT (slots, what): notifies the device of each slot whose bit is set. */
static TnAml *
method_notify(guint32 slots)
{
    TnAml *m = tn_aml_method("DVNT", 2, FALSE);

    for (unsigned slot = 0; slot < TN_ACPI_PCI_HOTPLUG_SLOTS; slot++) {
        char name[NAME_SIZE];
        TnAml *branch;

        if (!(slots & (1U << slot))) {
            continue;
        }
        device_name(name, slot << 3);
        branch = tn_aml_if(tn_aml_and(tn_aml_arg(0), tn_aml_int(1U << slot)));
        tn_aml_append(branch, tn_aml_notify(tn_aml_path(name), tn_aml_arg(1)));
        tn_aml_append(m, branch);
    }
    return m;
}

/* What PCNT does for the bus of its scope. */
static void
add_scan(TnAml *m)
{
    tn_aml_append(m, lock());
    tn_aml_append(m, tn_aml_store(tn_aml_path("BSEL"), tn_aml_path("BNUM")));
    /* Reading PCIU clears it, hence once. */
    tn_aml_append(m, tn_aml_call("DVNT", tn_aml_path("PCIU"), tn_aml_int(NOTIFY_DEVICE_CHECK),
                                 NULL));
    tn_aml_append(m, tn_aml_call("DVNT", tn_aml_path("PCID"), tn_aml_int(NOTIFY_EJECT_REQUEST),
                                 NULL));
    tn_aml_append(m, unlock());
}

static TnAml *
slot_device(unsigned slot)
{
    char name[NAME_SIZE];
    TnAml *dev, *m;

    device_name(name, slot << 3);
    dev = tn_aml_device(name);
    /* Any function of the slot: ACPI 6.3, table 6-187. */
    tn_aml_append(dev, tn_aml_name("_ADR", tn_aml_int((guint64)slot << 16)));
    tn_aml_append(dev, tn_aml_name("_SUN", tn_aml_int(slot)));
    m = tn_aml_method("_EJ0", 1, FALSE);
    tn_aml_append(m, tn_aml_call("PCEJ", tn_aml_path("BSEL"), tn_aml_path("_SUN"), NULL));
    tn_aml_append(dev, m);
    m = tn_aml_method("_OST", 3, FALSE);
    tn_aml_append(m, tn_aml_call("POST", tn_aml_path("BSEL"), tn_aml_path("_SUN"), tn_aml_arg(0),
                                 tn_aml_arg(1), NULL));
    tn_aml_append(dev, m);
    m = tn_aml_method("_DSM", 4, FALSE);
    tn_aml_append(m, tn_aml_return(tn_aml_call("PDSM", tn_aml_arg(0), tn_aml_arg(1),
                                               tn_aml_arg(2), tn_aml_path("BSEL"),
                                               tn_aml_path("_SUN"), NULL)));
    tn_aml_append(dev, m);
    return dev;
}

/* All buses of a machine, as add_bus() goes through them. */
typedef struct Buses {
    const TnAcpiPciBus *list;
    unsigned count;
} Buses;

/* Fills in @scope, the device of bus @index: its slots, the bridges on it, and PCNT (), which
 * tells of all that the registers have news of, on it and behind it. */
static void
add_bus(TnAml *scope, const Buses *buses, unsigned index)
{
    const TnAcpiPciBus *bus = &buses->list[index];
    TnAml *scan = tn_aml_method("PCNT", 0, TRUE);

    if (bus->selector >= 0) {
        tn_aml_append(scope, tn_aml_name("BSEL", tn_aml_int((guint64)bus->selector)));
        for (unsigned slot = 0; slot < TN_ACPI_PCI_HOTPLUG_SLOTS; slot++) {
            if (bus->slots & (1U << slot)) {
                tn_aml_append(scope, slot_device(slot));
            }
        }
        tn_aml_append(scope, method_notify(bus->slots));
        add_scan(scan);
    }
    for (unsigned i = index + 1; i < buses->count; i++) {
        const TnAcpiPciBus *behind = &buses->list[i];
        char name[NAME_SIZE], call[NAME_SIZE + sizeof "^.PCNT"];
        TnAml *bridge;

        if (behind->parent != (int)index) {
            continue;
        }
        device_name(name, behind->devfn);
        bridge = tn_aml_device(name);
        tn_aml_append(bridge, tn_aml_name("_ADR", tn_aml_int((guint64)(behind->devfn >> 3) << 16 |
                                                             (behind->devfn & 7))));
        add_bus(bridge, buses, i);
        tn_aml_append(scope, bridge);
        /* A path of two names is not looked for further up, and PCNT is a scope by itself. */
        (void)g_snprintf(call, sizeof call, "^%s.PCNT", name);
        tn_aml_append(scan, tn_aml_call(call, NULL));
    }
    tn_aml_append(scope, scan);
}

/* Whose the ports are, so that the guest gives them to nobody else. */
static TnAml *
ports_device(guint16 port)
{
    TnAml *dev = tn_aml_device("\\_SB.PCI0.PHPR");
    TnAml *crs = tn_aml_resource_template();

    tn_aml_append(dev, tn_aml_name("_HID", tn_aml_eisaid("PNP0A06")));
    tn_aml_append(dev, tn_aml_name("_UID", tn_aml_string("PCI Hotplug resources")));
    tn_aml_append(crs, tn_aml_io(port, port, 1, TN_ACPI_PCI_HOTPLUG_LENGTH));
    tn_aml_append(dev, tn_aml_name("_CRS", crs));
    tn_aml_append(dev, tn_aml_name("_STA", tn_aml_int(0x0b)));
    return dev;
}

void
tn_acpi_pci_hotplug_aml(TnAml *dsdt, const TnAcpiPciBus *buses, unsigned num_buses, guint16 port)
{
    const Buses all = { buses, num_buses };
    TnAml *root = tn_aml_scope("\\_SB.PCI0");
    TnAml *gpe = tn_aml_scope("\\_GPE");
    TnAml *handler = tn_aml_method("_E01", 0, FALSE);

    g_assert(num_buses >= 1 && num_buses <= TN_ACPI_PCI_HOTPLUG_BUSES + 1);
    add_registers(root, port);
    tn_aml_append(root, method_eject());
    tn_aml_append(root, method_ost());
    tn_aml_append(root, method_index());
    tn_aml_append(root, method_dsm());
    add_bus(root, &all, 0);
    tn_aml_append(dsdt, root);
    tn_aml_append(dsdt, ports_device(port));
    tn_aml_append(handler, tn_aml_call("\\_SB.PCI0.PCNT", NULL));
    tn_aml_append(gpe, handler);
    tn_aml_append(dsdt, gpe);
}
