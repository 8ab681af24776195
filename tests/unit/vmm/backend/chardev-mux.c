/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Shared character devices: who has the keyboard, and the keys that say so. */
#include "tests/unit/vmm/backend/chardev-fixture.h"

#include "vmm/backend/chardev-escape.h"

#include <string.h>
#include <unistd.h>

/* A second frontend beside the fixture. */
typedef struct Other {
    GString *input;
    gsize room;
    unsigned opened, closed, writable, breaks;
} Other;

static gsize
on_can_read(void *opaque)
{
    return ((Other *)opaque)->room;
}

static void
on_read(void *opaque, const guint8 *buf, gsize len)
{
    Other *o = opaque;

    g_assert_cmpuint(len, <=, o->room);
    g_string_append_len(o->input, (const char *)buf, (gssize)len);
}

static void
on_writable(void *opaque)
{
    ((Other *)opaque)->writable++;
}

static void
on_event(void *opaque, TnChardevEvent event)
{
    Other *o = opaque;

    if (event == TN_CHARDEV_EVENT_OPENED) {
        o->opened++;
    } else {
        o->closed++;
    }
}

static void
on_break(void *opaque)
{
    ((Other *)opaque)->breaks++;
}

static const TnChardevHandlers other_handlers = { on_can_read, on_read, on_writable, on_event,
                                                  on_break };

typedef struct Shared {
    Fixture f;
    TnChardev *chardev;
    Other other;
    int peer;
} Shared;

static void
shared_set_up(Shared *s, gconstpointer data)
{
    set_up(&s->f, data);
    s->chardev = open_chardev(&s->f, "socket,id=c,path=%s,server=on,wait=off,mux=on", s->f.path);
    s->other = (Other){ .input = g_string_new(NULL), .room = 4096 };
    attach(&s->f, s->chardev);
    g_assert_true(tn_chardev_attach(s->chardev, &other_handlers, &s->other, NULL));
    s->peer = connect_to(s->f.path);
    tn_test_wait_count(&s->f.opened, 1);
}

static void
shared_tear_down(Shared *s, gconstpointer data)
{
    if (s->peer >= 0) {
        close(s->peer);
    }
    tear_down(&s->f, data);
    g_string_free(s->other.input, TRUE);
}

static gboolean
other_has_input(gpointer user_data)
{
    return ((Other *)user_data)->input->len > 0;
}

static void
test_first_has_the_keyboard(Shared *s, gconstpointer data)
{
    send_text(s->peer, "abc");
    wait_input(&s->f, "abc");
    g_assert_cmpuint(s->other.input->len, ==, 0);
    g_assert_cmpuint(s->other.opened, ==, 0);
}

static void
test_key_passes_the_keyboard_on(Shared *s, gconstpointer data)
{
    send_text(s->peer, "one\001ctwo\001cthree");
    wait_input(&s->f, "onethree");
    g_assert_cmpstr(s->other.input->str, ==, "two");
    g_assert_cmpuint(s->other.opened, ==, 1);
}

static void
test_key_across_two_reads(Shared *s, gconstpointer data)
{
    send_text(s->peer, "a\001");
    wait_input(&s->f, "a");
    send_text(s->peer, "cb");
    tn_test_wait(other_has_input, &s->other);
    g_assert_cmpstr(s->other.input->str, ==, "b");
    g_assert_cmpstr(s->f.input->str, ==, "a");
}

static void
test_small_room_of_the_next(Shared *s, gconstpointer data)
{
    s->other.room = 2;
    send_text(s->peer, "long\001cand longer");
    while (s->other.input->len < strlen("and longer")) {
        tn_test_wait(other_has_input, &s->other);
        g_main_context_iteration(NULL, FALSE);
    }
    g_assert_cmpstr(s->other.input->str, ==, "and longer");
    g_assert_cmpstr(s->f.input->str, ==, "long");
}

static void
test_escape_twice_is_one(Shared *s, gconstpointer data)
{
    send_text(s->peer, "x\001\001y\001?z");
    wait_input(&s->f, "x\001yz");
}

static void
test_help(Shared *s, gconstpointer data)
{
    send_text(s->peer, "\001h!");
    wait_input(&s->f, "!");
    assert_reads(s->peer, TN_CHARDEV_ESCAPE_HELP);
}

static void
test_break_goes_to_the_keyboard(Shared *s, gconstpointer data)
{
    send_text(s->peer, "\001b\001c\001b.");
    tn_test_wait(other_has_input, &s->other);
    g_assert_cmpuint(s->other.breaks, ==, 1);
}

static void
test_all_may_write(Shared *s, gconstpointer data)
{
    g_autofree char *big = g_malloc0(8 << 20);
    g_autofree char *sink = g_malloc(8 << 20);
    gsize taken = tn_chardev_write(s->chardev, big, 8 << 20);

    g_assert_cmpuint(taken, <, 8 << 20);
    for (gsize got = 0; got < taken;) {
        ssize_t n = read(s->peer, sink, 8 << 20);

        g_assert_cmpint(n, >, 0);
        got += (gsize)n;
    }
    tn_test_wait_count(&s->f.writable, 1);
    tn_test_wait_count(&s->other.writable, 1);
}

static void
test_closed_is_told_to_those_who_know(Shared *s, gconstpointer data)
{
    close(s->peer);
    s->peer = -1;
    tn_test_wait_count(&s->f.closed, 1);
    g_assert_cmpuint(s->other.closed, ==, 0);
}

static void
test_detached_leaves_the_keyboard(Shared *s, gconstpointer data)
{
    tn_chardev_detach(s->chardev, &s->f);
    g_assert_cmpuint(s->other.opened, ==, 1);
    send_text(s->peer, "mine");
    tn_test_wait(other_has_input, &s->other);
    g_assert_cmpstr(s->other.input->str, ==, "mine");
    g_assert_cmpuint(s->f.input->len, ==, 0);
    g_assert_true(tn_chardev_is_frontend_open(s->chardev));
    tn_chardev_detach(s->chardev, &s->other);
    g_assert_false(tn_chardev_is_frontend_open(s->chardev));
}

static void
test_four_frontends(Shared *s, gconstpointer data)
{
    Other more[3] = { { 0 } };
    g_autoptr(GError) error = NULL;

    g_assert_true(tn_chardev_attach(s->chardev, &other_handlers, &more[0], NULL));
    g_assert_true(tn_chardev_attach(s->chardev, &other_handlers, &more[1], NULL));
    g_assert_false(tn_chardev_attach(s->chardev, &other_handlers, &more[2], &error));
    g_assert_cmpstr(error->message, ==, "Device 'c' is in use");
}

static void
test_keys(void)
{
    gboolean escaped = FALSE;

    g_assert_cmpint(tn_chardev_escape_key(&escaped, 'c'), ==, TN_CHARDEV_KEY_DATA);
    g_assert_cmpint(tn_chardev_escape_key(&escaped, 1), ==, TN_CHARDEV_KEY_NONE);
    g_assert_cmpint(tn_chardev_escape_key(&escaped, 'x'), ==, TN_CHARDEV_KEY_QUIT);
    g_assert_cmpint(tn_chardev_escape_key(&escaped, 'x'), ==, TN_CHARDEV_KEY_DATA);
    g_assert_cmpint(tn_chardev_escape_key(&escaped, 1), ==, TN_CHARDEV_KEY_NONE);
    g_assert_cmpint(tn_chardev_escape_key(&escaped, 'q'), ==, TN_CHARDEV_KEY_NONE);
    g_assert_false(escaped);
}

#define add(path, func)                                                                  \
    g_test_add("/backend/chardev/mux/" path, Shared, NULL, shared_set_up, func, shared_tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    add("first-has-the-keyboard", test_first_has_the_keyboard);
    add("key-passes-the-keyboard-on", test_key_passes_the_keyboard_on);
    add("key-across-two-reads", test_key_across_two_reads);
    add("small-room-of-the-next", test_small_room_of_the_next);
    add("escape-twice-is-one", test_escape_twice_is_one);
    add("help", test_help);
    add("break-goes-to-the-keyboard", test_break_goes_to_the_keyboard);
    add("all-may-write", test_all_may_write);
    add("closed-is-told-to-those-who-know", test_closed_is_told_to_those_who_know);
    add("detached-leaves-the-keyboard", test_detached_leaves_the_keyboard);
    add("four-frontends", test_four_frontends);
    g_test_add_func("/backend/chardev/mux/keys", test_keys);
    return g_test_run();
}
