/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The little of vmm/core that the accelerator calls, played for its tests. */
#include "tests/unit/vmm/accel/fake-core.h"

#include "vmm/core/log.h"

#include <stdarg.h>

static void
count(TnRunStateControl *rs, unsigned *counter)
{
    g_mutex_lock(&rs->lock);
    (*counter)++;
    g_cond_broadcast(&rs->changed);
    g_mutex_unlock(&rs->lock);
}

void
tn_run_state_request_reset(TnRunStateControl *rs, TnShutdownCause cause)
{
    count(rs, &rs->resets);
}

void
tn_run_state_request_shutdown(TnRunStateControl *rs, TnShutdownCause cause)
{
    count(rs, &rs->shutdowns);
}

void
tn_run_state_request_internal_error(TnRunStateControl *rs)
{
    count(rs, &rs->internal_errors);
}

void
tn_log(const char *format, ...)
{
    va_list args;
    g_autofree char *text = NULL;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    g_test_message("%s", text);
}
