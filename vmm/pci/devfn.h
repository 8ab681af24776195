/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Function addresses as users write them: "5", "0x5", "05.1" (numbers are hexadecimal). */
#pragma once

#include <glib.h>

/* FALSE, and @ret_devfn untouched, where @text is no slot 0..1f with an optional
 * function 0..7. */
gboolean tn_pci_devfn_parse(const char *text, int *ret_devfn);

/* (transfer full): "05.1"; "<unset>" for TN_PCI_DEVFN_AUTO. */
char *tn_pci_devfn_print(int devfn);
