/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Memory slots of a KVM that is played here: ioctl() is this file's, and refuses on demand.
 */
#include "tests/unit/vmm/accel/fake-core.h"
#include "vmm/accel/kvm-private.h"
#include "vmm/memory/memory.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>

#define VM_FD 0x7ff0 /* nobody's */
#define MIB UINT64_C(0x100000)
#define WINDOW_SIZE (256 * MIB)
#define REGIONS 4

/* What KVM was told, by slot number; size 0: gone. */
static struct kvm_userspace_memory_region told[8];
static int refuse_errno; /* of the next KVM_SET_USER_MEMORY_REGION that adds; 0: takes it */
static unsigned refusals;

int
ioctl(int fd, unsigned long request, ...)
{
    const struct kvm_userspace_memory_region *region;
    va_list args;

    va_start(args, request);
    region = va_arg(args, void *);
    va_end(args);
    if (fd != VM_FD || request != KVM_SET_USER_MEMORY_REGION ||
        region->slot >= G_N_ELEMENTS(told)) {
        errno = ENOTTY;
        return -1;
    }
    if (refuse_errno && region->memory_size) {
        errno = refuse_errno;
        refusals++;
        return -1;
    }
    told[region->slot] = *region;
    return 0;
}

typedef struct {
    TnMemory *memory;
    TnMemoryRegion root;
    TnAddressSpace *space;
    TnKvm kvm;
    void *host;
    TnMemoryRegion regions[REGIONS];
} Fixture;

static void
set_up(Fixture *f, gconstpointer data)
{
    memset(told, 0, sizeof told);
    refuse_errno = 0;
    refusals = 0;
    f->memory = tn_memory_new();
    tn_memory_region_init(&f->root, f->memory, NULL, "root", WINDOW_SIZE);
    f->space = tn_address_space_new(f->memory, &f->root, "space");
    f->host = g_aligned_alloc0(REGIONS, MIB, MIB);
    for (unsigned i = 0; i < REGIONS; i++) {
        const TnRamBlock ram = { .host = (char *)f->host + i * MIB, .fd = -1 };

        tn_memory_region_init_ram(&f->regions[i], f->memory, NULL, "ram", MIB, &ram);
    }
    f->kvm.vm_fd = VM_FD;
    tn_memory_slots_init(&f->kvm.slots, &f->kvm, 3);
    tn_memory_slots_attach(&f->kvm.slots, f->space);
}

static void
tear_down(Fixture *f, gconstpointer data)
{
    tn_memory_slots_done(&f->kvm.slots);
    tn_address_space_free(f->space);
    for (unsigned i = 0; i < REGIONS; i++) {
        if (f->regions[i].container) {
            tn_memory_region_del_subregion(&f->root, &f->regions[i]);
        }
        tn_memory_region_done(&f->regions[i]);
    }
    tn_memory_region_done(&f->root);
    tn_memory_free(f->memory);
    g_aligned_free(f->host);
}

/* As a plug does it. */
static gboolean
plug(Fixture *f, unsigned i, GError **error)
{
    tn_memory_begin(f->memory);
    tn_memory_region_add_subregion(&f->root, (i + 1) * 16 * MIB, &f->regions[i]);
    if (tn_memory_commit_checked(f->memory, error)) {
        return TRUE;
    }
    tn_memory_begin(f->memory);
    tn_memory_region_del_subregion(&f->root, &f->regions[i]);
    tn_memory_commit(f->memory);
    return FALSE;
}

static unsigned
count_told(void)
{
    unsigned count = 0;

    for (unsigned i = 0; i < G_N_ELEMENTS(told); i++) {
        count += told[i].memory_size != 0;
    }
    return count;
}

static void
test_plug(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;

    g_assert_true(plug(f, 0, &error));
    g_assert_cmpuint(count_told(), ==, 1);
    g_assert_cmphex(told[0].guest_phys_addr, ==, 16 * MIB);
    g_assert_cmphex(told[0].memory_size, ==, MIB);
    g_assert_cmpuint(tn_memory_slots_free(&f->kvm.slots), ==, 2);
}

/* What plugged it hears why, and all is as before: also for the next one. */
static void
assert_undone(Fixture *f, int errnum, const char *text)
{
    g_autoptr(GError) error = NULL;

    g_assert_true(plug(f, 0, NULL));
    refuse_errno = errnum;
    g_assert_false(plug(f, 1, &error));
    g_assert_cmpstr(error->message, ==, text);
    g_assert_cmpuint(count_told(), ==, 1);
    g_assert_cmpuint(tn_memory_slots_free(&f->kvm.slots), ==, 2);
    refuse_errno = 0;
    g_assert_true(plug(f, 1, NULL));
    g_assert_cmpuint(count_told(), ==, 2);
    g_assert_cmphex(told[1].guest_phys_addr, ==, 32 * MIB);
}

static void
test_no_memory_for_the_slot(Fixture *f, gconstpointer data)
{
    assert_undone(f, ENOMEM, "KVM_SET_USER_MEMORY_REGION failed, slot=1, start=0x2000000, "
                             "size=0x100000: Cannot allocate memory");
}

static void
test_slot_is_not_valid(Fixture *f, gconstpointer data)
{
    assert_undone(f, EINVAL, "KVM_SET_USER_MEMORY_REGION failed, slot=1, start=0x2000000, "
                             "size=0x100000: Invalid argument");
}

static void
test_no_slot_left(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;

    for (unsigned i = 0; i < 3; i++) {
        g_assert_true(plug(f, i, NULL));
    }
    g_assert_false(plug(f, 3, &error));
    g_assert_cmpstr(error->message, ==, "hypervisor has no free memory slots left");
    g_assert_cmpuint(count_told(), ==, 3);
    g_assert_cmpuint(tn_memory_slots_free(&f->kvm.slots), ==, 0);
    tn_memory_region_del_subregion(&f->root, &f->regions[0]);
    g_assert_true(plug(f, 3, NULL));
}

/* As a guest moves a BAR: it can be neither undone nor told, and goes on without a slot. */
static void
test_guest_moves_memory_where_kvm_takes_none(Fixture *f, gconstpointer data)
{
    guint64 value = 0;

    tn_memory_region_add_subregion(&f->root, 16 * MIB, &f->regions[0]);
    ((guint64 *)f->host)[0] = 0x1122334455667788;
    refuse_errno = EINVAL;
    for (unsigned i = 2; i < 10; i++) {
        tn_memory_region_set_address(&f->regions[0], i * 16 * MIB);
        g_assert_cmpuint(count_told(), ==, 0);
    }
    g_assert_cmpuint(refusals, ==, 8);
    g_assert_true(f->kvm.slots.refusal_logged);
    g_assert_cmpuint(tn_memory_slots_free(&f->kvm.slots), ==, 3);
    /* An exit finds it all the same. */
    (void)tn_address_space_read(f->space, 9 * 16 * MIB, &value, sizeof value);
    g_assert_cmphex(value, ==, 0x1122334455667788);
    refuse_errno = 0;
    tn_memory_region_set_address(&f->regions[0], 16 * MIB);
    g_assert_cmpuint(count_told(), ==, 1);
    g_assert_cmphex(told[0].guest_phys_addr, ==, 16 * MIB);
}

#define ADD(path, func)                                                                         \
    g_test_add("/accel/memory-slots/" path, Fixture, NULL, set_up, func, tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("plug", test_plug);
    ADD("refused/no-memory", test_no_memory_for_the_slot);
    ADD("refused/not-valid", test_slot_is_not_valid);
    ADD("refused/no-slot-left", test_no_slot_left);
    ADD("refused/guest-moves-memory", test_guest_moves_memory_where_kvm_takes_none);
    return g_test_run();
}
