/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Does the host live on a PCI device? Its block devices are those whose place in sysfs is below
 * the device's; what stands above them (dm, md) is found through their holders.
 */
#include "driver/host/pci-host-private.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "driver/error.h"

/* How high dm and md devices may be stacked before we stop looking. */
#define MAX_DEPTH 16

/* The tables of the kernel that say what is in use, as lines. */
typedef struct Usage {
    TnPciHost *host;
    const char *address;
    GStrv mounts;
    GStrv swaps;
} Usage;

static GStrv
read_lines(TnPciHost *host, const char *path)
{
    g_autofree char *full = g_strconcat(host->root, path, NULL);
    g_autofree char *text = NULL;

    return g_file_get_contents(full, &text, NULL, NULL) ? g_strsplit(text, "\n", -1)
                                                        : g_new0(char *, 1);
}

static void
usage_clear(Usage *usage)
{
    g_strfreev(usage->mounts);
    g_strfreev(usage->swaps);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Usage, usage_clear)

/* @what: (transfer full): how it is in use. */
static gboolean
fail(const Usage *usage, char *what, GError **error)
{
    g_set_error(error, TN_VIR_ERROR, VIR_ERR_OPERATION_INVALID,
                "PCI device %s is in use by the host: %s", usage->address, what);
    g_free(what);
    return FALSE;
}

/* The name of the block device behind a path such as /dev/mapper/vg-root. */
static char *
block_name(TnPciHost *host, const char *path)
{
    g_autofree char *full = g_strconcat(host->root, path, NULL);
    char real[PATH_MAX];

    return g_path_get_basename(realpath(full, real) ? real : path);
}

/* proc(5), mountinfo: ID PARENT MAJOR:MINOR ROOT POINT OPTIONS [FIELDS] - TYPE SOURCE ... */
static gboolean
check_mounts(Usage *usage, const char *name, const char *number, GError **error)
{
    for (char **line = usage->mounts; *line; line++) {
        g_auto(GStrv) words = g_strsplit(*line, " ", -1);
        guint n = g_strv_length(words);
        guint dash = 6;
        g_autofree char *source = NULL;

        while (dash < n && strcmp(words[dash], "-") != 0) {
            dash++;
        }
        if (dash + 2 >= n) {
            continue;
        }
        /* File systems of several disks have a number that is no disk's. */
        source = words[dash + 2][0] == '/' ? block_name(usage->host, words[dash + 2]) : NULL;
        if (g_strcmp0(words[2], number) == 0 || g_strcmp0(source, name) == 0) {
            return fail(usage, g_strdup_printf("/dev/%s is mounted on %s", name, words[4]), error);
        }
    }
    return TRUE;
}

static gboolean
check_swaps(Usage *usage, const char *name, GError **error)
{
    for (char **line = usage->swaps; *line; line++) {
        g_auto(GStrv) words = g_strsplit(*line, " ", 2);
        g_autofree char *swap = NULL;

        if (!words[0] || words[0][0] != '/') {
            continue;
        }
        swap = block_name(usage->host, words[0]);
        if (strcmp(swap, name) == 0) {
            return fail(usage, g_strdup_printf("/dev/%s is its swap", name), error);
        }
    }
    return TRUE;
}

/* File systems, dm, md and careful programs hold a disk exclusively. */
static gboolean
check_held(Usage *usage, const char *name, GError **error)
{
    g_autofree char *path = g_strconcat(usage->host->root, "/dev/", name, NULL);
    struct stat st;
    int fd;

    if (stat(path, &st) < 0 || !S_ISBLK(st.st_mode)) {
        return TRUE;
    }
    fd = open(path, O_RDONLY | O_EXCL | O_CLOEXEC | O_NONBLOCK);
    if (fd >= 0) {
        close(fd);
    } else if (errno == EBUSY) {
        return fail(usage, g_strdup_printf("/dev/%s is held by a file system or a program", name),
                    error);
    }
    return TRUE;
}

static gboolean check_block(Usage *usage, const char *path, int depth, GError **error);

static gboolean
check_holders(Usage *usage, const char *name, const char *path, int depth, GError **error)
{
    g_autofree char *holders = g_build_filename(path, "holders", NULL);
    g_autoptr(GDir) dir = g_dir_open(holders, 0, NULL);
    const char *holder;

    while (dir && (holder = g_dir_read_name(dir))) {
        g_autofree char *above = g_strconcat(usage->host->root, "/sys/class/block/", holder, NULL);

        /* A mounted file system above is the better reason. */
        if (depth < MAX_DEPTH && !check_block(usage, above, depth + 1, error)) {
            return FALSE;
        }
        return fail(usage, g_strdup_printf("/dev/%s is part of /dev/%s", name, holder), error);
    }
    return TRUE;
}

/* @path: of a block device in sysfs. */
static gboolean
check_block(Usage *usage, const char *path, int depth, GError **error)
{
    g_autofree char *name = g_path_get_basename(path);
    g_autofree char *number_path = g_build_filename(path, "dev", NULL);
    g_autofree char *number = tn_pci_host_read(number_path);

    return check_mounts(usage, name, number, error) && check_swaps(usage, name, error) &&
           check_holders(usage, name, path, depth, error) && check_held(usage, name, error);
}

/* One path of several to an NVMe namespace is "nvme0c1n2"; what is mounted is "nvme0n2", which
 * hangs on no PCI device. NULL: @name is no such path. */
static char *
nvme_head(const char *name)
{
    unsigned subsystem, controller, space;

    return sscanf(name, "nvme%uc%un%u", &subsystem, &controller, &space) == 3
               ? g_strdup_printf("nvme%un%u", subsystem, space)
               : NULL;
}

static gboolean
check_disk(Usage *usage, const char *blocks, const char *path, GError **error)
{
    g_autofree char *name = g_path_get_basename(path);
    g_autofree char *head = nvme_head(name);
    g_autoptr(GDir) dir = NULL;
    const char *other;

    if (!head) {
        return check_block(usage, path, 0, error);
    }
    dir = g_dir_open(blocks, 0, NULL);
    while (dir && (other = g_dir_read_name(dir))) {
        gsize len = strlen(head);
        g_autofree char *other_path = g_build_filename(blocks, other, NULL);

        /* The namespace and its partitions "nvme0n2p1". */
        if (strncmp(other, head, len) == 0 && (!other[len] || other[len] == 'p') &&
            !check_block(usage, other_path, 0, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

gboolean
tn_pci_host_check_unused(TnPciHost *host, const char *address, GError **error)
{
    g_autofree char *link = tn_pci_host_device_path(host, address, ".");
    g_autofree char *blocks = g_strconcat(host->root, "/sys/class/block", NULL);
    g_auto(Usage) usage = { .host = host, .address = address };
    g_autoptr(GDir) dir = NULL;
    g_autofree char *prefix = NULL;
    char device[PATH_MAX], block[PATH_MAX];
    const char *name;

    if (!realpath(link, device)) {
        return tn_pci_host_check_device(host, address, error);
    }
    prefix = g_strconcat(device, "/", NULL);
    usage.mounts = read_lines(host, "/proc/self/mountinfo");
    usage.swaps = read_lines(host, "/proc/swaps");
    dir = g_dir_open(blocks, 0, NULL);
    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *path = g_build_filename(blocks, name, NULL);

        if (realpath(path, block) && g_str_has_prefix(block, prefix) &&
            !check_disk(&usage, blocks, block, error)) {
            return FALSE;
        }
    }
    return TRUE;
}
