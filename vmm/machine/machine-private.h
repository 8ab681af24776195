/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The machine's inside, for the files of vmm/machine alone. Main thread. */
#pragma once

#include "vmm/machine/machine.h"

G_BEGIN_DECLS

typedef struct TnPcBoard TnPcBoard; /* pc.c */

struct _TnMachine {
    TnObject parent_instance;

    TnMachineConfig *config;
    TnPlatform platform;
    TnObject *root;
    TnObject *objects;         /* "/objects" */
    TnObject *chardevs;        /* "/chardevs" */
    TnObject *peripheral;      /* "/machine/peripheral": devices with an id */
    TnObject *peripheral_anon; /* "/machine/peripheral-anon": those without */
    TnObject *unattached;      /* "/machine/unattached": what the board made itself */
    TnMemoryRegion *system_memory, *system_io;
    TnMachineQuitFunc quit;
    void *quit_opaque;

    GPtrArray *cold_devices; /* of ColdDevice: -device, until realize */
    TnPcBoard *board;        /* NULL before realize */
    gboolean started;        /* the board is complete: devices come by hot plug now */
};

/* The board: made once, torn down once. tn_pc_board_new() leaves nothing behind on failure. */
TnPcBoard *tn_pc_board_new(TnMachine *machine, GError **error);
/* After the user's cold-plugged devices: ACPI, kernel, vCPUs. */
gboolean tn_pc_board_finish(TnPcBoard *board, GError **error);
/* Whether the kernel's code is read from its "file" as it is, was "unpacked" here, or was "kept"
 * from an earlier start; NULL without a kernel. */
const char *tn_pc_board_get_kernel_source(const TnPcBoard *board);
/* Ends the vCPUs and takes DIMMs out; everything else stays until free. */
void tn_pc_board_stop(TnPcBoard *board);
void tn_pc_board_free(TnPcBoard *board);

/* What the run state asks of the board. */
void tn_pc_board_pause_vcpus(TnPcBoard *board);
void tn_pc_board_resume_vcpus(TnPcBoard *board);
void tn_pc_board_reset(TnPcBoard *board);
void tn_pc_board_powerdown(TnPcBoard *board);
void tn_pc_board_hold_vcpu(void); /* any thread */
void tn_pc_board_suspend(TnPcBoard *board);
gboolean tn_pc_board_wake(TnPcBoard *board, TnWakeupReason reason);

G_END_DECLS
