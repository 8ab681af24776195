/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The memory-hotplug controller as the guest's ACPI drives it: \_SB.MHPC with a
 * memory device (PNP0C80, ACPI 6.3 section 9.12) for each slot.
 */
#include "vmm/acpi/memory-hotplug.h"

#include "vmm/acpi/aml-hotplug.h"
#include "vmm/acpi/aml-notify.h"

static const TnAmlBank bank = { "MLCK", "MSEL" };

/* The ports. Reads and writes at one offset mean different things, hence two fields. */
static void
add_registers(TnAml *dev, guint16 port)
{
    TnAml *field;

    tn_aml_append(dev, tn_aml_op_region("MREG", TN_AML_SYSTEM_IO, port,
                                        TN_ACPI_MEMORY_HOTPLUG_LENGTH));

    field = tn_aml_field("MREG", TN_AML_DWORD_ACC, TN_AML_PRESERVE);
    tn_aml_append(field, tn_aml_field_unit("MABL", 32)); /* address, low half */
    tn_aml_append(field, tn_aml_field_unit("MABH", 32));
    tn_aml_append(field, tn_aml_field_unit("MASL", 32)); /* size, low half */
    tn_aml_append(field, tn_aml_field_unit("MASH", 32));
    tn_aml_append(field, tn_aml_field_unit("MAPX", 32)); /* proximity domain */
    tn_aml_append(dev, field);

    field = tn_aml_field("MREG", TN_AML_DWORD_ACC, TN_AML_WRITE_AS_ZEROS);
    tn_aml_append(field, tn_aml_field_unit("MSEL", 32)); /* slot */
    tn_aml_append(field, tn_aml_field_unit("MOEV", 32)); /* _OST event */
    tn_aml_append(field, tn_aml_field_unit("MOSC", 32)); /* _OST status */
    tn_aml_append(dev, field);

    field = tn_aml_field("MREG", TN_AML_BYTE_ACC, TN_AML_WRITE_AS_ZEROS);
    tn_aml_append(field, tn_aml_field_gap(0x14 * 8));
    tn_aml_append(field, tn_aml_field_unit("MFLG", 8));
    tn_aml_append(dev, field);
}

/* MSTA (slot): _STA of a slot. */
static TnAml *
method_sta(void)
{
    TnAml *present = tn_aml_if(
        tn_aml_and(tn_aml_path("MFLG"), tn_aml_int(TN_ACPI_MEMORY_ENABLED)));

    tn_aml_append(present, tn_aml_store(tn_aml_int(TN_AML_STA_WORKS), tn_aml_local(0)));
    return tn_aml_bank_method(&bank, "MSTA", 1, tn_aml_local(0),
                              tn_aml_store(tn_aml_int(0), tn_aml_local(0)), present, NULL);
}

/* @high << 32 | @low. */
static TnAml *
join(const char *high, const char *low)
{
    return tn_aml_or(tn_aml_shift_left(tn_aml_path(high), tn_aml_int(32)), tn_aml_path(low));
}

/* MCRS (slot): _CRS of a slot, one 64-bit memory range. */
static TnAml *
method_crs(void)
{
    TnAml *m = tn_aml_method("MCRS", 1, TRUE);
    TnAml *template = tn_aml_resource_template();

    tn_aml_append(template, tn_aml_qword_memory(0, 0xfffffffe, TRUE, TRUE));
    tn_aml_append(m, tn_aml_name("MR64", template));
    tn_aml_append(m, tn_aml_create_qword_field(tn_aml_path("MR64"), TN_AML_QWORD_MIN_OFFSET,
                                               "MIN"));
    tn_aml_append(m, tn_aml_create_qword_field(tn_aml_path("MR64"), TN_AML_QWORD_MAX_OFFSET,
                                               "MAX"));
    tn_aml_append(m, tn_aml_create_qword_field(tn_aml_path("MR64"), TN_AML_QWORD_LEN_OFFSET,
                                               "LEN"));
    tn_aml_bank_enter(&bank, m, tn_aml_arg(0));
    tn_aml_append(m, tn_aml_store(join("MABH", "MABL"), tn_aml_path("MIN")));
    tn_aml_append(m, tn_aml_store(join("MASH", "MASL"), tn_aml_path("LEN")));
    tn_aml_bank_leave(&bank, m);
    tn_aml_append(m, tn_aml_store(tn_aml_subtract(tn_aml_add(tn_aml_path("MIN"),
                                                             tn_aml_path("LEN")),
                                                  tn_aml_int(1)),
                                  tn_aml_path("MAX")));
    tn_aml_append(m, tn_aml_return(tn_aml_path("MR64")));
    return m;
}

/* MPXM (slot): _PXM of a slot. */
static TnAml *
method_pxm(void)
{
    return tn_aml_bank_method(&bank, "MPXM", 1, tn_aml_local(0),
                              tn_aml_store(tn_aml_path("MAPX"), tn_aml_local(0)), NULL);
}

/* MOST (slot, event, status): _OST of a slot. */
static TnAml *
method_ost(void)
{
    return tn_aml_bank_method(&bank, "MOST", 3, NULL,
                              tn_aml_store(tn_aml_arg(1), tn_aml_path("MOEV")),
                              tn_aml_store(tn_aml_arg(2), tn_aml_path("MOSC")), NULL);
}

/* MEJ0 (slot): _EJ0 of a slot. */
static TnAml *
method_ej0(void)
{
    return tn_aml_bank_method(
        &bank, "MEJ0", 1, NULL,
        tn_aml_store(tn_aml_int(TN_ACPI_MEMORY_EJECT), tn_aml_path("MFLG")), NULL);
}

static void
slot_name(char *ret_name, unsigned slot)
{
    (void)g_snprintf(ret_name, 5, "MP%02X", slot);
}

/* If bit @flag is set in Local1, notifies the slot in Local0 and clears the bit. */
static TnAml *
answer_flag(unsigned flag, unsigned notify)
{
    TnAml *branch = tn_aml_if(tn_aml_and(tn_aml_local(1), tn_aml_int(flag)));

    tn_aml_append(branch, tn_aml_call("MTFY", tn_aml_local(0), tn_aml_int(notify), NULL));
    tn_aml_append(branch, tn_aml_store(tn_aml_int(flag), tn_aml_path("MFLG")));
    return branch;
}

/* MSCN (): looks at every slot for what has not been told yet. */
static TnAml *
method_scan(unsigned slots)
{
    return tn_aml_bank_scan(&bank, "MSCN", slots,
                            tn_aml_store(tn_aml_path("MFLG"), tn_aml_local(1)),
                            answer_flag(TN_ACPI_MEMORY_INSERTING, TN_AML_NOTIFY_DEVICE_CHECK),
                            answer_flag(TN_ACPI_MEMORY_REMOVING, TN_AML_NOTIFY_EJECT_REQUEST),
                            NULL);
}

static TnAml *
slot_device(unsigned slot)
{
    char name[5];
    g_autofree char *uid = g_strdup_printf("0x%02X", slot);
    TnAml *dev;

    slot_name(name, slot);
    dev = tn_aml_device(name);
    tn_aml_append(dev, tn_aml_name("_UID", tn_aml_string(uid)));
    tn_aml_append(dev, tn_aml_name("_HID", tn_aml_eisaid("PNP0C80")));
    tn_aml_append(dev, tn_aml_forward("_STA", 0, "MSTA", slot, TRUE));
    tn_aml_append(dev, tn_aml_forward("_CRS", 0, "MCRS", slot, TRUE));
    tn_aml_append(dev, tn_aml_forward("_PXM", 0, "MPXM", slot, TRUE));
    tn_aml_append(dev, tn_aml_forward("_OST", 3, "MOST", slot, FALSE));
    tn_aml_append(dev, tn_aml_forward("_EJ0", 1, "MEJ0", slot, FALSE));
    return dev;
}

static TnAml *
controller_device(unsigned slots, guint16 port)
{
    TnAml *dev = tn_aml_ports_device("MHPC", "Memory hotplug controller", port,
                                     TN_ACPI_MEMORY_HOTPLUG_LENGTH);

    tn_aml_append(dev, tn_aml_mutex("MLCK", 0));
    add_registers(dev, port);
    tn_aml_append(dev, method_sta());
    tn_aml_append(dev, method_crs());
    tn_aml_append(dev, method_pxm());
    tn_aml_append(dev, method_ost());
    tn_aml_append(dev, method_ej0());
    for (unsigned i = 0; i < slots; i++) {
        tn_aml_append(dev, slot_device(i));
    }
    tn_aml_append(dev, tn_aml_notify_method("MTFY", slot_name, slots));
    tn_aml_append(dev, method_scan(slots));
    return dev;
}

void
tn_acpi_memory_hotplug_aml(TnAml *dsdt, unsigned slots, guint16 port)
{
    TnAml *sb = tn_aml_scope("\\_SB");

    g_assert(slots >= 1 && slots <= TN_ACPI_MEMORY_HOTPLUG_MAX_SLOTS);
    tn_aml_append(sb, controller_device(slots, port));
    tn_aml_append(dsdt, sb);
    tn_aml_add_gpe(dsdt, "_E03", "\\_SB.MHPC.MSCN");
}
