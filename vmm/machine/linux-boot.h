/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Starting a kernel without firmware: a bzImage by the 64-bit boot protocol
 * (Documentation/x86/boot.rst) or an ELF image by PVH (docs/specs/boot.md).
 *
 * Files stay open and are read straight into guest memory at every load, so no
 * copy of them is kept and a reset finds them even when they were replaced.
 * Their contents are not trusted.
 * Threads: main thread.
 */
#pragma once

#include "vmm/accel/kvm.h"
#include "vmm/machine/e820.h"
#include "vmm/memory/address-space.h"

#define TN_BOOT_ERROR (tn_boot_error_quark())
GQuark tn_boot_error_quark(void);

typedef enum {
    TN_BOOT_ERROR_OPEN,    /* a file cannot be opened or read */
    TN_BOOT_ERROR_FORMAT,  /* not a kernel, or one that we cannot start */
    TN_BOOT_ERROR_TOO_BIG, /* kernel, initrd or command line do not fit */
} TnBootError;

/* What to start. Everything is copied but @space and the descriptor. */
typedef struct TnLinuxBootConfig {
    TnAddressSpace *space; /* the guest's memory; outlives the TnLinuxBoot */
    const TnE820Map *map;  /* as the kernel shall see it, ACPI tables included */
    const char *kernel;    /* path */
    int kept_fd;           /* the kernel, unpacked before (kernel-image.h), 0 for none: taken over,
                            * even on failure. Not used unless it was made from the very file */
    bool ram_is_zero;      /* all of RAM, until the first load */
    const char *initrd;    /* path, NULL for none */
    const char *cmdline;   /* NULL is "" */
    uint64_t rsdp;         /* guest address of ACPI's RSDP, 0 for none */
} TnLinuxBootConfig;

typedef struct TnLinuxBoot TnLinuxBoot;

/* Where the kernel's code is read from. */
typedef enum {
    TN_KERNEL_SOURCE_FILE,     /* as it is: what is packed in it the guest unpacks */
    TN_KERNEL_SOURCE_UNPACKED, /* unpacked by this process */
    TN_KERNEL_SOURCE_KEPT,     /* unpacked before: TnLinuxBootConfig's kept_fd */
} TnKernelSource;

/* Guest memory that the loader uses for itself, all of it below 640 KiB. */
#define TN_BOOT_AREA_FIRST 0x6000u
#define TN_BOOT_AREA_LAST 0x2ffffu

/**
 * tn_linux_boot_new:
 * Opens the files, checks them and decides where everything goes; guest memory is
 * not touched.
 * Returns: NULL with @error set (domain TN_BOOT_ERROR).
 */
TnLinuxBoot *tn_linux_boot_new(const TnLinuxBootConfig *config, GError **error);
void tn_linux_boot_free(TnLinuxBoot *boot);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TnLinuxBoot, tn_linux_boot_free)

/* Whether the image is of a kind that counts on what a PC's firmware leaves behind. */
bool tn_linux_boot_wants_bios_state(const TnLinuxBoot *boot);

/* Writes kernel, initrd, command line and boot structures into guest memory; at start
 * and at every reset, before the vCPUs run. @ret_start: the boot CPU's. */
gboolean tn_linux_boot_load(TnLinuxBoot *boot, TnVcpuStart *ret_start, GError **error);

/* Main thread. */
TnKernelSource tn_linux_boot_get_source(const TnLinuxBoot *boot);
