/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Function addresses as text. */
#include "vmm/pci/devfn.h"

#include "vmm/pci/device.h"

#define TN_PCI_MAX_SLOT 0x1f
#define TN_PCI_MAX_FUNCTION 7

/* Hexadecimal digits with an optional 0x; FALSE when there are none or too much. */
static gboolean
parse_hex(const char *text, char **ret_end, guint64 max, guint64 *ret)
{
    if (!g_ascii_isxdigit(*text)) {
        return FALSE;
    }
    *ret = g_ascii_strtoull(text, ret_end, 16);
    return *ret <= max;
}

gboolean
tn_pci_devfn_parse(const char *text, int *ret_devfn)
{
    guint64 slot, function = 0;
    char *end;

    if (!parse_hex(text, &end, TN_PCI_MAX_SLOT, &slot) ||
        (*end == '.' && !parse_hex(end + 1, &end, TN_PCI_MAX_FUNCTION, &function)) || *end) {
        return FALSE;
    }
    *ret_devfn = TN_PCI_DEVFN((int)slot, (int)function);
    return TRUE;
}

char *
tn_pci_devfn_print(int devfn)
{
    if (devfn == TN_PCI_DEVFN_AUTO) {
        return g_strdup("<unset>");
    }
    return g_strdup_printf("%02x.%x", (unsigned)TN_PCI_SLOT(devfn),
                           (unsigned)TN_PCI_FUNCTION(devfn));
}
