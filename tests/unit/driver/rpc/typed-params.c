/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Typed parameters: built, found, checked. */
#include "driver/rpc/typed-params.h"

#include <libvirt/libvirt.h>

#include "driver/error.h"

static void
test_build(void)
{
    g_auto(TnRpcParams) params = { 0 };
    TnRpcTypedParam *list = NULL;
    guint n = 0;

    for (guint i = 0; i < 40; i++) {
        tn_rpc_params_add_ullong(&params, i, "vcpu.%u.time", i);
    }
    tn_rpc_params_add_string(&params, "vda", "block.0.name");
    tn_rpc_params_steal(&params, &list, &n);
    g_assert_cmpuint(params.n_params, ==, 0);
    g_assert_cmpuint(n, ==, 41);
    g_assert_cmpstr(list[39].field, ==, "vcpu.39.time");
    g_assert_cmpint(list[39].value.type, ==, VIR_TYPED_PARAM_ULLONG);
    g_assert_cmpuint(list[39].value.TnRpcTypedValue_u.ul, ==, 39);
    g_assert_cmpstr(list[40].value.TnRpcTypedValue_u.s, ==, "vda");
    g_assert_true(tn_rpc_params_find(list, n, "vcpu.7.time") == &list[7]);
    g_assert_null(tn_rpc_params_find(list, n, "vcpu.7"));
    params.params = list;
    params.n_params = n;
}

static const TnRpcParamType allowed[] = {
    { "bandwidth", VIR_TYPED_PARAM_ULLONG },
    { "name", VIR_TYPED_PARAM_STRING },
    { NULL, 0 },
};

static void
test_check_accepts(void)
{
    g_auto(TnRpcParams) params = { 0 };
    g_autoptr(GError) error = NULL;

    tn_rpc_params_add_string(&params, "x", "name");
    tn_rpc_params_add_ullong(&params, 1, "bandwidth");
    g_assert_true(tn_rpc_params_check(params.params, params.n_params, allowed, &error));
    g_assert_no_error(error);
}

static void
check_refuses(TnRpcParams *params, const char *message)
{
    g_autoptr(GError) error = NULL;

    g_assert_false(tn_rpc_params_check(params->params, params->n_params, allowed, &error));
    g_assert_error(error, TN_VIR_ERROR, VIR_ERR_INVALID_ARG);
    g_assert_cmpstr(error->message, ==, message);
}

static void
test_check_unknown(void)
{
    g_auto(TnRpcParams) params = { 0 };

    tn_rpc_params_add_int(&params, 1, "colour");
    check_refuses(&params, "parameter 'colour' is not supported");
}

static void
test_check_type(void)
{
    g_auto(TnRpcParams) params = { 0 };

    tn_rpc_params_add_int(&params, 1, "bandwidth");
    check_refuses(&params, "parameter 'bandwidth' has type 1, it must have 4");
}

static void
test_check_twice(void)
{
    g_auto(TnRpcParams) params = { 0 };

    tn_rpc_params_add_ullong(&params, 1, "bandwidth");
    tn_rpc_params_add_ullong(&params, 2, "bandwidth");
    check_refuses(&params, "parameter 'bandwidth' occurs more than once");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/rpc/typed-params/build", test_build);
    g_test_add_func("/rpc/typed-params/check-accepts", test_check_accepts);
    g_test_add_func("/rpc/typed-params/check-unknown-name", test_check_unknown);
    g_test_add_func("/rpc/typed-params/check-wrong-type", test_check_type);
    g_test_add_func("/rpc/typed-params/check-name-given-twice", test_check_twice);
    return g_test_run();
}
