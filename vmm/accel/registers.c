/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A vCPU's registers at reset: the power-on state as KVM made it is kept and put
 * back, then changed into the state in which a kernel wants to be entered.
 */
#include "vmm/accel/kvm-private.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

/* Control bits (Intel SDM vol. 3A 2.5, 2.2.1). */
#define CR0_PE 0x1u
#define CR0_MP 0x2u
#define CR0_ET 0x10u
#define CR0_NE 0x20u
#define CR0_WP 0x10000u
#define CR0_PG 0x80000000u
#define CR4_PAE 0x20u
#define EFER_LME 0x100u
#define EFER_LMA 0x400u
#define RFLAGS_FIXED 0x2u

#define MSR_IA32_MISC_ENABLE 0x1a0u
#define MISC_ENABLE_FAST_STRING 0x1u
#define MSR_IA32_MTRR_DEF_TYPE 0x2ffu
#define MTRR_ENABLE 0x800u
#define MTRR_TYPE_WRITE_BACK 0x6u

/* The loader's GDT: null, null, code, data (Documentation/x86/boot.rst, 64-bit). */
#define BOOT_CS 0x10
#define BOOT_DS 0x18
#define BOOT_GDT_LIMIT 0x1f

/* KVM leaves these out of its list. */
static const uint32_t unlisted_msrs[] = {
    0x200, 0x201, 0x202, 0x203, 0x204, 0x205, 0x206, 0x207, /* IA32_MTRR_PHYSBASE, -MASK 0..7 */
    0x208, 0x209, 0x20a, 0x20b, 0x20c, 0x20d, 0x20e, 0x20f,
    0x250, 0x258, 0x259, 0x268, 0x269, 0x26a, 0x26b, 0x26c, /* IA32_MTRR_FIX... */
    0x26d, 0x26e, 0x26f,
    MSR_IA32_MTRR_DEF_TYPE,
};

/* Nor are these, the SynIC's: SIEFP, SIMP, SINT0..15; the synthetic timers. */
static const uint32_t hyperv_msrs[] = {
    0x40000082, 0x40000083, 0x40000090, 0x40000091, 0x40000092, 0x40000093, 0x40000094,
    0x40000095, 0x40000096, 0x40000097, 0x40000098, 0x40000099, 0x4000009a, 0x4000009b,
    0x4000009c, 0x4000009d, 0x4000009e, 0x4000009f, 0x400000b0, 0x400000b1, 0x400000b2,
    0x400000b3, 0x400000b4, 0x400000b5, 0x400000b6, 0x400000b7,
};

/* KVM takes or gives at most this many at once. */
#define MAX_MSRS_PER_CALL 256

/* Reads or writes all of @msrs; those that KVM lists but does not have here are
 * taken out. */
static gboolean
transfer_msrs(TnVcpu *vcpu, unsigned long request, struct kvm_msrs *msrs, const char *what,
              GError **error)
{
    g_autofree struct kvm_msrs *part =
        g_malloc0(sizeof(*part) + MAX_MSRS_PER_CALL * sizeof(part->entries[0]));
    unsigned done = 0;

    while (done < msrs->nmsrs) {
        int r;

        part->nmsrs = MIN(msrs->nmsrs - done, MAX_MSRS_PER_CALL);
        memcpy(part->entries, &msrs->entries[done], part->nmsrs * sizeof(part->entries[0]));
        r = ioctl(vcpu->fd, request, part);
        if (r < 0) {
            return tn_kvm_set_errno(error, what);
        }
        memcpy(&msrs->entries[done], part->entries, (unsigned)r * sizeof(part->entries[0]));
        done += (unsigned)r;
        if ((unsigned)r < part->nmsrs) {
            msrs->nmsrs--;
            memmove(&msrs->entries[done], &msrs->entries[done + 1],
                    (msrs->nmsrs - done) * sizeof(msrs->entries[0]));
        }
    }
    return TRUE;
}

static gboolean
save_msrs(TnVcpu *vcpu, GError **error)
{
    const struct kvm_msr_list *list = vcpu->kvm->msrs;
    const unsigned listed = list->nmsrs + (unsigned)G_N_ELEMENTS(unlisted_msrs);
    unsigned n = listed + (vcpu->kvm->hyperv.has_synic ? (unsigned)G_N_ELEMENTS(hyperv_msrs) : 0);
    struct kvm_msrs *msrs = g_malloc0(sizeof(*msrs) + n * sizeof(msrs->entries[0]));

    vcpu->initial.msrs = msrs;
    msrs->nmsrs = n;
    for (unsigned i = 0; i < n; i++) {
        msrs->entries[i].index = i < list->nmsrs ? list->indices[i]
                                 : i < listed    ? unlisted_msrs[i - list->nmsrs]
                                                 : hyperv_msrs[i - listed];
    }
    if (!transfer_msrs(vcpu, KVM_GET_MSRS, msrs, "KVM_GET_MSRS", error)) {
        return FALSE;
    }
    for (unsigned i = 0; i < msrs->nmsrs; i++) {
        switch (msrs->entries[i].index) {
        case 0x10: /* IA32_TIME_STAMP_COUNTER: zero on all vCPUs keeps them in step */
            msrs->entries[i].data = 0;
            break;
        case MSR_IA32_MISC_ENABLE:
            /* Kernels give up "rep movs" without it. */
            msrs->entries[i].data |= MISC_ENABLE_FAST_STRING;
            break;
        default:
            break;
        }
    }
    return TRUE;
}

static gboolean
get(TnVcpu *vcpu, unsigned long request, void *data, const char *what, GError **error)
{
    return ioctl(vcpu->fd, request, data) < 0 ? tn_kvm_set_errno(error, what) : TRUE;
}

static gboolean
save_fpu(TnVcpu *vcpu, GError **error)
{
    TnVcpuInitial *initial = &vcpu->initial;
    TnKvm *kvm = vcpu->kvm;

    if (!kvm->has_xsave) {
        return get(vcpu, KVM_GET_FPU, &initial->fpu, "KVM_GET_FPU", error);
    }
    initial->xsave = g_malloc0(kvm->xsave_size);
    if (kvm->xsave_size > sizeof(struct kvm_xsave)) {
        return get(vcpu, KVM_GET_XSAVE2, initial->xsave, "KVM_GET_XSAVE2", error);
    }
    return get(vcpu, KVM_GET_XSAVE, initial->xsave, "KVM_GET_XSAVE", error);
}

gboolean
tn_vcpu_registers_save_initial(TnVcpu *vcpu, GError **error)
{
    TnVcpuInitial *initial = &vcpu->initial;
    TnKvm *kvm = vcpu->kvm;

    return get(vcpu, KVM_GET_REGS, &initial->regs, "KVM_GET_REGS", error) &&
           get(vcpu, KVM_GET_SREGS, &initial->sregs, "KVM_GET_SREGS", error) &&
           get(vcpu, KVM_GET_LAPIC, &initial->lapic, "KVM_GET_LAPIC", error) &&
           get(vcpu, KVM_GET_VCPU_EVENTS, &initial->events, "KVM_GET_VCPU_EVENTS", error) &&
           get(vcpu, KVM_GET_MP_STATE, &initial->mp_state, "KVM_GET_MP_STATE", error) &&
           (!kvm->has_debug_regs ||
            get(vcpu, KVM_GET_DEBUGREGS, &initial->debug, "KVM_GET_DEBUGREGS", error)) &&
           (!kvm->has_xcrs || get(vcpu, KVM_GET_XCRS, &initial->xcrs, "KVM_GET_XCRS", error)) &&
           save_fpu(vcpu, error) && save_msrs(vcpu, error);
}

void
tn_vcpu_registers_done(TnVcpu *vcpu)
{
    g_clear_pointer(&vcpu->initial.xsave, g_free);
    g_clear_pointer(&vcpu->initial.msrs, g_free);
}

static void
flat_segment(struct kvm_segment *segment, uint16_t selector, bool code, bool wide)
{
    *segment = (struct kvm_segment){
        .limit = 0xffffffff,
        .selector = selector,
        .type = code ? 0xb : 0x3, /* execute/read or read/write, accessed */
        .present = 1,
        .db = code ? !wide : 1,
        .s = 1,
        .l = code && wide,
        .g = 1,
    };
}

static void
flat_segments(struct kvm_sregs *sregs, bool wide)
{
    flat_segment(&sregs->cs, BOOT_CS, true, wide);
    flat_segment(&sregs->ds, BOOT_DS, false, wide);
    sregs->es = sregs->fs = sregs->gs = sregs->ss = sregs->ds;
    /* A busy TSS of the smallest size, at 0 (PVH boot ABI: base 0, limit 0x67). */
    sregs->tr = (struct kvm_segment){ .limit = 0x67, .type = 0xb, .present = 1 };
}

/* Documentation/x86/boot.rst, "64-bit Boot Protocol". */
static void
enter_long_mode(const TnVcpuStart *start, struct kvm_regs *regs, struct kvm_sregs *sregs)
{
    memset(regs, 0, sizeof(*regs));
    regs->rflags = RFLAGS_FIXED;
    regs->rip = start->entry;
    regs->rsi = start->boot_info;
    regs->rsp = start->stack;

    flat_segments(sregs, true);
    sregs->gdt.base = start->gdt;
    sregs->gdt.limit = BOOT_GDT_LIMIT;
    sregs->cr3 = start->page_table;
    sregs->cr4 = CR4_PAE;
    sregs->efer = EFER_LME | EFER_LMA;
    sregs->cr0 = CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_PG;
}

/* Xen's docs/misc/pvh.pandoc: 32-bit protected mode, paging off, ebx = start_info. Multiboot 1
 * (3.2) wants the same state, and its magic in eax. */
static void
enter_pvh(const TnVcpuStart *start, struct kvm_regs *regs, struct kvm_sregs *sregs)
{
    memset(regs, 0, sizeof(*regs));
    regs->rflags = RFLAGS_FIXED;
    regs->rip = start->entry;
    regs->rax = start->magic;
    regs->rbx = start->boot_info;
    regs->rsp = start->stack;

    flat_segments(sregs, false);
    sregs->gdt.base = start->gdt;
    sregs->gdt.limit = start->gdt ? BOOT_GDT_LIMIT : 0;
    sregs->cr4 = 0;
    sregs->efer = 0;
    sregs->cr0 = CR0_PE | CR0_ET;
}

/* ACPI 6.3, 16.3.1: real mode at the waking vector, whose low four bits are the offset. */
static void
enter_real_mode(const TnVcpuStart *start, struct kvm_regs *regs, struct kvm_sregs *sregs)
{
    sregs->cs.selector = (uint16_t)(start->entry >> 4);
    sregs->cs.base = start->entry & 0xffff0u;
    regs->rip = start->entry & 0xfu;
}

/* Firmware would have made RAM cacheable; where there is none we do. */
static gboolean
set_msrs(TnVcpu *vcpu, GError **error)
{
    struct kvm_msrs *msrs = vcpu->initial.msrs;

    for (unsigned i = 0; i < msrs->nmsrs; i++) {
        if (msrs->entries[i].index == MSR_IA32_MTRR_DEF_TYPE) {
            msrs->entries[i].data =
                vcpu->kvm->no_firmware ? MTRR_ENABLE | MTRR_TYPE_WRITE_BACK : 0;
        }
    }
    return transfer_msrs(vcpu, KVM_SET_MSRS, msrs, "KVM_SET_MSRS", error);
}

static gboolean
set_fpu(TnVcpu *vcpu, GError **error)
{
    TnVcpuInitial *initial = &vcpu->initial;

    if (initial->xsave) {
        return get(vcpu, KVM_SET_XSAVE, initial->xsave, "KVM_SET_XSAVE", error);
    }
    return get(vcpu, KVM_SET_FPU, &initial->fpu, "KVM_SET_FPU", error);
}

/* The order: the APIC base (in sregs) before the APIC's registers, both before the
 * MSRs, among which is the TSC deadline; the events last, over what all that raised. */
gboolean
tn_vcpu_registers_reset(TnVcpu *vcpu, GError **error)
{
    TnVcpuInitial *initial = &vcpu->initial;
    TnKvm *kvm = vcpu->kvm;
    struct kvm_regs regs = initial->regs;
    struct kvm_sregs sregs = initial->sregs;

    vcpu->has_held_vector = false;
    vcpu->synic_messages = vcpu->synic_events = 0;
    if (vcpu->index == 0) {
        switch (vcpu->start.mode) {
        case TN_VCPU_START_RESET:
            break;
        case TN_VCPU_START_LONG_MODE:
            enter_long_mode(&vcpu->start, &regs, &sregs);
            break;
        case TN_VCPU_START_PVH:
            enter_pvh(&vcpu->start, &regs, &sregs);
            break;
        case TN_VCPU_START_REAL:
            enter_real_mode(&vcpu->start, &regs, &sregs);
            break;
        }
    }
    return get(vcpu, KVM_SET_MP_STATE, &initial->mp_state, "KVM_SET_MP_STATE", error) &&
           get(vcpu, KVM_SET_SREGS, &sregs, "KVM_SET_SREGS", error) &&
           get(vcpu, KVM_SET_REGS, &regs, "KVM_SET_REGS", error) &&
           (!kvm->has_xcrs || get(vcpu, KVM_SET_XCRS, &initial->xcrs, "KVM_SET_XCRS", error)) &&
           set_fpu(vcpu, error) &&
           (!kvm->has_debug_regs ||
            get(vcpu, KVM_SET_DEBUGREGS, &initial->debug, "KVM_SET_DEBUGREGS", error)) &&
           get(vcpu, KVM_SET_LAPIC, &initial->lapic, "KVM_SET_LAPIC", error) &&
           set_msrs(vcpu, error) &&
           get(vcpu, KVM_SET_VCPU_EVENTS, &initial->events, "KVM_SET_VCPU_EVENTS", error);
}

gboolean
tn_vcpu_set_start(TnVcpu *vcpu, const TnVcpuStart *start, GError **error)
{
    if (start->mode == TN_VCPU_START_LONG_MODE && (!start->page_table || !start->gdt)) {
        g_set_error(error, TN_KVM_ERROR, TN_KVM_ERROR_FAILED,
                    "A start in long mode needs page tables and a GDT");
        return FALSE;
    }
    vcpu->start = *start;
    if (vcpu->index == 0) {
        vcpu->kvm->no_firmware = start->mode != TN_VCPU_START_RESET;
    }
    return TRUE;
}

gboolean
tn_vcpu_reset(TnVcpu *vcpu, GError **error)
{
    return tn_vcpu_registers_reset(vcpu, error);
}

void
tn_vcpu_notify_stopped(TnVcpu *vcpu)
{
    /* Fails for a guest that has not turned kvmclock on, which is no loss. */
    if (vcpu->kvm->has_kvmclock_ctrl) {
        (void)ioctl(vcpu->fd, KVM_KVMCLOCK_CTRL, 0);
    }
}
