/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Firmware's paths of functions, as QEMU has them in its file "bootorder". */
#include "tests/unit/vmm/pci/fixture.h"

#include "vmm/pci/firmware-path.h"

static void
assert_path(PciFixture *f, int devfn, guint16 code, const char *wanted)
{
    TnPciProbe *probe = pci_add_probe(f, devfn, NULL);
    TnPciDevice *device = TN_PCI_DEVICE(probe);
    g_autofree char *path = NULL;

    tn_pci_config_set_word(&device->config, TN_PCI_REG_CLASS + 1, code);
    tn_pci_config_set_word(&device->config, TN_PCI_REG_VENDOR_ID, 0x8086);
    tn_pci_config_set_word(&device->config, TN_PCI_REG_DEVICE_ID, 0x10d3);
    path = tn_pci_device_get_firmware_path(device);
    g_assert_cmpstr(path, ==, wanted);
    tn_test_drop(probe);
}

static void
test_named(PciFixture *f, gconstpointer data)
{
    assert_path(f, TN_PCI_DEVFN(3, 0), 0x0200, "/pci@i0cf8/ethernet@3");
}

static void
test_function(PciFixture *f, gconstpointer data)
{
    assert_path(f, TN_PCI_DEVFN(0x1f, 5), 0x0100, "/pci@i0cf8/scsi@1f,5");
}

static void
test_whole_base_class(PciFixture *f, gconstpointer data)
{
    assert_path(f, TN_PCI_DEVFN(4, 0), 0x0380, "/pci@i0cf8/display@4");
}

static void
test_nameless(PciFixture *f, gconstpointer data)
{
    assert_path(f, TN_PCI_DEVFN(4, 0), 0x0108, "/pci@i0cf8/pci8086,10d3@4");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    PCI_TEST("/pci/firmware-path/class-with-a-name", test_named);
    PCI_TEST("/pci/firmware-path/function", test_function);
    PCI_TEST("/pci/firmware-path/whole-base-class", test_whole_base_class);
    PCI_TEST("/pci/firmware-path/class-without-a-name", test_nameless);
    return g_test_run();
}
