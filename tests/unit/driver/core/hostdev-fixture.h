/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Two devices of a host made of files, for tests of their way into guests and back. */
#ifndef TN_TEST_HOSTDEV_FIXTURE_H
#define TN_TEST_HOSTDEV_FIXTURE_H

#include "tests/unit/driver/core/fixture.h"

#define EDU "0000:00:06.0"
#define NVME "0000:00:07.0"

#define HOSTDEV(managed, slot)                                                                     \
    "<hostdev mode='subsystem' type='pci' managed='" managed "'>"                                  \
    "<source><address domain='0' bus='0' slot='" slot "' function='0'/></source></hostdev>"
#define EDU_XML HOSTDEV("yes", "6")
#define NVME_XML HOSTDEV("yes", "7")
#define NVME_UNMANAGED_XML HOSTDEV("no", "7")

/* fixture_set_up(), with an edu without driver and an NVMe disk. */
void hostdev_set_up(Fixture *f, gconstpointer data);

/* Attaches live; the test fails when that does. And the same that must be refused. */
void hostdev_attach(TnDomain *domain, const char *xml);
void hostdev_refuse(TnDomain *domain, const char *xml, int code, const char *message);
/* Detaches live. */
void hostdev_detach(TnDomain *domain, const char *xml);

/* How many the live definition has. */
guint hostdev_n_live(TnDomain *domain);

/* What the monitor has: "DEVICES GROUPS DESCRIPTORS", as numbers. */
void hostdev_assert_monitor(TnDomain *domain, const char *numbers);

/* The host has the NVMe disk, and nothing is kept of it; or the stub has it. */
void hostdev_assert_home(Fixture *f);
void hostdev_assert_away(Fixture *f);

/* Waits until the host has the NVMe disk and nothing is kept of it. */
void hostdev_wait_home(Fixture *f);

#endif
