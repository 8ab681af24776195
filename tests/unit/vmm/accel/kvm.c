/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Opening KVM: every way in which it can fail says what is wrong. */
#include "vmm/accel/kvm-private.h"
#include "vmm/memory/memory.h"

#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void
test_missing(void)
{
    g_autoptr(GError) error = NULL;

    g_assert_null(tn_kvm_new("/nonexistent/kvm", &error));
    g_assert_error(error, TN_KVM_ERROR, TN_KVM_ERROR_MISSING);
    g_assert_nonnull(strstr(error->message, "/nonexistent/kvm"));
}

static void
test_not_kvm(void)
{
    g_autoptr(GError) error = NULL;

    g_assert_null(tn_kvm_new("/dev/null", &error));
    g_assert_error(error, TN_KVM_ERROR, TN_KVM_ERROR_CAPABILITY);
    g_assert_nonnull(strstr(error->message, "/dev/null"));
}

/* As an ordinary user, since root may open everything. */
static int
open_as_nobody(const char *path)
{
    g_autoptr(GError) error = NULL;

    if (geteuid() == 0 && (setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534))) {
        return 2;
    }
    if (tn_kvm_new(path, &error)) {
        return 3;
    }
    if (!g_error_matches(error, TN_KVM_ERROR, TN_KVM_ERROR_ACCESS)) {
        return 4;
    }
    return strstr(error->message, path) ? 0 : 5;
}

static void
test_unreadable(void)
{
    g_autofree char *path = NULL;
    g_autoptr(GError) error = NULL;
    int fd = g_file_open_tmp("tn-kvm-XXXXXX", &path, &error);
    int status = 0;
    pid_t pid;

    g_assert_no_error(error);
    g_assert_cmpint(fchmod(fd, 0), ==, 0);
    pid = fork();
    g_assert_cmpint(pid, >=, 0);
    if (pid == 0) {
        _exit(open_as_nobody(path));
    }
    g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
    g_assert_true(WIFEXITED(status));
    g_assert_cmpint(WEXITSTATUS(status), ==, 0);
    (void)close(fd);
    (void)unlink(path);
}

static void
test_open_and_close(void)
{
    g_autoptr(GError) error = NULL;
    TnKvm *kvm = tn_kvm_new(NULL, &error);
    const TnFastPath *fast_path;

    if (!kvm) {
        g_test_skip(error->message);
        return;
    }
    g_assert_no_error(error);
    fast_path = tn_kvm_get_fast_path(kvm);
    g_assert_cmpuint(fast_path->free_memory_slots(fast_path->opaque), >, 0);
    g_assert_cmpuint(tn_kvm_get_max_vcpus(kvm), >, 0);
    g_assert_true(tn_kvm_reset(kvm, &error));
    tn_kvm_free(kvm);
}

/* A slot that somebody else put where memory shall come, which KVM refuses then. */
static void
occupy(TnKvm *kvm, void *host, guint64 size)
{
    const struct kvm_userspace_memory_region region = {
        .slot = 100,
        .guest_phys_addr = 0x200000,
        .memory_size = size,
        .userspace_addr = (uintptr_t)host,
    };

    g_assert_cmpint(ioctl(kvm->vm_fd, KVM_SET_USER_MEMORY_REGION, &region), ==, 0);
}

static void
test_refused_slot_is_undone(void)
{
    g_autoptr(GError) error = NULL;
    TnKvm *kvm = tn_kvm_new_vm(NULL, &error);
    TnMemory *memory;
    TnMemoryRegion root, ram;
    TnRamBlock block = { .fd = -1 };
    TnAddressSpace *space;
    unsigned free_before;

    if (!kvm) {
        g_test_skip(error->message);
        return;
    }
    memory = tn_memory_new();
    block.host = g_aligned_alloc0(1, 0x100000, 0x100000);
    tn_memory_region_init(&root, memory, NULL, "root", TN_SIZE_WHOLE);
    space = tn_address_space_new(memory, &root, "memory");
    tn_memory_region_init_ram(&ram, memory, NULL, "ram", 0x100000, &block);
    tn_kvm_attach_memory(kvm, space);
    occupy(kvm, block.host, 0x100000);
    free_before = tn_memory_slots_free(&kvm->slots);

    tn_memory_begin(memory);
    tn_memory_region_add_subregion(&root, 0x200000, &ram);
    g_assert_false(tn_memory_commit_checked(memory, &error));
    g_assert_cmpstr(error->message, ==,
                    "KVM_SET_USER_MEMORY_REGION failed, slot=0, start=0x200000, size=0x100000: "
                    "File exists");
    g_assert_cmpuint(tn_memory_slots_free(&kvm->slots), ==, free_before);
    tn_memory_region_del_subregion(&root, &ram);
    occupy(kvm, block.host, 0);
    tn_memory_region_add_subregion(&root, 0x200000, &ram);
    g_assert_cmpuint(tn_memory_slots_free(&kvm->slots), ==, free_before - 1);

    tn_memory_region_del_subregion(&root, &ram);
    tn_kvm_free(kvm);
    tn_address_space_free(space);
    tn_memory_region_done(&ram);
    tn_memory_region_done(&root);
    tn_memory_free(memory);
    g_aligned_free(block.host);
}

static void
test_without_pit(void)
{
    const TnKvmChips chips = { .no_pit = TRUE };
    const TnLegacyChips state = { .vector_base = { 0x08, 0x70 }, .ticks = TRUE };
    g_autoptr(GError) error = NULL;
    TnKvm *kvm = tn_kvm_new_vm(NULL, &error);

    if (!kvm) {
        g_test_skip(error->message);
        return;
    }
    g_assert_true(tn_kvm_create_irqchip(kvm, &chips, &error));
    g_assert_true(tn_kvm_reset(kvm, &error));
    g_assert_true(tn_kvm_set_legacy_chips(kvm, &state, &error));
    g_assert_false(tn_kvm_discard_lost_ticks(kvm, &error));
    tn_kvm_free(kvm);
}

/* KVMs that can disable nothing take that as well, or say that they lack it. */
static void
test_idle_exits(void)
{
    g_autoptr(GError) error = NULL;
    TnKvm *kvm = tn_kvm_new(NULL, &error);

    if (!kvm) {
        g_test_skip(error->message);
        return;
    }
    if (!tn_kvm_disable_idle_exits(kvm, &error)) {
        g_assert_nonnull(strstr(error->message, "KVM_CAP_X86_DISABLE_EXITS"));
    }
    tn_kvm_free(kvm);
}

static void
test_free_null(void)
{
    tn_kvm_free(NULL);
    tn_vcpu_free(NULL);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/accel/kvm/refused-slot-is-undone", test_refused_slot_is_undone);
    g_test_add_func("/accel/kvm/missing", test_missing);
    g_test_add_func("/accel/kvm/not-kvm", test_not_kvm);
    g_test_add_func("/accel/kvm/unreadable", test_unreadable);
    g_test_add_func("/accel/kvm/open-and-close", test_open_and_close);
    g_test_add_func("/accel/kvm/without-pit", test_without_pit);
    g_test_add_func("/accel/kvm/idle-exits", test_idle_exits);
    g_test_add_func("/accel/kvm/free-null", test_free_null);
    return g_test_run();
}
