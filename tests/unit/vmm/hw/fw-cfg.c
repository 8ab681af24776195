/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fw_cfg, by the sections of docs/specs/fw-cfg.md. */
#include "tests/lib/test-platform.h"
#include "vmm/hw/fw-cfg.h"

#include <string.h>
#include <sys/mman.h>

#define RAM_SIZE 0x10000u
#define DESCRIPTOR 0x1000u
#define BUFFER 0x2000u
#define CONTROL_ERROR 0x01u
#define CONTROL_READ 0x02u
#define CONTROL_SKIP 0x04u
#define CONTROL_SELECT 0x08u
#define CONTROL_WRITE 0x10u

typedef struct Fixture {
    TnTestPlatform *p;
    TnFwCfg *fw_cfg;
    TnMemoryRegion ram;
    guint8 *host;
} Fixture;

static void
add_file(TnFwCfg *fw_cfg, const char *name, const char *text)
{
    g_autoptr(GBytes) data = g_bytes_new(text, strlen(text));
    g_autoptr(GError) error = NULL;

    (void)tn_fw_cfg_add_file(fw_cfg, name, data, &error);
    g_assert_no_error(error);
}

static void
set_up(Fixture *f, gconstpointer data)
{
    TnRamBlock block = { .fd = -1 };

    f->p = tn_test_platform_new();
    f->host = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    g_assert_true(f->host != MAP_FAILED);
    block.host = f->host;
    tn_memory_region_init_ram(&f->ram, f->p->platform.memory, NULL, "ram", RAM_SIZE, &block);
    tn_memory_region_add_subregion(f->p->platform.system_memory, 0, &f->ram);
    f->fw_cfg = tn_fw_cfg_new(&f->p->platform);
    tn_fw_cfg_set_u64(f->fw_cfg, TN_FW_CFG_RAM_SIZE, 0x123456789ab);
    tn_fw_cfg_set_u16(f->fw_cfg, TN_FW_CFG_NB_CPUS, 3);
    add_file(f->fw_cfg, "opt/org.example/b", "second");
    add_file(f->fw_cfg, "etc/a", "first one");
    (void)tn_test_realize(f->p, f->fw_cfg);
}

static void
tear_down(Fixture *f, gconstpointer data)
{
    tn_test_drop(f->fw_cfg);
    tn_memory_region_del_subregion(f->p->platform.system_memory, &f->ram);
    tn_memory_synchronize(f->p->platform.memory);
    tn_memory_region_done(&f->ram);
    (void)munmap(f->host, RAM_SIZE);
    tn_test_platform_free(f->p);
}

static guint64
take(Fixture *f, unsigned bytes)
{
    guint64 value = 0;

    for (unsigned i = 0; i < bytes; i++) {
        value |= (guint64)tn_test_inb(f->p, 0x511) << (8 * i);
    }
    return value;
}

static void
choose(Fixture *f, guint16 key)
{
    tn_test_out(f->p, 0x510, key, 2);
}

/* Runs one descriptor; returns its control word afterwards. */
static guint32
run(Fixture *f, guint32 control, guint32 length, guint64 address)
{
    const guint32 words[2] = { GUINT32_TO_BE(control), GUINT32_TO_BE(length) };
    const guint64 to = GUINT64_TO_BE(address);
    guint32 after;

    memcpy(f->host + DESCRIPTOR, words, sizeof(words));
    memcpy(f->host + DESCRIPTOR + 8, &to, sizeof(to));
    tn_test_out(f->p, 0x514, 0, 4);
    tn_test_out(f->p, 0x518, GUINT32_SWAP_LE_BE(DESCRIPTOR), 4);
    memcpy(&after, f->host + DESCRIPTOR, sizeof(after));
    return GUINT32_FROM_BE(after);
}

static void
signature_and_id(Fixture *f, gconstpointer data)
{
    choose(f, 0);
    g_assert_cmphex(take(f, 4), ==, 0x554d4551); /* "QEMU" */
    choose(f, 1);
    g_assert_cmphex(take(f, 4), ==, 3);
}

static void
numbers(Fixture *f, gconstpointer data)
{
    choose(f, TN_FW_CFG_RAM_SIZE);
    g_assert_cmphex(take(f, 8), ==, 0x123456789ab);
    choose(f, TN_FW_CFG_NB_CPUS);
    g_assert_cmphex(take(f, 2), ==, 3);
    tn_fw_cfg_set_u16(f->fw_cfg, TN_FW_CFG_NB_CPUS, 4);
    choose(f, TN_FW_CFG_NB_CPUS);
    g_assert_cmphex(take(f, 2), ==, 4);
}

static void
past_the_end_are_zeroes(Fixture *f, gconstpointer data)
{
    choose(f, TN_FW_CFG_NB_CPUS);
    g_assert_cmphex(take(f, 8), ==, 3);
    choose(f, 0x7777);
    g_assert_cmphex(take(f, 4), ==, 0);
}

static void
selecting_starts_anew(Fixture *f, gconstpointer data)
{
    choose(f, 0);
    (void)take(f, 2);
    choose(f, 0);
    g_assert_cmphex(take(f, 1), ==, 'Q');
}

static void
other_accesses(Fixture *f, gconstpointer data)
{
    choose(f, 0);
    (void)take(f, 1);
    g_assert_cmphex(tn_test_in(f->p, 0x510, 2), ==, 0);
    g_assert_cmphex(tn_test_inb(f->p, 0x510), ==, 0);
    tn_test_outb(f->p, 0x510, 1); /* a byte selects nothing */
    tn_test_outb(f->p, 0x511, 1); /* nothing is written */
    g_assert_cmphex(take(f, 1), ==, 'E');
}

static void
directory(Fixture *f, gconstpointer data)
{
    guint8 entry[64];

    choose(f, TN_FW_CFG_FILE_DIR);
    g_assert_cmphex(take(f, 4), ==, GUINT32_SWAP_LE_BE(2));
    for (size_t i = 0; i < sizeof(entry); i++) {
        entry[i] = (guint8)take(f, 1);
    }
    g_assert_cmphex(entry[3], ==, strlen("first one"));
    g_assert_cmphex(entry[5], ==, 0x20);
    g_assert_cmpstr((const char *)entry + 8, ==, "etc/a");
    for (size_t i = 0; i < sizeof(entry); i++) {
        entry[i] = (guint8)take(f, 1);
    }
    g_assert_cmphex(entry[5], ==, 0x21);
    g_assert_cmpstr((const char *)entry + 8, ==, "opt/org.example/b");
    choose(f, 0x21);
    g_assert_cmphex(take(f, 6), ==, 0x646e6f636573); /* "second" */
}

static void
file_set_anew(Fixture *f, gconstpointer data)
{
    g_autoptr(GBytes) bytes = g_bytes_new("x\ny", 4);

    tn_fw_cfg_set_file(f->fw_cfg, "etc/a", bytes);
    choose(f, 0x20);
    g_assert_cmphex(take(f, 5), ==, 0x00790a78);
    choose(f, TN_FW_CFG_FILE_DIR);
    (void)take(f, 4);
    g_assert_cmphex(take(f, 4), ==, GUINT32_SWAP_LE_BE(4));
}

static void
dma_signature(Fixture *f, gconstpointer data)
{
    g_assert_cmphex(tn_test_in(f->p, 0x514, 4), ==, 0x554d4551); /* "QEMU" */
    g_assert_cmphex(tn_test_in(f->p, 0x518, 4), ==, 0x47464320); /* " CFG" */
}

static void
dma_read(Fixture *f, gconstpointer data)
{
    memset(f->host + BUFFER, 0xaa, 16);
    g_assert_cmphex(run(f, 0x20 << 16 | CONTROL_SELECT | CONTROL_READ, 12, BUFFER), ==, 0);
    g_assert_cmpmem(f->host + BUFFER, 13, "first one\0\0\0\xaa", 13);
}

static void
dma_skip_then_read(Fixture *f, gconstpointer data)
{
    choose(f, 0x20);
    g_assert_cmphex(run(f, CONTROL_SKIP, 6, 0), ==, 0);
    g_assert_cmphex(run(f, CONTROL_READ, 3, BUFFER), ==, 0);
    g_assert_cmpmem(f->host + BUFFER, 3, "one", 3);
}

static void
dma_skip_past_the_end(Fixture *f, gconstpointer data)
{
    choose(f, 0x20);
    g_assert_cmphex(run(f, CONTROL_SKIP, G_MAXUINT32, 0), ==, 0);
    g_assert_cmphex(run(f, CONTROL_SKIP, G_MAXUINT32, 0), ==, 0);
    g_assert_cmphex(take(f, 2), ==, 0);
}

static void
dma_write_is_an_error(Fixture *f, gconstpointer data)
{
    g_assert_cmphex(run(f, 0x20 << 16 | CONTROL_SELECT | CONTROL_WRITE, 4, BUFFER), ==,
                    CONTROL_ERROR);
}

static void
dma_outside_of_ram_is_an_error(Fixture *f, gconstpointer data)
{
    g_assert_cmphex(run(f, 0x20 << 16 | CONTROL_SELECT | CONTROL_READ, G_MAXUINT32, 0x10000000),
                    ==, CONTROL_ERROR);
    g_assert_cmphex(run(f, 0x20 << 16 | CONTROL_SELECT | CONTROL_READ, 0x20000, RAM_SIZE - 4), ==,
                    CONTROL_ERROR);
}

/* The device's own ports are no memory, so it cannot be aimed at itself; a descriptor that
 * is nowhere changes nothing. */
static void
dma_descriptor_nowhere(Fixture *f, gconstpointer data)
{
    choose(f, 0);
    tn_test_out(f->p, 0x514, 0xffffffff, 4);
    tn_test_out(f->p, 0x518, 0xffffffff, 4);
    g_assert_cmphex(take(f, 1), ==, 'Q');
}

static void
reset(Fixture *f, gconstpointer data)
{
    choose(f, 0x20);
    (void)take(f, 2);
    tn_test_out(f->p, 0x514, 0x12345678, 4);
    tn_reset_run(f->p->platform.reset);
    g_assert_cmphex(take(f, 4), ==, 0x554d4551);
    /* the DMA address's high half is gone as well */
    memset(f->host + DESCRIPTOR, 0, 16);
    f->host[DESCRIPTOR + 3] = CONTROL_WRITE;
    tn_test_out(f->p, 0x518, GUINT32_SWAP_LE_BE(DESCRIPTOR), 4);
    g_assert_cmphex(f->host[DESCRIPTOR + 3], ==, CONTROL_ERROR);
}

static void
file_refusals(void)
{
    g_autoptr(TnTestPlatform) p = tn_test_platform_new();
    g_autoptr(TnFwCfg) fw_cfg = tn_fw_cfg_new(&p->platform);
    g_autoptr(GBytes) data = g_bytes_new_static("x", 1);
    g_autofree char *name = g_strnfill(TN_FW_CFG_MAX_NAME + 1, 'n');
    g_autoptr(GError) error = NULL;

    g_assert_false(tn_fw_cfg_add_file(fw_cfg, name, data, &error));
    g_assert_nonnull(strstr(error->message, "is not of 1 to 55 bytes"));
    g_clear_error(&error);
    name[TN_FW_CFG_MAX_NAME] = '\0';
    g_assert_true(tn_fw_cfg_add_file(fw_cfg, name, data, &error));
    g_assert_false(tn_fw_cfg_add_file(fw_cfg, name, data, &error));
    g_assert_nonnull(strstr(error->message, "duplicate fw_cfg file name: nnn"));
    g_clear_error(&error);
    for (unsigned i = 1; i < TN_FW_CFG_MAX_FILES; i++) {
        g_autofree char *other = g_strdup_printf("%u", i);

        g_assert_true(tn_fw_cfg_add_file(fw_cfg, other, data, NULL));
    }
    g_assert_false(tn_fw_cfg_add_file(fw_cfg, "one-more", data, &error));
    g_assert_nonnull(strstr(error->message, "the limit is 128 files"));
}

#define ADD(func, path) g_test_add("/hw/fw-cfg/" path, Fixture, NULL, set_up, func, tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD(signature_and_id, "signature-and-id");
    ADD(numbers, "numbers");
    ADD(past_the_end_are_zeroes, "past-the-end-are-zeroes");
    ADD(selecting_starts_anew, "selecting-starts-anew");
    ADD(other_accesses, "other-accesses");
    ADD(directory, "directory");
    ADD(file_set_anew, "file-set-anew");
    ADD(dma_signature, "dma/signature");
    ADD(dma_read, "dma/read");
    ADD(dma_skip_then_read, "dma/skip-then-read");
    ADD(dma_skip_past_the_end, "dma/skip-past-the-end");
    ADD(dma_write_is_an_error, "dma/write-is-an-error");
    ADD(dma_outside_of_ram_is_an_error, "dma/outside-of-ram");
    ADD(dma_descriptor_nowhere, "dma/descriptor-nowhere");
    ADD(reset, "reset");
    g_test_add_func("/hw/fw-cfg/file-refusals", file_refusals);
    return g_test_run();
}
