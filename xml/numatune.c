/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* `<numatune>`: which host nodes guest memory comes from. */
#include "xml/domain-private.h"

static void
clear_memnode(gpointer item)
{
    tn_bitmap_free(((TnMemnode *) item)->nodeset);
}

void
tn_numatune_init(TnNumatune *self)
{
    self->memnodes = g_array_new(FALSE, TRUE, sizeof(TnMemnode));
    g_array_set_clear_func(self->memnodes, clear_memnode);
}

void
tn_numatune_clear(TnNumatune *self)
{
    g_clear_pointer(&self->nodeset, tn_bitmap_free);
    g_clear_pointer(&self->memnodes, g_array_unref);
}

void
tn_numatune_copy(TnNumatune *self, const TnNumatune *from)
{
    *self = *from;
    self->nodeset = tn_bitmap_copy(from->nodeset);
    tn_numatune_init(self);
    for (guint i = 0; i < from->memnodes->len; i++) {
        TnMemnode memnode = g_array_index(from->memnodes, TnMemnode, i);

        memnode.nodeset = tn_bitmap_copy(memnode.nodeset);
        g_array_append_val(self->memnodes, memnode);
    }
}

static gboolean
parse_mode(xmlNodePtr node, TnNumatuneMode *ret_mode, GError **error)
{
    g_autofree char *text = tn_xml_attr(node, "mode");
    int mode = text != NULL ? tn_enum_from_string(&tn_numatune_mode_table, text)
                            : TN_NUMATUNE_STRICT;

    if (mode < 0) {
        tn_xml_error_set(error, TN_XML_ERROR_CONFIG_UNSUPPORTED,
                         "Unsupported NUMA memory tuning mode '%s'", text);
        return FALSE;
    }
    *ret_mode = (TnNumatuneMode) mode;
    return TRUE;
}

/* An absent nodeset leaves *ret_nodeset NULL. */
static gboolean
parse_nodeset(xmlNodePtr node, TnBitmap **ret_nodeset, GError **error)
{
    g_autofree char *text = tn_xml_attr(node, "nodeset");

    if (text == NULL) {
        return TRUE;
    }
    *ret_nodeset = tn_bitmap_parse(text);
    if (*ret_nodeset == NULL) {
        tn_xml_error_set(error, TN_XML_ERROR_INVALID_ARG, "Failed to parse bitmap '%s'", text);
        return FALSE;
    }
    return TRUE;
}

static gboolean
parse_memory(TnNumatune *self, xmlNodePtr node, GError **error)
{
    int placement = 0;

    if (!parse_mode(node, &self->mode, error) || !parse_nodeset(node, &self->nodeset, error) ||
        !tn_xml_attr_enum(node, "placement", &tn_vcpu_placement_table, TN_XML_ATTR_OPTIONAL,
                          &placement, error)) {
        return FALSE;
    }
    if (self->nodeset == NULL) {
        tn_xml_error_set(error, TN_XML_ERROR_CONFIG_UNSUPPORTED,
                         "nodeset for NUMA memory tuning must be set if 'placement' is 'static'");
        return FALSE;
    }
    self->has_memory = TRUE;
    return TRUE;
}

static gint
compare_cells(gconstpointer a, gconstpointer b)
{
    guint cell_a = ((const TnMemnode *) a)->cell;
    guint cell_b = ((const TnMemnode *) b)->cell;

    return (cell_a > cell_b) - (cell_a < cell_b);
}

static gboolean
parse_memnode(TnNumatune *self, xmlNodePtr node, GError **error)
{
    TnMemnode memnode = { 0 };

    if (!tn_xml_attr_uint(node, "cellid", TN_XML_ATTR_REQUIRED, G_MAXUINT, &memnode.cell,
                          error) ||
        !parse_mode(node, &memnode.mode, error) ||
        !parse_nodeset(node, &memnode.nodeset, error)) {
        return FALSE;
    }
    if (memnode.nodeset == NULL) {
        tn_xml_error_set(error, TN_XML_ERROR_XML,
                         "Missing required nodeset attribute in memnode element");
        return FALSE;
    }
    g_array_append_val(self->memnodes, memnode);
    return TRUE;
}

gboolean
tn_numatune_parse(TnNumatune *self, xmlNodePtr domain, GError **error)
{
    xmlNodePtr numatune = tn_xml_child(domain, "numatune");
    xmlNodePtr memory;

    if (numatune == NULL) {
        return TRUE;
    }
    memory = tn_xml_child(numatune, "memory");
    if (memory != NULL && !parse_memory(self, memory, error)) {
        return FALSE;
    }
    for (xmlNodePtr node = tn_xml_child(numatune, "memnode"); node != NULL;
         node = tn_xml_child_next(node)) {
        if (!parse_memnode(self, node, error)) {
            return FALSE;
        }
    }
    g_array_sort(self->memnodes, compare_cells);
    return TRUE;
}

static void
put_policy(TnXmlWriter *writer, TnNumatuneMode mode, const TnBitmap *nodeset)
{
    g_autofree char *text = tn_bitmap_format(nodeset);

    tn_xml_put_attr(writer, "mode", tn_enum_to_string(&tn_numatune_mode_table, (int) mode));
    tn_xml_put_attr(writer, "nodeset", text);
}

void
tn_numatune_format(const TnNumatune *self, TnXmlWriter *writer)
{
    tn_xml_start(writer, "numatune");
    if (self->has_memory) {
        tn_xml_start(writer, "memory");
        put_policy(writer, self->mode, self->nodeset);
        tn_xml_end(writer);
    }
    for (guint i = 0; i < self->memnodes->len; i++) {
        const TnMemnode *memnode = &g_array_index(self->memnodes, TnMemnode, i);

        tn_xml_start(writer, "memnode");
        tn_xml_put_attr_f(writer, "cellid", "%u", memnode->cell);
        put_policy(writer, memnode->mode, memnode->nodeset);
        tn_xml_end(writer);
    }
    tn_xml_end_unless_empty(writer);
}

gboolean
tn_numatune_validate(const TnDomainDef *def, GError **error)
{
    GArray *memnodes = def->numatune.memnodes;
    guint n_cells = def->cpu.cells->len;

    if (memnodes->len > 0 && n_cells == 0) {
        tn_xml_error_set(error, TN_XML_ERROR_XML,
                         "Element 'memnode' is invalid without any guest NUMA cells");
        return FALSE;
    }
    for (guint i = 0; i < memnodes->len; i++) {
        guint cell = g_array_index(memnodes, TnMemnode, i).cell;

        if (cell >= n_cells) {
            tn_xml_error_set(error, TN_XML_ERROR_XML,
                             "Argument 'cellid' in memnode element must correspond to existing "
                             "guest's NUMA cell");
            return FALSE;
        }
        if (i > 0 && g_array_index(memnodes, TnMemnode, i - 1).cell == cell) {
            tn_xml_error_set(error, TN_XML_ERROR_XML, "Multiple memnode elements with cellid %u",
                             cell);
            return FALSE;
        }
    }
    return TRUE;
}
