/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A host's sysfs made of files, and a kernel that does what is written to them. */
#ifndef TN_TEST_DRIVER_FAKE_PCI_H
#define TN_TEST_DRIVER_FAKE_PCI_H

#include "driver/host/pci-host.h"

/**
 * FakePci:
 * @dead_driver: a driver whose probe takes nothing.
 * @fail: part of a path whose next write fails with EIO; NULL: none.
 * @n_writes: writes so far, atomic.
 */
typedef struct FakePci {
    char *root;
    TnPciHost *host;
    const char *dead_driver;
    const char *fail;
    gint n_writes;
} FakePci;

void fake_pci_init(FakePci *pci);
void fake_pci_clear(FakePci *pci);

/* A device with a driver of its own, @driver (NULL: none), in IOMMU group @group (-1: none). */
void fake_pci_add(FakePci *pci, const char *address, const char *class_code, const char *driver,
                  int group);

/* A block device of @address, @name ("nvme0n1", or "nvme0n1/nvme0n1p1") with number @number. */
void fake_pci_add_disk(FakePci *pci, const char *address, const char *name, const char *number);

/* Writes a file below the root. */
void fake_pci_put(FakePci *pci, const char *path, const char *text);

/* What has the device: "nvme", or "-" for nothing; and the override: "nvme vfio-pci". */
void fake_pci_assert(FakePci *pci, const char *address, const char *driver, const char *override);

#endif
