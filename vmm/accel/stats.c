/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What KVM counts: the binary statistics of a VM and of each vCPU.
 * Documentation/virt/kvm/api.rst, 4.133 (KVM_GET_STATS_FD).
 *
 * A descriptor holds a header, descriptions of equal size, and the data. Reading it takes no
 * lock of the vCPU, but getting it does: a vCPU's is taken before it first runs.
 */
#include "vmm/accel/kvm-private.h"

#include "vmm/core/stats.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* The kernel's word is taken for layout, not for how much memory it may cost. */
#define MAX_NAME_SIZE 256u
#define MAX_STATS 4096u
#define MAX_VALUES 4096u
#define MAX_DATA (16u << 20)

static void
free_stat(gpointer data)
{
    TnStat *stat = data;

    g_free(stat->name);
    g_free(stat->values);
    g_free(stat);
}

/* All of @size bytes at @offset. @what: for the message. */
static gboolean
read_at(int fd, void *buffer, size_t size, off_t offset, const char *what, GError **error)
{
    ssize_t got;

    do {
        got = pread(fd, buffer, size, offset);
    } while (got < 0 && errno == EINTR);
    if (got != (ssize_t)size) {
        g_set_error(error, TN_KVM_ERROR, TN_KVM_ERROR_FAILED,
                    "KVM stats: failed to read %s: expected %zu actual %zd", what, size, got);
        return FALSE;
    }
    return TRUE;
}

static gboolean
check_header(const struct kvm_stats_header *header, GError **error)
{
    if (header->name_size < 1 || header->name_size > MAX_NAME_SIZE ||
        header->num_desc > MAX_STATS) {
        g_set_error(error, TN_KVM_ERROR, TN_KVM_ERROR_FAILED,
                    "KVM stats: %u descriptors with names of %u bytes are not believable",
                    header->num_desc, header->name_size);
        return FALSE;
    }
    return TRUE;
}

static const struct kvm_stats_desc *
get_description(const struct kvm_stats_header *header, const guint8 *descriptions, unsigned i)
{
    size_t size = sizeof(struct kvm_stats_desc) + header->name_size;

    return (const struct kvm_stats_desc *)(const void *)(descriptions + i * size);
}

/* Whether it is of a kind that this file knows, and how long the data must be for it. */
static bool
is_known(const struct kvm_stats_desc *desc)
{
    return (desc->flags & KVM_STATS_TYPE_MASK) >> KVM_STATS_TYPE_SHIFT < TN_STAT_N_TYPES &&
           (desc->flags & KVM_STATS_UNIT_MASK) >> KVM_STATS_UNIT_SHIFT < TN_STAT_N_UNITS &&
           ((desc->flags & KVM_STATS_BASE_MASK) == KVM_STATS_BASE_POW10 ||
            (desc->flags & KVM_STATS_BASE_MASK) == KVM_STATS_BASE_POW2) &&
           desc->size >= 1 && desc->size <= MAX_VALUES &&
           desc->offset <= MAX_DATA - MAX_VALUES * sizeof(guint64);
}

static TnStat *
new_stat(const struct kvm_stats_header *header, const struct kvm_stats_desc *desc)
{
    TnStat *stat = g_new0(TnStat, 1);

    stat->name = g_strndup(desc->name, header->name_size);
    stat->type = (desc->flags & KVM_STATS_TYPE_MASK) >> KVM_STATS_TYPE_SHIFT;
    stat->unit = (desc->flags & KVM_STATS_UNIT_MASK) >> KVM_STATS_UNIT_SHIFT;
    stat->base = (desc->flags & KVM_STATS_BASE_MASK) == KVM_STATS_BASE_POW2 ? 2 : 10;
    stat->exponent = desc->exponent;
    stat->bucket_size = stat->type == TN_STAT_LINEAR_HISTOGRAM ? desc->bucket_size : 0;
    stat->n_values = desc->size;
    stat->values = g_new0(guint64, desc->size);
    return stat;
}

static gboolean
read_values(int fd, const struct kvm_stats_header *header,
            const struct kvm_stats_desc *desc, TnStat *stat, GError **error)
{
    return read_at(fd, stat->values, stat->n_values * sizeof(guint64),
                   (off_t)header->data_offset + desc->offset, "data", error);
}

GPtrArray *
tn_kvm_stats_read(int fd, GError **error)
{
    g_autoptr(GPtrArray) stats = g_ptr_array_new_with_free_func(free_stat);
    g_autofree guint8 *descriptions = NULL;
    struct kvm_stats_header header;
    size_t size;

    if (!read_at(fd, &header, sizeof header, 0, "stats header", error) ||
        !check_header(&header, error)) {
        return NULL;
    }
    size = header.num_desc * (sizeof(struct kvm_stats_desc) + header.name_size);
    descriptions = g_malloc(MAX(size, 1));
    if (!read_at(fd, descriptions, size, header.desc_offset, "stats descriptors", error)) {
        return NULL;
    }
    for (unsigned i = 0; i < header.num_desc; i++) {
        const struct kvm_stats_desc *desc = get_description(&header, descriptions, i);
        TnStat *stat;

        if (!is_known(desc)) {
            continue;
        }
        stat = new_stat(&header, desc);
        g_ptr_array_add(stats, stat);
        if (!read_values(fd, &header, desc, stat, error)) {
            return NULL;
        }
    }
    return g_steal_pointer(&stats);
}

gboolean
tn_kvm_has_stats(TnKvm *kvm)
{
    return kvm->has_stats;
}

GPtrArray *
tn_kvm_read_stats(TnKvm *kvm, GError **error)
{
    GPtrArray *stats;
    int fd = ioctl(kvm->vm_fd, KVM_GET_STATS_FD, NULL);

    if (fd < 0) {
        (void)tn_kvm_set_errno(error, "KVM_GET_STATS_FD");
        return NULL;
    }
    stats = tn_kvm_stats_read(fd, error);
    (void)close(fd);
    return stats;
}

GPtrArray *
tn_vcpu_read_stats(TnVcpu *vcpu, GError **error)
{
    return tn_kvm_stats_read(vcpu->stats_fd, error);
}
