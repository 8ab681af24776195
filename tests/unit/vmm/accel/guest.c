/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A machine of RAM, one port and one MMIO device for tests that run guest code. */
#include "tests/unit/vmm/accel/guest.h"

#include <string.h>
#include <sys/mman.h>

#define RAM_SIZE 0x10000u
#define ROM_SIZE 0x10000u
#define PAGE 0x1000u
#define WAIT_LIMIT (20 * G_TIME_SPAN_SECOND)

static uint64_t
port_read(void *opaque, uint64_t addr, unsigned size)
{
    TnGuest *guest = opaque;
    const TnFastPath *path = tn_kvm_get_fast_path(guest->kvm);
    TnGuestRegisters regs;

    if (guest->change_registers && path->get_registers(path->opaque, &regs)) {
        regs.rcx += 0x10000;
        regs.rax = 0x42;
        path->set_registers(path->opaque, &regs);
    }
    return 0x42;
}

static void
port_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    TnGuest *guest = opaque;
    uint32_t word = (uint32_t)value;

    g_mutex_lock(&guest->lock);
    g_array_append_val(guest->said, word);
    g_cond_broadcast(&guest->said_more);
    g_mutex_unlock(&guest->lock);
    if (guest->hold) {
        tn_vcpu_hold_current();
    }
}

static uint64_t
device_read(void *opaque, uint64_t addr, unsigned size)
{
    TnGuest *guest = opaque;
    uint32_t value;

    g_mutex_lock(&guest->lock);
    value = guest->device_value;
    g_mutex_unlock(&guest->lock);
    return value;
}

static void
device_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    TnGuest *guest = opaque;

    g_mutex_lock(&guest->lock);
    guest->device_written = (uint32_t)value;
    g_mutex_unlock(&guest->lock);
}

static const TnMemoryRegionOps port_ops = { .read = port_read, .write = port_write };
static const TnMemoryRegionOps device_ops = { .read = device_read, .write = device_write };

static uint8_t *
map_pages(size_t size)
{
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    g_assert_true(p != MAP_FAILED);
    return p;
}

static void
make_memory(TnGuest *guest)
{
    static const uint8_t jump[] = { 0xea, 0x00, 0x10, 0x00, 0x00 }; /* ljmp 0:0x1000 */
    TnRamBlock block = { .fd = -1 };

    guest->memory = tn_memory_new();
    tn_memory_region_init(&guest->system_memory, guest->memory, NULL, "system", TN_SIZE_WHOLE);
    tn_memory_region_init(&guest->system_io, guest->memory, NULL, "io", 0x10000);

    block.host = guest->ram_host = map_pages(RAM_SIZE);
    tn_memory_region_init_ram(&guest->ram, guest->memory, NULL, "ram", RAM_SIZE, &block);
    tn_memory_region_add_subregion(&guest->system_memory, 0, &guest->ram);

    block.host = guest->rom_host = map_pages(ROM_SIZE);
    memcpy(guest->rom_host + 0xfff0, jump, sizeof(jump));
    tn_memory_region_init_rom(&guest->rom, guest->memory, NULL, "rom", ROM_SIZE, &block);
    tn_memory_region_add_subregion(&guest->system_memory, 0xffff0000, &guest->rom);

    block.host = guest->dimm_host = map_pages(PAGE);
    tn_memory_region_init_ram(&guest->dimm, guest->memory, NULL, "dimm", PAGE, &block);

    tn_memory_region_init_io(&guest->device, guest->memory, NULL, &device_ops, guest, "device",
                             PAGE);
    tn_memory_region_add_subregion(&guest->system_memory, 0xd0000, &guest->device);
    tn_memory_region_init_io(&guest->port, guest->memory, NULL, &port_ops, guest, "port", 4);
    tn_memory_region_add_subregion(&guest->system_io, 0x10, &guest->port);

    guest->memory_space = tn_address_space_new(guest->memory, &guest->system_memory, "memory");
    guest->io_space = tn_address_space_new(guest->memory, &guest->system_io, "I/O");
}

static const TnCpuModel model = { .name = "host", .topology = { 1, 1, 2, 1 } };

TnGuest *
tn_guest_new(unsigned num_vcpus)
{
    return tn_guest_new_with_irqchip(num_vcpus, TN_KVM_IRQCHIP_KERNEL);
}

TnGuest *
tn_guest_new_with_irqchip(unsigned num_vcpus, TnKvmIrqchip irqchip)
{
    g_autoptr(GError) error = NULL;
    const TnKvmChips chips = { .irqchip = irqchip };
    TnKvm *kvm = tn_kvm_new_vm(NULL, &error);
    TnVcpuEnv env;
    TnGuest *guest;

    if (!kvm) {
        g_test_skip(error->message);
        return NULL;
    }
    guest = g_new0(TnGuest, 1);
    guest->kvm = kvm;
    guest->said = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    make_memory(guest);
    tn_kvm_attach_memory(kvm, guest->memory_space);
    tn_kvm_attach_io(kvm, guest->io_space);
    tn_kvm_create_irqchip(kvm, &chips, &error);
    g_assert_no_error(error);
    env = (TnVcpuEnv){ guest->memory_space, guest->io_space, &guest->run_state };
    for (unsigned i = 0; i < num_vcpus; i++) {
        guest->vcpus[i] = tn_vcpu_new(kvm, i, &model, &env, &error);
        g_assert_no_error(error);
    }
    guest->num_vcpus = num_vcpus;
    return guest;
}

void
tn_guest_replace_vcpu(TnGuest *guest, unsigned index)
{
    TnVcpuEnv env = { guest->memory_space, guest->io_space, &guest->run_state };
    g_autoptr(GError) error = NULL;

    tn_vcpu_free(guest->vcpus[index]);
    guest->vcpus[index] = tn_vcpu_new(guest->kvm, index, &model, &env, &error);
    g_assert_no_error(error);
}

void
tn_guest_free(TnGuest *guest)
{
    for (unsigned i = 0; i < guest->num_vcpus; i++) {
        tn_vcpu_free(guest->vcpus[i]);
    }
    tn_kvm_free(guest->kvm);
    tn_address_space_free(guest->memory_space);
    tn_address_space_free(guest->io_space);
    if (guest->dimm.container) {
        tn_memory_region_del_subregion(&guest->system_memory, &guest->dimm);
    }
    tn_memory_region_del_subregion(&guest->system_memory, &guest->ram);
    tn_memory_region_del_subregion(&guest->system_memory, &guest->rom);
    tn_memory_region_del_subregion(&guest->system_memory, &guest->device);
    tn_memory_region_del_subregion(&guest->system_io, &guest->port);
    tn_memory_synchronize(guest->memory);
    tn_memory_region_done(&guest->dimm);
    tn_memory_region_done(&guest->ram);
    tn_memory_region_done(&guest->rom);
    tn_memory_region_done(&guest->device);
    tn_memory_region_done(&guest->port);
    tn_memory_region_done(&guest->system_memory);
    tn_memory_region_done(&guest->system_io);
    tn_memory_free(guest->memory);
    (void)munmap(guest->ram_host, RAM_SIZE);
    (void)munmap(guest->rom_host, ROM_SIZE);
    (void)munmap(guest->dimm_host, PAGE);
    g_array_unref(guest->said);
    g_free(guest);
}

void
tn_guest_resume(TnGuest *guest)
{
    for (unsigned i = 0; i < guest->num_vcpus; i++) {
        tn_vcpu_resume(guest->vcpus[i]);
    }
}

void
tn_guest_pause(TnGuest *guest)
{
    for (unsigned i = 0; i < guest->num_vcpus; i++) {
        tn_vcpu_request_pause(guest->vcpus[i]);
    }
    for (unsigned i = 0; i < guest->num_vcpus; i++) {
        tn_vcpu_wait_paused(guest->vcpus[i]);
    }
}

void
tn_guest_reset(TnGuest *guest)
{
    g_autoptr(GError) error = NULL;

    (void)tn_kvm_reset(guest->kvm, &error);
    g_assert_no_error(error);
    for (unsigned i = 0; i < guest->num_vcpus; i++) {
        (void)tn_vcpu_reset(guest->vcpus[i], &error);
        g_assert_no_error(error);
    }
}

unsigned
tn_guest_count_said(TnGuest *guest)
{
    unsigned n;

    g_mutex_lock(&guest->lock);
    n = guest->said->len;
    g_mutex_unlock(&guest->lock);
    return n;
}

static void
wait_more_locked(TnGuest *guest, gint64 deadline)
{
    if (!g_cond_wait_until(&guest->said_more, &guest->lock, deadline)) {
        g_mutex_unlock(&guest->lock);
        for (unsigned i = 0; i < guest->num_vcpus; i++) {
            g_autofree char *registers = tn_vcpu_print_registers(guest->vcpus[i]);

            g_test_message("vCPU %u:\n%s", i, registers);
        }
        g_error("the guest did not say what was expected");
    }
}

uint32_t
tn_guest_wait_said(TnGuest *guest, unsigned n)
{
    gint64 deadline = g_get_monotonic_time() + WAIT_LIMIT;
    uint32_t value;

    g_mutex_lock(&guest->lock);
    while (guest->said->len <= n) {
        wait_more_locked(guest, deadline);
    }
    value = g_array_index(guest->said, uint32_t, n);
    g_mutex_unlock(&guest->lock);
    return value;
}

void
tn_guest_wait_value(TnGuest *guest, unsigned from, uint32_t value)
{
    gint64 deadline = g_get_monotonic_time() + WAIT_LIMIT;
    bool found = false;

    g_mutex_lock(&guest->lock);
    while (!found) {
        for (; from < guest->said->len && !found; from++) {
            found = g_array_index(guest->said, uint32_t, from) == value;
        }
        if (!found) {
            wait_more_locked(guest, deadline);
        }
    }
    g_mutex_unlock(&guest->lock);
}

void
tn_guest_wait_counter(TnGuest *guest, const unsigned *counter)
{
    TnRunStateControl *rs = &guest->run_state;
    gint64 deadline = g_get_monotonic_time() + WAIT_LIMIT;

    g_mutex_lock(&rs->lock);
    while (*counter == 0) {
        if (!g_cond_wait_until(&rs->changed, &rs->lock, deadline)) {
            g_error("no vCPU asked the machine for what was expected");
        }
    }
    g_mutex_unlock(&rs->lock);
}
