/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* INTx, MSI and MSI-X as a guest sets them up and a device uses them; capabilities. */
#include "tests/unit/vmm/pci/fixture.h"
#include "vmm/core/state-stream.h"
#include "vmm/pci/msi.h"
#include "vmm/pci/msix.h"

#define COMMAND TN_PCI_REG_COMMAND
#define STATUS TN_PCI_REG_STATUS
#define MSI_AT 0x40
#define MSIX_AT 0x60
#define TABLE 0xe0000000u
#define PBA 0xe0000800u
#define DEVFN TN_PCI_DEVFN(2, 0)

/* Capabilities */

static void
test_capability_chain(PciFixture *f, gconstpointer data)
{
    TnPciDevice *pci = TN_PCI_DEVICE(pci_add_probe(f, DEVFN, NULL));
    g_autoptr(GError) error = NULL;

    g_assert_cmphex(pci_read(f, (TnPciProbe *)pci, STATUS, 2) & TN_PCI_STATUS_CAPABILITIES, ==, 0);
    g_assert_cmphex(tn_pci_device_add_capability(pci, 0x09, 0x48, 8, &error), ==, 0x48);
    g_assert_cmphex(tn_pci_device_add_capability(pci, 0x05, 0, 10, &error), ==, 0x50);
    g_assert_cmphex(tn_pci_device_add_capability(pci, 0x01, 0, 8, &error), ==, 0x40);
    g_assert_no_error(error);
    g_assert_cmphex(pci_read(f, (TnPciProbe *)pci, STATUS, 2) & TN_PCI_STATUS_CAPABILITIES, ==,
                    TN_PCI_STATUS_CAPABILITIES);
    g_assert_cmphex(pci_read(f, (TnPciProbe *)pci, TN_PCI_REG_CAPABILITIES, 1), ==, 0x40);
    g_assert_cmphex(pci_read(f, (TnPciProbe *)pci, 0x40, 2), ==, 0x5001);
    g_assert_cmphex(pci_read(f, (TnPciProbe *)pci, 0x50, 2), ==, 0x4805);
    g_assert_cmphex(pci_read(f, (TnPciProbe *)pci, 0x48, 2), ==, 0x0009);
    g_assert_cmphex(tn_pci_device_find_capability(pci, 0x09), ==, 0x48);
    g_assert_cmphex(tn_pci_device_find_capability(pci, 0x11), ==, 0);
    tn_test_drop(pci);
}

static void
test_capability_overlap_is_refused(PciFixture *f, gconstpointer data)
{
    TnPciDevice *pci = TN_PCI_DEVICE(pci_add_probe(f, DEVFN, NULL));
    g_autoptr(GError) error = NULL;

    g_assert_cmphex(tn_pci_device_add_capability(pci, 0x05, 0x40, 10, NULL), ==, 0x40);
    g_assert_cmphex(tn_pci_device_add_capability(pci, 0x11, 0x48, 12, &error), ==, 0);
    g_assert_cmpstr(error->message, ==,
                    "pci-probe: Attempt to add PCI capability 11 at offset 48 overlaps existing "
                    "capability 5 at offset 40");
    g_assert_cmphex(pci_read(f, (TnPciProbe *)pci, 0x40, 2), ==, 0x0005);
    tn_test_drop(pci);
}

static void
test_capability_no_room_is_refused(PciFixture *f, gconstpointer data)
{
    TnPciDevice *pci = TN_PCI_DEVICE(pci_add_probe(f, DEVFN, NULL));
    g_autoptr(GError) error = NULL;

    g_assert_cmphex(tn_pci_device_add_capability(pci, 0x09, 0, 0xc0, NULL), ==, 0x40);
    g_assert_cmphex(tn_pci_device_add_capability(pci, 0x05, 0, 2, &error), ==, 0);
    g_assert_cmpstr(error->message, ==,
                    "pci-probe: no room in config space for PCI capability 5 of 2 bytes");
    tn_test_drop(pci);
}

/* INTx */

static void
test_intx_line_by_slot(PciFixture *f, gconstpointer data)
{
    /* The last is INTA of slot 4: (4 + 0 - 1) mod 4. */
    TnPciProbe *two = pci_add_probe(f, TN_PCI_DEVFN(2, 0), NULL);
    TnPciProbe *four = pci_add_probe(f, TN_PCI_DEVFN(4, 0), NULL);

    tn_pci_device_set_irq(TN_PCI_DEVICE(two), 1);
    g_assert_cmpint(f->levels[1], ==, 1);
    g_assert_cmpint(f->levels[3], ==, 0);
    tn_pci_device_set_irq(TN_PCI_DEVICE(four), 1);
    g_assert_cmpint(f->levels[3], ==, 1);
    g_assert_cmpint(tn_pci_device_get_intx_gsi(TN_PCI_DEVICE(four)), ==, 13);
    f->gsis[3] = -1;
    g_assert_cmpint(tn_pci_device_get_intx_gsi(TN_PCI_DEVICE(four)), ==, -1);
    tn_test_drop(two);
    tn_test_drop(four);
}

static void
test_intx_shared_line_is_ored(PciFixture *f, gconstpointer data)
{
    TnPciProbe *one = pci_add_probe(f, TN_PCI_DEVFN(2, 0), NULL);
    TnPciProbe *other = pci_add_probe(f, TN_PCI_DEVFN(6, 0), NULL);

    tn_pci_device_set_irq(TN_PCI_DEVICE(one), 1);
    tn_pci_device_set_irq(TN_PCI_DEVICE(other), 1);
    tn_pci_device_set_irq(TN_PCI_DEVICE(one), 1);
    tn_pci_device_set_irq(TN_PCI_DEVICE(one), 0);
    g_assert_cmpint(f->levels[1], ==, 1);
    tn_pci_device_set_irq(TN_PCI_DEVICE(other), 0);
    g_assert_cmpint(f->levels[1], ==, 0);
    g_assert_cmpuint(f->changes[1], ==, 2);
    tn_test_drop(one);
    tn_test_drop(other);
}

static void
test_intx_status_and_disable(PciFixture *f, gconstpointer data)
{
    TnPciProbe *probe = pci_add_probe(f, DEVFN, NULL);

    tn_pci_device_set_irq(TN_PCI_DEVICE(probe), 1);
    g_assert_cmphex(pci_read(f, probe, STATUS, 1), ==, TN_PCI_STATUS_INTERRUPT);
    g_assert_cmphex(pci_read(f, probe, COMMAND, 4), ==, 0x00080000);
    pci_write(f, probe, COMMAND, TN_PCI_COMMAND_INTX_DISABLE, 2);
    g_assert_cmpint(f->levels[1], ==, 0);
    g_assert_cmphex(pci_read(f, probe, STATUS, 1), ==, TN_PCI_STATUS_INTERRUPT);
    pci_write(f, probe, COMMAND, 0, 2);
    g_assert_cmpint(f->levels[1], ==, 1);
    pci_write(f, probe, STATUS, 0xffff, 2); /* not the guest's to clear */
    g_assert_cmphex(pci_read(f, probe, STATUS, 1), ==, TN_PCI_STATUS_INTERRUPT);
    tn_test_drop(probe);
}

static void
test_intx_released_by_reset_and_unrealize(PciFixture *f, gconstpointer data)
{
    TnPciProbe *probe = pci_add_probe(f, DEVFN, NULL);

    tn_pci_device_set_irq(TN_PCI_DEVICE(probe), 1);
    tn_reset_run(f->p->platform.reset);
    g_assert_cmpint(f->levels[1], ==, 0);
    tn_pci_device_set_irq(TN_PCI_DEVICE(probe), 1);
    tn_test_drop(probe);
    g_assert_cmpint(f->levels[1], ==, 0);
}

static void
note_route(TnPciDevice *pci)
{
    g_string_append(((TnPciProbe *)pci)->log, "route;");
}

static void
test_intx_notify(PciFixture *f, gconstpointer data)
{
    TnPciProbe *probe = pci_add_probe(f, DEVFN, NULL);

    tn_pci_device_set_intx_notify(TN_PCI_DEVICE(probe), note_route);
    tn_pci_bus_lock(f->bus);
    tn_pci_bus_irq_routes_changed(f->bus);
    tn_pci_device_set_intx_notify(TN_PCI_DEVICE(probe), NULL);
    tn_pci_bus_irq_routes_changed(f->bus);
    tn_pci_bus_unlock(f->bus);
    g_assert_cmpstr(probe->log->str, ==, "route;");
    tn_test_drop(probe);
}

/* MSI */

static void
msi_changed(TnPciDevice *pci)
{
    g_string_append(((TnPciProbe *)pci)->log, tn_pci_msi_is_enabled(pci) ? "on;" : "off;");
}

static gboolean
with_msi(TnPciProbe *probe, GError **error)
{
    const TnPciMsiConfig config = {
        .offset = MSI_AT, .vectors = 4, .maskable = TRUE, .is_64bit = TRUE, .changed = msi_changed
    };

    return tn_pci_msi_init(TN_PCI_DEVICE(probe), &config, error);
}

static gboolean
with_small_msi(TnPciProbe *probe, GError **error)
{
    const TnPciMsiConfig config = { .vectors = 1 };

    return tn_pci_msi_init(TN_PCI_DEVICE(probe), &config, error);
}

static void
enable_msi(PciFixture *f, TnPciProbe *probe)
{
    pci_write(f, probe, COMMAND, TN_PCI_COMMAND_MASTER, 2);
    pci_write(f, probe, MSI_AT + 4, 0xfee01004, 4);
    pci_write(f, probe, MSI_AT + 12, 0x4041, 2);
    pci_write(f, probe, MSI_AT + 2, 0x0021, 2); /* four vectors allowed */
}

static void
assert_messages(PciFixture *f, const char *expected)
{
    g_autoptr(GString) text = g_string_new(NULL);

    for (guint i = 0; i < f->messages->len; i++) {
        const TnMsiMessage *m = &g_array_index(f->messages, TnMsiMessage, i);

        g_string_append_printf(text, "%" G_GINT64_MODIFIER "x=%x;", m->address, m->data);
    }
    g_assert_cmpstr(text->str, ==, expected);
    g_array_set_size(f->messages, 0);
}

static void
test_msi_registers(PciFixture *f, gconstpointer data)
{
    TnPciProbe *probe = pci_add_probe(f, DEVFN, with_msi);

    for (unsigned at = MSI_AT; at < MSI_AT + 24; at += 4) {
        pci_write(f, probe, at, 0xffffffff, 4);
    }
    g_assert_cmphex(pci_read(f, probe, MSI_AT, 4), ==, 0x01f50005);
    g_assert_cmphex(pci_read(f, probe, MSI_AT + 4, 4), ==, 0xfffffffc);
    g_assert_cmphex(pci_read(f, probe, MSI_AT + 8, 4), ==, 0xffffffff);
    g_assert_cmphex(pci_read(f, probe, MSI_AT + 12, 4), ==, 0x0000ffff);
    g_assert_cmphex(pci_read(f, probe, MSI_AT + 16, 4), ==, 0x0000000f);
    g_assert_cmphex(pci_read(f, probe, MSI_AT + 20, 4), ==, 0);
    g_assert_cmpuint(tn_pci_msi_get_allocated(TN_PCI_DEVICE(probe)), ==, 4);
    tn_test_drop(probe);
}

static void
test_msi_small_registers(PciFixture *f, gconstpointer data)
{
    TnPciProbe *probe = pci_add_probe(f, DEVFN, with_small_msi);

    for (unsigned at = MSI_AT; at < MSI_AT + 16; at += 4) {
        pci_write(f, probe, at, 0xffffffff, 4);
    }
    g_assert_cmphex(pci_read(f, probe, MSI_AT, 4), ==, 0x00710005);
    g_assert_cmphex(pci_read(f, probe, MSI_AT + 4, 4), ==, 0xfffffffc);
    g_assert_cmphex(pci_read(f, probe, MSI_AT + 8, 4), ==, 0x0000ffff);
    g_assert_cmphex(pci_read(f, probe, MSI_AT + 12, 4), ==, 0);
    g_assert_cmpuint(tn_pci_msi_get_allocated(TN_PCI_DEVICE(probe)), ==, 1);
    tn_test_drop(probe);
}

static void
test_msi_send(PciFixture *f, gconstpointer data)
{
    TnPciProbe *probe = pci_add_probe(f, DEVFN, with_msi);

    tn_pci_msi_send(TN_PCI_DEVICE(probe), 0);
    assert_messages(f, "");
    enable_msi(f, probe);
    tn_pci_msi_send(TN_PCI_DEVICE(probe), 0);
    tn_pci_msi_send(TN_PCI_DEVICE(probe), 3);
    assert_messages(f, "fee01004=4040;fee01004=4043;");
    g_assert_cmpstr(probe->log->str, ==, "off;off;on;");
    tn_test_drop(probe);
}

static void
test_msi_mask_and_pending(PciFixture *f, gconstpointer data)
{
    TnPciProbe *probe = pci_add_probe(f, DEVFN, with_msi);

    enable_msi(f, probe);
    pci_write(f, probe, MSI_AT + 16, 0x6, 4);
    tn_pci_msi_send(TN_PCI_DEVICE(probe), 1);
    tn_pci_msi_send(TN_PCI_DEVICE(probe), 1);
    tn_pci_msi_send(TN_PCI_DEVICE(probe), 2);
    g_assert_true(tn_pci_msi_is_masked(TN_PCI_DEVICE(probe), 1));
    g_assert_cmphex(pci_read(f, probe, MSI_AT + 20, 4), ==, 0x6);
    g_assert_cmphex(pci_read(f, probe, MSI_AT + 20, 1), ==, 0x6);
    assert_messages(f, "");
    pci_write(f, probe, MSI_AT + 16, 0x4, 4);
    assert_messages(f, "fee01004=4041;");
    g_assert_cmphex(pci_read(f, probe, MSI_AT + 20, 4), ==, 0x4);
    tn_reset_run(f->p->platform.reset);
    g_assert_cmphex(pci_read(f, probe, MSI_AT + 20, 4), ==, 0);
    g_assert_false(tn_pci_msi_is_enabled(TN_PCI_DEVICE(probe)));
    tn_test_drop(probe);
}

static void
test_msi_needs_bus_master(PciFixture *f, gconstpointer data)
{
    TnPciProbe *probe = pci_add_probe(f, DEVFN, with_msi);

    enable_msi(f, probe);
    pci_write(f, probe, COMMAND, 0, 2);
    tn_pci_msi_send(TN_PCI_DEVICE(probe), 0);
    assert_messages(f, "");
    tn_test_drop(probe);
}

static void
test_msi_elsewhere_is_dropped(PciFixture *f, gconstpointer data)
{
    TnPciProbe *probe = pci_add_probe(f, DEVFN, with_msi);

    enable_msi(f, probe);
    pci_write(f, probe, MSI_AT + 4, 0xfed00000, 4);
    tn_pci_msi_send(TN_PCI_DEVICE(probe), 0);
    pci_write(f, probe, MSI_AT + 4, 0xfee00000, 4);
    pci_write(f, probe, MSI_AT + 8, 0x1, 4);
    tn_pci_msi_send(TN_PCI_DEVICE(probe), 0);
    assert_messages(f, "");
    tn_test_drop(probe);
}

/* MSI-X */

static void
vector_used(TnPciDevice *pci, unsigned vector, const TnMsiMessage *message)
{
    g_string_append_printf(((TnPciProbe *)pci)->log, "use %u %x;", vector, message->data);
}

static void
vector_released(TnPciDevice *pci, unsigned vector)
{
    g_string_append_printf(((TnPciProbe *)pci)->log, "release %u;", vector);
}

static gboolean
with_msix(TnPciProbe *probe, GError **error)
{
    TnPciMsixConfig config = {
        .offset = MSIX_AT,
        .vectors = 3,
        .pba_offset = PBA - TABLE,
        .vector_used = vector_used,
        .vector_released = vector_released,
    };

    pci_add_bar(probe, 0, TN_PCI_BAR_MEM32, 0x1000);
    config.table_region = &probe->regions[0];
    config.pba_region = &probe->regions[0];
    return tn_pci_msix_init(TN_PCI_DEVICE(probe), &config, error);
}

static void
without_msix(TnPciProbe *probe)
{
    tn_pci_msix_done(TN_PCI_DEVICE(probe));
}

static TnPciProbe *
add_msix(PciFixture *f)
{
    TnPciProbe *probe = pci_add_probe(f, DEVFN, with_msix);

    probe->take_down = without_msix;
    pci_write(f, probe, TN_PCI_REG_BAR0, TABLE, 4);
    pci_write(f, probe, COMMAND, TN_PCI_COMMAND_MEMORY | TN_PCI_COMMAND_MASTER, 2);
    return probe;
}

static void
write_entry(PciFixture *f, unsigned n, guint32 data, guint32 control)
{
    (void)pci_mem_write(f, TABLE + 16 * n, 0xfee00000, 4);
    (void)pci_mem_write(f, TABLE + 16 * n + 4, 0, 4);
    (void)pci_mem_write(f, TABLE + 16 * n + 8, data, 4);
    (void)pci_mem_write(f, TABLE + 16 * n + 12, control, 4);
}

static void
test_msix_registers(PciFixture *f, gconstpointer data)
{
    TnPciProbe *probe = add_msix(f);

    g_assert_cmphex(pci_read(f, probe, MSIX_AT, 4), ==, 0x00020011);
    g_assert_cmphex(pci_read(f, probe, MSIX_AT + 4, 4), ==, 0);
    g_assert_cmphex(pci_read(f, probe, MSIX_AT + 8, 4), ==, 0x800);
    pci_write(f, probe, MSIX_AT + 2, 0xffff, 2);
    g_assert_cmphex(pci_read(f, probe, MSIX_AT, 4), ==, 0xc0020011);
    tn_test_drop(probe);
}

static void
test_msix_table_accesses(PciFixture *f, gconstpointer data)
{
    TnPciProbe *probe = add_msix(f);

    g_assert_cmphex(pci_mem_read(f, TABLE + 12, 4), ==, 1);
    g_assert_cmpint(pci_mem_write(f, TABLE, G_GUINT64_CONSTANT(0x11fee0000f), 8), ==, TN_MEM_OK);
    g_assert_cmpint(pci_mem_write(f, TABLE + 8, G_GUINT64_CONSTANT(0xfffffffe00004142), 8), ==,
                    TN_MEM_OK);
    g_assert_cmphex(pci_mem_read(f, TABLE, 8), ==, G_GUINT64_CONSTANT(0x11fee0000c));
    g_assert_cmphex(pci_mem_read(f, TABLE + 8, 8), ==, 0x4142);
    g_assert_cmpint(pci_mem_write(f, TABLE, 0, 1), ==, TN_MEM_INVALID_SIZE);
    g_assert_cmpint(pci_mem_write(f, TABLE + 2, 0, 2), ==, TN_MEM_INVALID_SIZE);
    g_assert_cmpint(pci_mem_write(f, TABLE + 2, 0, 4), ==, TN_MEM_INVALID_SIZE);
    g_assert_cmphex(pci_mem_read(f, TABLE, 2), ==, 0xffff);
    /* Past the last entry the BAR's own region shows. */
    g_assert_cmphex(pci_mem_read(f, TABLE + 48, 1), ==, 0xa0);
    tn_test_drop(probe);
}

static void
test_msix_vector_life(PciFixture *f, gconstpointer data)
{
    TnPciProbe *probe = add_msix(f);

    write_entry(f, 1, 0x41, 0);
    g_assert_cmpstr(probe->log->str, ==, "");
    pci_write(f, probe, MSIX_AT + 2, 0x8000, 2);
    (void)pci_mem_write(f, TABLE + 16 + 8, 0x42, 4);
    (void)pci_mem_write(f, TABLE + 16 + 8, 0x42, 4); /* the same again is no change */
    (void)pci_mem_write(f, TABLE + 16 + 12, 1, 4);
    (void)pci_mem_write(f, TABLE + 16 + 12, 0, 4);
    pci_write(f, probe, MSIX_AT + 2, 0xc000, 2);
    pci_write(f, probe, MSIX_AT + 2, 0x8000, 2);
    pci_write(f, probe, MSIX_AT + 2, 0, 2);
    g_assert_cmpstr(probe->log->str, ==,
                    "use 1 41;use 1 42;release 1;use 1 42;release 1;use 1 42;release 1;");
    tn_test_drop(probe);
}

static void
test_msix_pending(PciFixture *f, gconstpointer data)
{
    TnPciProbe *probe = add_msix(f);
    TnPciDevice *pci = TN_PCI_DEVICE(probe);

    write_entry(f, 0, 0x40, 1);
    write_entry(f, 2, 0x42, 0);
    tn_pci_msix_send(pci, 2); /* not enabled */
    pci_write(f, probe, MSIX_AT + 2, 0xc000, 2);
    tn_pci_msix_send(pci, 0);
    tn_pci_msix_send(pci, 2);
    g_assert_true(tn_pci_msix_is_masked(pci, 2));
    assert_messages(f, "");
    g_assert_cmphex(pci_mem_read(f, PBA, 4), ==, 0x5);
    g_assert_cmphex(pci_mem_read(f, PBA, 8), ==, 0x5);
    g_assert_cmpint(pci_mem_write(f, PBA, 0, 8), ==, TN_MEM_OK);
    g_assert_cmphex(pci_mem_read(f, PBA, 8), ==, 0x5);
    pci_write(f, probe, MSIX_AT + 2, 0x8000, 2);
    assert_messages(f, "fee00000=42;");
    (void)pci_mem_write(f, TABLE + 12, 0, 4);
    assert_messages(f, "fee00000=40;");
    g_assert_cmphex(pci_mem_read(f, PBA, 4), ==, 0);
    tn_pci_msix_send(pci, 0);
    assert_messages(f, "fee00000=40;");
    tn_test_drop(probe);
}

/* Loaded into the same function after its reset: what waits is sent once its mask goes. */
static void
test_msix_state(PciFixture *f, gconstpointer data)
{
    TnPciProbe *probe = add_msix(f);
    const TnStateTable *table = TN_DEVICE_GET_CLASS(probe)->state;
    g_autoptr(GBytes) saved = NULL;
    g_autoptr(GBytes) again = NULL;
    g_autoptr(GError) error = NULL;

    write_entry(f, 0, 0x40, 1);
    write_entry(f, 2, 0x42, 0);
    pci_write(f, probe, MSIX_AT + 2, 0x8000, 2);
    tn_pci_msix_send(TN_PCI_DEVICE(probe), 0);
    saved = tn_state_save(table, probe);
    tn_reset_run(f->p->platform.reset);
    g_string_truncate(probe->log, 0);
    g_assert_true(tn_state_load(table, probe, saved, &error));
    g_assert_no_error(error);
    g_assert_cmpstr(probe->log->str, ==, "use 2 42;");
    again = tn_state_save(table, probe);
    g_assert_true(g_bytes_equal(saved, again));
    g_assert_cmphex(pci_mem_read(f, TABLE + 8, 4), ==, 0x40);
    g_assert_cmphex(pci_mem_read(f, PBA, 4), ==, 0x1);
    assert_messages(f, "");
    (void)pci_mem_write(f, TABLE + 12, 0, 4);
    assert_messages(f, "fee00000=40;");
    tn_test_drop(probe);
}

/* Vectors in use give way to what is loaded. */
static void
test_msix_state_over_other(PciFixture *f, gconstpointer data)
{
    TnPciProbe *probe = add_msix(f);
    const TnStateTable *table = TN_DEVICE_GET_CLASS(probe)->state;
    g_autoptr(GBytes) saved = NULL;

    write_entry(f, 1, 0x41, 0);
    pci_write(f, probe, MSIX_AT + 2, 0x8000, 2);
    saved = tn_state_save(table, probe);
    write_entry(f, 1, 0x99, 0);
    g_string_truncate(probe->log, 0);
    g_assert_true(tn_state_load(table, probe, saved, NULL));
    g_assert_cmpstr(probe->log->str, ==, "release 1;use 1 41;");
    tn_test_drop(probe);
}

static void
test_msi_state(PciFixture *f, gconstpointer data)
{
    TnPciProbe *probe = pci_add_probe(f, DEVFN, with_msi);
    const TnStateTable *table = TN_DEVICE_GET_CLASS(probe)->state;
    g_autoptr(GBytes) saved = NULL;

    enable_msi(f, probe);
    pci_write(f, probe, MSI_AT + 16, 0x6, 4);
    tn_pci_msi_send(TN_PCI_DEVICE(probe), 1);
    saved = tn_state_save(table, probe);
    tn_reset_run(f->p->platform.reset);
    g_assert_true(tn_state_load(table, probe, saved, NULL));
    g_assert_cmphex(pci_read(f, probe, MSI_AT + 20, 4), ==, 0x2);
    g_assert_true(tn_pci_msi_is_enabled(TN_PCI_DEVICE(probe)));
    assert_messages(f, "");
    pci_write(f, probe, MSI_AT + 16, 0, 4);
    assert_messages(f, "fee01004=4041;");
    tn_test_drop(probe);
}

/* Four vectors have four bits; what the function holds is as it was. */
static void
test_msi_state_is_judged(PciFixture *f, gconstpointer data)
{
    TnPciProbe *probe = pci_add_probe(f, DEVFN, with_msi);
    const TnStateTable *table = TN_DEVICE_GET_CLASS(probe)->state;
    g_autoptr(GBytes) saved = NULL;
    g_autoptr(GBytes) bad = NULL;
    g_autoptr(GError) error = NULL;
    guint8 *bytes;
    gsize size;
    guint8 *at;

    enable_msi(f, probe);
    saved = tn_state_save(table, probe);
    bytes = g_memdup2(g_bytes_get_data(saved, NULL), g_bytes_get_size(saved));
    size = g_bytes_get_size(saved);
    at = memmem(bytes, size, "pending", 7);
    g_assert_nonnull(at);
    at[7 + 1 + 4] = 0x10;
    bad = g_bytes_new_take(bytes, size);
    pci_write(f, probe, MSI_AT + 12, 0x1234, 2);
    g_assert_false(tn_state_load(table, probe, bad, &error));
    g_assert_cmpstr(error->message, ==, "MSI: pending bits 0x10, and only 4 vectors");
    g_assert_cmphex(pci_read(f, probe, MSI_AT + 12, 2), ==, 0x1234);
    tn_test_drop(probe);
}

static void
test_msix_pending_by_others(PciFixture *f, gconstpointer data)
{
    TnPciProbe *probe = add_msix(f);

    tn_pci_msix_set_pending(TN_PCI_DEVICE(probe), 1, TRUE);
    g_assert_cmphex(pci_mem_read(f, PBA, 4), ==, 0x2);
    tn_pci_msix_set_pending(TN_PCI_DEVICE(probe), 1, FALSE);
    g_assert_cmphex(pci_mem_read(f, PBA, 4), ==, 0);
    tn_test_drop(probe);
}

static void
test_msix_reset(PciFixture *f, gconstpointer data)
{
    TnPciProbe *probe = add_msix(f);

    write_entry(f, 0, 0x40, 0);
    pci_write(f, probe, MSIX_AT + 2, 0x8000, 2);
    tn_reset_run(f->p->platform.reset);
    g_assert_cmpstr(probe->log->str, ==, "use 0 40;release 0;");
    g_assert_false(tn_pci_msix_is_enabled(TN_PCI_DEVICE(probe)));
    pci_write(f, probe, TN_PCI_REG_BAR0, TABLE, 4);
    pci_write(f, probe, COMMAND, TN_PCI_COMMAND_MEMORY, 2);
    g_assert_cmphex(pci_mem_read(f, TABLE + 8, 4), ==, 0);
    g_assert_cmphex(pci_mem_read(f, TABLE + 12, 4), ==, 1);
    tn_test_drop(probe);
}

static gboolean
with_overlapping_msix(TnPciProbe *probe, GError **error)
{
    TnPciMsixConfig config = { .vectors = 3, .pba_offset = 0x28 };

    pci_add_bar(probe, 0, TN_PCI_BAR_MEM32, 0x1000);
    config.table_region = &probe->regions[0];
    config.pba_region = &probe->regions[0];
    return tn_pci_msix_init(TN_PCI_DEVICE(probe), &config, error);
}

static void
test_msix_overlap_is_refused(PciFixture *f, gconstpointer data)
{
    TnPciProbe *probe = pci_new_probe(f, DEVFN);
    g_autoptr(GError) error = NULL;

    probe->set_up = with_overlapping_msix;
    g_assert_false(tn_device_realize(TN_DEVICE(probe), &error));
    g_assert_cmpstr(error->message, ==,
                    "pci-probe: table & pba overlap: table 0x0+0x30, pba 0x28+0x8 in BAR 0");
    g_assert_null(tn_pci_bus_get_device(f->bus, DEVFN));
    tn_memory_region_done(&probe->regions[0]);
    g_object_unref(probe);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    PCI_TEST("/pci/capability/chain", test_capability_chain);
    PCI_TEST("/pci/capability/overlap-is-refused", test_capability_overlap_is_refused);
    PCI_TEST("/pci/capability/no-room-is-refused", test_capability_no_room_is_refused);
    PCI_TEST("/pci/intx/line-by-slot", test_intx_line_by_slot);
    PCI_TEST("/pci/intx/shared-line-is-ored", test_intx_shared_line_is_ored);
    PCI_TEST("/pci/intx/status-and-disable", test_intx_status_and_disable);
    PCI_TEST("/pci/intx/released-by-reset-and-unrealize",
             test_intx_released_by_reset_and_unrealize);
    PCI_TEST("/pci/intx/notify", test_intx_notify);
    PCI_TEST("/pci/msi/registers", test_msi_registers);
    PCI_TEST("/pci/msi/small-registers", test_msi_small_registers);
    PCI_TEST("/pci/msi/send", test_msi_send);
    PCI_TEST("/pci/msi/mask-and-pending", test_msi_mask_and_pending);
    PCI_TEST("/pci/msi/needs-bus-master", test_msi_needs_bus_master);
    PCI_TEST("/pci/msi/elsewhere-is-dropped", test_msi_elsewhere_is_dropped);
    PCI_TEST("/pci/msix/registers", test_msix_registers);
    PCI_TEST("/pci/msix/table-accesses", test_msix_table_accesses);
    PCI_TEST("/pci/msix/vector-life", test_msix_vector_life);
    PCI_TEST("/pci/msix/pending", test_msix_pending);
    PCI_TEST("/pci/msix/pending-by-others", test_msix_pending_by_others);
    PCI_TEST("/pci/msix/state", test_msix_state);
    PCI_TEST("/pci/msix/state-over-another", test_msix_state_over_other);
    PCI_TEST("/pci/msi/state", test_msi_state);
    PCI_TEST("/pci/msi/state-is-judged", test_msi_state_is_judged);
    PCI_TEST("/pci/msix/reset", test_msix_reset);
    PCI_TEST("/pci/msix/overlap-is-refused", test_msix_overlap_is_refused);
    return g_test_run();
}
