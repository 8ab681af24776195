/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How much a guest may lock, and a limit that cannot be raised. */
#include "driver/core/memlock.h"

#include <errno.h>

#include "driver/error.h"

#define MIB (1024 * 1024)
#define GIB (1024ULL * MIB)
#define HOSTDEV                                                                                    \
    "<hostdev mode='subsystem' type='pci'><source><address slot='6'/></source></hostdev>"
#define DIMM                                                                                       \
    "<memory model='dimm'><target><size unit='MiB'>256</size><node>0</node></target></memory>"

static TnDomainDef *
parse(const char *devices)
{
    const TnXmlParseOptions options = { .flags = TN_XML_PARSE_INACTIVE };
    g_autofree char *xml = g_strdup_printf(
        "<domain type='kvm'><name>g</name><uuid>c7a5fdbd-cdaf-9455-926a-d65c16db1809</uuid>"
        "<memory unit='MiB'>512</memory><maxMemory slots='4' unit='GiB'>4</maxMemory>"
        "<os><type>hvm</type></os><devices>%s</devices></domain>", devices);
    g_autoptr(GError) error = NULL;
    TnDomainDef *def = tn_domain_def_parse(xml, &options, &error);

    g_assert_no_error(error);
    return def;
}

static TnDevice *
parse_device(const TnDomainDef *def, const char *xml)
{
    g_autoptr(GError) error = NULL;
    TnDevice *device = tn_domain_device_parse(xml, def, NULL, &error);

    g_assert_no_error(error);
    return device;
}

static void
test_nothing_without_devices(void)
{
    g_autoptr(TnDomainDef) def = parse("");
    g_autoptr(TnDevice) dimm = parse_device(def, DIMM);

    g_assert_cmpuint(tn_memlock_need(def, NULL), ==, 0);
    g_assert_cmpuint(tn_memlock_need(def, dimm), ==, 0);
}

static void
test_memory_and_one_gib(void)
{
    g_autoptr(TnDomainDef) def = parse(HOSTDEV);

    g_assert_cmpuint(tn_memlock_need(def, NULL), ==, 512 * MIB + GIB);
}

static void
test_added_device_counts(void)
{
    g_autoptr(TnDomainDef) def = parse("");
    g_autoptr(TnDevice) hostdev = parse_device(def, HOSTDEV);

    g_assert_cmpuint(tn_memlock_need(def, hostdev), ==, 512 * MIB + GIB);
}

static void
test_added_dimm_counts(void)
{
    g_autoptr(TnDomainDef) def = parse(HOSTDEV);
    g_autoptr(TnDevice) dimm = parse_device(def, DIMM);

    g_assert_cmpuint(tn_memlock_need(def, dimm), ==, 768 * MIB + GIB);
    tn_domain_def_insert(def, g_steal_pointer(&dimm));
    g_assert_cmpuint(tn_memlock_need(def, NULL), ==, 768 * MIB + GIB);
}

static void
test_hard_limit_is_the_need(void)
{
    g_autoptr(TnDomainDef) def = parse(HOSTDEV);
    g_autoptr(TnDevice) dimm = parse_device(def, DIMM);

    def->memtune.hard_limit_kib = 1024 * 1024;
    g_assert_cmpuint(tn_memlock_need(def, NULL), ==, GIB);
    g_assert_cmpuint(tn_memlock_need(def, dimm), ==, GIB);
}

static void
test_hard_limit_without_devices(void)
{
    g_autoptr(TnDomainDef) def = parse("");

    def->memtune.hard_limit_kib = 1024 * 1024;
    g_assert_cmpuint(tn_memlock_need(def, NULL), ==, 0);
}

static struct rlimit limit;
static int refusal;

static int
set_limit(pid_t pid, const struct rlimit *wanted, struct rlimit *ret_now)
{
    if (!wanted) {
        *ret_now = limit;
        return 0;
    }
    errno = refusal;
    limit = refusal == 0 ? *wanted : limit;
    return refusal == 0 ? 0 : -1;
}

static void
test_raised(void)
{
    g_autoptr(TnDomainDef) def = parse(HOSTDEV);
    g_autoptr(GError) error = NULL;

    refusal = 0;
    limit = (struct rlimit){ MIB, MIB };
    g_assert_true(tn_memlock_raise(set_limit, 2, def, NULL, &error));
    g_assert_cmpuint(limit.rlim_cur, ==, 512 * MIB + GIB);
    g_assert_cmpuint(limit.rlim_max, ==, 512 * MIB + GIB);
}

static void
test_high_hard_limit_stays(void)
{
    g_autoptr(TnDomainDef) def = parse(HOSTDEV);
    g_autoptr(GError) error = NULL;

    refusal = 0;
    limit = (struct rlimit){ MIB, 64 * GIB };
    g_assert_true(tn_memlock_raise(set_limit, 2, def, NULL, &error));
    g_assert_cmpuint(limit.rlim_cur, ==, 512 * MIB + GIB);
    g_assert_cmpuint(limit.rlim_max, ==, 64 * GIB);
}

static void
test_enough_is_left_alone(void)
{
    g_autoptr(TnDomainDef) def = parse(HOSTDEV);
    g_autoptr(GError) error = NULL;

    refusal = EPERM;
    limit = (struct rlimit){ RLIM_INFINITY, RLIM_INFINITY };
    g_assert_true(tn_memlock_raise(set_limit, 2, def, NULL, &error));
    g_assert_cmpuint(limit.rlim_cur, ==, RLIM_INFINITY);
}

static void
test_too_little(void)
{
    g_autoptr(TnDomainDef) def = parse(HOSTDEV);
    g_autoptr(GError) error = NULL;

    refusal = EPERM;
    limit = (struct rlimit){ 64 * 1024, 128 * 1024 };
    g_assert_false(tn_memlock_raise(set_limit, 2, def, NULL, &error));
    g_assert_error(error, TN_VIR_ERROR, VIR_ERR_SYSTEM_ERROR);
    g_assert_cmpstr(error->message, ==,
                    "domain 'g' needs 1572864 KiB of locked memory (524288 KiB of guest memory "
                    "and 1048576 KiB for devices), but the limit of its process is 64 KiB (hard "
                    "limit 128 KiB) and cannot be raised: Operation not permitted");
}

static void
test_raised_to_the_hard_limit(void)
{
    g_autoptr(TnDomainDef) def = parse(HOSTDEV);
    g_autoptr(GError) error = NULL;

    refusal = 0;
    limit = (struct rlimit){ MIB, MIB };
    def->memtune.hard_limit_kib = 600 * 1024;
    g_assert_true(tn_memlock_raise(set_limit, 2, def, NULL, &error));
    g_assert_cmpuint(limit.rlim_cur, ==, 600 * MIB);
}

static void
test_hard_limit_too_little(void)
{
    g_autoptr(TnDomainDef) def = parse(HOSTDEV);
    g_autoptr(TnDevice) dimm = parse_device(def, DIMM);
    g_autoptr(GError) error = NULL;

    refusal = 0;
    limit = (struct rlimit){ MIB, MIB };
    def->memtune.hard_limit_kib = 600 * 1024;
    g_assert_false(tn_memlock_raise(set_limit, 2, def, dimm, &error));
    g_assert_error(error, TN_VIR_ERROR, VIR_ERR_CONFIG_UNSUPPORTED);
    g_assert_cmpstr(error->message, ==,
                    "domain 'g' needs more than 786432 KiB of locked memory for its host devices, "
                    "but the hard_limit of its memory is 614400 KiB");
    g_assert_cmpuint(limit.rlim_cur, ==, MIB);
}

static void
test_hard_limit_that_cannot_be_had(void)
{
    g_autoptr(TnDomainDef) def = parse(HOSTDEV);
    g_autoptr(GError) error = NULL;

    refusal = EPERM;
    limit = (struct rlimit){ 64 * 1024, 128 * 1024 };
    def->memtune.hard_limit_kib = 600 * 1024;
    g_assert_false(tn_memlock_raise(set_limit, 2, def, NULL, &error));
    g_assert_cmpstr(error->message, ==,
                    "domain 'g' needs 614400 KiB of locked memory (the hard_limit of its memory), "
                    "but the limit of its process is 64 KiB (hard limit 128 KiB) and cannot be "
                    "raised: Operation not permitted");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/driver/memlock/nothing-without-devices", test_nothing_without_devices);
    g_test_add_func("/driver/memlock/memory-and-one-gib", test_memory_and_one_gib);
    g_test_add_func("/driver/memlock/added-device-counts", test_added_device_counts);
    g_test_add_func("/driver/memlock/added-dimm-counts", test_added_dimm_counts);
    g_test_add_func("/driver/memlock/raised", test_raised);
    g_test_add_func("/driver/memlock/high-hard-limit-stays", test_high_hard_limit_stays);
    g_test_add_func("/driver/memlock/enough-is-left-alone", test_enough_is_left_alone);
    g_test_add_func("/driver/memlock/too-little", test_too_little);
    g_test_add_func("/driver/memlock/hard-limit-is-the-need", test_hard_limit_is_the_need);
    g_test_add_func("/driver/memlock/hard-limit-without-devices", test_hard_limit_without_devices);
    g_test_add_func("/driver/memlock/raised-to-the-hard-limit", test_raised_to_the_hard_limit);
    g_test_add_func("/driver/memlock/hard-limit-too-little", test_hard_limit_too_little);
    g_test_add_func("/driver/memlock/hard-limit-that-cannot-be-had",
                    test_hard_limit_that_cannot_be_had);
    return g_test_run();
}
