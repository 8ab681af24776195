/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The i440FX/PIIX4 board: the map, the wiring, and the order in which it is built.
 *
 *   KVM -> RAM -> chipset and ISA devices -> hot plug -> CPUs -> (the user's devices)
 *       -> kernel, ACPI tables
 */
#include "vmm/accel/kvm.h"
#include "vmm/core/clock.h"
#include "vmm/core/hotplug-handler.h"
#include "vmm/core/log.h"
#include "vmm/core/reset.h"
#include "vmm/machine/bios-state.h"
#include "vmm/machine/e820.h"
#include "vmm/machine/linux-boot.h"
#include "vmm/machine/machine-private.h"
#include "vmm/machine/pc-acpi.h"
#include "vmm/machine/pc-cpus.h"
#include "vmm/machine/pc-devices.h"
#include "vmm/machine/pc-irqchip.h"
#include "vmm/machine/pc-ram.h"

#include <string.h>

/* Where real mode's addresses end. */
#define REAL_MODE_END 0x100000u

struct TnPcBoard {
    TnMachine *machine;
    TnKvm *kvm;
    TnPcRam *ram;
    TnPcIrqchip *irqchip;
    TnPcDevices *devices;
    TnPcCpus *cpus;
    TnLinuxBoot *boot; /* NULL without -kernel */
};

static const TnMachineConfig *
config(TnPcBoard *board)
{
    return board->machine->config;
}

static gboolean
make_cpus(TnPcBoard *board, GError **error)
{
    const TnPcCpusConfig cpus = {
        .machine = config(board),
        .platform = &board->machine->platform,
        .kvm = board->kvm,
        .gpe = tn_pc_devices_get_gpe(board->devices),
    };

    board->cpus = tn_pc_cpus_new(&cpus);
    tn_pc_cpus_add_row(board->cpus, tn_pc_devices_get_hotplug(board->devices));
    return tn_pc_cpus_make_first(board->cpus, board->machine->unattached, error);
}

/* What the guest's CPUs cannot address, the guest would find in the tables all the same. */
static gboolean
check_address_width(TnPcBoard *board, GError **error)
{
    unsigned bits = tn_vcpu_get_phys_bits(tn_cpu_get_vcpu(tn_pc_cpus_get(board->cpus, 0)));
    guint64 last = tn_pc_devices_get_last_address(board->devices);
    guint64 limit = bits < 64 ? (G_GUINT64_CONSTANT(1) << bits) - 1 : G_MAXUINT64;

    if (last > limit) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "Address space limit 0x%" G_GINT64_MODIFIER "x < 0x%" G_GINT64_MODIFIER
                    "x phys-bits too low (%u)",
                    limit, last, bits);
        return FALSE;
    }
    return TRUE;
}

TnPcBoard *
tn_pc_board_new(TnMachine *machine, GError **error)
{
    const TnMachineConfig *c = machine->config;
    TnPlatform *p = &machine->platform;
    TnPcBoard *board = g_new0(TnPcBoard, 1);
    const TnKvmChips chips = {
        .irqchip = c->split_irqchip ? TN_KVM_IRQCHIP_SPLIT : TN_KVM_IRQCHIP_KERNEL,
        .no_pit = !c->pit,
    };

    board->machine = machine;
    board->kvm = tn_kvm_new_vm(c->kvm_path, error);
    if (board->kvm && (!c->cpu_pm || tn_kvm_disable_idle_exits(board->kvm, error))) {
        tn_kvm_attach_memory(board->kvm, p->memory_space);
        tn_kvm_attach_io(board->kvm, p->io_space);
        /* Before the chips: see tn_kvm_create_irqchip(). */
        board->ram = tn_pc_ram_new(machine, error);
    }
    if (board->ram && tn_kvm_create_irqchip(board->kvm, &chips, error)) {
        p->fast_path = (TnFastPath *)tn_kvm_get_fast_path(board->kvm);
        board->irqchip = tn_pc_irqchip_new(machine, board->kvm, error);
    }
    /* The split PIT is not KVM's, and discards them anyway. */
    if (board->irqchip && (!c->pit_discard || c->split_irqchip || !c->pit ||
                           tn_kvm_discard_lost_ticks(board->kvm, error))) {
        board->devices = tn_pc_devices_new(machine, board->ram, error);
    }
    if (!board->devices || !make_cpus(board, error) || !check_address_width(board, error)) {
        tn_pc_board_free(board);
        return NULL;
    }
    return board;
}

/* What the guest's kernel shall know of memory; the ACPI blob lies in an area that
 * is reserved anyway. */
static gboolean
open_kernel(TnPcBoard *board, GError **error)
{
    const TnMachineConfig *c = config(board);
    g_autofree TnE820Map *map = g_new0(TnE820Map, 1);
    TnLinuxBootConfig boot = {
        .space = board->machine->platform.memory_space,
        .map = map,
        .kernel = c->kernel,
        .kept_fd = (int)c->kept_kernel_fd,
        .ram_is_zero = tn_pc_ram_is_zero(board->ram),
        .initrd = c->initrd,
        .cmdline = c->append,
        .rsdp = TN_PC_ACPI_RSDP,
    };

    if (!c->kernel) {
        if (c->initrd || c->append) {
            g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                        "%s is only allowed with -kernel option",
                        c->initrd ? "-initrd" : "-append");
            return FALSE;
        }
        return TRUE;
    }
    tn_e820_init_pc(map, c->ram_size);
    board->boot = tn_linux_boot_new(&boot, error);
    return board->boot != NULL;
}

const char *
tn_pc_board_get_kernel_source(const TnPcBoard *board)
{
    static const char *const names[] = {
        [TN_KERNEL_SOURCE_FILE] = "file",
        [TN_KERNEL_SOURCE_UNPACKED] = "unpacked",
        [TN_KERNEL_SOURCE_KEPT] = "kept",
    };

    return board->boot ? names[tn_linux_boot_get_source(board->boot)] : NULL;
}

/* The tables tell of the CPUs that are there now, so they are made anew each time. */
static gboolean
write_acpi(TnPcBoard *board, GError **error)
{
    unsigned count = tn_pc_cpus_get_count(board->cpus);
    g_autofree TnAcpiCpu *cpus = g_new0(TnAcpiCpu, count);
    g_autoptr(GBytes) acpi = NULL;
    gsize size;
    const void *data;

    tn_pc_cpus_describe(board->cpus, cpus);
    acpi = tn_pc_devices_build_acpi(board->devices, cpus, count, error);
    if (!acpi) {
        return FALSE;
    }
    data = g_bytes_get_data(acpi, &size);
    (void)tn_address_space_write(board->machine->platform.memory_space, TN_PC_ACPI_BASE, data,
                                 size);
    return TRUE;
}

static gboolean
wants_bios_state(TnPcBoard *board)
{
    return board->boot && tn_linux_boot_wants_bios_state(board->boot);
}

/* CPUs and interrupt controllers as @start begins with. */
static gboolean
start_cpus(TnPcBoard *board, const TnVcpuStart *start, GError **error)
{
    return tn_pc_cpus_set_start(board->cpus, start, error) && tn_kvm_reset(board->kvm, error) &&
           (!wants_bios_state(board) ||
            tn_pc_irqchip_set_legacy(board->irqchip, &tn_bios_state_chips, error)) &&
           tn_pc_cpus_reset(board->cpus, error);
}

/* Guest memory and CPUs as they are when power comes on; all vCPUs paused. */
static gboolean
load(TnPcBoard *board, GError **error)
{
    TnVcpuStart start = { .mode = TN_VCPU_START_RESET };

    if (wants_bios_state(board) && !tn_bios_state_write(board->machine->platform.memory_space)) {
        g_set_error(error, TN_BOOT_ERROR, TN_BOOT_ERROR_TOO_BIG,
                    "A multiboot image needs RAM below 1 MiB");
        return FALSE;
    }
    if (board->boot && !tn_linux_boot_load(board->boot, &start, error)) {
        return FALSE;
    }
    if (!write_acpi(board, error)) {
        return FALSE;
    }
    tn_pc_devices_refresh_fw_cfg(board->devices);
    tn_pc_devices_setup_pci(board->devices);
    return start_cpus(board, &start, error);
}

gboolean
tn_pc_board_finish(TnPcBoard *board, GError **error)
{
    tn_pc_devices_settle(board->devices);
    return open_kernel(board, error) && load(board, error);
}

void
tn_pc_board_pause_vcpus(TnPcBoard *board)
{
    tn_pc_cpus_pause(board->cpus);
    tn_kvm_stop_clock(board->kvm);
}

void
tn_pc_board_resume_vcpus(TnPcBoard *board)
{
    tn_kvm_start_clock(board->kvm);
    tn_pc_cpus_resume(board->cpus);
}

void
tn_pc_board_reset(TnPcBoard *board)
{
    const TnPlatform *p = &board->machine->platform;
    g_autoptr(GError) error = NULL;

    tn_reset_run(p->reset);
    if (!load(board, &error)) {
        /* The kernel's file was truncated, say: nothing sensible is left to run. */
        tn_log("reset: %s", error->message);
        tn_run_state_request_internal_error(p->run_state);
    }
}

void
tn_pc_board_hold_vcpu(void)
{
    tn_vcpu_hold_current();
}

void
tn_pc_board_suspend(TnPcBoard *board)
{
    tn_pc_devices_note_suspend(board->devices);
}

/* The FACS's firmware waking vector (ACPI 6.3, 5.2.10); 0: none that real mode can reach. */
static guint32
read_waking_vector(TnPcBoard *board)
{
    guint32 vector = 0;

    (void)tn_address_space_read(board->machine->platform.memory_space,
                                TN_PC_ACPI_FACS + TN_ACPI_FACS_WAKING_VECTOR, &vector,
                                sizeof(vector));
    vector = GUINT32_FROM_LE(vector);
    return vector < REAL_MODE_END ? vector : 0;
}

gboolean
tn_pc_board_wake(TnPcBoard *board, TnWakeupReason reason)
{
    const TnPlatform *p = &board->machine->platform;
    const TnVcpuStart start = {
        .mode = TN_VCPU_START_REAL,
        .entry = read_waking_vector(board),
    };
    g_autoptr(GError) error = NULL;

    if (start.entry == 0) {
        return FALSE;
    }
    tn_reset_run(p->reset);
    if (!start_cpus(board, &start, &error)) {
        tn_log("wake-up: %s", error->message);
        tn_run_state_request_internal_error(p->run_state);
    }
    tn_pc_devices_note_wakeup(board->devices, reason);
    return TRUE;
}

void
tn_pc_board_powerdown(TnPcBoard *board)
{
    tn_pc_devices_press_power_button(board->devices);
}

void
tn_pc_board_stop(TnPcBoard *board)
{
    if (board->cpus) {
        tn_pc_cpus_stop(board->cpus);
    }
    if (board->devices) {
        tn_pc_devices_stop_hotplug(board->devices);
    }
}

void
tn_pc_board_free(TnPcBoard *board)
{
    if (!board) {
        return;
    }
    tn_pc_board_stop(board);
    tn_pc_cpus_free(board->cpus);
    tn_pc_devices_free(board->devices);
    tn_linux_boot_free(board->boot);
    tn_pc_ram_free(board->ram);
    tn_pc_irqchip_free(board->irqchip);
    tn_kvm_free(board->kvm);
    g_free(board);
}

unsigned
tn_machine_get_cpu_count(TnMachine *self)
{
    return self->board ? tn_pc_cpus_get_count(self->board->cpus) : 0;
}

void
tn_machine_get_cpu_info(TnMachine *self, unsigned index, TnCpuInfo *ret_info)
{
    tn_pc_cpus_get_info(self->board->cpus, index, ret_info);
}

char *
tn_machine_print_registers(TnMachine *self, unsigned index)
{
    return tn_vcpu_print_registers(tn_cpu_get_vcpu(tn_pc_cpus_get(self->board->cpus, index)));
}

char *
tn_machine_print_lapic(TnMachine *self, unsigned index)
{
    return tn_vcpu_print_lapic(tn_cpu_get_vcpu(tn_pc_cpus_get(self->board->cpus, index)));
}

int
tn_machine_find_apic_id(TnMachine *self, guint64 apic_id)
{
    unsigned count = tn_pc_cpus_get_count(self->board->cpus);
    g_autofree TnAcpiCpu *cpus = g_new0(TnAcpiCpu, count);

    tn_pc_cpus_describe(self->board->cpus, cpus);
    for (unsigned i = 0; i < count; i++) {
        if (cpus[i].apic_id == apic_id && cpus[i].present) {
            return (int)i;
        }
    }
    return -1;
}

gboolean
tn_machine_has_stats(TnMachine *self)
{
    return tn_kvm_has_stats(self->board->kvm);
}

GPtrArray *
tn_machine_read_stats(TnMachine *self, int cpu, GError **error)
{
    if (cpu < 0) {
        return tn_kvm_read_stats(self->board->kvm, error);
    }
    return tn_vcpu_read_stats(tn_cpu_get_vcpu(tn_pc_cpus_get(self->board->cpus, (unsigned)cpu)),
                              error);
}

void
tn_machine_foreach_memory_device(TnMachine *self, TnMemoryDeviceFunc func, gpointer user_data)
{
    tn_pc_hotplug_foreach_memory_device(tn_pc_devices_get_hotplug(self->board->devices), func,
                                        user_data);
}

void
tn_machine_foreach_acpi_slot(TnMachine *self, TnAcpiSlotFunc func, gpointer user_data)
{
    tn_pc_hotplug_foreach_acpi_slot(tn_pc_devices_get_hotplug(self->board->devices), func,
                                    user_data);
    tn_pc_cpus_foreach_acpi_slot(self->board->cpus, func, user_data);
}

void
tn_machine_foreach_ospm_status(TnMachine *self, TnOspmFunc func, gpointer user_data)
{
    tn_pc_hotplug_foreach_ospm_status(tn_pc_devices_get_hotplug(self->board->devices), func,
                                      user_data);
    tn_pc_cpus_foreach_ospm_status(self->board->cpus, func, user_data);
}

char *
tn_machine_print_irqchip(TnMachine *self)
{
    return tn_pc_irqchip_print(self->board->irqchip);
}
