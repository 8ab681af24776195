/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What server and session share. */
#pragma once

#include "qmp/json-reader.h"
#include "qmp/server.h"

struct TnQmpServer {
    TnQmpServerConfig config;
    GPtrArray *sessions; /* TnQmpSession, not owned */
    char *greeting;      /* with CR LF */
    char *version_text;  /* what query-version returns */
    char *commands_text; /* what query-commands returns */
};

/* Carries out a command whose row is known and whose arguments are checked. */
json_object *tn_qmp_server_run(TnQmpServer *server, const TnQmpCommand *command, TnQmpCall *call,
                               json_object *args, GError **error);

/* Whether somebody answers @command. */
gboolean tn_qmp_server_has(const TnQmpServer *server, const TnQmpCommand *command);

void tn_qmp_session_tell(TnQmpSession *session, const char *line, gsize len);
gboolean tn_qmp_session_is_negotiated(const TnQmpSession *session);
/* FALSE with QEMU's error when it is already. */
gboolean tn_qmp_session_negotiate(TnQmpSession *session, GError **error);
