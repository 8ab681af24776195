/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * CPU flags by the names users of QEMU know: where each stands in CPUID.
 * Bits: Intel SDM vol. 2A "CPUID", AMD APM vol. 3 appendix E, and the kernel's
 * Documentation/virt/kvm/x86/cpuid.rst for KVM's own leaf.
 */
#include "vmm/accel/kvm-private.h"

#include <string.h>

typedef struct FeatureWord {
    uint32_t leaf;
    uint32_t subleaf;
    TnCpuidRegister reg;
    const char *names[32]; /* by bit */
} FeatureWord;

static const FeatureWord feature_words[] = {
    { 0x1, 0, TN_CPUID_EDX,
      { [0] = "fpu", "vme", "de", "pse", "tsc", "msr", "pae", "mce", "cx8", "apic",
        [11] = "sep", "mtrr", "pge", "mca", "cmov", "pat", "pse36", "pn", "clflush",
        [21] = "ds", "acpi", "mmx", "fxsr", "sse", "sse2", "ss", "ht", "tm", "ia64", "pbe" } },
    { 0x1, 0, TN_CPUID_ECX,
      { [0] = "pni", "pclmulqdq", "dtes64", "monitor", "ds-cpl", "vmx", "smx", "est", "tm2",
        "ssse3", "cid", [12] = "fma", "cx16", "xtpr", "pdcm", [17] = "pcid", "dca", "sse4.1",
        "sse4.2", "x2apic", "movbe", "popcnt", "tsc-deadline", "aes", "xsave", [28] = "avx",
        "f16c", "rdrand", "hypervisor" } },
    { 0x6, 0, TN_CPUID_EAX, { [2] = "arat" } },
    { 0x7, 0, TN_CPUID_EBX,
      { [0] = "fsgsbase", "tsc-adjust", "sgx", "bmi1", "hle", "avx2", "fdp-excptn-only", "smep",
        "bmi2", "erms", "invpcid", "rtm", [13] = "zero-fcs-fds", "mpx", [16] = "avx512f",
        "avx512dq", "rdseed", "adx", "smap", "avx512ifma", "pcommit", "clflushopt", "clwb",
        "intel-pt", "avx512pf", "avx512er", "avx512cd", "sha-ni", "avx512bw", "avx512vl" } },
    { 0x7, 0, TN_CPUID_ECX,
      { [1] = "avx512vbmi", "umip", "pku", [5] = "waitpkg", "avx512vbmi2", [8] = "gfni", "vaes",
        "vpclmulqdq", "avx512vnni", "avx512bitalg", [14] = "avx512-vpopcntdq", [16] = "la57",
        [22] = "rdpid", [24] = "bus-lock-detect", "cldemote", [27] = "movdiri", "movdir64b",
        [30] = "sgxlc", "pks" } },
    { 0x7, 0, TN_CPUID_EDX,
      { [2] = "avx512-4vnniw", "avx512-4fmaps", "fsrm", [8] = "avx512-vp2intersect",
        [10] = "md-clear", [14] = "serialize", [16] = "tsx-ldtrk", [19] = "arch-lbr",
        [22] = "amx-bf16", "avx512-fp16", "amx-tile", "amx-int8", "spec-ctrl", "stibp",
        "flush-l1d", "arch-capabilities", "core-capability", "ssbd" } },
    { 0x7, 1, TN_CPUID_EAX,
      { [4] = "avx-vnni", "avx512-bf16", [7] = "cmpccxadd", [10] = "fzrm", "fsrs", "fsrc",
        [21] = "amx-fp16", [23] = "avx-ifma", [26] = "lam" } },
    { 0x7, 2, TN_CPUID_EDX, { [5] = "mcdt-no" } },
    { 0xd, 1, TN_CPUID_EAX, { [0] = "xsaveopt", "xsavec", "xgetbv1", "xsaves", "xfd" } },
    { 0x40000001, 0, TN_CPUID_EAX,
      { [0] = NULL, "kvm-nopiodelay", "kvm-mmu", NULL, "kvm-asyncpf", "kvm-steal-time",
        "kvm-pv-eoi", "kvm-pv-unhalt", [9] = "kvm-pv-tlb-flush", "kvm-asyncpf-vmexit",
        "kvm-pv-ipi", "kvm-poll-control", "kvm-pv-sched-yield", "kvm-asyncpf-int",
        "kvm-msi-ext-dest-id", [24] = "kvmclock-stable-bit" } },
    { 0x40000001, 0, TN_CPUID_EDX, { [0] = "kvm-hint-dedicated" } },
    { 0x80000001, 0, TN_CPUID_EDX,
      { [11] = "syscall", [19] = "mp", "nx", [22] = "mmxext", [25] = "fxsr-opt", "pdpe1gb",
        "rdtscp", [29] = "lm", "3dnowext", "3dnow" } },
    { 0x80000001, 0, TN_CPUID_ECX,
      { [0] = "lahf-lm", "cmp-legacy", "svm", "extapic", "cr8legacy", "abm", "sse4a",
        "misalignsse", "3dnowprefetch", "osvw", "ibs", "xop", "skinit", "wdt", [15] = "lwp",
        "fma4", "tce", [19] = "nodeid-msr", [21] = "tbm", "topoext", "perfctr-core",
        "perfctr-nb" } },
    { 0x80000007, 0, TN_CPUID_EDX, { [8] = "invtsc" } },
    { 0x80000008, 0, TN_CPUID_EBX,
      { [0] = "clzero", [2] = "xsaveerptr", [9] = "wbnoinvd", [12] = "ibpb", [14] = "ibrs",
        "amd-stibp", [17] = "stibp-always-on", [24] = "amd-ssbd", "virt-ssbd", "amd-no-ssb",
        [28] = "amd-psfd" } },
    { 0x8000000a, 0, TN_CPUID_EDX,
      { [0] = "npt", "lbrv", "svm-lock", "nrip-save", "tsc-scale", "vmcb-clean", "flushbyasid",
        "decodeassists", [10] = "pause-filter", [12] = "pfthreshold", "avic",
        [15] = "v-vmsave-vmload", "vgif", [25] = "vnmi", [28] = "svme-addr-chk" } },
    { 0x80000021, 0, TN_CPUID_EAX,
      { [0] = "no-nested-data-bp", [2] = "lfence-always-serializing", [6] = "null-sel-clr-base",
        [8] = "auto-ibrs" } },
};

/* Flags of several bits, and second names. */
static const struct {
    const char *name;
    TnCpuFeature feature;
} special_features[] = {
    { "kvmclock", { 0x40000001, 0, TN_CPUID_EAX, 1u << 0 | 1u << 3 } },
    { "sse3", { 0x1, 0, TN_CPUID_ECX, 1u << 0 } },
    { "sse4-1", { 0x1, 0, TN_CPUID_ECX, 1u << 19 } },
    { "sse4-2", { 0x1, 0, TN_CPUID_ECX, 1u << 20 } },
    { "xmm", { 0x1, 0, TN_CPUID_EDX, 1u << 25 } },
    { "xd", { 0x80000001, 0, TN_CPUID_EDX, 1u << 20 } },
    { "ffxsr", { 0x80000001, 0, TN_CPUID_EDX, 1u << 25 } },
    { "i64", { 0x80000001, 0, TN_CPUID_EDX, 1u << 29 } },
};

static bool
names_match(const char *a, const char *b)
{
    for (; *a && *b; a++, b++) {
        if ((*a == '_' ? '-' : *a) != (*b == '_' ? '-' : *b)) {
            return false;
        }
    }
    return *a == *b;
}

bool
tn_cpu_feature_find(const char *name, TnCpuFeature *ret_feature)
{
    for (size_t i = 0; i < G_N_ELEMENTS(special_features); i++) {
        if (names_match(name, special_features[i].name)) {
            *ret_feature = special_features[i].feature;
            return true;
        }
    }
    for (size_t i = 0; i < G_N_ELEMENTS(feature_words); i++) {
        const FeatureWord *word = &feature_words[i];

        for (unsigned bit = 0; bit < G_N_ELEMENTS(word->names); bit++) {
            if (word->names[bit] && names_match(name, word->names[bit])) {
                *ret_feature = (TnCpuFeature){ word->leaf, word->subleaf, word->reg, 1u << bit };
                return true;
            }
        }
    }
    return false;
}
