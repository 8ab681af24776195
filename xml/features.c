/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* `<features>`: each known feature is a row of a switch; the others are refused by name. */
#include "xml/domain-private.h"

static gboolean
parse_ioapic(TnDomainFeatures *self, xmlNodePtr node, GError **error)
{
    int driver = (int) self->ioapic;

    if (!tn_xml_attr_enum(node, "driver", &tn_ioapic_driver_table, TN_XML_ATTR_OPTIONAL, &driver,
                          error)) {
        return FALSE;
    }
    self->ioapic = (TnIoapicDriver) driver;
    return TRUE;
}

static gboolean
parse_feature(TnDomainFeatures *self, TnFeature feature, xmlNodePtr node, GError **error)
{
    switch (feature) {
    case TN_FEATURE_ACPI:
        self->acpi = TRUE;
        return TRUE;
    case TN_FEATURE_APIC:
        self->apic = TRUE;
        return TRUE;
    case TN_FEATURE_PAE:
        self->pae = TRUE;
        return TRUE;
    case TN_FEATURE_VMPORT:
        self->vmport = TN_TRISTATE_YES;
        return tn_xml_attr_tristate(node, "state", &tn_tristate_on_off_table, &self->vmport,
                                    error);
    case TN_FEATURE_SMM:
        self->smm = TN_TRISTATE_YES;
        return tn_xml_attr_tristate(node, "state", &tn_tristate_on_off_table, &self->smm, error);
    case TN_FEATURE_IOAPIC:
        return parse_ioapic(self, node, error);
    case TN_FEATURE_LAST:
        break;
    }
    return TRUE;
}

gboolean
tn_domain_features_parse(TnDomainFeatures *self, xmlNodePtr domain, GError **error)
{
    xmlNodePtr features = tn_xml_child(domain, "features");

    if (features == NULL) {
        return TRUE;
    }
    for (xmlNodePtr node = tn_xml_element(features->children); node != NULL;
         node = tn_xml_element(node->next)) {
        const char *name = (const char *) node->name;
        int feature = tn_enum_from_string(&tn_feature_table, name);

        if (tn_enum_is_refused(&tn_feature_table, name)) {
            tn_xml_unsupported(error, node);
            return FALSE;
        }
        if (feature < 0) {
            tn_xml_error_set(error, TN_XML_ERROR_CONFIG_UNSUPPORTED, "unexpected feature '%s'",
                             name);
            return FALSE;
        }
        tn_xml_mark(node);
        if (!parse_feature(self, (TnFeature) feature, node, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

static void
put_flag(TnXmlWriter *writer, const char *name, gboolean value)
{
    if (value) {
        tn_xml_start(writer, name);
        tn_xml_end(writer);
    }
}

static void
put_state(TnXmlWriter *writer, const char *name, TnTristate state)
{
    if (state != TN_TRISTATE_ABSENT) {
        tn_xml_start(writer, name);
        tn_xml_put_attr(writer, "state", tn_enum_to_string(&tn_tristate_on_off_table,
                                                           (int) state));
        tn_xml_end(writer);
    }
}

void
tn_domain_features_format(const TnDomainFeatures *self, TnXmlWriter *writer)
{
    tn_xml_start(writer, "features");
    put_flag(writer, "acpi", self->acpi);
    put_flag(writer, "apic", self->apic);
    put_flag(writer, "pae", self->pae);
    put_state(writer, "vmport", self->vmport);
    put_state(writer, "smm", self->smm);
    if (self->ioapic != TN_IOAPIC_ABSENT) {
        tn_xml_start(writer, "ioapic");
        tn_xml_put_attr(writer, "driver",
                        tn_enum_to_string(&tn_ioapic_driver_table, (int) self->ioapic));
        tn_xml_end(writer);
    }
    tn_xml_end_unless_empty(writer);
}

static gboolean
refuse_on(const char *name, TnTristate state, GError **error)
{
    if (state == TN_TRISTATE_YES) {
        tn_xml_error_set(error, TN_XML_ERROR_CONFIG_UNSUPPORTED,
                         "feature '%s' is only supported with state 'off'", name);
    }
    return state != TN_TRISTATE_YES;
}

gboolean
tn_domain_features_validate(const TnDomainFeatures *self, GError **error)
{
    return refuse_on("smm", self->smm, error);
}
