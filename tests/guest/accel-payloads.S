/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Guests of a few instructions for the accelerator's tests. Each is position
 * independent and stands between tn_payload_X and tn_payload_X_end; the tests
 * copy it to guest address 0x1000. Ports: 0x10 takes what the guest has to say.
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

/* Real mode, ds = 0 unless said otherwise. */
        .code16

payload out
        movb    $0x5a, %al
        outb    %al, $0x10
        movw    $0x1234, %ax
        outw    %ax, $0x10
        movl    $0xdeadbeef, %eax
        outl    %eax, $0x10
1:      hlt
        jmp     1b
payload_end out

/* Four bytes of its own code, by one instruction. */
payload string_out
        movw    $0x0100, %ax
        movw    %ax, %ds
        movw    $(2f - tn_payload_string_out), %si
        movw    $4, %cx
        movw    $0x10, %dx
        cld
        rep outsb
1:      hlt
        jmp     1b
2:      .ascii  "tnvm"
payload_end string_out

/* Reads the device at 0xd0000, writes what it read plus one to 0xd0004, says it. */
payload mmio
        movw    $0xd000, %ax
        movw    %ax, %ds
        movl    0, %eax
        incl    %eax
        movl    %eax, 4
        outl    %eax, $0x10
1:      hlt
        jmp     1b
payload_end mmio

/* Says the first word at 0x80000 for ever. */
payload peek
        movw    $0x8000, %ax
        movw    %ax, %ds
1:      movw    0, %ax
        outw    %ax, $0x10
        jmp     1b
payload_end peek

/* Writes 0x80000, then says what is there. */
payload poke
        movw    $0x8000, %ax
        movw    %ax, %ds
        movw    $0x7777, 0
        movw    0, %ax
        outw    %ax, $0x10
1:      hlt
        jmp     1b
payload_end poke

/* Says where it is: 0x10000 * cs + the address of a label, less cs * 16. */
payload where
        movw    %cs, %ax
        shll    $16, %eax
        call    1f
1:      popw    %ax
        outl    %eax, $0x10
2:      hlt
        jmp     2b
payload_end where

/* Says what ecx is after it read a port whose owner may change registers, and what it read. */
payload call
        movl    $0x1234, %ecx
        inl     $0x10, %eax
        movl    %eax, %ebx
        movl    %ecx, %eax
        outl    %eax, $0x10
        movl    %ebx, %eax
        outl    %eax, $0x10
1:      hlt
        jmp     1b
payload_end call

/* Says 1 by a port whose owner may hold the vCPU, then 2. */
payload held
        movb    $1, %al
        outb    %al, $0x10
        movb    $2, %al
        outb    %al, $0x10
1:      hlt
        jmp     1b
payload_end held

/* Counts vector 8, IRQ 0 as a PC's firmware leaves it, and says the count each time. */
payload ticks
        cli
        xorw    %ax, %ax
        movw    %ax, %ds
        movw    %ax, %ss
        movw    $0x0f00, %sp
        movw    $(0x1000 + 2f - tn_payload_ticks), 0x08 * 4
        movw    $0, 0x08 * 4 + 2
        xorl    %ebx, %ebx
1:      sti
        hlt
        jmp     1b
2:      incl    %ebx
        movl    %ebx, %eax
        outl    %eax, $0x10
        movb    $0x20, %al
        outb    %al, $0x20
        addw    $6, %sp
        jmp     1b
payload_end ticks

/* Counts up for ever. */
payload count
        xorl    %eax, %eax
1:      incl    %eax
        outl    %eax, $0x10
        jmp     1b
payload_end count

/* Never leaves the guest by itself. */
payload spin
        movb    $1, %al
        outb    %al, $0x10
1:      jmp     1b
payload_end spin

/* Takes ISA IRQ 5 by the PIC as vector 0x25, says 0xaa when ready, 0x25 at each. */
payload irq
        cli
        xorw    %ax, %ax
        movw    %ax, %ds
        movw    %ax, %ss
        movw    $0x0f00, %sp
        movw    $(0x1000 + 3f - tn_payload_irq), 0x25 * 4
        movw    $0, 0x25 * 4 + 2
        movb    $0x11, %al
        outb    %al, $0x20
        outb    %al, $0xa0
        movb    $0x20, %al
        outb    %al, $0x21
        movb    $0x28, %al
        outb    %al, $0xa1
        movb    $0x04, %al
        outb    %al, $0x21
        movb    $0x02, %al
        outb    %al, $0xa1
        movb    $0x01, %al
        outb    %al, $0x21
        outb    %al, $0xa1
        movb    $0xdf, %al
        outb    %al, $0x21
        movb    $0xff, %al
        outb    %al, $0xa1
        movb    $0xaa, %al
        outb    %al, $0x10
2:      sti
        hlt
        jmp     2b
3:      movb    $0x25, %al
        outb    %al, $0x10
        movb    $0x20, %al
        outb    %al, $0x20
        iretw
payload_end irq

/* 32-bit protected mode, as PVH starts: says ebx, then wakes APIC id 1 at 0x2000. */
        .code32
payload start_ap
        movl    %ebx, %eax
        outl    %eax, $0x10
        movl    $0xfee00000, %esi
        movl    $0x000001ff, 0xf0(%esi)
        movl    $0x01000000, 0x310(%esi)
        movl    $0x00004500, 0x300(%esi)
1:      testl   $0x1000, 0x300(%esi)
        jnz     1b
        movl    $0x01000000, 0x310(%esi)
        movl    $0x00004602, 0x300(%esi)
2:      testl   $0x1000, 0x300(%esi)
        jnz     2b
3:      hlt
        jmp     3b
payload_end start_ap

        .code16
payload ap
        movb    $0xa9, %al
        outb    %al, $0x10
1:      hlt
        jmp     1b
payload_end ap

/* Long mode: says the upper half of a 64-bit register, rsi, and the code segment. */
        .code64
payload long_mode
        movabsq $0x1122334455667788, %rax
        shrq    $32, %rax
        outl    %eax, $0x10
        movl    %esi, %eax
        outl    %eax, $0x10
        pushq   $0x18
        popq    %rbx
        movw    %bx, %ds
        movl    %ds, %eax
        outl    %eax, $0x10
1:      hlt
        jmp     1b
payload_end long_mode

/* An exception without anything to take it. */
payload triple_fault
        pushq   $0
        pushq   $0
        lidt    (%rsp)
        ud2
payload_end triple_fault

        .section .note.GNU-stack, "", @progbits
