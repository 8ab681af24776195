/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The PC's pair of Intel 8259A, 8086 mode, with the edge/level registers of PIIX3 (82371SB,
 * 2.5.5). Section names in comments are the 8259A data sheet's. docs/specs/i8259.md.
 */
#include "vmm/hw/i8259.h"

#include "vmm/memory/region.h"

#define MASTER 0
#define SLAVE 1
#define CASCADE 2 /* the master's input that the slave drives */
#define SPURIOUS 7
#define INPUTS 8
#define NONE INPUTS

#define PORT_MASTER 0x20
#define PORT_SLAVE 0xa0
#define PORT_ELCR 0x4d0

/* Command words at the even port. */
#define ICW1 0x10
#define ICW1_IC4 0x01
#define ICW1_SNGL 0x02
#define OCW3 0x08
#define OCW3_RIS 0x01
#define OCW3_RR 0x02
#define OCW3_POLL 0x04
#define OCW3_SMM 0x20
#define OCW3_ESMM 0x40
/* OCW2: rotate, specific, end of interrupt. */
#define OCW2_LEVEL 0x07
#define OCW2_COMMAND 0xe0
#define OCW2_ROTATE_AEOI_CLEAR 0x00
#define OCW2_EOI 0x20
#define OCW2_SPECIFIC_EOI 0x60
#define OCW2_ROTATE_AEOI_SET 0x80
#define OCW2_ROTATE_EOI 0xa0
#define OCW2_SET_PRIORITY 0xc0
#define OCW2_ROTATE_SPECIFIC_EOI 0xe0

#define ICW2_BASE 0xf8
#define ICW4_AEOI 0x02
#define ICW4_SFNM 0x10

#define POLL_INTERRUPT 0x80

/* The odd port's next initialization word; 0: it is OCW1. */
enum { STEP_DONE, STEP_ICW2, STEP_ICW3, STEP_ICW4 };

typedef struct Chip {
    guint8 levels; /* the inputs */
    guint8 irr;
    guint8 isr;
    guint8 imr;
    guint8 elcr;
    guint8 base;   /* vector of input 0 */
    guint8 lowest; /* the input of lowest priority */
    guint8 step;
    guint8 icw1;
    bool auto_eoi;
    bool rotate_on_auto_eoi;
    bool special_mask;
    bool fully_nested; /* special fully nested mode */
    bool read_isr;
    bool poll;
} Chip;

struct _TnI8259 {
    TnDevice parent_instance;

    TnMemoryRegion io[2];
    TnMemoryRegion elcr_io;
    TnIrqLine out;

    GMutex lock;
    /* Under lock. */
    Chip chips[2];
    bool out_level;
};

G_DEFINE_FINAL_TYPE(TnI8259, tn_i8259, TN_TYPE_DEVICE)

/* Inputs that are always edge triggered: 0, 1, 2; 8, 13. */
static const guint8 elcr_masks[2] = { 0xf8, 0xde };

/* The input of highest priority among @bits, or NONE. */
static unsigned
highest(const Chip *chip, guint8 bits)
{
    for (unsigned i = 1; i <= INPUTS; i++) {
        unsigned input = (chip->lowest + i) % INPUTS;

        if (bits & (1u << input)) {
            return input;
        }
    }
    return NONE;
}

/* How far @input is from the highest priority; NONE comes after all. */
static unsigned
rank(const Chip *chip, unsigned input)
{
    return input == NONE ? NONE : (input + INPUTS - chip->lowest - 1) % INPUTS;
}

/* "Interrupt request": the input that INT stands for, or NONE. Silent while it is being
 * initialized. */
static unsigned
requesting(const Chip *chip, gboolean is_master)
{
    guint8 blocking = chip->isr;
    unsigned input = highest(chip, chip->irr & (guint8)~chip->imr);
    unsigned blocker;

    if (chip->step != STEP_DONE || input == NONE) {
        return NONE;
    }
    if (chip->special_mask) {
        blocking &= (guint8)~chip->imr;
    }
    blocker = highest(chip, blocking);
    /* "Special fully nested mode": the slave in service may interrupt again. */
    if (is_master && chip->fully_nested && input == CASCADE && blocker == CASCADE) {
        return input;
    }
    return rank(chip, input) < rank(chip, blocker) ? input : NONE;
}

/* Carries the slave's INT to the master and the master's out. */
static void
update_locked(TnI8259 *self)
{
    Chip *master = &self->chips[MASTER];
    gboolean slave_int = requesting(&self->chips[SLAVE], FALSE) != NONE;
    gboolean out;

    master->irr &= (guint8) ~(1u << CASCADE);
    master->irr |= slave_int ? 1u << CASCADE : 0;
    out = requesting(master, TRUE) != NONE;
    if (out != self->out_level) {
        self->out_level = out;
        tn_irq_set(&self->out, out);
    }
}

static void
set_input(Chip *chip, unsigned input, int level)
{
    guint8 bit = (guint8)(1u << input);

    if (chip->elcr & bit) {
        chip->irr = level ? chip->irr | bit : chip->irr & (guint8)~bit;
    } else if (level && !(chip->levels & bit)) {
        chip->irr |= bit;
    }
    chip->levels = level ? chip->levels | bit : chip->levels & (guint8)~bit;
}

void
tn_i8259_set_irq(TnI8259 *self, unsigned irq, int level)
{
    if (irq >= TN_I8259_IRQS || irq == CASCADE) {
        return;
    }
    g_mutex_lock(&self->lock);
    set_input(&self->chips[irq / INPUTS], irq % INPUTS, level);
    update_locked(self);
    g_mutex_unlock(&self->lock);
}

/* INTA or poll: @input goes into service. */
static void
take(Chip *chip, unsigned input)
{
    guint8 bit = (guint8)(1u << input);

    if (!(chip->elcr & bit)) {
        chip->irr &= (guint8)~bit;
    }
    if (!chip->auto_eoi) {
        chip->isr |= bit;
    } else if (chip->rotate_on_auto_eoi) {
        chip->lowest = (guint8)input;
    }
}

guint8
tn_i8259_acknowledge(TnI8259 *self)
{
    Chip *chip = &self->chips[MASTER];
    unsigned input;
    guint8 vector;

    g_mutex_lock(&self->lock);
    input = requesting(chip, TRUE);
    if (input != NONE) {
        take(chip, input);
    }
    if (input == CASCADE) {
        chip = &self->chips[SLAVE];
        input = requesting(chip, FALSE);
        if (input != NONE) {
            take(chip, input);
        }
    }
    vector = (guint8)(chip->base + (input == NONE ? SPURIOUS : input));
    update_locked(self);
    g_mutex_unlock(&self->lock);
    return vector;
}

/* "Initialization command words": what ICW1 clears by itself. A level that is up already
 * makes no edge. */
static void
begin_initialization(Chip *chip, guint8 icw1)
{
    chip->icw1 = icw1;
    chip->irr &= chip->elcr;
    chip->isr = 0;
    chip->imr = 0;
    chip->lowest = INPUTS - 1;
    chip->special_mask = FALSE;
    chip->read_isr = FALSE;
    chip->poll = FALSE;
    chip->rotate_on_auto_eoi = FALSE;
    if (!(icw1 & ICW1_IC4)) {
        chip->auto_eoi = FALSE;
        chip->fully_nested = FALSE;
    }
    chip->step = STEP_ICW2;
}

static void
end_interrupt(Chip *chip, unsigned input, gboolean rotate)
{
    if (input != NONE) {
        chip->isr &= (guint8) ~(1u << input);
        if (rotate) {
            chip->lowest = (guint8)input;
        }
    }
}

static void
write_ocw2(Chip *chip, guint8 value)
{
    unsigned level = value & OCW2_LEVEL;
    /* "Special mask mode": a masked level's bit is not for the non-specific command. */
    guint8 endable = chip->special_mask ? chip->isr & (guint8)~chip->imr : chip->isr;

    switch (value & OCW2_COMMAND) {
    case OCW2_ROTATE_AEOI_CLEAR:
        chip->rotate_on_auto_eoi = FALSE;
        break;
    case OCW2_EOI:
        end_interrupt(chip, highest(chip, endable), FALSE);
        break;
    case OCW2_SPECIFIC_EOI:
        end_interrupt(chip, level, FALSE);
        break;
    case OCW2_ROTATE_AEOI_SET:
        chip->rotate_on_auto_eoi = TRUE;
        break;
    case OCW2_ROTATE_EOI:
        end_interrupt(chip, highest(chip, endable), TRUE);
        break;
    case OCW2_SET_PRIORITY:
        chip->lowest = (guint8)level;
        break;
    case OCW2_ROTATE_SPECIFIC_EOI:
        end_interrupt(chip, level, TRUE);
        break;
    default: /* "no operation" */
        break;
    }
}

static void
write_ocw3(Chip *chip, guint8 value)
{
    if (value & OCW3_POLL) {
        chip->poll = TRUE;
    }
    if (value & OCW3_RR) {
        chip->read_isr = (value & OCW3_RIS) != 0;
    }
    if (value & OCW3_ESMM) {
        chip->special_mask = (value & OCW3_SMM) != 0;
    }
}

/* The odd port. ICW3 says what the board's wiring says anyway. */
static void
write_data(Chip *chip, guint8 value)
{
    gboolean needs_icw4 = (chip->icw1 & ICW1_IC4) != 0;

    switch (chip->step) {
    case STEP_ICW2:
        chip->base = value & ICW2_BASE;
        chip->step = !(chip->icw1 & ICW1_SNGL) ? STEP_ICW3 : needs_icw4 ? STEP_ICW4 : STEP_DONE;
        break;
    case STEP_ICW3:
        chip->step = needs_icw4 ? STEP_ICW4 : STEP_DONE;
        break;
    case STEP_ICW4:
        chip->auto_eoi = (value & ICW4_AEOI) != 0;
        chip->fully_nested = (value & ICW4_SFNM) != 0;
        chip->step = STEP_DONE;
        break;
    default:
        chip->imr = value;
        break;
    }
}

static uint64_t
read_port(TnI8259 *self, unsigned which, uint64_t addr)
{
    Chip *chip = &self->chips[which];
    guint8 value;

    g_mutex_lock(&self->lock);
    if (chip->poll) {
        unsigned input = requesting(chip, which == MASTER);

        chip->poll = FALSE;
        value = 0;
        if (input != NONE) {
            take(chip, input);
            value = (guint8)(POLL_INTERRUPT | input);
        }
        update_locked(self);
    } else if (addr == 1) {
        value = chip->imr;
    } else {
        value = chip->read_isr ? chip->isr : chip->irr;
    }
    g_mutex_unlock(&self->lock);
    return value;
}

static void
write_port(TnI8259 *self, unsigned which, uint64_t addr, guint8 value)
{
    Chip *chip = &self->chips[which];

    g_mutex_lock(&self->lock);
    if (addr == 1) {
        write_data(chip, value);
    } else if (value & ICW1) {
        begin_initialization(chip, value);
    } else if (value & OCW3) {
        write_ocw3(chip, value);
    } else {
        write_ocw2(chip, value);
    }
    update_locked(self);
    g_mutex_unlock(&self->lock);
}

static uint64_t
master_read(void *opaque, uint64_t addr, unsigned size)
{
    return read_port(opaque, MASTER, addr);
}

static void
master_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    write_port(opaque, MASTER, addr, (guint8)value);
}

static uint64_t
slave_read(void *opaque, uint64_t addr, unsigned size)
{
    return read_port(opaque, SLAVE, addr);
}

static void
slave_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    write_port(opaque, SLAVE, addr, (guint8)value);
}

/* A level triggered input's request is its level from now on. */
static void
set_elcr(Chip *chip, guint8 value)
{
    chip->elcr = value;
    chip->irr = (chip->irr & (guint8)~value) | (chip->levels & value);
}

static uint64_t
elcr_read(void *opaque, uint64_t addr, unsigned size)
{
    TnI8259 *self = opaque;
    guint8 value;

    g_mutex_lock(&self->lock);
    value = self->chips[addr].elcr;
    g_mutex_unlock(&self->lock);
    return value;
}

static void
elcr_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    TnI8259 *self = opaque;

    g_mutex_lock(&self->lock);
    set_elcr(&self->chips[addr], (guint8)value & elcr_masks[addr]);
    update_locked(self);
    g_mutex_unlock(&self->lock);
}

static const TnMemoryRegionOps port_ops[2] = {
    { .read = master_read,
      .write = master_write,
      .valid = { .min = 1, .max = 4, .unaligned = true },
      .impl = { .min = 1, .max = 1 } },
    { .read = slave_read,
      .write = slave_write,
      .valid = { .min = 1, .max = 4, .unaligned = true },
      .impl = { .min = 1, .max = 1 } },
};

static const TnMemoryRegionOps elcr_ops = {
    .read = elcr_read,
    .write = elcr_write,
    .valid = { .min = 1, .max = 4, .unaligned = true },
    .impl = { .min = 1, .max = 1 },
};

static void
print_chip(const Chip *chip, unsigned which, GString *out)
{
    g_string_append_printf(out,
                           "pic%u: irr=%02x imr=%02x isr=%02x hprio=%u irq_base=%02x rr_sel=%d "
                           "elcr=%02x fnm=%d\n",
                           which, chip->irr, chip->imr, chip->isr, (chip->lowest + 1u) % INPUTS,
                           chip->base, chip->read_isr, chip->elcr, chip->fully_nested);
}

void
tn_i8259_print(TnI8259 *self, GString *out)
{
    g_mutex_lock(&self->lock);
    print_chip(&self->chips[SLAVE], SLAVE, out);
    print_chip(&self->chips[MASTER], MASTER, out);
    g_mutex_unlock(&self->lock);
}

TnI8259 *
tn_i8259_new(const TnPlatform *platform, const TnIrqLine *out)
{
    TnI8259 *self = g_object_new(TN_TYPE_I8259, NULL);

    tn_device_set_platform(TN_DEVICE(self), platform);
    self->out = *out;
    return self;
}

/* The inputs are their sources' to tell again. */
static void
tn_i8259_reset(TnDevice *device)
{
    TnI8259 *self = TN_I8259(device);

    g_mutex_lock(&self->lock);
    for (unsigned i = 0; i < 2; i++) {
        self->chips[i] = (Chip){ .levels = self->chips[i].levels, .lowest = INPUTS - 1 };
    }
    update_locked(self);
    g_mutex_unlock(&self->lock);
}

/* PIIX3 has registers of the same name for boards whose PICs are elsewhere; these are the
 * ones that count. */
static gboolean
tn_i8259_realize(TnDevice *device, GError **error)
{
    static const uint64_t ports[2] = { PORT_MASTER, PORT_SLAVE };
    static const char *const names[2] = { "pic", "pic2" };
    TnI8259 *self = TN_I8259(device);
    const TnPlatform *platform = tn_device_get_platform(device);

    tn_i8259_reset(device);
    for (unsigned i = 0; i < 2; i++) {
        tn_memory_region_init_io(&self->io[i], platform->memory, G_OBJECT(self), &port_ops[i],
                                 self, names[i], 2);
        tn_memory_region_add_subregion(platform->system_io, ports[i], &self->io[i]);
    }
    tn_memory_region_init_io(&self->elcr_io, platform->memory, G_OBJECT(self), &elcr_ops, self,
                             "pic-elcr", 2);
    tn_memory_region_add_subregion_overlap(platform->system_io, PORT_ELCR, &self->elcr_io, 1);
    return TRUE;
}

static void
tn_i8259_unrealize(TnDevice *device)
{
    TnI8259 *self = TN_I8259(device);
    const TnPlatform *platform = tn_device_get_platform(device);

    for (unsigned i = 0; i < 2; i++) {
        tn_memory_region_del_subregion(platform->system_io, &self->io[i]);
    }
    tn_memory_region_del_subregion(platform->system_io, &self->elcr_io);
    tn_memory_synchronize(platform->memory);
    for (unsigned i = 0; i < 2; i++) {
        tn_memory_region_done(&self->io[i]);
    }
    tn_memory_region_done(&self->elcr_io);
}

static void
tn_i8259_finalize(GObject *object)
{
    g_mutex_clear(&TN_I8259(object)->lock);
    G_OBJECT_CLASS(tn_i8259_parent_class)->finalize(object);
}

#define CHIP_STATE(n)                                                    \
    TN_STATE_FIELD(TN_STATE_U8, TnI8259, chips[n].levels),               \
    TN_STATE_FIELD(TN_STATE_U8, TnI8259, chips[n].irr),                  \
    TN_STATE_FIELD(TN_STATE_U8, TnI8259, chips[n].isr),                  \
    TN_STATE_FIELD(TN_STATE_U8, TnI8259, chips[n].imr),                  \
    TN_STATE_FIELD(TN_STATE_U8, TnI8259, chips[n].elcr),                 \
    TN_STATE_FIELD(TN_STATE_U8, TnI8259, chips[n].base),                 \
    TN_STATE_FIELD(TN_STATE_U8, TnI8259, chips[n].lowest),               \
    TN_STATE_FIELD(TN_STATE_U8, TnI8259, chips[n].step),                 \
    TN_STATE_FIELD(TN_STATE_U8, TnI8259, chips[n].icw1),                 \
    TN_STATE_FIELD(TN_STATE_BOOL, TnI8259, chips[n].auto_eoi),           \
    TN_STATE_FIELD(TN_STATE_BOOL, TnI8259, chips[n].rotate_on_auto_eoi), \
    TN_STATE_FIELD(TN_STATE_BOOL, TnI8259, chips[n].special_mask),       \
    TN_STATE_FIELD(TN_STATE_BOOL, TnI8259, chips[n].fully_nested),       \
    TN_STATE_FIELD(TN_STATE_BOOL, TnI8259, chips[n].read_isr),           \
    TN_STATE_FIELD(TN_STATE_BOOL, TnI8259, chips[n].poll)

static const TnStateField state_fields[] = {
    CHIP_STATE(MASTER),
    CHIP_STATE(SLAVE),
    TN_STATE_END,
};

/* The output is told anew, whatever the accelerator believes. */
static gboolean
state_post_load(void *opaque, unsigned version, GError **error)
{
    TnI8259 *self = opaque;

    g_mutex_lock(&self->lock);
    for (unsigned i = 0; i < 2; i++) {
        Chip *chip = &self->chips[i];

        chip->elcr &= elcr_masks[i];
        chip->base &= ICW2_BASE;
        chip->lowest %= INPUTS;
        chip->step = MIN(chip->step, STEP_ICW4);
    }
    self->out_level = FALSE;
    tn_irq_lower(&self->out);
    update_locked(self);
    g_mutex_unlock(&self->lock);
    return TRUE;
}

static const TnStateTable state_table = {
    .name = "i8259",
    .version = 1,
    .fields = state_fields,
    .post_load = state_post_load,
};

static void
tn_i8259_class_init(TnI8259Class *klass)
{
    TnObjectClass *tn_class = TN_OBJECT_CLASS(klass);
    TnDeviceClass *device_class = TN_DEVICE_CLASS(klass);

    G_OBJECT_CLASS(klass)->finalize = tn_i8259_finalize;
    tn_class->type_name = "isa-i8259";
    tn_class->description = "Pair of 8259A interrupt controllers";
    device_class->bus = "ISA";
    device_class->realize = tn_i8259_realize;
    device_class->unrealize = tn_i8259_unrealize;
    device_class->reset = tn_i8259_reset;
    device_class->state = &state_table;
}

static void
tn_i8259_init(TnI8259 *self)
{
    g_mutex_init(&self->lock);
}
