/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The object tree: adding, naming, resolving and removing. */
#include "vmm/core/object.h"

static TnObject *
new_node(void)
{
    return tn_object_new_root();
}

static void
test_path(void)
{
    g_autoptr(TnObject) root = new_node();
    TnObject *machine = tn_object_ensure_container(root, "machine");
    TnObject *peripheral = tn_object_ensure_container(machine, "peripheral");
    g_autofree char *path = tn_object_get_path(peripheral);

    g_assert_cmpstr(path, ==, "/machine/peripheral");
    g_assert_null(tn_object_get_path(root));
}

static void
test_duplicate(void)
{
    g_autoptr(TnObject) root = new_node();
    g_autoptr(TnObject) first = new_node();
    g_autoptr(TnObject) second = new_node();
    g_autoptr(GError) error = NULL;

    g_assert_true(tn_object_add_child(root, "dimm0", first, NULL));
    g_assert_false(tn_object_add_child(root, "dimm0", second, &error));
    g_assert_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC);
    g_assert_cmpstr(error->message, ==,
                    "attempt to add duplicate property 'dimm0' to object (type 'container')");
    g_assert_null(tn_object_get_parent(second));
}

static void
test_numbered(void)
{
    g_autoptr(TnObject) root = new_node();
    g_autoptr(TnObject) a = new_node();
    g_autoptr(TnObject) b = new_node();

    tn_object_add_child_numbered(root, "device", a);
    tn_object_add_child_numbered(root, "device", b);
    g_assert_cmpstr(tn_object_get_name(a), ==, "device[0]");
    g_assert_cmpstr(tn_object_get_name(b), ==, "device[1]");
}

static void
test_resolve(void)
{
    g_autoptr(TnObject) root = new_node();
    TnObject *objects = tn_object_ensure_container(root, "objects");
    TnObject *mem = tn_object_ensure_container(objects, "memdimm0");
    g_autoptr(GError) error = NULL;

    g_assert_true(tn_object_resolve(root, "/objects/memdimm0", NULL) == mem);
    g_assert_true(tn_object_resolve(root, "memdimm0", NULL) == mem);
    g_assert_true(tn_object_resolve(root, "objects/memdimm0", NULL) == mem);
    g_assert_null(tn_object_resolve(root, "nothing", &error));
    g_assert_error(error, TN_CORE_ERROR, TN_CORE_ERROR_NOT_FOUND);
}

static void
test_resolve_ambiguous(void)
{
    g_autoptr(TnObject) root = new_node();
    g_autoptr(GError) error = NULL;

    tn_object_ensure_container(tn_object_ensure_container(root, "a"), "x");
    tn_object_ensure_container(tn_object_ensure_container(root, "b"), "x");
    g_assert_null(tn_object_resolve(root, "x", &error));
    g_assert_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC);
}

static void
test_unparent(void)
{
    g_autoptr(TnObject) root = new_node();
    g_autoptr(TnObject) child = new_node();

    g_assert_true(tn_object_add_child(root, "x", child, NULL));
    tn_object_unparent(child);
    g_assert_null(tn_object_get_child(root, "x"));
    g_assert_null(tn_object_get_name(child));
    tn_object_unparent(child);
}

static void
unparent_child(TnObject *child, gpointer user_data)
{
    (*(int *)user_data)++;
    tn_object_unparent(child);
}

static void
test_foreach_may_unparent(void)
{
    g_autoptr(TnObject) root = new_node();
    int count = 0;

    tn_object_ensure_container(root, "a");
    tn_object_ensure_container(root, "b");
    tn_object_ensure_container(root, "c");
    tn_object_foreach_child(root, unparent_child, &count);
    g_assert_cmpint(count, ==, 3);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/core/object/path-names-every-parent", test_path);
    g_test_add_func("/core/object/duplicate-child-refused", test_duplicate);
    g_test_add_func("/core/object/numbered-children-take-first-free", test_numbered);
    g_test_add_func("/core/object/resolve-absolute-and-partial", test_resolve);
    g_test_add_func("/core/object/resolve-ambiguous-refused", test_resolve_ambiguous);
    g_test_add_func("/core/object/unparent-forgets-name", test_unparent);
    g_test_add_func("/core/object/foreach-may-unparent", test_foreach_may_unparent);
    return g_test_run();
}
