/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Memory of a domain: maxMemory, memory, currentMemory and memoryBacking. */
#include "xml/domain-private.h"

#include "xml/units.h"

static void
clear_hugepage(gpointer item)
{
    tn_bitmap_free(((TnHugepage *) item)->nodeset);
}

void
tn_domain_memory_init(TnDomainMemory *self)
{
    self->hugepages = g_array_new(FALSE, TRUE, sizeof(TnHugepage));
    g_array_set_clear_func(self->hugepages, clear_hugepage);
}

void
tn_domain_memory_clear(TnDomainMemory *self)
{
    g_clear_pointer(&self->hugepages, g_array_unref);
}

void
tn_domain_memory_copy(TnDomainMemory *self, const TnDomainMemory *from)
{
    *self = *from;
    tn_domain_memory_init(self);
    for (guint i = 0; i < from->hugepages->len; i++) {
        TnHugepage page = g_array_index(from->hugepages, TnHugepage, i);

        page.nodeset = tn_bitmap_copy(page.nodeset);
        g_array_append_val(self->hugepages, page);
    }
}

/* --- parse --- */

static gboolean
parse_max_memory(TnDomainMemory *self, xmlNodePtr domain, GError **error)
{
    xmlNodePtr node = tn_xml_child(domain, "maxMemory");
    g_autofree char *slots = NULL;
    guint64 value;

    if (node == NULL) {
        return TRUE;
    }
    slots = tn_xml_attr(node, "slots");
    if (slots != NULL) {
        if (!tn_xml_parse_uint64(slots, &value) || value > G_MAXUINT) {
            tn_xml_error_set(error, TN_XML_ERROR_XML, "Failed to parse memory slot count");
            return FALSE;
        }
        self->slots = (guint) value;
    }
    if (!tn_xml_child_kib(domain, "maxMemory", TRUE, &self->max_kib, error)) {
        return FALSE;
    }
    if (self->max_kib == 0 || self->slots == 0) {
        tn_xml_error_set(error, TN_XML_ERROR_XML,
                         "both maximum memory size and memory slot count must be specified");
        return FALSE;
    }
    return TRUE;
}

static gboolean
parse_page(TnDomainMemory *self, xmlNodePtr node, GError **error)
{
    TnHugepage page = { 0 };
    g_autofree char *nodeset = NULL;

    if (!tn_xml_attr_kib(node, "size", TRUE, &page.size_kib, error)) {
        return FALSE;
    }
    if (page.size_kib == 0) {
        tn_xml_error_set(error, TN_XML_ERROR_XML, "hugepage size can't be zero");
        return FALSE;
    }
    nodeset = tn_xml_attr(node, "nodeset");
    if (nodeset != NULL) {
        page.nodeset = tn_bitmap_parse(nodeset);
        if (page.nodeset == NULL) {
            tn_xml_error_set(error, TN_XML_ERROR_INVALID_ARG, "Failed to parse bitmap '%s'",
                             nodeset);
            return FALSE;
        }
    }
    g_array_append_val(self->hugepages, page);
    return TRUE;
}

static gboolean
parse_hugepages(TnDomainMemory *self, xmlNodePtr backing, GError **error)
{
    xmlNodePtr node = tn_xml_child(backing, "hugepages");
    TnHugepage host_default = { 0 };

    if (node == NULL) {
        return TRUE;
    }
    for (xmlNodePtr page = tn_xml_child(node, "page"); page != NULL;
         page = tn_xml_child_next(page)) {
        if (!parse_page(self, page, error)) {
            return FALSE;
        }
    }
    if (self->hugepages->len == 0) {
        g_array_append_val(self->hugepages, host_default);
    }
    return TRUE;
}

/* An attribute of memoryBacking; libvirt has a sentence of its own for these. */
static gboolean
parse_backing_word(xmlNodePtr backing, const char *element, const char *attr,
                   const TnEnumTable *table, int *ret_value, GError **error)
{
    xmlNodePtr node = tn_xml_child(backing, element);
    g_autofree char *text = NULL;
    int value;

    if (node == NULL) {
        return TRUE;
    }
    text = tn_xml_attr(node, attr);
    if (text == NULL) {
        return TRUE;
    }
    value = tn_enum_from_string(table, text);
    if (value < 0) {
        tn_xml_error_set(error, TN_XML_ERROR_CONFIG_UNSUPPORTED,
                         "unknown memoryBacking/%s/%s '%s'", element, attr, text);
        return FALSE;
    }
    *ret_value = value;
    return TRUE;
}

static gboolean
parse_backing(TnDomainMemory *self, xmlNodePtr domain, GError **error)
{
    xmlNodePtr backing = tn_xml_child(domain, "memoryBacking");
    int source = TN_MEMORY_SOURCE_NONE;
    int access = TN_MEMORY_ACCESS_DEFAULT;
    int allocation = TN_MEMORY_ALLOCATION_NONE;

    if (backing == NULL) {
        return TRUE;
    }
    if (!parse_hugepages(self, backing, error) ||
        !parse_backing_word(backing, "source", "type", &tn_memory_source_table, &source, error) ||
        !parse_backing_word(backing, "access", "mode", &tn_memory_access_table, &access, error) ||
        !parse_backing_word(backing, "allocation", "mode", &tn_memory_allocation_table,
                            &allocation, error)) {
        return FALSE;
    }
    self->source = (TnMemorySource) source;
    self->access = (TnMemoryAccess) access;
    self->allocation = (TnMemoryAllocation) allocation;
    self->nosharepages = tn_xml_child(backing, "nosharepages") != NULL;
    self->discard = tn_xml_child(backing, "discard") != NULL;
    return TRUE;
}

gboolean
tn_domain_memory_parse(TnDomainMemory *self, xmlNodePtr domain, GError **error)
{
    xmlNodePtr memory = tn_xml_child(domain, "memory");

    if (memory != NULL && !tn_xml_attr_tristate(memory, "dumpCore", &tn_tristate_on_off_table,
                                                &self->dump_core, error)) {
        return FALSE;
    }
    return tn_xml_child_kib(domain, "memory", FALSE, &self->given_total_kib, error) &&
           tn_xml_child_kib(domain, "currentMemory", FALSE, &self->current_kib, error) &&
           parse_max_memory(self, domain, error) && parse_backing(self, domain, error);
}

/* --- format --- */

void
tn_domain_memory_format_sizes(const TnDomainDef *def, TnXmlWriter *writer)
{
    const TnDomainMemory *self = &def->memory;

    if (self->max_kib != 0) {
        tn_xml_start(writer, "maxMemory");
        tn_xml_put_attr_f(writer, "slots", "%u", self->slots);
        tn_xml_put_attr(writer, "unit", "KiB");
        tn_xml_put_text_f(writer, "%" G_GUINT64_FORMAT, self->max_kib);
        tn_xml_end(writer);
    }
    tn_xml_start(writer, "memory");
    tn_xml_put_attr(writer, "dumpCore",
                    tn_enum_to_string(&tn_tristate_on_off_table, (int) self->dump_core));
    tn_xml_put_attr(writer, "unit", "KiB");
    tn_xml_put_text_f(writer, "%" G_GUINT64_FORMAT, tn_domain_def_memory_total(def));
    tn_xml_end(writer);
    tn_xml_put_kib(writer, "currentMemory", self->current_kib);
}

static void
format_hugepages(const TnDomainMemory *self, TnXmlWriter *writer)
{
    if (self->hugepages->len == 0) {
        return;
    }
    tn_xml_start(writer, "hugepages");
    for (guint i = 0; i < self->hugepages->len; i++) {
        const TnHugepage *page = &g_array_index(self->hugepages, TnHugepage, i);
        g_autofree char *nodeset = page->nodeset != NULL ? tn_bitmap_format(page->nodeset) : NULL;

        if (page->size_kib != 0) {
            tn_xml_start(writer, "page");
            tn_xml_put_attr_f(writer, "size", "%" G_GUINT64_FORMAT, page->size_kib);
            tn_xml_put_attr(writer, "unit", "KiB");
            tn_xml_put_attr(writer, "nodeset", nodeset);
            tn_xml_end(writer);
        }
    }
    tn_xml_end(writer);
}

static void
format_word(TnXmlWriter *writer, const char *element, const char *attr, const char *word)
{
    if (word != NULL) {
        tn_xml_start(writer, element);
        tn_xml_put_attr(writer, attr, word);
        tn_xml_end(writer);
    }
}

void
tn_domain_memory_format_backing(const TnDomainMemory *self, TnXmlWriter *writer)
{
    tn_xml_start(writer, "memoryBacking");
    format_hugepages(self, writer);
    if (self->nosharepages) {
        tn_xml_start(writer, "nosharepages");
        tn_xml_end(writer);
    }
    format_word(writer, "source", "type",
                tn_enum_to_string(&tn_memory_source_table, (int) self->source));
    format_word(writer, "access", "mode",
                tn_enum_to_string(&tn_memory_access_table, (int) self->access));
    format_word(writer, "allocation", "mode",
                tn_enum_to_string(&tn_memory_allocation_table, (int) self->allocation));
    if (self->discard) {
        tn_xml_start(writer, "discard");
        tn_xml_end(writer);
    }
    tn_xml_end_unless_empty(writer);
}

/* --- validate --- */

static gboolean
validate_hugepage_nodes(const TnHugepage *page, const TnDomainDef *def, GError **error)
{
    guint n_nodes = MAX(def->cpu.cells->len, 1);
    int beyond = tn_bitmap_next(page->nodeset, n_nodes);

    if (beyond >= 0) {
        tn_xml_error_set(error, TN_XML_ERROR_XML_DETAIL, "hugepages: node %d not found",
                         beyond);
        return FALSE;
    }
    return TRUE;
}

static gboolean
validate_hugepages(const TnDomainDef *def, GError **error)
{
    GArray *pages = def->memory.hugepages;
    const TnHugepage *master = NULL;

    for (guint i = 0; i < pages->len; i++) {
        const TnHugepage *page = &g_array_index(pages, TnHugepage, i);

        if (page->nodeset != NULL) {
            if (!validate_hugepage_nodes(page, def, error)) {
                return FALSE;
            }
            for (guint j = 0; j < i; j++) {
                const TnHugepage *other = &g_array_index(pages, TnHugepage, j);

                if (other->nodeset != NULL && tn_bitmap_overlaps(page->nodeset, other->nodeset)) {
                    tn_xml_error_set(error, TN_XML_ERROR_XML,
                                     "nodeset attribute of hugepages of size %" G_GUINT64_FORMAT
                                     " intersects with %" G_GUINT64_FORMAT, page->size_kib,
                                     other->size_kib);
                    return FALSE;
                }
            }
        } else if (master != NULL) {
            tn_xml_error_set(error, TN_XML_ERROR_XML_DETAIL,
                             "two master hugepages detected: %" G_GUINT64_FORMAT " and %"
                             G_GUINT64_FORMAT, page->size_kib, master->size_kib);
            return FALSE;
        } else {
            master = page;
        }
    }
    return TRUE;
}

static gboolean
validate_backing(const TnDomainDef *def, GError **error)
{
    const TnDomainMemory *self = &def->memory;

    if (self->hugepages->len > 0 && self->allocation == TN_MEMORY_ALLOCATION_ONDEMAND) {
        tn_xml_error_set(error, TN_XML_ERROR_CONFIG_UNSUPPORTED,
                         "hugepages are not allowed with memory allocation ondemand");
        return FALSE;
    }
    if (self->hugepages->len > 0 && self->source == TN_MEMORY_SOURCE_ANONYMOUS) {
        tn_xml_error_set(error, TN_XML_ERROR_CONFIG_UNSUPPORTED,
                         "hugepages are not allowed with anonymous memory source");
        return FALSE;
    }
    if (self->discard && self->source == TN_MEMORY_SOURCE_ANONYMOUS) {
        tn_xml_error_set(error, TN_XML_ERROR_CONFIG_UNSUPPORTED,
                         "'discard' is not supported for memory source type 'anonymous'");
        return FALSE;
    }
    return validate_hugepages(def, error);
}

gboolean
tn_domain_memory_validate(const TnDomainDef *def, GError **error)
{
    const TnDomainMemory *self = &def->memory;
    guint64 total = tn_domain_def_memory_total(def);

    if (self->initial_kib == 0) {
        tn_xml_error_set(error, TN_XML_ERROR_XML,
                         "Memory size must be specified via <memory> or in the <numa> "
                         "configuration");
        return FALSE;
    }
    if (total > G_MAXINT64 / 1024) {
        tn_xml_error_set(error, TN_XML_ERROR_OVERFLOW, "value too large: %" G_GUINT64_FORMAT "KiB",
                         total);
        return FALSE;
    }
    if (self->max_kib != 0 && self->max_kib < total) {
        tn_xml_error_set(error, TN_XML_ERROR_XML,
                         "maximum memory size must be equal or greater than the actual memory "
                         "size");
        return FALSE;
    }
    if (self->slots > TN_XML_MAX_MEMORY_SLOTS) {
        tn_xml_error_set(error, TN_XML_ERROR_CONFIG_UNSUPPORTED,
                         "unsupported number of memory slots: %u, maximum supported: %d",
                         self->slots, TN_XML_MAX_MEMORY_SLOTS);
        return FALSE;
    }
    return validate_backing(def, error);
}
