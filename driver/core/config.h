/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Changes of single values of a domain's definitions: metadata, memory, CPUs. Worker threads. */
#ifndef TN_DRIVER_CORE_CONFIG_H
#define TN_DRIVER_CORE_CONFIG_H

#include "driver/core/domain.h"

G_BEGIN_DECLS

/** TnConfigMetadata: one piece of metadata: see virDomainSetMetadata(). */
typedef struct TnConfigMetadata {
    int type;
    const char *text; /* NULL: removes it */
    const char *key, *uri;
} TnConfigMetadata;

/* @flags: VIR_DOMAIN_AFFECT_*. (transfer full): NULL with NO_DOMAIN_METADATA and others. */
char *tn_config_get_metadata(TnDomain *domain, int type, const char *uri, unsigned flags,
                             GError **error);
gboolean tn_config_set_metadata(TnDomain *domain, const TnConfigMetadata *metadata,
                                unsigned flags, GError **error);

/**
 * tn_config_set_memory:
 * @kib: > 0. @flags: VIR_DOMAIN_AFFECT_* and VIR_DOMAIN_MEM_MAXIMUM.
 * Only the definition can be changed so: a running guest's memory changes by its
 * memory devices; OPERATION_INVALID as of a guest without a balloon.
 */
gboolean tn_config_set_memory(TnDomain *domain, guint64 kib, unsigned flags, GError **error);

/**
 * tn_config_set_lifecycle_action:
 * @type: virDomainLifecycle, @action: virDomainLifecycleAction.
 * Errors: INVALID_ARG; what validation says of an action that does not go with @type.
 */
gboolean tn_config_set_lifecycle_action(TnDomain *domain, guint type, guint action,
                                        unsigned flags, GError **error);

G_END_DECLS

#endif
