/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A guest of a few hundred instructions that behaves like one with an operating system: it heeds
 * the power button, takes and gives back DIMMs (docs/specs/acpi-memory-hotplug.md), and obeys
 * single characters on its console. For hosts whose KVM runs no stock kernel.
 *
 * It says "SMALL-GUEST ready", "SMALL-GUEST dimms=N MiB" at each change, "SMALL-GUEST bye".
 * Characters: m says how much DIMM memory there is, p powers off, r resets, k halts for good,
 * a gives DIMMs back when asked (as at first), n refuses to, i ignores such requests.
 * The same letters in "mode=" on the kernel command line set how it begins.
 */
#include "tests/guest/guest.h"

#define PM1_STATUS 0x600
#define PM1_ENABLE 0x602
#define PM1_POWER_BUTTON 0x100
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
#define RESET_PORT 0x64
#define RESET_VALUE 0xfe

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
set_up_events(void)
{
    set_up_interrupts(1U << 4 | 1U << 9);
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

void
guest_main(const StartInfo *info)
{
    char mode = first_mode(info);
    uint32_t dimms;

    set_up_events();
    say("SMALL-GUEST ready\r\n");
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
