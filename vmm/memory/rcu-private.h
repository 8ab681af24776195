/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The read side of liburcu's memb flavour, inlined (which its licence allows to
 * LGPL code), and what ThreadSanitizer needs to know about grace periods.
 */
#pragma once

#if defined(__SANITIZE_THREAD__)
#define TN_RCU_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TN_RCU_TSAN 1
#endif
#endif

/*
 * Inlined, liburcu's own accesses would be taken for races: they are volatile, not
 * atomic. Called, they are not seen, and neither is the order they make between a
 * reader's last look at a view and the free after the grace period; it is declared.
 */
#ifdef TN_RCU_TSAN
#include <sanitizer/tsan_interface.h>
#elif !defined(_LGPL_SOURCE)
#define _LGPL_SOURCE
#endif
#include <urcu/urcu-memb.h>

#include <glib.h>
#include <stdbool.h>

/* Whether the calling thread may enter read sections. */
bool tn_rcu_is_registered(void);

/* Ends the process: a thread that did not register is invisible to grace periods. */
G_NORETURN void tn_rcu_die_unregistered(void);

static inline void
tn_rcu_read_lock(void)
{
#ifdef TN_RCU_TSAN
    bool registered = tn_rcu_is_registered();
#else
    /* The flag beside what is about to be written anyway. */
    bool registered = URCU_TLS(urcu_memb_reader).registered;
#endif

    if (G_UNLIKELY(!registered)) {
        tn_rcu_die_unregistered();
    }
    urcu_memb_read_lock();
}

static inline void
tn_rcu_read_unlock(void)
{
#ifdef TN_RCU_TSAN
    __tsan_release((void *)urcu_memb_synchronize_rcu);
#endif
    urcu_memb_read_unlock();
}

/* Whether the calling thread is inside of a read section. Any thread. */
static inline bool
tn_rcu_in_read_section(void)
{
    return urcu_memb_read_ongoing() != 0;
}

/* Waits for every read section that runs now. Not from inside of one. */
static inline void
tn_rcu_synchronize(void)
{
    urcu_memb_synchronize_rcu();
#ifdef TN_RCU_TSAN
    __tsan_acquire((void *)urcu_memb_synchronize_rcu);
#endif
}
