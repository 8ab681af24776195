/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A driver in a folder of its own, its main context on a thread, and fake-vmm.py for guests. */
#ifndef TN_TEST_DRIVER_FIXTURE_H
#define TN_TEST_DRIVER_FIXTURE_H

#include "driver/core/driver.h"
#include "tests/unit/driver/host/fake-pci.h"

typedef struct Fixture {
    char *dir, *config_dir, *state_dir, *log_dir;
    GMainContext *context;
    GThread *thread;
    gint stop; /* atomic */
    TnDriver *driver;
    FakePci pci; /* the host's PCI devices; none at first */

    GMutex lock;
    GCond changed;
    GPtrArray *events; /* texts: "g lifecycle 2 0", "g added memdimm0", "g tuned WHAT VALUE" */
} Fixture;

/* Makes the folders and starts a driver. */
void fixture_set_up(Fixture *f, gconstpointer data);
void fixture_tear_down(Fixture *f, gconstpointer data);

/* Ends the driver as a daemon's end does: guests stay. And a new one. */
void fixture_stop_driver(Fixture *f);
void fixture_start_driver(Fixture *f);

/* The XML of a domain whose monitor behaves as @words say (see fake-vmm.py). (transfer full) */
char *fixture_xml(const char *name, const char *words);

/* Defines it, and starts it. (transfer full) */
TnDomain *fixture_define(Fixture *f, const char *name, const char *words);
TnDomain *fixture_start(Fixture *f, const char *name, const char *words);

/* A DIMM of 256 MiB. */
extern const char fixture_dimm[];

/* Waits until @text was told of; fails the test after a limit. */
void fixture_wait_event(Fixture *f, const char *text);
guint fixture_count_events(Fixture *f, const char *text);

/* Has the guest do something: a command of fake-vmm.py as JSON. */
void fixture_tell_guest(TnDomain *domain, const char *json);

/* Waits until @domain is in @state, and what ended is put away. */
void fixture_wait_state(TnDomain *domain, int state);

/* Waits until nobody holds the domain's job. */
void fixture_wait_job(TnDomain *domain);

/* The locked-memory limit of the guest's process, and the errno with which it cannot be raised. */
void fixture_set_memlock(guint64 now, int error_number);
guint64 fixture_get_memlock(void);

guint fixture_n_live_dimms(TnDomain *domain);
guint fixture_n_config_dimms(TnDomain *domain);
gboolean fixture_has_file(Fixture *f, const char *dir, const char *suffix);

#endif
