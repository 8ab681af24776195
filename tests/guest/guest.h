/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What every guest of our own begins with: 32-bit protected mode as PVH hands it over (no stack
 * is given, so the entry sets one), ports, a console, interrupts through the two 8259As. Included
 * once, by the one file that is the guest; it defines guest_main().
 */
#pragma once

#include <stdint.h>

#define COM1 0x3f8
#define LSR_DATA 0x01
#define LSR_EMPTY 0x20
#define PM1_CONTROL 0x604
#define PM1_SLEEP_ENABLE 0x2000
#define N_VECTORS 48
#define FIRST_IRQ_VECTOR 32
#define SELECTOR_CODE 0x08
#define GATE_INTERRUPT 0x8e00

/* What PVH hands over, as far as it is read. */
typedef struct {
    uint32_t magic;
    uint32_t version;
    uint32_t flags;
    uint32_t n_modules;
    uint64_t modules;
    uint64_t command_line;
} StartInfo;

typedef struct {
    uint16_t limit;
    uint32_t base;
} __attribute__((packed)) TablePointer;

static uint64_t gdt[] = { 0, 0x00cf9b000000ffff, 0x00cf93000000ffff };
static uint64_t idt[N_VECTORS];

void guest_main(const StartInfo *info);

__asm__(".section .note.Xen, \"a\", @note\n"
        ".long 4, 4, 18\n" /* XEN_ELFNOTE_PHYS32_ENTRY */
        ".asciz \"Xen\"\n"
        ".long guest_entry\n"
        ".text\n"
        ".global guest_entry\n"
        "guest_entry:\n"
        "    mov $guest_stack_end, %esp\n"
        "    push %ebx\n"
        "    call guest_main\n"
        /* The one place with interrupts on. What comes there ends the wait: no iret, which some
         * hosts cannot do for a guest outside of long mode. */
        "guest_wait:\n"
        "    sti\n"
        "    hlt\n"
        "    jmp guest_wait\n"
        "guest_interrupt:\n"
        "    mov $0x20, %al\n"
        "    out %al, $0xa0\n"
        "    out %al, $0x20\n"
        "    add $12, %esp\n"
        "    ret\n"
        ".bss\n"
        ".balign 16\n"
        ".skip 4096\n"
        "guest_stack_end:\n"
        ".text\n");

extern const char guest_interrupt[];

/* Until the next interrupt; they are off again then. */
void guest_wait(void);

static inline void
out8(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline void
out16(uint16_t port, uint16_t value)
{
    __asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port));
}

static inline void
out32(uint16_t port, uint32_t value)
{
    __asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}

static inline uint8_t
in8(uint16_t port)
{
    uint8_t value;

    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline uint16_t
in16(uint16_t port)
{
    uint16_t value;

    __asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline uint32_t
in32(uint16_t port)
{
    uint32_t value;

    __asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static void
say(const char *text)
{
    for (; *text != '\0'; text++) {
        while ((in8(COM1 + 5) & LSR_EMPTY) == 0) {
        }
        out8(COM1, (uint8_t)*text);
    }
}

/* @irqs: a bit for each that is let through; a later call changes them. */
static void
set_up_interrupts(uint16_t irqs)
{
    TablePointer gdt_pointer = { sizeof(gdt) - 1, (uint32_t)(uintptr_t)gdt };
    TablePointer idt_pointer = { sizeof(idt) - 1, (uint32_t)(uintptr_t)idt };
    uint32_t handler = (uint32_t)(uintptr_t)guest_interrupt;

    for (unsigned i = FIRST_IRQ_VECTOR; i < N_VECTORS; i++) {
        idt[i] = (uint64_t)(handler & 0xffff0000U) << 32 | (uint64_t)GATE_INTERRUPT << 32
                 | (uint32_t)SELECTOR_CODE << 16 | (handler & 0xffffU);
    }
    __asm__ volatile("lgdt %0\n"
                     "ljmp %2, $1f\n"
                     "1: mov %3, %%eax\n"
                     "mov %%eax, %%ds\n"
                     "mov %%eax, %%es\n"
                     "mov %%eax, %%ss\n"
                     "lidt %1\n"
                     :
                     : "m"(gdt_pointer), "m"(idt_pointer), "i"(SELECTOR_CODE), "i"(0x10)
                     : "eax", "memory");
    /* The two 8259As: vectors 32 and 40, IRQ 2 between them. */
    out8(0x20, 0x11);
    out8(0xa0, 0x11);
    out8(0x21, FIRST_IRQ_VECTOR);
    out8(0xa1, FIRST_IRQ_VECTOR + 8);
    out8(0x21, 0x04);
    out8(0xa1, 0x02);
    out8(0x21, 0x01);
    out8(0xa1, 0x01);
    out8(0x21, (uint8_t)~(irqs | 1U << 2));
    out8(0xa1, (uint8_t)(~irqs >> 8));
}
