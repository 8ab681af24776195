/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* `<seclabel>`: kept as it is; Tenon labels nothing by itself. */
#include "xml/domain-private.h"

/* A definition has one label a security model; there are three models. */
#define MAX_SECLABELS 8

static void
clear_seclabel(gpointer item)
{
    TnSeclabel *label = item;

    g_free(label->model);
    g_free(label->label);
    g_free(label->baselabel);
    g_free(label->imagelabel);
}

GArray *
tn_seclabels_new(void)
{
    GArray *self = g_array_new(FALSE, TRUE, sizeof(TnSeclabel));

    g_array_set_clear_func(self, clear_seclabel);
    return self;
}

GArray *
tn_seclabels_copy(const GArray *from)
{
    GArray *self = tn_seclabels_new();

    for (guint i = 0; i < from->len; i++) {
        TnSeclabel label = g_array_index(from, TnSeclabel, i);

        label.model = g_strdup(label.model);
        label.label = g_strdup(label.label);
        label.baselabel = g_strdup(label.baselabel);
        label.imagelabel = g_strdup(label.imagelabel);
        g_array_append_val(self, label);
    }
    return self;
}

static gboolean
parse_one(GArray *self, xmlNodePtr node, TnXmlParseFlags flags, GError **error)
{
    TnSeclabel label = { .type = TN_SECLABEL_DYNAMIC };
    int type = TN_SECLABEL_DYNAMIC;

    if (!tn_xml_attr_enum(node, "type", &tn_seclabel_type_table, TN_XML_ATTR_OPTIONAL, &type,
                          error) ||
        !tn_xml_attr_tristate(node, "relabel", &tn_tristate_yes_no_table, &label.relabel, error)) {
        return FALSE;
    }
    if (self->len == MAX_SECLABELS) {
        tn_xml_error_set(error, TN_XML_ERROR_XML, "more than %d security labels", MAX_SECLABELS);
        return FALSE;
    }
    label.type = (TnSeclabelType) type;
    label.model = tn_xml_attr(node, "model");
    if (label.model == NULL && label.type == TN_SECLABEL_NONE) {
        label.model = g_strdup("none");
    }
    label.label = tn_xml_child_text(node, "label");
    label.imagelabel = tn_xml_child_text(node, "imagelabel");
    label.baselabel = tn_xml_child_text(node, "baselabel");
    if ((flags & TN_XML_PARSE_INACTIVE) != 0) {
        g_clear_pointer(&label.label, g_free);
        g_clear_pointer(&label.imagelabel, g_free);
    }
    g_array_append_val(self, label);
    return TRUE;
}

gboolean
tn_seclabels_parse(GArray *self, xmlNodePtr domain, TnXmlParseFlags flags, GError **error)
{
    for (xmlNodePtr node = tn_xml_child(domain, "seclabel"); node != NULL;
         node = tn_xml_child_next(node)) {
        if (!parse_one(self, node, flags, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

void
tn_seclabels_format(const GArray *self, TnXmlWriter *writer, TnXmlFormatFlags flags)
{
    for (guint i = 0; i < self->len; i++) {
        const TnSeclabel *label = &g_array_index(self, TnSeclabel, i);

        tn_xml_start(writer, "seclabel");
        tn_xml_put_attr(writer, "type",
                        tn_enum_to_string(&tn_seclabel_type_table, (int) label->type));
        tn_xml_put_attr(writer, "model", label->model);
        tn_xml_put_attr(writer, "relabel",
                        tn_enum_to_string(&tn_tristate_yes_no_table, (int) label->relabel));
        if ((flags & TN_XML_FORMAT_INACTIVE) == 0) {
            tn_xml_put_element(writer, "label", label->label);
            tn_xml_put_element(writer, "imagelabel", label->imagelabel);
        }
        tn_xml_put_element(writer, "baselabel", label->baselabel);
        tn_xml_end(writer);
    }
}
