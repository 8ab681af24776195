/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * `<controller>`: the PCI root that the machine always has, bridges to further PCI buses, and the
 * word that there is no USB.
 */
#include "xml/device-private.h"

#include <string.h>

#define ROOT "pci-root"
#define BRIDGE "pci-bridge"
#define CHASSIS_MAX 255

gboolean
tn_controller_is_bridge(const TnControllerDevice *self)
{
    return self->type == TN_CONTROLLER_PCI && g_strcmp0(self->model, BRIDGE) == 0;
}

TnDevice *
tn_pci_bridge_new(int index)
{
    TnControllerDevice *self = (TnControllerDevice *) tn_device_new(TN_DEVICE_CONTROLLER);

    self->type = TN_CONTROLLER_PCI;
    self->index = index;
    self->model = g_strdup(BRIDGE);
    self->chassis_nr = index;
    return &self->base;
}

TnControllerDevice *
tn_domain_def_pci_controller(const TnDomainDef *def, int index)
{
    for (guint i = 0; i < tn_domain_def_n_devices(def, TN_DEVICE_CONTROLLER); i++) {
        TnControllerDevice *controller =
            (TnControllerDevice *) tn_domain_def_device(def, TN_DEVICE_CONTROLLER, i);

        if (controller->type == TN_CONTROLLER_PCI && controller->index == index) {
            return controller;
        }
    }
    return NULL;
}

const char *
tn_domain_def_pci_bus_name(const TnDomainDef *def, guint index)
{
    const TnControllerDevice *controller = tn_domain_def_pci_controller(def, (int) index);

    /* The machine names its first bus itself. */
    if (index == 0) {
        return "pci.0";
    }
    return controller != NULL ? controller->base.info.alias : NULL;
}

static const char *
only_model(TnControllerType type)
{
    switch (type) {
    case TN_CONTROLLER_USB:
        return "none";
    case TN_CONTROLLER_PCI:
        return ROOT;
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
    if (self->type == TN_CONTROLLER_PCI && index > TN_PCI_BUS_MAX) {
        tn_xml_error_set(error, TN_XML_ERROR_CONFIG_UNSUPPORTED,
                         "PCI controller index %s too high, maximum is %d", text, TN_PCI_BUS_MAX);
        return FALSE;
    }
    self->index = (int) index;
    return TRUE;
}

/* An option of `<target>` or `<model>` that a PCI controller of this kind does not have, or not
 * with this value. */
static gboolean
refuse_option(const TnControllerDevice *self, const char *option, const char *how,
              const char *model_name, GError **error)
{
    tn_xml_error_set(error, TN_XML_ERROR_CONFIG_UNSUPPORTED,
                     "Option '%s' %s for PCI controller with index '%d', model '%s' and modelName "
                     "'%s'", option, how, self->index, self->model,
                     model_name != NULL ? model_name
                     : tn_controller_is_bridge(self) ? BRIDGE : "none");
    return FALSE;
}

static gboolean
parse_model_name(TnControllerDevice *self, xmlNodePtr node, GError **error)
{
    xmlNodePtr model = tn_xml_child(node, "model");
    g_autofree char *name = model != NULL ? tn_xml_attr(model, "name") : NULL;

    if (name == NULL || (tn_controller_is_bridge(self) && strcmp(name, BRIDGE) == 0)) {
        return TRUE;
    }
    return refuse_option(self, "modelName", tn_controller_is_bridge(self) ? "has invalid value"
                                                                          : "is not valid",
                         name, error);
}

static gboolean
parse_chassis(TnControllerDevice *self, xmlNodePtr target, GError **error)
{
    g_autofree char *text = tn_xml_attr(target, "chassisNr");
    guint64 number;

    if (text == NULL) {
        return TRUE;
    }
    if (!tn_controller_is_bridge(self)) {
        return refuse_option(self, "chassisNr", "is not valid", NULL, error);
    }
    if (!tn_xml_parse_uint64(text, &number)) {
        tn_xml_error_set(error, TN_XML_ERROR_XML,
                         "Invalid value for attribute 'chassisNr' in element 'target': '%s'. "
                         "Expected integer value", text);
        return FALSE;
    }
    if (number < 1 || number > CHASSIS_MAX) {
        tn_xml_error_set(error, TN_XML_ERROR_CONFIG_UNSUPPORTED,
                         "PCI controller chassisNr '%s' out of range - must be 1-%d", text,
                         CHASSIS_MAX);
        return FALSE;
    }
    self->chassis_nr = (int) number;
    return TRUE;
}

static gboolean
parse_target(TnControllerDevice *self, xmlNodePtr node, GError **error)
{
    static const char *const others[] = { "busNr", "chassis", "port", "index" };
    xmlNodePtr target = tn_xml_child(node, "target");

    if (target == NULL) {
        return TRUE;
    }
    for (guint i = 0; i < G_N_ELEMENTS(others); i++) {
        g_autofree char *text = tn_xml_attr(target, others[i]);

        if (text != NULL) {
            return refuse_option(self, others[i], "is not valid", NULL, error);
        }
    }
    if (!parse_chassis(self, target, error) ||
        !tn_xml_attr_tristate(target, "hotplug", &tn_tristate_on_off_table, &self->hotplug,
                              error)) {
        return FALSE;
    }
    return self->hotplug == TN_TRISTATE_ABSENT || !tn_controller_is_bridge(self) ||
           refuse_option(self, "hotplug", "is not valid", NULL, error);
}

static gboolean
controller_parse(TnDevice *device, xmlNodePtr node, TnXmlParseFlags flags, GError **error)
{
    TnControllerDevice *self = (TnControllerDevice *) device;
    g_autofree char *model = NULL;
    const TnEnumTable *models;
    int value = 0;

    self->chassis_nr = -1;
    if (!tn_xml_attr_enum(node, "type", &tn_controller_type_table, TN_XML_ATTR_REQUIRED, &value,
                          error)) {
        return FALSE;
    }
    self->type = (TnControllerType) value;
    if (!parse_index(self, node, error)) {
        return FALSE;
    }
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
    return self->type != TN_CONTROLLER_PCI ||
           (parse_model_name(self, node, error) && parse_target(self, node, error));
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
    if (tn_controller_is_bridge(self)) {
        tn_xml_start(writer, "model");
        tn_xml_put_attr(writer, "name", BRIDGE);
        tn_xml_end(writer);
    }
    if (self->chassis_nr >= 0 || self->hotplug != TN_TRISTATE_ABSENT) {
        tn_xml_start(writer, "target");
        if (self->chassis_nr >= 0) {
            tn_xml_put_attr_f(writer, "chassisNr", "%d", self->chassis_nr);
        }
        tn_xml_put_attr(writer, "hotplug",
                        tn_enum_to_string(&tn_tristate_on_off_table, (int) self->hotplug));
        tn_xml_end(writer);
    }
}

/* The PCI buses are numbered from the root on. */
static gboolean
validate_place(const TnControllerDevice *self, GError **error)
{
    const TnDeviceInfo *info = &self->base.info;
    guint bus = info->address_type == TN_ADDRESS_PCI ? info->address.pci.bus : 0;

    if (info->address_type != TN_ADDRESS_NONE && info->address_type != TN_ADDRESS_PCI) {
        tn_xml_error_set(error, TN_XML_ERROR_CONFIG_UNSUPPORTED,
                         "PCI controller at index %d needs a PCI address", self->index);
        return FALSE;
    }
    if (bus >= (guint) self->index) {
        tn_xml_error_set(error, TN_XML_ERROR_CONFIG_UNSUPPORTED,
                         "PCI controller at index %d (0x%02x) has bus='0x%02x', but index must be "
                         "larger than bus", self->index, (guint) self->index, bus);
        return FALSE;
    }
    return TRUE;
}

/* What the machine has anyway, or has not at all. */
static gboolean
validate_only(const TnControllerDevice *self, const char *type, GError **error)
{
    if (self->index > 0) {
        tn_xml_error_set(error, TN_XML_ERROR_CONFIG_UNSUPPORTED,
                         "controller of type '%s' and model '%s' must have index 0", type,
                         self->model);
        return FALSE;
    }
    if (self->base.info.address_type != TN_ADDRESS_NONE) {
        tn_xml_error_set(error, TN_XML_ERROR_CONFIG_UNSUPPORTED,
                         "controller of type '%s' and model '%s' should not have an address", type,
                         self->model);
        return FALSE;
    }
    return TRUE;
}

static gboolean
controller_validate(const TnDevice *device, const TnDomainDef *def, GError **error)
{
    const TnControllerDevice *self = (const TnControllerDevice *) device;
    const char *type = tn_enum_to_string(&tn_controller_type_table, (int) self->type);

    if (!(tn_controller_is_bridge(self) ? validate_place(self, error)
                                        : validate_only(self, type, error))) {
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
        return g_strdup_printf("pci.%d", ((const TnControllerDevice *) device)->index);
    case TN_CONTROLLER_LAST:
        break;
    }
    return NULL;
}

static gboolean
controller_is_implicit(const TnDevice *device)
{
    const TnControllerDevice *self = (const TnControllerDevice *) device;

    return self->type == TN_CONTROLLER_PCI && self->hotplug == TN_TRISTATE_ABSENT &&
           !tn_controller_is_bridge(self);
}

static gboolean
controller_on_pci(const TnDevice *device)
{
    return tn_controller_is_bridge((const TnControllerDevice *) device);
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
    .on_pci = controller_on_pci,
};
