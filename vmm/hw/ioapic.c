/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Intel's 82093AA I/O APIC as later chips have it: version 0x20, with an EOI register
 * (82093AA data sheet, 3.0; ICH data sheets for the register at 0x40). It sends what its
 * pins ask for as MSIs. docs/specs/ioapic.md.
 */
#include "vmm/hw/ioapic.h"

#include "vmm/memory/region.h"


#define BASE 0xfec00000ULL
#define SIZE 0x1000

#define OFFSET_SELECT 0x00
#define OFFSET_WINDOW 0x10
#define OFFSET_EOI 0x40

#define REG_ID 0x00
#define REG_VERSION 0x01
#define REG_ARBITRATION 0x02
#define REG_ENTRIES 0x10

#define ID_MASK 0x0f000000u
#define VERSION 0x20u

#define ENTRY_VECTOR 0xffu
#define ENTRY_DELIVERY_SHIFT 8
#define ENTRY_DELIVERY 7u
#define ENTRY_LOGICAL (1ull << 11)
#define ENTRY_ACTIVE_LOW (1ull << 13)
#define ENTRY_REMOTE_IRR (1ull << 14)
#define ENTRY_LEVEL (1ull << 15)
#define ENTRY_MASKED (1ull << 16)
#define ENTRY_DEST_SHIFT 56
/* What the guest may write; delivery status and remote IRR are read-only. */
#define ENTRY_WRITABLE 0xff0000000001afffull

#define DELIVERY_LOWEST 1

/* Intel SDM 3A, 10.11. */
#define MSI_ADDRESS 0xfee00000u
#define MSI_DEST_SHIFT 12
#define MSI_REDIRECTION_HINT 0x08u
#define MSI_LOGICAL 0x04u
#define MSI_DELIVERY_SHIFT 8
#define MSI_ASSERT 0x4000u
#define MSI_LEVEL 0x8000u

struct _TnIoapic {
    TnDevice parent_instance;

    TnMemoryRegion mmio;
    const TnIrqchipHost *host;

    GMutex lock;
    /* Under lock. */
    guint64 entries[TN_IOAPIC_PINS];
    guint32 levels; /* a bit for each pin that is asserted */
    guint32 id;
    guint8 select;
};

G_DEFINE_FINAL_TYPE(TnIoapic, tn_ioapic, TN_TYPE_DEVICE)

static unsigned
delivery_mode(guint64 entry)
{
    return (unsigned)(entry >> ENTRY_DELIVERY_SHIFT) & ENTRY_DELIVERY;
}

/* Only fixed and lowest priority know levels: 3.2.4, "Delivery Mode". */
static gboolean
is_level(guint64 entry)
{
    return (entry & ENTRY_LEVEL) && delivery_mode(entry) <= DELIVERY_LOWEST;
}

static TnMsiMessage
message_of(guint64 entry)
{
    guint64 address = MSI_ADDRESS | (entry >> ENTRY_DEST_SHIFT) << MSI_DEST_SHIFT;
    guint32 data = (guint32)(entry & ENTRY_VECTOR) | delivery_mode(entry) << MSI_DELIVERY_SHIFT;

    if (entry & ENTRY_LOGICAL) {
        address |= MSI_LOGICAL;
    }
    if (delivery_mode(entry) == DELIVERY_LOWEST) {
        address |= MSI_REDIRECTION_HINT;
    }
    if (is_level(entry)) {
        data |= MSI_LEVEL | MSI_ASSERT;
    }
    return (TnMsiMessage){ .address = address, .data = data };
}

static void
send_locked(TnIoapic *self, unsigned pin)
{
    const TnFastPath *path = tn_device_get_platform(TN_DEVICE(self))->fast_path;
    TnMsiMessage message = message_of(self->entries[pin]);

    if (path && path->msi_send) {
        path->msi_send(path->opaque, &message);
    }
}

/* While a level is being served its end must be told, masked or not. */
static void
tell_host_locked(TnIoapic *self, unsigned pin)
{
    guint64 entry = self->entries[pin];
    TnMsiMessage message = message_of(entry);
    gboolean silent = (entry & ENTRY_MASKED) && !(entry & ENTRY_REMOTE_IRR);

    self->host->set_pin(self->host->opaque, pin, &message, silent);
}

/* A level that is up, wanted and not being served yet goes out. */
static void
serve_level_locked(TnIoapic *self, unsigned pin)
{
    guint64 entry = self->entries[pin];

    if ((self->levels & (1u << pin)) && is_level(entry) &&
        !(entry & (ENTRY_MASKED | ENTRY_REMOTE_IRR))) {
        self->entries[pin] |= ENTRY_REMOTE_IRR;
        send_locked(self, pin);
    }
}

void
tn_ioapic_set_pin(TnIoapic *self, unsigned pin, int level)
{
    guint32 bit;
    guint64 entry;
    gboolean rises;

    if (pin >= TN_IOAPIC_PINS) {
        return;
    }
    bit = 1u << pin;
    g_mutex_lock(&self->lock);
    entry = self->entries[pin];
    rises = level && !(self->levels & bit);
    self->levels = level ? self->levels | bit : self->levels & ~bit;
    if (is_level(entry)) {
        serve_level_locked(self, pin);
    } else if (rises && !(entry & ENTRY_MASKED)) {
        send_locked(self, pin); /* 3.2.4: edges of a masked pin are lost */
    }
    g_mutex_unlock(&self->lock);
}

void
tn_ioapic_end_of_interrupt(TnIoapic *self, guint8 vector)
{
    g_mutex_lock(&self->lock);
    for (unsigned pin = 0; pin < TN_IOAPIC_PINS; pin++) {
        guint64 entry = self->entries[pin];

        if (!is_level(entry) || (entry & ENTRY_VECTOR) != vector) {
            continue;
        }
        self->entries[pin] &= ~ENTRY_REMOTE_IRR;
        if ((entry & ENTRY_MASKED) && (entry & ENTRY_REMOTE_IRR)) {
            tell_host_locked(self, pin);
        }
        self->host->resample(self->host->opaque, pin);
        serve_level_locked(self, pin);
    }
    g_mutex_unlock(&self->lock);
}

static void
write_entry_locked(TnIoapic *self, unsigned pin, guint64 value)
{
    guint64 before = self->entries[pin];
    guint64 after = (value & ENTRY_WRITABLE) | (before & ENTRY_REMOTE_IRR);

    if (!is_level(after)) {
        after &= ~ENTRY_REMOTE_IRR;
    }
    self->entries[pin] = after;
    if (after != before) {
        tell_host_locked(self, pin);
    }
    /* What a descriptor's source wanted to tell while it was masked was lost. */
    if ((before & ENTRY_MASKED) && !(after & ENTRY_MASKED) && is_level(after)) {
        self->host->resample(self->host->opaque, pin);
    }
    serve_level_locked(self, pin);
}

static guint32
read_register_locked(TnIoapic *self)
{
    unsigned pin = (self->select - REG_ENTRIES) / 2u;

    switch (self->select) {
    case REG_ID:
    case REG_ARBITRATION:
        return self->id;
    case REG_VERSION:
        return (TN_IOAPIC_PINS - 1) << 16 | VERSION;
    default:
        break;
    }
    if (self->select < REG_ENTRIES || pin >= TN_IOAPIC_PINS) {
        return 0;
    }
    return (guint32)(self->select & 1 ? self->entries[pin] >> 32 : self->entries[pin]);
}

static void
write_register_locked(TnIoapic *self, guint32 value)
{
    unsigned pin = (self->select - REG_ENTRIES) / 2u;
    guint64 entry;

    if (self->select == REG_ID) {
        self->id = value & ID_MASK;
    }
    if (self->select < REG_ENTRIES || pin >= TN_IOAPIC_PINS) {
        return;
    }
    entry = self->entries[pin];
    if (self->select & 1) {
        entry = (entry & G_MAXUINT32) | (guint64)value << 32;
    } else {
        entry = (entry & ~(guint64)G_MAXUINT32) | value;
    }
    write_entry_locked(self, pin, entry);
}

static uint64_t
mmio_read(void *opaque, uint64_t addr, unsigned size)
{
    TnIoapic *self = opaque;
    uint64_t value = 0;

    g_mutex_lock(&self->lock);
    switch (addr) {
    case OFFSET_SELECT:
        value = self->select;
        break;
    case OFFSET_WINDOW:
        value = size == 4 ? read_register_locked(self) : 0;
        break;
    default:
        break;
    }
    g_mutex_unlock(&self->lock);
    return value;
}

static void
mmio_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    TnIoapic *self = opaque;

    if (addr == OFFSET_EOI && size == 4) {
        tn_ioapic_end_of_interrupt(self, (guint8)value);
        return;
    }
    g_mutex_lock(&self->lock);
    if (addr == OFFSET_SELECT) {
        self->select = (guint8)value;
    } else if (addr == OFFSET_WINDOW && size == 4) {
        write_register_locked(self, (guint32)value);
    }
    g_mutex_unlock(&self->lock);
}

static const TnMemoryRegionOps mmio_ops = {
    .read = mmio_read,
    .write = mmio_write,
    .valid = { .min = 1, .max = 4, .unaligned = true },
    .impl = { .min = 1, .max = 4, .unaligned = true },
};

static void
print_pins(guint32 bits, const char *name, GString *out)
{
    g_string_append_printf(out, "  %-10s", name);
    for (unsigned pin = 0; pin < TN_IOAPIC_PINS; pin++) {
        if (bits & (1u << pin)) {
            g_string_append_printf(out, " %u", pin);
        }
    }
    g_string_append(out, bits ? "\n" : " (none)\n");
}

static void
print_entry(guint64 entry, unsigned pin, GString *out)
{
    static const char *const deliveries[] = { "fixed",    "lowest", "SMI",  "reserved",
                                              "NMI", "INIT",   "reserved", "extINT" };

    g_string_append_printf(out,
                           "  pin %-2u 0x%016" G_GINT64_MODIFIER "x dest=%x vec=%-3u %s %-5s %-6s "
                           "%-6s %s\n",
                           pin, entry, (unsigned)(entry >> ENTRY_DEST_SHIFT),
                           (unsigned)(entry & ENTRY_VECTOR),
                           entry & ENTRY_ACTIVE_LOW ? "active-lo" : "active-hi",
                           entry & ENTRY_LEVEL ? "level" : "edge",
                           entry & ENTRY_MASKED ? "masked" : "",
                           deliveries[delivery_mode(entry)],
                           entry & ENTRY_LOGICAL ? "logical" : "physical");
}

void
tn_ioapic_print(TnIoapic *self, GString *out)
{
    guint32 remote_irr = 0, irr = 0;

    g_mutex_lock(&self->lock);
    g_string_append_printf(out, "ioapic0: ver=0x%x id=0x%02x sel=0x%02x", VERSION,
                           self->id >> 24, self->select);
    if (self->select >= REG_ENTRIES && self->select < REG_ENTRIES + 2 * TN_IOAPIC_PINS) {
        g_string_append_printf(out, " (redir[%u])", (self->select - REG_ENTRIES) / 2u);
    }
    g_string_append_c(out, '\n');
    for (unsigned pin = 0; pin < TN_IOAPIC_PINS; pin++) {
        guint64 entry = self->entries[pin];

        print_entry(entry, pin, out);
        remote_irr |= entry & ENTRY_REMOTE_IRR ? 1u << pin : 0;
        irr |= is_level(entry) ? self->levels & (1u << pin) : 0;
    }
    print_pins(irr, "IRR", out);
    print_pins(remote_irr, "Remote IRR", out);
    g_mutex_unlock(&self->lock);
}

TnIoapic *
tn_ioapic_new(const TnPlatform *platform, const TnIrqchipHost *host)
{
    TnIoapic *self = g_object_new(TN_TYPE_IOAPIC, NULL);

    tn_device_set_platform(TN_DEVICE(self), platform);
    self->host = host;
    return self;
}

/* The inputs are their sources' to tell again. */
static void
tn_ioapic_reset(TnDevice *device)
{
    TnIoapic *self = TN_IOAPIC(device);

    g_mutex_lock(&self->lock);
    self->id = 0;
    self->select = 0;
    for (unsigned pin = 0; pin < TN_IOAPIC_PINS; pin++) {
        gboolean changes = self->entries[pin] != ENTRY_MASKED;

        self->entries[pin] = ENTRY_MASKED;
        if (changes) {
            tell_host_locked(self, pin);
        }
    }
    g_mutex_unlock(&self->lock);
}

static gboolean
tn_ioapic_realize(TnDevice *device, GError **error)
{
    TnIoapic *self = TN_IOAPIC(device);
    const TnPlatform *platform = tn_device_get_platform(device);

    tn_ioapic_reset(device);
    tn_memory_region_init_io(&self->mmio, platform->memory, G_OBJECT(self), &mmio_ops, self,
                             "ioapic", SIZE);
    tn_memory_region_add_subregion(platform->system_memory, BASE, &self->mmio);
    return TRUE;
}

static void
tn_ioapic_unrealize(TnDevice *device)
{
    TnIoapic *self = TN_IOAPIC(device);
    const TnPlatform *platform = tn_device_get_platform(device);

    tn_memory_region_del_subregion(platform->system_memory, &self->mmio);
    tn_memory_synchronize(platform->memory);
    tn_memory_region_done(&self->mmio);
}

static void
tn_ioapic_finalize(GObject *object)
{
    g_mutex_clear(&TN_IOAPIC(object)->lock);
    G_OBJECT_CLASS(tn_ioapic_parent_class)->finalize(object);
}

static const TnStateField state_fields[] = {
    TN_STATE_ARRAY(TN_STATE_U64, TnIoapic, entries, TN_IOAPIC_PINS),
    TN_STATE_FIELD(TN_STATE_U32, TnIoapic, levels),
    TN_STATE_FIELD(TN_STATE_U32, TnIoapic, id),
    TN_STATE_FIELD(TN_STATE_U8, TnIoapic, select),
    TN_STATE_END,
};

static gboolean
state_post_load(void *opaque, unsigned version, GError **error)
{
    TnIoapic *self = opaque;

    g_mutex_lock(&self->lock);
    self->levels &= (1u << TN_IOAPIC_PINS) - 1;
    self->id &= ID_MASK;
    for (unsigned pin = 0; pin < TN_IOAPIC_PINS; pin++) {
        self->entries[pin] &= ENTRY_WRITABLE | ENTRY_REMOTE_IRR;
        if (!is_level(self->entries[pin])) {
            self->entries[pin] &= ~ENTRY_REMOTE_IRR;
        }
        tell_host_locked(self, pin);
    }
    g_mutex_unlock(&self->lock);
    return TRUE;
}

static const TnStateTable state_table = {
    .name = "ioapic",
    .version = 1,
    .fields = state_fields,
    .post_load = state_post_load,
};

static void
tn_ioapic_class_init(TnIoapicClass *klass)
{
    TnObjectClass *tn_class = TN_OBJECT_CLASS(klass);
    TnDeviceClass *device_class = TN_DEVICE_CLASS(klass);

    G_OBJECT_CLASS(klass)->finalize = tn_ioapic_finalize;
    tn_class->type_name = "ioapic";
    tn_class->description = "I/O APIC";
    device_class->realize = tn_ioapic_realize;
    device_class->unrealize = tn_ioapic_unrealize;
    device_class->reset = tn_ioapic_reset;
    device_class->state = &state_table;
}

static void
tn_ioapic_init(TnIoapic *self)
{
    g_mutex_init(&self->lock);
    for (unsigned pin = 0; pin < TN_IOAPIC_PINS; pin++) {
        self->entries[pin] = ENTRY_MASKED;
    }
}
