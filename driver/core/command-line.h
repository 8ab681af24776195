/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From a domain definition to the monitor's command line. Pure. */
#ifndef TN_DRIVER_CORE_COMMAND_LINE_H
#define TN_DRIVER_CORE_COMMAND_LINE_H

#include "driver/core/hostdev-args.h"

G_BEGIN_DECLS

/**
 * TnCommandLineEnv:
 * @program: argv[0]
 * @monitor_fd: number of the listening monitor socket in the child
 * @groups, @n_groups: IOMMU groups of the host devices, with the numbers that their descriptors
 *   have in the child
 * @kernel_fd: number in the child of the kernel as it was unpacked before; 0: none
 */
typedef struct TnCommandLineEnv {
    const char *program;
    int monitor_fd;
    const TnHostdevGroup *groups;
    guint n_groups;
    int kernel_fd;
} TnCommandLineEnv;

/**
 * tn_command_line_build:
 * @def: completed and validated, every device with its alias.
 * Returns: (transfer full): argv, NULL-terminated.
 */
GStrv tn_command_line_build(const TnDomainDef *def, const TnCommandLineEnv *env);

/* @argv as one line of shell for the guest's log. (transfer full) */
char *tn_command_line_to_shell(const char *const *argv);

G_END_DECLS

#endif
