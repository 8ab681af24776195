/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* AML: statements and expressions, ACPI 6.3, 20.2.5.3 and 20.2.5.4. */
#include "vmm/acpi/aml-private.h"

enum {
    NULL_NAME = 0x00,
    OP_EXT = 0x5b,
    OP_STORE = 0x70,
    OP_ADD = 0x72,
    OP_SUBTRACT = 0x74,
    OP_INCREMENT = 0x75,
    OP_SHIFT_LEFT = 0x79,
    OP_AND = 0x7b,
    OP_OR = 0x7d,
    OP_NOTIFY = 0x86,
    OP_INDEX = 0x88,
    OP_LNOT = 0x92,
    OP_LEQUAL = 0x93,
    OP_LLESS = 0x95,
    OP_IF = 0xa0,
    OP_ELSE = 0xa1,
    OP_WHILE = 0xa2,
    OP_RETURN = 0xa4,
};
enum {
    EXT_ACQUIRE = 0x23,
    EXT_RELEASE = 0x27,
};

TnAml *
tn_aml_if(TnAml *predicate)
{
    TnAml *term = tn_aml_pkg_op(OP_IF);

    tn_aml_append(term, predicate);
    return term;
}

TnAml *
tn_aml_else(void)
{
    return tn_aml_pkg_op(OP_ELSE);
}

TnAml *
tn_aml_while(TnAml *predicate)
{
    TnAml *term = tn_aml_pkg_op(OP_WHILE);

    tn_aml_append(term, predicate);
    return term;
}

static TnAml *
unary(unsigned op, TnAml *a)
{
    TnAml *term = tn_aml_one_op(op);

    tn_aml_append(term, a);
    return term;
}

static TnAml *
binary(unsigned op, TnAml *a, TnAml *b)
{
    TnAml *term = unary(op, a);

    tn_aml_append(term, b);
    return term;
}

/* A binary operator whose optional third operand, the target, is the null name. */
static TnAml *
binary_no_target(unsigned op, TnAml *a, TnAml *b)
{
    TnAml *term = binary(op, a, b);

    tn_aml_append(term, tn_aml_one_op(NULL_NAME));
    return term;
}

TnAml *
tn_aml_return(TnAml *value)
{
    return unary(OP_RETURN, value);
}

TnAml *
tn_aml_notify(TnAml *object, TnAml *value)
{
    return binary(OP_NOTIFY, object, value);
}

TnAml *
tn_aml_release(TnAml *mutex)
{
    static const guint8 op[] = { OP_EXT, EXT_RELEASE };
    TnAml *term = tn_aml_raw(op, sizeof op);

    tn_aml_append(term, mutex);
    return term;
}

TnAml *
tn_aml_acquire(TnAml *mutex, guint16 timeout)
{
    static const guint8 op[] = { OP_EXT, EXT_ACQUIRE };
    const guint8 le_timeout[] = { timeout & 0xff, timeout >> 8 };
    TnAml *term = tn_aml_raw(op, sizeof op);

    tn_aml_append(term, mutex);
    tn_aml_append(term, tn_aml_raw(le_timeout, sizeof le_timeout));
    return term;
}

TnAml *
tn_aml_store(TnAml *value, TnAml *target)
{
    return binary(OP_STORE, value, target);
}

TnAml *
tn_aml_increment(TnAml *target)
{
    return unary(OP_INCREMENT, target);
}

TnAml *
tn_aml_add(TnAml *a, TnAml *b)
{
    return binary_no_target(OP_ADD, a, b);
}

TnAml *
tn_aml_subtract(TnAml *a, TnAml *b)
{
    return binary_no_target(OP_SUBTRACT, a, b);
}

TnAml *
tn_aml_and(TnAml *a, TnAml *b)
{
    return binary_no_target(OP_AND, a, b);
}

TnAml *
tn_aml_or(TnAml *a, TnAml *b)
{
    return binary_no_target(OP_OR, a, b);
}

TnAml *
tn_aml_shift_left(TnAml *a, TnAml *count)
{
    return binary_no_target(OP_SHIFT_LEFT, a, count);
}

TnAml *
tn_aml_index(TnAml *object, TnAml *i)
{
    return binary_no_target(OP_INDEX, object, i);
}

TnAml *
tn_aml_equal(TnAml *a, TnAml *b)
{
    return binary(OP_LEQUAL, a, b);
}

TnAml *
tn_aml_less(TnAml *a, TnAml *b)
{
    return binary(OP_LLESS, a, b);
}

TnAml *
tn_aml_not(TnAml *a)
{
    return unary(OP_LNOT, a);
}

TnAml *
tn_aml_call(const char *path, ...)
{
    TnAml *term = tn_aml_path(path);
    TnAml *arg;
    va_list ap;

    va_start(ap, path);
    while ((arg = va_arg(ap, TnAml *))) {
        tn_aml_append(term, arg);
    }
    va_end(ap);
    return term;
}
