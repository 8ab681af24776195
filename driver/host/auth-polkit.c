/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* polkit over plain D-Bus (org.freedesktop.PolicyKit1.Authority, polkit's reference manual). */
#include "driver/host/auth-polkit.h"

#include <gio/gio.h>

#include "driver/error.h"

#define POLKIT_NAME "org.freedesktop.PolicyKit1"
#define POLKIT_PATH "/org/freedesktop/PolicyKit1/Authority"
#define POLKIT_INTERFACE "org.freedesktop.PolicyKit1.Authority"

/* CheckAuthorization's flag "a person may be asked". */
#define ALLOW_USER_INTERACTION 1
#define ANSWER_TIMEOUT_MS (5 * 60 * 1000)

/* A connection of its own a question: there are few of them, and a shared one would have to be
 * watched for the bus going away and coming back. */
static GDBusConnection *
connect_bus(GError **error)
{
    g_autoptr(GError) cause = NULL;
    g_autofree char *address = g_dbus_address_get_for_bus_sync(G_BUS_TYPE_SYSTEM, NULL, &cause);
    GDBusConnection *bus = NULL;

    if (address != NULL) {
        bus = g_dbus_connection_new_for_address_sync(
            address,
            G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
                G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
            NULL, NULL, &cause);
    }
    if (bus == NULL) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_AUTH_UNAVAILABLE,
                    "polkit cannot be asked, the system bus is not reachable: %s",
                    cause->message);
    }
    return bus;
}

static GVariant *
build_question(const TnAuthPolkitSubject *subject, const char *action)
{
    GVariantBuilder details;
    GVariantBuilder nothing;

    g_variant_builder_init(&details, G_VARIANT_TYPE("a{sv}"));
    g_variant_builder_add(&details, "{sv}", "pid", g_variant_new_uint32((guint32)subject->pid));
    g_variant_builder_add(&details, "{sv}", "start-time",
                          g_variant_new_uint64(subject->start_time));
    g_variant_builder_add(&details, "{sv}", "uid", g_variant_new_int32((gint32)subject->uid));
    g_variant_builder_init(&nothing, G_VARIANT_TYPE("a{ss}"));
    return g_variant_new("((sa{sv})sa{ss}us)", "unix-process", &details, action, &nothing,
                         (guint32)ALLOW_USER_INTERACTION, "");
}

static gboolean
read_answer(GVariant *answer, const char *action, GError **error)
{
    g_autoptr(GVariant) details = NULL;
    const char *dismissed = NULL;
    gboolean authorized;
    gboolean challenge;

    g_variant_get(answer, "((bb@a{ss}))", &authorized, &challenge, &details);
    if (authorized) {
        return TRUE;
    }
    if (g_variant_lookup(details, "polkit.dismissed", "&s", &dismissed)) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_AUTH_CANCELLED,
                    "user cancelled authentication process");
    } else if (challenge) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_AUTH_UNAVAILABLE,
                    "no polkit agent available to authenticate action '%s'", action);
    } else {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_AUTH_FAILED, "access denied by policy");
    }
    return FALSE;
}

gboolean
tn_auth_polkit_check(const TnAuthPolkitSubject *subject, const char *action, GError **error)
{
    g_autoptr(GDBusConnection) bus = NULL;
    g_autoptr(GVariant) answer = NULL;
    g_autoptr(GError) cause = NULL;

    if (subject->start_time == 0) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_AUTH_FAILED,
                    "process %d has ended, or hides when it began", (int)subject->pid);
        return FALSE;
    }
    bus = connect_bus(error);
    if (bus == NULL) {
        return FALSE;
    }
    answer = g_dbus_connection_call_sync(
        bus, POLKIT_NAME, POLKIT_PATH, POLKIT_INTERFACE, "CheckAuthorization",
        build_question(subject, action), G_VARIANT_TYPE("((bba{ss}))"),
        G_DBUS_CALL_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION, ANSWER_TIMEOUT_MS, NULL, &cause);
    (void)g_dbus_connection_close_sync(bus, NULL, NULL);
    if (answer == NULL) {
        g_dbus_error_strip_remote_error(cause);
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_AUTH_UNAVAILABLE, "polkit cannot be asked: %s",
                    cause->message);
        return FALSE;
    }
    return read_answer(answer, action, error);
}
