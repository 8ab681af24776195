/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of the host's PCI devices share. */
#ifndef TN_DRIVER_HOST_PCI_HOST_PRIVATE_H
#define TN_DRIVER_HOST_PCI_HOST_PRIVATE_H

#include "driver/host/pci-host.h"

struct TnPciHost {
    char *root;
    TnPciHostWrite write;
    gpointer user_data;
};

/* ROOT/sys/bus/pci/devices/ADDRESS/NAME. (transfer full) */
char *tn_pci_host_device_path(TnPciHost *host, const char *address, const char *name);

/* The content of a small file without white space at its end; NULL: it cannot be read. */
char *tn_pci_host_read(const char *path);

#endif
