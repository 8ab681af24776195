/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* `<cell><distances>`: how far the NUMA cells of the guest are from each other. */
#include "xml/domain-private.h"

/* ACPI 5.2.17: within a node, the least; beyond reach, the most. Between: what QEMU takes for those
 * that are not told. */
#define LOCAL_DISTANCE 10
#define REMOTE_DISTANCE 20
#define UNREACHABLE 255

/* The distances of cell @id, which from now on has some. */
static guint8 *
row(GArray *cells, guint id)
{
    TnNumaCell *cell = &g_array_index(cells, TnNumaCell, id);

    if (cell->distances == NULL) {
        cell->distances = g_new0(guint8, cells->len);
        cell->distances[id] = LOCAL_DISTANCE;
    }
    return cell->distances;
}

static gboolean
parse_sibling(GArray *cells, guint id, xmlNodePtr node, GError **error)
{
    guint sibling = 0, value = 0;

    if (!tn_xml_attr_uint(node, "id", TN_XML_ATTR_REQUIRED, G_MAXUINT, &sibling, error)) {
        return FALSE;
    }
    if (sibling >= cells->len) {
        tn_xml_error_set(error, TN_XML_ERROR_XML,
                         "'sibling_id %u' does not refer to a valid cell within NUMA 'cell id %u'",
                         sibling, id);
        return FALSE;
    }
    if (!tn_xml_attr_uint(node, "value", TN_XML_ATTR_REQUIRED, G_MAXUINT, &value, error)) {
        return FALSE;
    }
    if (value < LOCAL_DISTANCE || value > UNREACHABLE ||
        (sibling == id) != (value == LOCAL_DISTANCE)) {
        tn_xml_error_set(error, TN_XML_ERROR_XML,
                         "'value %u' is invalid for 'sibling id %u' under NUMA 'cell id %u'",
                         value, sibling, id);
        return FALSE;
    }
    row(cells, id)[sibling] = (guint8) value;
    /* The way back is as long, unless it is told of itself. */
    if (row(cells, sibling)[id] == 0) {
        row(cells, sibling)[id] = (guint8) value;
    }
    return TRUE;
}

gboolean
tn_numa_distances_parse(GArray *cells, guint id, xmlNodePtr cell, GError **error)
{
    xmlNodePtr distances = tn_xml_child(cell, "distances");
    xmlNodePtr node = distances != NULL ? tn_xml_child(distances, "sibling") : NULL;

    if (distances == NULL) {
        return TRUE;
    }
    if (node == NULL) {
        tn_xml_error_set(error, TN_XML_ERROR_XML, "NUMA distances defined without siblings");
        return FALSE;
    }
    for (; node != NULL; node = tn_xml_child_next(node)) {
        if (!parse_sibling(cells, id, node, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

void
tn_numa_distances_format(const TnNumaCell *cell, guint n_cells, TnXmlWriter *writer)
{
    if (cell->distances == NULL) {
        return;
    }
    tn_xml_start(writer, "distances");
    for (guint i = 0; i < n_cells; i++) {
        if (cell->distances[i] != 0) {
            tn_xml_start(writer, "sibling");
            tn_xml_put_attr_f(writer, "id", "%u", i);
            tn_xml_put_attr_f(writer, "value", "%u", cell->distances[i]);
            tn_xml_end(writer);
        }
    }
    tn_xml_end(writer);
}

gboolean
tn_domain_def_has_distances(const TnDomainDef *def)
{
    for (guint i = 0; i < def->cpu.cells->len; i++) {
        if (g_array_index(def->cpu.cells, TnNumaCell, i).distances != NULL) {
            return TRUE;
        }
    }
    return FALSE;
}

guint
tn_domain_def_distance(const TnDomainDef *def, guint from, guint to)
{
    const guint8 *distances = g_array_index(def->cpu.cells, TnNumaCell, from).distances;

    if (distances != NULL && distances[to] != 0) {
        return distances[to];
    }
    return from == to ? LOCAL_DISTANCE : REMOTE_DISTANCE;
}
