/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The door between the wire and the driver: handlers that decode, call core, and encode. */
#ifndef TN_DRIVER_API_API_H
#define TN_DRIVER_API_API_H

#include "driver/core/driver.h"
#include "driver/rpc/program.h"

G_BEGIN_DECLS

/** TnApi: what all handlers share. */
typedef struct TnApi TnApi;

/**
 * tn_api_new:
 * @driver: borrowed; must outlive the API.
 * Returns: (transfer full): free with tn_api_free().
 */
TnApi *tn_api_new(TnDriver *driver);

/* Once no handler runs any more and every client is gone. NULL is fine. Main thread. */
void tn_api_free(TnApi *api);

/**
 * tn_api_register:
 * @remote: of %TN_RPC_PROGRAM_REMOTE
 * @qemu: of %TN_RPC_PROGRAM_QEMU
 * Adds every handler of the driver. Main thread, before the server takes the programs.
 */
void tn_api_register(TnApi *api, TnRpcProgram *remote, TnRpcProgram *qemu);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(TnApi, tn_api_free)

G_END_DECLS

#endif
