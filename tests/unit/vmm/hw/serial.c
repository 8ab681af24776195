/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* isa-serial: each register, the FIFO, interrupts, and that nothing is ever lost. */
#include "tests/lib/test-platform.h"
#include "vmm/backend/chardev-kinds.h"
#include "vmm/hw/serial.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define COM1 0x3f8
#define COM1_IRQ 4

#define DATA (COM1 + 0)
#define IER (COM1 + 1)
#define IIR (COM1 + 2)
#define FCR (COM1 + 2)
#define LCR (COM1 + 3)
#define MCR (COM1 + 4)
#define LSR (COM1 + 5)
#define MSR (COM1 + 6)
#define SCR (COM1 + 7)

#define LSR_DR 0x01
#define LSR_OE 0x02
#define LSR_EMPTY 0x60 /* THRE and TEMT */

typedef struct Fixture {
    TnTestPlatform *p;
    TnChardev *chardev;
    TnSerial *serial;
    int peer; /* the other end of the line */
} Fixture;

/* A chardev on one end of a socket pair whose other end is ret_peer. */
static TnChardev *
socket_chardev(int *ret_peer)
{
    int pair[2];
    g_autofree char *fd = NULL;
    g_autoptr(GError) error = NULL;
    json_object *props = json_object_new_object();
    TnChardev *chardev;

    g_assert_no_errno(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
    fd = g_strdup_printf("%d", pair[0]);
    json_object_object_add(props, "fd", json_object_new_string(fd));
    chardev = tn_chardev_new("socket", props, TN_PROPERTY_STRICT, &error);
    g_assert_no_error(error);
    json_object_put(props);
    *ret_peer = pair[1];
    return chardev;
}

static void
set_up(Fixture *f, gconstpointer data)
{
    f->p = tn_test_platform_new();
    f->chardev = socket_chardev(&f->peer);
    f->serial = tn_test_realize(f->p, tn_serial_new(&f->p->platform, 0, f->chardev));
}

static void
tear_down(Fixture *f, gconstpointer data)
{
    if (f->peer >= 0) {
        close(f->peer);
    }
    if (f->serial) {
        tn_test_drop(f->serial);
    }
    g_object_unref(f->chardev);
    tn_test_platform_free(f->p);
}

static uint8_t
in(Fixture *f, uint16_t port)
{
    return tn_test_inb(f->p, port);
}

static void
out(Fixture *f, uint16_t port, uint8_t value)
{
    tn_test_outb(f->p, port, value);
}

static int
irq(Fixture *f)
{
    return f->p->irqs[COM1_IRQ].level;
}

static void
send_text(Fixture *f, const char *text)
{
    g_assert_cmpint(write(f->peer, text, strlen(text)), ==, strlen(text));
}

static gboolean
has_data(gpointer user_data)
{
    return in(user_data, LSR) & LSR_DR;
}

static void
type(Fixture *f, const char *text)
{
    send_text(f, text);
    tn_test_wait(has_data, f);
}

typedef struct Reader {
    Fixture *f;
    GString *got;
    gsize expected;
} Reader;

static gboolean
read_peer(gpointer user_data)
{
    Reader *r = user_data;
    char buf[8192];
    ssize_t n;

    while ((n = recv(r->f->peer, buf, sizeof(buf), MSG_DONTWAIT)) > 0) {
        g_string_append_len(r->got, buf, n);
    }
    return r->got->len >= r->expected;
}

static void
assert_peer_gets(Fixture *f, const char *text)
{
    g_autoptr(GString) got = g_string_new(NULL);

    tn_test_wait(read_peer, &(Reader){ f, got, strlen(text) });
    g_assert_cmpstr(got->str, ==, text);
}

static void
test_reset_values(Fixture *f, gconstpointer data)
{
    g_assert_cmphex(in(f, DATA), ==, 0x00);
    g_assert_cmphex(in(f, IER), ==, 0x00);
    g_assert_cmphex(in(f, IIR), ==, 0x01);
    g_assert_cmphex(in(f, LCR), ==, 0x00);
    g_assert_cmphex(in(f, MCR), ==, 0x08);
    g_assert_cmphex(in(f, LSR), ==, LSR_EMPTY);
    g_assert_cmphex(in(f, MSR), ==, 0xb0);
    g_assert_cmphex(in(f, SCR), ==, 0x00);
}

static void
test_scratch(Fixture *f, gconstpointer data)
{
    out(f, SCR, 0xa5);
    g_assert_cmphex(in(f, SCR), ==, 0xa5);
}

static void
test_divisor_hides_data_and_ier(Fixture *f, gconstpointer data)
{
    out(f, IER, 0x05);
    out(f, LCR, 0x83);
    g_assert_cmphex(in(f, DATA), ==, 12);
    out(f, DATA, 0x01);
    out(f, IER, 0x02);
    g_assert_cmphex(in(f, DATA), ==, 0x01);
    g_assert_cmphex(in(f, IER), ==, 0x02);
    out(f, LCR, 0x03);
    g_assert_cmphex(in(f, IER), ==, 0x05);
    g_assert_cmphex(in(f, DATA), ==, 0x00);
}

static void
test_upper_bits_of_ier_and_mcr_stay_zero(Fixture *f, gconstpointer data)
{
    out(f, IER, 0xf0);
    out(f, MCR, 0xe3);
    g_assert_cmphex(in(f, IER), ==, 0x00);
    g_assert_cmphex(in(f, MCR), ==, 0x03);
}

static void
test_line_and_modem_status_are_read_only(Fixture *f, gconstpointer data)
{
    out(f, LSR, 0x00);
    out(f, MSR, 0x0f);
    g_assert_cmphex(in(f, LSR), ==, LSR_EMPTY);
    g_assert_cmphex(in(f, MSR), ==, 0xb0);
}

static void
test_word_access_is_two_bytes(Fixture *f, gconstpointer data)
{
    out(f, LCR, 0x80);
    tn_test_out(f->p, DATA, 0x1234, 2);
    g_assert_cmphex(tn_test_in(f->p, DATA, 2), ==, 0x1234);
    g_assert_cmphex(in(f, DATA), ==, 0x34);
    g_assert_cmphex(in(f, IER), ==, 0x12);
}

static void
test_output_keeps_order(Fixture *f, gconstpointer data)
{
    for (const char *c = "hello, world"; *c; c++) {
        out(f, DATA, (uint8_t)*c);
    }
    assert_peer_gets(f, "hello, world");
}

static void
test_output_waits_for_main_loop(Fixture *f, gconstpointer data)
{
    char c;

    out(f, DATA, 'x');
    g_assert_cmpint(recv(f->peer, &c, 1, MSG_DONTWAIT), ==, -1);
    g_assert_cmpint(errno, ==, EAGAIN);
    assert_peer_gets(f, "x");
}

static void
test_input_without_fifo(Fixture *f, gconstpointer data)
{
    type(f, "ab");
    g_assert_cmphex(in(f, DATA), ==, 'a');
    g_assert_cmphex(in(f, DATA), ==, 'b');
    g_assert_cmphex(in(f, LSR), ==, LSR_EMPTY);
    /* An empty receiver repeats what it had last. */
    g_assert_cmphex(in(f, DATA), ==, 'b');
}

static void
test_received_data_interrupt(Fixture *f, gconstpointer data)
{
    out(f, IER, 0x01);
    g_assert_cmpint(irq(f), ==, 0);
    type(f, "a");
    g_assert_cmpint(irq(f), ==, 1);
    g_assert_cmphex(in(f, IIR), ==, 0x04);
    g_assert_cmpint(irq(f), ==, 1);
    g_assert_cmphex(in(f, DATA), ==, 'a');
    g_assert_cmpint(irq(f), ==, 0);
    g_assert_cmphex(in(f, IIR), ==, 0x01);
}

static void
test_fifo_below_trigger_is_timeout(Fixture *f, gconstpointer data)
{
    out(f, FCR, 0x81); /* trigger at 8 */
    out(f, IER, 0x01);
    type(f, "1234567");
    g_assert_cmphex(in(f, IIR), ==, 0xcc);
}

static void
test_fifo_at_trigger_is_received_data(Fixture *f, gconstpointer data)
{
    out(f, FCR, 0x81);
    out(f, IER, 0x01);
    type(f, "12345678");
    g_assert_cmphex(in(f, IIR), ==, 0xc4);
    g_assert_cmphex(in(f, DATA), ==, '1');
    g_assert_cmphex(in(f, IIR), ==, 0xcc);
}

static void
test_fifo_clear_receiver(Fixture *f, gconstpointer data)
{
    out(f, FCR, 0x01);
    type(f, "1234");
    out(f, FCR, 0x03);
    g_assert_cmphex(in(f, LSR), ==, LSR_EMPTY);
}

static void
test_fifo_bits_need_enable(Fixture *f, gconstpointer data)
{
    out(f, FCR, 0xc0);
    g_assert_cmphex(in(f, IIR), ==, 0x01);
    out(f, FCR, 0x01);
    g_assert_cmphex(in(f, IIR), ==, 0xc1);
    out(f, FCR, 0x00);
    g_assert_cmphex(in(f, IIR), ==, 0x01);
}

static gboolean
drain_guest(gpointer user_data)
{
    Reader *r = user_data;

    while (in(r->f, LSR) & LSR_DR) {
        g_string_append_c(r->got, (char)in(r->f, DATA));
    }
    return r->got->len >= r->expected;
}

static void
test_long_input_is_not_lost(Fixture *f, gconstpointer data)
{
    g_autoptr(GString) sent = g_string_new(NULL);
    g_autoptr(GString) got = g_string_new(NULL);

    for (int i = 0; sent->len < 20000; i++) {
        g_string_append_printf(sent, "line %d\n", i);
    }
    out(f, FCR, 0x01);
    send_text(f, sent->str);
    tn_test_wait(drain_guest, &(Reader){ f, got, sent->len });
    g_assert_cmpstr(got->str, ==, sent->str);
}

static void
test_transmitter_interrupt_on_enable(Fixture *f, gconstpointer data)
{
    out(f, IER, 0x02);
    g_assert_cmpint(irq(f), ==, 1);
    g_assert_cmphex(in(f, IIR), ==, 0x02);
    g_assert_cmpint(irq(f), ==, 0);
    g_assert_cmphex(in(f, IIR), ==, 0x01);
    /* Linux finds out about buggy parts by doing it again. */
    out(f, IER, 0x00);
    out(f, IER, 0x02);
    g_assert_cmphex(in(f, IIR), ==, 0x02);
}

static void
test_transmitter_interrupt_after_write(Fixture *f, gconstpointer data)
{
    out(f, IER, 0x02);
    (void)in(f, IIR);
    out(f, DATA, 'a');
    g_assert_cmpint(irq(f), ==, 1);
    g_assert_cmphex(in(f, IIR), ==, 0x02);
    g_assert_cmpint(irq(f), ==, 0);
}

static void
test_polled_output_never_touches_irq(Fixture *f, gconstpointer data)
{
    unsigned before = f->p->irqs[COM1_IRQ].calls;

    for (int i = 0; i < 100; i++) {
        (void)in(f, LSR);
        out(f, DATA, 'x');
    }
    g_assert_cmpuint(f->p->irqs[COM1_IRQ].calls, ==, before);
}

static void
test_received_data_comes_before_transmitter(Fixture *f, gconstpointer data)
{
    out(f, IER, 0x03);
    type(f, "a");
    g_assert_cmphex(in(f, IIR), ==, 0x04);
    (void)in(f, DATA);
    g_assert_cmphex(in(f, IIR), ==, 0x02);
    g_assert_cmphex(in(f, IIR), ==, 0x01);
}

static void
test_loopback_data(Fixture *f, gconstpointer data)
{
    char c;

    out(f, MCR, 0x10);
    out(f, DATA, 'q');
    g_assert_cmphex(in(f, LSR), ==, LSR_EMPTY | LSR_DR);
    g_assert_cmphex(in(f, DATA), ==, 'q');
    tn_test_iterate();
    g_assert_cmpint(recv(f->peer, &c, 1, MSG_DONTWAIT), ==, -1);
}

static void
test_loopback_modem_lines(Fixture *f, gconstpointer data)
{
    out(f, MCR, 0x1a); /* RTS and OUT2: what Linux' autoconfig tests */
    g_assert_cmphex(in(f, MSR) & 0xf0, ==, 0x90);
    out(f, MCR, 0x15); /* DTR and OUT1 */
    g_assert_cmphex(in(f, MSR) & 0xf0, ==, 0x60);
    out(f, MCR, 0x00);
    g_assert_cmphex(in(f, MSR) & 0xf0, ==, 0xb0);
}

static void
test_loopback_deltas(Fixture *f, gconstpointer data)
{
    out(f, MCR, 0x1f);
    (void)in(f, MSR);
    out(f, IER, 0x08);
    g_assert_cmpint(irq(f), ==, 0);
    out(f, MCR, 0x10);
    g_assert_cmpint(irq(f), ==, 1);
    g_assert_cmphex(in(f, IIR), ==, 0x00);
    g_assert_cmphex(in(f, MSR), ==, 0x0f);
    g_assert_cmpint(irq(f), ==, 0);
    g_assert_cmphex(in(f, MSR), ==, 0x00);
}

static void
test_loopback_overrun(Fixture *f, gconstpointer data)
{
    out(f, MCR, 0x10);
    out(f, IER, 0x04);
    out(f, DATA, '1');
    out(f, DATA, '2');
    g_assert_cmphex(in(f, IIR), ==, 0x06);
    g_assert_cmphex(in(f, LSR), ==, LSR_EMPTY | LSR_DR | LSR_OE);
    g_assert_cmphex(in(f, LSR), ==, LSR_EMPTY | LSR_DR);
    g_assert_cmphex(in(f, IIR), ==, 0x01);
    g_assert_cmphex(in(f, DATA), ==, '1');
}

static void
test_break(Fixture *f, gconstpointer data)
{
    TnChardev *shared;
    TnSerial *com2;
    json_object *props = json_object_new_object();
    int pair[2];
    g_autofree char *fd = NULL;

    g_assert_no_errno(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
    fd = g_strdup_printf("%d", pair[0]);
    json_object_object_add(props, "fd", json_object_new_string(fd));
    json_object_object_add(props, "mux", json_object_new_boolean(TRUE));
    shared = tn_chardev_new("socket", props, TN_PROPERTY_STRICT, NULL);
    json_object_put(props);
    com2 = tn_test_realize(f->p, tn_serial_new(&f->p->platform, 1, shared));
    tn_test_outb(f->p, 0x2f9, 0x04);
    g_assert_cmpint(write(pair[1], "\001b", 2), ==, 2);
    tn_test_wait_count(&f->p->irqs[3].raised, 1);
    g_assert_cmphex(tn_test_inb(f->p, 0x2fa), ==, 0x06);
    g_assert_cmphex(tn_test_inb(f->p, 0x2fd), ==, LSR_EMPTY | LSR_DR | 0x10);
    g_assert_cmphex(tn_test_inb(f->p, 0x2f8), ==, 0x00);
    g_assert_cmphex(tn_test_inb(f->p, 0x2fd), ==, LSR_EMPTY);
    tn_test_drop(com2);
    g_object_unref(shared);
    close(pair[1]);
}

static void
test_input_waits_out_loopback(Fixture *f, gconstpointer data)
{
    out(f, MCR, 0x10);
    send_text(f, "z");
    tn_test_iterate();
    g_assert_cmphex(in(f, LSR), ==, LSR_EMPTY);
    out(f, MCR, 0x00);
    tn_test_wait(has_data, f);
    g_assert_cmphex(in(f, DATA), ==, 'z');
}

/* Writes a counting pattern until THRE stays away with the main loop running. */
static gsize
fill(Fixture *f, gsize limit)
{
    gsize written = 0;

    while (written < limit) {
        if (!(in(f, LSR) & 0x20)) {
            tn_test_iterate();
            if (!(in(f, LSR) & 0x20)) {
                break;
            }
        }
        out(f, DATA, (uint8_t)('a' + written % 23));
        written++;
    }
    return written;
}

static void
assert_pattern(const GString *got)
{
    for (gsize i = 0; i < got->len; i++) {
        if (got->str[i] != (char)('a' + i % 23)) {
            g_test_message("wrong at %zu", i);
            g_assert_cmpint(got->str[i], ==, 'a' + i % 23);
        }
    }
}

static void
test_full_backend_holds_back(Fixture *f, gconstpointer data)
{
    gsize written = fill(f, 16 << 20);
    g_autoptr(GString) got = g_string_new(NULL);

    g_assert_cmpuint(written, <, 16 << 20);
    g_assert_cmphex(in(f, LSR), ==, 0x00);
    tn_test_wait(read_peer, &(Reader){ f, got, written });
    g_assert_cmpuint(got->len, ==, written);
    assert_pattern(got);
    tn_test_iterate();
    g_assert_cmphex(in(f, LSR), ==, LSR_EMPTY);
}

static void
test_full_backend_interrupts_when_it_drains(Fixture *f, gconstpointer data)
{
    gsize written;
    g_autoptr(GString) got = g_string_new(NULL);

    out(f, IER, 0x02);
    written = fill(f, 16 << 20);
    (void)in(f, IIR);
    g_assert_cmpint(irq(f), ==, 0);
    tn_test_wait(read_peer, &(Reader){ f, got, written });
    tn_test_iterate();
    g_assert_cmpint(irq(f), ==, 1);
    g_assert_cmphex(in(f, IIR), ==, 0x02);
}

static void
test_impatient_guest_loses_nothing_soon(Fixture *f, gconstpointer data)
{
    gsize written = fill(f, 16 << 20);
    g_autoptr(GString) got = g_string_new(NULL);

    for (int i = 0; i < 12000; i++) {
        out(f, DATA, (uint8_t)('a' + written % 23));
        written++;
    }
    tn_test_wait(read_peer, &(Reader){ f, got, written });
    g_assert_cmpuint(got->len, ==, written);
    assert_pattern(got);
}

static void
test_peer_gone_frees_the_guest(Fixture *f, gconstpointer data)
{
    (void)fill(f, 16 << 20);
    close(f->peer);
    f->peer = -1;
    tn_test_iterate();
    g_assert_cmphex(in(f, LSR), ==, LSR_EMPTY);
    out(f, DATA, 'x');
}

static void
test_last_words_are_written(Fixture *f, gconstpointer data)
{
    char buf[8] = { 0 };

    out(f, DATA, 'b');
    out(f, DATA, 'y');
    out(f, DATA, 'e');
    tn_test_drop(f->serial);
    f->serial = NULL;
    g_assert_cmpint(recv(f->peer, buf, sizeof(buf), MSG_DONTWAIT), ==, 3);
    g_assert_cmpstr(buf, ==, "bye");
}

static void
test_reset(Fixture *f, gconstpointer data)
{
    out(f, IER, 0x0f);
    out(f, FCR, 0xc1);
    out(f, LCR, 0x03);
    out(f, MCR, 0x1b);
    out(f, SCR, 0x55);
    tn_reset_run(f->p->platform.reset);
    g_assert_cmpint(irq(f), ==, 0);
    test_reset_values(f, data);
}

static void
test_reset_drops_input(Fixture *f, gconstpointer data)
{
    out(f, IER, 0x01);
    type(f, "abc");
    g_assert_cmpint(irq(f), ==, 1);
    tn_reset_run(f->p->platform.reset);
    g_assert_cmpint(irq(f), ==, 0);
    test_reset_values(f, data);
}

static void
test_index_gives_ports(Fixture *f, gconstpointer data)
{
    TnSerial *com2 = tn_test_realize(f->p, tn_serial_new(&f->p->platform, 1, NULL));

    tn_test_outb(f->p, 0x2ff, 0x77);
    g_assert_cmphex(tn_test_inb(f->p, 0x2ff), ==, 0x77);
    tn_test_outb(f->p, 0x2f9, 0x02);
    g_assert_cmpint(f->p->irqs[3].level, ==, 1);
    tn_test_drop(com2);
    g_assert_cmpint(f->p->irqs[3].level, ==, 0);
    g_assert_cmphex(tn_test_inb(f->p, 0x2ff), ==, 0xff);
}

static void
test_index_is_chosen(Fixture *f, gconstpointer data)
{
    TnSerial *next = tn_serial_new(&f->p->platform, TN_SERIAL_INDEX_AUTO, NULL);
    guint index;

    tn_object_add_child_numbered(f->p->platform.root, "device", TN_OBJECT(f->serial));
    tn_test_realize(f->p, next);
    g_object_get(next, "index", &index, NULL);
    g_assert_cmpuint(index, ==, 1);
    tn_test_drop(next);
}

static void
assert_refused(Fixture *f, TnSerial *serial, const char *text)
{
    g_autoptr(GError) error = NULL;

    g_assert_false(tn_device_realize(TN_DEVICE(serial), &error));
    g_assert_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC);
    g_assert_cmpstr(error->message, ==, text);
    g_object_unref(serial);
}

static void
test_bad_index_is_refused(Fixture *f, gconstpointer data)
{
    assert_refused(f, tn_serial_new(&f->p->platform, 4, NULL),
                   "Max. supported number of ISA serial ports is 4.");
}

static void
test_bad_iobase_and_irq_are_refused(Fixture *f, gconstpointer data)
{
    TnSerial *serial = tn_serial_new(&f->p->platform, 1, NULL);

    g_object_set(serial, "iobase", 0xfff9, NULL);
    assert_refused(f, serial, "isa-serial: 'iobase' 0xfff9 is beyond the last port 0xffff");
    serial = tn_serial_new(&f->p->platform, 1, NULL);
    g_object_set(serial, "irq", 16, NULL);
    assert_refused(f, serial, "isa-serial: 'irq' is 16, Maximum value is: 15");
}

static void
test_busy_chardev_is_refused(Fixture *f, gconstpointer data)
{
    assert_refused(f, tn_serial_new(&f->p->platform, 1, f->chardev), "Device '' is in use");
    g_assert_cmphex(tn_test_inb(f->p, 0x2ff), ==, 0xff);
}

static void
test_without_chardev(Fixture *f, gconstpointer data)
{
    TnSerial *com2 = tn_test_realize(f->p, tn_serial_new(&f->p->platform, 1, NULL));

    for (int i = 0; i < 40000; i++) {
        tn_test_outb(f->p, 0x2f8, 'x');
    }
    g_assert_cmphex(tn_test_inb(f->p, 0x2fd), ==, LSR_EMPTY);
    tn_test_drop(com2);
}

static gpointer
write_from_vcpu(gpointer user_data)
{
    Fixture *f = user_data;

    tn_memory_register_thread();
    for (gsize i = 0; i < 300000; i++) {
        while (!(in(f, LSR) & 0x20)) {
            g_thread_yield();
        }
        out(f, DATA, (uint8_t)('a' + i % 23));
    }
    tn_memory_unregister_thread();
    return NULL;
}

static void
test_threads(Fixture *f, gconstpointer data)
{
    g_autoptr(GString) got = g_string_new(NULL);
    GThread *thread = g_thread_new("vcpu", write_from_vcpu, f);

    tn_test_wait(read_peer, &(Reader){ f, got, 300000 });
    g_thread_join(thread);
    g_assert_cmpuint(got->len, ==, 300000);
    assert_pattern(got);
}

#define add(path, func) g_test_add("/hw/serial/" path, Fixture, NULL, set_up, func, tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    add("reset-values", test_reset_values);
    add("scratch", test_scratch);
    add("divisor-hides-data-and-ier", test_divisor_hides_data_and_ier);
    add("upper-bits-of-ier-and-mcr-stay-zero", test_upper_bits_of_ier_and_mcr_stay_zero);
    add("line-and-modem-status-are-read-only", test_line_and_modem_status_are_read_only);
    add("word-access-is-two-bytes", test_word_access_is_two_bytes);
    add("output/keeps-order", test_output_keeps_order);
    add("output/waits-for-main-loop", test_output_waits_for_main_loop);
    add("output/full-backend-holds-back", test_full_backend_holds_back);
    add("output/full-backend-interrupts-when-it-drains",
        test_full_backend_interrupts_when_it_drains);
    add("output/impatient-guest-loses-nothing-soon", test_impatient_guest_loses_nothing_soon);
    add("output/peer-gone-frees-the-guest", test_peer_gone_frees_the_guest);
    add("output/last-words-are-written", test_last_words_are_written);
    add("output/threads", test_threads);
    add("input/without-fifo", test_input_without_fifo);
    add("input/long-is-not-lost", test_long_input_is_not_lost);
    add("input/waits-out-loopback", test_input_waits_out_loopback);
    add("input/break", test_break);
    add("interrupt/received-data", test_received_data_interrupt);
    add("interrupt/transmitter-on-enable", test_transmitter_interrupt_on_enable);
    add("interrupt/transmitter-after-write", test_transmitter_interrupt_after_write);
    add("interrupt/polled-output-never-touches-irq", test_polled_output_never_touches_irq);
    add("interrupt/received-data-before-transmitter",
        test_received_data_comes_before_transmitter);
    add("fifo/below-trigger-is-timeout", test_fifo_below_trigger_is_timeout);
    add("fifo/at-trigger-is-received-data", test_fifo_at_trigger_is_received_data);
    add("fifo/clear-receiver", test_fifo_clear_receiver);
    add("fifo/bits-need-enable", test_fifo_bits_need_enable);
    add("loopback/data", test_loopback_data);
    add("loopback/modem-lines", test_loopback_modem_lines);
    add("loopback/deltas", test_loopback_deltas);
    add("loopback/overrun", test_loopback_overrun);
    add("reset", test_reset);
    add("reset/drops-input", test_reset_drops_input);
    add("realize/index-gives-ports", test_index_gives_ports);
    add("realize/index-is-chosen", test_index_is_chosen);
    add("realize/bad-index-is-refused", test_bad_index_is_refused);
    add("realize/bad-iobase-and-irq-are-refused", test_bad_iobase_and_irq_are_refused);
    add("realize/busy-chardev-is-refused", test_busy_chardev_is_refused);
    add("realize/without-chardev", test_without_chardev);
    return g_test_run();
}
