/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From XML to a command line that nobody runs. */
#include "driver/core/native.h"

#include <string.h>

#include "driver/core/command-line.h"
#include "driver/core/driver-private.h"

#define FORMAT "qemu-argv"
#define MONITOR_FD 3

char *
tn_native_from_xml(TnDriver *driver, const char *format, const char *xml, GError **error)
{
    const TnXmlParseOptions options = { .flags = TN_XML_PARSE_INACTIVE,
                                        .host = &driver->xml_host };
    const TnCommandLineEnv env = { .program = driver->config.vmm_path, .monitor_fd = MONITOR_FD };
    g_autoptr(TnDomainDef) def = NULL;
    g_auto(GStrv) argv = NULL;
    g_autofree char *line = NULL;

    if (strcmp(format, FORMAT) != 0) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_INVALID_ARG, "unsupported config type %s", format);
        return NULL;
    }
    def = tn_domain_def_parse(xml, &options, error);
    if (!def) {
        return NULL;
    }
    tn_domain_def_assign_aliases(def);
    argv = tn_command_line_build(def, &env);
    line = tn_command_line_to_shell((const char *const *)argv);
    return g_strconcat(g_strchomp(line), "\n", NULL);
}
