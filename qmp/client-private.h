/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the client is made of; for client.c. */
#pragma once

#include "qmp/client.h"
#include "qmp/json-reader.h"

#include <sys/socket.h>

/* An error's text, in bytes; the peer's own limit is that of a message. */
#define MAX_DESC 4096
/* A reply's shape; QEMU's largest, its schema, has some 40,000 tokens. At worst json-c
 * spends 300 bytes on one. */
#define MAX_REPLY_DEPTH 256
#define MAX_REPLY_TOKENS (128 * 1024)

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
typedef struct FdMessage {
    gint64 id;
    GString *text;
    gsize sent; /* bytes gone already */
    int fds[TN_QMP_CLIENT_MAX_FDS];
    unsigned n_fds;
} FdMessage;

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
    GQueue unsent; /* FdMessage */
    gsize unsent_bytes;
    GHashTable *calls; /* id -> TnQmpPendingCall */
    gint64 next_id;
    unsigned version;
};
