/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Guests of a few instructions that write to devices and memory, for the tests of event
 * descriptors, coalesced writes and dirty logs. As accel-payloads.S; all in real mode.
 * The byte at 0x3000 is how the test and the guest wait for each other without an exit.
 */
        .section .rodata

        .macro payload name
        .global tn_payload_\name
tn_payload_\name:
        .endm

        .macro payload_end name
        .global tn_payload_\name\()_end
tn_payload_\name\()_end:
        .endm

        .code16

/* Rings the bell at 0xe0010 with 1, 2 and 2 (one byte wide), then says 0x5a. */
payload kick
        movw    $0xe000, %ax
        movw    %ax, %ds
        movl    $1, 0x10
        movl    $2, 0x10
        movb    $2, 0x10
        movb    $0x5a, %al
        outb    %al, $0x10
1:      hlt
        jmp     1b
payload_end kick

/* Rings the bell at port 0x500 with 7 and 8, then says 0x5a. */
payload kick_port
        movw    $0x500, %dx
        movl    $7, %eax
        outl    %eax, %dx
        movl    $8, %eax
        outl    %eax, %dx
        movb    $0x5a, %al
        outb    %al, $0x10
1:      hlt
        jmp     1b
payload_end kick_port

/* Writes 1, 2, ... 1000 to 0xe0020, reads 0xe0080, says what was there. */
payload stream
        movw    $0xe000, %ax
        movw    %ax, %ds
        movl    $1, %ecx
1:      movl    %ecx, 0x20
        incl    %ecx
        cmpl    $1001, %ecx
        jne     1b
        movl    0x80, %eax
        outl    %eax, $0x10
2:      hlt
        jmp     2b
payload_end stream

/* Writes 1 to 5 to 0xe0020 and 6 to port 0x500, sets the byte at 0x3000, and never leaves. */
payload write_and_stay
        movw    $0x500, %dx
        movw    $0xe000, %ax
        movw    %ax, %ds
        xorw    %ax, %ax
        movw    %ax, %es
        movl    $1, %ecx
1:      movl    %ecx, 0x20
        incl    %ecx
        cmpl    $6, %ecx
        jne     1b
        movl    %ecx, %eax
        outl    %eax, %dx
        movb    $1, %es:0x3000
2:      jmp     2b
payload_end write_and_stay

/* Writes 0x5000, says 1, waits for 0x3000, writes 0x5000 and 0x6000, says 2. */
payload dirty
        xorw    %ax, %ax
        movw    %ax, %ds
        movb    $0x11, 0x5000
        movb    $1, %al
        outb    %al, $0x10
1:      pause
        cmpb    $0, 0x3000
        je      1b
        movb    $0x22, 0x5000
        movb    $0x22, 0x6000
        movb    $2, %al
        outb    %al, $0x10
2:      hlt
        jmp     2b
payload_end dirty

        .section .note.GNU-stack, "", @progbits
