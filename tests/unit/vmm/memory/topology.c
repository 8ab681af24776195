/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See topology.h.
 */
#include "tests/unit/vmm/memory/topology.h"

#include "tests/unit/vmm/memory/fixture.h"

#include <stdlib.h>
#include <string.h>

/* Never touched, only pointed at: RAM of the largest size there is with pages as cells. */
static uint8_t fake_ram[2 * TOPOLOGY_CELLS << 12];

guint32
topology_seed(void)
{
    const char *text = g_getenv("TN_TEST_SEED");
    guint32 seed = text ? (guint32)strtoul(text, NULL, 0) : g_random_int();

    g_test_message("TN_TEST_SEED=%u", seed);
    return seed;
}

unsigned
topology_count(const char *name, unsigned fallback)
{
    const char *text = g_getenv(name);

    return text ? (unsigned)strtoul(text, NULL, 0) : fallback;
}

static unsigned
below(Topology *t, unsigned limit)
{
    return (unsigned)g_rand_int_range(t->rand, 0, (gint32)limit);
}

/* Often 0, where wrappers of a whole region begin. */
static unsigned
random_place(Topology *t)
{
    return below(t, 4) == 0 ? 0 : below(t, TOPOLOGY_CELLS);
}

static uint64_t
bytes(const Topology *t, unsigned cells)
{
    return t->shift == 58 && cells >= TOPOLOGY_CELLS ? TN_SIZE_WHOLE : (uint64_t)cells << t->shift;
}

uint64_t
topology_first(const Topology *t, unsigned cell)
{
    return (uint64_t)cell << t->shift;
}

uint64_t
topology_last(const Topology *t, unsigned cell)
{
    return topology_first(t, cell) + ((UINT64_C(1) << t->shift) - 1);
}

static TnRegionKind
random_kind(Topology *t)
{
    static const TnRegionKind kinds[] = { TN_REGION_CONTAINER, TN_REGION_CONTAINER, TN_REGION_MMIO,
                                          TN_REGION_MMIO,      TN_REGION_ALIAS,     TN_REGION_ALIAS,
                                          TN_REGION_RAM,       TN_REGION_ROM,
                                          TN_REGION_ROM_DEVICE };
    TnRegionKind kind = kinds[below(t, G_N_ELEMENTS(kinds))];

    /* No host memory is that large. */
    if (t->shift == 58 && (kind == TN_REGION_RAM || kind == TN_REGION_ROM ||
                           kind == TN_REGION_ROM_DEVICE)) {
        return TN_REGION_MMIO;
    }
    return kind;
}

static void
init_region(Topology *t, TopologyRegion *r, TnRegionKind kind)
{
    const TnRamBlock ram = { .host = fake_ram, .fd = -1 };
    uint64_t size = bytes(t, r->size);

    r->kind = kind;
    r->enabled = true;
    r->parent = -1;
    switch (kind) {
    case TN_REGION_CONTAINER:
        tn_memory_region_init(&r->mr, t->memory, NULL, "container", size);
        break;
    case TN_REGION_MMIO:
        tn_memory_region_init_io(&r->mr, t->memory, NULL, &plain_ops, NULL, "io", size);
        break;
    case TN_REGION_RAM:
        tn_memory_region_init_ram(&r->mr, t->memory, NULL, "ram", size, &ram);
        break;
    case TN_REGION_ROM:
        tn_memory_region_init_rom(&r->mr, t->memory, NULL, "rom", size, &ram);
        r->readonly = true;
        break;
    case TN_REGION_ROM_DEVICE:
        tn_memory_region_init_rom_device(&r->mr, t->memory, NULL, &plain_ops, NULL, "romd", size,
                                         &ram);
        r->romd = true;
        break;
    case TN_REGION_IOMMU:
        g_assert_not_reached();
    case TN_REGION_ALIAS:
        tn_memory_region_init_alias(&r->mr, t->memory, NULL, "alias", &t->regions[r->target].mr,
                                    topology_first(t, r->alias_offset), size);
        break;
    }
}

static void
attach(Topology *t, unsigned index, unsigned parent)
{
    TopologyRegion *r = &t->regions[index];

    r->parent = (int)parent;
    r->addr = random_place(t);
    r->priority = (int)below(t, 4) - 1;
    r->seq = t->next_seq++;
    tn_memory_region_add_subregion_overlap(&t->regions[parent].mr, topology_first(t, r->addr),
                                           &r->mr, r->priority);
}

/* A random region before @index that may have children. */
static unsigned
random_parent(Topology *t, unsigned index)
{
    unsigned parent = below(t, index);

    return t->regions[parent].kind == TN_REGION_ALIAS ? 0 : parent;
}

/* Few values of each, so that lists often differ in one field only. */
static TnMemoryEventfd
random_eventfd(Topology *t)
{
    static const unsigned sizes[] = { 0, 1, 2, 4, 8 };
    TnMemoryEventfd e = {
        .addr = topology_first(t, random_place(t)) + below(t, 2),
        .size = sizes[below(t, G_N_ELEMENTS(sizes))],
        .fd = 100 + (int)below(t, 2),
    };

    if (t->shift == 0) {
        e.addr = random_place(t);
    }
    if (e.size > 0 && below(t, 2)) {
        e.match_data = true;
        e.data = below(t, 2);
    }
    return e;
}

static bool
has_eventfd(const TopologyRegion *r, const TnMemoryEventfd *e)
{
    for (unsigned i = 0; i < r->num_eventfds; i++) {
        if (tn_memory_eventfd_compare(&r->eventfds[i], e) == 0) {
            return true;
        }
    }
    return false;
}

static void
mutate_eventfds(Topology *t, TopologyRegion *r)
{
    if (r->kind != TN_REGION_MMIO && r->kind != TN_REGION_ROM_DEVICE) {
        return;
    }
    if (r->num_eventfds == TOPOLOGY_MAX_EVENTFDS || (r->num_eventfds > 0 && below(t, 3) == 0)) {
        TnMemoryEventfd *e = &r->eventfds[below(t, r->num_eventfds)];

        tn_memory_region_del_eventfd(&r->mr, e->addr, e->size, e->match_data, e->data, e->fd);
        *e = r->eventfds[--r->num_eventfds];
    } else {
        TnMemoryEventfd e = random_eventfd(t);

        if (!has_eventfd(r, &e)) {
            r->eventfds[r->num_eventfds++] = e;
            tn_memory_region_add_eventfd(&r->mr, e.addr, e.size, e.match_data, e.data, e.fd);
        }
    }
}

/*
 * Parents come before their children and aliases before what they show, so every
 * way down the tree goes to higher indices and no cycle can arise. Hence, made in
 * falling order, and hung up in rising order.
 */
void
topology_init(Topology *t, TnMemory *memory, GRand *rand)
{
    static const unsigned shifts[] = { 0, 12, 58 };

    memset(t, 0, sizeof(*t));
    t->memory = memory;
    t->rand = rand;
    t->shift = shifts[below(t, G_N_ELEMENTS(shifts))];
    t->count = 2 + below(t, TOPOLOGY_MAX_REGIONS - 1);
    tn_memory_begin(memory);
    for (unsigned i = t->count; i > 0; i--) {
        TopologyRegion *r = &t->regions[i - 1];
        TnRegionKind kind = i == 1 ? TN_REGION_CONTAINER : random_kind(t);

        r->size = i == 1 && below(t, 4) > 0 ? TOPOLOGY_CELLS : 1 + below(t, TOPOLOGY_CELLS);
        if (kind == TN_REGION_ALIAS && i < t->count) {
            r->target = (int)(i + below(t, t->count - i));
            r->alias_offset = random_place(t);
        } else if (kind == TN_REGION_ALIAS) {
            kind = TN_REGION_MMIO;
        }
        init_region(t, r, kind);
    }
    for (unsigned i = 1; i < t->count; i++) {
        mutate_eventfds(t, &t->regions[i]);
        mutate_eventfds(t, &t->regions[i]);
        /* Some are seen through aliases only. */
        if (below(t, 8) > 0) {
            attach(t, i, random_parent(t, i));
        }
        if (below(t, 8) == 0) {
            t->regions[i].enabled = false;
            tn_memory_region_set_enabled(&t->regions[i].mr, false);
        }
    }
    tn_memory_commit(memory);
}

static void
mutate_attribute(Topology *t, TopologyRegion *r)
{
    bool value = below(t, 2);

    if (below(t, 2)) {
        r->nonvolatile = value;
        tn_memory_region_set_nonvolatile(&r->mr, value);
    } else if (r->kind == TN_REGION_ROM_DEVICE) {
        r->romd = value;
        tn_memory_region_set_romd(&r->mr, value);
    } else if (r->kind != TN_REGION_MMIO) {
        r->readonly = value;
        tn_memory_region_set_readonly(&r->mr, value);
    }
}

static void
mutate_parent(Topology *t, unsigned index)
{
    TopologyRegion *r = &t->regions[index];

    if (r->parent >= 0) {
        tn_memory_region_del_subregion(&t->regions[r->parent].mr, &r->mr);
        r->parent = -1;
    } else {
        attach(t, index, random_parent(t, index));
    }
}

static void
mutate_place(Topology *t, TopologyRegion *r)
{
    unsigned addr = random_place(t);

    if (addr != r->addr) {
        r->addr = addr;
        r->seq = t->next_seq++;
        tn_memory_region_set_address(&r->mr, topology_first(t, addr));
    }
}

void
topology_mutate(Topology *t)
{
    unsigned index = 1 + below(t, t->count - 1);
    TopologyRegion *r = &t->regions[index];

    switch (below(t, 7)) {
    case 0:
        r->enabled = !r->enabled;
        tn_memory_region_set_enabled(&r->mr, r->enabled);
        break;
    case 1:
        mutate_place(t, r);
        break;
    case 2:
        r->size = 1 + below(t, TOPOLOGY_CELLS);
        tn_memory_region_set_size(&r->mr, bytes(t, r->size));
        break;
    case 3:
        if (r->kind == TN_REGION_ALIAS) {
            r->alias_offset = random_place(t);
            tn_memory_region_set_alias_offset(&r->mr, topology_first(t, r->alias_offset));
        }
        break;
    case 4:
        mutate_attribute(t, r);
        break;
    case 5:
        mutate_eventfds(t, r);
        break;
    default:
        mutate_parent(t, index);
        break;
    }
}

void
topology_done(Topology *t)
{
    tn_memory_begin(t->memory);
    for (unsigned i = 1; i < t->count; i++) {
        TopologyRegion *r = &t->regions[i];

        if (r->parent >= 0) {
            tn_memory_region_del_subregion(&t->regions[r->parent].mr, &r->mr);
        }
    }
    tn_memory_commit(t->memory);
    tn_memory_synchronize(t->memory);
    for (unsigned i = 0; i < t->count; i++) {
        tn_memory_region_done(&t->regions[i].mr);
    }
}

static TopologyPixel look_up(const Topology *t, unsigned index, unsigned offset);

/* Whether child @a lies above child @b. */
static bool
is_above(const TopologyRegion *a, const TopologyRegion *b)
{
    return a->priority != b->priority ? a->priority > b->priority : a->seq > b->seq;
}

/* The topmost child of @parent below @limit (NULL: of all), or 0 for none. */
static unsigned
next_child(const Topology *t, unsigned parent, const TopologyRegion *limit)
{
    unsigned best = 0;

    for (unsigned i = 1; i < t->count; i++) {
        const TopologyRegion *r = &t->regions[i];

        if (r->parent == (int)parent && (!limit || is_above(limit, r)) &&
            (best == 0 || is_above(r, &t->regions[best]))) {
            best = i;
        }
    }
    return best;
}

static TopologyPixel
look_below(const Topology *t, unsigned index, unsigned offset)
{
    const TopologyRegion *r = &t->regions[index];

    if (r->kind == TN_REGION_ALIAS) {
        unsigned inner = offset + r->alias_offset;

        /* Past 2^64 there is nothing to show. */
        if (t->shift == 58 && inner >= TOPOLOGY_CELLS) {
            return (TopologyPixel){ 0 };
        }
        return look_up(t, (unsigned)r->target, inner);
    }
    for (unsigned i = next_child(t, index, NULL); i > 0; i = next_child(t, index, &t->regions[i])) {
        if (offset >= t->regions[i].addr) {
            TopologyPixel pixel = look_up(t, i, offset - t->regions[i].addr);

            if (pixel.mr) {
                return pixel;
            }
        }
    }
    if (r->kind == TN_REGION_CONTAINER) {
        return (TopologyPixel){ 0 };
    }
    return (TopologyPixel){ .mr = &r->mr, .index = index, .offset = offset };
}

static TopologyPixel
look_up(const Topology *t, unsigned index, unsigned offset)
{
    const TopologyRegion *r = &t->regions[index];
    TopologyPixel pixel = { 0 };

    if (!r->enabled || offset >= r->size) {
        return pixel;
    }
    pixel = look_below(t, index, offset);
    pixel.readonly |= r->readonly;
    pixel.nonvolatile |= r->nonvolatile;
    return pixel;
}

TopologyPixel
topology_look_up(const Topology *t, unsigned cell)
{
    return look_up(t, 0, cell);
}

static const TnFlatRange *
find(const TnFlatRange *ranges, unsigned count, uint64_t addr)
{
    for (unsigned i = 0; i < count; i++) {
        if (addr >= ranges[i].range.first && addr <= ranges[i].range.last) {
            return &ranges[i];
        }
    }
    return NULL;
}

static void
check_address(const Topology *t, const TnFlatRange *flat, const TopologyPixel *pixel,
              uint64_t addr, uint64_t offset)
{
    if (!pixel->mr) {
        g_assert_null(flat);
        return;
    }
    g_assert_nonnull(flat);
    g_assert_true(flat->region == pixel->mr);
    g_assert_cmphex(flat->offset_in_region + (addr - flat->range.first), ==, offset);
    g_assert_cmpint(flat->readonly, ==, pixel->readonly);
    g_assert_cmpint(flat->nonvolatile, ==, pixel->nonvolatile);
    g_assert_cmpint(flat->host != NULL, ==,
                    tn_memory_region_is_ram(pixel->mr) || t->regions[pixel->index].romd);
    g_assert_cmpint(flat->ops != NULL, ==,
                    pixel->mr->kind == TN_REGION_MMIO ||
                        pixel->mr->kind == TN_REGION_ROM_DEVICE);
    if (flat->host) {
        g_assert_true((uint8_t *)flat->host + (addr - flat->range.first) == fake_ram + offset);
    }
}

static bool
could_join(const TnFlatRange *a, const TnFlatRange *b)
{
    return a->range.last + 1 == b->range.first && a->region == b->region &&
           b->offset_in_region != 0 &&
           a->offset_in_region + (b->range.first - a->range.first) == b->offset_in_region &&
           a->readonly == b->readonly && a->nonvolatile == b->nonvolatile;
}

void
topology_check(const Topology *t, const TnFlatRange *ranges, unsigned count)
{
    unsigned cells = t->shift == 58 ? TOPOLOGY_CELLS : 2 * TOPOLOGY_CELLS;

    for (unsigned i = 0; i < count; i++) {
        g_assert_cmphex(ranges[i].range.first, <=, ranges[i].range.last);
        g_assert_cmphex(ranges[i].range.last, <=, topology_last(t, cells - 1));
        if (i > 0) {
            g_assert_cmphex(ranges[i - 1].range.last, <, ranges[i].range.first);
            g_assert_false(could_join(&ranges[i - 1], &ranges[i]));
        }
    }
    /* All that can change at all does so between cells, so two of each one's bytes say all. */
    for (unsigned cell = 0; cell < cells; cell++) {
        TopologyPixel pixel = topology_look_up(t, cell);
        uint64_t first = topology_first(t, cell);
        uint64_t last = topology_last(t, cell);
        uint64_t offset = topology_first(t, pixel.offset);

        check_address(t, find(ranges, count, first), &pixel, first, offset);
        check_address(t, find(ranges, count, last), &pixel, last, offset + (last - first));
    }
}

static int
compare_eventfds(gconstpointer a, gconstpointer b)
{
    return tn_memory_eventfd_compare(a, b);
}

void
topology_check_eventfds(const Topology *t, const TnMemoryEventfd *found, unsigned count)
{
    unsigned cells = t->shift == 58 ? TOPOLOGY_CELLS : 2 * TOPOLOGY_CELLS;
    g_autoptr(GArray) expected = g_array_new(FALSE, FALSE, sizeof(TnMemoryEventfd));

    for (unsigned cell = 0; cell < cells; cell++) {
        TopologyPixel pixel = topology_look_up(t, cell);
        const TopologyRegion *r = &t->regions[pixel.index];

        for (unsigned i = 0; pixel.mr && i < r->num_eventfds; i++) {
            TnMemoryEventfd e = r->eventfds[i];

            if (e.addr >> t->shift == pixel.offset) {
                e.addr = topology_first(t, cell) + (e.addr - topology_first(t, pixel.offset));
                g_array_append_val(expected, e);
            }
        }
    }
    g_array_sort(expected, compare_eventfds);
    g_assert_cmpuint(count, ==, expected->len);
    for (unsigned i = 0; i < count; i++) {
        g_assert_cmpint(tn_memory_eventfd_compare(
                            &found[i], &g_array_index(expected, TnMemoryEventfd, i)), ==, 0);
    }
}
