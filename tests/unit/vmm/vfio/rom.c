/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The expansion ROM: the device's, a file's, or none. */
#include "tests/unit/vmm/vfio/fake-kernel.h"

#include <glib/gstdio.h>

#define ROM_BAR 0x30
#define ROM_ADDRESS 0xe1000000u
/* The power of two that FAKE_ROM_SIZE takes. */
#define SHOWN_SIZE 4096u

static void
give_rom(Fixture *f)
{
    f->kernel.region_size[VFIO_PCI_ROM_REGION_INDEX] = FAKE_ROM_SIZE;
    for (unsigned i = 0; i < FAKE_ROM_SIZE; i++) {
        f->kernel.rom[i] = (guint8)(i * 7);
    }
}

/* The size that the guest finds, 0 for none. */
static guint32
size_of_bar(Fixture *f)
{
    guint32 value;

    guest_config_write(f, ROM_BAR, 0xfffff800, 4);
    value = guest_config_read(f, ROM_BAR, 4) & 0xfffff800;
    return value ? ~value + 1 : 0;
}

static void
read_rom(Fixture *f, void *buf, gsize len)
{
    guest_config_write(f, ROM_BAR, ROM_ADDRESS | 1, 4);
    guest_config_write(f, 0x04, 0x2, 2);
    (void)tn_address_space_read(f->p->platform.memory_space, ROM_ADDRESS, buf, len);
}

static void
test_of_the_device(Fixture *f, gconstpointer data)
{
    guint8 bytes[SHOWN_SIZE];

    give_rom(f);
    fixture_plug(f);
    g_assert_cmpuint(size_of_bar(f), ==, SHOWN_SIZE);
    read_rom(f, bytes, sizeof bytes);
    g_assert_cmpmem(bytes, FAKE_ROM_SIZE, f->kernel.rom, FAKE_ROM_SIZE);
    g_assert_cmphex(bytes[FAKE_ROM_SIZE], ==, 0xff);
}

static void
test_hidden(Fixture *f, gconstpointer data)
{
    give_rom(f);
    g_object_set(f->device, "rombar", 0u, NULL);
    fixture_plug(f);
    g_assert_cmpuint(size_of_bar(f), ==, 0);
}

static void
test_empty_name(Fixture *f, gconstpointer data)
{
    give_rom(f);
    g_object_set(f->device, "romfile", "", NULL);
    fixture_plug(f);
    g_assert_cmpuint(size_of_bar(f), ==, 0);
}

static void
test_of_a_file(Fixture *f, gconstpointer data)
{
    g_autofree char *path = NULL;
    guint8 bytes[8];
    int fd = g_file_open_tmp("rom-XXXXXX", &path, NULL);

    g_assert_cmpint(fd, >=, 0);
    g_assert_true(g_file_set_contents(path, "\x55\xaa" "file", 6, NULL));
    give_rom(f);
    g_object_set(f->device, "romfile", path, NULL);
    fixture_plug(f);
    g_assert_cmpuint(size_of_bar(f), ==, 2048);
    read_rom(f, bytes, sizeof bytes);
    g_assert_cmpmem(bytes, sizeof bytes, "\x55\xaa" "file\xff\xff", 8);
    (void)g_unlink(path);
    (void)g_close(fd, NULL);
}

static void
test_file_is_missing(Fixture *f, gconstpointer data)
{
    g_object_set(f->device, "romfile", "/nonexistent/rom", NULL);
    fixture_assert_refused(f, "failed to find romfile \"/nonexistent/rom\"");
}

static void
test_device_fails(Fixture *f, gconstpointer data)
{
    guint8 bytes[4];

    /* More than the fake can give. */
    f->kernel.region_size[VFIO_PCI_ROM_REGION_INDEX] = 8192;
    fixture_plug(f);
    read_rom(f, bytes, sizeof bytes);
    g_assert_cmpmem(bytes, sizeof bytes, "\xff\xff\xff\xff", 4);
}

#define ADD(path, func)                                                                     \
    g_test_add("/vfio/rom/" path, Fixture, NULL, fixture_set_up, func, fixture_tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("of-the-device", test_of_the_device);
    ADD("hidden-by-rombar", test_hidden);
    ADD("empty-name-is-none", test_empty_name);
    ADD("of-a-file", test_of_a_file);
    ADD("file-is-missing", test_file_is_missing);
    ADD("device-fails", test_device_fails);
    return g_test_run();
}
