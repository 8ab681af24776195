/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* "info lapic" as QEMU prints it, from states of our own, and of a vCPU. */
#include "tests/unit/vmm/accel/guest.h"
#include "vmm/accel/kvm-private.h"

#include <string.h>

#define LVT_MASKED 0x10000u

static void
set(struct kvm_lapic_state *lapic, unsigned offset, uint32_t value)
{
    memcpy(lapic->regs + offset, &value, sizeof value);
}

/* As reset leaves it. */
static struct kvm_lapic_state
make(void)
{
    struct kvm_lapic_state lapic = { { 0 } };

    for (unsigned offset = 0x320; offset <= 0x370; offset += 0x10) {
        set(&lapic, offset, LVT_MASKED);
    }
    set(&lapic, 0xe0, 0xffffffff);
    set(&lapic, 0xf0, 0xff);
    return lapic;
}

static char *
print(const struct kvm_lapic_state *lapic, unsigned index, bool x2apic)
{
    GString *out = g_string_new(NULL);

    tn_lapic_print(lapic, index, x2apic, out);
    return g_string_free(out, FALSE);
}

/* QEMU 7.2's text of CPU 1 of a guest that only its first CPU runs in. */
static void
test_after_reset(void)
{
    struct kvm_lapic_state lapic = make();
    g_autofree char *text = print(&lapic, 1, false);

    g_assert_cmpstr(
        text, ==,
        "dumping local APIC state for CPU 1 \n\n"
        "LVT0\t 0x00010000 active-hi edge  masked                      Fixed  (vec 0)\n"
        "LVT1\t 0x00010000 active-hi edge  masked                      Fixed  (vec 0)\n"
        "LVTPC\t 0x00010000 active-hi edge  masked                      Fixed  (vec 0)\n"
        "LVTERR\t 0x00010000 active-hi edge  masked                      Fixed  (vec 0)\n"
        "LVTTHMR\t 0x00010000 active-hi edge  masked                      Fixed  (vec 0)\n"
        "LVTT\t 0x00010000 active-hi edge  masked         one-shot     Fixed  (vec 0)\n"
        "Timer\t DCR=0x0 (divide by 2) initial_count = 0 current_count = 0\n"
        "SPIV\t 0x000000ff APIC disabled, focus=off, spurious vec 255\n"
        "ICR\t 0x00000000 physical edge de-assert no-shorthand\n"
        "ICR2\t 0x00000000 cpu 0 (APIC ID)\n"
        "ESR\t 0x00000000\n"
        "ISR\t (none)\n"
        "IRR\t (none)\n"
        "\nAPR 0x00 TPR 0x00 DFR 0x0f LDR 0x00 PPR 0x00\n");
}

static void
assert_line(const struct kvm_lapic_state *lapic, bool x2apic, const char *line)
{
    g_autofree char *text = print(lapic, 0, x2apic);

    if (!strstr(text, line)) {
        g_assert_cmpstr(text, ==, line);
    }
}

/* QEMU's lines of the CPU that booted. */
static void
test_in_use(void)
{
    struct kvm_lapic_state lapic = make();

    set(&lapic, 0x350, 0x8700);
    set(&lapic, 0x360, 0x8400);
    set(&lapic, 0xf0, 0x1ff);
    set(&lapic, 0x300, 0xc4610);
    set(&lapic, 0x320, 0x400ec);
    set(&lapic, 0x3e0, 0xb);
    set(&lapic, 0x100 + 0x10, 1u << 1);
    set(&lapic, 0x200 + 0x70, 1u << 31 | 1u << 30);
    set(&lapic, 0x180 + 0x70, 1u << 31);
    assert_line(&lapic, false,
                "LVT0\t 0x00008700 active-hi level                             ExtINT (vec 0)\n"
                "LVT1\t 0x00008400 active-hi level                             NMI   \n");
    assert_line(&lapic, false,
                "SPIV\t 0x000001ff APIC enabled, focus=off, spurious vec 255\n"
                "ICR\t 0x000c4610 physical edge assert all\n"
                "ICR2\t 0x00000000\n");
    assert_line(&lapic, false, "tsc-deadline Fixed  (vec 236)\n");
    assert_line(&lapic, false, "DCR=0xb (divide by 1)");
    assert_line(&lapic, false, "ISR\t 33 \nIRR\t 254 255(level) \n");
}

static void
test_destinations(void)
{
    struct kvm_lapic_state lapic = make();

    set(&lapic, 0x310, 0x25000000);
    assert_line(&lapic, false, "ICR2\t 0x25000000 cpu 37 (APIC ID)\n");
    set(&lapic, 0x300, 0x800);
    assert_line(&lapic, false, "ICR2\t 0x25000000 mask 00100101 (APIC ID)\n");
    set(&lapic, 0xe0, 0x0fffffff);
    assert_line(&lapic, false, "ICR2\t 0x25000000 cluster 2 mask 0101 (APIC ID)\n");
    set(&lapic, 0x310, 0x00030005);
    assert_line(&lapic, true, "ICR2\t 0x00030005 cluster 3 mask 0000000000000101 (X2APIC ID)\n");
    set(&lapic, 0x300, 0);
    assert_line(&lapic, true, "ICR2\t 0x00030005 cpu 196613 (X2APIC ID)\n");
}

static void
test_of_a_vcpu(void)
{
    TnGuest *guest = tn_guest_new(1);
    g_autofree char *text = NULL;

    if (!guest) {
        return;
    }
    text = tn_vcpu_print_lapic(guest->vcpus[0]);
    g_assert_true(g_str_has_prefix(text, "dumping local APIC state for CPU 0 \n\nLVT0\t 0x"));
    tn_guest_free(guest);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/accel/lapic-print/after-reset", test_after_reset);
    g_test_add_func("/accel/lapic-print/in-use", test_in_use);
    g_test_add_func("/accel/lapic-print/destinations", test_destinations);
    g_test_add_func("/accel/lapic-print/of-a-vcpu", test_of_a_vcpu);
    return g_test_run();
}
