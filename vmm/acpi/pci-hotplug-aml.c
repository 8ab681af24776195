/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The PCI hot-plug controller as the guest's ACPI drives it: a device for each slot of
 * \_SB.PCI0 with an eject method (ACPI 6.3, 6.3.3), and the handler of GPE 1.
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
#define ROOT_BUS 0

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

static TnAml *
select_root_bus(void)
{
    return tn_aml_store(tn_aml_int(ROOT_BUS), tn_aml_path("BNUM"));
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

/* PCEJ (slot): _EJ0 of a slot. */
static TnAml *
method_eject(void)
{
    TnAml *m = tn_aml_method("PCEJ", 1, TRUE);

    tn_aml_append(m, lock());
    tn_aml_append(m, select_root_bus());
    tn_aml_append(m, tn_aml_store(tn_aml_shift_left(tn_aml_int(1), tn_aml_arg(0)),
                                  tn_aml_path("B0EJ")));
    tn_aml_append(m, unlock());
    return m;
}

/* POST (slot, event, status): _OST of a slot. */
static TnAml *
method_ost(void)
{
    TnAml *m = tn_aml_method("POST", 3, TRUE);

    tn_aml_append(m, lock());
    tn_aml_append(m, tn_aml_store(tn_aml_arg(0), tn_aml_path("OSLT")));
    tn_aml_append(m, tn_aml_store(tn_aml_arg(1), tn_aml_path("OSEV")));
    tn_aml_append(m, tn_aml_store(tn_aml_arg(2), tn_aml_path("OSST")));
    tn_aml_append(m, unlock());
    return m;
}

/* AIDX (slot): the acpi-index of what is in it, 0 for none. */
static TnAml *
method_index(void)
{
    TnAml *m = tn_aml_method("AIDX", 1, TRUE);

    tn_aml_append(m, lock());
    tn_aml_append(m, select_root_bus());
    tn_aml_append(m, tn_aml_store(tn_aml_shift_left(tn_aml_int(1), tn_aml_arg(0)),
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

/* PDSM (uuid, revision, function, slot): _DSM of a slot. Tells the guest the number by which
 * it names a device, if the device has one (PCI Firmware 3.1, 4.6.7). */
static TnAml *
method_dsm(void)
{
    TnAml *m = tn_aml_method("PDSM", 4, TRUE);
    TnAml *name = tn_aml_if(tn_aml_equal(tn_aml_arg(2), tn_aml_int(DSM_NAME)));
    TnAml *package = tn_aml_package();

    add_if(m, tn_aml_not(tn_aml_equal(tn_aml_arg(0), tn_aml_uuid(DSM_UUID))),
           return_functions(0));
    add_if(m, tn_aml_less(tn_aml_arg(1), tn_aml_int(DSM_REVISION)), return_functions(0));
    tn_aml_append(m, tn_aml_store(tn_aml_call("AIDX", tn_aml_arg(3), NULL), tn_aml_local(0)));
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

/* QEMU's name of a slot's device: S and the address of its function 0. */
static void
slot_name(char *ret_name, unsigned slot)
{
    (void)g_snprintf(ret_name, 4, "S%02X", (slot << 3) & 0xff);
}

/* DVNT (slots, what): notifies the device of each slot whose bit is set. */
static TnAml *
method_notify(guint32 slots)
{
    TnAml *m = tn_aml_method("DVNT", 2, FALSE);

    for (unsigned slot = 0; slot < TN_ACPI_PCI_HOTPLUG_SLOTS; slot++) {
        char name[4];
        TnAml *branch;

        if (!(slots & (1U << slot))) {
            continue;
        }
        slot_name(name, slot);
        branch = tn_aml_if(tn_aml_and(tn_aml_arg(0), tn_aml_int(1U << slot)));
        tn_aml_append(branch, tn_aml_notify(tn_aml_path(name), tn_aml_arg(1)));
        tn_aml_append(m, branch);
    }
    return m;
}

/* PCNT (): tells of all that the registers have news of. */
static TnAml *
method_scan(void)
{
    TnAml *m = tn_aml_method("PCNT", 0, TRUE);

    tn_aml_append(m, lock());
    tn_aml_append(m, select_root_bus());
    /* Reading PCIU clears it, hence once. */
    tn_aml_append(m, tn_aml_call("DVNT", tn_aml_path("PCIU"), tn_aml_int(NOTIFY_DEVICE_CHECK),
                                 NULL));
    tn_aml_append(m, tn_aml_call("DVNT", tn_aml_path("PCID"), tn_aml_int(NOTIFY_EJECT_REQUEST),
                                 NULL));
    tn_aml_append(m, unlock());
    return m;
}

static TnAml *
slot_device(unsigned slot)
{
    char name[4];
    TnAml *dev, *m;

    slot_name(name, slot);
    dev = tn_aml_device(name);
    /* Any function of the slot: ACPI 6.3, table 6-187. */
    tn_aml_append(dev, tn_aml_name("_ADR", tn_aml_int((guint64)slot << 16)));
    tn_aml_append(dev, tn_aml_name("_SUN", tn_aml_int(slot)));
    m = tn_aml_method("_EJ0", 1, FALSE);
    tn_aml_append(m, tn_aml_call("PCEJ", tn_aml_path("_SUN"), NULL));
    tn_aml_append(dev, m);
    m = tn_aml_method("_OST", 3, FALSE);
    tn_aml_append(m, tn_aml_call("POST", tn_aml_path("_SUN"), tn_aml_arg(0), tn_aml_arg(1),
                                 NULL));
    tn_aml_append(dev, m);
    m = tn_aml_method("_DSM", 4, FALSE);
    tn_aml_append(m, tn_aml_return(tn_aml_call("PDSM", tn_aml_arg(0), tn_aml_arg(1),
                                               tn_aml_arg(2), tn_aml_path("_SUN"), NULL)));
    tn_aml_append(dev, m);
    return dev;
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
tn_acpi_pci_hotplug_aml(TnAml *dsdt, guint32 slots, guint16 port)
{
    TnAml *bridge = tn_aml_scope("\\_SB.PCI0");
    TnAml *gpe = tn_aml_scope("\\_GPE");
    TnAml *handler = tn_aml_method("_E01", 0, FALSE);

    add_registers(bridge, port);
    tn_aml_append(bridge, method_eject());
    tn_aml_append(bridge, method_ost());
    tn_aml_append(bridge, method_index());
    tn_aml_append(bridge, method_dsm());
    for (unsigned slot = 0; slot < TN_ACPI_PCI_HOTPLUG_SLOTS; slot++) {
        if (slots & (1U << slot)) {
            tn_aml_append(bridge, slot_device(slot));
        }
    }
    tn_aml_append(bridge, method_notify(slots));
    tn_aml_append(bridge, method_scan());
    tn_aml_append(dsdt, bridge);
    tn_aml_append(dsdt, ports_device(port));
    tn_aml_append(handler, tn_aml_call("\\_SB.PCI0.PCNT", NULL));
    tn_aml_append(gpe, handler);
    tn_aml_append(dsdt, gpe);
}
