/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Errors of the XML library: the quark and libvirt's sentence for each code. */
#include "xml/error.h"

#include <stdarg.h>

G_DEFINE_QUARK(tn-xml-error-quark, tn_xml_error)

static const char *
prefix_of(TnXmlErrorCode code)
{
    switch (code) {
    case TN_XML_ERROR_INTERNAL:
        return "internal error: ";
    case TN_XML_ERROR_INVALID_ARG:
        return "invalid argument: ";
    case TN_XML_ERROR_OS_TYPE:
        return "unknown OS type ";
    case TN_XML_ERROR_NO_NAME:
        return "missing name information";
    case TN_XML_ERROR_XML:
        return "XML error: ";
    case TN_XML_ERROR_XML_DETAIL:
        return "";
    case TN_XML_ERROR_OPERATION_INVALID:
        return "Requested operation is not valid: ";
    case TN_XML_ERROR_CONFIG_UNSUPPORTED:
        return "unsupported configuration: ";
    case TN_XML_ERROR_NO_DOMAIN_METADATA:
        return "metadata not found: ";
    case TN_XML_ERROR_OVERFLOW:
        return "numerical overflow: ";
    case TN_XML_ERROR_OPERATION_UNSUPPORTED:
        return "Operation not supported: ";
    case TN_XML_ERROR_INVALID_SCHEMA:
        return "XML document failed to validate against schema: ";
    case TN_XML_ERROR_DEVICE_MISSING:
        return "device not found: ";
    }
    return "";
}

void
tn_xml_error_set(GError **error, TnXmlErrorCode code, const char *format, ...)
{
    g_autofree char *detail = NULL;
    va_list args;

    va_start(args, format);
    detail = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error(error, TN_XML_ERROR, code, "%s%s", prefix_of(code), detail);
}
