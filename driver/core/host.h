/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The host as clients are told of it: node information and the capabilities documents. */
#ifndef TN_DRIVER_CORE_HOST_H
#define TN_DRIVER_CORE_HOST_H

#include "driver/error.h"
#include "driver/host/stats.h"
#include "driver/host/topology.h"

G_BEGIN_DECLS

/** TnHost: what is known of the host; read when first asked for. Any thread. */
typedef struct TnHost TnHost;

/* @vmm_path: shown as the emulator; copied. */
TnHost *tn_host_new(const char *vmm_path);
void tn_host_free(TnHost *host);

/* (transfer none): constant from the first call on. */
const TnHostTopology *tn_host_get_topology(TnHost *host);

/* The capabilities XML. (transfer full) */
char *tn_host_format_capabilities(TnHost *host);

/* What a client asks domain capabilities for; NULL members: whatever is the default. */
typedef struct TnHostDomainCapsQuery {
    const char *emulator;
    const char *arch;
    const char *machine;
    const char *virt_type;
} TnHostDomainCapsQuery;

/* The domain capabilities XML. (transfer full): NULL with INVALID_ARG for what cannot be had. */
char *tn_host_format_domain_capabilities(TnHost *host, const TnHostDomainCapsQuery *query,
                                         GError **error);

/* Path of libvirt's RelaxNG schema of domains, as its package installs it. */
const char *tn_host_domain_schema(void);

G_END_DECLS

#endif
