/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From a procedure's name to that of the API function behind it. */
#include <string.h>

#include "driver/rpc/proc-table.h"

/* Words that API names do not write as Capital-and-lower-case. */
static const struct {
    const char *word;
    const char *written;
} special_words[] = {
    { "CPU", "CPU" },   { "FD", "FD" },         { "FS", "FS" },     { "ID", "ID" },
    { "IO", "IO" },     { "OS", "OS" },         { "PM", "PM" },     { "UUID", "UUID" },
    { "XML", "XML" },   { "URI", "URI" },       { "NMI", "NMI" },   { "SCSI", "SCSI" },
    { "DHCP", "DHCP" }, { "MAC", "MAC" },       { "SEV", "SEV" },   { "NWFILTER", "NWFilter" },
    { "NWFILTERS", "NWFilters" },
    { "SSH", "SSH" },   { "FSFREEZE", "FSFreeze" }, { "FSTHAW", "FSThaw" }, { "FSTRIM", "FSTrim" },
    { "FSINFO", "FSInfo" }, { "IOTHREAD", "IOThread" }, { "DETTACH", "Dettach" },
};

static void
append_word(GString *name, const char *word)
{
    g_autofree char *lower = NULL;

    for (gsize i = 0; i < G_N_ELEMENTS(special_words); i++) {
        if (strcmp(special_words[i].word, word) == 0) {
            g_string_append(name, special_words[i].written);
            return;
        }
    }
    lower = g_ascii_strdown(word, -1);
    lower[0] = g_ascii_toupper(lower[0]);
    g_string_append(name, lower);
}

char *
tn_rpc_proc_api_name(const TnRpcProc *proc)
{
    g_auto(GStrv) words = g_strsplit(proc->name, "_", -1);
    GString *name = g_string_new("vir");

    for (char **word = words; *word != NULL; word++) {
        append_word(name, *word);
    }
    return g_string_free(name, FALSE);
}
