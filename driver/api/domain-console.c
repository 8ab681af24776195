/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A guest's console as a stream. */
#include <fcntl.h>
#include <unistd.h>

#include "driver/api/api-private.h"
#include "driver/core/console.h"
#include "driver/rpc/stream.h"
#include "driver/rpc/typed-params.h"

/* A client at a console; lives until its stream has closed. */
typedef struct Session {
    gatomicrefcount refs; /* the stream's and the opening call's */
    TnConsole *console;

    GMutex lock;
    TnRpcStream *stream;
    gboolean revoked; /* by force, before or after the stream was there */
} Session;

static void
session_unref(Session *session)
{
    if (g_atomic_ref_count_dec(&session->refs)) {
        tn_rpc_stream_unref(session->stream);
        g_mutex_clear(&session->lock);
        g_free(session);
    }
}

static void
abort_locked(Session *session)
{
    g_autoptr(GError) error = g_error_new_literal(TN_VIR_ERROR, VIR_ERR_OPERATION_ABORTED,
                                                  "the console was taken over by another client");

    tn_rpc_stream_abort(session->stream, error);
}

static void
on_revoked(gpointer user_data)
{
    Session *session = user_data;

    g_mutex_lock(&session->lock);
    session->revoked = TRUE;
    if (session->stream) {
        abort_locked(session);
    }
    g_mutex_unlock(&session->lock);
}

static void
on_closed(TnRpcStream *stream, gpointer user_data)
{
    Session *session = user_data;

    tn_console_close(session->console);
    session_unref(session);
}

static gboolean
open_stream(TnRpcCall *call, Session *session, int fd, GError **error)
{
    const TnRpcStreamOptions options = {
        .read_fd = fd, .write_fd = fd, .closed = on_closed, .user_data = session
    };
    TnRpcStream *stream;

    /* One reference for the stream's end, which may come before this returns. */
    g_atomic_ref_count_inc(&session->refs);
    stream = tn_rpc_call_open_stream(call, &options, error);
    if (!stream) {
        tn_console_close(session->console);
        session_unref(session);
        return FALSE;
    }
    g_mutex_lock(&session->lock);
    session->stream = stream;
    if (session->revoked) {
        abort_locked(session);
    }
    g_mutex_unlock(&session->lock);
    return TRUE;
}

static gboolean
domain_open_console(TnRpcCall *call, void *data, void *ret, GError **error)
{
    TnRpcDomainOpenConsoleArgs *args = data;
    g_autoptr(TnDomain) domain = NULL;
    Session *session;
    gboolean ok = FALSE;
    int fd = -1;

    if (!tn_api_check_flags(call, args->flags,
                            VIR_DOMAIN_CONSOLE_FORCE | VIR_DOMAIN_CONSOLE_SAFE, error)) {
        return FALSE;
    }
    domain = tn_api_find_domain(call, &args->dom, error);
    if (!domain) {
        return FALSE;
    }
    session = g_new0(Session, 1);
    g_atomic_ref_count_init(&session->refs);
    g_mutex_init(&session->lock);
    session->console = tn_console_open(domain, tn_rpc_string_from_opt(args->dev_name),
                                       (args->flags & VIR_DOMAIN_CONSOLE_FORCE) != 0, on_revoked,
                                       session, &fd, error);
    if (session->console) {
        ok = open_stream(call, session, fd, error);
    }
    session_unref(session);
    return ok;
}

const TnRpcHandlerRow tn_api_domain_console_rows[] = {
    { TN_RPC_PROC_DOMAIN_OPEN_CONSOLE, domain_open_console },
};
const gsize tn_api_n_domain_console_rows = G_N_ELEMENTS(tn_api_domain_console_rows);
