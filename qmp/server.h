/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The QMP server without a transport: a session takes bytes and hands back bytes;
 * between them it negotiates, checks commands against the schema and calls their
 * handlers. One server has any number of sessions, to which it tells events.
 *
 * Threads: whichever one uses it, always the same.
 */
#pragma once

#include "qmp/error.h"
#include "qmp/schema-table.h"

G_BEGIN_DECLS

typedef struct TnQmpServer TnQmpServer;
typedef struct TnQmpSession TnQmpSession;

/* Limits on one client. */
#define TN_QMP_SERVER_MAX_MESSAGE (1024 * 1024)
#define TN_QMP_SERVER_MAX_TOKENS (64 * 1024)
#define TN_QMP_SERVER_MAX_RECEIVED_FDS 16
#define TN_QMP_SERVER_MAX_NAMED_FDS 256

/* One command being carried out. */
typedef struct TnQmpCall {
    void *ctx;             /* TnQmpServerConfig.ctx */
    TnQmpSession *session; /* whose command it is */
    const char *raw_reply; /* set by a handler instead of returning: JSON text, static */
} TnQmpCall;

/**
 * TnQmpHandler:
 * @args: (transfer none): the arguments, checked against the schema; never NULL.
 * @error: TN_QMP_ERROR for a class of its own; TnQmpServerConfig.get_class judges others.
 * Returns: (transfer full): the value to reply; NULL without @error stands for {}.
 */
typedef json_object *(*TnQmpHandler)(TnQmpCall *call, json_object *args, GError **error);

/* What a server serves. Copied; what it points to outlives the server. */
typedef struct TnQmpServerConfig {
    /* By the indices of qmp-schema-gen.h, tn_qmp_n_commands of them. The server itself
     * answers qmp_capabilities, query-version, query-commands and query-qmp-schema;
     * another command whose handler is NULL does not exist. */
    const TnQmpHandler *handlers;
    void *ctx;
    /* Where the machine is in its life; NULL: TN_QMP_PHASE_RUNNING. */
    TnQmpPhase (*get_phase)(void *ctx);
    /* The class of an error of another domain; NULL: GENERIC_ERROR. */
    TnQmpError (*get_class)(const GError *error);
    unsigned major, minor, micro; /* query-version's "qemu" */
    const char *package;
    /* For tests: a reply that is not what the schema says gives a g_warning(). */
    gboolean check_replies;
} TnQmpServerConfig;

TnQmpServer *tn_qmp_server_new(const TnQmpServerConfig *config);
/* All sessions must be gone. NULL is fine. */
void tn_qmp_server_free(TnQmpServer *server);

/**
 * tn_qmp_server_emit:
 * @name: an event of the schema, else a g_warning() and nothing is told.
 * @data: (transfer none): its data, may be NULL. What does not fit the schema gives a
 *   g_warning() and is told all the same: no client shall miss that something happened.
 * @time_us: wall clock in microseconds.
 * To every session that has negotiated.
 */
void tn_qmp_server_emit(TnQmpServer *server, const char *name, json_object *data,
                        gint64 time_us);

/* The client's side of a session. */
typedef struct TnQmpSessionOps {
    /* @len bytes for the client, whole lines ended by CR LF. Must not free the session. */
    void (*write)(void *opaque, const char *data, gsize len);
    /* Whether the client keeps up; while FALSE no further command is carried out until
     * tn_qmp_session_resume(). NULL: always. */
    gboolean (*can_write)(void *opaque);
} TnQmpSessionOps;

/* A client has come: greets it. @ops is copied. (transfer full) */
TnQmpSession *tn_qmp_session_new(TnQmpServer *server, const TnQmpSessionOps *ops, void *opaque);

/* The client has left: forgets half a message, closes its descriptors. NULL is fine.
 * Not from within a handler. */
void tn_qmp_session_free(TnQmpSession *session);

/**
 * tn_qmp_session_feed:
 * Takes bytes from the client and carries out the commands that they complete, in order.
 */
void tn_qmp_session_feed(TnQmpSession *session, const char *data, gsize len);

/* Bytes are waiting because can_write() said no: give it no more now. */
gboolean tn_qmp_session_is_blocked(const TnQmpSession *session);

/* can_write() may say yes: goes on with what waits. */
void tn_qmp_session_resume(TnQmpSession *session);

/**
 * tn_qmp_session_give_fds:
 * @fds: (transfer full) (array length=n): descriptors that came along with the bytes to be
 *   fed next. Those that came earlier and no command took are closed; so are those beyond
 *   TN_QMP_SERVER_MAX_RECEIVED_FDS.
 */
void tn_qmp_session_give_fds(TnQmpSession *session, const int *fds, unsigned n);

/* For getfd and add-fd: the first descriptor received and not taken yet.
 * -1 with "No file descriptor supplied via SCM_RIGHTS". (transfer full) */
int tn_qmp_session_take_received_fd(TnQmpSession *session, GError **error);

/**
 * tn_qmp_session_name_fd:
 * Keeps @fd (transfer full, also on failure) as @name, closing one of the same name.
 * @error: "Parameter 'fdname' expects a name not starting with a digit"; too many.
 */
gboolean tn_qmp_session_name_fd(TnQmpSession *session, const char *name, int fd, GError **error);

/* Hands out what getfd kept as @name. (transfer full): -1 with "File descriptor named
 * '<name>' not found". */
int tn_qmp_session_take_named_fd(TnQmpSession *session, const char *name, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(TnQmpServer, tn_qmp_server_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TnQmpSession, tn_qmp_session_free)

G_END_DECLS
