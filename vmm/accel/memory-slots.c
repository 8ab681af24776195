/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * KVM's memory slots as a memory listener: RAM and ROM sections of one address
 * space become slots, nothing else in the program touches them.
 *
 * Changes are collected between begin and commit. When a commit replaces memory
 * that stays memory (ROM shadowed, RAM split) the guest must not see the gap in
 * between, so all vCPUs are kept out for that moment.
 */
#include "vmm/accel/kvm-private.h"

#include "vmm/core/log.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* KVM_SET_USER_MEMORY_REGION refuses 2^31 pages and more. */
#define MAX_SLOT_SIZE (UINT64_C(1) << 42)

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

    if (!tn_memory_region_is_ram(flat->region)) {
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
        .host = (uint64_t)(uintptr_t)flat->region->ram.host + flat->offset_in_region + skip,
        .flags = flat->readonly || flat->region->kind == TN_REGION_ROM ? KVM_MEM_READONLY : 0,
    };
    return true;
}

static bool
tell_kvm(TnMemorySlots *slots, unsigned number, const TnMemorySlot *slot)
{
    struct kvm_userspace_memory_region region = {
        .slot = number,
        .flags = slot->flags,
        .guest_phys_addr = slot->gpa,
        .memory_size = slot->size,
        .userspace_addr = slot->host,
    };

    if (ioctl(slots->kvm->vm_fd, KVM_SET_USER_MEMORY_REGION, &region) < 0) {
        tn_log("KVM_SET_USER_MEMORY_REGION failed for slot %u, guest 0x%" PRIx64
               ", size 0x%" PRIx64 ": %s",
               number, slot->gpa, slot->size, g_strerror(errno));
        return false;
    }
    return true;
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

static void
add_slot(TnMemorySlots *slots, const TnMemorySlot *slot)
{
    unsigned number;
    guint64 *key;

    if (slots->used >= slots->max_slots) {
        tn_log("All %u memory slots of KVM are in use: guest 0x%" PRIx64 " stays unmapped",
               slots->max_slots, slot->gpa);
        return;
    }
    number = find_free_number(slots);
    if (!tell_kvm(slots, number, slot)) {
        return;
    }
    g_array_index(slots->table, TnMemorySlot, number) = *slot;
    key = g_new(guint64, 1);
    *key = slot->gpa;
    g_hash_table_insert(slots->by_gpa, key, GUINT_TO_POINTER(number + 1));
    set_used(slots, slots->used + 1);
}

static void
remove_slot(TnMemorySlots *slots, uint64_t gpa)
{
    guint64 key = gpa;
    unsigned number = GPOINTER_TO_UINT(g_hash_table_lookup(slots->by_gpa, &key));
    TnMemorySlot gone;

    /* Never became one: KVM refused it, and that was said then. */
    if (number == 0) {
        return;
    }
    number--;
    gone = g_array_index(slots->table, TnMemorySlot, number);
    gone.size = 0;
    if (!slots->closing) {
        (void)tell_kvm(slots, number, &gone);
    }
    memset(&g_array_index(slots->table, TnMemorySlot, number), 0, sizeof(TnMemorySlot));
    g_hash_table_remove(slots->by_gpa, &key);
    set_used(slots, slots->used - 1);
}

/* Calls @array's collector once per slot-sized piece of the section. */
static void
collect(GArray *array, const TnMemorySection *section)
{
    TnMemorySlot slot;

    if (!section_to_slot(section->flat, &slot)) {
        return;
    }
    while (slot.size > 0) {
        TnSlotChange change = { .gpa = slot.gpa, .slot = slot };

        change.slot.size = MIN(slot.size, MAX_SLOT_SIZE);
        g_array_append_val(array, change);
        slot.gpa += change.slot.size;
        slot.host += change.slot.size;
        slot.size -= change.slot.size;
    }
}

static void
listener_begin(TnMemoryListener *listener)
{
    TnMemorySlots *slots = slots_from_listener(listener);

    g_array_set_size(slots->removals, 0);
    g_array_set_size(slots->additions, 0);
}

static void
listener_region_del(TnMemoryListener *listener, const TnMemorySection *section)
{
    collect(slots_from_listener(listener)->removals, section);
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
    bool inhibit = !slots->closing && replaces_memory(slots);

    if (inhibit) {
        tn_kvm_inhibit_begin(slots->kvm);
    }
    for (unsigned i = 0; i < slots->removals->len; i++) {
        remove_slot(slots, g_array_index(slots->removals, TnSlotChange, i).gpa);
    }
    for (unsigned i = 0; i < slots->additions->len; i++) {
        add_slot(slots, &g_array_index(slots->additions, TnSlotChange, i).slot);
    }
    if (inhibit) {
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
tn_kvm_attach_memory(TnKvm *kvm, TnAddressSpace *as)
{
    g_assert(!kvm->slots.space);
    kvm->slots.space = as;
    tn_memory_listener_register(&kvm->slots.listener, as);
}
