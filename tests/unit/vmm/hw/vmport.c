/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vmport: docs/specs/vmport.md. Values seen with QEMU 7.2. */
#include "vmm/hw/vmport.h"

#include "tests/lib/test-platform.h"
#include "vmm/core/fast-path.h"

#define MAGIC 0x564d5868u

typedef struct {
    TnTestPlatform *p;
    TnFastPath path;
    TnGuestRegisters regs;
    TnVmport *device;
} Fixture;

static gboolean
get_registers(void *opaque, TnGuestRegisters *ret_registers)
{
    *ret_registers = ((Fixture *)opaque)->regs;
    return TRUE;
}

static void
set_registers(void *opaque, const TnGuestRegisters *registers)
{
    ((Fixture *)opaque)->regs = *registers;
}

static void
set_up(Fixture *f, gconstpointer data)
{
    const TnVmportConfig config = {
        .ram_size = 200 << 20,
        .uuid = { 0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc,
                  0xdd, 0xee, 0xff },
    };

    f->p = tn_test_platform_new();
    f->path = (TnFastPath){ .opaque = f, .get_registers = get_registers,
                            .set_registers = set_registers };
    f->p->platform.fast_path = &f->path;
    f->device = tn_test_realize(f->p, tn_vmport_new(&f->p->platform, &config));
}

static void
tear_down(Fixture *f, gconstpointer data)
{
    tn_test_drop(f->device);
    tn_test_platform_free(f->p);
}

/* Calls @command; what is read and EAX are the same. */
static guint32
call(Fixture *f, guint32 magic, guint32 command)
{
    guint32 eax;

    f->regs = (TnGuestRegisters){ magic, 0xdeadbeef, command, 0xdeaf5658 };
    eax = tn_test_in(f->p, TN_VMPORT_PORT, 4);
    g_assert_cmphex(f->regs.rax, ==, eax);
    return eax;
}

static void
test_version(Fixture *f, gconstpointer data)
{
    g_assert_cmphex(call(f, MAGIC, 10), ==, 6);
    g_assert_cmphex(f->regs.rbx, ==, MAGIC);
    g_assert_cmphex(f->regs.rcx, ==, 2);
    g_assert_cmphex(f->regs.rdx, ==, 0xdeaf5658);
}

static void
test_command_has_16_bits(Fixture *f, gconstpointer data)
{
    g_assert_cmphex(call(f, MAGIC, 0x1000a), ==, 6);
}

static void
test_uuid(Fixture *f, gconstpointer data)
{
    g_assert_cmphex(call(f, MAGIC, 19), ==, 0x33221100);
    g_assert_cmphex(f->regs.rbx, ==, 0x77665544);
    g_assert_cmphex(f->regs.rcx, ==, 0xbbaa9988);
    g_assert_cmphex(f->regs.rdx, ==, 0xffeeddcc);
}

static void
test_ram_size(Fixture *f, gconstpointer data)
{
    g_assert_cmphex(call(f, MAGIC, 20), ==, 0x0c800000);
    g_assert_cmphex(f->regs.rbx, ==, 0x1177);
}

static void
test_unknown_command(Fixture *f, gconstpointer data)
{
    g_assert_cmphex(call(f, MAGIC, 0xfff), ==, 0xffffffff);
    g_assert_cmphex(f->regs.rbx, ==, 0xdeadbeef);
}

static void
test_without_magic(Fixture *f, gconstpointer data)
{
    g_assert_cmphex(call(f, 0x12345678, 10), ==, 0xffffffff);
    g_assert_cmphex(f->regs.rbx, ==, 0xdeadbeef);
}

static void
test_write_calls_as_well(Fixture *f, gconstpointer data)
{
    f->regs = (TnGuestRegisters){ MAGIC, 0, 10, 0 };
    tn_test_out(f->p, TN_VMPORT_PORT, MAGIC, 4);
    g_assert_cmphex(f->regs.rax, ==, 6);
}

static void
test_next_port_is_not_it(Fixture *f, gconstpointer data)
{
    f->regs = (TnGuestRegisters){ MAGIC, 0, 10, 0 };
    g_assert_cmphex(tn_test_inb(f->p, TN_VMPORT_PORT + 1), ==, 0xff);
    g_assert_cmphex(f->regs.rax, ==, MAGIC);
}

#define ADD(path, func) g_test_add("/hw/vmport/" path, Fixture, NULL, set_up, func, tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("version", test_version);
    ADD("command-has-16-bits", test_command_has_16_bits);
    ADD("uuid", test_uuid);
    ADD("ram-size", test_ram_size);
    ADD("unknown-command", test_unknown_command);
    ADD("without-magic", test_without_magic);
    ADD("write-calls-as-well", test_write_calls_as_well);
    ADD("next-port-is-not-it", test_next_port_is_not_it);
    return g_test_run();
}
