/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Configuration mechanism #1, the bus and functions on it. */
#include "tests/lib/test-platform.h"
#include "vmm/pci/host.h"

#define ADDRESS 0xcf8
#define DATA 0xcfc

/* A function with a register of its own that writes down accesses. */
typedef struct TnTestPci {
    TnPciDevice parent_instance;
    GString *log;
    gboolean refuse;
} TnTestPci;

typedef struct TnTestPciClass {
    TnPciDeviceClass parent_class;
} TnTestPciClass;

GType tn_test_pci_get_type(void);
G_DEFINE_FINAL_TYPE(TnTestPci, tn_test_pci, TN_TYPE_PCI_DEVICE)

static gboolean
tn_test_pci_realize(TnPciDevice *pci, GError **error)
{
    if (((TnTestPci *)pci)->refuse) {
        g_set_error_literal(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC, "refused");
        return FALSE;
    }
    tn_pci_config_allow(&pci->config, 0x40, 0xffffffff, 4);
    return TRUE;
}

static void
tn_test_pci_unrealize(TnPciDevice *pci)
{
    g_string_append(((TnTestPci *)pci)->log, "unrealize;");
}

static void
tn_test_pci_reset(TnPciDevice *pci)
{
    g_string_append(((TnTestPci *)pci)->log, "reset;");
}

static void
tn_test_pci_config_write(TnPciDevice *pci, unsigned offset, guint32 value, unsigned size)
{
    g_string_append_printf(((TnTestPci *)pci)->log, "write%u %02x=%x;", size, offset, value);
    tn_pci_device_default_config_write(pci, offset, value, size);
}

static void
tn_test_pci_finalize(GObject *object)
{
    g_string_free(((TnTestPci *)object)->log, TRUE);
    G_OBJECT_CLASS(tn_test_pci_parent_class)->finalize(object);
}

static void
tn_test_pci_class_init(TnTestPciClass *klass)
{
    TnPciDeviceClass *pci_class = (TnPciDeviceClass *)klass;

    G_OBJECT_CLASS(klass)->finalize = tn_test_pci_finalize;
    TN_OBJECT_CLASS(klass)->type_name = "test-pci";
    pci_class->vendor_id = 0x1234;
    pci_class->device_id = 0x5678;
    pci_class->revision = 0x9a;
    pci_class->class_id = 0xff0102;
    pci_class->interrupt_pin = 1;
    pci_class->realize = tn_test_pci_realize;
    pci_class->unrealize = tn_test_pci_unrealize;
    pci_class->reset = tn_test_pci_reset;
    pci_class->config_write = tn_test_pci_config_write;
}

static void
tn_test_pci_init(TnTestPci *self)
{
    self->log = g_string_new(NULL);
}

typedef struct Fixture {
    TnTestPlatform *p;
    TnPciHost *host;
    TnPciBus *bus;
} Fixture;

static void
set_up(Fixture *f, gconstpointer data)
{
    f->p = tn_test_platform_new();
    f->host = tn_test_realize(f->p, tn_pci_host_new(&f->p->platform));
    f->bus = tn_pci_host_get_bus(f->host);
}

static void
tear_down(Fixture *f, gconstpointer data)
{
    tn_test_drop(f->host);
    tn_test_platform_free(f->p);
}

static TnTestPci *
new_device(Fixture *f, int devfn, gboolean multifunction)
{
    TnTestPci *device = g_object_new(tn_test_pci_get_type(), "multifunction", multifunction, NULL);

    tn_device_set_platform(TN_DEVICE(device), &f->p->platform);
    tn_pci_device_set_address(TN_PCI_DEVICE(device), f->bus, devfn);
    return device;
}

static TnTestPci *
add_device(Fixture *f, int devfn)
{
    return tn_test_realize(f->p, new_device(f, devfn, FALSE));
}

static void
assert_refused(TnTestPci *device, const char *text)
{
    g_autoptr(GError) error = NULL;

    g_assert_false(tn_device_realize(TN_DEVICE(device), &error));
    g_assert_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC);
    g_assert_cmpstr(error->message, ==, text);
    g_object_unref(device);
}

static void
test_address_reads_back(Fixture *f, gconstpointer data)
{
    tn_test_out(f->p, ADDRESS, 0xffffffff, 4);
    g_assert_cmphex(tn_test_in(f->p, ADDRESS, 4), ==, 0x80fffffc);
}

static void
test_narrow_address_accesses_are_ignored(Fixture *f, gconstpointer data)
{
    tn_test_out(f->p, ADDRESS, 0x80001000, 4);
    tn_test_outb(f->p, ADDRESS, 0x55);
    tn_test_out(f->p, ADDRESS + 2, 0x5555, 2);
    tn_test_outb(f->p, ADDRESS + 1, 0x06);
    g_assert_cmphex(tn_test_in(f->p, ADDRESS, 4), ==, 0x80001000);
    g_assert_cmphex(tn_test_inb(f->p, ADDRESS), ==, 0xff);
    g_assert_cmphex(tn_test_in(f->p, ADDRESS, 2), ==, 0xffff);
    g_assert_cmphex(tn_test_inb(f->p, ADDRESS + 1), ==, 0xff);
}

static void
test_header(Fixture *f, gconstpointer data)
{
    TnTestPci *device = add_device(f, TN_PCI_DEVFN(2, 0));

    tn_test_out(f->p, ADDRESS, 0x80001000, 4);
    g_assert_cmphex(tn_test_in(f->p, DATA, 4), ==, 0x56781234);
    tn_test_out(f->p, ADDRESS, 0x80001008, 4);
    g_assert_cmphex(tn_test_in(f->p, DATA, 4), ==, 0xff01029a);
    tn_test_out(f->p, ADDRESS, 0x8000103c, 4);
    g_assert_cmphex(tn_test_in(f->p, DATA, 4), ==, 0x00000100);
    tn_test_drop(device);
}

static void
test_byte_and_word_lanes(Fixture *f, gconstpointer data)
{
    TnTestPci *device = add_device(f, TN_PCI_DEVFN(2, 0));

    tn_test_out(f->p, ADDRESS, 0x80001000, 4);
    g_assert_cmphex(tn_test_inb(f->p, DATA + 0), ==, 0x34);
    g_assert_cmphex(tn_test_inb(f->p, DATA + 3), ==, 0x56);
    g_assert_cmphex(tn_test_in(f->p, DATA + 2, 2), ==, 0x5678);
    tn_test_out(f->p, ADDRESS, 0x80001040, 4);
    tn_test_out(f->p, DATA + 2, 0xbbaa, 2);
    tn_test_outb(f->p, DATA + 1, 0xcc);
    g_assert_cmphex(tn_test_in(f->p, DATA, 4), ==, 0xbbaacc00);
    g_assert_cmpstr(device->log->str, ==, "write2 42=bbaa;write1 41=cc;");
    tn_test_drop(device);
}

static void
test_misaligned_data_is_refused(Fixture *f, gconstpointer data)
{
    TnTestPci *device = add_device(f, TN_PCI_DEVFN(2, 0));
    uint32_t value;

    tn_test_out(f->p, ADDRESS, 0x80001040, 4);
    g_assert_cmpint(tn_test_out_result(f->p, DATA + 1, 0xffff, 2), ==, TN_MEM_INVALID_SIZE);
    g_assert_cmpint(tn_test_in_result(f->p, DATA + 1, 2, &value), ==, TN_MEM_INVALID_SIZE);
    g_assert_cmphex(value & 0xffff, ==, 0xffff);
    g_assert_cmpstr(device->log->str, ==, "");
    tn_test_drop(device);
}

static void
test_nobody_answers(Fixture *f, gconstpointer data)
{
    TnTestPci *device = add_device(f, TN_PCI_DEVFN(2, 0));

    tn_test_out(f->p, ADDRESS, 0x80001800, 4); /* slot 3 */
    g_assert_cmphex(tn_test_in(f->p, DATA, 4), ==, 0xffffffff);
    g_assert_cmphex(tn_test_in(f->p, DATA, 2), ==, 0xffff);
    tn_test_out(f->p, DATA, 0, 4);
    tn_test_out(f->p, ADDRESS, 0x80011000, 4); /* bus 1 */
    g_assert_cmphex(tn_test_in(f->p, DATA, 4), ==, 0xffffffff);
    tn_test_out(f->p, ADDRESS, 0x00001000, 4); /* not enabled */
    g_assert_cmphex(tn_test_in(f->p, DATA, 4), ==, 0xffffffff);
    tn_test_out(f->p, DATA, 0, 4);
    g_assert_cmpstr(device->log->str, ==, "");
    tn_test_drop(device);
}

static void
test_command_bits(Fixture *f, gconstpointer data)
{
    TnTestPci *device = add_device(f, TN_PCI_DEVFN(2, 0));

    tn_test_out(f->p, ADDRESS, 0x80001004, 4);
    tn_test_out(f->p, DATA, 0xffff, 2);
    g_assert_cmphex(tn_test_in(f->p, DATA, 2), ==, 0x0507);
    tn_test_drop(device);
}

static void
test_reset(Fixture *f, gconstpointer data)
{
    TnTestPci *device = add_device(f, TN_PCI_DEVFN(2, 0));

    tn_test_out(f->p, ADDRESS, 0x80001004, 4);
    tn_test_out(f->p, DATA, 0x0007, 2);
    tn_test_out(f->p, ADDRESS, 0x8000103c, 4);
    tn_test_outb(f->p, DATA, 11);
    g_string_truncate(device->log, 0);
    tn_reset_run(f->p->platform.reset);
    g_assert_cmpstr(device->log->str, ==, "reset;");
    g_assert_cmphex(tn_test_in(f->p, ADDRESS, 4), ==, 0);
    tn_test_out(f->p, ADDRESS, 0x80001004, 4);
    g_assert_cmphex(tn_test_in(f->p, DATA, 2), ==, 0);
    tn_test_out(f->p, ADDRESS, 0x8000103c, 4);
    g_assert_cmphex(tn_test_in(f->p, DATA, 4), ==, 0x00000100);
    tn_test_drop(device);
}

static void
test_unrealized_function_is_gone(Fixture *f, gconstpointer data)
{
    TnTestPci *device = add_device(f, TN_PCI_DEVFN(2, 0));

    g_assert_true(tn_pci_bus_get_device(f->bus, TN_PCI_DEVFN(2, 0)) == TN_PCI_DEVICE(device));
    tn_test_drop(device);
    g_assert_null(tn_pci_bus_get_device(f->bus, TN_PCI_DEVFN(2, 0)));
    tn_test_out(f->p, ADDRESS, 0x80001000, 4);
    g_assert_cmphex(tn_test_in(f->p, DATA, 4), ==, 0xffffffff);
}

static void
test_automatic_slots(Fixture *f, gconstpointer data)
{
    TnTestPci *second = add_device(f, TN_PCI_DEVFN(1, 0));
    TnTestPci *first = add_device(f, TN_PCI_DEVFN_AUTO);
    TnTestPci *third = add_device(f, TN_PCI_DEVFN_AUTO);

    g_assert_cmpint(TN_PCI_DEVICE(first)->devfn, ==, TN_PCI_DEVFN(0, 0));
    g_assert_cmpint(TN_PCI_DEVICE(third)->devfn, ==, TN_PCI_DEVFN(2, 0));
    tn_test_drop(third);
    tn_test_drop(first);
    tn_test_drop(second);
}

static void
test_taken_slot_is_refused(Fixture *f, gconstpointer data)
{
    TnTestPci *device = add_device(f, TN_PCI_DEVFN(2, 0));

    assert_refused(new_device(f, TN_PCI_DEVFN(2, 0), FALSE),
                   "PCI: slot 2 function 0 not available for test-pci, in use by "
                   "test-pci,id=(null)");
    assert_refused(new_device(f, TN_PCI_DEVFN(2, 3), FALSE),
                   "PCI: single function device can't be populated in function 2.3");
    g_assert_true(tn_pci_bus_get_device(f->bus, TN_PCI_DEVFN(2, 0)) == TN_PCI_DEVICE(device));
    tn_test_drop(device);
}

static void
test_full_bus_is_refused(Fixture *f, gconstpointer data)
{
    TnTestPci *devices[32];

    for (unsigned i = 0; i < G_N_ELEMENTS(devices); i++) {
        devices[i] = add_device(f, TN_PCI_DEVFN_AUTO);
    }
    assert_refused(new_device(f, TN_PCI_DEVFN_AUTO, FALSE),
                   "PCI: no slot/function available for test-pci, all in use");
    for (unsigned i = 0; i < G_N_ELEMENTS(devices); i++) {
        tn_test_drop(devices[i]);
    }
}

static void
test_multifunction(Fixture *f, gconstpointer data)
{
    TnTestPci *other = add_device(f, TN_PCI_DEVFN(2, 5));
    TnTestPci *first;

    assert_refused(new_device(f, TN_PCI_DEVFN(2, 0), FALSE),
                   "PCI: 2.0 indicates single function, but 2.5 is already populated.");
    first = tn_test_realize(f->p, new_device(f, TN_PCI_DEVFN(2, 0), TRUE));
    tn_test_out(f->p, ADDRESS, 0x8000100c, 4);
    g_assert_cmphex(tn_test_inb(f->p, DATA + 2), ==, 0x80);
    tn_test_out(f->p, ADDRESS, 0x80001500, 4);
    g_assert_cmphex(tn_test_in(f->p, DATA, 2), ==, 0x1234);
    tn_test_drop(first);
    tn_test_drop(other);
}

static void
test_without_bus_is_refused(Fixture *f, gconstpointer data)
{
    assert_refused(g_object_new(tn_test_pci_get_type(), NULL),
                   "No 'PCI' bus found for device 'test-pci'");
}

static void
test_failed_realize_takes_no_slot(Fixture *f, gconstpointer data)
{
    TnTestPci *device = new_device(f, TN_PCI_DEVFN(2, 0), FALSE);

    device->refuse = TRUE;
    assert_refused(device, "refused");
    g_assert_null(tn_pci_bus_get_device(f->bus, TN_PCI_DEVFN(2, 0)));
}

#define add(path, func) g_test_add("/pci/" path, Fixture, NULL, set_up, func, tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    add("host/address-reads-back", test_address_reads_back);
    add("host/narrow-address-accesses-are-ignored", test_narrow_address_accesses_are_ignored);
    add("host/byte-and-word-lanes", test_byte_and_word_lanes);
    add("host/misaligned-data-is-refused", test_misaligned_data_is_refused);
    add("host/nobody-answers", test_nobody_answers);
    add("device/header", test_header);
    add("device/command-bits", test_command_bits);
    add("device/reset", test_reset);
    add("device/unrealized-is-gone", test_unrealized_function_is_gone);
    add("device/without-bus-is-refused", test_without_bus_is_refused);
    add("device/failed-realize-takes-no-slot", test_failed_realize_takes_no_slot);
    add("bus/automatic-slots", test_automatic_slots);
    add("bus/taken-slot-is-refused", test_taken_slot_is_refused);
    add("bus/full-is-refused", test_full_bus_is_refused);
    add("bus/multifunction", test_multifunction);
    return g_test_run();
}
