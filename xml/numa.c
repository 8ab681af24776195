/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* `<cpu><numa>`: the NUMA cells of the guest. */
#include "xml/domain-private.h"

#include "xml/units.h"

/* Cells of one guest: QEMU's bound, which Tenon's SRAT keeps. */
#define MAX_CELLS 128

void
tn_numa_cell_clear(TnNumaCell *self)
{
    g_clear_pointer(&self->cpus, tn_bitmap_free);
    g_clear_pointer(&self->distances, g_free);
}

static guint
count_cells(xmlNodePtr numa)
{
    guint count = 0;

    for (xmlNodePtr node = tn_xml_child(numa, "cell"); node != NULL;
         node = tn_xml_child_next(node)) {
        count++;
    }
    return count;
}

static gboolean
parse_cpus(TnNumaCell *cell, xmlNodePtr node, GError **error)
{
    g_autofree char *text = tn_xml_attr(node, "cpus");

    if (text == NULL) {
        return TRUE;
    }
    cell->cpus = tn_bitmap_parse(text);
    if (cell->cpus == NULL) {
        tn_xml_error_set(error, TN_XML_ERROR_INVALID_ARG, "Failed to parse bitmap '%s'", text);
        return FALSE;
    }
    return TRUE;
}

static gboolean
parse_cell(TnNumaCell *cell, xmlNodePtr node, GError **error)
{
    int access = TN_MEMORY_ACCESS_DEFAULT;

    if (!parse_cpus(cell, node, error) ||
        !tn_xml_attr_kib(node, "memory", TRUE, &cell->memory_kib, error) ||
        !tn_xml_attr_enum(node, "memAccess", &tn_memory_access_table, TN_XML_ATTR_OPTIONAL,
                          &access, error) ||
        !tn_xml_attr_tristate(node, "discard", &tn_tristate_yes_no_table, &cell->discard, error)) {
        return FALSE;
    }
    cell->access = (TnMemoryAccess) access;
    return TRUE;
}

/* Which cell @node is: its id, or @position when it has none. */
static gboolean
parse_id(xmlNodePtr node, guint position, guint n_cells, guint *ret_id, GError **error)
{
    guint id = position;

    if (!tn_xml_attr_uint(node, "id", TN_XML_ATTR_OPTIONAL, G_MAXUINT, &id, error)) {
        return FALSE;
    }
    if (id >= n_cells) {
        tn_xml_error_set(error, TN_XML_ERROR_XML,
                         "Exactly one 'cell' element per guest NUMA cell allowed, non-contiguous "
                         "ranges or ranges not starting from 0 are not allowed");
        return FALSE;
    }
    *ret_id = id;
    return TRUE;
}

gboolean
tn_domain_numa_parse(TnDomainCpu *self, xmlNodePtr cpu, GError **error)
{
    xmlNodePtr numa = tn_xml_child(cpu, "numa");
    guint n_cells = numa != NULL ? count_cells(numa) : 0;
    g_autoptr(TnBitmap) seen = tn_bitmap_new();
    guint position = 0;

    if (n_cells == 0) {
        return TRUE;
    }
    if (n_cells > MAX_CELLS) {
        tn_xml_error_set(error, TN_XML_ERROR_CONFIG_UNSUPPORTED,
                         "%u NUMA cells exceed the maximum of %d", n_cells, MAX_CELLS);
        return FALSE;
    }
    g_array_set_size(self->cells, n_cells);
    for (xmlNodePtr node = tn_xml_child(numa, "cell"); node != NULL;
         node = tn_xml_child_next(node)) {
        guint id;

        if (!parse_id(node, position++, n_cells, &id, error)) {
            return FALSE;
        }
        if (tn_bitmap_contains(seen, id)) {
            tn_xml_error_set(error, TN_XML_ERROR_XML,
                             "Duplicate NUMA cell info for cell id '%u'", id);
            return FALSE;
        }
        tn_bitmap_add(seen, id);
        if (!parse_cell(&g_array_index(self->cells, TnNumaCell, id), node, error) ||
            !tn_numa_distances_parse(self->cells, id, node, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

void
tn_domain_numa_format(const TnDomainCpu *self, TnXmlWriter *writer)
{
    if (self->cells->len == 0) {
        return;
    }
    tn_xml_start(writer, "numa");
    for (guint i = 0; i < self->cells->len; i++) {
        const TnNumaCell *cell = &g_array_index(self->cells, TnNumaCell, i);
        g_autofree char *cpus = cell->cpus != NULL ? tn_bitmap_format(cell->cpus) : NULL;

        tn_xml_start(writer, "cell");
        tn_xml_put_attr_f(writer, "id", "%u", i);
        tn_xml_put_attr(writer, "cpus", cpus);
        tn_xml_put_attr_f(writer, "memory", "%" G_GUINT64_FORMAT, cell->memory_kib);
        tn_xml_put_attr(writer, "unit", "KiB");
        tn_xml_put_attr(writer, "memAccess",
                        tn_enum_to_string(&tn_memory_access_table, (int) cell->access));
        tn_xml_put_attr(writer, "discard",
                        tn_enum_to_string(&tn_tristate_yes_no_table, (int) cell->discard));
        tn_numa_distances_format(cell, self->cells->len, writer);
        tn_xml_end(writer);
    }
    tn_xml_end(writer);
}

/* vCPUs that no cell names belong to the first, as the QEMU driver has it. */
void
tn_domain_numa_postparse(TnDomainDef *def)
{
    GArray *cells = def->cpu.cells;

    if (cells->len == 0) {
        return;
    }
    for (guint vcpu = 0; vcpu < MIN(def->vcpus_max, TN_XML_MAX_VCPUS); vcpu++) {
        gboolean taken = FALSE;

        for (guint i = 0; i < cells->len && !taken; i++) {
            const TnBitmap *cpus = g_array_index(cells, TnNumaCell, i).cpus;

            taken = cpus != NULL && tn_bitmap_contains(cpus, vcpu);
        }
        if (!taken) {
            TnNumaCell *first = &g_array_index(cells, TnNumaCell, 0);

            if (first->cpus == NULL) {
                first->cpus = tn_bitmap_new();
            }
            tn_bitmap_add(first->cpus, vcpu);
        }
    }
}

guint64
tn_domain_numa_memory(const TnDomainCpu *self)
{
    guint64 sum = 0;

    for (guint i = 0; i < self->cells->len; i++) {
        sum = tn_xml_add_saturated(sum, g_array_index(self->cells, TnNumaCell, i).memory_kib);
    }
    return sum;
}

static gboolean
validate_overlap(const GArray *cells, guint index, GError **error)
{
    const TnBitmap *cpus = g_array_index(cells, TnNumaCell, index).cpus;

    for (guint i = 0; i < index; i++) {
        const TnBitmap *other = g_array_index(cells, TnNumaCell, i).cpus;

        if (cpus != NULL && other != NULL && tn_bitmap_overlaps(cpus, other)) {
            tn_xml_error_set(error, TN_XML_ERROR_CONFIG_UNSUPPORTED,
                             "NUMA cells %u and %u have overlapping vCPU ids", index, i);
            return FALSE;
        }
    }
    return TRUE;
}

gboolean
tn_domain_numa_validate(const TnDomainDef *def, GError **error)
{
    const GArray *cells = def->cpu.cells;
    guint n_cpus = 0;
    gboolean beyond = FALSE;

    for (guint i = 0; i < cells->len; i++) {
        const TnBitmap *cpus = g_array_index(cells, TnNumaCell, i).cpus;

        if (!validate_overlap(cells, i, error)) {
            return FALSE;
        }
        if (cpus != NULL) {
            n_cpus += tn_bitmap_count(cpus);
            beyond = beyond || tn_bitmap_next(cpus, def->vcpus_max) >= 0;
        }
    }
    if (n_cpus > def->vcpus_max) {
        tn_xml_error_set(error, TN_XML_ERROR_INTERNAL,
                         "Number of CPUs in <numa> exceeds the <vcpu> count");
        return FALSE;
    }
    if (beyond) {
        tn_xml_error_set(error, TN_XML_ERROR_INTERNAL,
                         "CPU IDs in <numa> exceed the <vcpu> count");
        return FALSE;
    }
    return TRUE;
}
