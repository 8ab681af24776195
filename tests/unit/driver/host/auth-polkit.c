/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Asking polkit, with a bus and a polkit of the test's own. */
#include "driver/host/auth-polkit.h"

#include <gio/gio.h>
#include <string.h>

#include "driver/error.h"

static const char interface_xml[] =
    "<node><interface name='org.freedesktop.PolicyKit1.Authority'>"
    "<method name='CheckAuthorization'>"
    "<arg type='(sa{sv})' direction='in'/><arg type='s' direction='in'/>"
    "<arg type='a{ss}' direction='in'/><arg type='u' direction='in'/>"
    "<arg type='s' direction='in'/><arg type='(bba{ss})' direction='out'/>"
    "</method></interface></node>";

/* What the made-up polkit answers, and what it was asked. */
typedef struct {
    gboolean authorized;
    gboolean challenge;
    gboolean dismissed;
    gboolean broken;
    char *question;
    GTestDBus *bus;
    GThread *thread;
    GMainLoop *loop;
    GMutex lock;
    GCond changed;
    gboolean ready;
} Fixture;

static void
method_called(GDBusConnection *connection, const char *sender, const char *path,
              const char *interface, const char *method, GVariant *parameters,
              GDBusMethodInvocation *invocation, gpointer data)
{
    Fixture *f = data;
    GVariantBuilder details;

    f->question = g_variant_print(parameters, FALSE);
    if (f->broken) {
        g_dbus_method_invocation_return_dbus_error(
            invocation, "org.freedesktop.PolicyKit1.Error.Failed", "out of order");
        return;
    }
    g_variant_builder_init(&details, G_VARIANT_TYPE("a{ss}"));
    if (f->dismissed) {
        g_variant_builder_add(&details, "{ss}", "polkit.dismissed", "true");
    }
    g_dbus_method_invocation_return_value(
        invocation, g_variant_new("((bba{ss}))", f->authorized, f->challenge, &details));
}

static const GDBusInterfaceVTable vtable = { .method_call = method_called };

static void
name_acquired(GDBusConnection *connection, const char *name, gpointer data)
{
    Fixture *f = data;

    g_mutex_lock(&f->lock);
    f->ready = TRUE;
    g_cond_broadcast(&f->changed);
    g_mutex_unlock(&f->lock);
}

static gpointer
serve(gpointer data)
{
    Fixture *f = data;
    g_autoptr(GMainContext) context = g_main_context_new();
    g_autoptr(GDBusNodeInfo) info = g_dbus_node_info_new_for_xml(interface_xml, NULL);
    g_autoptr(GDBusConnection) connection = NULL;
    guint name;

    g_main_context_push_thread_default(context);
    f->loop = g_main_loop_new(context, FALSE);
    connection = g_dbus_connection_new_for_address_sync(
        g_test_dbus_get_bus_address(f->bus),
        G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
            G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
        NULL, NULL, NULL);
    g_assert_nonnull(connection);
    g_assert_cmpuint(g_dbus_connection_register_object(
                         connection, "/org/freedesktop/PolicyKit1/Authority", info->interfaces[0],
                         &vtable, f, NULL, NULL), >, 0);
    name = g_bus_own_name_on_connection(connection, "org.freedesktop.PolicyKit1", 0,
                                        name_acquired, NULL, f, NULL);
    g_main_loop_run(f->loop);
    g_bus_unown_name(name);
    (void)g_dbus_connection_close_sync(connection, NULL, NULL);
    g_main_context_pop_thread_default(context);
    return NULL;
}

static void
set_up(Fixture *f, gconstpointer data)
{
    g_mutex_init(&f->lock);
    g_cond_init(&f->changed);
    f->bus = g_test_dbus_new(G_TEST_DBUS_NONE);
    g_test_dbus_up(f->bus);
    g_setenv("DBUS_SYSTEM_BUS_ADDRESS", g_test_dbus_get_bus_address(f->bus), TRUE);
    f->thread = g_thread_new("polkit", serve, f);
    g_mutex_lock(&f->lock);
    while (!f->ready) {
        g_cond_wait(&f->changed, &f->lock);
    }
    g_mutex_unlock(&f->lock);
}

static void
tear_down(Fixture *f, gconstpointer data)
{
    g_main_loop_quit(f->loop);
    g_thread_join(f->thread);
    g_main_loop_unref(f->loop);
    g_test_dbus_down(f->bus);
    g_object_unref(f->bus);
    g_unsetenv("DBUS_SYSTEM_BUS_ADDRESS");
    g_free(f->question);
    g_mutex_clear(&f->lock);
    g_cond_clear(&f->changed);
}

static const TnAuthPolkitSubject subject = { .pid = 4711, .start_time = 123456, .uid = 1000 };

static void
test_allowed(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;

    f->authorized = TRUE;
    g_assert_true(tn_auth_polkit_check(&subject, "org.tenon.unix.manage", &error));
    g_assert_no_error(error);
    g_assert_cmpstr(f->question, ==,
                    "(('unix-process', {'pid': <uint32 4711>, 'start-time': <uint64 123456>, "
                    "'uid': <1000>}), 'org.tenon.unix.manage', {}, 1, '')");
}

static void
check_refused(int code, const char *message)
{
    g_autoptr(GError) error = NULL;

    g_assert_false(tn_auth_polkit_check(&subject, "org.tenon.unix.manage", &error));
    g_assert_error(error, TN_VIR_ERROR, code);
    g_assert_cmpstr(error->message, ==, message);
}

static void
test_denied(Fixture *f, gconstpointer data)
{
    check_refused(VIR_ERR_AUTH_FAILED, "access denied by policy");
}

static void
test_dismissed(Fixture *f, gconstpointer data)
{
    f->dismissed = TRUE;
    f->challenge = TRUE;
    check_refused(VIR_ERR_AUTH_CANCELLED, "user cancelled authentication process");
}

static void
test_no_agent(Fixture *f, gconstpointer data)
{
    f->challenge = TRUE;
    check_refused(VIR_ERR_AUTH_UNAVAILABLE,
                  "no polkit agent available to authenticate action 'org.tenon.unix.manage'");
}

static void
test_broken(Fixture *f, gconstpointer data)
{
    f->broken = TRUE;
    check_refused(VIR_ERR_AUTH_UNAVAILABLE, "polkit cannot be asked: out of order");
}

static void
test_no_bus(void)
{
    g_autoptr(GError) error = NULL;

    g_setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent/bus", TRUE);
    g_assert_false(tn_auth_polkit_check(&subject, "org.tenon.unix.manage", &error));
    g_assert_error(error, TN_VIR_ERROR, VIR_ERR_AUTH_UNAVAILABLE);
    g_assert_true(g_str_has_prefix(error->message,
                                   "polkit cannot be asked, the system bus is not reachable"));
    g_unsetenv("DBUS_SYSTEM_BUS_ADDRESS");
}

static void
test_process_without_beginning(void)
{
    TnAuthPolkitSubject gone = { .pid = 4711, .uid = 1000 };
    g_autoptr(GError) error = NULL;

    g_assert_false(tn_auth_polkit_check(&gone, "org.tenon.unix.manage", &error));
    g_assert_error(error, TN_VIR_ERROR, VIR_ERR_AUTH_FAILED);
}

#define ADD(path, func)                                                                            \
    g_test_add("/host/auth-polkit/" path, Fixture, NULL, set_up, func, tear_down)

int
main(int argc, char **argv)
{
    g_autofree char *bus_program = g_find_program_in_path("dbus-daemon");

    g_test_init(&argc, &argv, NULL);
    if (bus_program != NULL) {
        ADD("allowed", test_allowed);
        ADD("denied", test_denied);
        ADD("dismissed", test_dismissed);
        ADD("no-agent", test_no_agent);
        ADD("polkit-broken", test_broken);
    }
    g_test_add_func("/host/auth-polkit/no-bus", test_no_bus);
    g_test_add_func("/host/auth-polkit/process-without-beginning",
                    test_process_without_beginning);
    return g_test_run();
}
