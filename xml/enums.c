/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The XML words of each enumeration of the domain model. */
#include "xml/enums.h"

#define TABLE(name, last, ...)                                                                    \
    static const char *const name##_words[] = { __VA_ARGS__ };                                    \
    G_STATIC_ASSERT(G_N_ELEMENTS(name##_words) == (last));                                        \
    const TnEnumTable tn_##name##_table = { name##_words, (last) }

TABLE(tristate_yes_no, TN_TRISTATE_LAST, NULL, "yes", "no");
TABLE(tristate_on_off, TN_TRISTATE_LAST, NULL, "on", "off");
TABLE(virt_type, TN_VIRT_LAST, "kvm");
TABLE(boot_device, TN_BOOT_LAST, "fd", "cdrom", "hd", "network");
TABLE(lifecycle, TN_LIFECYCLE_LAST, "destroy", "restart", "rename-restart", "preserve",
      "coredump-destroy", "coredump-restart");
TABLE(memory_source, TN_MEMORY_SOURCE_LAST, NULL, "file", "anonymous", "memfd");
TABLE(memory_access, TN_MEMORY_ACCESS_LAST, NULL, "shared", "private");
TABLE(memory_allocation, TN_MEMORY_ALLOCATION_LAST, NULL, "immediate", "ondemand");
TABLE(numatune_mode, TN_NUMATUNE_LAST, "strict", "preferred", "interleave", "restrictive");
TABLE(cpu_mode, TN_CPU_MODE_LAST, NULL, "custom", "host-model", "host-passthrough", "maximum");
TABLE(cpu_check, TN_CPU_CHECK_LAST, NULL, "none", "partial", "full");
TABLE(cpu_policy, TN_CPU_POLICY_LAST, "force", "require", "optional", "disable", "forbid");
TABLE(clock_offset, TN_CLOCK_LAST, "utc", "localtime", "variable");
TABLE(clock_basis, TN_CLOCK_BASIS_LAST, "utc", "localtime");
TABLE(timer_name, TN_TIMER_LAST, "rtc", "pit", "hpet", "tsc", "kvmclock");
TABLE(tickpolicy, TN_TICKPOLICY_LAST, NULL, "delay", "catchup", "merge", "discard");
TABLE(seclabel_type, TN_SECLABEL_LAST, "none", "dynamic");
TABLE(address_type, TN_ADDRESS_LAST, NULL, "pci", "isa", "dimm");
TABLE(chardev_type, TN_CHARDEV_LAST, "null", "pty", "file", "stdio", "unix");
TABLE(controller_type, TN_CONTROLLER_LAST, "usb", "pci");
TABLE(device_kind, TN_DEVICE_LAST, "controller", "serial", "console", "audio", "memballoon",
      "memory");

const char *
tn_enum_to_string(const TnEnumTable *table, int value)
{
    if (value < 0 || value >= table->n_words) {
        return NULL;
    }
    return table->words[value];
}

int
tn_enum_from_string(const TnEnumTable *table, const char *word)
{
    if (word == NULL) {
        return -1;
    }
    for (int i = 0; i < table->n_words; i++) {
        if (table->words[i] != NULL && g_str_equal(table->words[i], word)) {
            return i;
        }
    }
    return -1;
}
