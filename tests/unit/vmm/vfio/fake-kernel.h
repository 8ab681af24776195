/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A kernel with one IOMMU group (7) and one device in it, 0000:00:06.0, for tests of
 * vmm/vfio: BAR 0 of 64 KiB that can be mapped, with an MSI-X table of four vectors at
 * 0x2000 and pending bits at 0x3000; BAR 1 of 32 I/O ports; MSI with two vectors; INTx. If asked
 * for, another function of its slot, 0000:00:06.1, with the same bytes, and a ROM.
 * A field each says what shall go wrong. And a KVM that only counts.
 */
#pragma once

#include "tests/lib/test-platform.h"
#include "vmm/core/fast-path.h"
#include "vmm/pci/bus.h"
#include "vmm/vfio/host.h"
#include "vmm/vfio/pci.h"

#include <linux/vfio.h>

#define FAKE_GROUP 7
#define FAKE_DEVICE "0000:00:06.0"
#define FAKE_OTHER "0000:00:06.1"
#define FAKE_MAX_VECTORS 8
#define FAKE_ROM_SIZE 3000
#define FAKE_BAR_SIZE 0x10000
#define FAKE_TABLE 0x2000
#define FAKE_PBA 0x3000

typedef struct FakeKernel {
    /* What goes wrong. */
    int api_version;
    gboolean no_type1_v2, not_viable, no_group_link, set_container_fails;
    int map_fails_at; /* the n-th map from now on, 0: none */
    int map_errno;
    gboolean device_busy, reset_fails, set_irqs_fails, mmap_fails;
    gboolean no_irqfd, no_msi_route;
    /* What the device is; set before it is plugged. */
    guint8 config[256];
    guint64 region_size[VFIO_PCI_NUM_REGIONS];
    guint64 sparse_offset, sparse_size; /* of BAR 0; size 0: all of it can be mapped */
    guint32 sparse_count;               /* areas as the answer says */
    gboolean msix_mappable, can_reset, has_other;
    guint8 rom[FAKE_ROM_SIZE]; /* read if its region has a size */

    /* What was done. */
    unsigned open_fds, maps, mmaps, resets, hot_resets;
    guint64 mapped_bytes;
    guint8 *bar; /* FAKE_BAR_SIZE bytes: the device's memory */
    guint8 ports[32];
    gboolean in_container;
    gint32 vectors[FAKE_MAX_VECTORS]; /* descriptors that MSI or MSI-X signal */
    unsigned n_vectors;
    guint32 vector_index;
    gint32 intx_fd, unmask_fd, error_fd, request_fd;
    unsigned intx_masked;
    /* KVM's side. */
    unsigned irqfds, routes, kvm_groups;
} FakeKernel;

typedef struct Fixture {
    TnTestPlatform *p;
    FakeKernel kernel;
    TnFastPath fast_path;
    TnPciBus *bus;
    TnVfioPci *device;
    TnMemoryRegion ram;
    guint8 *ram_bytes;
} Fixture;

/* A platform with 2 MiB of RAM, the kernel above, and a "vfio-pci" in slot 6, not realized. */
void fixture_set_up(Fixture *f, gconstpointer data);
void fixture_tear_down(Fixture *f, gconstpointer data);

/* object-add vfio-group, as the daemon does it; FALSE with @error. @ret_group: below "objects",
 * (transfer none). */
gboolean fixture_add_group(Fixture *f, TnObject **ret_group, GError **error);
/* Realizes the device, which must do. */
void fixture_plug(Fixture *f);
/* Realizes it, which must fail with words that contain @text, and leave nothing behind. */
void fixture_assert_refused(Fixture *f, const char *text);
/* Nothing is open, mapped or known to KVM. */
void fixture_assert_clean(Fixture *f);

/* The guest's accesses to configuration space. */
guint32 guest_config_read(Fixture *f, unsigned offset, unsigned size);
void guest_config_write(Fixture *f, unsigned offset, guint32 value, unsigned size);
