/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A domain definition as data: life, copy, sums. */
#include "xml/domain.h"

#include "xml/domain-private.h"

#include <string.h>

static void
free_device(gpointer device)
{
    tn_device_free(device);
}

TnDomainDef *
tn_domain_def_new(void)
{
    TnDomainDef *def = g_new0(TnDomainDef, 1);

    def->id = -1;
    def->on_poweroff = TN_LIFECYCLE_DESTROY;
    def->on_reboot = TN_LIFECYCLE_RESTART;
    def->on_crash = TN_LIFECYCLE_DESTROY;
    tn_domain_memory_init(&def->memory);
    tn_memtune_init(&def->memtune);
    def->vcpu_pins = g_ptr_array_new_with_free_func((GDestroyNotify) tn_bitmap_free);
    tn_numatune_init(&def->numatune);
    tn_domain_cpu_init(&def->cpu);
    tn_domain_clock_init(&def->clock);
    def->seclabels = tn_seclabels_new();
    for (int kind = 0; kind < TN_DEVICE_LAST; kind++) {
        def->devices[kind] = g_ptr_array_new_with_free_func(free_device);
    }
    return def;
}

void
tn_domain_def_free(TnDomainDef *def)
{
    if (def == NULL) {
        return;
    }
    g_free(def->name);
    g_free(def->title);
    g_free(def->description);
    if (def->metadata != NULL) {
        xmlFreeNode(def->metadata);
    }
    tn_domain_memory_clear(&def->memory);
    tn_bitmap_free(def->cpuset);
    tn_numatune_clear(&def->numatune);
    g_clear_pointer(&def->vcpu_states, g_array_unref);
    g_clear_pointer(&def->vcpu_pins, g_ptr_array_unref);
    tn_bitmap_free(def->emulator_pin);
    g_free(def->partition);
    tn_domain_os_clear(&def->os);
    tn_domain_cpu_clear(&def->cpu);
    tn_domain_clock_clear(&def->clock);
    g_free(def->emulator);
    for (int kind = 0; kind < TN_DEVICE_LAST; kind++) {
        g_clear_pointer(&def->devices[kind], g_ptr_array_unref);
    }
    g_clear_pointer(&def->seclabels, g_array_unref);
    g_free(def);
}

TnDomainDef *
tn_domain_def_copy(const TnDomainDef *def)
{
    TnDomainDef *copy = g_memdup2(def, sizeof(*def));

    copy->name = g_strdup(def->name);
    copy->title = g_strdup(def->title);
    copy->description = g_strdup(def->description);
    copy->metadata = def->metadata != NULL ? xmlDocCopyNode(def->metadata, NULL, 1) : NULL;
    tn_domain_memory_copy(&copy->memory, &def->memory);
    copy->vcpu_states = def->vcpu_states != NULL ? g_array_copy(def->vcpu_states) : NULL;
    copy->cpuset = tn_bitmap_copy(def->cpuset);
    copy->vcpu_pins = tn_vcpu_pins_copy(def->vcpu_pins);
    copy->emulator_pin = tn_bitmap_copy(def->emulator_pin);
    tn_numatune_copy(&copy->numatune, &def->numatune);
    copy->partition = g_strdup(def->partition);
    tn_domain_os_copy(&copy->os, &def->os);
    tn_domain_cpu_copy(&copy->cpu, &def->cpu);
    tn_domain_clock_copy(&copy->clock, &def->clock);
    copy->emulator = g_strdup(def->emulator);
    for (int kind = 0; kind < TN_DEVICE_LAST; kind++) {
        copy->devices[kind] = g_ptr_array_new_with_free_func(free_device);
        for (guint i = 0; i < def->devices[kind]->len; i++) {
            g_ptr_array_add(copy->devices[kind],
                            tn_device_copy(g_ptr_array_index(def->devices[kind], i)));
        }
    }
    copy->seclabels = tn_seclabels_copy(def->seclabels);
    return copy;
}

guint64
tn_xml_add_saturated(guint64 a, guint64 b)
{
    guint64 sum;

    return g_uint64_checked_add(&sum, a, b) ? sum : G_MAXUINT64;
}

guint64
tn_domain_def_memory_total(const TnDomainDef *def)
{
    guint64 total = def->memory.initial_kib;

    for (guint i = 0; i < tn_domain_def_n_devices(def, TN_DEVICE_MEMORY); i++) {
        total = tn_xml_add_saturated(total, tn_domain_def_memory_device(def, i)->size_kib);
    }
    return total;
}

void
tn_uuid_format(const guint8 *uuid, char *ret_text)
{
    static const char digits[] = "0123456789abcdef";
    char *out = ret_text;

    for (guint i = 0; i < TN_UUID_LEN; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            *out++ = '-';
        }
        *out++ = digits[uuid[i] >> 4];
        *out++ = digits[uuid[i] & 0xf];
    }
    *out = '\0';
}

gboolean
tn_uuid_parse(const char *text, guint8 *ret_uuid)
{
    guint8 uuid[TN_UUID_LEN];
    guint n_digits = 0;

    text += strspn(text, " \t\r\n");
    for (; *text != '\0' && n_digits < TN_UUID_LEN * 2; text++) {
        if (*text == '-') {
            continue;
        }
        if (!g_ascii_isxdigit(*text)) {
            return FALSE;
        }
        if (n_digits % 2 == 0) {
            uuid[n_digits / 2] = (guint8) (g_ascii_xdigit_value(*text) << 4);
        } else {
            uuid[n_digits / 2] |= (guint8) g_ascii_xdigit_value(*text);
        }
        n_digits++;
    }
    text += strspn(text, " \t\r\n");
    if (n_digits != TN_UUID_LEN * 2 || *text != '\0') {
        return FALSE;
    }
    memcpy(ret_uuid, uuid, sizeof(uuid));
    return TRUE;
}
