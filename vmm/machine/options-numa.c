/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* -numa dist: how far NUMA nodes are from each other. */
#include "vmm/machine/keyval.h"
#include "vmm/machine/options.h"

#include <string.h>

#define LOCAL_DISTANCE 10 /* ACPI 5.2.17 */

/* The number @key, of a type of @max and of that name. */
static gboolean
take(json_object *terms, const char *key, guint64 max, const char *type, unsigned *ret_number,
     GError **error)
{
    g_autofree char *text = tn_keyval_take(terms, key);
    guint64 number;

    if (!text) {
        return tn_fail(error, "Parameter '%s' is missing", key);
    }
    if (!g_ascii_string_to_unsigned(text, 10, 0, G_MAXUINT64, &number, NULL)) {
        return tn_fail(error, "Parameter '%s' expects a uint64 value", key);
    }
    if (number > max) {
        return tn_fail(error, "Parameter '%s' expects %s", key, type);
    }
    *ret_number = (unsigned)number;
    return TRUE;
}

static gboolean
check_node(const TnMachineConfig *config, const char *key, unsigned node, GError **error)
{
    if (node >= TN_MAX_NUMA_NODES) {
        return tn_fail(error, "Parameter '%s' expects an integer between 0 and %d", key,
                       TN_MAX_NUMA_NODES - 1);
    }
    return node < config->num_numa ||
           tn_fail(error, "Source/Destination NUMA node is missing. Please use '-numa node' option "
                          "to declare it first.");
}

static guint8 *
distance(const TnMachineConfig *config, unsigned from, unsigned to)
{
    return &config->distances[from * TN_MAX_NUMA_NODES + to];
}

gboolean
tn_options_take_numa_distance(TnMachineConfig *config, json_object *terms, GError **error)
{
    unsigned from, to, value;

    if (!take(terms, "src", G_MAXUINT16, "uint16_t", &from, error) ||
        !take(terms, "dst", G_MAXUINT16, "uint16_t", &to, error) ||
        !take(terms, "val", G_MAXUINT8, "uint8_t", &value, error) ||
        !tn_keyval_check_empty(terms, error) || !check_node(config, "src", from, error) ||
        !check_node(config, "dst", to, error)) {
        return FALSE;
    }
    if (value < LOCAL_DISTANCE) {
        return tn_fail(error, "NUMA distance (%u) is invalid, it shouldn't be less than %d.", value,
                       LOCAL_DISTANCE);
    }
    if (from == to && value != LOCAL_DISTANCE) {
        return tn_fail(error, "Local distance of node %u should be %d.", from, LOCAL_DISTANCE);
    }
    if (!config->distances) {
        config->distances = g_new0(guint8, TN_MAX_NUMA_NODES * TN_MAX_NUMA_NODES);
    }
    *distance(config, from, to) = (guint8)value;
    return TRUE;
}

/* Whether all pairs have a distance in one direction; @ret_differ: whether any has two that are not
 * the same. */
static gboolean
check_pairs(const TnMachineConfig *config, gboolean *ret_differ, GError **error)
{
    *ret_differ = FALSE;
    for (unsigned from = 0; from < config->num_numa; from++) {
        for (unsigned to = from + 1; to < config->num_numa; to++) {
            guint8 there = *distance(config, from, to), back = *distance(config, to, from);

            if (there == 0 && back == 0) {
                return tn_fail(error,
                               "The distance between node %u and %u is missing, at least one "
                               "distance value between each nodes should be provided.",
                               from, to);
            }
            *ret_differ = *ret_differ || (there != 0 && back != 0 && there != back);
        }
    }
    return TRUE;
}

/* Fills in the other direction, or when any pair @differ refuses to. */
static gboolean
complete_pairs(TnMachineConfig *config, gboolean differ, GError **error)
{
    for (unsigned from = 0; from < config->num_numa; from++) {
        for (unsigned to = 0; to < config->num_numa; to++) {
            guint8 *there = distance(config, from, to);

            if (from == to) {
                *there = LOCAL_DISTANCE;
            } else if (*there == 0 && differ) {
                return tn_fail(error,
                               "At least one asymmetrical pair of distances is given, please "
                               "provide distances for both directions of all node pairs.");
            } else if (*there == 0) {
                *there = *distance(config, to, from);
            }
        }
    }
    return TRUE;
}

gboolean
tn_options_complete_numa_distances(TnMachineConfig *config, GError **error)
{
    gboolean differ;

    if (!config->distances) {
        return TRUE;
    }
    if (!check_pairs(config, &differ, error) || !complete_pairs(config, differ, error)) {
        return FALSE;
    }
    /* From rows as long as there can be nodes to rows as long as there are. */
    for (unsigned from = 1; from < config->num_numa; from++) {
        memmove(config->distances + (gsize)from * config->num_numa, distance(config, from, 0),
                config->num_numa);
    }
    return TRUE;
}
