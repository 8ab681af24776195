/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which PCI devices of the host are away from their drivers, why, and what they are to go back to.
 *
 * Every device that changes hands has a record on the disk before anything is changed, and until
 * everything is as it was: a daemon that is killed at any moment finds what to put right.
 *
 * Threads: any, no lock held: calls write files and wait for drivers. One caller at a time has a
 * device; another one that wants it is refused, or waits while it is being given back.
 */
#ifndef TN_DRIVER_CORE_HOSTDEV_TABLE_H
#define TN_DRIVER_CORE_HOSTDEV_TABLE_H

#include "driver/core/state-store.h"
#include "driver/host/pci-host.h"

G_BEGIN_DECLS

/* How long a call waits for a device that is being given back. */
#define TN_HOSTDEV_WAIT_SECONDS 30

typedef struct TnHostdevTable TnHostdevTable;

/**
 * tn_hostdev_table_new:
 * @store, @host: borrowed; must outlive it.
 * Reads the records that are there. Free with tn_hostdev_table_free().
 */
TnHostdevTable *tn_hostdev_table_new(TnStateStore *store, TnPciHost *host);
/* NULL is fine. Devices stay where they are. */
void tn_hostdev_table_free(TnHostdevTable *table);

/**
 * TnHostdevClaim: a device for a domain. Strings are copied.
 * @address: "0000:00:06.0"
 * @owner, @owner_name: UUID and name of the domain
 * @alias: the monitor's name for it
 * @xml: the device element with alias and guest address, for a daemon that finds it plugged
 * @managed: take it from its driver and give it back; otherwise the stub must have it
 */
typedef struct TnHostdevClaim {
    const char *address;
    const char *owner, *owner_name;
    const char *alias;
    const char *xml;
    gboolean managed;
} TnHostdevClaim;

/**
 * tn_hostdev_table_take:
 * Notes the claim down and, when it is managed, binds the device to vfio-pci. The caller has it
 * until tn_hostdev_table_settle() or tn_hostdev_table_give_back().
 * Errors: OPERATION_INVALID: used by a guest (also another of its IOMMU group) or by the host, or
 * unmanaged and not bound to the stub; CONFIG_UNSUPPORTED: no IOMMU, a bridge; INTERNAL_ERROR: no
 * such device; SYSTEM_ERROR. Everything is as before then.
 */
gboolean tn_hostdev_table_take(TnHostdevTable *table, const TnHostdevClaim *claim,
                               GError **error);

/* The caller of tn_hostdev_table_take() is done with it: it is the guest's. Returns: TRUE when the
 * guest has let go of it already: somebody has to look for what leaves. */
gboolean tn_hostdev_table_settle(TnHostdevTable *table, const char *address);

/**
 * tn_hostdev_table_give_back:
 * @busy: the caller has it: after tn_hostdev_table_take() or tn_hostdev_table_next_leaving().
 * Takes @address from @owner and puts it where it was. Not @owner's, or (not @busy) in somebody's
 * hands: does nothing. One that cannot be put back is logged and tried again at the next start.
 */
void tn_hostdev_table_give_back(TnHostdevTable *table, const char *address, const char *owner,
                                gboolean busy);

/* All that @owner has and that nobody is just working on: its guest is gone. */
void tn_hostdev_table_give_back_all(TnHostdevTable *table, const char *owner);

/* Devices that no guest has and that are not where they belong: put there. At start. */
void tn_hostdev_table_recover(TnHostdevTable *table);

/**
 * tn_hostdev_table_mark_leaving:
 * The guest of @owner has let go of @alias, or never had it: whoever asks for it now waits.
 * @announce: clients are to be told of it.
 * Returns: FALSE when @owner has no such device. Any lock may be held.
 */
gboolean tn_hostdev_table_mark_leaving(TnHostdevTable *table, const char *owner, const char *alias,
                                       gboolean announce);

/* All devices of @owner, as above and untold: a guest that is found gone at start. */
void tn_hostdev_table_mark_all_leaving(TnHostdevTable *table, const char *owner);

/** TnHostdevLeaving: one of them. */
typedef struct TnHostdevLeaving {
    char *address, *alias;
    int group;
    gboolean last_of_group; /* the owner keeps no other device of its IOMMU group */
    gboolean announce;
} TnHostdevLeaving;
void tn_hostdev_leaving_clear(TnHostdevLeaving *leaving);

/* The next device of @owner that leaves, for the caller to give back. FALSE: none. */
gboolean tn_hostdev_table_next_leaving(TnHostdevTable *table, const char *owner,
                                       TnHostdevLeaving *ret_leaving);

/* Whether @owner has, and keeps, a device of @group other than @address. */
gboolean tn_hostdev_table_has_group(TnHostdevTable *table, const char *owner, int group,
                                    const char *address);

/** TnHostdevOwned: what a domain has, as @xml of the claim tells. */
typedef void (*TnHostdevOwnedFunc)(const char *address, const char *alias, const char *xml,
                                   gpointer user_data);
/* Calls @func for each device of @owner, on copies. */
void tn_hostdev_table_foreach_owned(TnHostdevTable *table, const char *owner,
                                    TnHostdevOwnedFunc func, gpointer user_data);

/* UUIDs of all owners. (transfer full) */
GStrv tn_hostdev_table_owners(TnHostdevTable *table);

/**
 * tn_hostdev_table_detach, _reattach, _reset:
 * virNodeDeviceDetachFlags, virNodeDeviceReAttach and virNodeDeviceReset. Errors as libvirt's:
 * OPERATION_INVALID when a guest or the host uses it, INTERNAL_ERROR "Not resetting active device".
 */
gboolean tn_hostdev_table_detach(TnHostdevTable *table, const char *address, GError **error);
gboolean tn_hostdev_table_reattach(TnHostdevTable *table, const char *address, GError **error);
gboolean tn_hostdev_table_reset(TnHostdevTable *table, const char *address, GError **error);

G_END_DECLS

#endif
