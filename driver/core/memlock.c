/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The locked-memory limit of a guest's process. */
#include "driver/core/memlock.h"

#include <errno.h>

#include "driver/error.h"

static guint64
guest_memory_kib(const TnDomainDef *def, const TnDevice *added)
{
    guint64 kib = tn_domain_def_memory_total(def);

    return added && added->kind == TN_DEVICE_MEMORY
               ? kib + ((const TnMemoryDevice *)added)->size_kib
               : kib;
}

static gboolean
pins_memory(const TnDomainDef *def, const TnDevice *added)
{
    return tn_domain_def_n_devices(def, TN_DEVICE_HOSTDEV) > 0 ||
           (added && added->kind == TN_DEVICE_HOSTDEV);
}

guint64
tn_memlock_need(const TnDomainDef *def, const TnDevice *added)
{
    if (!pins_memory(def, added)) {
        return 0;
    }
    return (tn_memtune_is_set(def->memtune.hard_limit_kib)
                ? def->memtune.hard_limit_kib
                : guest_memory_kib(def, added) + TN_MEMLOCK_DEVICES_KIB) * 1024;
}

/* A hard limit that not even the guest's memory fits into. Whether the rest is enough for the
 * devices shows when they are mapped. */
static gboolean
check_hard_limit(const TnDomainDef *def, const TnDevice *added, GError **error)
{
    guint64 limit = def->memtune.hard_limit_kib;
    guint64 memory = guest_memory_kib(def, added);

    if (limit >= memory) {
        return TRUE;
    }
    g_set_error(error, TN_VIR_ERROR, VIR_ERR_CONFIG_UNSUPPORTED,
                "domain '%s' needs more than %" G_GUINT64_FORMAT " KiB of locked memory for its "
                "host devices, but the hard_limit of its memory is %" G_GUINT64_FORMAT " KiB",
                def->name, memory, limit);
    return FALSE;
}

static char *
limit_text(rlim_t limit)
{
    return limit == RLIM_INFINITY
               ? g_strdup("unlimited")
               : g_strdup_printf("%" G_GUINT64_FORMAT " KiB", (guint64)limit / 1024);
}

static gboolean
fail(const TnDomainDef *def, const TnDevice *added, const struct rlimit *now, int error_number,
     GError **error)
{
    g_autofree char *soft = limit_text(now->rlim_cur);
    g_autofree char *hard = limit_text(now->rlim_max);

    g_autofree char *parts =
        tn_memtune_is_set(def->memtune.hard_limit_kib)
            ? g_strdup("the hard_limit of its memory")
            : g_strdup_printf("%" G_GUINT64_FORMAT " KiB of guest memory and %d KiB for devices",
                              guest_memory_kib(def, added), TN_MEMLOCK_DEVICES_KIB);

    g_set_error(error, TN_VIR_ERROR, VIR_ERR_SYSTEM_ERROR,
                "domain '%s' needs %" G_GUINT64_FORMAT " KiB of locked memory (%s), but the limit "
                "of its process is %s (hard limit %s) and cannot be raised: %s", def->name,
                tn_memlock_need(def, added) / 1024, parts, soft, hard, g_strerror(error_number));
    return FALSE;
}

static int
ask_kernel(pid_t pid, const struct rlimit *wanted, struct rlimit *ret_now)
{
    return prlimit(pid, RLIMIT_MEMLOCK, wanted, ret_now);
}

gboolean
tn_memlock_raise(TnMemlockFunc func, pid_t pid, const TnDomainDef *def, const TnDevice *added,
                 GError **error)
{
    guint64 need = tn_memlock_need(def, added);
    struct rlimit now, wanted;

    if (!pins_memory(def, added)) {
        return TRUE;
    }
    if (!check_hard_limit(def, added, error)) {
        return FALSE;
    }
    func = func ? func : ask_kernel;
    if (func(pid, NULL, &now) < 0) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_SYSTEM_ERROR,
                    "cannot read the locked-memory limit of process %ld: %s", (long)pid,
                    g_strerror(errno));
        return FALSE;
    }
    if (now.rlim_cur >= need) {
        return TRUE;
    }
    wanted = (struct rlimit){ .rlim_cur = need, .rlim_max = MAX(now.rlim_max, need) };
    return func(pid, &wanted, NULL) == 0 || fail(def, added, &now, errno, error);
}
