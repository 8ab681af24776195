/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A guest that finds the edu device on the PCI bus, gives it an address and walks
 * docs/specs/edu.md: "EDU-GUEST ok NAME" or "EDU-GUEST not ok NAME" for each thing, then
 * "EDU-GUEST end", and power-off. Interrupts come by INTA through PIIX3 and the 8259As, then by
 * message. For hosts whose KVM runs no stock kernel.
 */
#include "tests/guest/guest.h"
#include "vmm/hw/edu-registers.h"

#define PCI_ADDRESS 0xcf8
#define PCI_DATA 0xcfc
#define PCI_ENABLE 0x80000000U
#define PCI_COMMAND 0x04
#define PCI_COMMAND_MEMORY_MASTER 0x6
#define PCI_CLASS 0x08
#define PCI_BAR0 0x10
#define PCI_CAPABILITIES 0x34
#define PCI_CAPABILITY_MSI 0x05
#define PIIX3 (1U << 3)
#define PIIX3_PIRQ_ROUTE 0x60
#define ELCR2 0x4d1
#define NONE 0xffffffffU

#define BAR 0xe0000000U
#define IRQ 11
#define LAPIC 0xfee00000U
#define LAPIC_EOI 0xb0
#define LAPIC_SPURIOUS 0xf0
#define LAPIC_ENABLE 0x1ff
#define MSI_VECTOR 47

static unsigned char memory[2 * TN_EDU_BUFFER_SIZE];

static uint32_t
config_read(uint32_t devfn, uint32_t reg)
{
    out32(PCI_ADDRESS, PCI_ENABLE | devfn << 8 | reg);
    return in32(PCI_DATA);
}

static void
config_write(uint32_t devfn, uint32_t reg, uint32_t value)
{
    out32(PCI_ADDRESS, PCI_ENABLE | devfn << 8 | reg);
    out32(PCI_DATA, value);
}

static void
config_write_byte(uint32_t devfn, uint32_t reg, uint8_t value)
{
    out32(PCI_ADDRESS, PCI_ENABLE | devfn << 8 | (reg & ~3U));
    out8((uint16_t)(PCI_DATA + (reg & 3)), value);
}

static uint32_t
get(uint32_t reg)
{
    return *(volatile uint32_t *)(uintptr_t)(BAR + reg);
}

static void
set(uint32_t reg, uint32_t value)
{
    *(volatile uint32_t *)(uintptr_t)(BAR + reg) = value;
}

static void
check(const char *name, int good)
{
    say(good ? "EDU-GUEST ok " : "EDU-GUEST not ok ");
    say(name);
    say("\r\n");
}

/* The function 1234:11e8 of bus 0, NONE if there is none. */
static uint32_t
find_edu(void)
{
    for (uint32_t devfn = 0; devfn < 256; devfn++) {
        if (config_read(devfn, 0) == ((uint32_t)TN_EDU_DEVICE_ID << 16 | TN_EDU_VENDOR_ID)) {
            return devfn;
        }
    }
    return NONE;
}

static void
set_up_bar(uint32_t edu)
{
    check("class", config_read(edu, PCI_CLASS) == (TN_EDU_CLASS << 8 | TN_EDU_REVISION));
    config_write(edu, PCI_BAR0, NONE);
    check("bar-size", config_read(edu, PCI_BAR0) == ~(TN_EDU_BAR_SIZE - 1U));
    check("not-decoded", get(TN_EDU_REG_IDENTIFICATION) == NONE);
    config_write(edu, PCI_BAR0, BAR);
    config_write(edu, PCI_COMMAND, PCI_COMMAND_MEMORY_MASTER);
}

/* PIRQ (slot - 1) mod 4 to an interrupt of the second 8259A, level triggered. */
static void
set_up_pin(uint32_t edu)
{
    config_write_byte(PIIX3, PIIX3_PIRQ_ROUTE + ((edu >> 3) - 1) % 4, IRQ);
    out8(ELCR2, 1U << (IRQ - 8));
    set_up_interrupts(1U << IRQ);
}

static int
compute(uint32_t n, uint32_t expected)
{
    set(TN_EDU_REG_FACTORIAL, n);
    while ((get(TN_EDU_REG_STATUS) & TN_EDU_STATUS_COMPUTING) != 0) {
    }
    return get(TN_EDU_REG_FACTORIAL) == expected;
}

/* Waits for an interrupt, and for these bits to be why. */
static int
interrupted(uint32_t bits)
{
    uint32_t status;

    /* A level that was acknowledged only after the 8259A's EOI may come once more. */
    do {
        guest_wait();
        status = get(TN_EDU_REG_IRQ_STATUS);
    } while (status == 0);
    set(TN_EDU_REG_IRQ_ACK, status);
    return status == bits && get(TN_EDU_REG_IRQ_STATUS) == 0;
}

static void
walk_registers(void)
{
    check("identification", get(TN_EDU_REG_IDENTIFICATION) == TN_EDU_IDENTIFICATION);
    set(TN_EDU_REG_LIVENESS, 0x12345678);
    check("liveness", get(TN_EDU_REG_LIVENESS) == ~0x12345678U);
    check("byte-refused", *(volatile uint8_t *)(uintptr_t)BAR == 0xff);
    check("elsewhere", get(0x0c) == NONE && get(TN_EDU_BUFFER) == NONE);
    check("factorial", compute(5, 120) && compute(12, 479001600) && compute(40, 0));
}

static void
walk_interrupts(void)
{
    set(TN_EDU_REG_IRQ_RAISE, 0x10);
    check("raised", interrupted(0x10));
    set(TN_EDU_REG_STATUS, TN_EDU_STATUS_IRQ_FACTORIAL);
    set(TN_EDU_REG_FACTORIAL, 4);
    check("factorial-interrupt",
          interrupted(TN_EDU_IRQ_FACTORIAL) && get(TN_EDU_REG_FACTORIAL) == 24);
    set(TN_EDU_REG_STATUS, 0);
}

static void
start_dma(uint32_t from, uint32_t to, uint32_t count, uint32_t command)
{
    set(TN_EDU_REG_DMA_SRC, from);
    set(TN_EDU_REG_DMA_DST, to);
    set(TN_EDU_REG_DMA_COUNT, count);
    set(TN_EDU_REG_DMA_COMMAND, command | TN_EDU_DMA_RUN);
}

static uint32_t
address_of(const void *p)
{
    return (uint32_t)(uintptr_t)p;
}

static void
walk_dma(void)
{
    unsigned char *back = memory + TN_EDU_BUFFER_SIZE;
    unsigned same = 0;

    for (unsigned i = 0; i < TN_EDU_BUFFER_SIZE; i++) {
        memory[i] = (unsigned char)(i * 7 + 3);
    }
    __asm__ volatile("" : : : "memory");
    start_dma(address_of(memory), TN_EDU_BUFFER, TN_EDU_BUFFER_SIZE, TN_EDU_DMA_IRQ);
    check("dma-runs", (get(TN_EDU_REG_DMA_COMMAND) & TN_EDU_DMA_RUN) != 0);
    check("dma-in", interrupted(TN_EDU_IRQ_DMA));
    start_dma(TN_EDU_BUFFER, address_of(back), TN_EDU_BUFFER_SIZE,
              TN_EDU_DMA_TO_RAM | TN_EDU_DMA_IRQ);
    check("dma-out", interrupted(TN_EDU_IRQ_DMA));
    __asm__ volatile("" : : : "memory");
    while (same < TN_EDU_BUFFER_SIZE && back[same] == memory[same]) {
        same++;
    }
    check("dma-bytes", same == TN_EDU_BUFFER_SIZE);

    start_dma(TN_EDU_BUFFER + 1, address_of(memory), TN_EDU_BUFFER_SIZE,
              TN_EDU_DMA_TO_RAM | TN_EDU_DMA_IRQ);
    check("dma-out-of-buffer", interrupted(TN_EDU_IRQ_DMA) && memory[0] == 3);
}

static void
walk_message(uint32_t edu)
{
    uint32_t at = config_read(edu, PCI_CAPABILITIES) & 0xfc;

    check("msi-capability", (config_read(edu, at) & 0xff) == PCI_CAPABILITY_MSI);
    /* Let no pin through any more: what comes now is a message. */
    set_up_interrupts(0);
    *(volatile uint32_t *)(uintptr_t)(LAPIC + LAPIC_SPURIOUS) = LAPIC_ENABLE;
    config_write(edu, at + 4, LAPIC);
    config_write(edu, at + 8, 0);
    config_write(edu, at + 12, MSI_VECTOR);
    config_write(edu, at, config_read(edu, at) | 1U << 16);
    set(TN_EDU_REG_IRQ_RAISE, 0x20);
    check("message", interrupted(0x20));
    *(volatile uint32_t *)(uintptr_t)(LAPIC + LAPIC_EOI) = 0;
    set(TN_EDU_REG_IRQ_RAISE, 0x40);
    check("message-again", interrupted(0x40));
    *(volatile uint32_t *)(uintptr_t)(LAPIC + LAPIC_EOI) = 0;
}

void
guest_main(const StartInfo *info)
{
    uint32_t edu = find_edu();

    (void)info;
    check("found", edu != NONE);
    if (edu != NONE) {
        set_up_bar(edu);
        set_up_pin(edu);
        walk_registers();
        walk_interrupts();
        walk_dma();
        walk_message(edu);
    }
    say("EDU-GUEST end\r\n");
    out16(PM1_CONTROL, PM1_SLEEP_ENABLE);
    for (;;) {
        __asm__ volatile("cli; hlt");
    }
}
