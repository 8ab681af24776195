/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The state in which a PC's firmware leaves the machine. docs/specs/boot.md. */
#include "vmm/machine/bios-state.h"

#define SEGMENT 0xf000u
#define SEGMENT_BASE (SEGMENT << 4)
#define NUM_VECTORS 256

/* Where a PC BIOS has these entries, by the old rule that software may know. */
enum {
    AT_MEMORY_SIZE = 0xf841, /* int 0x12 */
    AT_EQUIPMENT = 0xf84d,   /* int 0x11 */
    AT_TIMER = 0xfea5,       /* IRQ 0 */
    AT_IRET = 0xff53,
    /* Ours. */
    AT_MASTER_IRQ = 0xff60,
    AT_SLAVE_IRQ = 0xff70,
};

enum {
    VECTOR_EQUIPMENT = 0x11,
    VECTOR_MEMORY_SIZE = 0x12,
    VECTOR_USER_FIRST = 0x60, /* up to 0x66 left to programs: no handler */
    VECTOR_USER_LAST = 0x66,
};

/* BIOS data area. */
enum {
    BDA_EBDA_SEGMENT = 0x40e,
    BDA_EQUIPMENT = 0x410,
    BDA_BASE_KIB = 0x413,
};
#define EBDA_SEGMENT 0x9fc0u /* the memory map's reserved KiB below 640 */
#define BASE_KIB 639u
#define EQUIPMENT 0x0006u /* FPU, pointing device */

const TnLegacyChips tn_bios_state_chips = {
    .vector_base = { 0x08, 0x70 },
    .masks = { 0xb8, 0x8e }, /* 0, 1, 2, 6; 8, 12, 13, 14 may come */
    .ticks = TRUE,
};

typedef struct Handler {
    guint16 offset;
    guint8 length;
    guint8 code[20];
} Handler;

static const Handler handlers[] = {
    { AT_IRET, 1, { 0xcf } },
    /* push ds; xor ax, ax; mov ds, ax; mov ax, [0x413 or 0x410]; pop ds; iret */
    { AT_MEMORY_SIZE, 10, { 0x1e, 0x31, 0xc0, 0x8e, 0xd8, 0xa1, 0x13, 0x04, 0x1f, 0xcf } },
    { AT_EQUIPMENT, 10, { 0x1e, 0x31, 0xc0, 0x8e, 0xd8, 0xa1, 0x10, 0x04, 0x1f, 0xcf } },
    /* push ds; push ax; xor ax, ax; mov ds, ax; inc dword [0x46c]; int 0x1c;
     * mov al, 0x20; out 0x20, al; pop ax; pop ds; iret */
    { AT_TIMER, 20, { 0x1e, 0x50, 0x31, 0xc0, 0x8e, 0xd8, 0x66, 0xff, 0x06, 0x6c,
                      0x04, 0xcd, 0x1c, 0xb0, 0x20, 0xe6, 0x20, 0x58, 0x1f, 0xcf } },
    /* push ax; mov al, 0x20; (out 0xa0, al;) out 0x20, al; pop ax; iret */
    { AT_MASTER_IRQ, 7, { 0x50, 0xb0, 0x20, 0xe6, 0x20, 0x58, 0xcf } },
    { AT_SLAVE_IRQ, 9, { 0x50, 0xb0, 0x20, 0xe6, 0xa0, 0xe6, 0x20, 0x58, 0xcf } },
};

static guint16
entry_of(unsigned vector)
{
    const guint8 *bases = tn_bios_state_chips.vector_base;

    if (vector == bases[0]) {
        return AT_TIMER;
    }
    if (vector > bases[0] && vector < bases[0] + 8u) {
        return AT_MASTER_IRQ;
    }
    if (vector >= bases[1] && vector < bases[1] + 8u) {
        return AT_SLAVE_IRQ;
    }
    switch (vector) {
    case VECTOR_EQUIPMENT:
        return AT_EQUIPMENT;
    case VECTOR_MEMORY_SIZE:
        return AT_MEMORY_SIZE;
    default:
        return AT_IRET;
    }
}

static gboolean
write_word(TnAddressSpace *space, guint64 addr, guint16 value)
{
    const guint16 stored = GUINT16_TO_LE(value);

    return tn_address_space_write(space, addr, &stored, sizeof(stored)) == TN_MEM_OK;
}

gboolean
tn_bios_state_write(TnAddressSpace *space)
{
    guint32 table[NUM_VECTORS] = { 0 };
    gboolean ok;

    for (unsigned i = 0; i < NUM_VECTORS; i++) {
        if (i < VECTOR_USER_FIRST || i > VECTOR_USER_LAST) {
            table[i] = GUINT32_TO_LE(SEGMENT << 16 | entry_of(i));
        }
    }
    ok = tn_address_space_write(space, 0, table, sizeof(table)) == TN_MEM_OK &&
         write_word(space, BDA_EBDA_SEGMENT, EBDA_SEGMENT) &&
         write_word(space, BDA_EQUIPMENT, EQUIPMENT) && write_word(space, BDA_BASE_KIB, BASE_KIB);
    for (unsigned i = 0; ok && i < G_N_ELEMENTS(handlers); i++) {
        ok = tn_address_space_write(space, SEGMENT_BASE + handlers[i].offset, handlers[i].code,
                                    handlers[i].length) == TN_MEM_OK;
    }
    return ok;
}
