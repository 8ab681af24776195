/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* KVM's binary statistics, from files that are laid out as the kernel's and from some that are
 * not; and of a real VM. */
#include "vmm/accel/kvm-private.h"
#include "vmm/core/stats.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define NAME_SIZE 16u
#define DESC_SIZE (sizeof(struct kvm_stats_desc) + NAME_SIZE)
#define DESC_OFFSET 64u
#define DATA_OFFSET 512u

typedef struct {
    int fd;
    struct kvm_stats_header header;
} Fixture;

static void
put(Fixture *f, const void *bytes, size_t size, off_t offset)
{
    g_assert_cmpint(pwrite(f->fd, bytes, size, offset), ==, (ssize_t)size);
}

static void
put_description(Fixture *f, unsigned i, const struct kvm_stats_desc *desc, const char *name)
{
    char text[NAME_SIZE] = { 0 };

    (void)g_strlcpy(text, name, sizeof text);
    put(f, desc, sizeof *desc, DESC_OFFSET + i * DESC_SIZE);
    put(f, text, sizeof text, (off_t)(DESC_OFFSET + i * DESC_SIZE + sizeof *desc));
}

/* Three that are known and one of a kind of the future. */
static void
set_up(Fixture *f, gconstpointer data)
{
    const struct kvm_stats_desc exits = { .flags = KVM_STATS_TYPE_CUMULATIVE, .size = 1 };
    const struct kvm_stats_desc future = { .flags = 0xf, .size = 1, .offset = 8 };
    const struct kvm_stats_desc time = {
        .flags = KVM_STATS_TYPE_LINEAR_HIST | KVM_STATS_UNIT_SECONDS | KVM_STATS_BASE_POW10,
        .exponent = -9, .size = 2, .offset = 8, .bucket_size = 1000,
    };
    const struct kvm_stats_desc memory = {
        .flags = KVM_STATS_TYPE_INSTANT | KVM_STATS_UNIT_BYTES | KVM_STATS_BASE_POW2,
        .exponent = 12, .size = 1, .offset = 24,
    };
    const guint64 values[] = { G_MAXUINT64, 3, 4, 5 };

    f->fd = memfd_create("stats", MFD_CLOEXEC);
    f->header = (struct kvm_stats_header){
        .name_size = NAME_SIZE, .num_desc = 4, .desc_offset = DESC_OFFSET,
        .data_offset = DATA_OFFSET,
    };
    put(f, &f->header, sizeof f->header, 0);
    put_description(f, 0, &exits, "exits");
    put_description(f, 1, &future, "future");
    put_description(f, 2, &time, "time");
    put_description(f, 3, &memory, "exactly16letters");
    put(f, values, sizeof values, DATA_OFFSET);
}

static void
tear_down(Fixture *f, gconstpointer data)
{
    (void)close(f->fd);
}

static void
test_read(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) stats = tn_kvm_stats_read(f->fd, &error);
    const TnStat *stat;

    g_assert_no_error(error);
    g_assert_cmpuint(stats->len, ==, 3);
    stat = g_ptr_array_index(stats, 0);
    g_assert_cmpstr(stat->name, ==, "exits");
    g_assert_cmpint(stat->type, ==, TN_STAT_CUMULATIVE);
    g_assert_cmpint(stat->unit, ==, TN_STAT_UNIT_NONE);
    g_assert_cmpuint(stat->values[0], ==, G_MAXUINT64);
    stat = g_ptr_array_index(stats, 1);
    g_assert_cmpstr(stat->name, ==, "time");
    g_assert_cmpint(stat->unit, ==, TN_STAT_UNIT_SECONDS);
    g_assert_cmpint(stat->base, ==, 10);
    g_assert_cmpint(stat->exponent, ==, -9);
    g_assert_cmpuint(stat->bucket_size, ==, 1000);
    g_assert_cmpuint(stat->n_values, ==, 2);
    g_assert_cmpuint(stat->values[1], ==, 4);
    stat = g_ptr_array_index(stats, 2);
    g_assert_cmpint(stat->base, ==, 2);
    g_assert_cmpint(stat->exponent, ==, 12);
    g_assert_cmpuint(stat->values[0], ==, 5);
}

/* Not every kernel ends a name of full length by a NUL. */
static void
test_name_of_full_length(Fixture *f, gconstpointer data)
{
    const char name[NAME_SIZE] = { 'e', 'x', 'a', 'c', 't', 'l', 'y', '1',
                                   '6', 'l', 'e', 't', 't', 'e', 'r', 's' };
    g_autoptr(GPtrArray) stats = NULL;

    put(f, name, sizeof name, (off_t)(DESC_OFFSET + 3 * DESC_SIZE + sizeof(struct kvm_stats_desc)));
    stats = tn_kvm_stats_read(f->fd, NULL);
    g_assert_nonnull(stats);
    g_assert_cmpstr(((TnStat *)g_ptr_array_index(stats, 2))->name, ==, "exactly16letters");
}

static void
assert_refused(Fixture *f, const char *text)
{
    g_autoptr(GError) error = NULL;

    g_assert_null(tn_kvm_stats_read(f->fd, &error));
    g_assert_error(error, TN_KVM_ERROR, TN_KVM_ERROR_FAILED);
    g_assert_nonnull(strstr(error->message, text));
}

static void
test_cut_off(Fixture *f, gconstpointer data)
{
    g_assert_cmpint(ftruncate(f->fd, DATA_OFFSET + 16), ==, 0);
    assert_refused(f, "KVM stats: failed to read data: expected 16 actual 8");
    g_assert_cmpint(ftruncate(f->fd, DESC_OFFSET + 10), ==, 0);
    assert_refused(f, "KVM stats: failed to read stats descriptors");
    g_assert_cmpint(ftruncate(f->fd, 3), ==, 0);
    assert_refused(f, "KVM stats: failed to read stats header");
}

static void
test_sizes_beyond_belief(Fixture *f, gconstpointer data)
{
    f->header.num_desc = G_MAXUINT32;
    put(f, &f->header, sizeof f->header, 0);
    assert_refused(f, "not believable");
    f->header.num_desc = 4;
    f->header.name_size = 0;
    put(f, &f->header, sizeof f->header, 0);
    assert_refused(f, "not believable");
}

static void
test_of_a_vm(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) stats = NULL;
    TnKvm *kvm = tn_kvm_new_vm(NULL, &error);
    gboolean found = FALSE;

    if (!kvm || !tn_kvm_has_stats(kvm)) {
        g_test_skip(error ? error->message : "this host's KVM tells no statistics");
        tn_kvm_free(kvm);
        return;
    }
    stats = tn_kvm_read_stats(kvm, &error);
    g_assert_no_error(error);
    for (guint i = 0; i < stats->len; i++) {
        found = found || g_str_equal(((TnStat *)g_ptr_array_index(stats, i))->name,
                                     "remote_tlb_flush");
    }
    g_assert_true(found);
    tn_kvm_free(kvm);
}

#define ADD(path, func) g_test_add("/accel/stats/" path, Fixture, NULL, set_up, func, tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("read", test_read);
    ADD("name-of-full-length", test_name_of_full_length);
    ADD("cut-off", test_cut_off);
    ADD("sizes-beyond-belief", test_sizes_beyond_belief);
    g_test_add_func("/accel/stats/of-a-vm", test_of_a_vm);
    return g_test_run();
}
