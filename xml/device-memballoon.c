/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* `<memballoon model='none'/>`: the word that there is no balloon. */
#include "xml/device-private.h"

static gboolean
memballoon_parse(TnDevice *device, xmlNodePtr node, TnXmlParseFlags flags, GError **error)
{
    int model = 0;

    return tn_xml_attr_enum(node, "model", &tn_memballoon_model_table, TN_XML_ATTR_REQUIRED,
                            &model, error);
}

static void
memballoon_format(const TnDevice *device, TnXmlWriter *writer, TnXmlFormatFlags flags)
{
    tn_xml_put_attr(writer, "model", "none");
}

static gboolean
memballoon_validate(const TnDevice *device, const TnDomainDef *def, GError **error)
{
    if (tn_domain_def_n_devices(def, TN_DEVICE_MEMBALLOON) > 1) {
        tn_xml_error_set(error, TN_XML_ERROR_INTERNAL,
                         "only a single memory balloon device is supported");
        return FALSE;
    }
    if (device->info.address_type != TN_ADDRESS_NONE) {
        tn_xml_error_set(error, TN_XML_ERROR_CONFIG_UNSUPPORTED,
                         "memballoon of model 'none' should not have an address");
        return FALSE;
    }
    return TRUE;
}

const TnDeviceOps tn_memballoon_ops = {
    .size = sizeof(TnMemballoonDevice),
    .parse = memballoon_parse,
    .format = memballoon_format,
    .validate = memballoon_validate,
};
