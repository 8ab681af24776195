/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* `<cputune>`: which host CPUs the threads of a guest run on. */
#include "xml/domain-private.h"

GPtrArray *
tn_vcpu_pins_copy(const GPtrArray *from)
{
    GPtrArray *pins = g_ptr_array_new_with_free_func((GDestroyNotify) tn_bitmap_free);

    for (guint i = 0; i < from->len; i++) {
        g_ptr_array_add(pins, tn_bitmap_copy(g_ptr_array_index(from, i)));
    }
    return pins;
}

const TnBitmap *
tn_domain_def_vcpu_pin(const TnDomainDef *def, guint id)
{
    return id < def->vcpu_pins->len ? g_ptr_array_index(def->vcpu_pins, id) : NULL;
}

const TnBitmap *
tn_domain_def_vcpu_cpus(const TnDomainDef *def, guint id)
{
    const TnBitmap *pin = tn_domain_def_vcpu_pin(def, id);

    return pin != NULL ? pin : def->cpuset;
}

const TnBitmap *
tn_domain_def_emulator_cpus(const TnDomainDef *def)
{
    return def->emulator_pin != NULL ? def->emulator_pin : def->cpuset;
}

gboolean
tn_domain_def_is_pinned(const TnDomainDef *def)
{
    return def->cpuset != NULL || def->emulator_pin != NULL || def->vcpu_pins->len > 0;
}

void
tn_domain_def_set_vcpu_pin(TnDomainDef *def, guint id, const TnBitmap *cpus)
{
    if (id >= def->vcpu_pins->len) {
        g_ptr_array_set_size(def->vcpu_pins, (gint) id + 1);
    }
    tn_bitmap_free(g_ptr_array_index(def->vcpu_pins, id));
    g_ptr_array_index(def->vcpu_pins, id) = tn_bitmap_copy(cpus);
}

void
tn_domain_def_set_emulator_pin(TnDomainDef *def, const TnBitmap *cpus)
{
    tn_bitmap_free(def->emulator_pin);
    def->emulator_pin = tn_bitmap_copy(cpus);
}

static TnBitmap *
parse_cpuset(xmlNodePtr node, GError **error)
{
    g_autofree char *text = tn_xml_attr(node, "cpuset");
    TnBitmap *cpus;

    if (text == NULL) {
        tn_xml_error_set(error, TN_XML_ERROR_INTERNAL, "missing cpuset for %s", node->name);
        return NULL;
    }
    cpus = tn_bitmap_parse(text);
    if (cpus == NULL) {
        tn_xml_error_set(error, TN_XML_ERROR_INVALID_ARG, "Failed to parse bitmap '%s'", text);
    }
    return cpus;
}

static gboolean
parse_vcpu_pin(TnDomainDef *def, xmlNodePtr node, GError **error)
{
    g_autoptr(TnBitmap) cpus = NULL;
    guint id = 0;

    if (!tn_xml_attr_uint(node, "vcpu", TN_XML_ATTR_REQUIRED, G_MAXUINT, &id, error)) {
        return FALSE;
    }
    cpus = parse_cpuset(node, error);
    if (cpus == NULL) {
        return FALSE;
    }
    if (tn_domain_def_vcpu_pin(def, id) != NULL) {
        tn_xml_error_set(error, TN_XML_ERROR_INTERNAL, "duplicate vcpupin for vcpu '%u'", id);
        return FALSE;
    }
    /* A pin of a vCPU that cannot be there is dropped, as libvirt does: it changes no guest. */
    if (id < def->vcpus_max) {
        tn_domain_def_set_vcpu_pin(def, id, cpus);
    }
    return TRUE;
}

static gboolean
parse_emulator_pin(TnDomainDef *def, xmlNodePtr node, GError **error)
{
    if (tn_xml_child_next(node) != NULL) {
        tn_xml_error_set(error, TN_XML_ERROR_XML, "only one emulatorpin is supported");
        return FALSE;
    }
    def->emulator_pin = parse_cpuset(node, error);
    return def->emulator_pin != NULL;
}

gboolean
tn_cputune_parse(TnDomainDef *def, xmlNodePtr domain, GError **error)
{
    xmlNodePtr cputune = tn_xml_child(domain, "cputune");
    xmlNodePtr emulator;

    if (cputune == NULL) {
        return TRUE;
    }
    for (xmlNodePtr node = tn_xml_child(cputune, "vcpupin"); node != NULL;
         node = tn_xml_child_next(node)) {
        if (!parse_vcpu_pin(def, node, error)) {
            return FALSE;
        }
    }
    emulator = tn_xml_child(cputune, "emulatorpin");
    return emulator == NULL || parse_emulator_pin(def, emulator, error);
}

static void
put_cpuset(TnXmlWriter *writer, const TnBitmap *cpus)
{
    g_autofree char *text = tn_bitmap_format(cpus);

    tn_xml_put_attr(writer, "cpuset", text);
}

void
tn_cputune_format(const TnDomainDef *def, TnXmlWriter *writer)
{
    tn_xml_start(writer, "cputune");
    for (guint i = 0; i < def->vcpu_pins->len; i++) {
        const TnBitmap *cpus = g_ptr_array_index(def->vcpu_pins, i);

        if (cpus != NULL) {
            tn_xml_start(writer, "vcpupin");
            tn_xml_put_attr_f(writer, "vcpu", "%u", i);
            put_cpuset(writer, cpus);
            tn_xml_end(writer);
        }
    }
    if (def->emulator_pin != NULL) {
        tn_xml_start(writer, "emulatorpin");
        put_cpuset(writer, def->emulator_pin);
        tn_xml_end(writer);
    }
    tn_xml_end_unless_empty(writer);
}
