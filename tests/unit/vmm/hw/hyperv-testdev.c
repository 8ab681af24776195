/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* hyperv-testdev against a SynIC of the test's own: docs/specs/test-devices.md. */
#include "vmm/hw/hyperv-testdev.h"

#include "tests/lib/test-platform.h"
#include "vmm/core/fast-path.h"
#include "vmm/core/hyperv.h"

#include <string.h>
#include <unistd.h>

#define CPU 1
#define SINT 8
#define CONNECTION 0x11
#define MESSAGES 0x1000u
#define EVENTS 0x2000u

static guint8 ram[0x4000] __attribute__((aligned(0x1000)));

typedef struct {
    TnTestPlatform *p;
    TnMemoryRegion region;
    TnFastPath path;
    TnHypervHost host;
    TnHypervConnections connections;
    TnHypervTestdev *device;
    unsigned routes; /* that there are */
    int irq_fd, ack_fd; /* of the last one */
    gboolean off; /* the SynIC */
} Fixture;

static int
add_sint(void *opaque, unsigned cpu, unsigned sint, int irq_fd, int ack_fd, GError **error)
{
    Fixture *f = opaque;

    f->routes++;
    f->irq_fd = irq_fd;
    f->ack_fd = ack_fd;
    return (int)(24 + sint);
}

static void
remove_sint(void *opaque, unsigned gsi, int irq_fd)
{
    ((Fixture *)opaque)->routes--;
}

static gboolean
get_pages(void *opaque, unsigned cpu, TnHypervPages *ret_pages)
{
    *ret_pages = (TnHypervPages){ MESSAGES, EVENTS };
    return !((Fixture *)opaque)->off && cpu == CPU;
}

static void
set_connections(void *opaque, const TnHypervConnections *connections)
{
    Fixture *f = opaque;

    f->connections = connections ? *connections : (TnHypervConnections){ 0 };
}

static void
set_up(Fixture *f, gconstpointer data)
{
    const TnRamBlock block = { .host = ram, .fd = -1 };

    memset(ram, 0, sizeof(ram));
    f->p = tn_test_platform_new();
    tn_memory_region_init_ram(&f->region, f->p->platform.memory, NULL, "ram", sizeof(ram), &block);
    tn_memory_region_add_subregion(f->p->platform.system_memory, 0, &f->region);
    f->host = (TnHypervHost){ f, add_sint, remove_sint, get_pages, set_connections };
    f->path = (TnFastPath){ .hyperv = &f->host };
    f->p->platform.fast_path = &f->path;
    f->device = tn_test_realize(f->p, g_object_new(TN_TYPE_HYPERV_TESTDEV, NULL));
}

static void
tear_down(Fixture *f, gconstpointer data)
{
    tn_test_drop(f->device);
    g_assert_cmpuint(f->routes, ==, 0);
    g_assert_null(f->connections.opaque);
    tn_memory_region_del_subregion(f->p->platform.system_memory, &f->region);
    tn_memory_synchronize(f->p->platform.memory);
    tn_memory_region_done(&f->region);
    tn_test_platform_free(f->p);
}

static void
command(Fixture *f, unsigned number)
{
    tn_test_out(f->p, TN_HYPERV_TESTDEV_PORT,
                (guint32)CONNECTION << 24 | number << 16 | CPU << 8 | SINT, 4);
}

/* How often the SINT was raised since the last look. */
static guint64
raised(Fixture *f)
{
    guint64 count = 0;

    return read(f->irq_fd, &count, sizeof(count)) == sizeof(count) ? count : 0;
}

static TnHypervStatus
post(Fixture *f, guint8 first_byte)
{
    const TnHypervMessage message = { .type = 7, .size = 8, .payload = { first_byte } };

    return f->connections.post_message(f->connections.opaque, CONNECTION, &message);
}

static guint8 *
slot(guint32 page)
{
    return ram + page + SINT * TN_HYPERV_PAGE_SLOT;
}

static void
test_route_raises(Fixture *f, gconstpointer data)
{
    command(f, 1);
    g_assert_cmpuint(f->routes, ==, 1);
    command(f, 3);
    g_assert_cmpuint(raised(f), ==, 1);
    command(f, 2);
    g_assert_cmpuint(f->routes, ==, 0);
    command(f, 3); /* nothing */
}

static void
test_message_comes_back(Fixture *f, gconstpointer data)
{
    command(f, 4);
    g_assert_cmpint(post(f, 0x5a), ==, TN_HYPERV_SUCCESS);
    g_assert_cmphex(slot(MESSAGES)[0], ==, 7);
    g_assert_cmphex(slot(MESSAGES)[4], ==, 8);
    g_assert_cmphex(slot(MESSAGES)[5], ==, 0);
    g_assert_cmphex(slot(MESSAGES)[16], ==, 0x5a);
    g_assert_cmpuint(raised(f), ==, 1);
}

static gboolean
second_has_come(gpointer user_data)
{
    return slot(MESSAGES)[16] == 2;
}

static void
test_message_to_a_taken_slot_waits(Fixture *f, gconstpointer data)
{
    const guint64 one = 1;

    command(f, 4);
    g_assert_cmpint(post(f, 1), ==, TN_HYPERV_SUCCESS);
    g_assert_cmpuint(raised(f), ==, 1);
    g_assert_cmpint(post(f, 2), ==, TN_HYPERV_SUCCESS);
    g_assert_cmphex(slot(MESSAGES)[16], ==, 1);
    g_assert_cmphex(slot(MESSAGES)[5], ==, 1); /* pending */
    g_assert_cmpuint(raised(f), ==, 0);
    g_assert_cmpint(post(f, 3), ==, TN_HYPERV_INSUFFICIENT_BUFFERS);
    memset(slot(MESSAGES), 0, 4);
    g_assert_cmpint(write(f->ack_fd, &one, sizeof(one)), ==, sizeof(one));
    tn_test_wait(second_has_come, f);
    g_assert_cmphex(slot(MESSAGES)[5], ==, 0);
    g_assert_cmpuint(raised(f), ==, 1);
}

static void
test_event_sets_its_flag_once(Fixture *f, gconstpointer data)
{
    command(f, 6);
    g_assert_cmpint(f->connections.signal_event(f->device, CONNECTION, 0), ==, TN_HYPERV_SUCCESS);
    g_assert_cmphex(slot(EVENTS)[CONNECTION / 8], ==, 1 << CONNECTION % 8);
    g_assert_cmpuint(raised(f), ==, 1);
    g_assert_cmpint(f->connections.signal_event(f->device, CONNECTION, 0), ==, TN_HYPERV_SUCCESS);
    g_assert_cmpuint(raised(f), ==, 0);
    g_assert_cmpint(f->connections.signal_event(f->device, CONNECTION, 1), ==,
                    TN_HYPERV_INVALID_PARAMETER);
}

static void
test_connection_of_nobody(Fixture *f, gconstpointer data)
{
    command(f, 4);
    command(f, 5);
    g_assert_cmpint(post(f, 1), ==, TN_HYPERV_INVALID_CONNECTION);
    g_assert_cmpint(f->connections.signal_event(f->device, 0xffffff, 0), ==,
                    TN_HYPERV_INVALID_CONNECTION);
}

static void
test_synic_that_is_off_loses_messages(Fixture *f, gconstpointer data)
{
    command(f, 4);
    f->off = TRUE;
    g_assert_cmpint(post(f, 1), ==, TN_HYPERV_SUCCESS);
    g_assert_cmphex(slot(MESSAGES)[0], ==, 0);
}

static void
test_bad_sint_is_ignored(Fixture *f, gconstpointer data)
{
    tn_test_out(f->p, TN_HYPERV_TESTDEV_PORT, 1 << 16 | CPU << 8 | TN_HYPERV_SINTS, 4);
    g_assert_cmpuint(f->routes, ==, 0);
}

static void
test_reset_forgets_all(Fixture *f, gconstpointer data)
{
    command(f, 1);
    command(f, 4);
    command(f, 6);
    tn_reset_run(f->p->platform.reset);
    g_assert_cmpuint(f->routes, ==, 0);
    g_assert_cmpint(post(f, 1), ==, TN_HYPERV_INVALID_CONNECTION);
}

static void
test_without_synic(void)
{
    g_autoptr(TnTestPlatform) p = tn_test_platform_new();
    TnHypervTestdev *device = tn_test_realize(p, g_object_new(TN_TYPE_HYPERV_TESTDEV, NULL));

    tn_test_out(p, TN_HYPERV_TESTDEV_PORT, 1 << 16, 4);
    tn_test_drop(device);
}

#define ADD(path, func)                                                                            \
    g_test_add("/hw/hyperv-testdev/" path, Fixture, NULL, set_up, func, tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("route-raises", test_route_raises);
    ADD("message/comes-back", test_message_comes_back);
    ADD("message/to-a-taken-slot-waits", test_message_to_a_taken_slot_waits);
    ADD("message/synic-that-is-off-loses-it", test_synic_that_is_off_loses_messages);
    ADD("event/sets-its-flag-once", test_event_sets_its_flag_once);
    ADD("connection-of-nobody", test_connection_of_nobody);
    ADD("bad-sint-is-ignored", test_bad_sint_is_ignored);
    ADD("reset-forgets-all", test_reset_forgets_all);
    g_test_add_func("/hw/hyperv-testdev/without-synic", test_without_synic);
    return g_test_run();
}
