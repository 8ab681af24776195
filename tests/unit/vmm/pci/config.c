/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* PCI configuration space by masks. */
#include "vmm/pci/config.h"

static void
test_read_only_by_default(void)
{
    TnPciConfig config = { 0 };

    tn_pci_config_set_long(&config, 0x40, 0x12345678);
    tn_pci_config_write(&config, 0x40, 0xffffffff, 4);
    g_assert_cmphex(tn_pci_config_read(&config, 0x40, 4), ==, 0x12345678);
}

static void
test_writable_bits(void)
{
    TnPciConfig config = { 0 };

    tn_pci_config_set_word(&config, 0x40, 0x8001);
    tn_pci_config_allow(&config, 0x40, 0x0ff0, 2);
    tn_pci_config_write(&config, 0x40, 0xffff, 2);
    g_assert_cmphex(tn_pci_config_read(&config, 0x40, 2), ==, 0x8ff1);
    tn_pci_config_write(&config, 0x40, 0x0000, 2);
    g_assert_cmphex(tn_pci_config_read(&config, 0x40, 2), ==, 0x8001);
}

static void
test_write_one_to_clear(void)
{
    TnPciConfig config = { 0 };

    config.w1c[0x41] = 0xf0;
    tn_pci_config_set_byte(&config, 0x41, 0xff);
    tn_pci_config_write(&config, 0x41, 0x00, 1);
    g_assert_cmphex(tn_pci_config_get_byte(&config, 0x41), ==, 0xff);
    tn_pci_config_write(&config, 0x40, 0xaf00, 2);
    g_assert_cmphex(tn_pci_config_get_byte(&config, 0x41), ==, 0x5f);
}

static void
test_narrow_write_leaves_the_rest(void)
{
    TnPciConfig config = { 0 };

    tn_pci_config_allow(&config, 0x40, 0xffffffff, 4);
    tn_pci_config_set_long(&config, 0x40, 0x11223344);
    tn_pci_config_write(&config, 0x42, 0xaa, 1);
    g_assert_cmphex(tn_pci_config_get_long(&config, 0x40), ==, 0x11aa3344);
}

static void
test_past_the_end(void)
{
    TnPciConfig config = { 0 };

    tn_pci_config_allow(&config, 0xfe, 0xffff, 2);
    tn_pci_config_write(&config, 0xfe, 0x44332211, 4);
    g_assert_cmphex(tn_pci_config_read(&config, 0xfe, 4), ==, 0xffff2211);
}

static void
test_touches(void)
{
    g_assert_true(tn_pci_config_touches(0x60, 4, 0x63, 1));
    g_assert_true(tn_pci_config_touches(0x61, 1, 0x60, 4));
    g_assert_false(tn_pci_config_touches(0x5c, 4, 0x60, 4));
    g_assert_false(tn_pci_config_touches(0x64, 1, 0x60, 4));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/pci/config/read-only-by-default", test_read_only_by_default);
    g_test_add_func("/pci/config/writable-bits", test_writable_bits);
    g_test_add_func("/pci/config/write-one-to-clear", test_write_one_to_clear);
    g_test_add_func("/pci/config/narrow-write-leaves-the-rest",
                    test_narrow_write_leaves_the_rest);
    g_test_add_func("/pci/config/past-the-end", test_past_the_end);
    g_test_add_func("/pci/config/touches", test_touches);
    return g_test_run();
}
