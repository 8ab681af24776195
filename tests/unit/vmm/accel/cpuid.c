/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* CPUID as guests see it, from made-up hosts. */
#include "vmm/accel/kvm-private.h"

#include <string.h>

#define MAX_TEST_ENTRIES 32


static void
add(struct kvm_cpuid2 *cpuid, uint32_t leaf, uint32_t subleaf, const uint32_t regs[4])
{
    cpuid->entries[cpuid->nent++] = (struct kvm_cpuid_entry2){
        .function = leaf, .index = subleaf,
        .eax = regs[0], .ebx = regs[1], .ecx = regs[2], .edx = regs[3],
    };
}

/* A host with AVX-512, its vendor as given. */
static struct kvm_cpuid2 *
make_host(bool amd)
{
    struct kvm_cpuid2 *cpuid =
        g_malloc0(sizeof(*cpuid) + MAX_TEST_ENTRIES * sizeof(cpuid->entries[0]));

    if (amd) {
        add(cpuid, 0, 0, (uint32_t[]){ 0x10, 0x68747541, 0x444d4163, 0x69746e65 });
    } else {
        add(cpuid, 0, 0, (uint32_t[]){ 0x1f, 0x756e6547, 0x6c65746e, 0x49656e69 });
    }
    add(cpuid, 1, 0, (uint32_t[]){ 0x800f12, 0x05100800, 0x96382203, 0x178bfbff });
    add(cpuid, 4, 0, (uint32_t[]){ 0xfc004121, 0, 0, 0 });
    add(cpuid, 4, 1, (uint32_t[]){ 0xfc1fc163, 0, 0, 0 });
    add(cpuid, 7, 0, (uint32_t[]){ 1, 0x209c0000 | 1u << 16 | 1u << 5, 0, 0 });
    add(cpuid, 0xa, 0, (uint32_t[]){ 0x07300402, 0, 0, 0 });
    add(cpuid, 0xb, 0, (uint32_t[]){ 7, 99, 0, 99 });
    add(cpuid, 0xd, 0, (uint32_t[]){ 0xe7, 0x340, 0xa88, 0 });
    add(cpuid, 0xd, 1, (uint32_t[]){ 7, 0, 0, 0 });
    add(cpuid, 0xd, 2, (uint32_t[]){ 0x100, 0x240, 0, 0 });
    add(cpuid, 0xd, 5, (uint32_t[]){ 0x40, 0x440, 0, 0 });
    add(cpuid, 0xd, 6, (uint32_t[]){ 0x200, 0x480, 0, 0 });
    add(cpuid, 0xd, 7, (uint32_t[]){ 0x400, 0x680, 0, 0 });
    if (!amd) {
        add(cpuid, 0x1f, 0, (uint32_t[]){ 7, 99, 0, 99 });
    }
    add(cpuid, 0x40000000, 0, (uint32_t[]){ 0, 0x4b4d564b, 0x564b4d56, 0x4d });
    add(cpuid, 0x40000001, 0, (uint32_t[]){ 0x0102fafb | 1u << 17, 0, 0, 0 });
    add(cpuid, 0x80000001, 0, (uint32_t[]){ 0x800f12, 0, 0x00400003, 0x2fd3fbff });
    add(cpuid, 0x80000007, 0, (uint32_t[]){ 0, 0, 0, 1u << 8 });
    add(cpuid, 0x80000008, 0, (uint32_t[]){ 0x3030, 0, 0x7fff, 0 });
    add(cpuid, 0x8000001d, 3, (uint32_t[]){ 0x14163, 0, 0, 0 });
    add(cpuid, 0x8000001e, 0, (uint32_t[]){ 99, 99, 99, 99 });
    return cpuid;
}

static struct kvm_cpuid2 *
build(bool amd, const TnCpuModel *model, unsigned apic_id, GError **error)
{
    g_autofree struct kvm_cpuid2 *host = make_host(amd);
    TnCpuidInput input = {
        .supported = host, .has_tsc_deadline = true, .model = model, .apic_id = apic_id
    };

    return tn_cpuid_build(&input, error);
}

static const struct kvm_cpuid_entry2 *
find(const struct kvm_cpuid2 *cpuid, uint32_t leaf, uint32_t subleaf)
{
    for (uint32_t i = 0; i < cpuid->nent; i++) {
        if (cpuid->entries[i].function == leaf && cpuid->entries[i].index == subleaf) {
            return &cpuid->entries[i];
        }
    }
    return NULL;
}

static void
test_host_bits(void)
{
    TnCpuModel model = { .name = "host", .topology = { 1, 1, 1, 1 } };
    g_autoptr(GError) error = NULL;
    g_autofree struct kvm_cpuid2 *cpuid = build(false, &model, 0, &error);

    g_assert_no_error(error);
    g_assert_cmphex(find(cpuid, 1, 0)->ecx & (1u << 31 | 1u << 24), ==, 1u << 31 | 1u << 24);
    g_assert_cmphex(find(cpuid, 1, 0)->edx & 1u << 28, ==, 0);
    g_assert_cmphex(find(cpuid, 0x80000007, 0)->edx & 1u << 8, ==, 0);
    g_assert_cmphex(find(cpuid, 0x40000000, 0)->eax, ==, 0x40000001);
    g_assert_cmphex(find(cpuid, 0x40000001, 0)->eax & 1u << 17, ==, 0);
    g_assert_cmphex(find(cpuid, 0x40000001, 0)->eax & 9, ==, 9);
}

static void
test_intel_topology(void)
{
    TnCpuModel model = { .name = "host", .topology = { 2, 1, 4, 2 } };
    g_autoptr(GError) error = NULL;
    g_autofree struct kvm_cpuid2 *cpuid = build(false, &model, 11, &error);

    g_assert_no_error(error);
    g_assert_cmphex(find(cpuid, 1, 0)->ebx, ==, 0x0b080800);
    g_assert_cmphex(find(cpuid, 1, 0)->edx & 1u << 28, ==, 1u << 28);
    g_assert_cmphex(find(cpuid, 4, 0)->eax, ==, 0x0c004121);
    g_assert_cmphex(find(cpuid, 4, 1)->eax, ==, 0x0c01c163);
    g_assert_cmphex(find(cpuid, 0xb, 0)->eax, ==, 1);
    g_assert_cmphex(find(cpuid, 0xb, 0)->ebx, ==, 2);
    g_assert_cmphex(find(cpuid, 0xb, 0)->ecx, ==, 0x100);
    g_assert_cmphex(find(cpuid, 0xb, 1)->eax, ==, 3);
    g_assert_cmphex(find(cpuid, 0xb, 1)->ebx, ==, 8);
    g_assert_cmphex(find(cpuid, 0xb, 1)->ecx, ==, 0x201);
    g_assert_cmphex(find(cpuid, 0xb, 1)->edx, ==, 11);
    g_assert_null(find(cpuid, 0x1f, 0));
    g_assert_cmphex(find(cpuid, 0x80000001, 0)->ecx & 2, ==, 0);
}

/* Three cores: the socket's number begins at bit 2, and no count is rounded up. */
static void
test_cores_no_power_of_two(void)
{
    TnCpuModel model = { .name = "host", .topology = { 2, 1, 3, 1 } };
    g_autoptr(GError) error = NULL;
    g_autofree struct kvm_cpuid2 *cpuid = build(false, &model, 5, &error);

    g_assert_no_error(error);
    g_assert_cmphex(find(cpuid, 1, 0)->ebx, ==, 0x05030800);
    g_assert_cmphex(find(cpuid, 4, 0)->eax >> 26, ==, 3);
    g_assert_cmphex(find(cpuid, 0xb, 0)->eax, ==, 0);
    g_assert_cmphex(find(cpuid, 0xb, 1)->eax, ==, 2);
    g_assert_cmphex(find(cpuid, 0xb, 1)->ebx, ==, 3);
    g_assert_cmphex(find(cpuid, 0xb, 1)->edx, ==, 5);
}

static void
test_dies(void)
{
    TnCpuModel model = { .name = "host", .topology = { 1, 2, 2, 2 } };
    g_autoptr(GError) error = NULL;
    g_autofree struct kvm_cpuid2 *cpuid = build(false, &model, 5, &error);

    g_assert_no_error(error);
    g_assert_cmphex(find(cpuid, 0, 0)->eax, >=, 0x1f);
    g_assert_cmphex(find(cpuid, 0x1f, 0)->eax, ==, 1);
    g_assert_cmphex(find(cpuid, 0x1f, 0)->ecx, ==, 0x100);
    g_assert_cmphex(find(cpuid, 0x1f, 1)->eax, ==, 2);
    g_assert_cmphex(find(cpuid, 0x1f, 1)->ebx, ==, 4);
    g_assert_cmphex(find(cpuid, 0x1f, 1)->ecx, ==, 0x201);
    g_assert_cmphex(find(cpuid, 0x1f, 2)->eax, ==, 3);
    g_assert_cmphex(find(cpuid, 0x1f, 2)->ebx, ==, 8);
    g_assert_cmphex(find(cpuid, 0x1f, 2)->ecx, ==, 0x502);
    g_assert_cmphex(find(cpuid, 0x1f, 3)->ecx, ==, 3);
    g_assert_cmphex(find(cpuid, 0x1f, 3)->edx, ==, 5);
}

static void
test_amd_topology(void)
{
    TnCpuModel model = { .name = "host", .topology = { 2, 1, 4, 2 } };
    g_autoptr(GError) error = NULL;
    g_autofree struct kvm_cpuid2 *cpuid = build(true, &model, 11, &error);

    g_assert_no_error(error);
    g_assert_cmphex(find(cpuid, 0x80000001, 0)->ecx & 2, ==, 2);
    g_assert_cmphex(find(cpuid, 0x80000008, 0)->ecx, ==, 0x3007);
    g_assert_cmphex(find(cpuid, 0x8000001d, 3)->eax, ==, 0x163 | 7u << 14);
    g_assert_cmphex(find(cpuid, 0x8000001e, 0)->eax, ==, 11);
    g_assert_cmphex(find(cpuid, 0x8000001e, 0)->ebx, ==, 0x101);
    g_assert_cmphex(find(cpuid, 0x8000001e, 0)->ecx, ==, 1);
}

static void
test_feature_off(void)
{
    const char *const terms[] = { "-x2apic", "-sse4_1", "-tsc-deadline", "-pmu", NULL };
    TnCpuModel model = { .name = "host", .features = terms, .topology = { 1, 1, 1, 1 } };
    g_autoptr(GError) error = NULL;
    g_autofree struct kvm_cpuid2 *cpuid = build(false, &model, 0, &error);

    g_assert_no_error(error);
    g_assert_cmphex(find(cpuid, 1, 0)->ecx & (1u << 21 | 1u << 19 | 1u << 24), ==, 0);
    g_assert_null(find(cpuid, 0xa, 0));
}

static void
test_last_term_wins(void)
{
    const char *const terms[] = { "-x2apic", "+x2apic", "+invtsc", NULL };
    TnCpuModel model = { .name = "max", .features = terms, .topology = { 1, 1, 1, 1 } };
    g_autoptr(GError) error = NULL;
    g_autofree struct kvm_cpuid2 *cpuid = build(false, &model, 0, &error);

    g_assert_no_error(error);
    g_assert_cmphex(find(cpuid, 1, 0)->ecx & 1u << 21, !=, 0);
    g_assert_cmphex(find(cpuid, 0x80000007, 0)->edx & 1u << 8, !=, 0);
}

static void
test_kvm_off_hides_kvm(void)
{
    const char *const terms[] = { "-kvm", NULL };
    TnCpuModel model = { .name = "host", .features = terms, .topology = { 1, 1, 1, 1 } };
    g_autoptr(GError) error = NULL;
    g_autofree struct kvm_cpuid2 *cpuid = build(false, &model, 0, &error);

    g_assert_no_error(error);
    g_assert_null(find(cpuid, 0x40000000, 0));
    g_assert_null(find(cpuid, 0x40000001, 0));
}

static void
test_xsave_follows_features(void)
{
    const char *const terms[] = { "-avx512f", NULL };
    TnCpuModel model = { .name = "host", .features = terms, .topology = { 1, 1, 1, 1 } };
    g_autoptr(GError) error = NULL;
    g_autofree struct kvm_cpuid2 *cpuid = build(false, &model, 0, &error);

    g_assert_no_error(error);
    g_assert_cmphex(find(cpuid, 0xd, 0)->eax, ==, 0x7);
    g_assert_cmphex(find(cpuid, 0xd, 0)->ecx, ==, 0x340);
    g_assert_cmphex(find(cpuid, 0xd, 7)->eax, ==, 0);
}

static void
expect_refusal(const TnCpuModel *model, const char *text)
{
    g_autoptr(GError) error = NULL;

    g_assert_null(build(false, model, 0, &error));
    g_assert_error(error, TN_KVM_ERROR, TN_KVM_ERROR_FAILED);
    g_assert_nonnull(strstr(error->message, text));
}

static void
test_unknown_feature(void)
{
    const char *const terms[] = { "+x2apic", "+warpdrive", NULL };

    expect_refusal(&(TnCpuModel){ .name = "host", .features = terms, .topology = { 1, 1, 1, 1 } },
                   "'warpdrive'");
}

static void
test_unsupported_feature_is_refused_when_enforced(void)
{
    const char *const terms[] = { "+amx-tile", "+enforce", NULL };

    expect_refusal(&(TnCpuModel){ .name = "host", .features = terms, .topology = { 1, 1, 1, 1 } },
                   "Host doesn't support requested features: CPUID.07H:EDX.amx-tile [bit 24]");
}

static void
test_unsupported_feature_is_left_out(void)
{
    const char *const terms[] = { "+enforce", "+amx-tile", "-enforce", "+check", NULL };
    const TnCpuModel model = { .name = "host", .features = terms, .topology = { 1, 1, 1, 1 } };
    g_autoptr(GError) error = NULL;
    g_autofree struct kvm_cpuid2 *cpuid = build(false, &model, 0, &error);

    g_assert_no_error(error);
    g_assert_cmphex(find(cpuid, 7, 0)->edx & 1u << 24, ==, 0);
}

static void
test_term_without_sign(void)
{
    const char *const terms[] = { "avx", NULL };

    expect_refusal(&(TnCpuModel){ .name = "host", .features = terms, .topology = { 1, 1, 1, 1 } },
                   "'avx'");
}

static void
test_unknown_model(void)
{
    expect_refusal(&(TnCpuModel){ .name = "i8080", .topology = { 1, 1, 1, 1 } },
                   "'i8080'");
}

static void
test_bad_topology(void)
{
    expect_refusal(&(TnCpuModel){ .name = "host", .topology = { 1, 1, 0, 1 } },
                   "0 cores");
    expect_refusal(&(TnCpuModel){ .name = "host", .topology = { 16, 1, 16, 16 } },
                   "16 threads");
}

static void
test_feature_names(void)
{
    TnCpuFeature feature;

    g_assert_true(tn_cpu_feature_find("tsc_adjust", &feature));
    g_assert_cmphex(feature.leaf, ==, 7);
    g_assert_cmphex(feature.mask, ==, 1u << 1);
    g_assert_true(tn_cpu_feature_find("hypervisor", &feature));
    g_assert_cmphex(feature.mask, ==, 1u << 31);
    g_assert_true(tn_cpu_feature_find("ssbd", &feature));
    g_assert_cmphex(feature.mask, ==, 1u << 31);
    g_assert_true(tn_cpu_feature_find("avx512vl", &feature));
    g_assert_cmphex(feature.mask, ==, 1u << 31);
    g_assert_true(tn_cpu_feature_find("pbe", &feature));
    g_assert_cmphex(feature.mask, ==, 1u << 31);
    g_assert_true(tn_cpu_feature_find("lm", &feature));
    g_assert_cmphex(feature.mask, ==, 1u << 29);
    g_assert_true(tn_cpu_feature_find("topoext", &feature));
    g_assert_cmphex(feature.mask, ==, 1u << 22);
    g_assert_true(tn_cpu_feature_find("kvm-asyncpf-int", &feature));
    g_assert_cmphex(feature.mask, ==, 1u << 14);
    g_assert_false(tn_cpu_feature_find("", &feature));
    g_assert_false(tn_cpu_feature_find("avx5", &feature));
}

/* KVM's leaves of Hyper-V's interface, in little. */
static struct kvm_cpuid2 *
make_hyperv(void)
{
    struct kvm_cpuid2 *cpuid =
        g_malloc0(sizeof(*cpuid) + MAX_TEST_ENTRIES * sizeof(cpuid->entries[0]));

    add(cpuid, 0x40000000, 0, (uint32_t[]){ 0x40000082, 0x756e694c, 0x564b2078, 0x7648204d });
    add(cpuid, 0x40000001, 0, (uint32_t[]){ 0x31237648, 0, 0, 0 });
    add(cpuid, 0x40000003, 0, (uint32_t[]){ 0xe7f, 0x830, 0, 0x80d08 });
    add(cpuid, 0x4000000a, 0, (uint32_t[]){ 1, 0, 0, 0 });
    add(cpuid, 0x40000080, 0, (uint32_t[]){ 0x40000082, 0, 0, 0 });
    return cpuid;
}

static void
test_hyperv_moves_kvm_away(void)
{
    const char *const terms[] = { "+hv_passthrough", NULL };
    const TnCpuModel model = { .name = "host", .features = terms, .topology = { 1, 1, 1, 1 } };
    g_autofree struct kvm_cpuid2 *host = make_host(false);
    g_autofree struct kvm_cpuid2 *hyperv = make_hyperv();
    const TnCpuidInput input = { .supported = host, .hyperv = hyperv, .model = &model };
    g_autoptr(GError) error = NULL;
    g_autofree struct kvm_cpuid2 *cpuid = tn_cpuid_build(&input, &error);

    g_assert_no_error(error);
    g_assert_cmphex(find(cpuid, 0x40000000, 0)->eax, ==, 0x4000000a);
    g_assert_cmphex(find(cpuid, 0x40000000, 0)->ebx, ==, 0x756e694c);
    g_assert_cmphex(find(cpuid, 0x40000001, 0)->eax, ==, 0x31237648);
    g_assert_cmphex(find(cpuid, 0x40000003, 0)->eax, ==, 0xe7f);
    g_assert_cmphex(find(cpuid, 0x40000003, 0)->ebx, ==, 0x030); /* no debugger */
    g_assert_cmphex(find(cpuid, 0x40000003, 0)->edx, ==, 0x80508);
    g_assert_null(find(cpuid, 0x40000080, 0));
    g_assert_cmphex(find(cpuid, 0x40000100, 0)->ebx, ==, 0x4b4d564b);
    g_assert_cmphex(find(cpuid, 0x40000100, 0)->eax, ==, 0x40000101);
    g_assert_nonnull(find(cpuid, 0x40000101, 0));
}

static void
test_opteron_g1(void)
{
    const TnCpuModel model = { .name = "Opteron_G1", .topology = { 1, 1, 1, 1 } };
    g_autoptr(GError) error = NULL;
    g_autofree struct kvm_cpuid2 *cpuid = build(true, &model, 0, &error);

    g_assert_no_error(error);
    g_assert_cmphex(find(cpuid, 1, 0)->eax, ==, 0x00000f61);
    g_assert_cmphex(find(cpuid, 1, 0)->ecx & 1u << 13, ==, 0); /* no CMPXCHG16B */
    g_assert_cmphex(find(cpuid, 0x80000001, 0)->ecx & ~2u, ==, 0);
    g_assert_cmphex(find(cpuid, 0x80000001, 0)->edx & (1u << 20 | 1u << 29), ==,
                    1u << 20 | 1u << 29);
}

static void
test_qemu64(void)
{
    static const char *const features[] = { "+x2apic", "+avx2", NULL };
    const TnCpuModel plain = { .name = "qemu64", .topology = { 1, 1, 1, 1 } };
    TnCpuModel more = plain;
    g_autoptr(GError) error = NULL;
    g_autofree struct kvm_cpuid2 *cpuid = build(false, &plain, 0, &error);
    g_autofree struct kvm_cpuid2 *with = NULL;

    g_assert_no_error(error);
    g_assert_cmphex(find(cpuid, 0, 0)->eax, ==, 0xd);
    g_assert_cmphex(find(cpuid, 0, 0)->ebx, ==, 0x756e6547); /* the host's vendor */
    g_assert_cmphex(find(cpuid, 1, 0)->eax, ==, 0x00060fb1);
    g_assert_cmphex(find(cpuid, 1, 0)->ecx & 1u << 28, ==, 0); /* no AVX */
    g_assert_cmphex(find(cpuid, 1, 0)->edx & 0x078bfbfd, ==, 0x078bfbfd);
    g_assert_cmphex(find(cpuid, 7, 0)->ebx, ==, 0);
    g_assert_null(find(cpuid, 0xd, 0));
    g_assert_cmphex(find(cpuid, 0x40000000, 0)->ebx, ==, 0x4b4d564b);
    g_assert_cmphex(find(cpuid, 0x80000001, 0)->ecx & ~1u, ==, 0);

    more.features = features;
    with = build(false, &more, 0, &error);
    g_assert_no_error(error);
    g_assert_cmphex(find(with, 7, 0)->ebx & 1u << 5, ==, 1u << 5);
}

static void
test_phys_bits(void)
{
    const char *features[] = { "phys-bits=36", NULL };
    const TnCpuModel model = {
        .name = "max", .features = features,
        .topology = { 1, 1, 1, 1 },
    };
    g_autoptr(GError) error = NULL;
    g_autofree struct kvm_cpuid2 *cpuid = build(true, &model, 0, &error);

    g_assert_no_error(error);
    g_assert_cmphex(find(cpuid, 0x80000008, 0)->eax, ==, 0x3024);
    features[0] = "phys-bits=52";
    g_assert_null(build(true, &model, 0, &error));
    g_assert_cmpstr(error->message, ==,
                    "phys-bits should be between 32 and 48, the host's width (but is 52)");
}

static void
test_vendor(void)
{
    const char *features[] = { "vendor=GenuineIntel", NULL };
    const TnCpuModel model = {
        .name = "max", .features = features,
        .topology = { 1, 1, 1, 1 },
    };
    g_autoptr(GError) error = NULL;
    g_autofree struct kvm_cpuid2 *cpuid = build(true, &model, 0, &error);

    g_assert_no_error(error);
    g_assert_cmphex(find(cpuid, 0, 0)->ebx, ==, 0x756e6547);
    g_assert_cmphex(find(cpuid, 0, 0)->edx, ==, 0x49656e69);
    g_assert_cmphex(find(cpuid, 0, 0)->ecx, ==, 0x6c65746e);
    features[0] = "vendor=short";
    g_assert_null(build(true, &model, 0, &error));
    g_assert_nonnull(strstr(error->message, "doesn't take value 'short'"));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/accel/cpuid/host-bits", test_host_bits);
    g_test_add_func("/accel/cpuid/intel-topology", test_intel_topology);
    g_test_add_func("/accel/cpuid/cores-no-power-of-two", test_cores_no_power_of_two);
    g_test_add_func("/accel/cpuid/dies", test_dies);
    g_test_add_func("/accel/cpuid/amd-topology", test_amd_topology);
    g_test_add_func("/accel/cpuid/feature-off", test_feature_off);
    g_test_add_func("/accel/cpuid/last-term-wins", test_last_term_wins);
    g_test_add_func("/accel/cpuid/kvm-off-hides-kvm", test_kvm_off_hides_kvm);
    g_test_add_func("/accel/cpuid/xsave-follows-features", test_xsave_follows_features);
    g_test_add_func("/accel/cpuid/unknown-feature-refused", test_unknown_feature);
    g_test_add_func("/accel/cpuid/unsupported-feature/refused-when-enforced",
                    test_unsupported_feature_is_refused_when_enforced);
    g_test_add_func("/accel/cpuid/unsupported-feature/left-out",
                    test_unsupported_feature_is_left_out);
    g_test_add_func("/accel/cpuid/term-without-sign-refused", test_term_without_sign);
    g_test_add_func("/accel/cpuid/unknown-model-refused", test_unknown_model);
    g_test_add_func("/accel/cpuid/bad-topology-refused", test_bad_topology);
    g_test_add_func("/accel/cpu-features/names", test_feature_names);
    g_test_add_func("/accel/cpuid/qemu64", test_qemu64);
    g_test_add_func("/accel/cpuid/opteron-g1", test_opteron_g1);
    g_test_add_func("/accel/cpuid/hyperv-moves-kvm-away", test_hyperv_moves_kvm_away);
    g_test_add_func("/accel/cpuid/phys-bits", test_phys_bits);
    g_test_add_func("/accel/cpuid/vendor", test_vendor);
    return g_test_run();
}
