/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * KVM's memory slots as a memory listener: RAM and ROM sections of one address
 * space become slots, nothing else in the program touches them.
 *
 * Changes are collected between begin and commit. When a commit replaces memory
 * that stays memory (ROM shadowed, RAM split) the guest must not see the gap in
 * between, so all vCPUs are kept out for that moment; as they are while memory goes whose
 * dirty log is wanted. Switching that log on or off changes a slot's flags and no more.
 */
#include "vmm/accel/kvm-private.h"

#include "vmm/core/log.h"
#include "vmm/memory/dirty-log.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* KVM_SET_USER_MEMORY_REGION refuses 2^31 pages and more. */
#define MAX_SLOT_SIZE (UINT64_C(1) << 42)
#define WORD_BITS 64u

static TnMemorySlots *
slots_from_listener(TnMemoryListener *listener)
{
    return (TnMemorySlots *)((char *)listener - G_STRUCT_OFFSET(TnMemorySlots, listener));
}

/* The page-aligned inside of a section as a slot; false when there is none. */
static bool
section_to_slot(const TnFlatRange *flat, TnMemorySlot *ret_slot)
{
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t skip, size;

    if (!flat->host) {
        return false;
    }
    size = tn_range_size(flat->range);
    skip = -flat->range.first & (page - 1);
    if (skip >= size) {
        return false;
    }
    size = (size - skip) & ~(page - 1);
    if (size == 0 || ((flat->offset_in_region + skip) & (page - 1)) != 0) {
        return false;
    }
    *ret_slot = (TnMemorySlot){
        .gpa = flat->range.first + skip,
        .size = size,
        .host = (uint64_t)(uintptr_t)flat->host + skip,
        .flags = (flat->readonly || flat->ops ? KVM_MEM_READONLY : 0) |
                 (flat->dirty_clients ? KVM_MEM_LOG_DIRTY_PAGES : 0),
    };
    return true;
}

static bool
tell_kvm(TnMemorySlots *slots, unsigned number, const TnMemorySlot *slot, GError **error)
{
    struct kvm_userspace_memory_region region = {
        .slot = number,
        .flags = slot->flags,
        .guest_phys_addr = slot->gpa,
        .memory_size = slot->size,
        .userspace_addr = slot->host,
    };

    if (ioctl(slots->kvm->vm_fd, KVM_SET_USER_MEMORY_REGION, &region) < 0) {
        g_set_error(error, TN_KVM_ERROR, TN_KVM_ERROR_FAILED,
                    "KVM_SET_USER_MEMORY_REGION failed, slot=%u, start=0x%" PRIx64
                    ", size=0x%" PRIx64 ": %s",
                    number, slot->gpa, slot->size, g_strerror(errno));
        return false;
    }
    return true;
}

/* Of a change that KVM has no reason to refuse. */
static bool
tell_kvm_or_log(TnMemorySlots *slots, unsigned number, const TnMemorySlot *slot)
{
    g_autoptr(GError) error = NULL;
    bool ok = tell_kvm(slots, number, slot, &error);

    if (!ok) {
        tn_log("%s", error->message);
    }
    return ok;
}

static unsigned
find_free_number(TnMemorySlots *slots)
{
    for (unsigned i = 0; i < slots->table->len; i++) {
        if (g_array_index(slots->table, TnMemorySlot, i).size == 0) {
            return i;
        }
    }
    g_array_set_size(slots->table, slots->table->len + 1);
    return slots->table->len - 1;
}

static void
set_used(TnMemorySlots *slots, unsigned used)
{
    __atomic_store_n(&slots->used, used, __ATOMIC_RELAXED);
}

static bool
add_slot(TnMemorySlots *slots, const TnMemorySlot *slot, GError **error)
{
    unsigned number;
    guint64 *key;

    if (slots->used >= slots->max_slots) {
        g_set_error_literal(error, TN_KVM_ERROR, TN_KVM_ERROR_FAILED,
                            "hypervisor has no free memory slots left");
        return false;
    }
    number = find_free_number(slots);
    if (!tell_kvm(slots, number, slot, error)) {
        return false;
    }
    g_array_index(slots->table, TnMemorySlot, number) = *slot;
    key = g_new(guint64, 1);
    *key = slot->gpa;
    g_hash_table_insert(slots->by_gpa, key, GUINT_TO_POINTER(number + 1));
    set_used(slots, slots->used + 1);
    return true;
}

/* A guest can bring this about as often as it likes, so it is told once. */
static void
refuse(TnMemorySlots *slots, const TnMemorySlot *slot, const GError *error)
{
    const TnMemorySection section = { .space = slots->space };

    if (tn_memory_section_refuse(&section, error) || slots->refusal_logged) {
        return;
    }
    slots->refusal_logged = true;
    tn_log("guest memory at 0x%" PRIx64 " is slow, it has no slot of KVM (told once): %s",
           slot->gpa, error->message);
}

/* The slot at @gpa, or NULL: KVM refused it. */
static TnMemorySlot *
find_slot(TnMemorySlots *slots, uint64_t gpa, unsigned *ret_number)
{
    guint64 key = gpa;
    unsigned number = GPOINTER_TO_UINT(g_hash_table_lookup(slots->by_gpa, &key));

    if (number == 0) {
        return NULL;
    }
    *ret_number = number - 1;
    return &g_array_index(slots->table, TnMemorySlot, number - 1);
}

static void
remove_slot(TnMemorySlots *slots, uint64_t gpa)
{
    guint64 key = gpa;
    unsigned number;
    TnMemorySlot *slot = find_slot(slots, gpa, &number);
    TnMemorySlot gone;

    if (!slot) {
        return;
    }
    gone = *slot;
    gone.size = 0;
    g_free(slot->reported);
    if (!slots->closing) {
        (void)tell_kvm_or_log(slots, number, &gone);
    }
    memset(&g_array_index(slots->table, TnMemorySlot, number), 0, sizeof(TnMemorySlot));
    g_hash_table_remove(slots->by_gpa, &key);
    set_used(slots, slots->used - 1);
}

/* Cuts a piece that one slot can be off the front of @rest; false when nothing is left. */
static bool
next_piece(TnMemorySlot *rest, TnMemorySlot *ret_piece)
{
    if (rest->size == 0) {
        return false;
    }
    *ret_piece = *rest;
    ret_piece->size = MIN(rest->size, MAX_SLOT_SIZE);
    rest->gpa += ret_piece->size;
    rest->host += ret_piece->size;
    rest->size -= ret_piece->size;
    return true;
}

static void
collect(GArray *array, const TnMemorySection *section)
{
    TnMemorySlot rest, piece;

    if (!section_to_slot(section->flat, &rest)) {
        return;
    }
    while (next_piece(&rest, &piece)) {
        TnSlotChange change = { .gpa = piece.gpa, .slot = piece };

        g_array_append_val(array, change);
    }
}

static uint64_t
count_words(const TnMemorySlot *slot)
{
    return (slot->size / TN_DIRTY_PAGE_SIZE + WORD_BITS - 1) / WORD_BITS;
}

/* Keeps the vCPUs out until the commit. */
static void
inhibit(TnMemorySlots *slots)
{
    if (!slots->inhibited && !slots->closing) {
        slots->inhibited = true;
        tn_kvm_inhibit_begin(slots->kvm);
    }
}

/* What KVM saw the guest write in one slot, @offset being that of its start in @mr. */
static void
sync_slot(TnMemorySlots *slots, unsigned number, TnMemoryRegion *mr, uint64_t offset)
{
    TnMemorySlot *slot = &g_array_index(slots->table, TnMemorySlot, number);
    uint64_t words = count_words(slot);
    g_autofree uint64_t *bitmap = g_new0(uint64_t, words);
    struct kvm_dirty_log log = { .slot = number, .dirty_bitmap = bitmap };

    if (ioctl(slots->kvm->vm_fd, KVM_GET_DIRTY_LOG, &log) < 0) {
        /* Nothing is known, so everything may have been written. */
        tn_log("KVM_GET_DIRTY_LOG failed for slot %u: %s", number, g_strerror(errno));
        tn_memory_region_set_dirty(mr, offset, slot->size);
        return;
    }
    for (uint64_t w = 0; w < words; w++) {
        for (uint64_t bits = bitmap[w]; bits != 0; bits &= bits - 1) {
            uint64_t page = w * WORD_BITS + (unsigned)__builtin_ctzll(bits);

            tn_memory_region_set_dirty(mr, offset + page * TN_DIRTY_PAGE_SIZE,
                                       TN_DIRTY_PAGE_SIZE);
        }
    }
    if (slots->kvm->has_clear_dirty_log) {
        g_free(slot->reported);
        slot->reported = g_steal_pointer(&bitmap);
    }
}

static void
listener_log_sync(TnMemoryListener *listener, const TnMemorySection *section)
{
    TnMemorySlots *slots = slots_from_listener(listener);
    const TnFlatRange *flat = section->flat;
    TnMemorySlot rest, piece;

    if (!section_to_slot(flat, &rest)) {
        return;
    }
    while (next_piece(&rest, &piece)) {
        unsigned number;
        const TnMemorySlot *slot = find_slot(slots, piece.gpa, &number);

        if (slot && (slot->flags & KVM_MEM_LOG_DIRTY_PAGES)) {
            sync_slot(slots, number, flat->region,
                      flat->offset_in_region + (piece.gpa - flat->range.first));
        }
    }
}

/* Pages @first..@last of a slot, where KVM reported them, are to be reported again. */
static void
clear_slot(TnMemorySlots *slots, unsigned number, uint64_t first, uint64_t last)
{
    TnMemorySlot *slot = &g_array_index(slots->table, TnMemorySlot, number);
    uint64_t base = first / WORD_BITS;
    uint64_t words = last / WORD_BITS - base + 1;
    g_autofree uint64_t *bitmap = g_new0(uint64_t, words);
    uint64_t pages = slot->size / TN_DIRTY_PAGE_SIZE - base * WORD_BITS;
    struct kvm_clear_dirty_log log = {
        .slot = number,
        .first_page = base * WORD_BITS,
        .num_pages = (uint32_t)MIN(pages, words * WORD_BITS),
        .dirty_bitmap = bitmap,
    };
    uint64_t any = 0;

    for (uint64_t page = first; page <= last; page++) {
        uint64_t *word = &slot->reported[page / WORD_BITS];
        uint64_t bit = UINT64_C(1) << (page % WORD_BITS);

        bitmap[page / WORD_BITS - base] |= *word & bit;
        any |= *word & bit;
        *word &= ~bit;
    }
    if (any && ioctl(slots->kvm->vm_fd, KVM_CLEAR_DIRTY_LOG, &log) < 0) {
        tn_log("KVM_CLEAR_DIRTY_LOG failed for slot %u: %s", number, g_strerror(errno));
    }
}

static void
listener_log_clear(TnMemoryListener *listener, const TnMemorySection *section, TnRange offsets)
{
    TnMemorySlots *slots = slots_from_listener(listener);
    const TnFlatRange *flat = section->flat;
    TnMemorySlot rest, piece;

    if (!section_to_slot(flat, &rest)) {
        return;
    }
    while (next_piece(&rest, &piece)) {
        uint64_t start = flat->offset_in_region + (piece.gpa - flat->range.first);
        unsigned number;
        const TnMemorySlot *slot = find_slot(slots, piece.gpa, &number);
        TnRange taken = { start, start + (piece.size - 1) };

        if (slot && slot->reported && tn_range_intersect(taken, offsets, &taken)) {
            clear_slot(slots, number, (taken.first - start) / TN_DIRTY_PAGE_SIZE,
                       (taken.last - start) / TN_DIRTY_PAGE_SIZE);
        }
    }
}

/* The section's slots stay, with other flags: KVM changes these in place. */
static void
update_logging(TnMemorySlots *slots, const TnMemorySection *section)
{
    TnMemorySlot rest, piece;

    if (!section_to_slot(section->flat, &rest)) {
        return;
    }
    while (next_piece(&rest, &piece)) {
        unsigned number;
        TnMemorySlot *slot = find_slot(slots, piece.gpa, &number);

        if (!slot || slot->flags == piece.flags) {
            continue;
        }
        if (tell_kvm_or_log(slots, number, &piece)) {
            slot->flags = piece.flags;
            g_clear_pointer(&slot->reported, g_free);
        }
    }
}

static void
listener_log_change(TnMemoryListener *listener, const TnMemorySection *section,
                    unsigned old_clients, unsigned new_clients)
{
    update_logging(slots_from_listener(listener), section);
}

static void
listener_begin(TnMemoryListener *listener)
{
    TnMemorySlots *slots = slots_from_listener(listener);

    g_array_set_size(slots->removals, 0);
    g_array_set_size(slots->additions, 0);
}

/* With its region still there to note what the guest wrote, and no vCPU to write more. */
static void
listener_region_del(TnMemoryListener *listener, const TnMemorySection *section)
{
    TnMemorySlots *slots = slots_from_listener(listener);

    if (section->flat->dirty_clients && !slots->closing) {
        inhibit(slots);
        listener_log_sync(listener, section);
    }
    collect(slots->removals, section);
}

static void
listener_region_add(TnMemoryListener *listener, const TnMemorySection *section)
{
    collect(slots_from_listener(listener)->additions, section);
}

static bool
replaces_memory(const TnMemorySlots *slots)
{
    for (unsigned i = 0; i < slots->removals->len; i++) {
        const TnMemorySlot *old = &g_array_index(slots->removals, TnSlotChange, i).slot;

        for (unsigned j = 0; j < slots->additions->len; j++) {
            const TnMemorySlot *new = &g_array_index(slots->additions, TnSlotChange, j).slot;

            if (old->gpa <= new->gpa + (new->size - 1) && new->gpa <= old->gpa + (old->size - 1)) {
                return true;
            }
        }
    }
    return false;
}

static void
listener_commit(TnMemoryListener *listener)
{
    TnMemorySlots *slots = slots_from_listener(listener);

    if (replaces_memory(slots)) {
        inhibit(slots);
    }
    for (unsigned i = 0; i < slots->removals->len; i++) {
        remove_slot(slots, g_array_index(slots->removals, TnSlotChange, i).gpa);
    }
    for (unsigned i = 0; i < slots->additions->len; i++) {
        const TnMemorySlot *slot = &g_array_index(slots->additions, TnSlotChange, i).slot;
        g_autoptr(GError) error = NULL;

        if (!add_slot(slots, slot, &error)) {
            refuse(slots, slot, error);
        }
    }
    if (slots->inhibited) {
        slots->inhibited = false;
        tn_kvm_inhibit_end(slots->kvm);
    }
}

void
tn_memory_slots_init(TnMemorySlots *slots, TnKvm *kvm, unsigned max_slots)
{
    *slots = (TnMemorySlots){
        .kvm = kvm,
        .max_slots = max_slots,
        .table = g_array_new(FALSE, TRUE, sizeof(TnMemorySlot)),
        .by_gpa = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL),
        .removals = g_array_new(FALSE, FALSE, sizeof(TnSlotChange)),
        .additions = g_array_new(FALSE, FALSE, sizeof(TnSlotChange)),
        .listener = {
            .name = "kvm-memory",
            .priority = 10,
            .begin = listener_begin,
            .region_del = listener_region_del,
            .region_add = listener_region_add,
            .log_start = listener_log_change,
            .log_stop = listener_log_change,
            .log_sync = listener_log_sync,
            .log_clear = listener_log_clear,
            .commit = listener_commit,
        },
    };
}

void
tn_memory_slots_done(TnMemorySlots *slots)
{
    if (!slots->kvm) {
        return;
    }
    if (slots->space) {
        slots->closing = true;
        tn_memory_listener_unregister(&slots->listener, slots->space);
    }
    for (unsigned i = 0; i < slots->table->len; i++) {
        g_free(g_array_index(slots->table, TnMemorySlot, i).reported);
    }
    g_array_unref(slots->table);
    g_array_unref(slots->removals);
    g_array_unref(slots->additions);
    g_hash_table_unref(slots->by_gpa);
    memset(slots, 0, sizeof(*slots));
}

unsigned
tn_memory_slots_free(TnMemorySlots *slots)
{
    return slots->max_slots - __atomic_load_n(&slots->used, __ATOMIC_RELAXED);
}

void
tn_memory_slots_attach(TnMemorySlots *slots, TnAddressSpace *as)
{
    g_assert(!slots->space);
    slots->space = as;
    tn_memory_listener_register(&slots->listener, as);
}
