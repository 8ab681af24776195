/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * "info lapic": a vCPU's local APIC in the layout that users of QEMU's monitor know.
 * Intel SDM 3A, chapter 11: 11.5.1 (local vector table), 11.6.1 (interrupt command register).
 */
#include "vmm/accel/kvm-private.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/ioctl.h>

/* Offsets of registers. */
enum {
    APIC_TPR = 0x80,
    APIC_APR = 0x90,
    APIC_PPR = 0xa0,
    APIC_LDR = 0xd0,
    APIC_DFR = 0xe0,
    APIC_SPIV = 0xf0,
    APIC_ISR = 0x100,
    APIC_TMR = 0x180,
    APIC_IRR = 0x200,
    APIC_ESR = 0x280,
    APIC_ICR = 0x300,
    APIC_ICR2 = 0x310,
    APIC_LVTT = 0x320,
    APIC_LVTTHMR = 0x330,
    APIC_LVTPC = 0x340,
    APIC_LVT0 = 0x350,
    APIC_LVT1 = 0x360,
    APIC_LVTERR = 0x370,
    APIC_INITIAL_COUNT = 0x380,
    APIC_CURRENT_COUNT = 0x390,
    APIC_DIVIDE = 0x3e0,
};

/* Bits of the local vector table and of the interrupt command register. */
#define VECTOR_MASK 0xffu
#define DELIVERY_SHIFT 8
#define DELIVERY_MASK 7u
#define DELIVERY_NMI 4u
#define LOGICAL (1u << 11)
#define PENDING (1u << 12)
#define LOW_ACTIVE (1u << 13)
#define ASSERT (1u << 14)
#define LEVEL (1u << 15)
#define MASKED (1u << 16)
#define TIMER_SHIFT 17
#define SHORTHAND_SHIFT 18

#define SPIV_ENABLED (1u << 8)
#define SPIV_FOCUS_OFF (1u << 9)
#define DFR_CLUSTER 0u
#define VECTORS 256u
/* IA32_APIC_BASE, 11.12.1. */
#define APIC_BASE_X2APIC 0x400u

static uint32_t
get(const struct kvm_lapic_state *lapic, unsigned offset)
{
    uint32_t value;

    memcpy(&value, lapic->regs + offset, sizeof value);
    return value;
}

static void
print_lvt(GString *out, const struct kvm_lapic_state *lapic, const char *name, unsigned offset)
{
    static const char *const deliveries[] = { "Fixed", "...", "SMI", "...",
                                              "NMI", "INIT", "...", "ExtINT" };
    static const char *const modes[] = { "one-shot", "periodic", "tsc-deadline", "" };
    uint32_t lvt = get(lapic, offset);
    unsigned delivery = lvt >> DELIVERY_SHIFT & DELIVERY_MASK;

    g_string_append_printf(out, "%s\t 0x%08x %s %-5s %-6s %-7s %-12s %-6s", name, lvt,
                           lvt & LOW_ACTIVE ? "active-lo" : "active-hi",
                           lvt & LEVEL ? "level" : "edge", lvt & MASKED ? "masked" : "",
                           lvt & PENDING ? "pending" : "",
                           offset == APIC_LVTT ? modes[lvt >> TIMER_SHIFT & 3] : "",
                           deliveries[delivery]);
    if (delivery != DELIVERY_NMI) {
        g_string_append_printf(out, " (vec %u)", lvt & VECTOR_MASK);
    }
    g_string_append_c(out, '\n');
}

/* 11.5.4: bits 3, 1 and 0 of the register, as powers of two from 2 on; all set is 1. */
static unsigned
get_divisor(uint32_t divide)
{
    unsigned power = (divide & 3) | (divide >> 1 & 4);

    return power == 7 ? 1 : 2u << power;
}

/* A logical destination's @bits, one digit each. */
static void
print_mask(GString *out, uint32_t mask, unsigned bits)
{
    g_string_append(out, " mask ");
    while (bits-- > 0) {
        g_string_append_c(out, mask >> bits & 1 ? '1' : '0');
    }
}

/* 11.6.2: whom the interrupt command names. */
static void
print_destination(GString *out, const struct kvm_lapic_state *lapic, bool x2apic)
{
    uint32_t target = get(lapic, APIC_ICR2);
    unsigned id = x2apic ? target : target >> 24;

    if (!(get(lapic, APIC_ICR) & LOGICAL)) {
        g_string_append_printf(out, " cpu %u", id);
    } else if (x2apic) {
        g_string_append_printf(out, " cluster %u", target >> 16);
        print_mask(out, target, 16);
    } else if (get(lapic, APIC_DFR) >> 28 == DFR_CLUSTER) {
        g_string_append_printf(out, " cluster %u", id >> 4);
        print_mask(out, id, 4);
    } else {
        print_mask(out, id, 8);
    }
    g_string_append(out, x2apic ? " (X2APIC ID)" : " (APIC ID)");
}

static void
print_command(GString *out, const struct kvm_lapic_state *lapic, bool x2apic)
{
    static const char *const shorthands[] = { "no-shorthand", "self", "all-self", "all" };
    uint32_t icr = get(lapic, APIC_ICR);
    unsigned shorthand = icr >> SHORTHAND_SHIFT & 3;

    g_string_append_printf(out, "ICR\t 0x%08x %s %s %s %s\n", icr,
                           icr & LOGICAL ? "logical" : "physical", icr & LEVEL ? "level" : "edge",
                           icr & ASSERT ? "assert" : "de-assert", shorthands[shorthand]);
    g_string_append_printf(out, "ICR2\t 0x%08x", get(lapic, APIC_ICR2));
    if (shorthand == 0) {
        print_destination(out, lapic, x2apic);
    }
    g_string_append_c(out, '\n');
}

static bool
has_vector(const struct kvm_lapic_state *lapic, unsigned offset, unsigned vector)
{
    return get(lapic, offset + vector / 32 * 0x10) >> vector % 32 & 1;
}

static void
print_vectors(GString *out, const struct kvm_lapic_state *lapic, const char *name,
              unsigned offset)
{
    bool any = false;

    g_string_append_printf(out, "%s\t ", name);
    for (unsigned v = 0; v < VECTORS; v++) {
        if (has_vector(lapic, offset, v)) {
            g_string_append_printf(out, "%u%s ", v,
                                   has_vector(lapic, APIC_TMR, v) ? "(level)" : "");
            any = true;
        }
    }
    g_string_append(out, any ? "\n" : "(none)\n");
}

void
tn_lapic_print(const struct kvm_lapic_state *lapic, unsigned index, bool x2apic, GString *out)
{
    uint32_t spiv = get(lapic, APIC_SPIV);
    uint32_t divide = get(lapic, APIC_DIVIDE) & 0xb;

    g_string_append_printf(out, "dumping local APIC state for CPU %-2u\n\n", index);
    print_lvt(out, lapic, "LVT0", APIC_LVT0);
    print_lvt(out, lapic, "LVT1", APIC_LVT1);
    print_lvt(out, lapic, "LVTPC", APIC_LVTPC);
    print_lvt(out, lapic, "LVTERR", APIC_LVTERR);
    print_lvt(out, lapic, "LVTTHMR", APIC_LVTTHMR);
    print_lvt(out, lapic, "LVTT", APIC_LVTT);
    g_string_append_printf(out,
                           "Timer\t DCR=0x%x (divide by %u) initial_count = %u "
                           "current_count = %u\n",
                           divide, get_divisor(divide), get(lapic, APIC_INITIAL_COUNT),
                           get(lapic, APIC_CURRENT_COUNT));
    g_string_append_printf(out, "SPIV\t 0x%08x APIC %s, focus=%s, spurious vec %u\n", spiv,
                           spiv & SPIV_ENABLED ? "enabled" : "disabled",
                           spiv & SPIV_FOCUS_OFF ? "on" : "off", spiv & VECTOR_MASK);
    print_command(out, lapic, x2apic);
    g_string_append_printf(out, "ESR\t 0x%08x\n", get(lapic, APIC_ESR));
    print_vectors(out, lapic, "ISR", APIC_ISR);
    print_vectors(out, lapic, "IRR", APIC_IRR);
    g_string_append_printf(out, "\nAPR 0x%02x TPR 0x%02x DFR 0x%02x LDR 0x%02x PPR 0x%02x\n",
                           get(lapic, APIC_APR) & 0xff, get(lapic, APIC_TPR) & 0xff,
                           get(lapic, APIC_DFR) >> 28, get(lapic, APIC_LDR) >> 24,
                           get(lapic, APIC_PPR) & 0xff);
}

void
tn_vcpu_lapic_print(TnVcpu *vcpu, GString *out)
{
    struct kvm_lapic_state lapic;
    struct kvm_sregs sregs;

    if (ioctl(vcpu->fd, KVM_GET_SREGS, &sregs) < 0 ||
        ioctl(vcpu->fd, KVM_GET_LAPIC, &lapic) < 0) {
        g_string_append_printf(out, "local apic state not available: %s\n", g_strerror(errno));
        return;
    }
    tn_lapic_print(&lapic, vcpu->index, (sregs.apic_base & APIC_BASE_X2APIC) != 0, out);
}
