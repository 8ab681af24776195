/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * CPUID as a guest sees it: what KVM supports on this host, less what may not be
 * shown, with the machine's own topology and the user's "+x", "-x" terms.
 */
#include "vmm/accel/kvm-private.h"

#include "vmm/core/log.h"

#include <string.h>

#define LEAF_KVM_SIGNATURE 0x40000000u
#define LEAF_KVM_FEATURES 0x40000001u

/* Leaf 1. */
#define ECX1_TSC_DEADLINE (1u << 24)
#define ECX1_HYPERVISOR (1u << 31)
#define EDX1_HTT (1u << 28)
/* Leaf 0x80000001. */
#define ECX_CMP_LEGACY (1u << 1)
#define ECX_TOPOEXT (1u << 22)
/* Leaf 0x80000007: a guest that trusts it could not be moved to another host, so
 * only who asks gets it, as with QEMU. */
#define EDX_INVTSC (1u << 8)

/* KVM's own features that a guest may use with nothing but our help: everything in
 * Documentation/virt/kvm/x86/cpuid.rst that KVM implements alone. */
#define KVM_FEATURES_WITHOUT_HELP \
    (1u << 0 | 1u << 1 | 1u << 2 | 1u << 3 | 1u << 4 | 1u << 5 | 1u << 6 | 1u << 7 | 1u << 9 | \
     1u << 10 | 1u << 11 | 1u << 12 | 1u << 13 | 1u << 14 | 1u << 24)

#define MAX_ENTRIES 1024
#define MIN_PHYS_BITS 32u
#define DEFAULT_PHYS_BITS 36u
#define VENDOR_LENGTH 12
#define MAX_APIC_IDS 256

typedef struct Topology {
    unsigned threads;       /* per core */
    unsigned cpus;          /* per socket */
    unsigned dies;          /* per socket */
    unsigned core_cpus;     /* per die */
    unsigned thread_bits;   /* of the APIC id */
    unsigned die_shift;     /* bits of the APIC id below the die */
    unsigned package_shift; /* bits of the APIC id below the socket */
} Topology;

static struct kvm_cpuid_entry2 *
find_entry(struct kvm_cpuid2 *cpuid, uint32_t leaf, uint32_t subleaf)
{
    for (uint32_t i = 0; i < cpuid->nent; i++) {
        struct kvm_cpuid_entry2 *entry = &cpuid->entries[i];

        if (entry->function == leaf && entry->index == subleaf) {
            return entry;
        }
    }
    return NULL;
}

/* @cpuid has room for what this file adds (EXTRA_ENTRIES). */
static struct kvm_cpuid_entry2 *
ensure_entry(struct kvm_cpuid2 *cpuid, uint32_t leaf, uint32_t subleaf, uint32_t flags)
{
    struct kvm_cpuid_entry2 *entry = find_entry(cpuid, leaf, subleaf);

    if (!entry) {
        entry = &cpuid->entries[cpuid->nent++];
        memset(entry, 0, sizeof(*entry));
        entry->function = leaf;
        entry->index = subleaf;
    }
    entry->flags = flags;
    return entry;
}
#define EXTRA_ENTRIES 12

static void
remove_leaf(struct kvm_cpuid2 *cpuid, uint32_t leaf)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < cpuid->nent; i++) {
        if (cpuid->entries[i].function != leaf) {
            cpuid->entries[kept++] = cpuid->entries[i];
        }
    }
    cpuid->nent = kept;
}

static uint32_t *
entry_register(struct kvm_cpuid_entry2 *entry, TnCpuidRegister reg)
{
    switch (reg) {
    case TN_CPUID_EAX:
        return &entry->eax;
    case TN_CPUID_EBX:
        return &entry->ebx;
    case TN_CPUID_ECX:
        return &entry->ecx;
    case TN_CPUID_EDX:
        return &entry->edx;
    }
    g_assert_not_reached();
}

static bool
is_amd(struct kvm_cpuid2 *cpuid)
{
    const struct kvm_cpuid_entry2 *entry = find_entry(cpuid, 0, 0);

    return entry && ((entry->ebx == 0x68747541 && entry->ecx == 0x444d4163) || /* AuthenticAMD */
                     (entry->ebx == 0x6f677948 && entry->ecx == 0x656e6975)); /* HygonGenuine */
}

static gboolean
make_topology(const TnCpuTopology *t, Topology *ret_topology, GError **error)
{
    uint64_t total = 0;

    if (t->sockets <= MAX_APIC_IDS && t->dies <= MAX_APIC_IDS && t->cores <= MAX_APIC_IDS &&
        t->threads <= MAX_APIC_IDS) {
        total = tn_cpu_topology_count(t);
    }
    if (total == 0 || total > MAX_APIC_IDS ||
        tn_cpu_topology_apic_id(t, (unsigned)total - 1) >= MAX_APIC_IDS) {
        g_set_error(error, TN_KVM_ERROR, TN_KVM_ERROR_FAILED,
                    "Invalid CPU topology: %u sockets * %u dies * %u cores * %u threads, need 1 "
                    "to %u CPUs with APIC ids below that",
                    t->sockets, t->dies, t->cores, t->threads, MAX_APIC_IDS);
        return FALSE;
    }
    *ret_topology = (Topology){
        .threads = t->threads,
        .cpus = t->dies * t->cores * t->threads,
        .dies = t->dies,
        .core_cpus = t->cores * t->threads,
        .thread_bits = tn_cpu_topology_core_shift(t),
        .die_shift = tn_cpu_topology_die_shift(t),
        .package_shift = tn_cpu_topology_socket_shift(t),
    };
    return TRUE;
}

/* Leaf 4 on Intel, 0x8000001d on AMD: first and second level caches belong to a
 * core, what is further out to the die. */
static void
set_cache_sharing(struct kvm_cpuid2 *cpuid, uint32_t leaf, const Topology *topology)
{
    for (uint32_t i = 0; i < cpuid->nent; i++) {
        struct kvm_cpuid_entry2 *entry = &cpuid->entries[i];
        unsigned level = entry->eax >> 5 & 0x7;
        unsigned sharing, cores;

        if (entry->function != leaf || (entry->eax & 0x1f) == 0) {
            continue;
        }
        sharing = (1u << (level <= 2 ? topology->thread_bits : topology->die_shift)) - 1;
        entry->eax = (entry->eax & 0x3fff) | sharing << 14;
        if (leaf == 4) {
            cores = (1u << (topology->die_shift - topology->thread_bits)) - 1;
            entry->eax |= MIN(cores, 0x3fu) << 26;
        }
    }
}

/* Leaf 0x1f knows dies, which 0xb cannot tell: only there where there are any. */
static void
set_die_topology(struct kvm_cpuid2 *cpuid, const Topology *topology, unsigned apic_id)
{
    const struct {
        unsigned shift, cpus, type;
    } levels[] = {
        { topology->thread_bits, topology->threads, 1 },    /* SMT */
        { topology->die_shift, topology->core_cpus, 2 },    /* core */
        { topology->package_shift, topology->cpus, 5 },     /* die */
        { 0, 0, 0 },
    };

    for (uint32_t i = 0; i < G_N_ELEMENTS(levels); i++) {
        struct kvm_cpuid_entry2 *entry = ensure_entry(cpuid, 0x1f, i,
                                                      KVM_CPUID_FLAG_SIGNIFCANT_INDEX);

        entry->eax = levels[i].shift;
        entry->ebx = levels[i].cpus;
        entry->ecx = i | levels[i].type << 8;
        entry->edx = apic_id;
    }
}

static void
set_extended_topology(struct kvm_cpuid2 *cpuid, const Topology *topology, unsigned apic_id)
{
    struct kvm_cpuid_entry2 *entry;

    remove_leaf(cpuid, 0xb);
    remove_leaf(cpuid, 0x1f);
    if (topology->dies > 1) {
        set_die_topology(cpuid, topology, apic_id);
    }
    entry = ensure_entry(cpuid, 0xb, 0, KVM_CPUID_FLAG_SIGNIFCANT_INDEX);
    entry->eax = topology->thread_bits;
    entry->ebx = topology->threads;
    entry->ecx = 1u << 8; /* level type: SMT */
    entry->edx = apic_id;
    entry = ensure_entry(cpuid, 0xb, 1, KVM_CPUID_FLAG_SIGNIFCANT_INDEX);
    entry->eax = topology->package_shift;
    entry->ebx = topology->cpus;
    entry->ecx = 1u | 2u << 8; /* level type: core */
    entry->edx = apic_id;
    entry = ensure_entry(cpuid, 0xb, 2, KVM_CPUID_FLAG_SIGNIFCANT_INDEX);
    entry->ecx = 2u;
    entry->edx = apic_id;
    entry = find_entry(cpuid, 0, 0);
    if (entry && topology->dies > 1) {
        entry->eax = MAX(entry->eax, 0x1f);
    } else if (entry && (entry->eax < 0xb || entry->eax == 0x1f)) {
        entry->eax = entry->eax == 0x1f ? 0x1e : 0xb;
    }
}

static void
set_amd_topology(struct kvm_cpuid2 *cpuid, const Topology *topology, unsigned apic_id)
{
    struct kvm_cpuid_entry2 *entry = find_entry(cpuid, 0x80000001, 0);

    if (entry && topology->cpus > 1) {
        entry->ecx |= ECX_CMP_LEGACY;
    }
    entry = find_entry(cpuid, 0x80000008, 0);
    if (entry) {
        entry->ecx = topology->package_shift << 12 | (topology->cpus - 1);
    }
    set_cache_sharing(cpuid, 0x8000001d, topology);
    entry = find_entry(cpuid, 0x8000001e, 0);
    if (entry) {
        unsigned core = (apic_id & ((1u << topology->package_shift) - 1)) >> topology->thread_bits;

        entry->eax = apic_id;
        entry->ebx = (core & 0xff) | (topology->threads - 1) << 8;
        entry->ecx = (topology->dies - 1) << 8 | /* nodes of a socket: its dies */
                     ((apic_id >> topology->die_shift) & 0xff);
        entry->edx = 0;
    }
}

static void
set_topology(struct kvm_cpuid2 *cpuid, const Topology *topology, unsigned apic_id)
{
    struct kvm_cpuid_entry2 *entry = find_entry(cpuid, 1, 0);

    if (entry) {
        entry->ebx = (entry->ebx & 0xff00) | (apic_id & 0xff) << 24 |
                     MIN(topology->cpus, 255u) << 16 | (entry->ebx & 0xff);
        entry->edx = topology->cpus > 1 ? entry->edx | EDX1_HTT : entry->edx & ~EDX1_HTT;
    }
    set_extended_topology(cpuid, topology, apic_id);
    if (is_amd(cpuid)) {
        set_amd_topology(cpuid, topology, apic_id);
    } else {
        set_cache_sharing(cpuid, 4, topology);
        entry = find_entry(cpuid, 0x80000001, 0);
        if (entry) {
            entry->ecx &= ~(ECX_CMP_LEGACY | ECX_TOPOEXT);
        }
    }
}

static void
filter(struct kvm_cpuid2 *cpuid, const TnCpuidInput *input)
{
    struct kvm_cpuid_entry2 *entry = find_entry(cpuid, 1, 0);

    if (entry) {
        entry->ecx |= ECX1_HYPERVISOR;
        if (input->has_tsc_deadline) {
            entry->ecx |= ECX1_TSC_DEADLINE;
        } else {
            entry->ecx &= ~ECX1_TSC_DEADLINE;
        }
    }
    entry = find_entry(cpuid, 0x80000007, 0);
    if (entry) {
        entry->edx &= ~EDX_INVTSC;
    }
    entry = find_entry(cpuid, LEAF_KVM_FEATURES, 0);
    if (entry) {
        entry->eax &= KVM_FEATURES_WITHOUT_HELP;
        entry->ebx = entry->ecx = entry->edx = 0;
    }
    entry = find_entry(cpuid, LEAF_KVM_SIGNATURE, 0);
    if (entry) {
        entry->eax = LEAF_KVM_FEATURES;
    }
}

/* Whether @feature can be had: KVM lists it, or it is one that only we decide. */
static bool
is_available(const TnCpuidInput *input, const TnCpuFeature *feature)
{
    struct kvm_cpuid2 *supported = (struct kvm_cpuid2 *)input->supported;
    struct kvm_cpuid_entry2 *entry = find_entry(supported, feature->leaf, feature->subleaf);
    uint32_t value = entry ? *entry_register(entry, feature->reg) : 0;

    if (feature->leaf == 1 && feature->reg == TN_CPUID_ECX) {
        value |= ECX1_HYPERVISOR | (input->has_tsc_deadline ? ECX1_TSC_DEADLINE : 0);
    }
    if (feature->leaf == LEAF_KVM_FEATURES && feature->reg == TN_CPUID_EAX) {
        value &= KVM_FEATURES_WITHOUT_HELP;
    }
    if (feature->leaf == LEAF_KVM_FEATURES && feature->reg == TN_CPUID_EDX) {
        value |= 1; /* kvm-hint-dedicated: a promise of the user's */
    }
    return (value & feature->mask) != 0;
}

/* "check" and "enforce" are about terms that the host cannot fulfil: warn of them (the default),
 * refuse them (not the default). The last word counts. */
bool
tn_cpu_model_find_switch(const TnCpuModel *model, const char *name, bool by_default)
{
    for (const char *const *term = model->features; term && *term; term++) {
        if (strcmp(*term + 1, name) == 0) {
            by_default = (*term)[0] == '+';
        }
    }
    return by_default;
}

/* What to do about @name, which cannot be had. */
static gboolean
report_missing(const TnCpuidInput *input, const char *name, const TnCpuFeature *feature,
               GError **error)
{
    static const char *const registers[] = {
        [TN_CPUID_EAX] = "EAX", [TN_CPUID_EBX] = "EBX", [TN_CPUID_ECX] = "ECX",
        [TN_CPUID_EDX] = "EDX",
    };
    g_autofree char *where = g_strdup_printf("CPUID.%02XH:%s.%s [bit %d]", feature->leaf,
                                             registers[feature->reg], name,
                                             g_bit_nth_lsf(feature->mask, -1));

    if (tn_cpu_model_find_switch(input->model, "enforce", false)) {
        g_set_error(error, TN_KVM_ERROR, TN_KVM_ERROR_FAILED,
                    "Host doesn't support requested features: %s", where);
        return FALSE;
    }
    if (input->apic_id == 0 && tn_cpu_model_find_switch(input->model, "check", true)) {
        tn_log("warning: host doesn't support requested feature: %s", where);
    }
    return TRUE;
}

/* "kvm" and "pmu" are groups rather than bits. Returns whether @name was one. */
static bool
apply_group(struct kvm_cpuid2 *cpuid, const char *name, bool on)
{
    if (strcmp(name, "check") == 0 || strcmp(name, "enforce") == 0 ||
        strcmp(name, "hv_passthrough") == 0 || strcmp(name, "hv-passthrough") == 0) {
        return true; /* see tn_cpu_model_find_switch() */
    }
    if (strcmp(name, "kvm") == 0) {
        if (!on) {
            remove_leaf(cpuid, LEAF_KVM_SIGNATURE);
            remove_leaf(cpuid, LEAF_KVM_FEATURES);
        }
        return true;
    }
    if (strcmp(name, "pmu") == 0) {
        if (!on) {
            remove_leaf(cpuid, 0xa);
            remove_leaf(cpuid, 0x80000022);
        }
        return true;
    }
    return false;
}

unsigned
tn_cpuid_get_phys_bits(const struct kvm_cpuid2 *cpuid)
{
    for (uint32_t i = 0; i < cpuid->nent; i++) {
        if (cpuid->entries[i].function == 0x80000008) {
            return cpuid->entries[i].eax & 0xff;
        }
    }
    return DEFAULT_PHYS_BITS;
}

/* Fewer address bits than the host's are fine: pages above are never given to the guest. */
static gboolean
set_phys_bits(struct kvm_cpuid2 *cpuid, const char *text, GError **error)
{
    struct kvm_cpuid_entry2 *entry = find_entry(cpuid, 0x80000008, 0);
    guint64 host = entry ? entry->eax & 0xff : MIN_PHYS_BITS;
    guint64 bits;

    if (!g_ascii_string_to_unsigned(text, 10, MIN_PHYS_BITS, host, &bits, NULL)) {
        g_set_error(error, TN_KVM_ERROR, TN_KVM_ERROR_FAILED,
                    "phys-bits should be between %u and %u, the host's width (but is %s)",
                    MIN_PHYS_BITS, (unsigned)host, text);
        return FALSE;
    }
    if (entry) {
        entry->eax = (entry->eax & ~0xffu) | (uint32_t)bits;
    }
    return TRUE;
}

static gboolean
set_vendor(struct kvm_cpuid2 *cpuid, const char *text, GError **error)
{
    struct kvm_cpuid_entry2 *entry = find_entry(cpuid, 0, 0);

    if (strlen(text) != VENDOR_LENGTH || !entry) {
        g_set_error(error, TN_KVM_ERROR, TN_KVM_ERROR_FAILED,
                    "Property '.vendor' doesn't take value '%s': it has %d characters", text,
                    VENDOR_LENGTH);
        return FALSE;
    }
    memcpy(&entry->ebx, text, 4);
    memcpy(&entry->edx, text + 4, 4);
    memcpy(&entry->ecx, text + 8, 4);
    return TRUE;
}

static gboolean
apply_term(struct kvm_cpuid2 *cpuid, const TnCpuidInput *input, const char *term, GError **error)
{
    bool on = term[0] == '+';
    const char *name = term + 1;
    struct kvm_cpuid_entry2 *entry;
    TnCpuFeature feature;
    uint32_t *reg;

    if (g_str_has_prefix(term, "phys-bits=")) {
        return set_phys_bits(cpuid, term + strlen("phys-bits="), error);
    }
    if (g_str_has_prefix(term, "vendor=")) {
        return set_vendor(cpuid, term + strlen("vendor="), error);
    }
    if (term[0] != '+' && term[0] != '-') {
        g_set_error(error, TN_KVM_ERROR, TN_KVM_ERROR_FAILED,
                    "CPU feature '%s' must begin with '+' or '-'", term);
        return FALSE;
    }
    if (apply_group(cpuid, name, on)) {
        return TRUE;
    }
    if (!tn_cpu_feature_find(name, &feature)) {
        g_set_error(error, TN_KVM_ERROR, TN_KVM_ERROR_FAILED, "Unknown CPU feature '%s'", name);
        return FALSE;
    }
    if (on && !is_available(input, &feature)) {
        return report_missing(input, name, &feature, error);
    }
    entry = find_entry(cpuid, feature.leaf, feature.subleaf);
    if (!entry) {
        if (on) {
            g_set_error(error, TN_KVM_ERROR, TN_KVM_ERROR_FAILED,
                        "CPU feature '%s' needs a CPUID leaf that was turned off", name);
        }
        return !on;
    }
    reg = entry_register(entry, feature.reg);
    *reg = on ? *reg | feature.mask : *reg & ~feature.mask;
    return TRUE;
}

/* State components whose instructions are gone must go as well: a guest would
 * otherwise save what it cannot use (SDM vol. 1, 13.1). */
static const struct {
    TnCpuFeature needs;
    uint32_t components;
} xsave_dependencies[] = {
    { { 1, 0, TN_CPUID_ECX, 1u << 28 }, 1u << 2 },                      /* avx */
    { { 7, 0, TN_CPUID_EBX, 1u << 14 }, 1u << 3 | 1u << 4 },            /* mpx */
    { { 7, 0, TN_CPUID_EBX, 1u << 16 }, 1u << 5 | 1u << 6 | 1u << 7 },  /* avx512f */
    { { 7, 0, TN_CPUID_ECX, 1u << 3 }, 1u << 9 },                       /* pku */
    { { 7, 0, TN_CPUID_EDX, 1u << 24 }, 1u << 17 | 1u << 18 },          /* amx-tile */
};

static bool
has_feature(struct kvm_cpuid2 *cpuid, const TnCpuFeature *feature)
{
    struct kvm_cpuid_entry2 *entry = find_entry(cpuid, feature->leaf, feature->subleaf);

    return entry && (*entry_register(entry, feature->reg) & feature->mask) != 0;
}

static void
set_xsave_components(struct kvm_cpuid2 *cpuid)
{
    static const TnCpuFeature xsave = { 1, 0, TN_CPUID_ECX, 1u << 26 };
    struct kvm_cpuid_entry2 *main = find_entry(cpuid, 0xd, 0);
    uint32_t size = 512 + 64; /* legacy area and header */

    if (!main) {
        return;
    }
    if (!has_feature(cpuid, &xsave)) {
        remove_leaf(cpuid, 0xd);
        return;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(xsave_dependencies); i++) {
        if (!has_feature(cpuid, &xsave_dependencies[i].needs)) {
            main->eax &= ~xsave_dependencies[i].components;
        }
    }
    for (uint32_t i = 0; i < cpuid->nent; i++) {
        struct kvm_cpuid_entry2 *entry = &cpuid->entries[i];
        bool user_state = !(entry->ecx & 1);

        if (entry->function != 0xd || entry->index < 2 || entry->index >= 32 || !user_state) {
            continue;
        }
        if (main->eax & 1u << entry->index) {
            size = MAX(size, entry->ebx + entry->eax);
        } else {
            entry->eax = entry->ebx = entry->ecx = entry->edx = 0;
        }
    }
    main->ecx = size;
}

struct kvm_cpuid2 *
tn_cpuid_build(const TnCpuidInput *input, GError **error)
{
    const TnCpuModel *model = input->model;
    uint32_t n = MIN(input->supported->nent, MAX_ENTRIES);
    g_autofree struct kvm_cpuid2 *cpuid = NULL;
    Topology topology;

    if (!model->name || !tn_cpu_model_is_known(model->name)) {
        g_set_error(error, TN_KVM_ERROR, TN_KVM_ERROR_FAILED,
                    "unable to find CPU model '%s' (there are 'host', 'max', 'qemu64' and "
                    "'Opteron_G1')",
                    model->name ? model->name : "");
        return NULL;
    }
    if (!make_topology(&model->topology, &topology, error)) {
        return NULL;
    }
    cpuid = g_malloc0(sizeof(*cpuid) + (n + EXTRA_ENTRIES + TN_HYPERV_MAX_LEAVES) *
                                          sizeof(cpuid->entries[0]));
    cpuid->nent = n;
    memcpy(cpuid->entries, input->supported->entries, n * sizeof(cpuid->entries[0]));

    filter(cpuid, input);
    tn_cpu_model_reduce(model->name, cpuid);
    set_topology(cpuid, &topology, input->apic_id);
    for (const char *const *term = model->features; term && *term; term++) {
        if (!apply_term(cpuid, input, *term, error)) {
            return NULL;
        }
    }
    set_xsave_components(cpuid);
    if (input->hyperv) {
        tn_hyperv_add_cpuid(cpuid, input->hyperv);
    }
    return g_steal_pointer(&cpuid);
}
