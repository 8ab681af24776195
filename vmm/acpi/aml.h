/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * AML: ACPI Machine Language terms as a tree of byte strings. Each function makes
 * one term; a term given to another function or appended is consumed by it. "ACPI"
 * in the citations is the ACPI Specification 6.3, chapter 20 unless said otherwise.
 *
 *   TnAml *dev = tn_aml_device("COM1");
 *   tn_aml_append(dev, tn_aml_name("_HID", tn_aml_eisaid("PNP0501")));
 *
 * Wrong names and ranges are the programmer's errors (assertions): nothing here
 * comes from a guest or a user. Threads: any, one at a time per term.
 */
#pragma once

#include <glib.h>

typedef struct TnAml TnAml;

/* Frees a term that was not given away. NULL is fine. */
void tn_aml_free(TnAml *term);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TnAml, tn_aml_free)

/* Adds @child (transfer full) at the end of @parent: a term list, a field's
 * units, a package's elements or a resource template's descriptors. */
void tn_aml_append(TnAml *parent, TnAml *child);

/* A list of terms without a frame: a definition block's body, or a group. */
TnAml *tn_aml_list(void);

/* The bytes of @term, which is consumed. (transfer full) */
GByteArray *tn_aml_finish(TnAml *term);

/* 20.2.2: a NamePath: "FOO", "\\_SB.PCI0", "^^BAR", "A.B.C"; segments of one to
 * four of A-Z, 0-9 and _ are filled up with _. */
TnAml *tn_aml_path(const char *path);

/* 20.2.3 data: Zero, One or the shortest of byte, word, dword and qword constants. */
TnAml *tn_aml_int(guint64 value);
/* Ones: all bits set in the width of the table's integers. */
TnAml *tn_aml_ones(void);
TnAml *tn_aml_string(const char *ascii);
/* 20.2.5.4 DefBuffer, its size that of @data. */
TnAml *tn_aml_buffer(const void *data, gsize size);
/* 20.2.5.4 DefPackage; elements by tn_aml_append(), at most 255. */
TnAml *tn_aml_package(void);
/* 19.6.36 EISAID: "PNP0A03" as the compressed 32-bit id. */
TnAml *tn_aml_eisaid(const char *id);
/* 19.6.142 ToUUID: "aabbccdd-eeff-gghh-iijj-kkllmmnnoopp" as a buffer of 16 bytes. */
TnAml *tn_aml_uuid(const char *uuid);

/* 20.2.6: @n 0..6 and 0..7. */
TnAml *tn_aml_arg(unsigned n);
TnAml *tn_aml_local(unsigned n);

/* 20.2.5.1 and 20.2.5.2: name space modifiers and named objects. */
TnAml *tn_aml_name(const char *path, TnAml *object);
TnAml *tn_aml_scope(const char *path);
TnAml *tn_aml_device(const char *path);
/* @args: 0..7. */
TnAml *tn_aml_method(const char *path, unsigned args, gboolean serialized);
TnAml *tn_aml_mutex(const char *path, unsigned sync_level);

typedef enum {
    TN_AML_SYSTEM_MEMORY = 0,
    TN_AML_SYSTEM_IO = 1,
    TN_AML_PCI_CONFIG = 2,
} TnAmlSpace;
TnAml *tn_aml_op_region(const char *path, TnAmlSpace space, guint64 offset, guint64 length);

typedef enum {
    TN_AML_ANY_ACC = 0,
    TN_AML_BYTE_ACC = 1,
    TN_AML_WORD_ACC = 2,
    TN_AML_DWORD_ACC = 3,
} TnAmlAccess;
typedef enum {
    TN_AML_PRESERVE = 0,
    TN_AML_WRITE_AS_ONES = 1,
    TN_AML_WRITE_AS_ZEROS = 2,
} TnAmlUpdate;
/* Field (@region, @access, NoLock, @update); units by the two functions below. */
TnAml *tn_aml_field(const char *region, TnAmlAccess access, TnAmlUpdate update);
TnAml *tn_aml_field_unit(const char *name, unsigned bits);
/* @bits that have no name; "Offset" is the gap up to it. */
TnAml *tn_aml_field_gap(unsigned bits);

/* CreateDWordField, CreateQWordField (@buffer, @byte_index, @name). */
TnAml *tn_aml_create_dword_field(TnAml *buffer, unsigned byte_index, const char *name);
TnAml *tn_aml_create_qword_field(TnAml *buffer, unsigned byte_index, const char *name);

/* 20.2.5.3 statements. Bodies of if, else and while by tn_aml_append(); an else
 * is appended right after its if. */
TnAml *tn_aml_if(TnAml *predicate);
TnAml *tn_aml_else(void);
TnAml *tn_aml_while(TnAml *predicate);
TnAml *tn_aml_return(TnAml *value);
TnAml *tn_aml_notify(TnAml *object, TnAml *value);
TnAml *tn_aml_release(TnAml *mutex);

/* 20.2.5.4 expressions. */
TnAml *tn_aml_store(TnAml *value, TnAml *target);
TnAml *tn_aml_increment(TnAml *target);
/* Acquire (@mutex, @timeout); 0xffff waits for ever. */
TnAml *tn_aml_acquire(TnAml *mutex, guint16 timeout);
/* Binary operators without a target: the result is the expression's value. */
TnAml *tn_aml_add(TnAml *a, TnAml *b);
TnAml *tn_aml_subtract(TnAml *a, TnAml *b);
TnAml *tn_aml_and(TnAml *a, TnAml *b);
TnAml *tn_aml_or(TnAml *a, TnAml *b);
TnAml *tn_aml_shift_left(TnAml *a, TnAml *count);
TnAml *tn_aml_equal(TnAml *a, TnAml *b);
TnAml *tn_aml_less(TnAml *a, TnAml *b);
TnAml *tn_aml_not(TnAml *a);
/* Index (@object, @i): an element of a package or buffer, to store to. */
TnAml *tn_aml_index(TnAml *object, TnAml *i);
/* 20.2.5 MethodInvocation: @args of them, NULL-terminated after @path. */
TnAml *tn_aml_call(const char *path, ...) G_GNUC_NULL_TERMINATED;

/* 20.2.5.4 ResourceTemplate: a buffer of descriptors (chapter 6.4), ended and sized
 * by itself; descriptors by tn_aml_append(). */
TnAml *tn_aml_resource_template(void);
/* 6.4.2.5 I/O Port, 16-bit decode. */
TnAml *tn_aml_io(guint16 min, guint16 max, guint8 align, guint8 length);
/* 6.4.2.1 IRQ, edge triggered, active high, exclusive (the form without flags). */
TnAml *tn_aml_irq(unsigned irq);
/* 6.4.3.6 Extended Interrupt, level triggered, active high, shared; @count numbers. */
TnAml *tn_aml_interrupt(const guint32 *irqs, unsigned count);
/* 6.4.3.4 32-bit fixed memory, read-write. */
TnAml *tn_aml_memory32_fixed(guint32 base, guint32 length);
/* 6.4.3.5 address space windows that a bridge produces; min and max inclusive. */
TnAml *tn_aml_word_bus_number(guint16 min, guint16 max);
TnAml *tn_aml_word_io(guint16 min, guint16 max);
TnAml *tn_aml_dword_memory(guint32 min, guint32 max, gboolean cacheable);
/* @consumer: the device's own memory rather than a bridge's window. */
TnAml *tn_aml_qword_memory(guint64 min, guint64 max, gboolean cacheable, gboolean consumer);

/* Where in a resource template that holds one QWord memory descriptor its
 * fields lie (6.4.3.5.1), for tn_aml_create_qword_field(). */
#define TN_AML_QWORD_MIN_OFFSET 14
#define TN_AML_QWORD_MAX_OFFSET 22
#define TN_AML_QWORD_LEN_OFFSET 38
