/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What becomes of a GError on the wire. */
#include "driver/rpc/error.h"

#include <gio/gio.h>
#include <string.h>

#include "xml/error.h"

static void
check_wire(GError *error, int code, int domain, const char *message)
{
    TnRpcWireError wire = { 0 };

    tn_rpc_error_to_wire(error, &wire);
    g_assert_cmpint(wire.code, ==, code);
    g_assert_cmpint(wire.domain, ==, domain);
    g_assert_cmpstr(*wire.message, ==, message);
    g_assert_cmpint(wire.level, ==, VIR_ERR_ERROR);
    xdr_free((xdrproc_t)xdr_TnRpcWireError, &wire);
    g_error_free(error);
}

static void
test_own_codes(void)
{
    check_wire(g_error_new(TN_VIR_ERROR, VIR_ERR_NO_DOMAIN, "no domain with matching id 7"),
               VIR_ERR_NO_DOMAIN, VIR_FROM_QEMU,
               "Domain not found: no domain with matching id 7");
    check_wire(g_error_new(TN_VIR_ERROR, VIR_ERR_OPERATION_INVALID, "domain is not running"),
               VIR_ERR_OPERATION_INVALID, VIR_FROM_QEMU,
               "Requested operation is not valid: domain is not running");
}

static void
test_code_without_prefix(void)
{
    check_wire(g_error_new(TN_VIR_ERROR, VIR_ERR_SYSTEM_ERROR, "cannot open 'x': No such file"),
               VIR_ERR_SYSTEM_ERROR, VIR_FROM_QEMU, "cannot open 'x': No such file");
}

static void
test_prefix_is_not_doubled(void)
{
    GError *error = NULL;

    tn_xml_error_set(&error, TN_XML_ERROR_CONFIG_UNSUPPORTED, "no <floppy> here");
    check_wire(error, VIR_ERR_CONFIG_UNSUPPORTED, VIR_FROM_DOMAIN,
               "unsupported configuration: no <floppy> here");
}

static void
test_xml_codes_pass(void)
{
    GError *error = NULL;

    tn_xml_error_set(&error, TN_XML_ERROR_XML, "missing element 'name'");
    check_wire(error, VIR_ERR_XML_ERROR, VIR_FROM_DOMAIN, "XML error: missing element 'name'");
}

static void
test_io_codes_are_mapped(void)
{
    check_wire(g_error_new(G_IO_ERROR, G_IO_ERROR_TIMED_OUT, "no answer"),
               VIR_ERR_OPERATION_TIMEOUT, VIR_FROM_QEMU, "Timed out during operation: no answer");
    check_wire(g_error_new(G_IO_ERROR, G_IO_ERROR_BROKEN_PIPE, "gone"), VIR_ERR_SYSTEM_ERROR,
               VIR_FROM_QEMU, "gone");
}

static void
test_unknown_domain(void)
{
    check_wire(g_error_new(g_quark_from_static_string("somebody-else"), 42, "oops"),
               VIR_ERR_INTERNAL_ERROR, VIR_FROM_NONE, "internal error: oops");
}

static void
test_unknown_code(void)
{
    check_wire(g_error_new(TN_VIR_ERROR, 9999, "from the future"), 9999, VIR_FROM_QEMU,
               "from the future");
    check_wire(g_error_new(TN_VIR_ERROR, -1, "from nowhere"), -1, VIR_FROM_QEMU, "from nowhere");
}

static void
test_detail_apart(void)
{
    g_autoptr(GError) error = g_error_new(TN_VIR_ERROR, VIR_ERR_NO_DOMAIN, "no domain 'x'");
    TnRpcWireError wire = { 0 };

    tn_rpc_error_to_wire(error, &wire);
    g_assert_cmpstr(*wire.str1, ==, "Domain not found: %s");
    g_assert_cmpstr(*wire.str2, ==, "no domain 'x'");
    g_assert_null(wire.str3);
    g_assert_cmpint(wire.int1, ==, -1);
    g_assert_cmpint(wire.int2, ==, -1);
    xdr_free((xdrproc_t)xdr_TnRpcWireError, &wire);
}

static void
test_bytes_that_are_no_text(void)
{
    g_autoptr(GError) error = g_error_new_literal(TN_VIR_ERROR, VIR_ERR_INVALID_ARG, "a\xff" "b");
    TnRpcWireError wire = { 0 };

    tn_rpc_error_to_wire(error, &wire);
    g_assert_true(g_utf8_validate(*wire.message, -1, NULL));
    xdr_free((xdrproc_t)xdr_TnRpcWireError, &wire);
}

static void
test_endless_text(void)
{
    g_autofree char *text = g_strnfill(5 * 1024 * 1024, 'x');
    g_autoptr(GError) error = g_error_new_literal(TN_VIR_ERROR, VIR_ERR_INVALID_ARG, text);
    TnRpcWireError wire = { 0 };

    tn_rpc_error_to_wire(error, &wire);
    g_assert_cmpuint(strlen(*wire.message), <, 70000);
    xdr_free((xdrproc_t)xdr_TnRpcWireError, &wire);
}

static void
test_round_trip(void)
{
    g_autoptr(GError) error = g_error_new(TN_VIR_ERROR, VIR_ERR_NO_DOMAIN, "no domain 'x'");
    g_autoptr(GError) back = NULL;
    TnRpcWireError wire = { 0 };

    tn_rpc_error_to_wire(error, &wire);
    back = tn_rpc_error_from_wire(&wire);
    g_assert_error(back, TN_VIR_ERROR, VIR_ERR_NO_DOMAIN);
    g_assert_cmpstr(back->message, ==, "Domain not found: no domain 'x'");
    xdr_free((xdrproc_t)xdr_TnRpcWireError, &wire);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/rpc/error/own-codes", test_own_codes);
    g_test_add_func("/rpc/error/code-without-prefix", test_code_without_prefix);
    g_test_add_func("/rpc/error/prefix-is-not-doubled", test_prefix_is_not_doubled);
    g_test_add_func("/rpc/error/xml-codes-pass", test_xml_codes_pass);
    g_test_add_func("/rpc/error/io-codes-are-mapped", test_io_codes_are_mapped);
    g_test_add_func("/rpc/error/unknown-domain", test_unknown_domain);
    g_test_add_func("/rpc/error/unknown-code", test_unknown_code);
    g_test_add_func("/rpc/error/detail-apart", test_detail_apart);
    g_test_add_func("/rpc/error/bytes-that-are-no-text", test_bytes_that_are_no_text);
    g_test_add_func("/rpc/error/endless-text", test_endless_text);
    g_test_add_func("/rpc/error/round-trip", test_round_trip);
    return g_test_run();
}
