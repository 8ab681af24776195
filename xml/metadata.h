/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Title, description and the per-URI elements of `<metadata>`: virDomainSetMetadata's view. */
#ifndef TN_XML_METADATA_H
#define TN_XML_METADATA_H

#include "xml/domain.h"

/** TnMetadataType: numbers of virDomainMetadataType. */
typedef enum {
    TN_METADATA_DESCRIPTION = 0,
    TN_METADATA_TITLE = 1,
    TN_METADATA_ELEMENT = 2,
    TN_METADATA_LAST
} TnMetadataType;

/**
 * tn_domain_def_get_metadata: one piece of metadata as text.
 * @type: which; @uri: the XML namespace, only for ELEMENT.
 * Returns: the text or the XML of the element; caller frees. NULL with
 * NO_DOMAIN_METADATA when there is none, INVALID_ARG for an unknown @type or a missing @uri.
 */
char *tn_domain_def_get_metadata(const TnDomainDef *def, int type, const char *uri,
                                 GError **error);

/**
 * tn_domain_def_set_metadata: set or remove (@text NULL) one piece of metadata.
 * @text: title (no newline, else INVALID_ARG), description, or one XML element for ELEMENT.
 * @key: namespace prefix for ELEMENT with text; @uri: its namespace, never NULL for ELEMENT.
 * On failure @def is unchanged.
 */
gboolean tn_domain_def_set_metadata(TnDomainDef *def, int type, const char *text,
                                    const char *key, const char *uri, GError **error);

#endif
