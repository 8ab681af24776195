/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A QMP client over a connected socket. The peer is not trusted: all that it can
 * send is bounded, and what breaks the protocol ends the connection.
 *
 * Threads: reading happens on the GMainContext given to tn_qmp_client_new();
 * commands may be called from any other thread, several at once. A monitor that
 * hangs delays nobody but the caller that waits for it.
 */
#pragma once

#include "qmp/error.h"

#include <glib.h>
#include <json-c/json.h>

G_BEGIN_DECLS

/* What went wrong with the connection; what the peer answered is in TN_QMP_ERROR. */
#define TN_QMP_CLIENT_ERROR (tn_qmp_client_error_quark())
GQuark tn_qmp_client_error_quark(void);

typedef enum {
    TN_QMP_CLIENT_ERROR_CLOSED,    /* the peer hung up, or tn_qmp_client_close() was called */
    TN_QMP_CLIENT_ERROR_TIMEOUT,   /* no reply in time; the connection stays */
    TN_QMP_CLIENT_ERROR_PROTOCOL,  /* the peer sent what is no QMP; the connection is ended */
    TN_QMP_CLIENT_ERROR_LIMIT,     /* too many commands wait already, or too much to send */
    TN_QMP_CLIENT_ERROR_CANCELLED, /* tn_qmp_client_cancel_all() */
} TnQmpClientError;

typedef struct TnQmpClient TnQmpClient;

/* Limits, all of them on what one connection may hold. */
#define TN_QMP_CLIENT_MAX_PENDING 256                /* calls without a reply yet */
#define TN_QMP_CLIENT_MAX_REPLY (16 * 1024 * 1024)   /* bytes of one message from the peer */
#define TN_QMP_CLIENT_MAX_UNSENT (4 * 1024 * 1024)   /* bytes the peer did not take yet */
#define TN_QMP_CLIENT_MAX_FDS 16                     /* descriptors with one command */

/**
 * TnQmpClientCallbacks:
 * @event: an event; @data (transfer none) may be NULL, @time_us is the peer's wall
 *   clock in microseconds, 0 when it sent none. json-c's references are not thread-safe:
 *   for another thread, copy it.
 * @disconnected: the peer is gone or broke the protocol, as @reason says; called
 *   once, after every waiting caller was woken, and not after tn_qmp_client_close().
 * Members may be NULL. Both run on the context's thread, without a lock held; they
 * may call anything here but the calls that wait.
 */
typedef struct TnQmpClientCallbacks {
    void (*event)(TnQmpClient *client, const char *name, json_object *data, gint64 time_us,
                  gpointer user_data);
    void (*disconnected)(TnQmpClient *client, const GError *reason, gpointer user_data);
} TnQmpClientCallbacks;

/**
 * tn_qmp_client_new:
 * @fd: a connected unix stream socket; taken, made non-blocking and close-on-exec.
 * @context: where reading and the callbacks run; NULL for the default one. Referenced.
 * @callbacks: copied; may be NULL.
 * Returns at once: greeting and negotiation happen on @context, and commands called
 * meanwhile wait for them within their own limits. (transfer full); end it with
 * tn_qmp_client_close() and tn_qmp_client_unref().
 */
TnQmpClient *tn_qmp_client_new(int fd, GMainContext *context,
                               const TnQmpClientCallbacks *callbacks, gpointer user_data);

TnQmpClient *tn_qmp_client_ref(TnQmpClient *client);
/* NULL is fine. The last one closes. Any thread. */
void tn_qmp_client_unref(TnQmpClient *client);

/**
 * tn_qmp_client_close:
 * Ends the connection and wakes everybody who waits, with CLOSED. No callback of
 * TnQmpClientCallbacks begins after it returns on the context's thread; on another
 * thread one may still be running. Idempotent. Any thread.
 */
void tn_qmp_client_close(TnQmpClient *client);

/* Wakes everybody who waits, with CANCELLED; the connection stays, replies that
 * come late are dropped. Any thread. */
void tn_qmp_client_cancel_all(TnQmpClient *client);

/* FALSE once the connection ended. Any thread. */
gboolean tn_qmp_client_is_open(TnQmpClient *client);

/**
 * tn_qmp_client_wait_ready:
 * @timeout_ms: milliseconds; < 0: no limit.
 * Waits until the capabilities are negotiated. Not on the context's thread.
 * Returns: FALSE with TN_QMP_CLIENT_ERROR.
 */
gboolean tn_qmp_client_wait_ready(TnQmpClient *client, int timeout_ms, GError **error);

/**
 * tn_qmp_client_get_version:
 * What the greeting said; 0 before tn_qmp_client_wait_ready() succeeded.
 * Returns: major * 1000000 + minor * 1000 + micro.
 */
unsigned tn_qmp_client_get_version(TnQmpClient *client);

/**
 * tn_qmp_client_call:
 * @name: the command.
 * @args: (transfer full): its arguments; NULL for none. Given up on failure as well.
 * @fds: (array length=n_fds): descriptors to send along, copied; may be NULL.
 * @timeout_ms: milliseconds from now to the reply; < 0: no limit.
 * Sends a command and waits for its reply. Any thread but the context's own.
 * A command that was not sent yet when its time is over never will be.
 * Returns: (transfer full): the "return" member, never NULL on success; NULL with
 *   TN_QMP_ERROR (what the peer answered: its class and desc) or TN_QMP_CLIENT_ERROR.
 */
json_object *tn_qmp_client_call(TnQmpClient *client, const char *name, json_object *args,
                                const int *fds, unsigned n_fds, int timeout_ms, GError **error);

/**
 * tn_qmp_client_call_and_query:
 * @query: a command without arguments, sent right behind @name and whatever becomes of that:
 *   what is asked after a change costs no turn of its own.
 * @ret_answer: (out) (transfer full): @query's "return" member; NULL when it failed or came too
 *   late.
 * Otherwise as tn_qmp_client_call(), whose parameters, reply and errors are @name's; @timeout_ms
 * is for both.
 */
json_object *tn_qmp_client_call_and_query(TnQmpClient *client, const char *name, json_object *args,
                                          const char *query, int timeout_ms,
                                          json_object **ret_answer, GError **error);

/* @reply (transfer none) on success, else NULL and @error. */
typedef void (*TnQmpClientReplyFunc)(TnQmpClient *client, json_object *reply, const GError *error,
                                     gpointer user_data);

/**
 * tn_qmp_client_call_async:
 * As tn_qmp_client_call(), without waiting. Any thread.
 * @func: called once on the context's thread with the outcome, whatever it is (also
 *   after tn_qmp_client_close(), then with CLOSED). May be NULL.
 */
void tn_qmp_client_call_async(TnQmpClient *client, const char *name, json_object *args,
                              const int *fds, unsigned n_fds, int timeout_ms,
                              TnQmpClientReplyFunc func, gpointer user_data);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(TnQmpClient, tn_qmp_client_unref)

G_END_DECLS
