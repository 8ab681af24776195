/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Conversations with a QMP server as text files, tests/qmp-data/NAME.txt:
 *
 *   > {"execute": "stop"}      the client says this and a line feed
 *   >> {"exec\xff              the client says this alone; \xNN and \n are bytes
 *   < {"return": {}}           the server must say exactly this next
 *   <~ {"timestamp": *}        the server must say something that matches (* and ?)
 *   ! client                   the client leaves, another comes (and gets its greeting)
 *   ! negotiated               as "client", and the negotiation is done
 *   ! fds 2                    two descriptors come with what is said next
 *   ! emit STOP {...}          an event happens at 1.000002 s
 *   ! block, ! unblock         the client stops and begins to read again
 *   ! word ...                 for the test itself
 *
 * Everything the server says must be expected before the client speaks again.
 */
#pragma once

#include "qmp/server.h"

/* @directive: a "!" line this file does not know; FALSE for one the test does not know either. */
typedef gboolean (*TranscriptDirective)(void *opaque, const char *line);

/* Runs one file with a client of @server; fails the test at the first difference. */
void transcript_run(const char *name, TnQmpServer *server, TranscriptDirective directive,
                    void *opaque);
