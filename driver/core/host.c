/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From what the host is to libvirt's documents about it. */
#include "driver/core/host.h"

#include <string.h>
#include <unistd.h>

#include "xml/capabilities.h"
#include "xml/domain-capabilities.h"
#include "xml/domain.h"

#define MACHINE "pc-i440fx-7.2"
#define SCHEMA_PATH "/usr/share/libvirt/schemas/domain.rng"

struct TnHost {
    char *vmm_path;
    char uuid[TN_UUID_STRING_LEN]; /* "" when there is none to read */
    GMutex lock;
    TnHostTopology *topology;
};

/* The machine's UUID: the firmware's if it may be read, else made from the machine id. */
static void
read_uuid(TnHost *host)
{
    static const char *const paths[] = { "/sys/class/dmi/id/product_uuid", "/etc/machine-id" };

    for (gsize i = 0; i < G_N_ELEMENTS(paths); i++) {
        g_autofree char *text = NULL;
        guint8 uuid[TN_UUID_LEN];

        if (g_file_get_contents(paths[i], &text, NULL, NULL) &&
            tn_uuid_parse(g_strstrip(text), uuid)) {
            tn_uuid_format(uuid, host->uuid);
            return;
        }
    }
}

TnHost *
tn_host_new(const char *vmm_path)
{
    TnHost *host = g_new0(TnHost, 1);

    host->vmm_path = g_strdup(vmm_path);
    g_mutex_init(&host->lock);
    read_uuid(host);
    return host;
}

void
tn_host_free(TnHost *host)
{
    if (host) {
        tn_host_topology_free(host->topology);
        g_mutex_clear(&host->lock);
        g_free(host->vmm_path);
        g_free(host);
    }
}

const TnHostTopology *
tn_host_get_topology(TnHost *host)
{
    const TnHostTopology *topology;

    g_mutex_lock(&host->lock);
    if (!host->topology) {
        host->topology = tn_host_topology_read("");
    }
    topology = host->topology;
    g_mutex_unlock(&host->lock);
    return topology;
}

/* Arrays of xml/'s plain structs for one node; all freed with the scope. */
static void
fill_cell(const TnHostTopology *t, const TnHostNode *node, TnHostCell *cell)
{
    TnHostCpu *cpus = g_new0(TnHostCpu, MAX(node->cpus->len, 1));
    TnHostPages *pages = g_new0(TnHostPages, MAX(node->pages->len, 1));
    TnHostDistance *distances = g_new0(TnHostDistance, MAX(node->distances->len, 1));

    for (guint i = 0; i < node->cpus->len; i++) {
        const TnHostProcessor *p = &g_array_index(node->cpus, TnHostProcessor, i);

        cpus[i] = (TnHostCpu){ p->id, p->socket, p->die, p->core, p->siblings };
    }
    for (guint i = 0; i < node->pages->len; i++) {
        const TnHostPageSize *p = &g_array_index(node->pages, TnHostPageSize, i);

        pages[i] = (TnHostPages){ p->size_kib, p->count };
    }
    for (guint i = 0; i < node->distances->len && i < t->nodes->len; i++) {
        distances[i] = (TnHostDistance){ g_array_index(t->nodes, TnHostNode, i).id,
                                         g_array_index(node->distances, guint, i) };
    }
    *cell = (TnHostCell){
        .id = node->id,
        .memory_kib = node->memory_kib,
        .pages = pages,
        .n_pages = node->pages->len,
        .distances = distances,
        .n_distances = MIN(node->distances->len, t->nodes->len),
        .cpus = cpus,
        .n_cpus = node->cpus->len,
    };
}

char *
tn_host_format_capabilities(TnHost *host)
{
    static const TnMachineType machines[] = {
        { "pc", MACHINE, TN_XML_MAX_VCPUS },
        { MACHINE, NULL, TN_XML_MAX_VCPUS },
    };
    const TnHostTopology *t = tn_host_get_topology(host);
    g_autofree TnHostCell *cells = g_new0(TnHostCell, t->nodes->len);
    TnCapabilities caps = {
        .host_uuid = *host->uuid ? host->uuid : NULL,
        .arch = "x86_64",
        .cpu_vendor = t->vendor,
        .microcode = t->microcode,
        .sockets = t->sockets,
        .dies = t->dies,
        .cores = t->cores,
        .threads = t->threads,
        .iommu = g_file_test("/sys/class/iommu", G_FILE_TEST_IS_DIR),
        .cells = cells,
        .n_cells = t->nodes->len,
        .emulator = host->vmm_path,
        .machines = machines,
        .n_machines = G_N_ELEMENTS(machines),
        .kvm = access("/dev/kvm", R_OK | W_OK) == 0,
    };
    char *xml;

    for (guint i = 0; i < t->nodes->len; i++) {
        fill_cell(t, &g_array_index(t->nodes, TnHostNode, i), &cells[i]);
    }
    if (t->nodes->len > 0) {
        caps.pages = cells[0].pages;
        caps.n_pages = cells[0].n_pages;
    }
    xml = tn_capabilities_format(&caps);
    for (guint i = 0; i < t->nodes->len; i++) {
        g_free((gpointer)cells[i].cpus);
        g_free((gpointer)cells[i].pages);
        g_free((gpointer)cells[i].distances);
    }
    return xml;
}

static gboolean
check_query(TnHost *host, const TnHostDomainCapsQuery *query, GError **error)
{
    if (query->arch && strcmp(query->arch, "x86_64") != 0) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_INVALID_ARG,
                    "architecture '%s' is not supported: use x86_64", query->arch);
        return FALSE;
    }
    if (query->virt_type && strcmp(query->virt_type, "kvm") != 0) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_INVALID_ARG,
                    "virtualization type '%s' is not supported: use kvm", query->virt_type);
        return FALSE;
    }
    if (query->machine && strcmp(query->machine, "pc") != 0 &&
        strcmp(query->machine, MACHINE) != 0) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_INVALID_ARG,
                    "the machine '%s' is not supported by emulator '%s'", query->machine,
                    host->vmm_path);
        return FALSE;
    }
    if (query->emulator && strcmp(query->emulator, host->vmm_path) != 0) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_INVALID_ARG,
                    "emulator '%s' is not the one of this host: '%s'", query->emulator,
                    host->vmm_path);
        return FALSE;
    }
    return TRUE;
}

char *
tn_host_format_domain_capabilities(TnHost *host, const TnHostDomainCapsQuery *query,
                                   GError **error)
{
    static const char *const modes[] = { "subsystem", NULL };
    static const char *const policies[] = { "default", NULL };
    static const char *const types[] = { "pci", NULL };
    static const char *const backends[] = { "default", "vfio", NULL };
    static const TnDomainCapsEnum hostdev_enums[] = {
        { "mode", modes },         { "startupPolicy", policies }, { "subsysType", types },
        { "capsType", NULL },      { "pciBackend", backends },    { NULL, NULL },
    };
    static const TnDomainCapsDevice devices[] = { { "hostdev", TRUE, hostdev_enums } };
    const TnDomainCapabilities caps = {
        .emulator = host->vmm_path,
        .machine = MACHINE,
        .arch = "x86_64",
        .max_vcpus = TN_XML_MAX_VCPUS,
        .devices = devices,
        .n_devices = G_N_ELEMENTS(devices),
    };

    return check_query(host, query, error) ? tn_domain_capabilities_format(&caps) : NULL;
}

const char *
tn_host_domain_schema(void)
{
    return SCHEMA_PATH;
}
