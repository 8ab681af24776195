/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* `<memtune>`: limits of the guest's memory on the host. */
#include "xml/domain-private.h"
#include "xml/units.h"

void
tn_memtune_init(TnMemtune *self)
{
    *self = (TnMemtune){ .hard_limit_kib = TN_MEMTUNE_UNLIMITED,
                         .soft_limit_kib = TN_MEMTUNE_UNLIMITED,
                         .swap_hard_limit_kib = TN_MEMTUNE_UNLIMITED };
}

static gboolean
parse_limit(xmlNodePtr memtune, const char *name, guint64 *ret_kib, GError **error)
{
    g_autofree char *place = g_strdup_printf("memtune/%s[1]", name);
    guint64 kib = TN_MEMTUNE_UNLIMITED;

    if (!tn_xml_child_kib_at(memtune, name, place, &kib, error)) {
        return FALSE;
    }
    *ret_kib = MIN(kib, TN_MEMTUNE_UNLIMITED);
    return TRUE;
}

gboolean
tn_memtune_parse(TnMemtune *self, xmlNodePtr domain, GError **error)
{
    xmlNodePtr memtune = tn_xml_child(domain, "memtune");
    guint64 min_guarantee = TN_MEMTUNE_UNLIMITED;

    if (memtune == NULL) {
        return TRUE;
    }
    if (!parse_limit(memtune, "hard_limit", &self->hard_limit_kib, error) ||
        !parse_limit(memtune, "soft_limit", &self->soft_limit_kib, error) ||
        !parse_limit(memtune, "swap_hard_limit", &self->swap_hard_limit_kib, error) ||
        !parse_limit(memtune, "min_guarantee", &min_guarantee, error)) {
        return FALSE;
    }
    if (min_guarantee != 0 && tn_memtune_is_set(min_guarantee)) {
        tn_xml_error_set(error, TN_XML_ERROR_CONFIG_UNSUPPORTED,
                         "Parameter 'min_guarantee' not supported by QEMU.");
        return FALSE;
    }
    return TRUE;
}

static void
put_limit(TnXmlWriter *writer, const char *name, guint64 kib)
{
    if (tn_memtune_is_set(kib)) {
        tn_xml_put_kib(writer, name, kib);
    }
}

void
tn_memtune_format(const TnMemtune *self, TnXmlWriter *writer)
{
    tn_xml_start(writer, "memtune");
    put_limit(writer, "hard_limit", self->hard_limit_kib);
    put_limit(writer, "soft_limit", self->soft_limit_kib);
    put_limit(writer, "swap_hard_limit", self->swap_hard_limit_kib);
    tn_xml_end_unless_empty(writer);
}
