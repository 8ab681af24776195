/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The state of KVM's interrupt controllers and PIT: out, over a reset, and in again. */
#include "vmm/accel/chip-state.h"

#include "vmm/accel/kvm-private.h"
#include "vmm/core/state-stream.h"

#include <string.h>
#include <sys/ioctl.h>

typedef struct Fixture {
    TnKvm *kvm; /* NULL where there is none */
    TnKvmChipState *state;
} Fixture;

static void
set_up(Fixture *f, gconstpointer data)
{
    const TnKvmChips split = { .irqchip = TN_KVM_IRQCHIP_SPLIT };
    g_autoptr(GError) error = NULL;

    if (data) {
        f->kvm = tn_kvm_new_vm(NULL, &error);
        if (f->kvm && !tn_kvm_create_irqchip(f->kvm, &split, &error)) {
            g_clear_pointer(&f->kvm, tn_kvm_free);
        }
    } else {
        f->kvm = tn_kvm_new(NULL, &error);
    }
    if (!f->kvm) {
        g_test_skip(error->message);
        return;
    }
    f->state = tn_kvm_chip_state_new(f->kvm);
}

static void
tear_down(Fixture *f, gconstpointer data)
{
    tn_kvm_chip_state_free(f->state);
    tn_kvm_free(f->kvm);
}

static struct kvm_irqchip
get_chip(Fixture *f, unsigned id)
{
    struct kvm_irqchip chip = { .chip_id = id };

    g_assert_cmpint(ioctl(f->kvm->vm_fd, KVM_GET_IRQCHIP, &chip), ==, 0);
    return chip;
}

static struct kvm_pit_state2
get_pit(Fixture *f)
{
    struct kvm_pit_state2 pit;

    g_assert_cmpint(ioctl(f->kvm->vm_fd, KVM_GET_PIT2, &pit), ==, 0);
    return pit;
}

/* What no chip has at power-on. */
static void
make_busy(Fixture *f)
{
    struct kvm_irqchip pic = get_chip(f, KVM_IRQCHIP_PIC_SLAVE);
    struct kvm_irqchip ioapic = get_chip(f, KVM_IRQCHIP_IOAPIC);
    struct kvm_pit_state2 pit = get_pit(f);

    pic.chip.pic.imr = 0x5a;
    pic.chip.pic.irq_base = 0x28;
    pic.chip.pic.elcr = 0x0c;
    ioapic.chip.ioapic.redirtbl[11].bits = 0x010000000001a031;
    ioapic.chip.ioapic.ioregsel = 0x26;
    pit.channels[2].mode = 3;
    pit.channels[2].count = 0x1234;
    pit.channels[2].rw_mode = 3;
    pit.flags = KVM_PIT_FLAGS_HPET_LEGACY;
    g_assert_cmpint(ioctl(f->kvm->vm_fd, KVM_SET_IRQCHIP, &pic), ==, 0);
    g_assert_cmpint(ioctl(f->kvm->vm_fd, KVM_SET_IRQCHIP, &ioapic), ==, 0);
    g_assert_cmpint(ioctl(f->kvm->vm_fd, KVM_SET_PIT2, &pit), ==, 0);
}

static void
test_round_trip(Fixture *f, gconstpointer data)
{
    g_autoptr(GBytes) saved = NULL;
    g_autoptr(GError) error = NULL;
    struct kvm_pit_state2 pit;

    if (!f->kvm) {
        return;
    }
    make_busy(f);
    saved = tn_state_save(&tn_kvm_chip_state_table, f->state);
    g_assert_true(tn_kvm_reset(f->kvm, &error));
    g_assert_cmphex(get_chip(f, KVM_IRQCHIP_PIC_SLAVE).chip.pic.imr, !=, 0x5a);
    (void)tn_state_load(&tn_kvm_chip_state_table, f->state, saved, &error);
    g_assert_no_error(error);
    g_assert_cmphex(get_chip(f, KVM_IRQCHIP_PIC_SLAVE).chip.pic.imr, ==, 0x5a);
    g_assert_cmphex(get_chip(f, KVM_IRQCHIP_PIC_SLAVE).chip.pic.irq_base, ==, 0x28);
    g_assert_cmphex(get_chip(f, KVM_IRQCHIP_IOAPIC).chip.ioapic.redirtbl[11].bits, ==,
                    0x010000000001a031);
    g_assert_cmphex(get_chip(f, KVM_IRQCHIP_IOAPIC).chip.ioapic.ioregsel, ==, 0x26);
    pit = get_pit(f);
    g_assert_cmpuint(pit.channels[2].mode, ==, 3);
    g_assert_cmphex(pit.channels[2].count, ==, 0x1234);
    g_assert_cmphex(pit.flags, ==, KVM_PIT_FLAGS_HPET_LEGACY);
}

/* Loading changes nothing if a value cannot be. */
static void
test_judged(Fixture *f, gconstpointer data)
{
    g_autoptr(GBytes) saved = NULL;
    g_autoptr(GBytes) bad = NULL;
    g_autoptr(GError) error = NULL;
    guint8 *bytes, *at;
    gsize size;

    if (!f->kvm) {
        return;
    }
    saved = tn_state_save(&tn_kvm_chip_state_table, f->state);
    size = g_bytes_get_size(saved);
    bytes = g_memdup2(g_bytes_get_data(saved, NULL), size);
    at = memmem(bytes, size, "\4mode", 5);
    g_assert_nonnull(at);
    at[5 + 1 + 4] = 6;
    bad = g_bytes_new_take(bytes, size);
    make_busy(f);
    g_assert_false(tn_state_load(&tn_kvm_chip_state_table, f->state, bad, &error));
    g_assert_nonnull(strstr(error->message, "PIT: counter 0 cannot have mode 6"));
    g_assert_cmphex(get_chip(f, KVM_IRQCHIP_PIC_SLAVE).chip.pic.imr, ==, 0x5a);
    g_assert_cmphex(get_pit(f).channels[2].count, ==, 0x1234);
}

/* Split: the chips are devices of ours. */
static void
test_split_has_none(Fixture *f, gconstpointer data)
{
    g_autoptr(GBytes) saved = NULL;
    g_autoptr(GError) error = NULL;

    if (!f->kvm) {
        return;
    }
    saved = tn_state_save(&tn_kvm_chip_state_table, f->state);
    g_assert_null(memmem(g_bytes_get_data(saved, NULL), g_bytes_get_size(saved), "redirtbl", 8));
    (void)tn_state_load(&tn_kvm_chip_state_table, f->state, saved, &error);
    g_assert_no_error(error);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add("/accel/chip-state/round-trip", Fixture, NULL, set_up, test_round_trip, tear_down);
    g_test_add("/accel/chip-state/post-load-judges", Fixture, NULL, set_up, test_judged,
               tear_down);
    g_test_add("/accel/chip-state/split-has-none", Fixture, "split", set_up, test_split_has_none,
               tear_down);
    return g_test_run();
}
