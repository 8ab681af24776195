/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* KVM's dirty log, and ROM devices as read-only slots. */
#include "tests/unit/vmm/accel/guest.h"
#include "vmm/memory/dirty-log.h"

#include <string.h>

static bool
is_dirty(const TnDirtySnapshot *snapshot, uint64_t addr)
{
    return tn_dirty_snapshot_get(snapshot, addr, 1);
}

static TnDirtySnapshot *
take(TnMemoryRegion *ram, TnDirtyClient client)
{
    tn_memory_region_sync_log(ram);
    return tn_memory_region_snapshot_and_clear_dirty(ram, client, 0, tn_memory_region_size(ram));
}

static void
go_on(TnGuest *guest)
{
    __atomic_store_n(&guest->ram_host[0x3000], 1, __ATOMIC_SEQ_CST);
}

static void
test_guest_writes(void)
{
    g_autoptr(TnDirtySnapshot) first = NULL;
    g_autoptr(TnDirtySnapshot) second = NULL;
    g_autoptr(TnDirtySnapshot) third = NULL;
    TnGuest *guest = tn_guest_new(1);

    if (!guest) {
        return;
    }
    tn_memory_region_set_log(&guest->ram, TN_DIRTY_VGA, true);
    tn_guest_load(guest, TN_GUEST_CODE, dirty);
    tn_guest_resume(guest);
    g_assert_cmphex(tn_guest_wait_said(guest, 0), ==, 1);
    first = take(&guest->ram, TN_DIRTY_VGA);
    g_assert_true(is_dirty(first, 0x5000));
    g_assert_false(is_dirty(first, 0x6000));
    /* Taken is taken, until it is written again. KVM may name pages that were only read. */
    second = take(&guest->ram, TN_DIRTY_VGA);
    g_assert_false(is_dirty(second, 0x5000));
    go_on(guest);
    g_assert_cmphex(tn_guest_wait_said(guest, 1), ==, 2);
    third = take(&guest->ram, TN_DIRTY_VGA);
    g_assert_true(is_dirty(third, 0x5000));
    g_assert_true(is_dirty(third, 0x6000));
    g_assert_false(is_dirty(third, 0x7000));
    tn_guest_free(guest);
}

/* What one client takes, even twice, is still there for the other. */
static void
test_two_clients(void)
{
    g_autoptr(TnDirtySnapshot) vga = NULL;
    g_autoptr(TnDirtySnapshot) migration = NULL;
    g_autoptr(TnDirtySnapshot) again = NULL;
    TnGuest *guest = tn_guest_new(1);

    if (!guest) {
        return;
    }
    tn_memory_region_set_log(&guest->ram, TN_DIRTY_VGA, true);
    tn_memory_global_log_start(guest->memory);
    tn_guest_load(guest, TN_GUEST_CODE, dirty);
    tn_guest_resume(guest);
    g_assert_cmphex(tn_guest_wait_said(guest, 0), ==, 1);
    migration = take(&guest->ram, TN_DIRTY_MIGRATION);
    g_assert_true(is_dirty(migration, 0x5000));
    go_on(guest);
    g_assert_cmphex(tn_guest_wait_said(guest, 1), ==, 2);
    /* Without a sync: page 5 was written again, of which nobody was told yet. */
    vga = tn_memory_region_snapshot_and_clear_dirty(&guest->ram, TN_DIRTY_VGA, 0, 0x10000);
    g_assert_true(is_dirty(vga, 0x5000));
    g_assert_false(is_dirty(vga, 0x6000));
    again = take(&guest->ram, TN_DIRTY_MIGRATION);
    g_assert_true(is_dirty(again, 0x5000));
    g_assert_true(is_dirty(again, 0x6000));
    tn_memory_global_log_stop(guest->memory);
    tn_guest_free(guest);
}

/* The guest runs on in the very slot whose log is switched. */
static void
test_switch_while_running(void)
{
    TnGuest *guest = tn_guest_new(1);
    const TnFastPath *fast_path;
    unsigned free_slots;

    if (!guest) {
        return;
    }
    fast_path = tn_kvm_get_fast_path(guest->kvm);
    free_slots = fast_path->free_memory_slots(fast_path->opaque);
    tn_guest_load(guest, TN_GUEST_CODE, count);
    tn_guest_resume(guest);
    for (unsigned i = 0; i < 200; i++) {
        tn_memory_global_log_start(guest->memory);
        tn_memory_global_log_stop(guest->memory);
    }
    g_assert_cmpuint(fast_path->free_memory_slots(fast_path->opaque), ==, free_slots);
    tn_guest_wait_said(guest, tn_guest_count_said(guest) + 10);
    g_assert_cmpuint(guest->run_state.internal_errors, ==, 0);
    g_assert_cmpuint(guest->run_state.resets, ==, 0);
    tn_guest_free(guest);
}

/* A logged slot that goes away gives up what it knows first. */
static void
test_unplugged(void)
{
    g_autoptr(TnDirtySnapshot) snapshot = NULL;
    TnGuest *guest = tn_guest_new(1);

    if (!guest) {
        return;
    }
    tn_memory_region_add_subregion(&guest->system_memory, 0x80000, &guest->dimm);
    tn_memory_region_set_log(&guest->dimm, TN_DIRTY_VGA, true);
    tn_guest_load(guest, TN_GUEST_CODE, poke);
    tn_guest_resume(guest);
    g_assert_cmphex(tn_guest_wait_said(guest, 0), ==, 0x7777);
    tn_memory_region_del_subregion(&guest->system_memory, &guest->dimm);
    snapshot = tn_memory_region_snapshot_and_clear_dirty(&guest->dimm, TN_DIRTY_VGA, 0, 1);
    g_assert_true(is_dirty(snapshot, 0));
    tn_guest_free(guest);
}

typedef struct Flash {
    TnMemoryRegion mr;
    uint32_t written; /* atomic */
} Flash;

static uint64_t
flash_read(void *opaque, uint64_t addr, unsigned size)
{
    return 0x90;
}

static void
flash_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    Flash *flash = opaque;

    __atomic_store_n(&flash->written, (uint32_t)value, __ATOMIC_SEQ_CST);
}

static const TnMemoryRegionOps flash_ops = { .read = flash_read, .write = flash_write };

static void
check_flash(bool romd, uint32_t expected)
{
    TnGuest *guest = tn_guest_new(1);
    const TnFastPath *fast_path;
    TnRamBlock block = { .fd = -1 };
    unsigned free_slots;
    Flash flash;

    if (!guest) {
        return;
    }
    fast_path = tn_kvm_get_fast_path(guest->kvm);
    free_slots = fast_path->free_memory_slots(fast_path->opaque);
    block.host = guest->dimm_host;
    memcpy(guest->dimm_host, "\xcd\xab", 2);
    flash.written = 0;
    tn_memory_region_init_rom_device(&flash.mr, guest->memory, NULL, &flash_ops, &flash, "flash",
                                     0x1000, &block);
    tn_memory_region_set_romd(&flash.mr, romd);
    tn_memory_region_add_subregion(&guest->system_memory, 0x80000, &flash.mr);
    g_assert_cmpuint(fast_path->free_memory_slots(fast_path->opaque), ==,
                     romd ? free_slots - 1 : free_slots);
    tn_guest_load(guest, TN_GUEST_CODE, poke);
    tn_guest_resume(guest);
    g_assert_cmphex(tn_guest_wait_said(guest, 0), ==, expected);
    g_assert_cmphex(flash.written, ==, 0x7777);
    tn_guest_pause(guest);
    tn_memory_region_del_subregion(&guest->system_memory, &flash.mr);
    tn_memory_synchronize(guest->memory);
    tn_memory_region_done(&flash.mr);
    tn_guest_free(guest);
}

static void
test_romd(void)
{
    check_flash(true, 0xabcd);
}

static void
test_not_romd(void)
{
    check_flash(false, 0x90);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/accel/dirty-log/guest-writes", test_guest_writes);
    g_test_add_func("/accel/dirty-log/two-clients", test_two_clients);
    g_test_add_func("/accel/dirty-log/switch-while-running", test_switch_while_running);
    g_test_add_func("/accel/dirty-log/unplugged", test_unplugged);
    g_test_add_func("/accel/rom-device/romd-is-a-read-only-slot", test_romd);
    g_test_add_func("/accel/rom-device/else-no-slot", test_not_romd);
    return g_test_run();
}
