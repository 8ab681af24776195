/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The edu device, section by section of docs/specs/edu.md, through its BAR. */
#include "vmm/hw/edu.h"

#include "tests/lib/test-platform.h"
#include "vmm/core/fast-path.h"
#include "vmm/core/property.h"
#include "vmm/hw/edu-registers.h"
#include "vmm/hw/piix3.h"

#include <string.h>
#include <sys/mman.h>

#define BAR 0xfe000000u
#define RAM_SIZE 0x100000
#define DEVFN TN_PCI_DEVFN(4, 0)
/* INTA of slot 4: (4 + 0 - 1) mod 4. */
#define PIRQ 3
#define IRQ 11
#define MSI_AT 0x40

typedef struct Fixture {
    TnTestPlatform *p;
    TnPciHost *host;
    TnPiix3 *piix3;
    TnEdu *edu;
    TnMemoryRegion ram_region;
    guint8 *ram;
    TnFastPath fast_path;
    gint messages; /* atomic: the device's thread sends too */
} Fixture;

static void
count_message(void *opaque, const TnMsiMessage *message)
{
    g_atomic_int_inc(&((Fixture *)opaque)->messages);
}

static guint32
config(Fixture *f, unsigned offset, unsigned size)
{
    return tn_pci_bus_config_read(tn_pci_host_get_bus(f->host), DEVFN, offset, size);
}

static void
set_config(Fixture *f, unsigned offset, guint32 value, unsigned size)
{
    tn_pci_bus_config_write(tn_pci_host_get_bus(f->host), DEVFN, offset, value, size);
}

/* Of a guest's driver that starts up. */
static void
program(Fixture *f)
{
    tn_pci_bus_config_write(tn_pci_host_get_bus(f->host), TN_PCI_DEVFN(1, 0), 0x60 + PIRQ, IRQ, 1);
    set_config(f, TN_PCI_REG_BAR0, BAR, 4);
    set_config(f, TN_PCI_REG_COMMAND, TN_PCI_COMMAND_MEMORY | TN_PCI_COMMAND_MASTER, 2);
}

static void
set_up(Fixture *f, gconstpointer data)
{
    TnRamBlock block = { .fd = -1 };

    f->p = tn_test_platform_new();
    f->fast_path = (TnFastPath){ .opaque = f, .msi_send = count_message };
    f->p->platform.fast_path = &f->fast_path;
    f->ram = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    g_assert_true(f->ram != MAP_FAILED);
    block.host = f->ram;
    tn_memory_region_init_ram(&f->ram_region, f->p->platform.memory, NULL, "ram", RAM_SIZE,
                              &block);
    tn_memory_region_add_subregion(&f->p->system_memory, 0, &f->ram_region);
    f->host = tn_test_realize(f->p, tn_pci_host_new(&f->p->platform));
    f->piix3 = tn_test_realize(f->p, tn_piix3_new(&f->p->platform, f->host));
    f->edu = g_object_new(TN_TYPE_EDU, NULL);
    tn_pci_device_set_address(TN_PCI_DEVICE(f->edu), tn_pci_host_get_bus(f->host), DEVFN);
    tn_test_realize(f->p, f->edu);
    program(f);
}

static void
tear_down(Fixture *f, gconstpointer data)
{
    if (f->edu) {
        tn_test_drop(f->edu);
    }
    g_assert_cmpint(f->p->irqs[IRQ].level, ==, 0);
    tn_test_drop(f->piix3);
    tn_test_drop(f->host);
    tn_memory_region_del_subregion(&f->p->system_memory, &f->ram_region);
    tn_memory_synchronize(f->p->platform.memory);
    tn_memory_region_done(&f->ram_region);
    tn_test_platform_free(f->p);
    (void)munmap(f->ram, RAM_SIZE);
}

static TnMemResult
access_bar(Fixture *f, unsigned reg, void *data, unsigned size, bool is_write)
{
    TnAccessCache cache = { 0 };

    return tn_address_space_access(f->p->platform.memory_space, &cache, BAR + reg, data, size,
                                   is_write);
}

static guint64
read_sized(Fixture *f, unsigned reg, unsigned size)
{
    guint64 value = 0;

    (void)access_bar(f, reg, &value, size, false);
    return value;
}

static void
write_sized(Fixture *f, unsigned reg, guint64 value, unsigned size)
{
    (void)access_bar(f, reg, &value, size, true);
}

static guint32
get(Fixture *f, unsigned reg)
{
    return (guint32)read_sized(f, reg, 4);
}

static void
set(Fixture *f, unsigned reg, guint32 value)
{
    write_sized(f, reg, value, 4);
}

static gboolean
is_computed(gpointer data)
{
    return !(get(data, TN_EDU_REG_STATUS) & TN_EDU_STATUS_COMPUTING);
}

/* Not by the main loop, which the device's thread does not wake. */
static void
wait_computed(Fixture *f)
{
    gint64 limit = g_get_monotonic_time() + 10 * G_USEC_PER_SEC;

    while (!is_computed(f)) {
        g_assert_cmpint(g_get_monotonic_time(), <, limit);
        g_thread_yield();
    }
}

static gboolean
is_moved(gpointer data)
{
    return !(get(data, TN_EDU_REG_DMA_COMMAND) & TN_EDU_DMA_RUN);
}

static void
start_dma(Fixture *f, guint64 src, guint64 dst, guint64 count, guint32 command)
{
    write_sized(f, TN_EDU_REG_DMA_SRC, src, 8);
    write_sized(f, TN_EDU_REG_DMA_DST, dst, 8);
    write_sized(f, TN_EDU_REG_DMA_COUNT, count, 8);
    set(f, TN_EDU_REG_DMA_COMMAND, command | TN_EDU_DMA_RUN);
}

static void
dma(Fixture *f, guint64 src, guint64 dst, guint64 count, guint32 command)
{
    start_dma(f, src, dst, count, command);
    tn_test_wait(is_moved, f);
}

static void
test_header(Fixture *f, gconstpointer data)
{
    g_assert_cmphex(config(f, TN_PCI_REG_VENDOR_ID, 4), ==, 0x11e81234);
    g_assert_cmphex(config(f, TN_PCI_REG_REVISION, 4), ==, 0x00ff0010);
    g_assert_cmphex(config(f, TN_PCI_REG_INTERRUPT_PIN, 1), ==, 1);
    g_assert_cmphex(config(f, TN_PCI_REG_CAPABILITIES, 1), ==, MSI_AT);
    g_assert_cmphex(config(f, MSI_AT, 4), ==, 0x00800005);
    set_config(f, TN_PCI_REG_COMMAND, 0, 2);
    set_config(f, TN_PCI_REG_BAR0, 0xffffffff, 4);
    g_assert_cmphex(config(f, TN_PCI_REG_BAR0, 4), ==, 0xfff00000);
}

static void
test_identification(Fixture *f, gconstpointer data)
{
    g_assert_cmphex(get(f, TN_EDU_REG_IDENTIFICATION), ==, 0x010000ed);
    set(f, TN_EDU_REG_IDENTIFICATION, 0);
    g_assert_cmphex(get(f, TN_EDU_REG_IDENTIFICATION), ==, 0x010000ed);
}

static void
test_liveness(Fixture *f, gconstpointer data)
{
    g_assert_cmphex(get(f, TN_EDU_REG_LIVENESS), ==, 0);
    set(f, TN_EDU_REG_LIVENESS, 0x12345678);
    g_assert_cmphex(get(f, TN_EDU_REG_LIVENESS), ==, 0xedcba987);
}

static void
compute(Fixture *f, guint32 n, guint32 expected)
{
    set(f, TN_EDU_REG_FACTORIAL, n);
    wait_computed(f);
    g_assert_cmphex(get(f, TN_EDU_REG_FACTORIAL), ==, expected);
}

static void
test_factorial(Fixture *f, gconstpointer data)
{
    compute(f, 0, 1);
    compute(f, 5, 120);
    compute(f, 12, 479001600);
    compute(f, 13, 1932053504); /* modulo 2^32 */
    compute(f, 34, 0);
    compute(f, 0xffffffff, 0); /* and soon */
    g_assert_cmphex(get(f, TN_EDU_REG_IRQ_STATUS), ==, 0);
}

static void
test_factorial_interrupt(Fixture *f, gconstpointer data)
{
    set(f, TN_EDU_REG_STATUS, 0xffffffff);
    g_assert_cmphex(get(f, TN_EDU_REG_STATUS), ==, TN_EDU_STATUS_IRQ_FACTORIAL);
    compute(f, 4, 24);
    g_assert_cmphex(get(f, TN_EDU_REG_IRQ_STATUS), ==, TN_EDU_IRQ_FACTORIAL);
    g_assert_cmpint(f->p->irqs[IRQ].level, ==, 1);
    set(f, TN_EDU_REG_STATUS, 0);
    g_assert_cmphex(get(f, TN_EDU_REG_STATUS), ==, 0);
}

static void
test_interrupt_by_pin(Fixture *f, gconstpointer data)
{
    set(f, TN_EDU_REG_IRQ_RAISE, 0x30);
    set(f, TN_EDU_REG_IRQ_RAISE, 0x01);
    g_assert_cmphex(get(f, TN_EDU_REG_IRQ_STATUS), ==, 0x31);
    g_assert_cmphex(config(f, TN_PCI_REG_STATUS, 2), ==, 0x18);
    g_assert_cmpint(f->p->irqs[IRQ].level, ==, 1);
    set(f, TN_EDU_REG_IRQ_ACK, 0x21);
    g_assert_cmphex(get(f, TN_EDU_REG_IRQ_STATUS), ==, 0x10);
    g_assert_cmpint(f->p->irqs[IRQ].level, ==, 1);
    set(f, TN_EDU_REG_IRQ_ACK, 0xffffffff);
    g_assert_cmpint(f->p->irqs[IRQ].level, ==, 0);
    g_assert_cmpuint(f->p->irqs[IRQ].raised, ==, 1);
}

static void
enable_msi(Fixture *f)
{
    set_config(f, MSI_AT + 4, 0xfee00000, 4);
    set_config(f, MSI_AT + 12, 0x41, 2);
    set_config(f, MSI_AT + 2, 1, 2);
}

static void
test_interrupt_by_message(Fixture *f, gconstpointer data)
{
    enable_msi(f);
    set(f, TN_EDU_REG_IRQ_RAISE, 0x2);
    set(f, TN_EDU_REG_IRQ_RAISE, 0x2);
    g_assert_cmpint(g_atomic_int_get(&f->messages), ==, 2);
    g_assert_cmpuint(f->p->irqs[IRQ].raised, ==, 0);
    set(f, TN_EDU_REG_STATUS, TN_EDU_STATUS_IRQ_FACTORIAL);
    compute(f, 3, 6);
    g_assert_cmpint(g_atomic_int_get(&f->messages), ==, 3);
    set(f, TN_EDU_REG_IRQ_ACK, 0xffffffff);
}

static void
test_pin_follows_msi_enable(Fixture *f, gconstpointer data)
{
    set(f, TN_EDU_REG_IRQ_RAISE, 1);
    g_assert_cmpint(f->p->irqs[IRQ].level, ==, 1);
    enable_msi(f);
    g_assert_cmpint(f->p->irqs[IRQ].level, ==, 0);
    set_config(f, MSI_AT + 2, 0, 2);
    g_assert_cmpint(f->p->irqs[IRQ].level, ==, 1);
}

static void
test_dma_both_ways(Fixture *f, gconstpointer data)
{
    memcpy(f->ram + 0x1000, "hello, device", 13);
    dma(f, 0x1000, TN_EDU_BUFFER + 0x10, 13, 0);
    g_assert_cmphex(get(f, TN_EDU_REG_IRQ_STATUS), ==, 0);
    dma(f, TN_EDU_BUFFER + 0x17, 0x2001, 6, TN_EDU_DMA_TO_RAM | TN_EDU_DMA_IRQ);
    g_assert_cmpstr((char *)f->ram + 0x2001, ==, "device");
    g_assert_cmphex(f->ram[0x2000], ==, 0);
    g_assert_cmphex(get(f, TN_EDU_REG_IRQ_STATUS), ==, TN_EDU_IRQ_DMA);
    g_assert_cmpint(f->p->irqs[IRQ].level, ==, 1);
    g_assert_cmphex(get(f, TN_EDU_REG_DMA_COMMAND), ==, TN_EDU_DMA_TO_RAM | TN_EDU_DMA_IRQ);
}

static void
test_dma_whole_buffer(Fixture *f, gconstpointer data)
{
    memset(f->ram + 0x1000, 0x5a, TN_EDU_BUFFER_SIZE);
    dma(f, 0x1000, TN_EDU_BUFFER, TN_EDU_BUFFER_SIZE, 0);
    dma(f, TN_EDU_BUFFER, 0x4000, TN_EDU_BUFFER_SIZE, TN_EDU_DMA_TO_RAM);
    g_assert_cmpmem(f->ram + 0x4000, TN_EDU_BUFFER_SIZE, f->ram + 0x1000, TN_EDU_BUFFER_SIZE);
    g_assert_cmphex(f->ram[0x4000 + TN_EDU_BUFFER_SIZE], ==, 0);
}

static void
test_dma_registers_hold_while_running(Fixture *f, gconstpointer data)
{
    memset(f->ram + 0x1000, 0x11, 16);
    start_dma(f, 0x1000, TN_EDU_BUFFER, 16, 0);
    g_assert_cmphex(get(f, TN_EDU_REG_DMA_COMMAND), ==, TN_EDU_DMA_RUN);
    set(f, TN_EDU_REG_DMA_SRC, 0x9000);
    set(f, TN_EDU_REG_DMA_DST, 0x9000);
    set(f, TN_EDU_REG_DMA_COUNT, 0x9000);
    set(f, TN_EDU_REG_DMA_COMMAND, TN_EDU_DMA_RUN | TN_EDU_DMA_TO_RAM | TN_EDU_DMA_IRQ);
    g_assert_cmphex(get(f, TN_EDU_REG_DMA_SRC), ==, 0x1000);
    g_assert_cmphex(get(f, TN_EDU_REG_DMA_DST), ==, TN_EDU_BUFFER);
    g_assert_cmphex(get(f, TN_EDU_REG_DMA_COUNT), ==, 16);
    tn_test_wait(is_moved, f);
    g_assert_cmphex(get(f, TN_EDU_REG_IRQ_STATUS), ==, 0);
}

static void
test_dma_command_without_start(Fixture *f, gconstpointer data)
{
    set(f, TN_EDU_REG_DMA_COMMAND, TN_EDU_DMA_TO_RAM | TN_EDU_DMA_IRQ);
    g_assert_cmphex(get(f, TN_EDU_REG_DMA_COMMAND), ==, 0);
}

static void
assert_nothing_moves(Fixture *f, guint64 device, guint64 count)
{
    memset(f->ram + 0x3000, 0x77, 0x100);
    dma(f, device, 0x3000, count, TN_EDU_DMA_TO_RAM);
    g_assert_cmphex(f->ram[0x3000], ==, 0x77);
    dma(f, 0x3000, device, count, 0);
}

static void
test_dma_outside_of_buffer(Fixture *f, gconstpointer data)
{
    assert_nothing_moves(f, TN_EDU_BUFFER - 1, 2);
    assert_nothing_moves(f, TN_EDU_BUFFER + TN_EDU_BUFFER_SIZE, 1);
    assert_nothing_moves(f, TN_EDU_BUFFER + TN_EDU_BUFFER_SIZE - 1, 2);
    assert_nothing_moves(f, TN_EDU_BUFFER, TN_EDU_BUFFER_SIZE + 1);
    assert_nothing_moves(f, TN_EDU_BUFFER, 0);
    assert_nothing_moves(f, TN_EDU_BUFFER, G_MAXUINT64);
    assert_nothing_moves(f, G_MAXUINT64, 2);
    assert_nothing_moves(f, 0, 1);
    dma(f, TN_EDU_BUFFER, 0x3000, 1, TN_EDU_DMA_TO_RAM);
    g_assert_cmphex(f->ram[0x3000], ==, 0x00);
}

static void
test_dma_mask(Fixture *f, gconstpointer data)
{
    f->ram[0x3000] = 0x42;
    dma(f, G_GUINT64_CONSTANT(0xfffffff0f0003000), TN_EDU_BUFFER, 1, 0);
    dma(f, TN_EDU_BUFFER, G_GUINT64_CONSTANT(0x8000000010005000), 1, TN_EDU_DMA_TO_RAM);
    g_assert_cmphex(f->ram[0x5000], ==, 0x42);
}

static void
test_dma_where_no_ram_is(Fixture *f, gconstpointer data)
{
    /* Only to those who can drive all bits does the BAR seem to be in reach. */
    tn_test_drop(f->edu);
    f->edu = g_object_new(TN_TYPE_EDU, "dma-mask", G_MAXUINT64, NULL);
    tn_pci_device_set_address(TN_PCI_DEVICE(f->edu), tn_pci_host_get_bus(f->host), DEVFN);
    tn_test_realize(f->p, f->edu);
    program(f);
    dma(f, BAR, TN_EDU_BUFFER, 4, 0);
    dma(f, TN_EDU_BUFFER, 0x3000, 4, TN_EDU_DMA_TO_RAM);
    g_assert_cmphex(*(guint32 *)(void *)(f->ram + 0x3000), ==, 0xffffffff);
    dma(f, TN_EDU_BUFFER, BAR + TN_EDU_REG_LIVENESS, 4, TN_EDU_DMA_TO_RAM);
    g_assert_cmphex(get(f, TN_EDU_REG_LIVENESS), ==, 0);
    dma(f, G_MAXUINT64 - 1, TN_EDU_BUFFER, 16, 0); /* around the end */
}

static void
test_dma_needs_bus_master(Fixture *f, gconstpointer data)
{
    set_config(f, TN_PCI_REG_COMMAND, TN_PCI_COMMAND_MEMORY, 2);
    f->ram[0x3000] = 0x42;
    dma(f, 0x3000, TN_EDU_BUFFER, 1, 0);
    dma(f, TN_EDU_BUFFER, 0x3000, 1, TN_EDU_DMA_TO_RAM);
    g_assert_cmphex(f->ram[0x3000], ==, 0x42);
    set_config(f, TN_PCI_REG_COMMAND, TN_PCI_COMMAND_MEMORY | TN_PCI_COMMAND_MASTER, 2);
    dma(f, TN_EDU_BUFFER, 0x3000, 1, TN_EDU_DMA_TO_RAM);
    g_assert_cmphex(f->ram[0x3000], ==, 0xff);
}

static void
test_sizes(Fixture *f, gconstpointer data)
{
    guint64 value = 0;

    g_assert_cmpint(access_bar(f, 0, &value, 1, false), ==, TN_MEM_INVALID_SIZE);
    g_assert_cmphex(value, ==, 0xff);
    g_assert_cmpint(access_bar(f, 0, &value, 2, false), ==, TN_MEM_INVALID_SIZE);
    g_assert_cmpint(access_bar(f, 2, &value, 4, false), ==, TN_MEM_INVALID_SIZE);
    g_assert_cmphex(read_sized(f, TN_EDU_REG_IDENTIFICATION, 8), ==, G_MAXUINT64);
    write_sized(f, TN_EDU_REG_FACTORIAL, 5, 8);
    write_sized(f, TN_EDU_REG_IRQ_RAISE, 1, 8);
    g_assert_cmphex(get(f, TN_EDU_REG_FACTORIAL), ==, 0);
    g_assert_cmphex(get(f, TN_EDU_REG_IRQ_STATUS), ==, 0);
    write_sized(f, TN_EDU_REG_DMA_SRC, G_GUINT64_CONSTANT(0x123456789abcdef0), 8);
    g_assert_cmphex(read_sized(f, TN_EDU_REG_DMA_SRC, 8), ==,
                    G_GUINT64_CONSTANT(0x123456789abcdef0));
    g_assert_cmphex(get(f, TN_EDU_REG_DMA_SRC), ==, 0x9abcdef0);
    set(f, TN_EDU_REG_DMA_SRC, 1);
    g_assert_cmphex(read_sized(f, TN_EDU_REG_DMA_SRC, 8), ==, 1);
}

static void
test_elsewhere(Fixture *f, gconstpointer data)
{
    static const unsigned offsets[] = {
        0x0c, 0x1c, 0x28, 0x68, 0x7c, 0x84, 0x8c, 0x94, 0x9c, 0xa0, TN_EDU_BUFFER, 0xffffc,
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(offsets); i++) {
        set(f, offsets[i], 0x12345678);
        g_assert_cmphex(get(f, offsets[i]), ==, 0xffffffff);
    }
    g_assert_cmphex(get(f, TN_EDU_REG_IRQ_RAISE), ==, 0xffffffff); /* write-only */
    g_assert_cmphex(get(f, TN_EDU_REG_IRQ_ACK), ==, 0xffffffff);
    set(f, TN_EDU_REG_IRQ_STATUS, 0xff); /* read-only */
    g_assert_cmphex(get(f, TN_EDU_REG_IRQ_STATUS), ==, 0);
    g_assert_cmphex(read_sized(f, 0xffff8, 8), ==, G_MAXUINT64);
}

static void
test_reset_abandons_dma(Fixture *f, gconstpointer data)
{
    set(f, TN_EDU_REG_IRQ_RAISE, 1);
    set(f, TN_EDU_REG_LIVENESS, 1);
    start_dma(f, TN_EDU_BUFFER, 0x3000, 16, TN_EDU_DMA_TO_RAM | TN_EDU_DMA_IRQ);
    memset(f->ram + 0x3000, 0x77, 16);
    tn_reset_run(f->p->platform.reset);
    g_assert_cmpint(f->p->irqs[IRQ].level, ==, 0);
    program(f);
    g_assert_cmphex(get(f, TN_EDU_REG_DMA_COMMAND), ==, 0);
    g_assert_cmphex(get(f, TN_EDU_REG_IRQ_STATUS), ==, 0);
    g_assert_cmphex(get(f, TN_EDU_REG_LIVENESS), ==, 0);
    /* One that is started now ends later than the abandoned one would have. */
    dma(f, 0x1000, TN_EDU_BUFFER, 1, 0);
    g_assert_cmphex(f->ram[0x3000], ==, 0x77);
    g_assert_cmphex(get(f, TN_EDU_REG_IRQ_STATUS), ==, 0);
}

static void
test_unrealize_while_busy(Fixture *f, gconstpointer data)
{
    set(f, TN_EDU_REG_STATUS, TN_EDU_STATUS_IRQ_FACTORIAL);
    set(f, TN_EDU_REG_IRQ_RAISE, 1);
    start_dma(f, TN_EDU_BUFFER, 0x3000, 16, TN_EDU_DMA_TO_RAM | TN_EDU_DMA_IRQ);
    set(f, TN_EDU_REG_FACTORIAL, 33);
    tn_test_drop(f->edu);
    f->edu = NULL;
    g_assert_cmpint(f->p->irqs[IRQ].level, ==, 0);
    g_assert_cmphex(get(f, TN_EDU_REG_IDENTIFICATION), ==, 0xffffffff);
}

static void
test_realize_again(Fixture *f, gconstpointer data)
{
    set(f, TN_EDU_REG_IRQ_RAISE, 1);
    tn_device_unrealize(TN_DEVICE(f->edu));
    tn_memory_synchronize(f->p->platform.memory);
    tn_test_realize(f->p, f->edu);
    program(f);
    g_assert_cmphex(get(f, TN_EDU_REG_IRQ_STATUS), ==, 0);
    compute(f, 3, 6);
}

static void
test_loaded_state_goes_on(Fixture *f, gconstpointer data)
{
    const TnStateTable *table = TN_DEVICE_GET_CLASS(f->edu)->state;
    g_autoptr(GError) error = NULL;

    f->ram[0x3000] = 0x42;
    start_dma(f, 0x3000, TN_EDU_BUFFER, 1, TN_EDU_DMA_IRQ);
    g_assert_true(table->post_load(f->edu, table->version, &error));
    g_assert_no_error(error);
    tn_test_wait(is_moved, f);
    g_assert_cmphex(get(f, TN_EDU_REG_IRQ_STATUS), ==, TN_EDU_IRQ_DMA);
    set(f, TN_EDU_REG_IRQ_ACK, TN_EDU_IRQ_DMA);
}

#define EDU_TEST(path, func) g_test_add(path, Fixture, NULL, set_up, func, tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    EDU_TEST("/hw/edu/header", test_header);
    EDU_TEST("/hw/edu/identification", test_identification);
    EDU_TEST("/hw/edu/liveness", test_liveness);
    EDU_TEST("/hw/edu/factorial", test_factorial);
    EDU_TEST("/hw/edu/factorial-interrupt", test_factorial_interrupt);
    EDU_TEST("/hw/edu/interrupt-by-pin", test_interrupt_by_pin);
    EDU_TEST("/hw/edu/interrupt-by-message", test_interrupt_by_message);
    EDU_TEST("/hw/edu/pin-follows-msi-enable", test_pin_follows_msi_enable);
    EDU_TEST("/hw/edu/dma-both-ways", test_dma_both_ways);
    EDU_TEST("/hw/edu/dma-whole-buffer", test_dma_whole_buffer);
    EDU_TEST("/hw/edu/dma-registers-hold-while-running", test_dma_registers_hold_while_running);
    EDU_TEST("/hw/edu/dma-command-without-start", test_dma_command_without_start);
    EDU_TEST("/hw/edu/dma-outside-of-buffer", test_dma_outside_of_buffer);
    EDU_TEST("/hw/edu/dma-mask", test_dma_mask);
    EDU_TEST("/hw/edu/dma-where-no-ram-is", test_dma_where_no_ram_is);
    EDU_TEST("/hw/edu/dma-needs-bus-master", test_dma_needs_bus_master);
    EDU_TEST("/hw/edu/sizes", test_sizes);
    EDU_TEST("/hw/edu/elsewhere", test_elsewhere);
    EDU_TEST("/hw/edu/reset-abandons-dma", test_reset_abandons_dma);
    EDU_TEST("/hw/edu/unrealize-while-busy", test_unrealize_while_busy);
    EDU_TEST("/hw/edu/realize-again", test_realize_again);
    EDU_TEST("/hw/edu/loaded-state-goes-on", test_loaded_state_goes_on);
    return g_test_run();
}
