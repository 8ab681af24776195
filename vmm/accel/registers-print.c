/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * "info registers": a vCPU's registers in the layout that users of QEMU's monitor
 * and their scripts know.
 */
#include "vmm/accel/kvm-private.h"

#include <inttypes.h>
#include <string.h>
#include <sys/ioctl.h>

#define EFER_LMA 0x400u
#define RFLAGS_VM 0x20000u

typedef struct Snapshot {
    struct kvm_regs regs;
    struct kvm_sregs sregs;
    struct kvm_debugregs debug;
    struct kvm_fpu fpu;
    struct kvm_mp_state mp_state;
    struct kvm_vcpu_events events;
} Snapshot;

static void
print_general(GString *out, const Snapshot *s, bool wide)
{
    const struct {
        const char *name;
        uint64_t value;
    } rows[] = {
        { "AX", s->regs.rax }, { "BX", s->regs.rbx }, { "CX", s->regs.rcx },
        { "DX", s->regs.rdx }, { "SI", s->regs.rsi }, { "DI", s->regs.rdi },
        { "BP", s->regs.rbp }, { "SP", s->regs.rsp }, { "8 ", s->regs.r8 },
        { "9 ", s->regs.r9 },  { "10", s->regs.r10 }, { "11", s->regs.r11 },
        { "12", s->regs.r12 }, { "13", s->regs.r13 }, { "14", s->regs.r14 },
        { "15", s->regs.r15 },
    };
    size_t n = wide ? 16 : 8;

    for (size_t i = 0; i < n; i++) {
        const char *end = i % 4 == 3 ? "\n" : " ";

        if (wide) {
            g_string_append_printf(out, "R%s=%016" PRIx64 "%s", rows[i].name, rows[i].value, end);
        } else {
            g_string_append_printf(out, "E%s=%08x%s", rows[i].name, (uint32_t)rows[i].value, end);
        }
    }
}

static void
print_flags(GString *out, const Snapshot *s, bool wide)
{
    uint64_t fl = s->regs.rflags;

    if (wide) {
        g_string_append_printf(out, "RIP=%016llx RFL=%08x", s->regs.rip, (uint32_t)fl);
    } else {
        g_string_append_printf(out, "EIP=%08x EFL=%08x", (uint32_t)s->regs.rip, (uint32_t)fl);
    }
    g_string_append_printf(
        out, " [%c%c%c%c%c%c%c] CPL=%u II=%u A20=1 SMM=%u HLT=%u\n", fl & 0x400 ? 'D' : '-',
        fl & 0x800 ? 'O' : '-', fl & 0x80 ? 'S' : '-', fl & 0x40 ? 'Z' : '-',
        fl & 0x10 ? 'A' : '-', fl & 0x4 ? 'P' : '-', fl & 0x1 ? 'C' : '-',
        (unsigned)s->sregs.ss.dpl, s->events.interrupt.shadow ? 1u : 0u,
        s->events.smi.smm ? 1u : 0u, s->mp_state.mp_state == KVM_MP_STATE_HALTED ? 1u : 0u);
}

static const char *
system_type_name(unsigned type, bool wide)
{
    static const char *const names[2][16] = {
        { "Reserved", "TSS16-avl", "LDT", "TSS16-busy", "CallGate16", "TaskGate", "IntGate16",
          "TrapGate16", "Reserved", "TSS32-avl", "Reserved", "TSS32-busy", "CallGate32",
          "Reserved", "IntGate32", "TrapGate32" },
        { "<hiword>", "Reserved", "LDT", "Reserved", "Reserved", "Reserved", "Reserved",
          "Reserved", "Reserved", "TSS64-avl", "Reserved", "TSS64-busy", "CallGate64", "Reserved",
          "IntGate64", "TrapGate64" },
    };

    return names[wide ? 1 : 0][type & 0xf];
}

/* The second word of the descriptor as it stands in a table (SDM vol. 3A 3.4.5). */
static uint32_t
descriptor_flags(const struct kvm_segment *seg)
{
    return (uint32_t)seg->type << 8 | (uint32_t)seg->s << 12 | (uint32_t)seg->dpl << 13 |
           (uint32_t)(seg->present && !seg->unusable) << 15 | (uint32_t)seg->avl << 20 |
           (uint32_t)seg->l << 21 | (uint32_t)seg->db << 22 | (uint32_t)seg->g << 23;
}

static void
print_segment_kind(GString *out, const Snapshot *s, const struct kvm_segment *seg, bool wide)
{
    if (!seg->s) {
        g_string_append_printf(out, " DPL=%u %s", seg->dpl, system_type_name(seg->type, wide));
    } else if (seg->type & 8) {
        g_string_append_printf(out, " DPL=%u %s [%c%c%c]", seg->dpl,
                               seg->l ? "CS64" : seg->db ? "CS32" : "CS16",
                               seg->type & 4 ? 'C' : '-', seg->type & 2 ? 'R' : '-',
                               seg->type & 1 ? 'A' : '-');
    } else {
        const char *kind = wide || seg->db ? "DS  " : "DS16";

        if (!(s->sregs.cr0 & 1) || (s->regs.rflags & RFLAGS_VM)) {
            kind = "DS16";
        }
        g_string_append_printf(out, " DPL=%u %s [%c%c%c]", seg->dpl, kind,
                               seg->type & 4 ? 'E' : '-', seg->type & 2 ? 'W' : '-',
                               seg->type & 1 ? 'A' : '-');
    }
}

static void
print_segment(GString *out, const Snapshot *s, const char *name, const struct kvm_segment *seg,
              bool wide)
{
    g_string_append_printf(out, "%-3s=%04x ", name, seg->selector);
    if (wide) {
        g_string_append_printf(out, "%016llx", seg->base);
    } else {
        g_string_append_printf(out, "%08x", (uint32_t)seg->base);
    }
    g_string_append_printf(out, " %08x %08x", seg->limit, descriptor_flags(seg));
    if (seg->present && !seg->unusable) {
        print_segment_kind(out, s, seg, wide);
    }
    g_string_append_c(out, '\n');
}

static void
print_table(GString *out, const char *name, const struct kvm_dtable *table, bool wide)
{
    if (wide) {
        g_string_append_printf(out, "%s=     %016llx %08x\n", name, table->base, table->limit);
    } else {
        g_string_append_printf(out, "%s=     %08x %08x\n", name, (uint32_t)table->base,
                               table->limit);
    }
}

static void
print_system(GString *out, const Snapshot *s, bool wide)
{
    const struct kvm_sregs *sregs = &s->sregs;

    print_segment(out, s, "ES", &sregs->es, wide);
    print_segment(out, s, "CS", &sregs->cs, wide);
    print_segment(out, s, "SS", &sregs->ss, wide);
    print_segment(out, s, "DS", &sregs->ds, wide);
    print_segment(out, s, "FS", &sregs->fs, wide);
    print_segment(out, s, "GS", &sregs->gs, wide);
    print_segment(out, s, "LDT", &sregs->ldt, wide);
    print_segment(out, s, "TR", &sregs->tr, wide);
    print_table(out, "GDT", &sregs->gdt, wide);
    print_table(out, "IDT", &sregs->idt, wide);
    if (wide) {
        g_string_append_printf(out, "CR0=%08llx CR2=%016llx CR3=%016llx CR4=%08llx\n", sregs->cr0,
                               sregs->cr2, sregs->cr3, sregs->cr4);
        g_string_append_printf(out, "DR0=%016llx DR1=%016llx DR2=%016llx DR3=%016llx \n",
                               s->debug.db[0], s->debug.db[1], s->debug.db[2], s->debug.db[3]);
        g_string_append_printf(out, "DR6=%016llx DR7=%016llx\n", s->debug.dr6, s->debug.dr7);
    } else {
        g_string_append_printf(out, "CR0=%08x CR2=%08x CR3=%08x CR4=%08x\n", (uint32_t)sregs->cr0,
                               (uint32_t)sregs->cr2, (uint32_t)sregs->cr3, (uint32_t)sregs->cr4);
        g_string_append_printf(out, "DR0=%08x DR1=%08x DR2=%08x DR3=%08x \n",
                               (uint32_t)s->debug.db[0], (uint32_t)s->debug.db[1],
                               (uint32_t)s->debug.db[2], (uint32_t)s->debug.db[3]);
        g_string_append_printf(out, "DR6=%08x DR7=%08x\n", (uint32_t)s->debug.dr6,
                               (uint32_t)s->debug.dr7);
    }
    g_string_append_printf(out, "EFER=%016llx\n", sregs->efer);
}

static void
print_fpu(GString *out, const struct kvm_fpu *fpu, bool wide)
{
    g_string_append_printf(out, "FCW=%04x FSW=%04x [ST=%d] FTW=%02x MXCSR=%08x\n", fpu->fcw,
                           fpu->fsw, (fpu->fsw >> 11) & 7, fpu->ftwx, fpu->mxcsr);
    for (int i = 0; i < 8; i++) {
        uint64_t mantissa;
        uint16_t exponent;

        memcpy(&mantissa, fpu->fpr[i], sizeof(mantissa));
        memcpy(&exponent, fpu->fpr[i] + sizeof(mantissa), sizeof(exponent));
        g_string_append_printf(out, "FPR%d=%016" PRIx64 " %04x%s", i, mantissa, exponent,
                               i % 2 ? "\n" : " ");
    }
    for (int i = 0; i < (wide ? 16 : 8); i++) {
        uint64_t half[2];

        memcpy(half, fpu->xmm[i], sizeof(half));
        g_string_append_printf(out, "XMM%02d=%016" PRIx64 "%016" PRIx64 "%s", i, half[1], half[0],
                               i % 2 ? "\n" : " ");
    }
}

/* What KVM does not give is shown as zero: this is a debugging aid. */
void
tn_vcpu_registers_print(TnVcpu *vcpu, GString *out)
{
    Snapshot s;
    bool wide;

    memset(&s, 0, sizeof(s));
    (void)ioctl(vcpu->fd, KVM_GET_REGS, &s.regs);
    (void)ioctl(vcpu->fd, KVM_GET_SREGS, &s.sregs);
    (void)ioctl(vcpu->fd, KVM_GET_FPU, &s.fpu);
    (void)ioctl(vcpu->fd, KVM_GET_MP_STATE, &s.mp_state);
    (void)ioctl(vcpu->fd, KVM_GET_VCPU_EVENTS, &s.events);
    if (vcpu->kvm->has_debug_regs) {
        (void)ioctl(vcpu->fd, KVM_GET_DEBUGREGS, &s.debug);
    }
    wide = s.sregs.efer & EFER_LMA;
    print_general(out, &s, wide);
    print_flags(out, &s, wide);
    print_system(out, &s, wide);
    print_fpu(out, &s.fpu, wide);
}
