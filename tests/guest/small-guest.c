/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A guest of a few hundred instructions that behaves like one with an operating system: it heeds
 * the power button, takes and gives back DIMMs (docs/specs/acpi-memory-hotplug.md), and obeys
 * single characters on its console. For hosts whose KVM runs no stock kernel.
 *
 * It says "SMALL-GUEST ready", "SMALL-GUEST dimms=N MiB" at each change, "SMALL-GUEST bye",
 * "SMALL-GUEST awake" when it was woken up ("dazed" if the machine does not say that it was).
 * Characters: m says how much DIMM memory there is, p powers off, r resets, k halts for good,
 * s sleeps in memory (ACPI S3), d on disk (S4),
 * a gives DIMMs back when asked (as at first), n refuses to, i ignores such requests.
 * The same letters in "mode=" on the kernel command line set how it begins.
 *
 * 32-bit protected mode as PVH hands it over; no stack is given, so the entry sets one.
 */
#include <stdint.h>

#define COM1 0x3f8
#define LSR_DATA 0x01
#define LSR_EMPTY 0x20
#define PM1_STATUS 0x600
#define PM1_ENABLE 0x602
#define PM1_CONTROL 0x604
#define PM1_POWER_BUTTON 0x100
#define PM1_SLEEP_ENABLE 0x2000
#define PM1_SLEEP_S3 0x0400
#define PM1_SLEEP_S4 0x0800
#define PM1_WAKE 0x8000
#define BIOS_FIRST 0xe0000
#define BIOS_END 0x100000
#define FACS_ALIGN 64
#define FACS_SIGNATURE 0x53434146 /* "FACS" */
#define FACS_WAKING_VECTOR 3      /* in dwords */
#define TRAMPOLINE 0x8000         /* where real mode reaches it */
#define GPE0_STATUS 0xafe0
#define GPE0_ENABLE 0xafe2
#define GPE0_MEMORY 0x08
#define SLOT_SELECT 0xa00
#define SLOT_OST_EVENT 0xa04
#define SLOT_OST_STATUS 0xa08
#define SLOT_SIZE_LOW 0xa08
#define SLOT_SIZE_HIGH 0xa0c
#define SLOT_FLAGS 0xa14
#define SLOT_ENABLED 0x01
#define SLOT_INSERTING 0x02
#define SLOT_REMOVING 0x04
#define SLOT_EJECT 0x08
#define N_SLOTS 64
#define OST_INSERTION 1
#define OST_EJECTION 3
#define OST_SUCCESS 0
#define OST_BUSY 0x82
#define N_VECTORS 48
#define FIRST_IRQ_VECTOR 32
#define RESET_PORT 0x64
#define RESET_VALUE 0xfe
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
void guest_awake(void);

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
        /* Real mode, at TRAMPOLINE: back to where the guest was, with memory as it was. */
        ".code16\n"
        ".global guest_trampoline, guest_trampoline_gdt, guest_trampoline_end\n"
        "guest_trampoline:\n"
        "    lgdtl %cs:(guest_trampoline_gdt - guest_trampoline)\n"
        "    mov %cr0, %eax\n"
        "    or $1, %al\n"
        "    mov %eax, %cr0\n"
        "    ljmpl $0x08, $1f\n"
        "guest_trampoline_gdt:\n"
        "    .skip 6\n"
        "guest_trampoline_end:\n"
        ".code32\n"
        "1:  mov $0x10, %eax\n"
        "    mov %eax, %ds\n"
        "    mov %eax, %es\n"
        "    mov %eax, %ss\n"
        "    mov $guest_stack_end, %esp\n"
        "    call guest_awake\n"
        ".bss\n"
        ".balign 16\n"
        ".skip 4096\n"
        "guest_stack_end:\n"
        ".text\n");

extern const char guest_interrupt[];
extern const char guest_trampoline[], guest_trampoline_gdt[], guest_trampoline_end[];

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

static void
say_dimms(uint32_t mebibytes)
{
    char digits[12];
    unsigned at = sizeof(digits) - 1;

    digits[at] = '\0';
    do {
        digits[--at] = (char)('0' + mebibytes % 10);
        mebibytes /= 10;
    } while (mebibytes != 0);
    say("SMALL-GUEST dimms=");
    say(digits + at);
    say(" MiB\r\n");
}

static void
report(uint32_t event, uint32_t status)
{
    out32(SLOT_OST_EVENT, event);
    out32(SLOT_OST_STATUS, status);
}

/* Answers what is asked of each slot. Returns how much memory is there then, in MiB. */
static uint32_t
scan_slots(char mode)
{
    uint32_t total = 0;

    for (uint32_t slot = 0; slot < N_SLOTS; slot++) {
        uint8_t flags;

        out32(SLOT_SELECT, slot);
        flags = in8(SLOT_FLAGS);
        if ((flags & SLOT_INSERTING) != 0) {
            out8(SLOT_FLAGS, SLOT_INSERTING);
            report(OST_INSERTION, OST_SUCCESS);
        }
        if ((flags & SLOT_REMOVING) != 0) {
            out8(SLOT_FLAGS, SLOT_REMOVING);
            if (mode == 'a') {
                out8(SLOT_FLAGS, SLOT_EJECT);
                report(OST_EJECTION, OST_SUCCESS);
                continue;
            }
            if (mode == 'n') {
                report(OST_EJECTION, OST_BUSY);
            }
        }
        if ((flags & SLOT_ENABLED) != 0) {
            total += (in32(SLOT_SIZE_HIGH) << 12) + (in32(SLOT_SIZE_LOW) >> 20);
        }
    }
    return total;
}

static void
set_up_interrupts(void)
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
    /* The two 8259As: vectors 32 and 40, IRQ 2 between them; IRQ 4 and 9 let through. */
    out8(0x20, 0x11);
    out8(0xa0, 0x11);
    out8(0x21, FIRST_IRQ_VECTOR);
    out8(0xa1, FIRST_IRQ_VECTOR + 8);
    out8(0x21, 0x04);
    out8(0xa1, 0x02);
    out8(0x21, 0x01);
    out8(0xa1, 0x01);
    out8(0x21, (uint8_t)~(1U << 2 | 1U << 4));
    out8(0xa1, (uint8_t)~(1U << 1));
    out8(COM1 + 1, 0x01);
    out8(COM1 + 4, 0x0b);
    out16(PM1_ENABLE, PM1_POWER_BUTTON);
    out16(GPE0_ENABLE, GPE0_MEMORY);
}

static void
power_off(void)
{
    say("SMALL-GUEST bye\r\n");
    out16(PM1_CONTROL, PM1_SLEEP_ENABLE);
}

/* Where the firmware's tables are, a guest that sleeps says where it wants to wake up. */
static void
set_waking_vector(void)
{
    const TablePointer gdt_pointer = { sizeof(gdt) - 1, (uint32_t)(uintptr_t)gdt };
    char *to = (char *)TRAMPOLINE;

    for (const char *from = guest_trampoline; from < guest_trampoline_end; from++) {
        *to++ = *from;
    }
    *(TablePointer *)(TRAMPOLINE + (guest_trampoline_gdt - guest_trampoline)) = gdt_pointer;
    for (uintptr_t at = BIOS_FIRST; at < BIOS_END; at += FACS_ALIGN) {
        volatile uint32_t *facs = (volatile uint32_t *)at;

        if (*facs == FACS_SIGNATURE) {
            facs[FACS_WAKING_VECTOR] = TRAMPOLINE;
        }
    }
}

/* Nothing after the write is executed, or the guest says so. */
static void
sleep_in_memory(void)
{
    set_waking_vector();
    out16(PM1_CONTROL, PM1_SLEEP_ENABLE | PM1_SLEEP_S3);
    say("SMALL-GUEST sleepless\r\n");
}

static char
first_mode(const StartInfo *info)
{
    const char *text = (const char *)(uintptr_t)info->command_line;

    for (; text != 0 && *text != '\0'; text++) {
        if (text[0] == 'm' && text[1] == 'o' && text[2] == 'd' && text[3] == 'e'
            && text[4] == '=' && text[5] != '\0') {
            return text[5];
        }
    }
    return 'a';
}

/* Takes one character from the console. Returns the mode from now on. */
static char
obey(char command, char mode, uint32_t dimms)
{
    switch (command) {
    case 'a':
    case 'n':
    case 'i':
        return command;
    case 'm':
        say_dimms(dimms);
        break;
    case 'p':
        power_off();
        break;
    case 's':
        sleep_in_memory();
        break;
    case 'd':
        out16(PM1_CONTROL, PM1_SLEEP_ENABLE | PM1_SLEEP_S4);
        break;
    case 'r':
        out8(RESET_PORT, RESET_VALUE);
        break;
    case 'k':
        for (;;) {
            __asm__ volatile("cli; hlt");
        }
    default:
        break;
    }
    return mode;
}

/* Survives a sleep. */
static char mode;

static void __attribute__((noreturn))
live(const char *greeting)
{
    uint32_t dimms;

    set_up_interrupts();
    say(greeting);
    dimms = scan_slots(mode);
    if (dimms != 0) {
        say_dimms(dimms);
    }
    for (;;) {
        uint32_t now;

        while ((in8(COM1 + 5) & LSR_DATA) != 0) {
            mode = obey((char)in8(COM1), mode, dimms);
        }
        if ((in16(PM1_STATUS) & PM1_POWER_BUTTON) != 0) {
            out16(PM1_STATUS, PM1_POWER_BUTTON);
            if (mode != 'i') {
                power_off();
            }
        }
        if ((in16(GPE0_STATUS) & GPE0_MEMORY) != 0) {
            out16(GPE0_STATUS, GPE0_MEMORY);
            now = scan_slots(mode);
            if (now != dimms) {
                dimms = now;
                say_dimms(dimms);
            }
            continue;
        }
        guest_wait();
    }
}

void
guest_main(const StartInfo *info)
{
    mode = first_mode(info);
    live("SMALL-GUEST ready\r\n");
}

void
guest_awake(void)
{
    uint16_t status = in16(PM1_STATUS);

    out16(PM1_STATUS, status);
    live((status & PM1_WAKE) != 0 ? "SMALL-GUEST awake\r\n" : "SMALL-GUEST dazed\r\n");
}
