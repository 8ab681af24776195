/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A domain's life as users drive it: define, start, stop, suspend, undefine.
 * Worker threads; each takes the domain's job itself where it needs one.
 */
#ifndef TN_DRIVER_CORE_LIFECYCLE_H
#define TN_DRIVER_CORE_LIFECYCLE_H

#include "driver/core/driver.h"

G_BEGIN_DECLS

/* Errors of all: what stands in the way, in libvirt's codes; state as before. */

/**
 * tn_lifecycle_define:
 * @schema_path: RelaxNG schema to hold @xml against first; NULL: none.
 * Returns: (transfer full): the domain, saved.
 */
TnDomain *tn_lifecycle_define(TnDriver *driver, const char *xml, const char *schema_path,
                              GError **error);
/**
 * tn_lifecycle_take_definition:
 * @name: of the domain, as its file among the definitions is called
 * @xml: what is in it
 * Takes a definition that an administrator put among the daemon's files, or changed there.
 * One that says what is known already changes nothing; one that the daemon itself wrote
 * meanwhile is left alone.
 */
gboolean tn_lifecycle_take_definition(TnDriver *driver, const char *name, const char *xml,
                                      GError **error);
/* A running domain becomes transient. */
gboolean tn_lifecycle_undefine(TnDomain *domain, GError **error);
gboolean tn_lifecycle_rename(TnDomain *domain, const char *new_name, GError **error);
gboolean tn_lifecycle_set_autostart(TnDomain *domain, gboolean autostart, GError **error);

/* @flags: VIR_DOMAIN_START_*. */
gboolean tn_lifecycle_create(TnDomain *domain, unsigned flags, GError **error);
/* A transient guest, or a run of a defined one from other XML. (transfer full) */
TnDomain *tn_lifecycle_create_xml(TnDriver *driver, const char *xml, unsigned flags,
                                  const char *schema_path, GError **error);
/* @flags: VIR_DOMAIN_DESTROY_*. Takes no job. */
gboolean tn_lifecycle_destroy(TnDomain *domain, unsigned flags, GError **error);
gboolean tn_lifecycle_suspend(TnDomain *domain, GError **error);
gboolean tn_lifecycle_resume(TnDomain *domain, GError **error);
gboolean tn_lifecycle_shutdown(TnDomain *domain, unsigned flags, GError **error);
/* By the power button; the guest is reset once it has powered off. */
gboolean tn_lifecycle_reboot(TnDomain *domain, unsigned flags, GError **error);
gboolean tn_lifecycle_reset(TnDomain *domain, GError **error);
/* Wakes a guest that sleeps (ACPI S3). INTERNAL_ERROR with the monitor's words if it does not. */
gboolean tn_lifecycle_pm_wakeup(TnDomain *domain, GError **error);

/**
 * tn_lifecycle_change_config:
 * Applies @change to a copy of the persistent definition, judges, saves and takes
 * it over. @change returns FALSE with @error to refuse. Also used by metadata edits.
 */
typedef gboolean (*TnConfigChange)(TnDomainDef *def, gpointer user_data, GError **error);
gboolean tn_lifecycle_change_config(TnDomain *domain, TnConfigChange change, gpointer user_data,
                                    GError **error);

G_END_DECLS

#endif
