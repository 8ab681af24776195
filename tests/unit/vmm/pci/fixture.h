/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A host with one function at 02.0 whose capabilities and BARs a test chooses, accesses
 * as a guest makes them, and recorders where interrupts end.
 */
#pragma once

#include "tests/lib/test-platform.h"
#include "vmm/core/fast-path.h"
#include "vmm/pci/bar.h"
#include "vmm/pci/bus.h"
#include "vmm/pci/host.h"
#include "vmm/pci/intx.h"

#define RAM_SIZE 0x200000

typedef struct TnPciProbe {
    TnPciDevice parent_instance;
    /* Set before realize; FALSE refuses. May be NULL. */
    gboolean (*set_up)(struct TnPciProbe *self, GError **error);
    void (*take_down)(struct TnPciProbe *self);
    TnMemoryRegion regions[TN_PCI_NUM_REGIONS];
    guint8 regions_tag[TN_PCI_NUM_REGIONS]; /* a read of region n gives tag n */
    GString *log;
} TnPciProbe;

typedef struct PciFixture {
    TnTestPlatform *p;
    TnPciHost *host;
    TnPciBus *bus;
    void *ram;
    TnMemoryRegion ram_region;
    TnFastPath fast_path;
    GArray *messages; /* of TnMsiMessage, as sent */
    int levels[TN_PCI_NUM_LINES];
    unsigned changes[TN_PCI_NUM_LINES];
    int gsis[TN_PCI_NUM_LINES];
} PciFixture;

void pci_set_up(PciFixture *f, gconstpointer data);
void pci_tear_down(PciFixture *f, gconstpointer data);

/* Not realized, at @devfn. */
TnPciProbe *pci_new_probe(PciFixture *f, int devfn);
/* Realized, with @set_up. */
TnPciProbe *pci_add_probe(PciFixture *f, int devfn, gboolean (*set_up)(TnPciProbe *, GError **));

/* In a set_up: registers region @n of @size and @kind, MMIO that reads as 0xa0 + n. */
void pci_add_bar(TnPciProbe *probe, int n, unsigned kind, guint64 size);

guint32 pci_read(PciFixture *f, TnPciProbe *probe, unsigned offset, unsigned size);
void pci_write(PciFixture *f, TnPciProbe *probe, unsigned offset, guint32 value, unsigned size);

/* One access to guest memory. */
guint64 pci_mem_read(PciFixture *f, guint64 addr, unsigned size);
TnMemResult pci_mem_write(PciFixture *f, guint64 addr, guint64 value, unsigned size);

#define PCI_TEST(path, func)                                                                   \
    g_test_add(path, PciFixture, NULL, pci_set_up, func, pci_tear_down)
