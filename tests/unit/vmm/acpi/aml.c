/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* AML terms byte by byte, against ACPI 6.3 chapters 20 and 6.4. */
#include "vmm/acpi/aml-hotplug.h"
#include "vmm/acpi/aml-notify.h"

#include <string.h>

/* Consumes @term and compares its bytes with @bytes. */
#define assert_term(term, ...)                                                     \
    do {                                                                           \
        static const guint8 want_[] = { __VA_ARGS__ };                             \
        g_autoptr(GByteArray) got_ = tn_aml_finish(term);                          \
        g_assert_cmpmem(got_->data, got_->len, want_, sizeof want_);               \
    } while (0)

static void
test_path_single_segment_is_padded(void)
{
    assert_term(tn_aml_path("AB"), 'A', 'B', '_', '_');
}

static void
test_path_root_alone_is_null_name(void)
{
    assert_term(tn_aml_path("\\"), '\\', 0x00);
}

static void
test_path_parent_prefixes(void)
{
    assert_term(tn_aml_path("^^_SB"), '^', '^', '_', 'S', 'B', '_');
}

static void
test_path_two_segments_use_dual_prefix(void)
{
    assert_term(tn_aml_path("\\_SB.PCI0"), '\\', 0x2e, '_', 'S', 'B', '_', 'P', 'C', 'I', '0');
}

static void
test_path_three_segments_use_multi_prefix(void)
{
    assert_term(tn_aml_path("A.B1.C_2"), 0x2f, 3, 'A', '_', '_', '_', 'B', '1', '_', '_', 'C',
                '_', '2', '_');
}

static void
test_int_widths(void)
{
    assert_term(tn_aml_int(0), 0x00);
    assert_term(tn_aml_int(1), 0x01);
    assert_term(tn_aml_int(2), 0x0a, 0x02);
    assert_term(tn_aml_int(0xff), 0x0a, 0xff);
    assert_term(tn_aml_int(0x100), 0x0b, 0x00, 0x01);
    assert_term(tn_aml_int(0xffff), 0x0b, 0xff, 0xff);
    assert_term(tn_aml_int(0x10000), 0x0c, 0x00, 0x00, 0x01, 0x00);
    assert_term(tn_aml_int(0xffffffff), 0x0c, 0xff, 0xff, 0xff, 0xff);
    assert_term(tn_aml_int(0x100000000), 0x0e, 0, 0, 0, 0, 1, 0, 0, 0);
    assert_term(tn_aml_int(G_MAXUINT64), 0x0e, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff);
    assert_term(tn_aml_ones(), 0xff);
}

static void
test_string_is_nul_terminated(void)
{
    assert_term(tn_aml_string("ab"), 0x0d, 'a', 'b', 0x00);
    assert_term(tn_aml_string(""), 0x0d, 0x00);
}

static void
test_eisaid(void)
{
    assert_term(tn_aml_eisaid("PNP0C80"), 0x0c, 0x41, 0xd0, 0x0c, 0x80);
    assert_term(tn_aml_eisaid("PNP0A03"), 0x0c, 0x41, 0xd0, 0x0a, 0x03);
}

static void
test_uuid_bytes_are_mixed_endian(void)
{
    assert_term(tn_aml_uuid("33db4d5b-1ff7-401c-9657-7441c03dd766"), 0x11, 0x13, 0x0a, 0x10, 0x5b,
                0x4d, 0xdb, 0x33, 0xf7, 0x1f, 0x1c, 0x40, 0x96, 0x57, 0x74, 0x41, 0xc0, 0x3d, 0xd7,
                0x66);
}

static void
test_buffer(void)
{
    assert_term(tn_aml_buffer("xyz", 3), 0x11, 0x06, 0x0a, 0x03, 'x', 'y', 'z');
}

static void
test_package_counts_elements(void)
{
    TnAml *package = tn_aml_package();

    tn_aml_append(package, tn_aml_int(0));
    tn_aml_append(package, tn_aml_int(5));
    assert_term(package, 0x12, 0x05, 0x02, 0x00, 0x0a, 0x05);
    assert_term(tn_aml_package(), 0x12, 0x02, 0x00);
}

static void
test_args_and_locals(void)
{
    assert_term(tn_aml_arg(0), 0x68);
    assert_term(tn_aml_arg(6), 0x6e);
    assert_term(tn_aml_local(0), 0x60);
    assert_term(tn_aml_local(7), 0x67);
}

/* A scope "FOO_" whose body is @filler ones: 4 + @filler bytes after the PkgLength. */
static GByteArray *
scope_of(gsize filler)
{
    TnAml *scope = tn_aml_scope("FOO");

    for (gsize i = 0; i < filler; i++) {
        tn_aml_append(scope, tn_aml_ones());
    }
    return tn_aml_finish(scope);
}

static void
assert_pkg_length(gsize body, const guint8 *length, gsize length_size)
{
    g_autoptr(GByteArray) got = scope_of(body - 4);

    g_assert_cmpuint(got->len, ==, 1 + length_size + body);
    g_assert_cmpuint(got->data[0], ==, 0x10);
    g_assert_cmpmem(got->data + 1, length_size, length, length_size);
    g_assert_cmpmem(got->data + 1 + length_size, 4, "FOO_", 4);
}

static void
test_pkg_length_longest_of_one_byte(void)
{
    assert_pkg_length(62, (const guint8[]){ 0x3f }, 1);
}

static void
test_pkg_length_shortest_of_two_bytes(void)
{
    assert_pkg_length(63, (const guint8[]){ 0x41, 0x04 }, 2); /* 65 */
}

static void
test_pkg_length_longest_of_two_bytes(void)
{
    assert_pkg_length(0xffd, (const guint8[]){ 0x4f, 0xff }, 2);
}

static void
test_pkg_length_shortest_of_three_bytes(void)
{
    assert_pkg_length(0xffe, (const guint8[]){ 0x81, 0x00, 0x01 }, 3); /* 0x1001 */
}

static void
test_pkg_length_longest_of_three_bytes(void)
{
    assert_pkg_length(0xffffc, (const guint8[]){ 0x8f, 0xff, 0xff }, 3);
}

static void
test_pkg_length_shortest_of_four_bytes(void)
{
    assert_pkg_length(0xffffd, (const guint8[]){ 0xc1, 0x00, 0x00, 0x01 }, 4); /* 0x100001 */
}

static void
test_name_scope_device(void)
{
    TnAml *device = tn_aml_device("DEV");

    assert_term(tn_aml_name("FOO", tn_aml_int(7)), 0x08, 'F', 'O', 'O', '_', 0x0a, 0x07);
    tn_aml_append(device, tn_aml_name("_ADR", tn_aml_int(0)));
    assert_term(device, 0x5b, 0x82, 0x0b, 'D', 'E', 'V', '_', 0x08, '_', 'A', 'D', 'R', 0x00);
}

static void
test_method_flags(void)
{
    assert_term(tn_aml_method("MM", 2, FALSE), 0x14, 0x06, 'M', 'M', '_', '_', 0x02);
    assert_term(tn_aml_method("MM", 7, TRUE), 0x14, 0x06, 'M', 'M', '_', '_', 0x0f);
}

static void
test_mutex_acquire_release(void)
{
    assert_term(tn_aml_mutex("LOCK", 3), 0x5b, 0x01, 'L', 'O', 'C', 'K', 0x03);
    assert_term(tn_aml_acquire(tn_aml_path("LOCK"), 0xfffe), 0x5b, 0x23, 'L', 'O', 'C', 'K', 0xfe,
                0xff);
    assert_term(tn_aml_release(tn_aml_path("LOCK")), 0x5b, 0x27, 'L', 'O', 'C', 'K');
}

static void
test_op_region(void)
{
    assert_term(tn_aml_op_region("REG", TN_AML_SYSTEM_IO, 0xa00, 24), 0x5b, 0x80, 'R', 'E', 'G',
                '_', 0x01, 0x0b, 0x00, 0x0a, 0x0a, 0x18);
}

static void
test_field_units_and_gaps(void)
{
    TnAml *field = tn_aml_field("REG", TN_AML_BYTE_ACC, TN_AML_WRITE_AS_ZEROS);

    tn_aml_append(field, tn_aml_field_gap(0x14 * 8)); /* 160 bits: two bytes of length */
    tn_aml_append(field, tn_aml_field_unit("FLAG", 1));
    tn_aml_append(field, tn_aml_field_gap(63));
    tn_aml_append(field, tn_aml_field_unit("WIDE", 64));
    assert_term(field, 0x5b, 0x81, 0x16, 'R', 'E', 'G', '_', 0x41, 0x00, 0x40, 0x0a, 'F', 'L', 'A',
                'G', 0x01, 0x00, 0x3f, 'W', 'I', 'D', 'E', 0x40, 0x04);
}

static void
test_create_fields(void)
{
    assert_term(tn_aml_create_dword_field(tn_aml_arg(0), 5, "IRQ"), 0x8a, 0x68, 0x0a, 0x05, 'I',
                'R', 'Q', '_');
    assert_term(tn_aml_create_qword_field(tn_aml_path("BUF"), 14, "MIN"), 0x8f, 'B', 'U', 'F', '_',
                0x0a, 0x0e, 'M', 'I', 'N', '_');
}

static void
test_statements(void)
{
    TnAml *branch = tn_aml_if(tn_aml_local(0));
    TnAml *loop = tn_aml_while(tn_aml_less(tn_aml_local(0), tn_aml_int(4)));

    tn_aml_append(branch, tn_aml_return(tn_aml_int(1)));
    assert_term(branch, 0xa0, 0x04, 0x60, 0xa4, 0x01);
    assert_term(tn_aml_else(), 0xa1, 0x01);
    tn_aml_append(loop, tn_aml_increment(tn_aml_local(0)));
    assert_term(loop, 0xa2, 0x07, 0x95, 0x60, 0x0a, 0x04, 0x75, 0x60);
    assert_term(tn_aml_notify(tn_aml_path("MP00"), tn_aml_int(3)), 0x86, 'M', 'P', '0', '0', 0x0a,
                0x03);
}

static void
test_expressions(void)
{
    assert_term(tn_aml_store(tn_aml_int(1), tn_aml_path("X")), 0x70, 0x01, 'X', '_', '_', '_');
    assert_term(tn_aml_add(tn_aml_arg(0), tn_aml_arg(1)), 0x72, 0x68, 0x69, 0x00);
    assert_term(tn_aml_subtract(tn_aml_arg(0), tn_aml_int(1)), 0x74, 0x68, 0x01, 0x00);
    assert_term(tn_aml_and(tn_aml_arg(0), tn_aml_int(1)), 0x7b, 0x68, 0x01, 0x00);
    assert_term(tn_aml_or(tn_aml_arg(0), tn_aml_int(1)), 0x7d, 0x68, 0x01, 0x00);
    assert_term(tn_aml_shift_left(tn_aml_arg(0), tn_aml_int(32)), 0x79, 0x68, 0x0a, 0x20, 0x00);
    assert_term(tn_aml_equal(tn_aml_arg(0), tn_aml_int(1)), 0x93, 0x68, 0x01);
    assert_term(tn_aml_less(tn_aml_arg(0), tn_aml_int(1)), 0x95, 0x68, 0x01);
    assert_term(tn_aml_not(tn_aml_arg(0)), 0x92, 0x68);
    assert_term(tn_aml_call("CALL", tn_aml_int(0), tn_aml_arg(0), NULL), 'C', 'A', 'L', 'L', 0x00,
                0x68);
    assert_term(tn_aml_call("\\A.B", NULL), '\\', 0x2e, 'A', '_', '_', '_', 'B', '_', '_', '_');
}

static void
test_resource_template_empty(void)
{
    assert_term(tn_aml_resource_template(), 0x11, 0x05, 0x0a, 0x02, 0x79, 0x00);
}

static void
test_resource_io_and_irq(void)
{
    TnAml *crs = tn_aml_resource_template();

    tn_aml_append(crs, tn_aml_io(0x3f8, 0x3f8, 1, 8));
    tn_aml_append(crs, tn_aml_irq(4));
    assert_term(crs, 0x11, 0x10, 0x0a, 0x0d, 0x47, 0x01, 0xf8, 0x03, 0xf8, 0x03, 0x01, 0x08, 0x22,
                0x10, 0x00, 0x79, 0x00);
}

static void
test_resource_interrupt(void)
{
    static const guint32 irqs[] = { 5, 10 };

    assert_term(tn_aml_interrupt(irqs, 2), 0x89, 0x0a, 0x00, 0x09, 0x02, 5, 0, 0, 0, 10, 0, 0, 0);
}

static void
test_resource_memory32_fixed(void)
{
    assert_term(tn_aml_memory32_fixed(0xfed00000, 0x400), 0x86, 0x09, 0x00, 0x01, 0x00, 0x00, 0xd0,
                0xfe, 0x00, 0x04, 0x00, 0x00);
}

static void
test_resource_word_windows(void)
{
    assert_term(tn_aml_word_bus_number(0, 0xff), 0x88, 0x0d, 0x00, 0x02, 0x0c, 0x00, 0x00, 0x00,
                0x00, 0x00, 0xff, 0x00, 0x00, 0x00, 0x00, 0x01);
    assert_term(tn_aml_word_io(0xd00, 0xffff), 0x88, 0x0d, 0x00, 0x01, 0x0c, 0x03, 0x00, 0x00,
                0x00, 0x0d, 0xff, 0xff, 0x00, 0x00, 0x00, 0xf3);
}

static void
test_resource_dword_memory(void)
{
    assert_term(tn_aml_dword_memory(0xc0000000, 0xfebfffff, FALSE), 0x87, 0x17, 0x00, 0x00, 0x0c,
                0x01, 0, 0, 0, 0, 0x00, 0x00, 0x00, 0xc0, 0xff, 0xff, 0xbf, 0xfe, 0, 0, 0, 0, 0x00,
                0x00, 0xc0, 0x3e);
}

static void
test_resource_qword_memory(void)
{
    assert_term(tn_aml_qword_memory(0x100000000, 0x13fffffff, TRUE, TRUE), 0x8a, 0x2b, 0x00, 0x00,
                0x0d, 0x03, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0xff, 0xff, 0xff, 0x3f,
                1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x40, 0, 0, 0, 0);
}

static void
test_resource_qword_field_offsets(void)
{
    TnAml *crs = tn_aml_resource_template();
    g_autoptr(GByteArray) got = NULL;
    guint64 value;
    const guint header = 4; /* BufferOp, PkgLength, byte constant */

    tn_aml_append(crs, tn_aml_qword_memory(0x1122334455667788, 0x1122334455667799, TRUE, TRUE));
    got = tn_aml_finish(crs);
    memcpy(&value, got->data + header + TN_AML_QWORD_MIN_OFFSET, 8);
    g_assert_cmphex(GUINT64_FROM_LE(value), ==, 0x1122334455667788);
    memcpy(&value, got->data + header + TN_AML_QWORD_MAX_OFFSET, 8);
    g_assert_cmphex(GUINT64_FROM_LE(value), ==, 0x1122334455667799);
    memcpy(&value, got->data + header + TN_AML_QWORD_LEN_OFFSET, 8);
    g_assert_cmphex(GUINT64_FROM_LE(value), ==, 0x12);
}

static void
test_free_accepts_null(void)
{
    tn_aml_free(NULL);
    tn_aml_free(tn_aml_int(1));
}

static void
device_name(char *ret_name, unsigned number)
{
    (void)g_snprintf(ret_name, 5, "D%03u", number);
}

static void
test_notify_one_device(void)
{
    assert_term(tn_aml_notify_method("NTFY", device_name, 1), 0x14, 0x0c, 'N', 'T', 'F', 'Y', 2,
                0x86, 'D', '0', '0', '0', 0x69);
}

/* If (number < 1) the first; else if (number < 2) the second, else the third. */
static void
test_notify_by_halving(void)
{
    assert_term(tn_aml_notify_method("NTFY", device_name, 3), 0x14, 0x27, 'N', 'T', 'F', 'Y', 2,
                0xa0, 0x0a, 0x95, 0x68, 0x01, 0x86, 'D', '0', '0', '0', 0x69,
                0xa1, 0x15, 0xa0, 0x0b, 0x95, 0x68, 0x0a, 0x02, 0x86, 'D', '0', '0', '1', 0x69,
                0xa1, 0x07, 0x86, 'D', '0', '0', '2', 0x69);
}

static const TnAmlBank bank = { "LOCK", "SEL" };

/* Acquire (LOCK, 0xffff); SEL = Arg0; Local0 = REG; Release (LOCK); Return (Local0). */
static void
test_bank_method(void)
{
    assert_term(tn_aml_bank_method(&bank, "READ", 1, tn_aml_local(0),
                                   tn_aml_store(tn_aml_path("REG"), tn_aml_local(0)), NULL),
                0x14, 0x22, 'R', 'E', 'A', 'D', 0x09, 0x5b, 0x23, 'L', 'O', 'C', 'K', 0xff, 0xff,
                0x70, 0x68, 'S', 'E', 'L', '_', 0x70, 'R', 'E', 'G', '_', 0x60, 0x5b, 0x27, 'L',
                'O', 'C', 'K', 0xa4, 0x60);
}

/* The mutex is taken once; Local0 runs over all and is selected before the statements. */
static void
test_bank_scan(void)
{
    assert_term(tn_aml_bank_scan(&bank, "SCAN", 3, tn_aml_increment(tn_aml_local(1)), NULL), 0x14,
                0x27, 'S', 'C', 'A', 'N', 0x08, 0x5b, 0x23, 'L', 'O', 'C', 'K', 0xff, 0xff, 0x70,
                0x00, 0x60, 0xa2, 0x0f, 0x95, 0x60, 0x0a, 0x03, 0x70, 0x60, 'S', 'E', 'L', '_',
                0x75, 0x61, 0x75, 0x60, 0x5b, 0x27, 'L', 'O', 'C', 'K');
}

/* _OST has three arguments, of which the last is a buffer that nobody wants. */
static void
test_forward(void)
{
    assert_term(tn_aml_forward("_EJ0", 1, "EJCT", 2, FALSE), 0x14, 0x0c, '_', 'E', 'J', '0', 0x01,
                'E', 'J', 'C', 'T', 0x0a, 0x02);
    assert_term(tn_aml_forward("_STA", 0, "STAT", 2, TRUE), 0x14, 0x0d, '_', 'S', 'T', 'A', 0x00,
                0xa4, 'S', 'T', 'A', 'T', 0x0a, 0x02);
    assert_term(tn_aml_forward("_OST", 3, "OSTM", 2, FALSE), 0x14, 0x0e, '_', 'O', 'S', 'T', 0x03,
                'O', 'S', 'T', 'M', 0x0a, 0x02, 0x68, 0x69);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/acpi/aml/path/single-segment-is-padded", test_path_single_segment_is_padded);
    g_test_add_func("/acpi/aml/path/root-alone-is-null-name", test_path_root_alone_is_null_name);
    g_test_add_func("/acpi/aml/path/parent-prefixes", test_path_parent_prefixes);
    g_test_add_func("/acpi/aml/path/two-segments-use-dual-prefix",
                    test_path_two_segments_use_dual_prefix);
    g_test_add_func("/acpi/aml/path/three-segments-use-multi-prefix",
                    test_path_three_segments_use_multi_prefix);
    g_test_add_func("/acpi/aml/int/widths", test_int_widths);
    g_test_add_func("/acpi/aml/string/is-nul-terminated", test_string_is_nul_terminated);
    g_test_add_func("/acpi/aml/eisaid", test_eisaid);
    g_test_add_func("/acpi/aml/uuid/bytes-are-mixed-endian", test_uuid_bytes_are_mixed_endian);
    g_test_add_func("/acpi/aml/buffer", test_buffer);
    g_test_add_func("/acpi/aml/package/counts-elements", test_package_counts_elements);
    g_test_add_func("/acpi/aml/args-and-locals", test_args_and_locals);
    g_test_add_func("/acpi/aml/pkg-length/longest-of-one-byte",
                    test_pkg_length_longest_of_one_byte);
    g_test_add_func("/acpi/aml/pkg-length/shortest-of-two-bytes",
                    test_pkg_length_shortest_of_two_bytes);
    g_test_add_func("/acpi/aml/pkg-length/longest-of-two-bytes",
                    test_pkg_length_longest_of_two_bytes);
    g_test_add_func("/acpi/aml/pkg-length/shortest-of-three-bytes",
                    test_pkg_length_shortest_of_three_bytes);
    g_test_add_func("/acpi/aml/pkg-length/longest-of-three-bytes",
                    test_pkg_length_longest_of_three_bytes);
    g_test_add_func("/acpi/aml/pkg-length/shortest-of-four-bytes",
                    test_pkg_length_shortest_of_four_bytes);
    g_test_add_func("/acpi/aml/name-and-device", test_name_scope_device);
    g_test_add_func("/acpi/aml/method/flags", test_method_flags);
    g_test_add_func("/acpi/aml/mutex", test_mutex_acquire_release);
    g_test_add_func("/acpi/aml/op-region", test_op_region);
    g_test_add_func("/acpi/aml/field/units-and-gaps", test_field_units_and_gaps);
    g_test_add_func("/acpi/aml/field/create", test_create_fields);
    g_test_add_func("/acpi/aml/statements", test_statements);
    g_test_add_func("/acpi/aml/expressions", test_expressions);
    g_test_add_func("/acpi/aml/resource/template-empty", test_resource_template_empty);
    g_test_add_func("/acpi/aml/resource/io-and-irq", test_resource_io_and_irq);
    g_test_add_func("/acpi/aml/resource/interrupt", test_resource_interrupt);
    g_test_add_func("/acpi/aml/resource/memory32-fixed", test_resource_memory32_fixed);
    g_test_add_func("/acpi/aml/resource/word-windows", test_resource_word_windows);
    g_test_add_func("/acpi/aml/resource/dword-memory", test_resource_dword_memory);
    g_test_add_func("/acpi/aml/resource/qword-memory", test_resource_qword_memory);
    g_test_add_func("/acpi/aml/resource/qword-field-offsets", test_resource_qword_field_offsets);
    g_test_add_func("/acpi/aml/notify/one-device", test_notify_one_device);
    g_test_add_func("/acpi/aml/notify/by-halving", test_notify_by_halving);
    g_test_add_func("/acpi/aml/free-accepts-null", test_free_accepts_null);
    g_test_add_func("/acpi/aml/bank/method", test_bank_method);
    g_test_add_func("/acpi/aml/bank/scan", test_bank_scan);
    g_test_add_func("/acpi/aml/forward", test_forward);
    return g_test_run();
}
