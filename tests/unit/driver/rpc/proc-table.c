/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What must hold of every row of the table, and of some in particular. */
#include "driver/rpc/proc-table.h"

#include <string.h>

#include "driver/rpc/protocol/domain.h"
#include "driver/rpc/protocol/procedures.h"
#include "driver/rpc/protocol/qemu.h"

#define EACH_ROW(i, proc)                                                                          \
    for (gint32 i = 1; i < (gint32)tn_rpc_proc_table_length(TN_RPC_PROGRAM_REMOTE); i++)           \
        for (const TnRpcProc *proc = tn_rpc_proc_table_lookup(TN_RPC_PROGRAM_REMOTE, i);           \
             proc != NULL; proc = NULL)

static const TnRpcProc *
row(gint32 procedure)
{
    return tn_rpc_proc_table_lookup(TN_RPC_PROGRAM_REMOTE, procedure);
}

static void
test_no_gaps(void)
{
    g_assert_cmpuint(tn_rpc_proc_table_length(TN_RPC_PROGRAM_REMOTE), ==, 454);
    for (gint32 i = 1; i < 454; i++) {
        g_assert_nonnull(row(i));
    }
}

static void
test_outside(void)
{
    g_assert_null(row(0));
    g_assert_null(row(-1));
    g_assert_null(row(454));
    g_assert_null(row(G_MAXINT32));
    g_assert_null(row(G_MININT32));
    g_assert_null(tn_rpc_proc_table_lookup(TN_RPC_PROGRAM_QEMU, 8));
    g_assert_null(tn_rpc_proc_table_lookup(0, 1));
}

static void
test_filters_have_sizes(void)
{
    EACH_ROW(i, proc)
    {
        g_assert_true((proc->args.filter == NULL) == (proc->args.size == 0));
        g_assert_true((proc->ret.filter == NULL) == (proc->ret.size == 0));
    }
}

static void
test_events(void)
{
    EACH_ROW(i, proc)
    {
        gboolean is_message = (strstr(proc->name, "_EVENT_") != NULL) &&
                              strstr(proc->name, "REGISTER") == NULL;

        g_assert_true(is_message == !!(proc->flags & TN_RPC_PROC_EVENT));
        if (is_message) {
            g_assert_cmpint(proc->flags, ==, TN_RPC_PROC_EVENT);
        }
    }
}

static void
test_instant_is_high_priority(void)
{
    EACH_ROW(i, proc)
    {
        if (proc->flags & TN_RPC_PROC_INSTANT) {
            g_assert_true(proc->flags & TN_RPC_PROC_HIGH_PRIORITY);
            g_assert_true(proc->flags & TN_RPC_PROC_READ_ONLY);
        }
    }
}

static void
test_only_authentication_before_authentication(void)
{
    EACH_ROW(i, proc)
    {
        g_assert_true(!!(proc->flags & TN_RPC_PROC_NO_AUTH) ==
                      g_str_has_prefix(proc->name, "AUTH_"));
    }
}

/* What changes something must not be callable on a read-only connection. */
static void
test_writes_need_writing(void)
{
    static const char *const verbs[] = { "CREATE", "DEFINE", "DESTROY", "SET", "ATTACH", "DETACH",
                                         "UNDEFINE", "SUSPEND", "RESUME", "SHUTDOWN", "REBOOT",
                                         "SAVE", "RESTORE", "MIGRATE", "DELETE", "OPEN", "PIN",
                                         "UPDATE", "SEND", "INJECT", "RENAME", "PEEK", "UPLOAD",
                                         "RESET", "REVERT", "WIPE", "RESIZE" };

    EACH_ROW(i, proc)
    {
        g_auto(GStrv) words = g_strsplit(proc->name, "_", -1);
        /* These words are verbs only where no reading verb stands before them. */
        gboolean reads = g_strv_contains((const char *const *)words, "GET") ||
                         g_strv_contains((const char *const *)words, "HAS") ||
                         g_strv_contains((const char *const *)words, "LIST") ||
                         g_strv_contains((const char *const *)words, "NUM") ||
                         g_strv_contains((const char *const *)words, "LOOKUP");

        if (reads || i == TN_RPC_PROC_CONNECT_OPEN || i == TN_RPC_PROC_CONNECT_SET_IDENTITY ||
            (proc->flags & TN_RPC_PROC_EVENT)) {
            continue;
        }
        for (guint v = 0; v < G_N_ELEMENTS(verbs); v++) {
            if (g_strv_contains((const char *const *)words, verbs[v])) {
                g_test_message("%s", proc->name);
                g_assert_false(proc->flags & TN_RPC_PROC_READ_ONLY);
            }
        }
    }
}

static void
test_readers_that_tell_too_much(void)
{
    /* Each of these has let read-only clients reach a guest or a file of the host elsewhere. */
    static const gint32 refused[] = {
        TN_RPC_PROC_DOMAIN_GET_TIME,
        TN_RPC_PROC_DOMAIN_GET_HOSTNAME,
        TN_RPC_PROC_DOMAIN_GET_FSINFO,
        TN_RPC_PROC_DOMAIN_GET_GUEST_INFO,
        TN_RPC_PROC_DOMAIN_GET_GUEST_VCPUS,
        TN_RPC_PROC_DOMAIN_SAVE_IMAGE_GET_XML_DESC,
        TN_RPC_PROC_DOMAIN_MANAGED_SAVE_GET_XML_DESC,
        TN_RPC_PROC_CONNECT_GET_DOMAIN_CAPABILITIES,
        TN_RPC_PROC_CONNECT_COMPARE_HYPERVISOR_CPU,
        TN_RPC_PROC_CONNECT_BASELINE_HYPERVISOR_CPU,
        TN_RPC_PROC_DOMAIN_SCREENSHOT,
        TN_RPC_PROC_SECRET_GET_VALUE,
    };

    for (guint i = 0; i < G_N_ELEMENTS(refused); i++) {
        g_assert_false(row(refused[i])->flags & TN_RPC_PROC_READ_ONLY);
    }
}

static void
test_rescue_is_high_priority(void)
{
    g_assert_true(row(TN_RPC_PROC_DOMAIN_DESTROY)->flags & TN_RPC_PROC_HIGH_PRIORITY);
    g_assert_true(row(TN_RPC_PROC_DOMAIN_DESTROY_FLAGS)->flags & TN_RPC_PROC_HIGH_PRIORITY);
    g_assert_true(row(TN_RPC_PROC_DOMAIN_ABORT_JOB)->flags & TN_RPC_PROC_HIGH_PRIORITY);
    g_assert_false(row(TN_RPC_PROC_DOMAIN_DETACH_DEVICE)->flags & TN_RPC_PROC_HIGH_PRIORITY);
    /* It may wait for somebody to type a password. */
    g_assert_false(row(TN_RPC_PROC_AUTH_POLKIT)->flags & TN_RPC_PROC_HIGH_PRIORITY);
}

static void
test_owners(void)
{
    g_assert_cmpint(row(TN_RPC_PROC_CONNECT_NUM_OF_NETWORKS)->owner, ==, TN_RPC_OWNER_NETWORK);
    g_assert_cmpint(row(TN_RPC_PROC_STORAGE_VOL_UPLOAD)->owner, ==, TN_RPC_OWNER_STORAGE);
    g_assert_cmpint(row(TN_RPC_PROC_NODE_LIST_DEVICES)->owner, ==, TN_RPC_OWNER_NODEDEV);
    /* Taking a device from the host is the hypervisor's business, whatever its name says. */
    g_assert_cmpint(row(TN_RPC_PROC_NODE_DEVICE_DETTACH)->owner, ==, TN_RPC_OWNER_SELF);
    g_assert_cmpint(row(TN_RPC_PROC_NODE_DEVICE_DETACH_FLAGS)->owner, ==, TN_RPC_OWNER_SELF);
    g_assert_cmpint(row(TN_RPC_PROC_DOMAIN_INTERFACE_STATS)->owner, ==, TN_RPC_OWNER_SELF);
}

static void
check_name(gint32 procedure, const char *expected)
{
    g_autofree char *name = tn_rpc_proc_api_name(row(procedure));

    g_assert_cmpstr(name, ==, expected);
}

static void
test_api_names(void)
{
    check_name(TN_RPC_PROC_DOMAIN_CREATE, "virDomainCreate");
    check_name(TN_RPC_PROC_DOMAIN_CREATE_XML, "virDomainCreateXML");
    check_name(TN_RPC_PROC_DOMAIN_GET_XML_DESC, "virDomainGetXMLDesc");
    check_name(TN_RPC_PROC_DOMAIN_LOOKUP_BY_UUID, "virDomainLookupByUUID");
    check_name(TN_RPC_PROC_DOMAIN_INJECT_NMI, "virDomainInjectNMI");
    check_name(TN_RPC_PROC_CONNECT_LIST_ALL_NWFILTERS, "virConnectListAllNWFilters");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/rpc/proc-table/no-gaps", test_no_gaps);
    g_test_add_func("/rpc/proc-table/numbers-outside", test_outside);
    g_test_add_func("/rpc/proc-table/filters-have-sizes", test_filters_have_sizes);
    g_test_add_func("/rpc/proc-table/events-are-never-called", test_events);
    g_test_add_func("/rpc/proc-table/instant-is-high-priority", test_instant_is_high_priority);
    g_test_add_func("/rpc/proc-table/authentication-comes-first",
                    test_only_authentication_before_authentication);
    g_test_add_func("/rpc/proc-table/writes-need-writing", test_writes_need_writing);
    g_test_add_func("/rpc/proc-table/readers-that-tell-too-much",
                    test_readers_that_tell_too_much);
    g_test_add_func("/rpc/proc-table/rescue-is-high-priority", test_rescue_is_high_priority);
    g_test_add_func("/rpc/proc-table/owners", test_owners);
    g_test_add_func("/rpc/proc-table/api-names", test_api_names);
    return g_test_run();
}
