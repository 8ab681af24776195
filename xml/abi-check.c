/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Would the guest notice? What must stay the same when a definition takes another's place. */
#include "xml/device-private.h"
#include "xml/domain-private.h"

/* Sets the error and is FALSE, so that a check reads as one line. */
static gboolean
differ(GError **error, const char *what, const char *dst, const char *src)
{
    tn_xml_error_set(error, TN_XML_ERROR_CONFIG_UNSUPPORTED,
                     "Target domain %s %s does not match source %s", what,
                     dst != NULL ? dst : "none", src != NULL ? src : "none");
    return FALSE;
}

static gboolean
same_number(const char *what, guint64 src, guint64 dst, GError **error)
{
    g_autofree char *src_text = NULL;
    g_autofree char *dst_text = NULL;

    if (src == dst) {
        return TRUE;
    }
    src_text = g_strdup_printf("%" G_GUINT64_FORMAT, src);
    dst_text = g_strdup_printf("%" G_GUINT64_FORMAT, dst);
    return differ(error, what, dst_text, src_text);
}

static gboolean
same_word(const char *what, const TnEnumTable *table, int src, int dst, GError **error)
{
    return src == dst ||
           differ(error, what, tn_enum_to_string(table, dst), tn_enum_to_string(table, src));
}

static gboolean
check_identity(const TnDomainDef *src, const TnDomainDef *dst, GError **error)
{
    char src_uuid[TN_UUID_STRING_LEN];
    char dst_uuid[TN_UUID_STRING_LEN];

    tn_uuid_format(src->uuid, src_uuid);
    tn_uuid_format(dst->uuid, dst_uuid);
    if (!g_str_equal(src_uuid, dst_uuid)) {
        return differ(error, "uuid", dst_uuid, src_uuid);
    }
    if (g_strcmp0(src->name, dst->name) != 0) {
        tn_xml_error_set(error, TN_XML_ERROR_CONFIG_UNSUPPORTED,
                         "Target domain name '%s' does not match source '%s'", dst->name,
                         src->name);
        return FALSE;
    }
    return g_strcmp0(src->os.machine, dst->os.machine) == 0 ||
           differ(error, "machine type", dst->os.machine, src->os.machine);
}

static gboolean
check_memory(const TnDomainDef *src, const TnDomainDef *dst, GError **error)
{
    return same_number("max memory", tn_domain_def_memory_total(src),
                       tn_domain_def_memory_total(dst), error) &&
           same_number("current memory", src->memory.current_kib, dst->memory.current_kib,
                       error) &&
           same_number("maximum memory size", src->memory.max_kib, dst->memory.max_kib, error) &&
           same_number("memory slots", src->memory.slots, dst->memory.slots, error);
}

static gboolean
check_cells(const TnDomainCpu *src, const TnDomainCpu *dst, GError **error)
{
    if (!same_number("NUMA cell count", src->cells->len, dst->cells->len, error)) {
        return FALSE;
    }
    for (guint i = 0; i < src->cells->len; i++) {
        const TnNumaCell *a = &g_array_index(src->cells, TnNumaCell, i);
        const TnNumaCell *b = &g_array_index(dst->cells, TnNumaCell, i);

        if (!same_number("NUMA cell memory", a->memory_kib, b->memory_kib, error)) {
            return FALSE;
        }
        if (!tn_bitmap_equal(a->cpus, b->cpus)) {
            tn_xml_error_set(error, TN_XML_ERROR_CONFIG_UNSUPPORTED,
                             "Processor mask of target NUMA cell %u does not match source", i);
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean
check_features(const TnDomainCpu *src, const TnDomainCpu *dst, GError **error)
{
    if (!same_number("CPU feature count", src->features->len, dst->features->len, error)) {
        return FALSE;
    }
    for (guint i = 0; i < src->features->len; i++) {
        const TnCpuFeature *a = &g_array_index(src->features, TnCpuFeature, i);
        const TnCpuFeature *b = NULL;

        for (guint j = 0; j < dst->features->len && b == NULL; j++) {
            const TnCpuFeature *other = &g_array_index(dst->features, TnCpuFeature, j);

            b = g_str_equal(other->name, a->name) ? other : NULL;
        }
        if (b == NULL) {
            return differ(error, "CPU feature", NULL, a->name);
        }
        if (!same_word("CPU feature policy", &tn_cpu_policy_table, (int) a->policy,
                       (int) b->policy, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean
check_cpu(const TnDomainDef *src, const TnDomainDef *dst, GError **error)
{
    return same_number("vCPU max", src->vcpus_max, dst->vcpus_max, error) &&
           same_number("vCPU current", src->vcpus, dst->vcpus, error) &&
           same_word("CPU mode", &tn_cpu_mode_table, (int) src->cpu.mode, (int) dst->cpu.mode,
                     error) &&
           same_number("CPU sockets", src->cpu.sockets, dst->cpu.sockets, error) &&
           same_number("CPU dies", src->cpu.dies, dst->cpu.dies, error) &&
           same_number("CPU cores", src->cpu.cores, dst->cpu.cores, error) &&
           same_number("CPU threads", src->cpu.threads, dst->cpu.threads, error) &&
           check_features(&src->cpu, &dst->cpu, error) && check_cells(&src->cpu, &dst->cpu, error);
}

static gboolean
check_ioapic(const TnDomainDef *src, const TnDomainDef *dst, GError **error)
{
    return same_word("feature ioapic", &tn_ioapic_driver_table, (int) src->features.ioapic,
                     (int) dst->features.ioapic, error);
}

static gboolean
check_clock(const TnDomainDef *src, const TnDomainDef *dst, GError **error)
{
    const GArray *a = src->clock.timers;
    const GArray *b = dst->clock.timers;

    if (!same_word("clock offset", &tn_clock_offset_table, (int) src->clock.offset,
                   (int) dst->clock.offset, error) ||
        !same_number("timer count", a->len, b->len, error)) {
        return FALSE;
    }
    for (guint i = 0; i < a->len; i++) {
        const TnTimer *x = &g_array_index(a, TnTimer, i);
        const TnTimer *y = &g_array_index(b, TnTimer, i);

        if (!same_word("timer", &tn_timer_name_table, (int) x->name, (int) y->name, error) ||
            !same_word("timer presence", &tn_tristate_yes_no_table, (int) x->present,
                       (int) y->present, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean
check_devices(const TnDomainDef *src, const TnDomainDef *dst, TnDeviceKind kind, GError **error)
{
    const TnDeviceOps *ops = tn_device_ops(kind);
    guint n_src = src->devices[kind]->len;
    guint n_dst = dst->devices[kind]->len;

    if (n_src != n_dst) {
        tn_xml_error_set(error, TN_XML_ERROR_CONFIG_UNSUPPORTED,
                         "Target domain %s device count %u does not match source %u",
                         tn_device_kind_name(kind), n_dst, n_src);
        return FALSE;
    }
    for (guint i = 0; i < n_src; i++) {
        const TnDevice *a = g_ptr_array_index(src->devices[kind], i);
        const TnDevice *b = g_ptr_array_index(dst->devices[kind], i);

        if (!tn_device_info_check_abi(&a->info, &b->info, error) ||
            (ops->check_abi != NULL && !ops->check_abi(a, b, error))) {
            return FALSE;
        }
    }
    return TRUE;
}

gboolean
tn_domain_def_check_abi(const TnDomainDef *src, const TnDomainDef *dst, GError **error)
{
    if (!check_identity(src, dst, error) || !check_memory(src, dst, error) ||
        !check_cpu(src, dst, error) || !check_ioapic(src, dst, error) ||
        !check_clock(src, dst, error)) {
        return FALSE;
    }
    if (!same_number("acpi feature", src->features.acpi, dst->features.acpi, error) ||
        !same_number("apic feature", src->features.apic, dst->features.apic, error) ||
        !same_number("pae feature", src->features.pae, dst->features.pae, error)) {
        return FALSE;
    }
    for (int kind = 0; kind < TN_DEVICE_LAST; kind++) {
        if (!check_devices(src, dst, (TnDeviceKind) kind, error)) {
            return FALSE;
        }
    }
    return TRUE;
}
