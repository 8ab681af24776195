/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Interrupt controllers of the board. docs/specs/interrupts.md. */
#include "vmm/machine/pc-irqchip.h"

#include "vmm/hw/i8254.h"
#include "vmm/hw/i8259.h"
#include "vmm/hw/ioapic.h"
#include "vmm/machine/machine-private.h"

/* ISA IRQ 0 arrives at the IOAPIC's pin 2, as the MADT tells the guest; the PICs' cascade
 * has no pin. */
#define TIMER_IRQ 0
#define TIMER_PIN 2

struct TnPcIrqchip {
    TnMachine *machine;
    TnKvm *kvm;
    /* All NULL when the controllers are KVM's; the PIT also with pit=off. */
    TnI8259 *pics;
    TnIoapic *ioapic;
    TnI8254 *pit;
    TnIrqLine lines[TN_IOAPIC_PINS];
};

static void
set_line(void *opaque, int n, int level)
{
    TnPcIrqchip *chips = opaque;

    tn_i8259_set_irq(chips->pics, (unsigned)n, level);
    if (n != TIMER_PIN) {
        tn_ioapic_set_pin(chips->ioapic, n == TIMER_IRQ ? TIMER_PIN : (unsigned)n, level);
    }
}

static guint8
acknowledge(void *opaque)
{
    TnPcIrqchip *chips = opaque;

    return tn_i8259_acknowledge(chips->pics);
}

static void
end_of_interrupt(void *opaque, guint8 vector)
{
    TnPcIrqchip *chips = opaque;

    tn_ioapic_end_of_interrupt(chips->ioapic, vector);
}

static gboolean
realize(TnMachine *machine, gpointer device, GError **error)
{
    tn_object_add_child_numbered(machine->unattached, "device", TN_OBJECT(device));
    return tn_device_realize(TN_DEVICE(device), error);
}

static gboolean
make_devices(TnPcIrqchip *chips, TnMachine *machine, TnKvm *kvm, GError **error)
{
    const TnPlatform *p = &machine->platform;
    const TnIrqchipHost *host = tn_kvm_get_irqchip_host(kvm);
    const TnIrqchipOps ops = {
        .opaque = chips, .acknowledge = acknowledge, .end_of_interrupt = end_of_interrupt
    };

    chips->pics = tn_i8259_new(p, &host->extint);
    chips->ioapic = tn_ioapic_new(p, host);
    if (machine->config->pit) {
        chips->pit = tn_i8254_new(p);
    }
    tn_kvm_set_irqchip_ops(kvm, &ops);
    return realize(machine, chips->pics, error) && realize(machine, chips->ioapic, error) &&
           (!chips->pit || realize(machine, chips->pit, error));
}

TnPcIrqchip *
tn_pc_irqchip_new(TnMachine *machine, TnKvm *kvm, GError **error)
{
    TnPcIrqchip *chips = g_new0(TnPcIrqchip, 1);

    chips->machine = machine;
    chips->kvm = kvm;
    if (!tn_kvm_get_irqchip_host(kvm)) {
        machine->platform.isa_irqs = tn_kvm_get_gsi_lines(kvm);
        return chips;
    }
    for (int i = 0; i < TN_IOAPIC_PINS; i++) {
        chips->lines[i] = (TnIrqLine){ .handler = set_line, .opaque = chips, .n = i };
    }
    machine->platform.isa_irqs = chips->lines;
    if (!make_devices(chips, machine, kvm, error)) {
        tn_pc_irqchip_free(chips);
        return NULL;
    }
    return chips;
}

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
tn_pc_irqchip_free(TnPcIrqchip *chips)
{
    if (chips) {
        drop(chips->pit);
        drop(chips->ioapic);
        drop(chips->pics);
        g_free(chips);
    }
}

/* As a guest would do it, to the devices of ours. */
static void
write_legacy_ports(TnAddressSpace *io, const TnLegacyChips *state)
{
    const struct {
        guint16 port;
        guint8 value;
    } writes[] = {
        { 0x20, 0x11 }, { 0x21, state->vector_base[0] }, { 0x21, 0x04 }, { 0x21, 0x01 },
        { 0xa0, 0x11 }, { 0xa1, state->vector_base[1] }, { 0xa1, 0x02 }, { 0xa1, 0x01 },
        { 0x21, state->masks[0] }, { 0xa1, state->masks[1] },
        { 0x43, 0x34 }, { 0x40, 0x00 }, { 0x40, 0x00 },
    };
    unsigned n = G_N_ELEMENTS(writes) - (state->ticks ? 0 : 3);

    for (unsigned i = 0; i < n; i++) {
        (void)tn_address_space_write(io, writes[i].port, &writes[i].value, 1);
    }
}

gboolean
tn_pc_irqchip_set_legacy(TnPcIrqchip *chips, const TnLegacyChips *state, GError **error)
{
    if (!chips->pics) {
        return tn_kvm_set_legacy_chips(chips->kvm, state, error);
    }
    write_legacy_ports(chips->machine->platform.io_space, state);
    return TRUE;
}

char *
tn_pc_irqchip_print(TnPcIrqchip *chips)
{
    GString *out;

    if (!chips->pics) {
        return NULL;
    }
    out = g_string_new(NULL);
    tn_ioapic_print(chips->ioapic, out);
    tn_i8259_print(chips->pics, out);
    return g_string_free(out, FALSE);
}
