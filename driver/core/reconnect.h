/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Taking up the guests that a daemon before us left running: what the run state says
 * is held against what is there, and the difference is told as if it happened now.
 */
#ifndef TN_DRIVER_CORE_RECONNECT_H
#define TN_DRIVER_CORE_RECONNECT_H

#include "driver/core/driver.h"

G_BEGIN_DECLS

/**
 * tn_reconnect_all:
 * Files every guest whose process still lives as running, and asks its monitor on
 * other threads, with its job held until the answers are in; forgets those that ended.
 * Main thread, before any client.
 */
void tn_reconnect_all(TnDriver *driver);

G_END_DECLS

#endif
