/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* `<audio type='none'/>`: a host audio backend that does nothing; libvirt adds it by itself. */
#include "xml/device-private.h"

static gboolean
audio_parse(TnDevice *device, xmlNodePtr node, TnXmlParseFlags flags, GError **error)
{
    TnAudioDevice *self = (TnAudioDevice *) device;
    guint id = 0;
    int type = 0;

    if (!tn_xml_attr_uint(node, "id", TN_XML_ATTR_REQUIRED | TN_XML_ATTR_NONZERO, G_MAXINT, &id,
                          error) ||
        !tn_xml_attr_enum(node, "type", &tn_audio_type_table, TN_XML_ATTR_REQUIRED, &type,
                          error)) {
        return FALSE;
    }
    self->id = (int) id;
    return TRUE;
}

static void
audio_format(const TnDevice *device, TnXmlWriter *writer, TnXmlFormatFlags flags)
{
    tn_xml_put_attr_f(writer, "id", "%d", ((const TnAudioDevice *) device)->id);
    tn_xml_put_attr(writer, "type", "none");
}

static gboolean
audio_validate(const TnDevice *device, const TnDomainDef *def, GError **error)
{
    const TnAudioDevice *self = (const TnAudioDevice *) device;

    for (guint i = 0; i < tn_domain_def_n_devices(def, TN_DEVICE_AUDIO); i++) {
        const TnAudioDevice *other =
            (const TnAudioDevice *) tn_domain_def_device(def, TN_DEVICE_AUDIO, i);

        if (other != self && other->id == self->id) {
            tn_xml_error_set(error, TN_XML_ERROR_XML, "audio ID %d is already used", self->id);
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean
audio_is_implicit(const TnDevice *device)
{
    return TRUE;
}

const TnDeviceOps tn_audio_ops = {
    .size = sizeof(TnAudioDevice),
    .parse = audio_parse,
    .format = audio_format,
    .validate = audio_validate,
    .is_implicit = audio_is_implicit,
};
