/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The text monitor's commands, for the files that hold them. */
#pragma once

#include "vmm/monitor/monitor-private.h"

/* One command line being run. */
typedef struct TnHmpCall {
    TnMonitorHub *hub;
    unsigned cpu;  /* of human-monitor-command's cpu-index */
    char flag;     /* the option given ("-a" -> 'a'), 0 for none */
    const char *arg; /* what else was given, NULL for nothing */
    GString *out;
} TnHmpCall;

typedef struct TnHmpCommand {
    const char *name;  /* with a short form: "quit|q" */
    const char *flags; /* letters of options it takes, one of them at most at a time */
    gboolean takes_arg;
    const char *usage; /* of its arguments, for help */
    const char *help;
    void (*run)(TnHmpCall *call);
} TnHmpCommand;

/* "info X": terminated by a NULL name, sorted. */
extern const TnHmpCommand tn_hmp_info_commands[];

/* "info pci", in cmd-pci.c. */
void tn_hmp_info_pci(TnHmpCall *call);
/* "info qtree", in hmp-qtree.c. */
void tn_hmp_info_qtree(TnHmpCall *call);
