/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One client's session with the text monitor: a prompt, lines, a bit of editing. */
#pragma once

#include "vmm/monitor/monitor-private.h"

typedef struct TnTextSession TnTextSession;

typedef void (*TnTextWriteFunc)(void *opaque, const char *data, gsize len);

/* Greets and prompts. (transfer full) */
TnTextSession *tn_text_session_new(TnMonitorHub *hub, TnTextWriteFunc write, void *opaque);
/* NULL is fine. */
void tn_text_session_free(TnTextSession *session);
/* Takes what the client typed; runs each line that it ends. */
void tn_text_session_feed(TnTextSession *session, const char *data, gsize len);
