/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Device memory: where DIMMs may go, first fit. */
#include "vmm/machine/device-memory.h"

#include "vmm/core/object.h"

#define GIB (G_GUINT64_CONSTANT(1) << 30)
#define PAGE_SIZE 4096
#define MAX_SLOTS 256

typedef struct Entry {
    TnRange range;
    unsigned slot;
    char *name; /* NULL: the device has no id */
    gpointer owner;
} Entry;

struct TnDeviceMemory {
    gboolean has_window;
    TnRange window;
    guint64 capacity; /* sum of the sizes that may be plugged */
    guint64 used;
    unsigned num_slots;
    guint8 *slot_taken; /* by slot */
    GArray *entries;    /* of Entry, by address */
};

static void
clear_entry(gpointer data)
{
    g_free(((Entry *)data)->name);
}

/* Rounds up to a multiple of @align, a power of two; FALSE when that is 2^64. */
static gboolean
align_up(guint64 value, guint64 align, guint64 *ret)
{
    guint64 result = (value + align - 1) & ~(align - 1);

    if (result < value) {
        return FALSE;
    }
    *ret = result;
    return TRUE;
}

static gboolean
make_window(TnDeviceMemory *dm, const TnDeviceMemoryConfig *config, GError **error)
{
    guint64 base, size;

    if (config->slots > MAX_SLOTS) {
        return tn_fail(error, "unsupported amount of memory slots: %u", config->slots);
    }
    if (config->max_ram_size % PAGE_SIZE) {
        return tn_fail(error, "maximum memory size must be aligned to multiple of %d bytes",
                       PAGE_SIZE);
    }
    if (!align_up(config->ram_end, GIB, &base) ||
        !g_uint64_checked_add(&size, dm->capacity, config->slots * GIB) ||
        !tn_range_make(base, size, &dm->window)) {
        return tn_fail(error, "unsupported amount of maximum memory: %" G_GUINT64_FORMAT,
                       config->max_ram_size);
    }
    dm->has_window = TRUE;
    return TRUE;
}

TnDeviceMemory *
tn_device_memory_new(const TnDeviceMemoryConfig *config, GError **error)
{
    g_autoptr(TnDeviceMemory) dm = g_new0(TnDeviceMemory, 1);

    g_return_val_if_fail(config->max_ram_size >= config->ram_size, NULL);
    dm->entries = g_array_new(FALSE, FALSE, sizeof(Entry));
    g_array_set_clear_func(dm->entries, clear_entry);
    dm->capacity = config->max_ram_size - config->ram_size;
    if (dm->capacity && !make_window(dm, config, error)) {
        return NULL;
    }
    dm->num_slots = dm->has_window ? config->slots : 0;
    dm->slot_taken = g_new0(guint8, MAX(dm->num_slots, 1));
    return g_steal_pointer(&dm);
}

void
tn_device_memory_free(TnDeviceMemory *dm)
{
    if (dm) {
        g_array_unref(dm->entries);
        g_free(dm->slot_taken);
        g_free(dm);
    }
}

gboolean
tn_device_memory_get_window(const TnDeviceMemory *dm, TnRange *ret_window)
{
    if (dm->has_window) {
        *ret_window = dm->window;
    }
    return dm->has_window;
}

unsigned
tn_device_memory_get_slots(const TnDeviceMemory *dm)
{
    return dm->num_slots;
}

guint64
tn_device_memory_get_used(const TnDeviceMemory *dm)
{
    return dm->used;
}

gboolean
tn_device_memory_choose_slot(const TnDeviceMemory *dm, int wish, unsigned *ret_slot,
                             GError **error)
{
    if (wish != -1 && dm->num_slots && (wish < 0 || (unsigned)wish >= dm->num_slots)) {
        return tn_fail(error, "invalid slot number %d, valid range is [0-%u]", wish,
                       dm->num_slots - 1);
    }
    if (!dm->num_slots) {
        return tn_fail(error, "no slots were allocated, please specify the 'slots' option");
    }
    if (wish != -1) {
        if (dm->slot_taken[wish]) {
            return tn_fail(error, "slot %d is busy", wish);
        }
        *ret_slot = (unsigned)wish;
        return TRUE;
    }
    for (unsigned i = 0; i < dm->num_slots; i++) {
        if (!dm->slot_taken[i]) {
            *ret_slot = i;
            return TRUE;
        }
    }
    return tn_fail(error, "no free slots available");
}

/* Whether a device of @request->size may come at all, wherever. */
static gboolean
check_size(const TnDeviceMemory *dm, const TnDeviceMemoryRequest *request, GError **error)
{
    guint64 total;

    if (!g_uint64_checked_add(&total, dm->used, request->size) || total > dm->capacity) {
        return tn_fail(error,
                       "not enough space, currently 0x%" G_GINT64_MODIFIER
                       "x in use of total space for memory devices 0x%" G_GINT64_MODIFIER "x",
                       dm->used, dm->capacity);
    }
    if (!dm->has_window) {
        return tn_fail(
            error, "memory devices (e.g. for memory hotplug) are not enabled, please specify "
                   "the maxmem option");
    }
    if (request->addr % request->align) {
        return tn_fail(error, "address must be aligned to 0x%" G_GINT64_MODIFIER "x bytes",
                       request->align);
    }
    if (request->size % request->align) {
        return tn_fail(error,
                       "backend memory size must be multiple of 0x%" G_GINT64_MODIFIER "x",
                       request->align);
    }
    return TRUE;
}

/* The address that was asked for, if it is inside and free. */
static gboolean
check_addr(const TnDeviceMemory *dm, const TnDeviceMemoryRequest *request, GError **error)
{
    TnRange range;

    if (!tn_range_make(request->addr, request->size, &range) ||
        !tn_range_covers(dm->window, range)) {
        return tn_fail(error,
                       "can't add memory device [0x%" G_GINT64_MODIFIER "x:0x%" G_GINT64_MODIFIER
                       "x], usable range for memory devices [0x%" G_GINT64_MODIFIER
                       "x:0x%" G_GINT64_MODIFIER "x]",
                       request->addr, request->size, dm->window.first,
                       tn_range_size(dm->window));
    }
    for (guint i = 0; i < dm->entries->len; i++) {
        const Entry *e = &g_array_index(dm->entries, Entry, i);

        if (tn_range_overlaps(e->range, range)) {
            return tn_fail(error, "address range conflicts with memory device id='%s'",
                           e->name ? e->name : "(unnamed)");
        }
    }
    return TRUE;
}

/* The lowest address at which @request fits between what is there. */
static gboolean
first_fit(const TnDeviceMemory *dm, const TnDeviceMemoryRequest *request, guint64 *ret_addr,
          GError **error)
{
    guint64 addr;
    gboolean ok = align_up(dm->window.first, request->align, &addr);
    TnRange range = { 0, 0 };

    ok = ok && tn_range_make(addr, request->size, &range);
    for (guint i = 0; ok && i < dm->entries->len; i++) {
        const Entry *e = &g_array_index(dm->entries, Entry, i);

        if (e->range.first > range.last) {
            break;
        }
        if (tn_range_overlaps(e->range, range)) {
            ok = e->range.last < G_MAXUINT64 &&
                 align_up(e->range.last + 1, request->align, &addr) &&
                 tn_range_make(addr, request->size, &range);
        }
    }
    if (!ok || !tn_range_covers(dm->window, range)) {
        return tn_fail(error,
                       "could not find position in guest address space for memory device - "
                       "memory fragmented due to alignments");
    }
    *ret_addr = range.first;
    return TRUE;
}

gboolean
tn_device_memory_choose_addr(const TnDeviceMemory *dm, const TnDeviceMemoryRequest *request,
                             guint64 *ret_addr, GError **error)
{
    if (!check_size(dm, request, error)) {
        return FALSE;
    }
    if (!request->addr) {
        return first_fit(dm, request, ret_addr, error);
    }
    if (!check_addr(dm, request, error)) {
        return FALSE;
    }
    *ret_addr = request->addr;
    return TRUE;
}

void
tn_device_memory_occupy(TnDeviceMemory *dm, const TnDeviceMemoryPlace *place, guint64 size,
                        const char *name, gpointer owner)
{
    Entry entry = { .slot = place->slot, .owner = owner };
    guint i = 0;

    g_return_if_fail(place->slot < dm->num_slots && !dm->slot_taken[place->slot]);
    g_return_if_fail(tn_range_make(place->addr, size, &entry.range));
    entry.name = g_strdup(name);
    while (i < dm->entries->len &&
           g_array_index(dm->entries, Entry, i).range.first < place->addr) {
        i++;
    }
    g_array_insert_val(dm->entries, i, entry);
    dm->slot_taken[place->slot] = TRUE;
    dm->used += size;
}

void
tn_device_memory_release(TnDeviceMemory *dm, unsigned slot)
{
    for (guint i = 0; i < dm->entries->len; i++) {
        const Entry *e = &g_array_index(dm->entries, Entry, i);

        if (e->slot == slot) {
            dm->used -= tn_range_size(e->range);
            dm->slot_taken[slot] = FALSE;
            g_array_remove_index(dm->entries, i);
            return;
        }
    }
}

void
tn_device_memory_foreach(const TnDeviceMemory *dm, GFunc func, gpointer user_data)
{
    for (guint i = 0; i < dm->entries->len; i++) {
        func(g_array_index(dm->entries, Entry, i).owner, user_data);
    }
}
