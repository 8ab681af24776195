/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the client is made of; for client.c, client-queue.c and client-input.c. */
#pragma once

#include "qmp/client.h"
#include "qmp/json-reader.h"

#include <glib-unix.h>

/* An error's text, in bytes; the peer's own limit is that of a message. */
#define MAX_DESC 4096
/* A reply's shape; QEMU's largest, its schema, has some 40,000 tokens. At worst json-c
 * spends 300 bytes on one. */
#define MAX_REPLY_DEPTH 256
#define MAX_REPLY_TOKENS (128 * 1024)

/* The id with which the capabilities are negotiated; commands count from 1. */
#define TN_QMP_NEGOTIATION_ID 0

typedef enum {
    CLIENT_GREETING,
    CLIENT_NEGOTIATING,
    CLIENT_READY,
    CLIENT_ENDED,
} TnQmpClientState;

/* Descriptors as a caller gave them. */
typedef struct TnQmpFds {
    const int *fds;
    unsigned n_fds;
} TnQmpFds;

/* A command on its way out. */
typedef struct TnQmpOutMessage {
    gint64 id;
    GString *text;
    gsize sent; /* bytes gone already */
    int fds[TN_QMP_CLIENT_MAX_FDS];
    unsigned n_fds;
} TnQmpOutMessage;

/* A command that waits for its reply. One reference is the table's, one each the
 * caller's, the timer's and the delivery's. */
typedef struct TnQmpPendingCall {
    int refs;
    gint64 id;
    TnQmpClient *client;
    gboolean is_async;
    TnQmpClientReplyFunc func;
    gpointer user_data;
    /* The client's lock. */
    GSource *timer;
    gboolean done;
    json_object *reply;
    GError *error;
} TnQmpPendingCall;

struct TnQmpClient {
    int refs;
    int fd;
    GMainContext *context;
    TnQmpClientCallbacks callbacks;
    gpointer user_data;
    /* The context's thread. */
    TnJsonReader *reader;
    char buffer[65536];
    /* The lock. The context's thread alone moves the state on, but for its end. */
    GMutex lock;
    GCond changed;
    TnQmpClientState state;
    GError *end_reason;
    GSource *read_source;
    GSource *write_source;
    GQueue unsent; /* TnQmpOutMessage */
    gsize unsent_bytes;
    GHashTable *calls; /* id -> TnQmpPendingCall */
    gint64 next_id;
    unsigned version;
};

/* "_locked" needs the client's lock. */

/* @args: (transfer none), may be NULL. (transfer full) */
TnQmpOutMessage *tn_qmp_client_message_new(gint64 id, const char *name, json_object *args);
/* Closes its descriptors. NULL is fine. */
void tn_qmp_client_message_free(TnQmpOutMessage *message);
/* Gives it own copies of the caller's descriptors, so that they may be closed at once. */
gboolean tn_qmp_client_message_take_copies(TnQmpOutMessage *message, const int *fds,
                                           unsigned n_fds, GError **error);

/* Sends what the socket takes; the rest goes when it is writable. */
void tn_qmp_client_flush_locked(TnQmpClient *client);
/* Takes a command back that was not sent at all. */
void tn_qmp_client_withdraw_locked(TnQmpClient *client, gint64 id);

void tn_qmp_client_pending_unref(TnQmpPendingCall *call);
/* The outcome is in @call: wakes its caller. */
void tn_qmp_client_finish_locked(TnQmpClient *client, TnQmpPendingCall *call);
/* Gives @call that outcome, if it has none. */
void tn_qmp_client_fail_locked(TnQmpClient *client, TnQmpPendingCall *call, const GError *error);
void tn_qmp_client_fail_all_locked(TnQmpClient *client, const GError *error);
/* The connection is over, as @error says. Idempotent. */
void tn_qmp_client_end_locked(TnQmpClient *client, const GError *error);

/* A source on the client's context that holds a reference. (transfer full) */
GSource *tn_qmp_client_watch(TnQmpClient *client, GIOCondition condition, GUnixFDSourceFunc func);

/* GUnixFDSourceFunc of the read source; @data is the client. */
gboolean tn_qmp_client_on_readable(gint fd, GIOCondition condition, gpointer data);
