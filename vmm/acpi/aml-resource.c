/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* AML: resource descriptors, ACPI 6.3 section 6.4. */
#include "vmm/acpi/aml-private.h"

/* 6.4.2 small items: type << 3 | length; 6.4.3 large items. */
enum {
    SMALL_IRQ_NO_FLAGS = 0x22,
    SMALL_IO = 0x47,
    LARGE_MEMORY32_FIXED = 0x86,
    LARGE_DWORD_SPACE = 0x87,
    LARGE_WORD_SPACE = 0x88,
    LARGE_INTERRUPT = 0x89,
    LARGE_QWORD_SPACE = 0x8a,
};

/* 6.4.3.5 resource types and general flags. */
enum { SPACE_MEMORY = 0, SPACE_IO = 1, SPACE_BUS = 2 };
#define SPACE_CONSUMER 0x01
#define SPACE_MIN_FIXED 0x04
#define SPACE_MAX_FIXED 0x08

/* 6.4.3.5.5 memory flags: read-write, cacheable; I/O flags: the entire range. */
#define MEMORY_READ_WRITE 0x01
#define MEMORY_CACHEABLE 0x02
#define IO_ENTIRE_RANGE 0x03

/* 6.4.3.6: level, active high (bits 1 and 2 clear), shared. */
#define INTERRUPT_CONSUMER 0x01
#define INTERRUPT_SHARED 0x08

static TnAml *
take(GByteArray *bytes)
{
    TnAml *term = tn_aml_raw(bytes->data, bytes->len);

    g_byte_array_unref(bytes);
    return term;
}

TnAml *
tn_aml_io(guint16 min, guint16 max, guint8 align, guint8 length)
{
    GByteArray *out = g_byte_array_new();

    tn_aml_put_le(out, SMALL_IO, 1);
    tn_aml_put_le(out, 1, 1); /* 16-bit decode */
    tn_aml_put_le(out, min, 2);
    tn_aml_put_le(out, max, 2);
    tn_aml_put_le(out, align, 1);
    tn_aml_put_le(out, length, 1);
    return take(out);
}

TnAml *
tn_aml_irq(unsigned irq)
{
    GByteArray *out = g_byte_array_new();

    g_assert(irq < 16);
    tn_aml_put_le(out, SMALL_IRQ_NO_FLAGS, 1);
    tn_aml_put_le(out, 1U << irq, 2);
    return take(out);
}

TnAml *
tn_aml_interrupt(const guint32 *irqs, unsigned count)
{
    GByteArray *out = g_byte_array_new();

    g_assert(count >= 1 && count <= 255);
    tn_aml_put_le(out, LARGE_INTERRUPT, 1);
    tn_aml_put_le(out, 2 + 4 * count, 2);
    tn_aml_put_le(out, INTERRUPT_CONSUMER | INTERRUPT_SHARED, 1);
    tn_aml_put_le(out, count, 1);
    for (unsigned i = 0; i < count; i++) {
        tn_aml_put_le(out, irqs[i], 4);
    }
    return take(out);
}

TnAml *
tn_aml_memory32_fixed(guint32 base, guint32 length)
{
    GByteArray *out = g_byte_array_new();

    tn_aml_put_le(out, LARGE_MEMORY32_FIXED, 1);
    tn_aml_put_le(out, 9, 2);
    tn_aml_put_le(out, 1, 1); /* read-write */
    tn_aml_put_le(out, base, 4);
    tn_aml_put_le(out, length, 4);
    return take(out);
}

/* What the three widths of address space descriptors have in common. */
typedef struct {
    unsigned item;       /* descriptor name */
    unsigned width;      /* bytes of each of the five numbers */
    unsigned type;       /* SPACE_... */
    unsigned type_flags; /* by type */
    gboolean consumer;
    guint64 min, max; /* inclusive */
} SpaceWindow;

static TnAml *
address_space(const SpaceWindow *w)
{
    GByteArray *out = g_byte_array_new();
    unsigned flags = SPACE_MIN_FIXED | SPACE_MAX_FIXED | (w->consumer ? SPACE_CONSUMER : 0);

    g_assert(w->max >= w->min && (w->min > 0 || w->max < G_MAXUINT64));
    tn_aml_put_le(out, w->item, 1);
    tn_aml_put_le(out, 3 + 5 * w->width, 2);
    tn_aml_put_le(out, w->type, 1);
    tn_aml_put_le(out, flags, 1);
    tn_aml_put_le(out, w->type_flags, 1);
    tn_aml_put_le(out, 0, w->width); /* granularity: every address bit decoded */
    tn_aml_put_le(out, w->min, w->width);
    tn_aml_put_le(out, w->max, w->width);
    tn_aml_put_le(out, 0, w->width); /* no translation */
    tn_aml_put_le(out, w->max - w->min + 1, w->width);
    return take(out);
}

TnAml *
tn_aml_word_bus_number(guint16 min, guint16 max)
{
    const SpaceWindow w = { LARGE_WORD_SPACE, 2, SPACE_BUS, 0, FALSE, min, max };

    return address_space(&w);
}

TnAml *
tn_aml_word_io(guint16 min, guint16 max)
{
    const SpaceWindow w = { LARGE_WORD_SPACE, 2, SPACE_IO, IO_ENTIRE_RANGE, FALSE, min, max };

    return address_space(&w);
}

static unsigned
memory_flags(gboolean cacheable)
{
    return MEMORY_READ_WRITE | (cacheable ? MEMORY_CACHEABLE : 0);
}

TnAml *
tn_aml_dword_memory(guint32 min, guint32 max, gboolean cacheable)
{
    const SpaceWindow w = { LARGE_DWORD_SPACE, 4,     SPACE_MEMORY, memory_flags(cacheable),
                            FALSE,             min,   max };

    return address_space(&w);
}

TnAml *
tn_aml_qword_memory(guint64 min, guint64 max, gboolean cacheable, gboolean consumer)
{
    const SpaceWindow w = { LARGE_QWORD_SPACE, 8,   SPACE_MEMORY, memory_flags(cacheable),
                            consumer,          min, max };

    return address_space(&w);
}
