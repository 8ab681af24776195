/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vCPUs on this machine's own KVM, running payloads of a few instructions. */
#include "tests/unit/vmm/accel/guest.h"

#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define TEST_PAGE_TABLES 0x4000u
#define TEST_GDT 0x8000u

static void
test_port_out(void)
{
    TnGuest *guest = tn_guest_new(1);

    if (!guest) {
        return;
    }
    tn_guest_load(guest, TN_GUEST_CODE, out);
    tn_guest_resume(guest);
    g_assert_cmphex(tn_guest_wait_said(guest, 0), ==, 0x5a);
    g_assert_cmphex(tn_guest_wait_said(guest, 1), ==, 0x1234);
    g_assert_cmphex(tn_guest_wait_said(guest, 2), ==, 0xdeadbeef);
    tn_guest_pause(guest);
    g_assert_cmpuint(tn_vcpu_get_exit_count(guest->vcpus[0]), >=, 3);
    tn_guest_free(guest);
}

/* KVM keeps a vCPU for ever: one that was freed is taken up again, as good as new. */
static void
test_comes_back_after_free(void)
{
    TnGuest *guest = tn_guest_new(2);

    if (!guest) {
        return;
    }
    for (unsigned round = 0; round < 3; round++) {
        tn_guest_load(guest, TN_GUEST_CODE, out);
        tn_guest_resume(guest);
        g_assert_cmphex(tn_guest_wait_said(guest, 3 * round + 2), ==, 0xdeadbeef);
        tn_guest_pause(guest);
        tn_guest_replace_vcpu(guest, 1);
        tn_guest_replace_vcpu(guest, 0);
    }
    tn_guest_free(guest);
}

static void
test_string_out(void)
{
    TnGuest *guest = tn_guest_new(1);

    if (!guest) {
        return;
    }
    tn_guest_load(guest, TN_GUEST_CODE, string_out);
    tn_guest_resume(guest);
    g_assert_cmphex(tn_guest_wait_said(guest, 3), ==, 'm');
    g_assert_cmphex(tn_guest_wait_said(guest, 0), ==, 't');
    g_assert_cmphex(tn_guest_wait_said(guest, 1), ==, 'n');
    g_assert_cmphex(tn_guest_wait_said(guest, 2), ==, 'v');
    tn_guest_free(guest);
}

static void
test_mmio(void)
{
    TnGuest *guest = tn_guest_new(1);

    if (!guest) {
        return;
    }
    guest->device_value = 0x01020304;
    tn_guest_load(guest, TN_GUEST_CODE, mmio);
    tn_guest_resume(guest);
    g_assert_cmphex(tn_guest_wait_said(guest, 0), ==, 0x01020305);
    tn_guest_pause(guest);
    g_assert_cmphex(guest->device_written, ==, 0x01020305);
    tn_guest_free(guest);
}

static void
test_slot_comes_and_goes(void)
{
    TnGuest *guest = tn_guest_new(1);
    const TnFastPath *fast_path;
    unsigned free_slots;

    if (!guest) {
        return;
    }
    fast_path = tn_kvm_get_fast_path(guest->kvm);
    free_slots = fast_path->free_memory_slots(fast_path->opaque);
    memcpy(guest->dimm_host, "\xcd\xab", 2);
    tn_guest_load(guest, TN_GUEST_CODE, peek);
    tn_guest_resume(guest);
    tn_guest_wait_value(guest, 0, 0xffff);

    tn_memory_region_add_subregion(&guest->system_memory, 0x80000, &guest->dimm);
    g_assert_cmpuint(fast_path->free_memory_slots(fast_path->opaque), ==, free_slots - 1);
    tn_guest_wait_value(guest, 0, 0xabcd);

    tn_memory_region_del_subregion(&guest->system_memory, &guest->dimm);
    g_assert_cmpuint(fast_path->free_memory_slots(fast_path->opaque), ==, free_slots);
    tn_guest_wait_value(guest, tn_guest_count_said(guest), 0xffff);
    tn_guest_free(guest);
}

static void
test_rom_takes_no_write(void)
{
    TnGuest *guest = tn_guest_new(1);

    if (!guest) {
        return;
    }
    memcpy(guest->dimm_host, "\xcd\xab", 2);
    tn_memory_region_set_readonly(&guest->dimm, true);
    tn_memory_region_add_subregion(&guest->system_memory, 0x80000, &guest->dimm);
    tn_guest_load(guest, TN_GUEST_CODE, poke);
    tn_guest_resume(guest);
    g_assert_cmphex(tn_guest_wait_said(guest, 0), ==, 0xabcd);
    tn_guest_free(guest);
}

/* Less than a page of RAM cannot be a slot; the guest reaches it by exits. */
static void
test_part_of_a_page(void)
{
    TnGuest *guest = tn_guest_new(1);
    TnMemoryRegion part;
    const TnFastPath *fast_path;
    unsigned free_slots;

    if (!guest) {
        return;
    }
    fast_path = tn_kvm_get_fast_path(guest->kvm);
    free_slots = fast_path->free_memory_slots(fast_path->opaque);
    memcpy(guest->dimm_host, "\xcd\xab", 2);
    tn_memory_region_init_alias(&part, guest->memory, NULL, "part", &guest->dimm, 0, 0x800);
    tn_memory_region_add_subregion(&guest->system_memory, 0x80000, &part);
    g_assert_cmpuint(fast_path->free_memory_slots(fast_path->opaque), ==, free_slots);
    tn_guest_load(guest, TN_GUEST_CODE, poke);
    tn_guest_resume(guest);
    g_assert_cmphex(tn_guest_wait_said(guest, 0), ==, 0x7777);
    tn_memory_region_del_subregion(&guest->system_memory, &part);
    tn_memory_synchronize(guest->memory);
    tn_memory_region_done(&part);
    tn_guest_free(guest);
}

/* The guest runs from memory that is replaced under it: it must never see the gap. */
static void
test_replacing_memory_is_seamless(void)
{
    TnGuest *guest = tn_guest_new(1);

    if (!guest) {
        return;
    }
    tn_guest_load(guest, TN_GUEST_CODE, count);
    tn_guest_resume(guest);
    for (unsigned i = 0; i < 50; i++) {
        unsigned said = tn_guest_count_said(guest);

        tn_memory_region_set_readonly(&guest->ram, i % 2 == 0);
        (void)tn_guest_wait_said(guest, said + 1);
    }
    tn_guest_pause(guest);
    g_assert_cmpuint(guest->run_state.internal_errors, ==, 0);
    g_assert_cmpuint(tn_guest_wait_said(guest, tn_guest_count_said(guest) - 1), ==,
                     tn_guest_count_said(guest));
    tn_guest_free(guest);
}

static void
test_pause_and_resume(void)
{
    TnGuest *guest = tn_guest_new(1);
    unsigned said;

    if (!guest) {
        return;
    }
    tn_guest_load(guest, TN_GUEST_CODE, count);
    tn_guest_resume(guest);
    for (unsigned i = 0; i < 20; i++) {
        g_autofree char *registers = NULL;
        g_autofree char *expected = NULL;

        (void)tn_guest_wait_said(guest, tn_guest_count_said(guest));
        tn_guest_pause(guest);
        said = tn_guest_count_said(guest);
        expected = g_strdup_printf("EAX=%08x ", said);
        registers = tn_vcpu_print_registers(guest->vcpus[0]);
        /* The register may be one ahead of the port, never behind. */
        if (!g_str_has_prefix(registers, expected)) {
            g_free(expected);
            expected = g_strdup_printf("EAX=%08x ", said + 1);
            g_assert_true(g_str_has_prefix(registers, expected));
        }
        g_assert_cmpuint(tn_guest_count_said(guest), ==, said);
        tn_guest_resume(guest);
    }
    tn_guest_free(guest);
}

static void
test_pause_without_exits(void)
{
    TnGuest *guest = tn_guest_new(1);

    if (!guest) {
        return;
    }
    tn_guest_load(guest, TN_GUEST_CODE, spin);
    tn_guest_resume(guest);
    (void)tn_guest_wait_said(guest, 0);
    tn_guest_pause(guest);
    tn_guest_resume(guest);
    tn_guest_pause(guest);
    tn_guest_free(guest);
}

static void
test_free_while_running(void)
{
    TnGuest *guest = tn_guest_new(1);

    if (!guest) {
        return;
    }
    tn_guest_load(guest, TN_GUEST_CODE, spin);
    tn_guest_resume(guest);
    (void)tn_guest_wait_said(guest, 0);
    tn_guest_free(guest);
}

static void
test_reset(void)
{
    TnGuest *guest = tn_guest_new(1);

    if (!guest) {
        return;
    }
    tn_guest_load(guest, TN_GUEST_CODE, count);
    tn_guest_resume(guest);
    for (unsigned i = 0; i < 5; i++) {
        unsigned said;

        (void)tn_guest_wait_said(guest, tn_guest_count_said(guest) + 2);
        tn_guest_pause(guest);
        said = tn_guest_count_said(guest);
        tn_guest_reset(guest);
        tn_guest_resume(guest);
        g_assert_cmpuint(tn_guest_wait_said(guest, said), ==, 1);
    }
    tn_guest_free(guest);
}

static void
test_irq_line_wakes_halted(void)
{
    TnGuest *guest = tn_guest_new(1);
    TnIrqLine *line;

    if (!guest) {
        return;
    }
    line = &tn_kvm_get_gsi_lines(guest->kvm)[5];
    tn_guest_load(guest, TN_GUEST_CODE, irq);
    tn_guest_resume(guest);
    g_assert_cmphex(tn_guest_wait_said(guest, 0), ==, 0xaa);
    for (unsigned i = 1; i <= 10; i++) {
        tn_irq_raise(line);
        tn_irq_lower(line);
        g_assert_cmphex(tn_guest_wait_said(guest, i), ==, 0x25);
    }
    tn_guest_free(guest);
}

static void
test_irqfd_raises_gsi(void)
{
    TnGuest *guest = tn_guest_new(1);
    const TnFastPath *fast_path;
    g_autoptr(GError) error = NULL;
    const uint64_t one = 1;
    int fd;

    if (!guest) {
        return;
    }
    fast_path = tn_kvm_get_fast_path(guest->kvm);
    if (!fast_path->add_irqfd) {
        g_test_skip("KVM lacks KVM_CAP_IRQFD");
        tn_guest_free(guest);
        return;
    }
    fd = eventfd(0, EFD_CLOEXEC);
    g_assert_cmpint(fd, >=, 0);
    g_assert_true(fast_path->add_irqfd(fast_path->opaque, fd, -1, 5, &error));
    g_assert_false(fast_path->add_irqfd(fast_path->opaque, -1, -1, 5, &error));
    g_assert_error(error, TN_KVM_ERROR, TN_KVM_ERROR_FAILED);
    tn_guest_load(guest, TN_GUEST_CODE, irq);
    tn_guest_resume(guest);
    g_assert_cmphex(tn_guest_wait_said(guest, 0), ==, 0xaa);
    g_assert_cmpint(write(fd, &one, sizeof(one)), ==, sizeof(one));
    g_assert_cmphex(tn_guest_wait_said(guest, 1), ==, 0x25);
    fast_path->remove_irqfd(fast_path->opaque, fd, 5);
    (void)close(fd);
    tn_guest_free(guest);
}

static void
test_reset_forgets_irq_setup(void)
{
    TnGuest *guest = tn_guest_new(1);

    if (!guest) {
        return;
    }
    tn_guest_load(guest, TN_GUEST_CODE, irq);
    tn_guest_resume(guest);
    g_assert_cmphex(tn_guest_wait_said(guest, 0), ==, 0xaa);
    tn_guest_pause(guest);
    tn_irq_raise(&tn_kvm_get_gsi_lines(guest->kvm)[5]);
    tn_guest_reset(guest);
    tn_guest_resume(guest);
    g_assert_cmphex(tn_guest_wait_said(guest, 1), ==, 0xaa);
    tn_guest_free(guest);
}

static void
test_pvh_starts_ap(void)
{
    TnGuest *guest = tn_guest_new(2);
    TnVcpuStart start = {
        .mode = TN_VCPU_START_PVH, .entry = TN_GUEST_CODE, .boot_info = 0x6000, .stack = 0x0f00
    };
    g_autoptr(GError) error = NULL;

    if (!guest) {
        return;
    }
    tn_guest_load(guest, TN_GUEST_CODE, start_ap);
    tn_guest_load(guest, TN_GUEST_AP_CODE, ap);
    g_assert_true(tn_vcpu_set_start(guest->vcpus[0], &start, &error));
    tn_guest_reset(guest);
    tn_guest_resume(guest);
    g_assert_cmphex(tn_guest_wait_said(guest, 0), ==, 0x6000);
    g_assert_cmphex(tn_guest_wait_said(guest, 1), ==, 0xa9);
    tn_guest_pause(guest);
    g_assert_cmpint(tn_vcpu_get_thread_id(guest->vcpus[0]), !=,
                    tn_vcpu_get_thread_id(guest->vcpus[1]));
    tn_guest_reset(guest);
    tn_guest_resume(guest);
    g_assert_cmphex(tn_guest_wait_said(guest, 2), ==, 0x6000);
    g_assert_cmphex(tn_guest_wait_said(guest, 3), ==, 0xa9);
    tn_guest_free(guest);
}

/* Makes the boot CPU start at TN_GUEST_CODE in long mode, 2 MiB identity mapped. */
static void
reset_to_long_mode(TnGuest *guest)
{
    const TnVcpuStart start = {
        .mode = TN_VCPU_START_LONG_MODE,
        .entry = TN_GUEST_CODE,
        .boot_info = 0x7000,
        .page_table = TEST_PAGE_TABLES,
        .gdt = TEST_GDT,
        .stack = 0x0f00,
    };
    const uint64_t gdt[] = { 0, 0, 0x00af9b000000ffff, 0x00cf93000000ffff };
    const uint64_t pml4e = (TEST_PAGE_TABLES + 0x1000) | 3;
    const uint64_t pdpte = (TEST_PAGE_TABLES + 0x2000) | 3;
    const uint64_t pde = 0x83;
    g_autoptr(GError) error = NULL;

    memcpy(guest->ram_host + TEST_GDT, gdt, sizeof(gdt));
    memcpy(guest->ram_host + TEST_PAGE_TABLES, &pml4e, sizeof(pml4e));
    memcpy(guest->ram_host + TEST_PAGE_TABLES + 0x1000, &pdpte, sizeof(pdpte));
    memcpy(guest->ram_host + TEST_PAGE_TABLES + 0x2000, &pde, sizeof(pde));
    g_assert_true(tn_vcpu_set_start(guest->vcpus[0], &start, &error));
    g_assert_no_error(error);
    tn_guest_reset(guest);
}

static void
test_long_mode_start(void)
{
    TnGuest *guest = tn_guest_new(1);
    g_autofree char *registers = NULL;

    if (!guest) {
        return;
    }
    tn_guest_load(guest, TN_GUEST_CODE, long_mode);
    reset_to_long_mode(guest);
    tn_guest_resume(guest);
    g_assert_cmphex(tn_guest_wait_said(guest, 0), ==, 0x11223344);
    g_assert_cmphex(tn_guest_wait_said(guest, 1), ==, 0x7000);
    g_assert_cmphex(tn_guest_wait_said(guest, 2), ==, 0x18);
    registers = tn_vcpu_print_registers(guest->vcpus[0]);
    g_assert_true(g_str_has_prefix(registers, "RAX="));
    g_assert_nonnull(strstr(registers, "CS =0010 0000000000000000 ffffffff 00a09b00 DPL=0 CS64"));
    tn_guest_free(guest);
}

static void
test_triple_fault_asks_for_reset(void)
{
    TnGuest *guest = tn_guest_new(1);

    if (!guest) {
        return;
    }
    tn_guest_load(guest, TN_GUEST_CODE, triple_fault);
    reset_to_long_mode(guest);
    tn_guest_resume(guest);
    tn_guest_wait_counter(guest, &guest->run_state.resets);
    tn_guest_pause(guest);
    g_assert_cmpuint(guest->run_state.resets, ==, 1);

    tn_guest_load(guest, TN_GUEST_CODE, long_mode);
    tn_guest_reset(guest);
    tn_guest_resume(guest);
    g_assert_cmphex(tn_guest_wait_said(guest, 2), ==, 0x18);
    tn_guest_free(guest);
}

/* A reset must find the registers as they were at power-on. */
static void
test_reset_restores_all_registers(void)
{
    TnGuest *guest = tn_guest_new(1);
    g_autofree char *before = NULL;
    g_autofree char *after = NULL;

    if (!guest) {
        return;
    }
    before = tn_vcpu_print_registers(guest->vcpus[0]);
    tn_guest_load(guest, TN_GUEST_CODE, irq);
    tn_guest_resume(guest);
    (void)tn_guest_wait_said(guest, 0);
    tn_guest_pause(guest);
    tn_guest_reset(guest);
    after = tn_vcpu_print_registers(guest->vcpus[0]);
    g_assert_cmpstr(after, ==, before);
    tn_guest_free(guest);
}

static void
test_long_mode_needs_tables(void)
{
    TnGuest *guest = tn_guest_new(1);
    TnVcpuStart start = { .mode = TN_VCPU_START_LONG_MODE, .entry = TN_GUEST_CODE };
    g_autoptr(GError) error = NULL;

    if (!guest) {
        return;
    }
    g_assert_false(tn_vcpu_set_start(guest->vcpus[0], &start, &error));
    g_assert_error(error, TN_KVM_ERROR, TN_KVM_ERROR_FAILED);
    tn_guest_free(guest);
}

static void
test_clock_stands(void)
{
    TnGuest *guest = tn_guest_new(1);

    if (!guest) {
        return;
    }
    tn_kvm_stop_clock(guest->kvm);
    tn_vcpu_notify_stopped(guest->vcpus[0]);
    tn_kvm_start_clock(guest->kvm);
    tn_kvm_start_clock(guest->kvm);
    tn_guest_free(guest);
}

/* ACPI's waking vector: the segment is the address / 16, the offset what is left. */
static void
test_starts_in_real_mode(void)
{
    TnGuest *guest = tn_guest_new(1);
    const TnVcpuStart start = { .mode = TN_VCPU_START_REAL, .entry = 0x2345 };
    g_autoptr(GError) error = NULL;
    uint32_t where;

    if (!guest) {
        return;
    }
    tn_guest_load(guest, 0x2345, where);
    memset(guest->ram_host + 0x800, 0, 0x100); /* the stack is wherever power-on has it */
    g_assert_true(tn_vcpu_set_start(guest->vcpus[0], &start, &error));
    tn_guest_reset(guest);
    tn_guest_resume(guest);
    where = tn_guest_wait_said(guest, 0);
    g_assert_cmphex(where >> 16, ==, 0x234);
    g_assert_cmphex((where >> 16) * 16 + (where & 0xffff), >, 0x2345);
    g_assert_cmphex(where & 0xffff, <, 0x20);
    tn_guest_free(guest);
}

/* What a device holds executes nothing more until it is resumed. */
static void
test_hold_current(void)
{
    TnGuest *guest = tn_guest_new(1);

    if (!guest) {
        return;
    }
    tn_vcpu_hold_current(); /* no vCPU's thread: nothing */
    guest->hold = TRUE;
    tn_guest_load(guest, TN_GUEST_CODE, held);
    tn_guest_resume(guest);
    g_assert_cmphex(tn_guest_wait_said(guest, 0), ==, 1);
    tn_vcpu_wait_paused(guest->vcpus[0]);
    g_assert_cmpuint(tn_guest_count_said(guest), ==, 1);
    guest->hold = FALSE;
    tn_guest_resume(guest);
    g_assert_cmphex(tn_guest_wait_said(guest, 1), ==, 2);
    tn_guest_free(guest);
}

/* A device changes registers while it serves a port. */
static void
test_registers_of_a_call(void)
{
    TnGuest *guest = tn_guest_new(1);
    const TnFastPath *path;
    TnGuestRegisters regs;

    if (!guest) {
        return;
    }
    path = tn_kvm_get_fast_path(guest->kvm);
    g_assert_false(path->get_registers(path->opaque, &regs)); /* no vCPU's thread */
    guest->change_registers = TRUE;
    tn_guest_load(guest, TN_GUEST_CODE, call);
    tn_guest_resume(guest);
    g_assert_cmphex(tn_guest_wait_said(guest, 0), ==, 0x11234);
    g_assert_cmphex(tn_guest_wait_said(guest, 1), ==, 0x42);
    tn_guest_free(guest);
}

static const TnLegacyChips firmware_chips = {
    .vector_base = { 0x08, 0x70 }, .masks = { 0xb8, 0x8e }, .ticks = TRUE
};

static void
test_legacy_chips_tick(void)
{
    TnGuest *guest = tn_guest_new(1);
    g_autoptr(GError) error = NULL;

    if (!guest) {
        return;
    }
    tn_guest_load(guest, TN_GUEST_CODE, ticks);
    g_assert_true(tn_kvm_set_legacy_chips(guest->kvm, &firmware_chips, &error));
    tn_guest_resume(guest);
    g_assert_cmphex(tn_guest_wait_said(guest, 2), ==, 3);
    tn_guest_free(guest);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/accel/vcpu/port-out", test_port_out);
    g_test_add_func("/accel/vcpu/comes-back-after-free", test_comes_back_after_free);
    g_test_add_func("/accel/vcpu/string-out", test_string_out);
    g_test_add_func("/accel/vcpu/mmio-round-trip", test_mmio);
    g_test_add_func("/accel/vcpu/pause-and-resume", test_pause_and_resume);
    g_test_add_func("/accel/vcpu/pause-without-exits", test_pause_without_exits);
    g_test_add_func("/accel/vcpu/free-while-running", test_free_while_running);
    g_test_add_func("/accel/vcpu/reset-starts-over", test_reset);
    g_test_add_func("/accel/vcpu/reset-restores-all-registers",
                    test_reset_restores_all_registers);
    g_test_add_func("/accel/vcpu/irq-line-wakes-halted", test_irq_line_wakes_halted);
    g_test_add_func("/accel/vcpu/irqfd-raises-gsi", test_irqfd_raises_gsi);
    g_test_add_func("/accel/vcpu/reset-forgets-irq-setup", test_reset_forgets_irq_setup);
    g_test_add_func("/accel/vcpu/pvh-starts-ap", test_pvh_starts_ap);
    g_test_add_func("/accel/vcpu/triple-fault-asks-for-reset", test_triple_fault_asks_for_reset);
    g_test_add_func("/accel/vcpu/long-mode-start", test_long_mode_start);
    g_test_add_func("/accel/vcpu/long-mode-needs-tables", test_long_mode_needs_tables);
    g_test_add_func("/accel/vcpu/clock-stands", test_clock_stands);
    g_test_add_func("/accel/memory-slots/come-and-go", test_slot_comes_and_goes);
    g_test_add_func("/accel/memory-slots/rom-takes-no-write", test_rom_takes_no_write);
    g_test_add_func("/accel/memory-slots/part-of-a-page", test_part_of_a_page);
    g_test_add_func("/accel/memory-slots/replacing-memory-is-seamless",
                    test_replacing_memory_is_seamless);
    g_test_add_func("/accel/vcpu/starts-in-real-mode", test_starts_in_real_mode);
    g_test_add_func("/accel/vcpu/hold-current", test_hold_current);
    g_test_add_func("/accel/vcpu/registers-of-a-call", test_registers_of_a_call);
    g_test_add_func("/accel/vcpu/legacy-chips-tick", test_legacy_chips_tick);
    return g_test_run();
}
