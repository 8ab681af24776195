/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* `<cpu>`: mode, topology and features. The NUMA cells below it are in numa.c. */
#include "xml/domain-private.h"

/* Features of one definition; a CPU has fewer than a thousand names. */
#define MAX_FEATURES 1024

static void
clear_feature(gpointer item)
{
    g_free(((TnCpuFeature *) item)->name);
}

static void
clear_cell(gpointer item)
{
    tn_numa_cell_clear(item);
}

void
tn_domain_cpu_init(TnDomainCpu *self)
{
    self->features = g_array_new(FALSE, TRUE, sizeof(TnCpuFeature));
    g_array_set_clear_func(self->features, clear_feature);
    self->cells = g_array_new(FALSE, TRUE, sizeof(TnNumaCell));
    g_array_set_clear_func(self->cells, clear_cell);
}

void
tn_domain_cpu_clear(TnDomainCpu *self)
{
    g_clear_pointer(&self->features, g_array_unref);
    g_clear_pointer(&self->cells, g_array_unref);
}

void
tn_domain_cpu_copy(TnDomainCpu *self, const TnDomainCpu *from)
{
    *self = *from;
    tn_domain_cpu_init(self);
    for (guint i = 0; i < from->features->len; i++) {
        TnCpuFeature feature = g_array_index(from->features, TnCpuFeature, i);

        feature.name = g_strdup(feature.name);
        g_array_append_val(self->features, feature);
    }
    for (guint i = 0; i < from->cells->len; i++) {
        TnNumaCell cell = g_array_index(from->cells, TnNumaCell, i);

        cell.cpus = tn_bitmap_copy(cell.cpus);
        cell.distances = g_memdup2(cell.distances, from->cells->len);
        g_array_append_val(self->cells, cell);
    }
}

/* --- parse --- */

static gboolean
parse_mode(TnDomainCpu *self, xmlNodePtr cpu, GError **error)
{
    g_autofree char *text = tn_xml_attr(cpu, "mode");
    xmlNodePtr model = tn_xml_child(cpu, "model");
    int mode = TN_CPU_MODE_NONE;

    if (text != NULL) {
        mode = tn_enum_from_string(&tn_cpu_mode_table, text);
        if (mode < 0) {
            tn_xml_error_set(error, TN_XML_ERROR_CONFIG_UNSUPPORTED, "Invalid mode attribute '%s'",
                             text);
            return FALSE;
        }
    } else if (model != NULL) {
        mode = TN_CPU_MODE_CUSTOM;
    }
    if (mode == TN_CPU_MODE_CUSTOM) {
        tn_xml_error_set(error, TN_XML_ERROR_CONFIG_UNSUPPORTED,
                         "CPU mode 'custom' for x86_64 kvm domain on x86_64 host is not supported "
                         "by hypervisor");
        return FALSE;
    }
    /* With a mode of the host's, libvirt drops a model too. */
    if (model != NULL) {
        tn_xml_skip(model);
    }
    self->mode = (TnCpuMode) mode;
    return TRUE;
}

static gboolean
parse_attributes(TnDomainCpu *self, xmlNodePtr cpu, GError **error)
{
    int match = 0;
    int check = TN_CPU_CHECK_DEFAULT;

    if (!tn_xml_attr_enum(cpu, "match", &tn_cpu_match_table, TN_XML_ATTR_OPTIONAL, &match,
                          error) ||
        !tn_xml_attr_enum(cpu, "check", &tn_cpu_check_table, TN_XML_ATTR_OPTIONAL, &check,
                          error) ||
        !tn_xml_attr_tristate(cpu, "migratable", &tn_tristate_on_off_table, &self->migratable,
                              error)) {
        return FALSE;
    }
    self->check = (TnCpuCheck) check;
    if (self->migratable != TN_TRISTATE_ABSENT && self->mode != TN_CPU_MODE_HOST_PASSTHROUGH &&
        self->mode != TN_CPU_MODE_MAXIMUM) {
        tn_xml_error_set(error, TN_XML_ERROR_CONFIG_UNSUPPORTED,
                         "Attribute migratable is only allowed for 'host-passthrough' / 'maximum' "
                         "CPU mode");
        return FALSE;
    }
    return TRUE;
}

static gboolean
parse_topology(TnDomainCpu *self, xmlNodePtr cpu, GError **error)
{
    const TnXmlAttrFlags required = TN_XML_ATTR_REQUIRED | TN_XML_ATTR_NONZERO;
    xmlNodePtr topology = tn_xml_child(cpu, "topology");

    if (topology == NULL) {
        return TRUE;
    }
    self->dies = 1;
    return tn_xml_attr_uint(topology, "sockets", required, G_MAXINT, &self->sockets, error) &&
           tn_xml_attr_uint(topology, "dies", TN_XML_ATTR_NONZERO, G_MAXINT, &self->dies,
                            error) &&
           tn_xml_attr_uint(topology, "cores", required, G_MAXINT, &self->cores, error) &&
           tn_xml_attr_uint(topology, "threads", required, G_MAXINT, &self->threads, error);
}

static gboolean
is_feature_name(const char *name)
{
    if (name == NULL || name[0] == '\0') {
        return FALSE;
    }
    for (const char *c = name; *c != '\0'; c++) {
        /* A name goes into "-cpu host,+name": a comma or "=" would start another property. */
        if (!g_ascii_isalnum(*c) && *c != '-' && *c != '_' && *c != '.') {
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean
has_feature(const TnDomainCpu *self, const char *name)
{
    for (guint i = 0; i < self->features->len; i++) {
        if (g_str_equal(g_array_index(self->features, TnCpuFeature, i).name, name)) {
            return TRUE;
        }
    }
    return FALSE;
}

static gboolean
parse_feature(TnDomainCpu *self, xmlNodePtr node, GError **error)
{
    g_autofree char *policy = tn_xml_attr(node, "policy");
    g_autofree char *name = tn_xml_attr(node, "name");
    TnCpuFeature feature = { .policy = TN_CPU_POLICY_REQUIRE };
    int value = TN_CPU_POLICY_REQUIRE;

    if (policy != NULL) {
        value = tn_enum_from_string(&tn_cpu_policy_table, policy);
        if (value < 0) {
            tn_xml_error_set(error, TN_XML_ERROR_CONFIG_UNSUPPORTED,
                             "Invalid CPU feature policy");
            return FALSE;
        }
    }
    if (!is_feature_name(name)) {
        tn_xml_error_set(error, TN_XML_ERROR_XML, "Invalid CPU feature name");
        return FALSE;
    }
    if (has_feature(self, name)) {
        tn_xml_error_set(error, TN_XML_ERROR_XML, "CPU feature '%s' specified more than once",
                         name);
        return FALSE;
    }
    if (self->features->len == MAX_FEATURES) {
        tn_xml_error_set(error, TN_XML_ERROR_XML, "more than %d CPU features", MAX_FEATURES);
        return FALSE;
    }
    feature.policy = (TnCpuPolicy) value;
    feature.name = g_steal_pointer(&name);
    g_array_append_val(self->features, feature);
    return TRUE;
}

gboolean
tn_domain_cpu_parse(TnDomainCpu *self, xmlNodePtr domain, GError **error)
{
    xmlNodePtr cpu = tn_xml_child(domain, "cpu");

    if (cpu == NULL) {
        return TRUE;
    }
    if (!parse_mode(self, cpu, error) || !parse_attributes(self, cpu, error) ||
        !parse_topology(self, cpu, error)) {
        return FALSE;
    }
    for (xmlNodePtr node = tn_xml_child(cpu, "feature"); node != NULL;
         node = tn_xml_child_next(node)) {
        if (!parse_feature(self, node, error)) {
            return FALSE;
        }
    }
    return tn_domain_numa_parse(self, cpu, error);
}

/* --- format --- */

static void
format_topology(const TnDomainCpu *self, TnXmlWriter *writer)
{
    if (self->sockets == 0) {
        return;
    }
    tn_xml_start(writer, "topology");
    tn_xml_put_attr_f(writer, "sockets", "%u", self->sockets);
    tn_xml_put_attr_f(writer, "dies", "%u", self->dies);
    tn_xml_put_attr_f(writer, "cores", "%u", self->cores);
    tn_xml_put_attr_f(writer, "threads", "%u", self->threads);
    tn_xml_end(writer);
}

void
tn_domain_cpu_format(const TnDomainCpu *self, TnXmlWriter *writer)
{
    tn_xml_start(writer, "cpu");
    tn_xml_put_attr(writer, "mode", tn_enum_to_string(&tn_cpu_mode_table, (int) self->mode));
    tn_xml_put_attr(writer, "check", tn_enum_to_string(&tn_cpu_check_table, (int) self->check));
    tn_xml_put_attr(writer, "migratable",
                    tn_enum_to_string(&tn_tristate_on_off_table, (int) self->migratable));
    format_topology(self, writer);
    for (guint i = 0; i < self->features->len; i++) {
        const TnCpuFeature *feature = &g_array_index(self->features, TnCpuFeature, i);

        tn_xml_start(writer, "feature");
        tn_xml_put_attr(writer, "policy",
                        tn_enum_to_string(&tn_cpu_policy_table, (int) feature->policy));
        tn_xml_put_attr(writer, "name", feature->name);
        tn_xml_end(writer);
    }
    tn_domain_numa_format(self, writer);
    tn_xml_end_unless_empty(writer);
}

/* --- postparse, validate --- */

void
tn_domain_cpu_postparse(TnDomainDef *def)
{
    TnDomainCpu *self = &def->cpu;

    /* The only CPU that Tenon has is the host's; the definition says so. */
    if (self->mode == TN_CPU_MODE_NONE) {
        self->mode = TN_CPU_MODE_HOST_PASSTHROUGH;
    }
    if (self->check == TN_CPU_CHECK_DEFAULT) {
        self->check = self->mode == TN_CPU_MODE_HOST_MODEL ? TN_CPU_CHECK_PARTIAL
                                                           : TN_CPU_CHECK_NONE;
    }
    if (self->migratable == TN_TRISTATE_ABSENT && self->mode != TN_CPU_MODE_HOST_MODEL) {
        self->migratable = TN_TRISTATE_YES;
    }
    tn_domain_numa_postparse(def);
}

gboolean
tn_domain_cpu_validate(const TnDomainDef *def, GError **error)
{
    const TnDomainCpu *self = &def->cpu;
    guint64 product;

    if (self->sockets != 0 &&
        (!g_uint64_checked_mul(&product, (guint64) self->sockets * self->dies, self->cores) ||
         !g_uint64_checked_mul(&product, product, self->threads) || product != def->vcpus_max)) {
        tn_xml_error_set(error, TN_XML_ERROR_CONFIG_UNSUPPORTED,
                         "CPU topology doesn't match maximum vcpu count");
        return FALSE;
    }
    return tn_domain_numa_validate(def, error);
}
