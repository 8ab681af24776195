/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table of procedures: what every call of the protocol looks like and who may make it. */
#ifndef TN_DRIVER_RPC_PROC_TABLE_H
#define TN_DRIVER_RPC_PROC_TABLE_H

#include <glib.h>
#include <rpc/types.h>
#include <rpc/xdr.h>

G_BEGIN_DECLS

/** TN_RPC_PROGRAM_REMOTE: the program of the hypervisor-neutral calls. */
#define TN_RPC_PROGRAM_REMOTE 0x20008086u
/** TN_RPC_PROGRAM_QEMU: the program of monitor and agent calls. */
#define TN_RPC_PROGRAM_QEMU 0x20008087u
/** TN_RPC_PROGRAM_KEEPALIVE: the program of the pings that both sides send. */
#define TN_RPC_PROGRAM_KEEPALIVE 0x6b656570u
/** TN_RPC_PROGRAM_VERSION: the one version of each program. */
#define TN_RPC_PROGRAM_VERSION 1u

/**
 * TnRpcProcFlags:
 * @TN_RPC_PROC_NO_AUTH: may be called before the client has authenticated
 * @TN_RPC_PROC_READ_ONLY: may be called on a read-only connection
 * @TN_RPC_PROC_HIGH_PRIORITY: may run on the workers that are kept free of slow calls; only for
 *   calls that never wait for a guest, a monitor or a job
 * @TN_RPC_PROC_EVENT: sent by the daemon, never called
 * @TN_RPC_PROC_INSTANT: answered from memory within microseconds, and so right on the I/O thread,
 *   which saves waking a worker; every client waits meanwhile. Locks that such a handler takes are
 *   never held across I/O or a wait
 * @TN_RPC_PROC_EXCLUSIVE: runs while no other call of its client does, in the order of arrival:
 *   what hangs on the client (tn_rpc_client_set_data()) comes and goes with it
 */
typedef enum {
    TN_RPC_PROC_NO_AUTH = 1 << 0,
    TN_RPC_PROC_READ_ONLY = 1 << 1,
    TN_RPC_PROC_HIGH_PRIORITY = 1 << 2,
    TN_RPC_PROC_EVENT = 1 << 3,
    TN_RPC_PROC_INSTANT = 1 << 4,
    TN_RPC_PROC_EXCLUSIVE = 1 << 5,
} TnRpcProcFlags;

/**
 * TnRpcOwner:
 *
 * Which daemon serves a procedure: this one, or the one that owns the kind of object it names.
 */
typedef enum {
    TN_RPC_OWNER_SELF,
    TN_RPC_OWNER_NETWORK,
    TN_RPC_OWNER_STORAGE,
    TN_RPC_OWNER_NODEDEV,
    TN_RPC_OWNER_INTERFACE,
    TN_RPC_OWNER_SECRET,
    TN_RPC_OWNER_NWFILTER,
    TN_RPC_OWNER_LAST,
} TnRpcOwner;

/**
 * TnRpcPayload:
 * @filter: the XDR filter, NULL for "no payload"
 * @size: bytes of the C type the filter works on, 0 for "no payload"
 */
typedef struct {
    xdrproc_t filter;
    gsize size;
} TnRpcPayload;

/**
 * TnRpcProc:
 * @name: the procedure's name, e.g. "DOMAIN_CREATE"
 * @args: its arguments (for an event: the message)
 * @ret: its result
 * @flags: #TnRpcProcFlags
 * @owner: which daemon serves it
 */
typedef struct {
    const char *name;
    TnRpcPayload args;
    TnRpcPayload ret;
    guint8 flags;
    guint8 owner;
} TnRpcProc;

/**
 * tn_rpc_proc_table_lookup:
 * @program: a program number
 * @procedure: a procedure number as it came from the wire, any value
 *
 * Returns: the row, or NULL when this version of the protocol has no such procedure. Any thread.
 */
const TnRpcProc *tn_rpc_proc_table_lookup(guint32 program, gint32 procedure);

/**
 * tn_rpc_proc_table_length:
 * @program: a program number
 *
 * Returns: one more than the highest procedure number of @program, 0 for an unknown program.
 */
gsize tn_rpc_proc_table_length(guint32 program);

/**
 * tn_rpc_proc_api_name:
 * @proc: a row of the table
 *
 * Returns: (transfer full): the name of the API function behind the procedure, as it stands in
 *   messages for people: "virDomainCreate" for "DOMAIN_CREATE". Any thread.
 */
char *tn_rpc_proc_api_name(const TnRpcProc *proc);

G_END_DECLS

#endif
