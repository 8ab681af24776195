/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Guests that take interrupts, in the manner of accel-payloads.S. They count them in
 * memory at 0x7000, one word a vector from 0x31 on, so that taking one needs no exit.
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

        .set    idt, 0x6000
        .set    counts, 0x7000
        .set    code, 0x1000

/* 32-bit protected mode, as PVH starts: turns its local APIC on, says 0xaa, counts vectors
 * 0x31 and 0x32. No iret, as in small-guest.c: the wait begins anew. */
        .code32
payload msi
        lgdt    code + (9f - tn_payload_msi)
        ljmp    $0x08, $(code + (1f - tn_payload_msi))
1:      movl    $0x10, %eax
        movl    %eax, %ds
        movl    %eax, %es
        movl    %eax, %ss
        movl    $(0x00080000 + code + (3f - tn_payload_msi)), idt + 0x31 * 8
        movl    $0x00008e00, idt + 0x31 * 8 + 4
        movl    $(0x00080000 + code + (4f - tn_payload_msi)), idt + 0x32 * 8
        movl    $0x00008e00, idt + 0x32 * 8 + 4
        lidt    code + (8f - tn_payload_msi)
        movl    $0xfee00000, %esi
        movl    $0x000001ff, 0xf0(%esi)
        movb    $0xaa, %al
        outb    %al, $0x10
2:      sti
        hlt
        jmp     2b
3:      incl    counts
        jmp     5f
4:      incl    counts + 4
5:      movl    $0, 0xb0(%esi)
        addl    $12, %esp
        jmp     2b
        .balign 8
7:      .quad   0, 0x00cf9b000000ffff, 0x00cf93000000ffff
8:      .word   0x33 * 8 - 1
        .long   idt
9:      .word   23
        .long   code + (7b - tn_payload_msi)
payload_end msi

        .section .note.GNU-stack, "", @progbits
