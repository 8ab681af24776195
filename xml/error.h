/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Errors of the XML library: a GError domain whose codes are libvirt's error numbers. */
#ifndef TN_XML_ERROR_H
#define TN_XML_ERROR_H

#include <glib.h>

/**
 * TN_XML_ERROR: error domain of everything in xml/. The codes are the numbers of libvirt's public
 * virErrorNumber, so that a caller hands them to the wire unchanged; the message already starts
 * with libvirt's own prefix for the code ("XML error: ", "unsupported configuration: " ...).
 */
#define TN_XML_ERROR (tn_xml_error_quark())

/** TnXmlErrorCode: the virErrorNumber values that xml/ reports. */
typedef enum {
    TN_XML_ERROR_INTERNAL = 1,            /**< "internal error: ..." */
    TN_XML_ERROR_INVALID_ARG = 8,         /**< "invalid argument: ..." */
    TN_XML_ERROR_OS_TYPE = 16,            /**< "unknown OS type ..." */
    TN_XML_ERROR_NO_NAME = 21,            /**< "missing name information" */
    TN_XML_ERROR_XML = 27,                /**< "XML error: ..." */
    TN_XML_ERROR_XML_DETAIL = 35,         /**< a well-formedness fault, with its line */
    TN_XML_ERROR_OPERATION_INVALID = 55,  /**< "Requested operation is not valid: ..." */
    TN_XML_ERROR_CONFIG_UNSUPPORTED = 67, /**< "unsupported configuration: ..." */
    TN_XML_ERROR_NO_DOMAIN_METADATA = 80, /**< "metadata not found: ..." */
    TN_XML_ERROR_OVERFLOW = 82,           /**< "numerical overflow: ..." */
    TN_XML_ERROR_OPERATION_UNSUPPORTED = 84, /**< "Operation not supported: ..." */
    TN_XML_ERROR_INVALID_SCHEMA = 92,     /**< "XML document failed to validate ..." */
    TN_XML_ERROR_DEVICE_MISSING = 99,     /**< "device not found: ..." */
} TnXmlErrorCode;

/** tn_xml_error_quark: the quark behind TN_XML_ERROR. Thread-safe. */
GQuark tn_xml_error_quark(void);

/**
 * tn_xml_error_set: set an error whose text is libvirt's prefix for @code followed by @format.
 * @error: where to put it; NULL: nothing is reported.
 * @code: what kind of error.
 * @format: printf format of the detail; the ending of the message, without a final dot.
 */
void tn_xml_error_set(GError **error, TnXmlErrorCode code, const char *format, ...)
    G_GNUC_PRINTF(3, 4);

#endif
