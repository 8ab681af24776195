/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fw_cfg's items and files, from the machine's configuration. */
#include "vmm/machine/pc-fw-cfg.h"

#include "vmm/core/boot-order.h"
#include "vmm/machine/e820.h"

#define BOOT_ORDER_FILE "bootorder"

/* One row of the file "etc/e820". */
typedef struct __attribute__((packed)) E820Row {
    guint64 addr, size;
    guint32 type;
} E820Row;

static void
add_uuid(TnFwCfg *fw_cfg, const char *text)
{
    guint8 bytes[16] = { 0 };
    unsigned n = 0;

    for (const char *p = text ? text : ""; *p && n < sizeof(bytes); p++) {
        if (*p != '-') {
            bytes[n++] = (guint8)(g_ascii_xdigit_value(p[0]) << 4 | g_ascii_xdigit_value(p[1]));
            p++;
        }
    }
    tn_fw_cfg_set_item(fw_cfg, TN_FW_CFG_UUID, bytes, sizeof(bytes));
}

static void
add_numa(TnFwCfg *fw_cfg, const TnMachineConfig *config)
{
    gsize count = 1 + (gsize)config->max_cpus + config->num_numa;
    g_autofree guint64 *words = g_new0(guint64, count);

    words[0] = GUINT64_TO_LE(config->num_numa);
    for (unsigned node = 0; node < config->num_numa; node++) {
        words[1 + config->max_cpus + node] = GUINT64_TO_LE(config->numa[node].size);
        for (unsigned cpu = 0; cpu < config->max_cpus; cpu++) {
            if ((config->numa[node].cpus[cpu / 64] >> (cpu % 64)) & 1) {
                words[1 + cpu] = GUINT64_TO_LE((guint64)node);
            }
        }
    }
    tn_fw_cfg_set_item(fw_cfg, TN_FW_CFG_NUMA, words, count * sizeof(*words));
}

static gboolean
add_e820(TnFwCfg *fw_cfg, const TnMachineConfig *config, GError **error)
{
    g_autofree TnE820Map *map = g_new0(TnE820Map, 1);
    g_autofree E820Row *rows = NULL;
    g_autoptr(GBytes) bytes = NULL;

    tn_e820_init_pc(map, config->ram_size);
    rows = g_new0(E820Row, map->num_entries);
    for (unsigned i = 0; i < map->num_entries; i++) {
        rows[i].addr = GUINT64_TO_LE(map->entries[i].addr);
        rows[i].size = GUINT64_TO_LE(map->entries[i].size);
        rows[i].type = GUINT32_TO_LE((guint32)map->entries[i].type);
    }
    bytes = g_bytes_new(rows, map->num_entries * sizeof(*rows));
    return tn_fw_cfg_add_file(fw_cfg, "etc/e820", bytes, error);
}

static gboolean
add_boot_order(TnFwCfg *fw_cfg, const TnPlatform *platform, GError **error)
{
    g_autoptr(GBytes) data = tn_boot_order_get_file(platform->boot_order);

    return tn_fw_cfg_add_file(fw_cfg, BOOT_ORDER_FILE, data, error);
}

void
tn_pc_fw_cfg_refresh(TnFwCfg *fw_cfg, const TnPlatform *platform)
{
    g_autoptr(GBytes) data = tn_boot_order_get_file(platform->boot_order);

    tn_fw_cfg_set_file(fw_cfg, BOOT_ORDER_FILE, data);
}

TnFwCfg *
tn_pc_fw_cfg_new(const TnPlatform *platform, const TnMachineConfig *config, GError **error)
{
    static const guint8 yes = 1;
    g_autoptr(TnFwCfg) fw_cfg = tn_fw_cfg_new(platform);

    add_uuid(fw_cfg, config->uuid);
    add_numa(fw_cfg, config);
    tn_fw_cfg_set_u64(fw_cfg, TN_FW_CFG_RAM_SIZE, config->ram_size);
    tn_fw_cfg_set_u16(fw_cfg, TN_FW_CFG_NOGRAPHIC, 1);
    tn_fw_cfg_set_u16(fw_cfg, TN_FW_CFG_BOOT_MENU, 0);
    tn_fw_cfg_set_u16(fw_cfg, TN_FW_CFG_NB_CPUS, (guint16)config->cpus);
    tn_fw_cfg_set_u16(fw_cfg, TN_FW_CFG_MAX_CPUS, (guint16)config->max_cpus);
    tn_fw_cfg_set_item(fw_cfg, TN_FW_CFG_IRQ0_OVERRIDE, &yes, sizeof(yes));
    if (!add_e820(fw_cfg, config, error) || !add_boot_order(fw_cfg, platform, error)) {
        return NULL;
    }
    for (guint i = 0; config->fw_cfg_files && i < config->fw_cfg_files->len; i++) {
        const TnFwCfgFile *file = g_ptr_array_index(config->fw_cfg_files, i);

        if (!tn_fw_cfg_add_file(fw_cfg, file->name, file->data, error)) {
            g_prefix_error(error, "-fw_cfg %s: ", file->name);
            return NULL;
        }
    }
    return g_steal_pointer(&fw_cfg);
}
