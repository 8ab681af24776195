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

guint64
tn_memlock_need(const TnDomainDef *def, const TnDevice *added)
{
    gboolean pinned = tn_domain_def_n_devices(def, TN_DEVICE_HOSTDEV) > 0 ||
                      (added && added->kind == TN_DEVICE_HOSTDEV);

    return pinned ? (guest_memory_kib(def, added) + TN_MEMLOCK_DEVICES_KIB) * 1024 : 0;
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

    g_set_error(error, TN_VIR_ERROR, VIR_ERR_SYSTEM_ERROR,
                "domain '%s' needs %" G_GUINT64_FORMAT " KiB of locked memory (%" G_GUINT64_FORMAT
                " KiB of guest memory and %d KiB for devices), but the limit of its process is %s "
                "(hard limit %s) and cannot be raised: %s", def->name,
                tn_memlock_need(def, added) / 1024, guest_memory_kib(def, added),
                TN_MEMLOCK_DEVICES_KIB, soft, hard, g_strerror(error_number));
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

    if (need == 0) {
        return TRUE;
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
