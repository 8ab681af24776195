/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One counter of the 8254 as arithmetic over time: nothing runs, each question is answered
 * from when the count was loaded. Times are nanoseconds of any clock that does not go back;
 * the caller locks. Section names are the 8254 data sheet's. docs/specs/i8254.md.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

#define TN_I8254_HZ 1193182

/* What the control word's RW bits say of accesses. */
enum { TN_I8254_RW_LATCH, TN_I8254_RW_LSB, TN_I8254_RW_MSB, TN_I8254_RW_BOTH };

typedef struct TnI8254Counter {
    guint8 mode;        /* 0..5 */
    guint8 rw;          /* TN_I8254_RW_*, never LATCH */
    bool bcd;
    bool gate;
    bool programmed; /* a control word has come; before that it does nothing */
    bool counting;   /* a count is loaded and, in modes 1 and 5, triggered */
    guint32 count;       /* the one being counted down: 1..65536, BCD 1..16665 */
    guint32 next_count;  /* written, not loaded yet; 0: none */
    gint64 load_ns;      /* when count was loaded; moves on by the time that the gate was low */
    gint64 next_load_ns; /* when next_count is, modes 2 and 3 */
    gint64 gate_low_ns;  /* when the gate went low */

    bool write_msb;  /* RW_BOTH: the next byte written is the second */
    guint8 written_lsb;
    bool read_msb;
    bool latched, status_latched;
    guint16 latch;
    guint8 status;
} TnI8254Counter;

/* "Control word": @word is all of it. A counter latch command latches. */
void tn_i8254_counter_control(TnI8254Counter *self, guint8 word, gint64 now);
/* "Read-back command". */
void tn_i8254_counter_latch_count(TnI8254Counter *self, gint64 now);
void tn_i8254_counter_latch_status(TnI8254Counter *self, gint64 now);
/* The counter's port. */
void tn_i8254_counter_write(TnI8254Counter *self, guint8 value, gint64 now);
guint8 tn_i8254_counter_read(TnI8254Counter *self, gint64 now);

void tn_i8254_counter_set_gate(TnI8254Counter *self, gboolean gate, gint64 now);
gboolean tn_i8254_counter_out(TnI8254Counter *self, gint64 now);

/* When OUT rises next, after @after (which is not before any other call's time); -1: not
 * without somebody's doing. */
gint64 tn_i8254_counter_next_rise(TnI8254Counter *self, gint64 after);
