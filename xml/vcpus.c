/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* `<vcpus>`: the state of each virtual CPU; and how many there are. */
#include "xml/domain-private.h"

static TnVcpuState *
state_of(const TnDomainDef *def, guint id)
{
    return &g_array_index(def->vcpu_states, TnVcpuState, id);
}

/* def->vcpus is how many are enabled. */
static void
count_enabled(TnDomainDef *def)
{
    def->vcpus = 0;
    for (guint i = 0; i < def->vcpu_states->len; i++) {
        def->vcpus += state_of(def, i)->enabled ? 1 : 0;
    }
}

void
tn_domain_def_tell_vcpus_apart(TnDomainDef *def)
{
    if (def->vcpu_states != NULL) {
        return;
    }
    def->vcpu_states = g_array_sized_new(FALSE, TRUE, sizeof(TnVcpuState), def->vcpus_max);
    g_array_set_size(def->vcpu_states, def->vcpus_max);
    for (guint i = 0; i < def->vcpus_max; i++) {
        *state_of(def, i) = (TnVcpuState){ .enabled = i < def->vcpus,
                                           .hotpluggable = i >= def->vcpus };
    }
}

TnVcpuState
tn_domain_def_get_vcpu(const TnDomainDef *def, guint id)
{
    if (def->vcpu_states != NULL) {
        return *state_of(def, id);
    }
    return (TnVcpuState){ .enabled = id < def->vcpus, .hotpluggable = id >= def->vcpus };
}

void
tn_domain_def_set_vcpu(TnDomainDef *def, guint id, gboolean enabled, gboolean hotpluggable)
{
    TnVcpuState *state;

    tn_domain_def_tell_vcpus_apart(def);
    state = state_of(def, id);
    state->enabled = enabled;
    state->hotpluggable = hotpluggable || !enabled;
    state->order = 0;
    count_enabled(def);
}

guint
tn_domain_def_n_boot_vcpus(const TnDomainDef *def)
{
    guint n = 0;

    for (guint i = 0; i < def->vcpus_max; i++) {
        TnVcpuState state = tn_domain_def_get_vcpu(def, i);

        n += state.enabled && !state.hotpluggable ? 1 : 0;
    }
    return n;
}

void
tn_domain_def_number_vcpus(TnDomainDef *def)
{
    guint last = 0;

    tn_domain_def_tell_vcpus_apart(def);
    for (guint i = 0; i < def->vcpu_states->len; i++) {
        last = MAX(last, state_of(def, i)->enabled ? state_of(def, i)->order : 0);
    }
    for (guint i = 0; i < def->vcpu_states->len; i++) {
        TnVcpuState *state = state_of(def, i);

        if (!state->enabled) {
            state->order = 0;
        } else if (state->order == 0) {
            state->order = ++last;
        }
    }
}

void
tn_domain_def_set_vcpus_max(TnDomainDef *def, guint max)
{
    guint old = def->vcpus_max;

    def->vcpus_max = max;
    if (def->vcpu_pins->len > max) {
        g_ptr_array_set_size(def->vcpu_pins, (gint) max);
    }
    if (def->vcpu_states == NULL) {
        def->vcpus = MIN(def->vcpus, max);
        return;
    }
    g_array_set_size(def->vcpu_states, max);
    for (guint i = old; i < max; i++) {
        state_of(def, i)->hotpluggable = TRUE;
    }
    count_enabled(def);
}

static gboolean
parse_one(TnDomainDef *def, xmlNodePtr node, GError **error)
{
    TnTristate enabled = TN_TRISTATE_ABSENT, hotpluggable = TN_TRISTATE_ABSENT;
    guint id = 0, order = 0;

    if (!tn_xml_attr_uint(node, "id", TN_XML_ATTR_REQUIRED, G_MAXUINT16, &id, error) ||
        !tn_xml_attr_tristate(node, "enabled", &tn_tristate_yes_no_table, &enabled, error) ||
        !tn_xml_attr_tristate(node, "hotpluggable", &tn_tristate_yes_no_table, &hotpluggable,
                              error) ||
        !tn_xml_attr_uint(node, "order", TN_XML_ATTR_NONZERO, G_MAXUINT16, &order, error)) {
        return FALSE;
    }
    if (id >= def->vcpus_max) {
        tn_xml_error_set(error, TN_XML_ERROR_XML, "invalid vcpu id '%u': there are at most %u",
                         id, def->vcpus_max);
        return FALSE;
    }
    if (enabled == TN_TRISTATE_ABSENT) {
        tn_xml_error_set(error, TN_XML_ERROR_XML, "missing vcpu 'enabled' attribute");
        return FALSE;
    }
    if (enabled == TN_TRISTATE_NO && order != 0) {
        tn_xml_error_set(error, TN_XML_ERROR_XML, "order of vcpu '%u' is for enabled ones only",
                         id);
        return FALSE;
    }
    *state_of(def, id) = (TnVcpuState){
        .enabled = enabled == TN_TRISTATE_YES,
        .hotpluggable = enabled == TN_TRISTATE_NO || hotpluggable == TN_TRISTATE_YES,
        .order = order,
    };
    return TRUE;
}

gboolean
tn_vcpus_parse(TnDomainDef *def, xmlNodePtr domain, GError **error)
{
    xmlNodePtr vcpus = tn_xml_child(domain, "vcpus");

    if (vcpus == NULL) {
        return TRUE;
    }
    /* Those that are not told of are not enabled, whatever `<vcpu current=>` says. */
    def->vcpus = 0;
    tn_domain_def_tell_vcpus_apart(def);
    for (xmlNodePtr node = tn_xml_child(vcpus, "vcpu"); node != NULL;
         node = tn_xml_child_next(node)) {
        if (!parse_one(def, node, error)) {
            return FALSE;
        }
    }
    count_enabled(def);
    return TRUE;
}

void
tn_vcpus_format(const TnDomainDef *def, TnXmlWriter *writer)
{
    if (def->vcpu_states == NULL) {
        return;
    }
    tn_xml_start(writer, "vcpus");
    for (guint i = 0; i < def->vcpu_states->len; i++) {
        const TnVcpuState *state = state_of(def, i);

        tn_xml_start(writer, "vcpu");
        tn_xml_put_attr_f(writer, "id", "%u", i);
        tn_xml_put_attr(writer, "enabled", state->enabled ? "yes" : "no");
        tn_xml_put_attr(writer, "hotpluggable", state->hotpluggable ? "yes" : "no");
        if (state->order != 0) {
            tn_xml_put_attr_f(writer, "order", "%u", state->order);
        }
        tn_xml_end(writer);
    }
    tn_xml_end(writer);
}

gboolean
tn_vcpus_validate(const TnDomainDef *def, GError **error)
{
    TnVcpuState first = tn_domain_def_get_vcpu(def, 0);
    g_autoptr(GHashTable) orders = g_hash_table_new(NULL, NULL);
    gboolean rest = FALSE;
    const char *wrong = NULL;

    if (!first.enabled) {
        wrong = "vcpu 0 can't be offline";
    } else if (first.hotpluggable) {
        wrong = "vcpu0 can't be hotpluggable";
    } else if (first.order > 1) {
        wrong = "vcpu0 must be enabled first";
    }
    for (guint i = 1; wrong == NULL && i < def->vcpus_max; i++) {
        TnVcpuState state = tn_domain_def_get_vcpu(def, i);

        if (rest && !state.hotpluggable) {
            wrong = "online non-hotpluggable vcpus need to be ordered prior to hotplugable vcpus";
        } else if (state.order != 0 &&
                   !g_hash_table_add(orders, GUINT_TO_POINTER(state.order))) {
            wrong = "an order of vcpus is given twice";
        }
        rest = rest || state.hotpluggable;
    }
    if (wrong != NULL) {
        tn_xml_error_set(error, TN_XML_ERROR_XML, "%s", wrong);
    }
    return wrong == NULL;
}
