/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The command line: QEMU's names and syntax for what Tenon has. Parsing decides
 * nothing about the host: it fills plain data that main carries out.
 */
#pragma once

#include "vmm/machine/machine.h"

G_BEGIN_DECLS

/** TnAddFd: one -add-fd. */
typedef struct TnAddFd {
    gint64 fd;
    gint64 set;       /* not negative */
    char *opaque;     /* owned; NULL: none */
    const char *text; /* borrowed: the option's text, for messages */
} TnAddFd;

typedef struct TnOptions {
    TnMachineConfig *config; /* owned until main steals it */
    GPtrArray *objects;      /* of json_object: -object, in order */
    GPtrArray *devices;      /* of json_object: -device */
    GPtrArray *chardevs;     /* of text: -chardev */
    GPtrArray *serials;      /* of text: -serial */
    GPtrArray *monitors;     /* of json_object: -mon ("chardev", "mode", "pretty") */
    GPtrArray *qmps;         /* of text: -qmp */
    GArray *add_fds;         /* of TnAddFd: -add-fd */
    char *pidfile, *log_file;
    gboolean daemonize, nodefaults, nographic;
    gboolean help, version;   /* print and exit */
    gboolean unpack_kernel;   /* -x-unpack-kernel: that, and exit */
    char *device_help;        /* "-device help" ("") or "-device X,help" ("X") */
    char *object_help;
} TnOptions;

/* How the values of an -object or -device are typed: text unless it was JSON. */
TnPropertyInput tn_options_input(json_object *spec);

/**
 * tn_options_parse:
 * @argc, @argv: as main got them.
 * @error: one sentence that names the option and what is wrong with it.
 * Returns: (transfer full): free with tn_options_free().
 */
TnOptions *tn_options_parse(int argc, char *const *argv, GError **error);
void tn_options_free(TnOptions *options);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TnOptions, tn_options_free)

/* The text of -help, from the table of options. (transfer full) */
char *tn_options_help(void);

/*
 * The options that shape the machine (options-machine.c); each takes the
 * option's text into @config. For options.c and its tests.
 */
gboolean tn_options_take_machine(TnMachineConfig *config, const char *text, GError **error);
gboolean tn_options_take_accel(TnMachineConfig *config, const char *text, GError **error);
gboolean tn_options_take_cpu(TnMachineConfig *config, const char *text, GError **error);
gboolean tn_options_take_smp(TnMachineConfig *config, const char *text, GError **error);
gboolean tn_options_take_overcommit(TnMachineConfig *config, const char *text, GError **error);
gboolean tn_options_take_memory(TnMachineConfig *config, const char *text, GError **error);
gboolean tn_options_take_numa(TnMachineConfig *config, const char *text, GError **error);
gboolean tn_options_take_name(TnMachineConfig *config, const char *text, GError **error);
gboolean tn_options_take_rtc(TnMachineConfig *config, const char *text, GError **error);
gboolean tn_options_take_uuid(TnMachineConfig *config, const char *text, GError **error);
/* options-extra.c, likewise. */
gboolean tn_options_take_fw_cfg(TnMachineConfig *config, const char *text, GError **error);
gboolean tn_options_take_global(TnMachineConfig *config, const char *text, GError **error);
/* options-numa.c: "-numa dist" without its first word; what is told is completed at the end. */
gboolean tn_options_take_numa_distance(TnMachineConfig *config, json_object *terms,
                                       GError **error);
gboolean tn_options_complete_numa_distances(TnMachineConfig *config, GError **error);
/* One -add-fd; what the number stands for is not looked at. (options-extra.c) */
gboolean tn_options_parse_add_fd(const char *text, TnAddFd *ret_add, GError **error);
/* Fills what was left open and judges the whole: CPUs in nodes, sizes, windows. */
gboolean tn_options_complete(TnMachineConfig *config, GError **error);

G_END_DECLS
