/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Named CPU models: what is left of the host's CPUID for a guest that shall not depend
 * on the host. A model is a row of masks; what a row does not name is not shown. The
 * vendor stays the host's, as with QEMU under KVM, because syscall and sysenter
 * behave as the real processor's do.
 */
#include "vmm/accel/kvm-private.h"

#include <string.h>

#define LEAF_HYPERVISOR_FIRST 0x40000000u
#define LEAF_HYPERVISOR_LAST 0x4fffffffu
#define BRAND_LEAF 0x80000002u
#define BRAND_SIZE 48

/* One leaf that a model keeps, and which bits of it. */
typedef struct ModelLeaf {
    uint32_t leaf;
    uint32_t eax, ebx, ecx, edx;
} ModelLeaf;

typedef struct Model {
    const char *name;
    uint32_t max_leaf, max_extended_leaf;
    uint32_t signature; /* leaf 1, eax: family, model, stepping */
    const char *brand;
    const ModelLeaf *leaves; /* ends with a row of zeroes */
} Model;

/* The Pentium Pro's features and SSE2; MTRRs, CLFLUSH, MCA, PSE-36 (bits by SDM vol. 2, CPUID). */
#define EDX1_QEMU64 0x078bfbfdu
/* SSE3, CX16; x2APIC and the hypervisor's mark, which KVM guests always have. */
#define ECX1_QEMU64 (1u << 0 | 1u << 13 | 1u << 21 | 1u << 31)
/* SYSCALL, NX, long mode; an AMD processor repeats leaf 1's low bits there. */
#define EDX8_QEMU64 (0x0183f3fdu | 1u << 11 | 1u << 20 | 1u << 29 | 1u << 24)
#define ECX8_QEMU64 (1u << 0) /* LAHF in long mode */

static const ModelLeaf qemu64_leaves[] = {
    { 0x00000001, 0, UINT32_MAX, ECX1_QEMU64, EDX1_QEMU64 },
    { 0x00000002, UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX },
    { 0x00000004, UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX },
    { 0x0000000b, UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX },
    { 0x80000001, 0, 0, ECX8_QEMU64, EDX8_QEMU64 },
    { 0x80000005, UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX },
    { 0x80000006, UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX },
    { 0x80000008, UINT32_MAX, 0, UINT32_MAX, 0 },
    { 0 },
};

/* qemu64's and virtual-8086 extensions. */
#define EDX1_OPTERON_G1 (EDX1_QEMU64 | 1u << 1)
#define ECX1_OPTERON_G1 (1u << 0 | 1u << 21 | 1u << 31)
#define EDX8_OPTERON_G1 (EDX8_QEMU64 | 1u << 1)

static const ModelLeaf opteron_g1_leaves[] = {
    { 0x00000001, 0, UINT32_MAX, ECX1_OPTERON_G1, EDX1_OPTERON_G1 },
    { 0x00000002, UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX },
    { 0x00000004, UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX },
    { 0x0000000b, UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX },
    { 0x80000001, 0, 0, 0, EDX8_OPTERON_G1 },
    { 0x80000005, UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX },
    { 0x80000006, UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX },
    { 0x80000008, UINT32_MAX, 0, UINT32_MAX, 0 },
    { 0 },
};

static const Model models[] = {
    { "qemu64", 0xd, 0x8000000a, 0x00060fb1, "QEMU Virtual CPU version 2.5+", qemu64_leaves },
    { "Opteron_G1", 0x5, 0x80000008, 0x00000f61, "AMD Opteron 240 (Gen 1 Class Opteron)",
      opteron_g1_leaves },
};

static const Model *
find_model(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(models); i++) {
        if (strcmp(models[i].name, name) == 0) {
            return &models[i];
        }
    }
    return NULL;
}

bool
tn_cpu_model_is_known(const char *name)
{
    return strcmp(name, "host") == 0 || strcmp(name, "max") == 0 || find_model(name) != NULL;
}

static const ModelLeaf *
find_leaf(const Model *model, uint32_t leaf)
{
    for (const ModelLeaf *row = model->leaves; row->leaf; row++) {
        if (row->leaf == leaf) {
            return row;
        }
    }
    return NULL;
}

static void
set_brand(struct kvm_cpuid_entry2 *entry, const char *brand)
{
    char text[BRAND_SIZE] = { 0 };
    const char *part = text + (size_t)(entry->function - BRAND_LEAF) * 16;

    (void)g_strlcpy(text, brand, sizeof(text));
    memcpy(&entry->eax, part, 4);
    memcpy(&entry->ebx, part + 4, 4);
    memcpy(&entry->ecx, part + 8, 4);
    memcpy(&entry->edx, part + 12, 4);
}

/* False: the leaf is not the model's. */
static bool
reduce_entry(const Model *model, struct kvm_cpuid_entry2 *entry)
{
    const ModelLeaf *row = find_leaf(model, entry->function);

    if (entry->function >= LEAF_HYPERVISOR_FIRST && entry->function <= LEAF_HYPERVISOR_LAST) {
        return true;
    }
    if (entry->function == 0) {
        entry->eax = model->max_leaf;
        return true;
    }
    if (entry->function == 0x80000000) {
        entry->eax = MIN(entry->eax, model->max_extended_leaf);
        return true;
    }
    if (entry->function >= BRAND_LEAF && entry->function < BRAND_LEAF + 3) {
        set_brand(entry, model->brand);
        return true;
    }
    if (!row) {
        return false;
    }
    entry->eax &= row->eax;
    entry->ebx &= row->ebx;
    entry->ecx &= row->ecx;
    entry->edx &= row->edx;
    if (entry->function == 1 || entry->function == 0x80000001) {
        entry->eax = model->signature;
    }
    return true;
}

void
tn_cpu_model_reduce(const char *name, struct kvm_cpuid2 *cpuid)
{
    const Model *model = find_model(name);
    uint32_t kept = 0;

    for (uint32_t i = 0; model && i < cpuid->nent; i++) {
        if (reduce_entry(model, &cpuid->entries[i])) {
            cpuid->entries[kept++] = cpuid->entries[i];
        } else if (cpuid->entries[i].index == 0) {
            /* Kept empty, so that "+x" finds the leaf of a feature it brings back. */
            struct kvm_cpuid_entry2 *entry = &cpuid->entries[kept++];

            *entry = (struct kvm_cpuid_entry2){ .function = cpuid->entries[i].function,
                                                .flags = cpuid->entries[i].flags };
        }
    }
    if (model) {
        cpuid->nent = kept;
    }
}
