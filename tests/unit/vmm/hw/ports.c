/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* port92 and isa-debugcon. */
#include "tests/lib/test-platform.h"
#include "vmm/hw/debugcon.h"
#include "vmm/hw/port92.h"

#include <stdio.h>
#include <string.h>

static void
test_port92_reads_back(void)
{
    g_autoptr(TnTestPlatform) p = tn_test_platform_new();
    TnPort92 *port92 = tn_test_realize(p, tn_port92_new(&p->platform));

    g_assert_cmphex(tn_test_inb(p, 0x92), ==, 0x02);
    tn_test_outb(p, 0x92, 0x00);
    g_assert_cmphex(tn_test_inb(p, 0x92), ==, 0x00);
    tn_reset_run(p->platform.reset);
    g_assert_cmphex(tn_test_inb(p, 0x92), ==, 0x02);
    tn_test_iterate();
    g_assert_cmpuint(p->resets, ==, 0);
    tn_test_drop(port92);
}

static void
test_port92_resets_on_the_edge(void)
{
    g_autoptr(TnTestPlatform) p = tn_test_platform_new();
    TnPort92 *port92 = tn_test_realize(p, tn_port92_new(&p->platform));

    tn_test_outb(p, 0x92, 0x03);
    tn_test_wait_count(&p->resets, 1);
    tn_test_outb(p, 0x92, 0x01);
    tn_test_wait_count(&p->resets, 2);
    tn_test_drop(port92);
}

static void
test_port92_level_does_not_reset(void)
{
    g_autoptr(TnTestPlatform) p = tn_test_platform_new();
    TnPort92 *port92 = tn_test_realize(p, tn_port92_new(&p->platform));

    tn_run_state_stop(p->platform.run_state);
    tn_test_outb(p, 0x92, 0x01);
    tn_test_outb(p, 0x92, 0x01);
    tn_test_wait_count(&p->resets, 1);
    tn_test_iterate();
    g_assert_cmpuint(p->resets, ==, 1);
    tn_test_drop(port92);
}

static TnChardev *
file_chardev(const char *path)
{
    json_object *props = json_object_new_object();
    g_autoptr(GError) error = NULL;
    TnChardev *chardev;

    json_object_object_add(props, "path", json_object_new_string(path));
    chardev = tn_chardev_new("file", props, TN_PROPERTY_STRICT, &error);
    g_assert_no_error(error);
    json_object_put(props);
    return chardev;
}

static char *
temp_path(void)
{
    g_autofree char *dir = g_dir_make_tmp("tenon-test-XXXXXX", NULL);

    return g_build_filename(dir, "out", NULL);
}

static void
remove_temp(const char *path)
{
    g_autofree char *dir = g_path_get_dirname(path);

    g_assert_no_errno(remove(path));
    g_assert_no_errno(remove(dir));
}

static void
test_debugcon_writes(void)
{
    g_autoptr(TnTestPlatform) p = tn_test_platform_new();
    g_autofree char *path = temp_path();
    g_autofree char *text = NULL;
    TnChardev *chardev = file_chardev(path);
    TnDebugcon *debugcon = tn_test_realize(p, tn_debugcon_new(&p->platform, chardev));

    g_assert_cmphex(tn_test_inb(p, 0xe9), ==, 0xe9);
    for (const char *c = "firmware says"; *c; c++) {
        tn_test_outb(p, 0xe9, (uint8_t)*c);
    }
    tn_test_drop(debugcon);
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_assert_cmpstr(text, ==, "firmware says");
    g_object_unref(chardev);
    remove_temp(path);
}

static void
test_debugcon_iobase_and_readback(void)
{
    g_autoptr(TnTestPlatform) p = tn_test_platform_new();
    TnChardev *chardev = tn_chardev_new("null", NULL, TN_PROPERTY_STRICT, NULL);
    TnDebugcon *debugcon = tn_debugcon_new(&p->platform, chardev);

    g_object_set(debugcon, "iobase", 0x402, "readback", 0x55, NULL);
    tn_test_realize(p, debugcon);
    g_assert_cmphex(tn_test_inb(p, 0x402), ==, 0x55);
    g_assert_cmphex(tn_test_inb(p, 0xe9), ==, 0xff);
    tn_test_drop(debugcon);
    g_object_unref(chardev);
}

static void
test_debugcon_needs_chardev(void)
{
    g_autoptr(TnTestPlatform) p = tn_test_platform_new();
    g_autoptr(TnDebugcon) debugcon = tn_debugcon_new(&p->platform, NULL);
    g_autoptr(GError) error = NULL;

    g_assert_false(tn_device_realize(TN_DEVICE(debugcon), &error));
    g_assert_cmpstr(error->message, ==, "Can't create debugcon device, empty char device");
}

static void
test_debugcon_flood_is_bounded(void)
{
    g_autoptr(TnTestPlatform) p = tn_test_platform_new();
    TnChardev *chardev = tn_chardev_new("null", NULL, TN_PROPERTY_STRICT, NULL);
    TnDebugcon *debugcon = tn_test_realize(p, tn_debugcon_new(&p->platform, chardev));

    for (int i = 0; i < 100000; i++) {
        tn_test_outb(p, 0xe9, 'x');
    }
    tn_test_iterate();
    tn_test_drop(debugcon);
    g_object_unref(chardev);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/hw/port92/reads-back", test_port92_reads_back);
    g_test_add_func("/hw/port92/resets-on-the-edge", test_port92_resets_on_the_edge);
    g_test_add_func("/hw/port92/level-does-not-reset", test_port92_level_does_not_reset);
    g_test_add_func("/hw/debugcon/writes", test_debugcon_writes);
    g_test_add_func("/hw/debugcon/iobase-and-readback", test_debugcon_iobase_and_readback);
    g_test_add_func("/hw/debugcon/needs-chardev", test_debugcon_needs_chardev);
    g_test_add_func("/hw/debugcon/flood-is-bounded", test_debugcon_flood_is_bounded);
    return g_test_run();
}
