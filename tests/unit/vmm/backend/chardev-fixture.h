/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the tests of character devices share: a place for them, and a frontend that
 * writes down what it sees. */
#pragma once

#include "tests/lib/test-platform.h"
#include "vmm/backend/chardev-kinds.h"
#include "vmm/backend/chardev-options.h"

typedef struct Fixture {
    TnObject *root;
    TnObject *chardevs;
    char *dir;
    char *path; /* in dir; not made */

    /* What the frontend saw. */
    GString *input;
    gsize room;
    unsigned writable, opened, closed;
} Fixture;

void set_up(Fixture *f, gconstpointer data);
/* The chardevs go, then the directory, which must be empty but for f->path. */
void tear_down(Fixture *f, gconstpointer data);

/* For tn_chardev_attach(); the opaque is the Fixture. */
extern const TnChardevHandlers fixture_handlers;

/* "-chardev <text>" with id "c"; fails the test when it is refused. */
TnChardev *open_chardev(Fixture *f, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* Makes the fixture its frontend; fails the test when that is refused. Returns @chardev. */
TnChardev *attach(Fixture *f, TnChardev *chardev);
/* Drops "c". */
void close_chardev(Fixture *f);

/* "-chardev @options" fails with @message and leaves nothing behind. */
void assert_refused(Fixture *f, const char *options, const char *message);
void assert_description(TnChardev *chardev, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* Until the frontend has read @text in all. */
void wait_input(Fixture *f, const char *text);

/* The peer's side; each fails the test when it cannot. */
int connect_to(const char *path);
int listen_at(const char *path);
void send_text(int fd, const char *text);
void assert_reads(int fd, const char *text);

#define chardev_test(path, func) \
    g_test_add("/backend/chardev/" path, Fixture, NULL, set_up, func, tear_down)
