/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* `<controller>`: the PCI root that the machine always has, and the word that there is no USB. */
#include "xml/device-private.h"

static const char *
only_model(TnControllerType type)
{
    switch (type) {
    case TN_CONTROLLER_USB:
        return "none";
    case TN_CONTROLLER_PCI:
        return "pci-root";
    case TN_CONTROLLER_LAST:
        break;
    }
    return NULL;
}

static gboolean
parse_index(TnControllerDevice *self, xmlNodePtr node, GError **error)
{
    g_autofree char *text = tn_xml_attr(node, "index");
    guint64 index;

    self->index = -1;
    if (text == NULL) {
        return TRUE;
    }
    if (!tn_xml_parse_uint64(text, &index) || index > G_MAXINT) {
        tn_xml_error_set(error, TN_XML_ERROR_XML,
                         "Invalid value for attribute 'index' in element 'controller': '%s'. "
                         "Expected integer value", text);
        return FALSE;
    }
    self->index = (int) index;
    return TRUE;
}

static gboolean
controller_parse(TnDevice *device, xmlNodePtr node, TnXmlParseFlags flags, GError **error)
{
    TnControllerDevice *self = (TnControllerDevice *) device;
    g_autofree char *model = NULL;
    const TnEnumTable *models;
    int value = 0;

    if (!tn_xml_attr_enum(node, "type", &tn_controller_type_table, TN_XML_ATTR_REQUIRED, &value,
                          error) ||
        !parse_index(self, node, error)) {
        return FALSE;
    }
    self->type = (TnControllerType) value;
    models = self->type == TN_CONTROLLER_USB ? &tn_usb_model_table : &tn_pci_model_table;
    model = tn_xml_attr(node, "model");
    if (model != NULL && tn_enum_from_string(models, model) < 0 &&
        !tn_enum_is_refused(models, model)) {
        tn_xml_error_set(error, TN_XML_ERROR_CONFIG_UNSUPPORTED, "Unknown model type '%s'", model);
        return FALSE;
    }
    /* A controller that names no model would be some real one. */
    if (model == NULL) {
        tn_xml_error_set(error, TN_XML_ERROR_CONFIG_UNSUPPORTED,
                         "controller of type '%s' is only supported with model '%s'",
                         tn_enum_to_string(&tn_controller_type_table, value),
                         only_model(self->type));
        return FALSE;
    }
    if (!tn_xml_attr_enum(node, "model", models, TN_XML_ATTR_REQUIRED, &value, error)) {
        return FALSE;
    }
    self->model = g_steal_pointer(&model);
    return TRUE;
}

static void
controller_format(const TnDevice *device, TnXmlWriter *writer, TnXmlFormatFlags flags)
{
    const TnControllerDevice *self = (const TnControllerDevice *) device;

    tn_xml_put_attr(writer, "type", tn_enum_to_string(&tn_controller_type_table,
                                                      (int) self->type));
    if (self->index >= 0) {
        tn_xml_put_attr_f(writer, "index", "%d", self->index);
    }
    tn_xml_put_attr(writer, "model", self->model);
}

static gboolean
controller_validate(const TnDevice *device, const TnDomainDef *def, GError **error)
{
    const TnControllerDevice *self = (const TnControllerDevice *) device;
    const char *type = tn_enum_to_string(&tn_controller_type_table, (int) self->type);

    if (self->index > 0) {
        tn_xml_error_set(error, TN_XML_ERROR_CONFIG_UNSUPPORTED,
                         "controller of type '%s' and model '%s' must have index 0", type,
                         self->model);
        return FALSE;
    }
    if (device->info.address_type != TN_ADDRESS_NONE) {
        tn_xml_error_set(error, TN_XML_ERROR_CONFIG_UNSUPPORTED,
                         "controller of type '%s' and model '%s' should not have an address", type,
                         self->model);
        return FALSE;
    }
    for (guint i = 0; i < tn_domain_def_n_devices(def, TN_DEVICE_CONTROLLER); i++) {
        const TnControllerDevice *other =
            (const TnControllerDevice *) tn_domain_def_device(def, TN_DEVICE_CONTROLLER, i);

        if (other != self && other->type == self->type && other->index == self->index) {
            tn_xml_error_set(error, TN_XML_ERROR_XML,
                             "Multiple '%s' controllers with index '%d'", type, self->index);
            return FALSE;
        }
    }
    return TRUE;
}

static void
controller_own(TnDevice *device)
{
    TnControllerDevice *self = (TnControllerDevice *) device;

    self->model = g_strdup(self->model);
}

static void
controller_clear(TnDevice *device)
{
    TnControllerDevice *self = (TnControllerDevice *) device;

    g_free(self->model);
}

static char *
controller_alias(const TnDomainDef *def, const TnDevice *device)
{
    switch (((const TnControllerDevice *) device)->type) {
    case TN_CONTROLLER_USB:
        return g_strdup("usb");
    case TN_CONTROLLER_PCI:
        return g_strdup("pci.0");
    case TN_CONTROLLER_LAST:
        break;
    }
    return NULL;
}

static gboolean
controller_is_implicit(const TnDevice *device)
{
    return ((const TnControllerDevice *) device)->type == TN_CONTROLLER_PCI;
}

const TnDeviceOps tn_controller_ops = {
    .size = sizeof(TnControllerDevice),
    .parse = controller_parse,
    .format = controller_format,
    .validate = controller_validate,
    .own = controller_own,
    .clear = controller_clear,
    .alias = controller_alias,
    .is_implicit = controller_is_implicit,
};
