/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The inside of "vfio-pci", a PCI function of the host in the guest's hands, for the files
 * of this folder. docs/specs/vfio.md.
 *
 * Locks: the bus's config lock, then the device's msix lock (of vmm/pci), then irq_lock, then
 * the bus's irq lock or the topology lock. irq_lock is never held while the guest is sent an MSI.
 */
#pragma once

#include "vmm/core/fast-path.h"
#include "vmm/memory/region.h"
#include "vmm/pci/bar.h"
#include "vmm/pci/device.h"
#include "vmm/vfio/device.h"
#include "vmm/vfio/pci.h"

#include <glib-unix.h>

G_BEGIN_DECLS

typedef struct TnVfioQuirk TnVfioQuirk; /* quirks.h */

/* A part of a BAR that the guest reaches without us. */
typedef struct TnVfioBarMap {
    TnMemoryRegion region;
    void *host;
    gsize size;
} TnVfioBarMap;

/*
 * One BAR, from the bottom up: all of it trapped, parts mapped, and over these, each with
 * its priority, the MSI-X table and quirks.
 */
typedef struct TnVfioBar {
    TnVfioPci *owner;
    TnVfioRegion vfio; /* size 0: the function has no such BAR */
    unsigned kind;     /* TnPciBarKind */
    TnMemoryRegion container;
    TnMemoryRegion trap;
    TnVfioBarMap *maps; /* n_maps */
    unsigned n_maps;
} TnVfioBar;

/* What the capabilities say about message interrupts; vectors 0: none of that kind. */
typedef struct TnVfioMsiCaps {
    guint8 msi_offset, msix_offset;
    unsigned msi_vectors, msix_vectors;
    gboolean msi_64bit, msi_maskable;
    guint8 table_bar, pba_bar;
    guint32 table_offset, pba_offset;
} TnVfioMsiCaps;

typedef struct TnVfioRom {
    TnMemoryRegion region;
    TnVfioRegion vfio;
    gint loaded; /* atomic */
    guint8 *data;
    gsize size;  /* a power of two; 0: no ROM */
} TnVfioRom;

/* INTx. Everything under irq_lock. */
typedef struct TnVfioIntx {
    gboolean enabled;  /* VFIO signals @fd */
    int fd, resample_fd;
    int gsi;           /* that KVM raises, with in_kvm */
    gboolean in_kvm;
    gboolean pending;  /* raised by us; VFIO keeps it masked until the guest is through */
    GSource *watch;    /* of @fd, without in_kvm */
    GSource *timer;    /* until the BARs are mapped again */
} TnVfioIntx;

/* One MSI or MSI-X vector. Under irq_lock. */
typedef struct TnVfioVector {
    int fd;
    int gsi;          /* KVM's route for its message, -1: none */
    gboolean in_kvm;  /* KVM delivers @fd */
    GSource *watch;   /* else we do, or note that it is pending */
} TnVfioVector;

/* Those of one kind, while the guest has it enabled. Under irq_lock. */
typedef struct TnVfioVectors {
    guint32 index;         /* VFIO_PCI_MSI_IRQ_INDEX, _MSIX_; 0: neither is enabled */
    TnVfioVector *vectors; /* n_vectors: all that there can be */
    unsigned n_vectors;
    unsigned n_set;        /* that VFIO was told of */
} TnVfioVectors;

/* An eventfd that the main loop watches. */
typedef struct TnVfioNotifier {
    int fd;
    GSource *watch;
} TnVfioNotifier;

struct _TnVfioPci {
    TnPciDevice parent_instance;

    /* Properties; constant while realized. */
    char *host, *sysfsdev, *romfile;
    gboolean no_mmap, no_kvm_intx, no_kvm_msi, no_kvm_msix, req;
    guint intx_mmap_timeout_ms;
    gint bootindex; /* -1: none */
    guint vendor_id, device_id, sub_vendor_id, sub_device_id;

    TnVfioDevice vfio;
    TnVfioRegion config;
    /* Bits of configuration space that the device itself answers; constant. */
    guint8 hardware[TN_PCI_CONFIG_SIZE];
    guint8 pm_offset; /* of the power management capability, 0: none */
    gboolean has_flr, has_pm_reset; /* what VFIO_DEVICE_RESET may be */
    TnVfioMsiCaps caps;
    gboolean has_msi, has_msix;
    TnVfioBar bars[TN_PCI_NUM_BARS];
    TnVfioRom rom;
    GPtrArray *overlays; /* TnVfioOverlay * */
    TnAddressSpace *table_space; /* the BAR that holds the MSI-X table, for overlays; or NULL */
    TnVfioNotifier error_notifier, request_notifier;
    gboolean has_intx;
    /* Atomic, since a reset with others and until the guest touches the function: it is down, so
     * its bus may be reset; and it needs that, having had no reset of its own. */
    gint is_down, needs_bus_reset;

    GMutex irq_lock;
    /* irq_lock protects these. */
    TnVfioIntx intx;
    TnVfioVectors vectors;
    gboolean hidden_for_intx, hidden_for_power; /* why the BARs' maps are taken away */
};

#define TN_VFIO_ID_ANY G_MAXUINT32

/* Power management's control register, from its capability on (PCI PM 1.2, 3.2.4). */
#define TN_VFIO_PM_CONTROL 4
#define TN_VFIO_PM_STATE 0x3

/* pci-config.c */
/* Reads the header and walks the capabilities; fills config, hardware and caps. */
gboolean tn_vfio_config_setup(TnVfioPci *self, GError **error);
/* Links the capabilities that are shown, after MSI and MSI-X have made theirs. */
void tn_vfio_config_link(TnVfioPci *self);
guint32 tn_vfio_config_read(TnPciDevice *device, unsigned offset, unsigned size);
void tn_vfio_config_write(TnPciDevice *device, unsigned offset, guint32 value, unsigned size);
/* Of the device itself, past what is emulated. */
gboolean tn_vfio_config_read_device(TnVfioPci *self, unsigned offset, unsigned size,
                                    guint32 *ret_value);
gboolean tn_vfio_config_write_device(TnVfioPci *self, unsigned offset, unsigned size,
                                     guint32 value);

/* bars.c */
/* Regions and maps, not registered yet. */
gboolean tn_vfio_bars_setup(TnVfioPci *self, GError **error);
void tn_vfio_bars_register(TnVfioPci *self);
/* After they left the bus. Waits until no access is inside. */
void tn_vfio_bars_done(TnVfioPci *self);
/* Shows or hides the maps as the hidden_ fields say. irq_lock held. */
void tn_vfio_bars_update_maps_locked(TnVfioPci *self);
/* One access to the device's BAR @bar, past all overlays. All ones when it fails. */
guint64 tn_vfio_bar_read(TnVfioPci *self, unsigned bar, guint64 offset, unsigned size);
void tn_vfio_bar_write(TnVfioPci *self, unsigned bar, guint64 offset, guint64 value,
                       unsigned size);

/* rom.c */
gboolean tn_vfio_rom_setup(TnVfioPci *self, GError **error);
void tn_vfio_rom_done(TnVfioPci *self);

/* intx.c */
/* Takes INTx from VFIO, by KVM where that can; a no-op when it is so already. */
void tn_vfio_intx_enable(TnVfioPci *self);
void tn_vfio_intx_disable(TnVfioPci *self);
/* The pin leads elsewhere. TnPciIntxNotify. */
void tn_vfio_intx_route_changed(TnPciDevice *device);
/* The guest touched the device, and may have quieted it. Any thread. */
void tn_vfio_intx_eoi(TnVfioPci *self);

/* vectors.c */
/* Before the guest's write that enables them; @index: VFIO_PCI_MSI_IRQ_INDEX or _MSIX_. */
void tn_vfio_vectors_begin(TnVfioPci *self, guint32 index, unsigned n_vectors);
/* All @n vectors of MSI, which VFIO takes in one go. */
void tn_vfio_vectors_set_all(TnVfioPci *self);
/* MSI-X is enabled, whether or not a vector is used. */
void tn_vfio_vectors_set_some(TnVfioPci *self);
void tn_vfio_vector_use(TnVfioPci *self, unsigned n, const TnMsiMessage *message);
void tn_vfio_vector_release(TnVfioPci *self, unsigned n);
/* A no-op when neither kind is enabled. */
void tn_vfio_vectors_end(TnVfioPci *self);

/* notifiers.c */
void tn_vfio_notifiers_setup(TnVfioPci *self);
void tn_vfio_notifiers_done(TnVfioPci *self);
/* A source on the main loop: @func when @fd is readable; holds @self. (transfer full) */
GSource *tn_vfio_watch(TnVfioPci *self, int fd, GUnixFDSourceFunc func, gpointer data);
/* Destroys *@source and makes it NULL; NULL is fine. Any thread. */
void tn_vfio_unwatch(GSource **source);
/* An eventfd; -1 with errno. */
int tn_vfio_eventfd(void);
/* Takes what an eventfd counted; whether there was anything. */
gboolean tn_vfio_eventfd_take(int fd);

/* reset.c */
/* Stops DMA and brings the function to its power-on state, by whatever means there is.
 * @with_others: the bus's other functions that are in use may be reset along if they await it. */
void tn_vfio_reset(TnVfioPci *self, gboolean with_others);
/* The guest uses it: a reset that is still to come for others no longer is for this. */
void tn_vfio_reset_is_over(TnVfioPci *self);

G_END_DECLS
