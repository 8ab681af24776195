/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Define, start, suspend, stop, undefine. */
#include "driver/core/lifecycle.h"

#include <string.h>

#include "driver/core/driver-private.h"
#include "driver/core/job.h"
#include "driver/core/launch.h"
#include "driver/core/monitor.h"
#include "driver/core/stop.h"

static TnDomainDef *
parse(TnDriver *driver, const char *xml, const char *schema_path, GError **error)
{
    const TnXmlParseOptions options = {
        .flags = TN_XML_PARSE_INACTIVE,
        .host = tn_driver_get_xml_host(driver),
        .schema_path = schema_path,
    };

    return tn_domain_def_parse(xml, &options, error);
}

static gboolean
define_job(TnDomain *domain, TnDomainDef *given, GError **error)
{
    g_autoptr(TnDomainDef) def = given;
    TnDriver *driver = domain->driver;
    TnDomainDef *old;

    if (!tn_state_store_save_definition(driver->store, def, error)) {
        return FALSE;
    }
    g_mutex_lock(&domain->lock);
    old = domain->persistent;
    domain->updated = domain->live != NULL;
    domain->persistent = g_steal_pointer(&def);
    tn_event_hub_emit_lifecycle_locked(driver->events, domain, VIR_DOMAIN_EVENT_DEFINED,
                                       old ? VIR_DOMAIN_EVENT_DEFINED_UPDATED
                                           : VIR_DOMAIN_EVENT_DEFINED_ADDED);
    if (!old && domain->live) {
        /* The run record says whether it is transient. */
        tn_launch_save_run_later(domain);
    }
    g_mutex_unlock(&domain->lock);
    tn_domain_def_free(old);
    return TRUE;
}

/* The domain that @def is of, old or new, with its job held. (transfer full) */
static TnDomain *
enter_domain(TnDriver *driver, const TnDomainDef *def, const char *what, GError **error)
{
    for (;;) {
        g_autoptr(TnDomain) domain = tn_domain_list_add(driver->domains, driver, def, error);
        g_autoptr(GError) why = NULL;

        if (!domain) {
            return NULL;
        }
        if (tn_domain_begin_job(domain, what, &why)) {
            return g_steal_pointer(&domain);
        }
        /* It was removed while we waited for it: its place is free for a new one. */
        if (why->code != VIR_ERR_NO_DOMAIN) {
            g_propagate_error(error, g_steal_pointer(&why));
            return NULL;
        }
    }
}

TnDomain *
tn_lifecycle_define(TnDriver *driver, const char *xml, const char *schema_path, GError **error)
{
    g_autoptr(TnDomainDef) def = parse(driver, xml, schema_path, error);
    g_autoptr(TnDomain) domain = def ? enter_domain(driver, def, "define", error) : NULL;
    gboolean ok;

    if (!domain) {
        return NULL;
    }
    ok = define_job(domain, g_steal_pointer(&def), error);
    tn_domain_end_job(domain);
    return ok ? g_steal_pointer(&domain) : NULL;
}

/* A definition as a daemon that starts reads it, from @name's file. */
static TnDomainDef *
parse_file(TnDriver *driver, const char *name, const char *xml, GError **error)
{
    const TnXmlParseOptions options = {
        .flags = TN_XML_PARSE_INACTIVE | TN_XML_PARSE_SKIP_VALIDATE,
        .host = tn_driver_get_xml_host(driver),
    };
    g_autoptr(TnDomainDef) def = tn_domain_def_parse(xml, &options, error);

    if (def && strcmp(def->name, name) != 0) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_XML_ERROR,
                    "Domain config filename '%s.xml' does not match domain name '%s'", name,
                    def->name);
        return NULL;
    }
    return g_steal_pointer(&def);
}

static gboolean
is_known(TnDomain *domain, const TnDomainDef *def)
{
    g_autofree char *now = tn_domain_def_format(def, TN_XML_FORMAT_INACTIVE | TN_XML_FORMAT_SECURE);
    g_autofree char *before = NULL;

    g_mutex_lock(&domain->lock);
    if (domain->persistent) {
        before = tn_domain_def_format(domain->persistent,
                                      TN_XML_FORMAT_INACTIVE | TN_XML_FORMAT_SECURE);
    }
    g_mutex_unlock(&domain->lock);
    return g_strcmp0(now, before) == 0;
}

gboolean
tn_lifecycle_take_definition(TnDriver *driver, const char *name, const char *xml, GError **error)
{
    g_autoptr(TnDomainDef) def = parse_file(driver, name, xml, error);
    g_autoptr(TnDomain) domain = def ? enter_domain(driver, def, "reload", error) : NULL;
    g_autofree char *now = NULL;
    gboolean ok;

    if (!domain) {
        return FALSE;
    }
    /* Whoever had the job before us may have written the file. */
    now = tn_state_store_read_definition(driver->store, name);
    ok = g_strcmp0(now, xml) == 0;
    if (!ok) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_OPERATION_FAILED,
                    "the definition of '%s' changed while it was read", name);
    } else if (!is_known(domain, def)) {
        ok = define_job(domain, g_steal_pointer(&def), error);
    }
    tn_domain_end_job(domain);
    return ok;
}

static gboolean
undefine_job(TnDomain *domain, GError **error)
{
    TnDriver *driver = domain->driver;
    g_autofree char *name = NULL;
    TnDomainDef *old;

    g_mutex_lock(&domain->lock);
    name = domain->persistent ? g_strdup(domain->name) : NULL;
    g_mutex_unlock(&domain->lock);
    if (!name) {
        g_set_error_literal(error, TN_VIR_ERROR, VIR_ERR_OPERATION_INVALID,
                            "cannot undefine transient domain");
        return FALSE;
    }
    if (!tn_state_store_delete_definition(driver->store, name, error)) {
        return FALSE;
    }
    g_mutex_lock(&domain->lock);
    old = g_steal_pointer(&domain->persistent);
    domain->autostart = FALSE;
    tn_event_hub_emit_lifecycle_locked(driver->events, domain, VIR_DOMAIN_EVENT_UNDEFINED,
                                       VIR_DOMAIN_EVENT_UNDEFINED_REMOVED);
    if (domain->live) {
        tn_launch_save_run_later(domain);
    }
    g_mutex_unlock(&domain->lock);
    tn_domain_def_free(old);
    return TRUE;
}

gboolean
tn_lifecycle_undefine(TnDomain *domain, GError **error)
{
    gboolean ok;

    if (!tn_domain_begin_job(domain, "undefine", error)) {
        return FALSE;
    }
    ok = undefine_job(domain, error);
    tn_domain_end_job(domain);
    return ok;
}

gboolean
tn_lifecycle_change_config(TnDomain *domain, TnConfigChange change, gpointer user_data,
                           GError **error)
{
    g_autoptr(TnDomainDef) def = NULL;
    gboolean ok;

    if (!tn_domain_begin_job(domain, "modify", error)) {
        return FALSE;
    }
    g_mutex_lock(&domain->lock);
    ok = tn_domain_check_persistent_locked(domain, error);
    def = ok ? tn_domain_def_copy(domain->persistent) : NULL;
    g_mutex_unlock(&domain->lock);
    ok = ok && change(def, user_data, error) && tn_domain_def_validate(def, error) &&
         tn_state_store_save_definition(domain->driver->store, def, error);
    if (ok) {
        TnDomainDef *old;

        g_mutex_lock(&domain->lock);
        old = domain->persistent;
        domain->persistent = g_steal_pointer(&def);
        g_mutex_unlock(&domain->lock);
        tn_domain_def_free(old);
    }
    tn_domain_end_job(domain);
    return ok;
}

/* Moves files and list from @old_name to the name of @def; on failure all is as before. */
static gboolean
move_definition(TnDomain *domain, const TnDomainDef *def, const char *old_name,
                gboolean autostart, GError **error)
{
    TnDriver *driver = domain->driver;

    if (!tn_domain_list_rename(driver->domains, domain, def->name, error)) {
        return FALSE;
    }
    if (tn_state_store_save_definition(driver->store, def, error) &&
        (!autostart || tn_state_store_set_autostart(driver->store, def->name, TRUE, error)) &&
        tn_state_store_delete_definition(driver->store, old_name, error)) {
        return TRUE;
    }
    (void)tn_state_store_delete_definition(driver->store, def->name, NULL);
    (void)tn_domain_list_rename(driver->domains, domain, old_name, NULL);
    return FALSE;
}

static gboolean
rename_job(TnDomain *domain, const char *new_name, GError **error)
{
    TnDriver *driver = domain->driver;
    g_autoptr(TnDomainDef) def = NULL;
    g_autofree char *old_name = NULL;
    gboolean ok, autostart;

    g_mutex_lock(&domain->lock);
    ok = tn_domain_check_persistent_locked(domain, error);
    if (ok && domain->live) {
        g_set_error_literal(error, TN_VIR_ERROR, VIR_ERR_OPERATION_INVALID,
                            "cannot rename active domain");
        ok = FALSE;
    }
    def = ok ? tn_domain_def_copy(domain->persistent) : NULL;
    old_name = g_strdup(domain->name);
    autostart = domain->autostart;
    g_mutex_unlock(&domain->lock);
    if (!ok) {
        return FALSE;
    }
    g_free(def->name);
    def->name = g_strdup(new_name);
    if (!tn_domain_def_validate(def, error) ||
        !move_definition(domain, def, old_name, autostart, error)) {
        return FALSE;
    }
    g_mutex_lock(&domain->lock);
    tn_domain_def_free(domain->persistent);
    domain->persistent = g_steal_pointer(&def);
    tn_event_hub_emit_lifecycle_locked(driver->events, domain, VIR_DOMAIN_EVENT_DEFINED,
                                       VIR_DOMAIN_EVENT_DEFINED_RENAMED);
    g_mutex_unlock(&domain->lock);
    return TRUE;
}

gboolean
tn_lifecycle_rename(TnDomain *domain, const char *new_name, GError **error)
{
    gboolean ok;

    if (!tn_domain_begin_job(domain, "rename", error)) {
        return FALSE;
    }
    ok = rename_job(domain, new_name, error);
    tn_domain_end_job(domain);
    return ok;
}

gboolean
tn_lifecycle_set_autostart(TnDomain *domain, gboolean autostart, GError **error)
{
    g_autofree char *name = NULL;
    gboolean ok;

    if (!tn_domain_begin_job(domain, "autostart", error)) {
        return FALSE;
    }
    g_mutex_lock(&domain->lock);
    name = domain->persistent ? g_strdup(domain->name) : NULL;
    g_mutex_unlock(&domain->lock);
    if (!name) {
        g_set_error_literal(error, TN_VIR_ERROR, VIR_ERR_OPERATION_INVALID,
                            "cannot set autostart for transient domain");
    }
    ok = name && tn_state_store_set_autostart(domain->driver->store, name, autostart, error);
    if (ok) {
        g_mutex_lock(&domain->lock);
        domain->autostart = autostart;
        g_mutex_unlock(&domain->lock);
    }
    tn_domain_end_job(domain);
    return ok;
}

gboolean
tn_lifecycle_create(TnDomain *domain, unsigned flags, GError **error)
{
    g_autoptr(TnDomainDef) def = NULL;
    gboolean ok;

    if (!tn_domain_begin_job(domain, "create", error)) {
        return FALSE;
    }
    g_mutex_lock(&domain->lock);
    ok = tn_domain_check_inactive_locked(domain, error);
    if (ok && !domain->persistent) {
        /* It ended, and was forgotten, while this call waited. */
        tn_domain_set_gone_error(error, domain->uuid_text, domain->name);
        ok = FALSE;
    }
    def = ok ? tn_domain_def_copy(domain->persistent) : NULL;
    g_mutex_unlock(&domain->lock);
    ok = ok && tn_launch(domain, def, (flags & VIR_DOMAIN_START_PAUSED) != 0, error);
    tn_domain_end_job(domain);
    return ok;
}

TnDomain *
tn_lifecycle_create_xml(TnDriver *driver, const char *xml, unsigned flags,
                        const char *schema_path, GError **error)
{
    g_autoptr(TnDomainDef) def = parse(driver, xml, schema_path, error);
    g_autoptr(TnDomain) domain = def ? enter_domain(driver, def, "create", error) : NULL;
    gboolean ok;

    if (!domain) {
        return NULL;
    }
    g_mutex_lock(&domain->lock);
    ok = domain->live == NULL;
    if (!ok) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_OPERATION_INVALID,
                    "domain '%s' is already active", domain->name);
    }
    g_mutex_unlock(&domain->lock);
    ok = ok && tn_launch(domain, def, (flags & VIR_DOMAIN_START_PAUSED) != 0, error);
    tn_domain_end_job(domain);
    return ok ? g_steal_pointer(&domain) : NULL;
}

gboolean
tn_lifecycle_destroy(TnDomain *domain, unsigned flags, GError **error)
{
    return flags & VIR_DOMAIN_DESTROY_GRACEFUL
               ? tn_stop_gracefully(domain, error)
               : tn_stop_now(domain, VIR_DOMAIN_SHUTOFF_DESTROYED, error);
}

/* Runs @command in a job of @what, with the domain active. */
static gboolean
simple_command(TnDomain *domain, const char *what, const char *command, GError **error)
{
    gboolean ok;

    if (!tn_domain_begin_job_active(domain, what, error)) {
        return FALSE;
    }
    ok = tn_monitor_call(domain, command, NULL, error);
    tn_domain_end_job(domain);
    return ok;
}

/* What the domain was before it was switched, and which run of it. */
typedef struct SwitchedFrom {
    guint run;
    int state;
} SwitchedFrom;

/* The monitor's own event, which says the same as its answer, is expected and not told again.
 * FALSE without an error: it is as wanted already. */
static gboolean
begin_switch_locked(TnDomain *domain, gboolean run, SwitchedFrom *ret_from, GError **error)
{
    int state = run ? VIR_DOMAIN_RUNNING : VIR_DOMAIN_PAUSED;

    if (!tn_domain_check_active_locked(domain, error)) {
        return FALSE;
    }
    if (domain->state == VIR_DOMAIN_PMSUSPENDED) {
        g_set_error_literal(error, TN_VIR_ERROR, VIR_ERR_OPERATION_INVALID,
                            "domain is pmsuspended");
        return FALSE;
    }
    if (domain->state == state) {
        if (run) {
            g_set_error_literal(error, TN_VIR_ERROR, VIR_ERR_OPERATION_INVALID,
                                "domain is already running");
        }
        return FALSE;
    }
    *ret_from = (SwitchedFrom){ domain->run, domain->state };
    if (run) {
        domain->process.own_resumes++;
    } else {
        domain->process.own_stops++;
    }
    return TRUE;
}

static void
finish_switch(TnDomain *domain, gboolean run, const SwitchedFrom *from, gboolean ok)
{
    g_mutex_lock(&domain->lock);
    if (domain->run == from->run && domain->live) {
        if (!ok) {
            guint *expected = run ? &domain->process.own_resumes : &domain->process.own_stops;

            *expected -= *expected > 0;
        } else {
            /* Unless something has come between: a guest that ended stays so. */
            if (domain->state == from->state) {
                tn_domain_set_state_locked(domain, run ? VIR_DOMAIN_RUNNING : VIR_DOMAIN_PAUSED,
                                           run ? VIR_DOMAIN_RUNNING_UNPAUSED
                                               : VIR_DOMAIN_PAUSED_USER);
            }
            tn_event_hub_emit_lifecycle_locked(domain->driver->events, domain,
                                               run ? VIR_DOMAIN_EVENT_RESUMED
                                                   : VIR_DOMAIN_EVENT_SUSPENDED,
                                               run ? VIR_DOMAIN_EVENT_RESUMED_UNPAUSED
                                                   : VIR_DOMAIN_EVENT_SUSPENDED_PAUSED);
            tn_launch_save_run_later(domain);
        }
    }
    g_mutex_unlock(&domain->lock);
}

static gboolean
switch_cpus(TnDomain *domain, gboolean run, GError **error)
{
    GError *why = NULL;
    SwitchedFrom from;
    gboolean ok;

    g_mutex_lock(&domain->lock);
    ok = begin_switch_locked(domain, run, &from, &why);
    g_mutex_unlock(&domain->lock);
    if (!ok) {
        ok = why == NULL;
        if (why) {
            g_propagate_error(error, why);
        }
        return ok;
    }
    ok = tn_monitor_call(domain, run ? "cont" : "stop", NULL, error);
    finish_switch(domain, run, &from, ok);
    return ok;
}

static gboolean
switch_job(TnDomain *domain, const char *what, gboolean run, GError **error)
{
    gboolean ok;

    if (!tn_domain_begin_job(domain, what, error)) {
        return FALSE;
    }
    ok = switch_cpus(domain, run, error);
    tn_domain_end_job(domain);
    return ok;
}

gboolean
tn_lifecycle_suspend(TnDomain *domain, GError **error)
{
    return switch_job(domain, "suspend", FALSE, error);
}

gboolean
tn_lifecycle_resume(TnDomain *domain, GError **error)
{
    return switch_job(domain, "resume", TRUE, error);
}

/* Only the power button is there: other modes are refused by name. */
static gboolean
check_mode(unsigned flags, unsigned acpi, const char *what, GError **error)
{
    if (flags == 0 || (flags & acpi)) {
        return TRUE;
    }
    g_set_error(error, TN_VIR_ERROR, VIR_ERR_OPERATION_UNSUPPORTED,
                "%s mode 0x%x is not supported: use ACPI", what, flags);
    return FALSE;
}

/* Presses the power button; @reboot: the guest comes back when it has shut down. */
static gboolean
press_power_button(TnDomain *domain, gboolean reboot, GError **error)
{
    gboolean ok;

    if (!tn_domain_begin_job_active(domain, reboot ? "reboot" : "shutdown", error)) {
        return FALSE;
    }
    g_mutex_lock(&domain->lock);
    domain->process.fake_reboot = reboot;
    g_mutex_unlock(&domain->lock);
    ok = tn_monitor_call(domain, "system_powerdown", NULL, error);
    tn_domain_end_job(domain);
    return ok;
}

gboolean
tn_lifecycle_shutdown(TnDomain *domain, unsigned flags, GError **error)
{
    return check_mode(flags, VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN, "shutdown", error) &&
           press_power_button(domain, FALSE, error);
}

gboolean
tn_lifecycle_reboot(TnDomain *domain, unsigned flags, GError **error)
{
    return check_mode(flags, VIR_DOMAIN_REBOOT_ACPI_POWER_BTN, "reboot", error) &&
           press_power_button(domain, TRUE, error);
}

gboolean
tn_lifecycle_reset(TnDomain *domain, GError **error)
{
    return simple_command(domain, "reset", "system_reset", error);
}

gboolean
tn_lifecycle_pm_wakeup(TnDomain *domain, GError **error)
{
    gboolean ok;

    if (!tn_domain_begin_job_active(domain, "wakeup", error)) {
        return FALSE;
    }
    ok = tn_monitor_call(domain, "system_wakeup", NULL, error);
    if (!ok) {
        tn_monitor_explain(error, "system_wakeup");
    }
    tn_domain_end_job(domain);
    return ok;
}
