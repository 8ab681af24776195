/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * All domains of the driver, found by UUID, name or id. Any thread; the list has
 * a reader-writer lock of its own, held only inside these calls.
 */
#ifndef TN_DRIVER_CORE_DOMAIN_LIST_H
#define TN_DRIVER_CORE_DOMAIN_LIST_H

#include "driver/core/domain.h"

G_BEGIN_DECLS

typedef struct TnDomainList TnDomainList;

/* As many domains as one reply may name (REMOTE_DOMAIN_LIST_MAX). */
#define TN_DOMAIN_LIST_MAX 16384

TnDomainList *tn_domain_list_new(void);
void tn_domain_list_free(TnDomainList *list);

/**
 * tn_domain_list_find_*:
 * Returns: (transfer full): the domain, or NULL with VIR_ERR_NO_DOMAIN, worded as
 * libvirt does ("no domain with matching name 'x'"). An empty domain, which another
 * call is just making, is not found.
 */
TnDomain *tn_domain_list_find_uuid(TnDomainList *list, const guint8 *uuid, const char *name,
                                   GError **error);
TnDomain *tn_domain_list_find_name(TnDomainList *list, const char *name, GError **error);
TnDomain *tn_domain_list_find_id(TnDomainList *list, int id, GError **error);

/**
 * tn_domain_list_add:
 * @driver, @def: for a new domain.
 * Finds the domain of @def's UUID, or makes and files one.
 * Errors: OPERATION_FAILED "domain 'x' already exists with uuid ..." for a clash of
 * names or of a UUID under another name; and a full list.
 * Returns: (transfer full).
 */
TnDomain *tn_domain_list_add(TnDomainList *list, TnDriver *driver, const TnDomainDef *def,
                             GError **error);

/**
 * tn_domain_list_remove_if_empty:
 * Takes @domain out for good if it neither is defined nor runs, and no job is about
 * to change that. Any thread, no lock.
 */
void tn_domain_list_remove_if_empty(TnDomainList *list, TnDomain *domain);

/* Files @domain under @id (> 0) instead of its present one. */
void tn_domain_list_set_id(TnDomainList *list, TnDomain *domain, int id);

/* Files @domain under no id, if it is filed under @id. */
void tn_domain_list_clear_id(TnDomainList *list, TnDomain *domain, int id);

/* Files @domain under @name; OPERATION_FAILED when another has it. Sets domain->name. */
gboolean tn_domain_list_rename(TnDomainList *list, TnDomain *domain, const char *name,
                               GError **error);

/* Every domain that is defined or runs, sorted by name. (transfer full): of TnDomain, each with
 * a reference. */
GPtrArray *tn_domain_list_get_all(TnDomainList *list);

G_END_DECLS

#endif
