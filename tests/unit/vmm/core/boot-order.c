/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The order that firmware boots from: by index, each once. */
#include "vmm/core/boot-order.h"

#include "vmm/core/object.h"

static const int owners[3];

static void
assert_file(const TnBootOrder *order, const char *text, gsize size)
{
    g_autoptr(GBytes) file = tn_boot_order_get_file(order);
    gsize len;
    const char *data = g_bytes_get_data(file, &len);

    g_assert_cmpmem(data, len, text, size);
}

static void
test_ascending(void)
{
    TnBootOrder *order = tn_boot_order_new();

    g_assert_true(tn_boot_order_add(order, 7, &owners[0], "/c", NULL));
    g_assert_true(tn_boot_order_add(order, 0, &owners[1], "/a", NULL));
    g_assert_true(tn_boot_order_add(order, 2, &owners[2], "/b", NULL));
    assert_file(order, "/a\n/b\n/c", 9);
    tn_boot_order_free(order);
}

static void
test_used_already(void)
{
    TnBootOrder *order = tn_boot_order_new();
    g_autoptr(GError) error = NULL;

    g_assert_true(tn_boot_order_add(order, 1, &owners[0], "/a", NULL));
    g_assert_false(tn_boot_order_add(order, 1, &owners[1], "/b", &error));
    g_assert_cmpstr(error->message, ==, "The bootindex 1 has already been used");
    assert_file(order, "/a", 3);
    tn_boot_order_remove(order, &owners[0]);
    g_assert_true(tn_boot_order_add(order, 1, &owners[1], "/b", NULL));
    assert_file(order, "/b", 3);
    tn_boot_order_free(order);
}

static void
test_empty(void)
{
    TnBootOrder *order = tn_boot_order_new();

    tn_boot_order_remove(order, &owners[0]);
    assert_file(order, NULL, 0);
    tn_boot_order_free(order);
    tn_boot_order_free(NULL);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/core/boot-order/ascending", test_ascending);
    g_test_add_func("/core/boot-order/used-already", test_used_already);
    g_test_add_func("/core/boot-order/empty", test_empty);
    return g_test_run();
}
