/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The CPU-hotplug controller as the guest's ACPI drives it: its ports in \_SB.PRES, and
 * \_SB.CPUS with a processor (ACPI0007, ACPI 6.3 section 8.4) for each possible CPU.
 */
#include "vmm/acpi/cpu-hotplug.h"

#include "vmm/acpi/aml-hotplug.h"
#include "vmm/acpi/aml-notify.h"

/* The controller's commands. */
#define COMMAND_OST_EVENT 1
#define COMMAND_OST_STATUS 2

#define COMMAND "\\_SB.PRES.CCMD"
#define DATA "\\_SB.PRES.CDAT"
#define ENABLED "\\_SB.PRES.CPEN"
#define INSERTING "\\_SB.PRES.CINS"
#define REMOVING "\\_SB.PRES.CRMV"
#define EJECT "\\_SB.PRES.CEJ0"

static const TnAmlBank bank = { "\\_SB.PRES.CPLK", "\\_SB.PRES.CSEL" };

static TnAml *
set(const char *field, TnAml *value)
{
    return tn_aml_store(value, tn_aml_path(field));
}

/* The ports. A write of one flag leaves the others alone: zeros mean nothing. */
static void
add_registers(TnAml *dev, guint16 port)
{
    TnAml *field = tn_aml_field("PRST", TN_AML_BYTE_ACC, TN_AML_WRITE_AS_ZEROS);

    tn_aml_append(dev, tn_aml_op_region("PRST", TN_AML_SYSTEM_IO, port,
                                        TN_ACPI_CPU_HOTPLUG_LENGTH));
    tn_aml_append(field, tn_aml_field_gap(4 * 8));
    tn_aml_append(field, tn_aml_field_unit("CPEN", 1));
    tn_aml_append(field, tn_aml_field_unit("CINS", 1));
    tn_aml_append(field, tn_aml_field_unit("CRMV", 1));
    tn_aml_append(field, tn_aml_field_unit("CEJ0", 1));
    tn_aml_append(field, tn_aml_field_gap(4));
    tn_aml_append(field, tn_aml_field_unit("CCMD", 8));
    tn_aml_append(dev, field);

    field = tn_aml_field("PRST", TN_AML_DWORD_ACC, TN_AML_PRESERVE);
    tn_aml_append(field, tn_aml_field_unit("CSEL", 32));
    tn_aml_append(field, tn_aml_field_gap(4 * 8));
    tn_aml_append(field, tn_aml_field_unit("CDAT", 32));
    tn_aml_append(dev, field);
}

static TnAml *
ports_device(guint16 port)
{
    TnAml *dev = tn_aml_ports_device("\\_SB.PRES", "CPU Hotplug resources", port,
                                     TN_ACPI_CPU_HOTPLUG_LENGTH);
    TnAml *init = tn_aml_method("_INI", 0, FALSE);

    tn_aml_append(dev, tn_aml_mutex("CPLK", 0));
    add_registers(dev, port);
    /* Leaves the legacy mode; where it is left already it selects the boot CPU. */
    tn_aml_append(init, set("CSEL", tn_aml_int(0)));
    tn_aml_append(dev, init);
    return dev;
}

static void
cpu_name(char *ret_name, unsigned index)
{
    (void)g_snprintf(ret_name, 5, "C%03X", index);
}

/* CSTA (index): _STA of a processor. */
static TnAml *
method_sta(void)
{
    TnAml *there = tn_aml_if(tn_aml_path(ENABLED));

    tn_aml_append(there, tn_aml_store(tn_aml_int(TN_AML_STA_WORKS), tn_aml_local(0)));
    return tn_aml_bank_method(&bank, "CSTA", 1, tn_aml_local(0),
                              tn_aml_store(tn_aml_int(0), tn_aml_local(0)), there, NULL);
}

/* CEJ0 (index): _EJ0 of a processor. */
static TnAml *
method_eject(void)
{
    return tn_aml_bank_method(&bank, "CEJ0", 1, NULL, set(EJECT, tn_aml_int(1)), NULL);
}

/* COST (index, event, status): _OST of a processor. */
static TnAml *
method_ost(void)
{
    return tn_aml_bank_method(&bank, "COST", 3, NULL, set(COMMAND, tn_aml_int(COMMAND_OST_EVENT)),
                              set(DATA, tn_aml_arg(1)),
                              set(COMMAND, tn_aml_int(COMMAND_OST_STATUS)),
                              set(DATA, tn_aml_arg(2)), NULL);
}

/* If the flag @field of the CPU in Local0 is set, notifies it and clears the flag. */
static TnAml *
answer_flag(const char *field, unsigned notify)
{
    TnAml *branch = tn_aml_if(tn_aml_path(field));

    tn_aml_append(branch, tn_aml_call("CTFY", tn_aml_local(0), tn_aml_int(notify), NULL));
    tn_aml_append(branch, set(field, tn_aml_int(1)));
    return branch;
}

/* CSCN (): looks at every CPU for what has not been told yet. */
static TnAml *
method_scan(unsigned count)
{
    return tn_aml_bank_scan(&bank, "CSCN", count,
                            answer_flag(INSERTING, TN_AML_NOTIFY_DEVICE_CHECK),
                            answer_flag(REMOVING, TN_AML_NOTIFY_EJECT_REQUEST), NULL);
}

static TnAml *
processor(const TnAcpiCpu *cpu, unsigned index, gboolean nodes)
{
    /* 5.2.12.2 Processor Local APIC: whoever asks by _MAT finds it enabled. */
    const guint8 local_apic[] = { 0, 8, (guint8)index, cpu->apic_id, 1, 0, 0, 0 };
    char name[5];
    TnAml *dev;

    cpu_name(name, index);
    dev = tn_aml_device(name);
    tn_aml_append(dev, tn_aml_name("_HID", tn_aml_string("ACPI0007")));
    tn_aml_append(dev, tn_aml_name("_UID", tn_aml_int(index)));
    tn_aml_append(dev, tn_aml_forward("_STA", 0, "CSTA", index, TRUE));
    tn_aml_append(dev, tn_aml_name("_MAT", tn_aml_buffer(local_apic, sizeof local_apic)));
    if (index > 0) {
        tn_aml_append(dev, tn_aml_forward("_EJ0", 1, "CEJ0", index, FALSE));
    }
    tn_aml_append(dev, tn_aml_forward("_OST", 3, "COST", index, FALSE));
    if (nodes) {
        tn_aml_append(dev, tn_aml_name("_PXM", tn_aml_int(cpu->node)));
    }
    return dev;
}

static TnAml *
container_device(const TnAcpiCpu *cpus, unsigned count, gboolean nodes)
{
    TnAml *dev = tn_aml_device("\\_SB.CPUS");

    tn_aml_append(dev, tn_aml_name("_HID", tn_aml_string("ACPI0010")));
    tn_aml_append(dev, tn_aml_name("_CID", tn_aml_eisaid("PNP0A05")));
    tn_aml_append(dev, tn_aml_notify_method("CTFY", cpu_name, count));
    tn_aml_append(dev, method_sta());
    tn_aml_append(dev, method_eject());
    tn_aml_append(dev, method_scan(count));
    tn_aml_append(dev, method_ost());
    for (unsigned i = 0; i < count; i++) {
        tn_aml_append(dev, processor(&cpus[i], i, nodes));
    }
    return dev;
}

void
tn_acpi_cpu_hotplug_aml(TnAml *dsdt, const TnAcpiCpu *cpus, unsigned count, gboolean nodes,
                        guint16 port)
{
    g_assert(count >= 1 && count <= TN_ACPI_CPU_HOTPLUG_MAX_CPUS);
    tn_aml_append(dsdt, ports_device(port));
    tn_aml_append(dsdt, container_device(cpus, count, nodes));
    tn_aml_add_gpe(dsdt, "_E02", "\\_SB.CPUS.CSCN");
}
