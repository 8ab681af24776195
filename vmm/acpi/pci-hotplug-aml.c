/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The PCI hot-plug controller as the guest's ACPI drives it: below \_SB.PCI0 a device for
 * each slot with an eject method (ACPI 6.3, 6.3.3), and for each bridge that has such slots
 * behind it, where they lie; and the handler of GPE 1. A bus's selector is its BSEL.
 */
#include "vmm/acpi/pci-hotplug.h"

#include "vmm/acpi/aml-hotplug.h"

/* PCI Firmware 3.1, 4.6: functions of a device's _DSM. */
#define DSM_UUID "e5c937d0-3553-4d7a-9117-ea4d19c3434d"
#define DSM_REVISION 2
#define DSM_SUPPORTED 0
#define DSM_NAME 7

static const TnAmlBank bank = { "BLCK", "BNUM" };

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

/* The slot of the method's second argument as a bit. */
static TnAml *
slot_bit(void)
{
    return tn_aml_shift_left(tn_aml_int(1), tn_aml_arg(1));
}

/* PCEJ (bus, slot): _EJ0 of a slot. */
static TnAml *
method_eject(void)
{
    return tn_aml_bank_method(&bank, "PCEJ", 2, NULL,
                              tn_aml_store(slot_bit(), tn_aml_path("B0EJ")), NULL);
}

/* POST (bus, slot, event, status): _OST of a slot. */
static TnAml *
method_ost(void)
{
    return tn_aml_bank_method(&bank, "POST", 4, NULL,
                              tn_aml_store(tn_aml_arg(1), tn_aml_path("OSLT")),
                              tn_aml_store(tn_aml_arg(2), tn_aml_path("OSEV")),
                              tn_aml_store(tn_aml_arg(3), tn_aml_path("OSST")), NULL);
}

/* AIDX (bus, slot): the acpi-index of what is in it, 0 for none. */
static TnAml *
method_index(void)
{
    return tn_aml_bank_method(&bank, "AIDX", 2, tn_aml_local(0),
                              tn_aml_store(slot_bit(), tn_aml_path("PIDX")),
                              tn_aml_store(tn_aml_path("PIDX"), tn_aml_local(0)), NULL);
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
    tn_aml_bank_enter(&bank, m, tn_aml_path("BSEL"));
    /* Reading PCIU clears it, hence once. */
    tn_aml_append(m, tn_aml_call("DVNT", tn_aml_path("PCIU"),
                                 tn_aml_int(TN_AML_NOTIFY_DEVICE_CHECK), NULL));
    tn_aml_append(m, tn_aml_call("DVNT", tn_aml_path("PCID"),
                                 tn_aml_int(TN_AML_NOTIFY_EJECT_REQUEST), NULL));
    tn_aml_bank_leave(&bank, m);
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

void
tn_acpi_pci_hotplug_aml(TnAml *dsdt, const TnAcpiPciBus *buses, unsigned num_buses, guint16 port)
{
    const Buses all = { buses, num_buses };
    TnAml *root = tn_aml_scope("\\_SB.PCI0");
    TnAml *ports = tn_aml_ports_device("\\_SB.PCI0.PHPR", "PCI Hotplug resources", port,
                                       TN_ACPI_PCI_HOTPLUG_LENGTH);

    g_assert(num_buses >= 1 && num_buses <= TN_ACPI_PCI_HOTPLUG_BUSES + 1);
    add_registers(root, port);
    tn_aml_append(root, method_eject());
    tn_aml_append(root, method_ost());
    tn_aml_append(root, method_index());
    tn_aml_append(root, method_dsm());
    add_bus(root, &all, 0);
    tn_aml_append(dsdt, root);
    tn_aml_append(ports, tn_aml_name("_STA", tn_aml_int(0x0b)));
    tn_aml_append(dsdt, ports);
    tn_aml_add_gpe(dsdt, "_E01", "\\_SB.PCI0.PCNT");
}
