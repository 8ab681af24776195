/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Resets of a host's function: which of them is done, and whom a bus's may reach. */
#include "tests/unit/vmm/vfio/fake-kernel.h"

#include <errno.h>

/* Where the fake's vendor capability is made into PCI Express's. */
#define EXP 0x80

static void
forget_resets(Fixture *f)
{
    f->kernel.resets = f->kernel.hot_resets = 0;
}

/* The power state's change is all that VFIO_DEVICE_RESET can do. */
static void
make_power_reset(Fixture *f)
{
    f->kernel.config[0x44] = 0;
}

/* The slot's second function in slot 7 of the guest. */
static TnVfioPci *
plug_other(Fixture *f)
{
    TnVfioPci *other = g_object_new(TN_TYPE_VFIO_PCI, "host", FAKE_OTHER, NULL);

    tn_device_set_platform(TN_DEVICE(other), &f->p->platform);
    tn_pci_device_set_address(TN_PCI_DEVICE(other), f->bus, TN_PCI_DEVFN(7, 0));
    (void)tn_test_realize(f->p, other);
    return other;
}

static void
test_own(Fixture *f, gconstpointer data)
{
    fixture_plug(f);
    g_assert_cmpuint(f->kernel.resets, ==, 1);
    g_assert_cmpuint(f->kernel.hot_resets, ==, 0);
}

static void
test_falls_back_to_the_bus(Fixture *f, gconstpointer data)
{
    f->kernel.reset_fails = TRUE;
    fixture_plug(f);
    g_assert_cmpuint(f->kernel.resets, ==, 1);
    g_assert_cmpuint(f->kernel.hot_resets, ==, 1);
}

static void
test_bus_before_power(Fixture *f, gconstpointer data)
{
    make_power_reset(f);
    fixture_plug(f);
    g_assert_cmpuint(f->kernel.resets, ==, 0);
    g_assert_cmpuint(f->kernel.hot_resets, ==, 1);
}

static void
test_function_level_before_bus(Fixture *f, gconstpointer data)
{
    make_power_reset(f);
    f->kernel.config[EXP] = 0x10;
    f->kernel.config[EXP + 7] = 0x10; /* device capabilities, bit 28 */
    fixture_plug(f);
    g_assert_cmpuint(f->kernel.resets, ==, 1);
    g_assert_cmpuint(f->kernel.hot_resets, ==, 0);
}

static void
test_wakes_before(Fixture *f, gconstpointer data)
{
    fixture_plug(f);
    f->kernel.config[0x44] = 0x0b;
    tn_reset_run(f->p->platform.reset);
    g_assert_cmphex(f->kernel.config[0x44], ==, 0x08);
}

/* While the other is in use, the bus stays; what power states do is left. */
static void
test_power_while_other_is_used(Fixture *f, gconstpointer data)
{
    TnVfioPci *other;

    make_power_reset(f);
    f->kernel.has_other = TRUE;
    fixture_plug(f);
    forget_resets(f);
    other = plug_other(f);
    g_assert_cmpuint(f->kernel.hot_resets, ==, 0);
    g_assert_cmpuint(f->kernel.resets, ==, 1);
    tn_test_drop(other);
}

static void
test_machine_resets_slot_once(Fixture *f, gconstpointer data)
{
    TnVfioPci *other;

    make_power_reset(f);
    f->kernel.has_other = TRUE;
    fixture_plug(f);
    other = plug_other(f);
    guest_config_write(f, 0x04, 0x7, 2);
    forget_resets(f);
    tn_reset_run(f->p->platform.reset);
    g_assert_cmpuint(f->kernel.hot_resets, ==, 1);
    /* And again, after the guest has used both. */
    guest_config_write(f, 0x04, 0x7, 2);
    tn_pci_bus_config_write(f->bus, TN_PCI_DEVFN(7, 0), 0x04, 0x7, 2);
    tn_reset_run(f->p->platform.reset);
    g_assert_cmpuint(f->kernel.hot_resets, ==, 2);
    tn_test_drop(other);
}

/* One with a reset of its own keeps its neighbour from the bus's only until it is down itself. */
static void
test_neighbour_has_its_own(Fixture *f, gconstpointer data)
{
    TnVfioPci *other;

    make_power_reset(f);
    f->kernel.has_other = TRUE;
    fixture_plug(f);
    f->kernel.config[EXP] = 0x10;
    f->kernel.config[EXP + 7] = 0x10;
    other = plug_other(f);
    forget_resets(f);
    tn_reset_run(f->p->platform.reset);
    g_assert_cmpuint(f->kernel.hot_resets, ==, 1);
    tn_test_drop(other);
}

/* A function that was reset alone and is in the guest's hands again is not pulled down. */
static void
test_used_again_is_left_alone(Fixture *f, gconstpointer data)
{
    TnVfioPci *other;

    make_power_reset(f);
    f->kernel.has_other = TRUE;
    fixture_plug(f);
    other = plug_other(f);
    TN_DEVICE_GET_CLASS(f->device)->reset(TN_DEVICE(f->device));
    guest_config_write(f, 0x04, 0x7, 2);
    forget_resets(f);
    TN_DEVICE_GET_CLASS(other)->reset(TN_DEVICE(other));
    g_assert_cmpuint(f->kernel.hot_resets, ==, 0);
    g_assert_cmphex(f->kernel.config[4] & 0x7, ==, 0); /* the bytes are shared */
    tn_test_drop(other);
}

#define ADD(path, func)                                                                     \
    g_test_add("/vfio/reset/" path, Fixture, NULL, fixture_set_up, func, fixture_tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("function-has-its-own", test_own);
    ADD("falls-back-to-the-bus", test_falls_back_to_the_bus);
    ADD("bus-before-power-state", test_bus_before_power);
    ADD("function-level-before-bus", test_function_level_before_bus);
    ADD("wakes-before", test_wakes_before);
    ADD("power-state-while-other-function-is-used", test_power_while_other_is_used);
    ADD("machine-resets-slot-once", test_machine_resets_slot_once);
    ADD("neighbour-with-its-own-reset", test_neighbour_has_its_own);
    ADD("used-again-is-left-alone", test_used_again_is_left_alone);
    return g_test_run();
}
