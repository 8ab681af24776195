/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Unpacking a kernel with as few rights as can be. */
#include "vmm/kernel-unpacker.h"

#include "vmm/machine/kernel-image.h"

#include <errno.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef __has_feature
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer)
#define TN_CLANG_SANITIZER
#endif
#endif

/* The kernel's overflow id: owns nothing. */
#define NOBODY 65534
/* Bit of the numbers of the x32 calls, which share the architecture's mark. */
#define X32_BIT 0x40000000u

static gboolean
fail(GError **error, const char *what)
{
    g_set_error(error, TN_KERNEL_IMAGE_ERROR, TN_KERNEL_IMAGE_ERROR_IO, "cannot %s: %s", what,
                g_strerror(errno));
    return FALSE;
}

/*
 * First step: root's rights, and the way to new ones. A process that changes its ids after exec
 * cannot be traced by others of the new id: what it writes is nobody else's work.
 */
static gboolean
drop_rights(GError **error)
{
    pid_t parent = getppid();

    if (geteuid() == 0 && (setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
                           setresuid(NOBODY, NOBODY, NOBODY) < 0)) {
        return fail(error, "become nobody");
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) {
        return fail(error, "give up rights");
    }
    /* Changing ids has cleared it. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0) {
        return fail(error, "follow the parent");
    }
    if (getppid() != parent) {
        errno = ESRCH;
        return fail(error, "follow the parent");
    }
    return TRUE;
}

/* Second step, once the kernel is read: memory, writing what is open, and the end. */
static gboolean
drop_calls(GError **error)
{
/* Sanitizers do more than that at the end. */
#if !defined(__SANITIZE_ADDRESS__) && !defined(TN_CLANG_SANITIZER)
#define LOAD(field) \
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define RETURN(value) BPF_STMT(BPF_RET | BPF_K, value)
#define ALLOW(name) \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_##name, 0, 1), RETURN(SECCOMP_RET_ALLOW)
    static const struct sock_filter filter[] = {
        LOAD(arch),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
        RETURN(SECCOMP_RET_KILL_PROCESS),
        LOAD(nr),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 0, 1),
        RETURN(SECCOMP_RET_KILL_PROCESS),
        ALLOW(pwrite64),
        ALLOW(write),
        ALLOW(fstat),
        ALLOW(newfstatat),
        ALLOW(brk),
        ALLOW(mmap),
        ALLOW(munmap),
        ALLOW(mremap),
        ALLOW(madvise),
        ALLOW(futex),
        ALLOW(rt_sigreturn),
        ALLOW(exit),
        ALLOW(exit_group),
        /* Not the end: libraries ask for things that they can do without. */
        RETURN(SECCOMP_RET_ERRNO | EPERM),
    };
    const struct sock_fprog program = { G_N_ELEMENTS(filter), (struct sock_filter *)filter };

    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0) {
        return fail(error, "give up system calls");
    }
#undef LOAD
#undef RETURN
#undef ALLOW
#endif
    return TRUE;
}

gboolean
tn_kernel_unpacker_run(GError **error)
{
    return drop_rights(error) &&
           tn_kernel_image_write(STDIN_FILENO, STDOUT_FILENO, drop_calls, error);
}
