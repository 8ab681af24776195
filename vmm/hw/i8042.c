/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Keyboard controller of the PC/AT with a keyboard at it. Spec: IBM PS/2 hardware
 * interface technical reference, "keyboard and auxiliary device controller";
 * docs/specs/reset-ports.md. Every command that guests send while they probe has its
 * answer at once, because each missing one costs them half a second.
 *
 * Locks: @lock covers all registers.
 */
#include "vmm/hw/i8042.h"

#include "vmm/core/irq-line.h"
#include "vmm/core/run-state.h"
#include "vmm/memory/region.h"

#define TN_I8042_PORT_DATA 0x60
#define TN_I8042_PORT_COMMAND 0x64
#define TN_I8042_IRQ 1

#define TN_I8042_STATUS_OUTPUT_FULL 0x01
#define TN_I8042_STATUS_SYSTEM 0x04
#define TN_I8042_STATUS_COMMAND 0x08  /* the last write was to port 0x64 */
#define TN_I8042_STATUS_UNLOCKED 0x10

#define TN_I8042_CONFIG_KEYBOARD_IRQ 0x01
#define TN_I8042_CONFIG_SYSTEM 0x04
#define TN_I8042_CONFIG_KEYBOARD_OFF 0x10
#define TN_I8042_CONFIG_AUX_OFF 0x20
#define TN_I8042_CONFIG_TRANSLATE 0x40
/* As firmware leaves it: there is none that would. */
#define TN_I8042_CONFIG_RESET                                                               \
    (TN_I8042_CONFIG_KEYBOARD_IRQ | TN_I8042_CONFIG_SYSTEM | TN_I8042_CONFIG_AUX_OFF |      \
     TN_I8042_CONFIG_TRANSLATE)

#define TN_I8042_OUTPUT_RUN 0x01 /* 0 resets the machine */
#define TN_I8042_OUTPUT_A20 0x02 /* state only: line 20 is never masked under KVM */
#define TN_I8042_OUTPUT_RESET 0xcf

enum {
    TN_I8042_CMD_READ_CONFIG = 0x20,
    TN_I8042_CMD_WRITE_CONFIG = 0x60,
    TN_I8042_CMD_AUX_OFF = 0xa7,
    TN_I8042_CMD_AUX_ON = 0xa8,
    TN_I8042_CMD_AUX_TEST = 0xa9,
    TN_I8042_CMD_SELF_TEST = 0xaa,
    TN_I8042_CMD_KEYBOARD_TEST = 0xab,
    TN_I8042_CMD_KEYBOARD_OFF = 0xad,
    TN_I8042_CMD_KEYBOARD_ON = 0xae,
    TN_I8042_CMD_READ_INPUT = 0xc0,
    TN_I8042_CMD_READ_OUTPUT = 0xd0,
    TN_I8042_CMD_WRITE_OUTPUT = 0xd1,
    TN_I8042_CMD_ECHO_KEYBOARD = 0xd2,
    TN_I8042_CMD_ECHO_AUX = 0xd3,
    TN_I8042_CMD_WRITE_AUX = 0xd4,
    TN_I8042_CMD_A20_OFF = 0xdd,
    TN_I8042_CMD_A20_ON = 0xdf,
    TN_I8042_CMD_PULSE = 0xf0, /* .. 0xff: bits that are 0 are pulsed low */
};

#define TN_I8042_SELF_TEST_PASSED 0x55
#define TN_I8042_KEYBOARD_TEST_PASSED 0x00
#define TN_I8042_AUX_TEST_STUCK 0x01 /* clock line low: nothing is there */
#define TN_I8042_INPUT_PORT 0x80     /* not locked */

enum {
    TN_KEYBOARD_CMD_LEDS = 0xed,
    TN_KEYBOARD_CMD_ECHO = 0xee,
    TN_KEYBOARD_CMD_SCAN_SET = 0xf0,
    TN_KEYBOARD_CMD_IDENTIFY = 0xf2,
    TN_KEYBOARD_CMD_RATE = 0xf3,
    TN_KEYBOARD_CMD_ENABLE = 0xf4,
    TN_KEYBOARD_CMD_DISABLE = 0xf5,
    TN_KEYBOARD_CMD_DEFAULTS = 0xf6,
    TN_KEYBOARD_CMD_RESEND = 0xfe,
    TN_KEYBOARD_CMD_RESET = 0xff,
};

#define TN_KEYBOARD_ACK 0xfa
#define TN_KEYBOARD_ASK_AGAIN 0xfe
#define TN_KEYBOARD_PASSED 0xaa
#define TN_KEYBOARD_ID_1 0xab
#define TN_KEYBOARD_ID_2 0x83
#define TN_KEYBOARD_ID_2_TRANSLATED 0x41
#define TN_KEYBOARD_DEFAULT_SET 2

#define TN_KEYBOARD_QUEUE_SIZE 16

struct _TnI8042 {
    TnDevice parent_instance;

    TnMemoryRegion data_region;
    TnMemoryRegion command_region;
    const TnIrqLine *irq_line;

    GMutex lock;
    /* All below: under lock. */
    bool irq_level;
    guint8 config;
    guint8 output;
    guint8 command;   /* controller's command that waits for its byte, 0: none */
    bool last_command; /* the last write was to port 0x64 */
    bool has_reply;   /* of the controller; comes before the keyboard's */
    guint8 reply;
    guint8 last_data;
    guint8 key_command; /* keyboard's command that waits for its byte, 0: none */
    guint8 scan_set;
    guint8 last_sent;
    guint8 queue_head;
    guint8 queue_count;
    guint8 queue[TN_KEYBOARD_QUEUE_SIZE];
};

G_DEFINE_FINAL_TYPE(TnI8042, tn_i8042, TN_TYPE_DEVICE)

static bool
keyboard_has_data(const TnI8042 *self)
{
    return self->queue_count > 0 && !(self->config & TN_I8042_CONFIG_KEYBOARD_OFF);
}

static void
update_irq(TnI8042 *self)
{
    bool level = !self->has_reply && keyboard_has_data(self) &&
                 (self->config & TN_I8042_CONFIG_KEYBOARD_IRQ);

    if (level != self->irq_level) {
        self->irq_level = level;
        tn_irq_set(self->irq_line, level);
    }
}

static void
reply(TnI8042 *self, guint8 value)
{
    self->has_reply = true;
    self->reply = value;
}

static void
request_reset(TnI8042 *self)
{
    tn_run_state_request_reset(tn_device_get_platform(TN_DEVICE(self))->run_state,
                               TN_SHUTDOWN_CAUSE_GUEST_RESET);
}

static void
write_output(TnI8042 *self, guint8 value)
{
    self->output = value | TN_I8042_OUTPUT_RUN;
    if (!(value & TN_I8042_OUTPUT_RUN)) {
        request_reset(self);
    }
}

/* The keyboard says something; a full queue loses it, as keyboards do. */
static void
key_send(TnI8042 *self, guint8 value)
{
    if (self->queue_count < TN_KEYBOARD_QUEUE_SIZE) {
        self->queue[(self->queue_head + self->queue_count) % TN_KEYBOARD_QUEUE_SIZE] = value;
        self->queue_count++;
    }
}

/* The byte that belongs to an earlier command. */
static void
key_argument(TnI8042 *self, guint8 command, guint8 value)
{
    key_send(self, TN_KEYBOARD_ACK);
    if (command == TN_KEYBOARD_CMD_SCAN_SET) {
        if (value == 0) {
            key_send(self, self->scan_set);
        } else if (value <= 3) {
            self->scan_set = value;
        }
    }
}

static void
key_command(TnI8042 *self, guint8 value)
{
    self->queue_count = 0;
    switch (value) {
    case TN_KEYBOARD_CMD_LEDS:
    case TN_KEYBOARD_CMD_SCAN_SET:
    case TN_KEYBOARD_CMD_RATE:
        self->key_command = value;
        key_send(self, TN_KEYBOARD_ACK);
        break;
    case TN_KEYBOARD_CMD_ECHO:
        key_send(self, TN_KEYBOARD_CMD_ECHO);
        break;
    case TN_KEYBOARD_CMD_IDENTIFY:
        key_send(self, TN_KEYBOARD_ACK);
        key_send(self, TN_KEYBOARD_ID_1);
        key_send(self, self->config & TN_I8042_CONFIG_TRANSLATE ? TN_KEYBOARD_ID_2_TRANSLATED
                                                                : TN_KEYBOARD_ID_2);
        break;
    case TN_KEYBOARD_CMD_RESEND:
        key_send(self, self->last_sent);
        break;
    case TN_KEYBOARD_CMD_RESET:
        self->scan_set = TN_KEYBOARD_DEFAULT_SET;
        key_send(self, TN_KEYBOARD_ACK);
        key_send(self, TN_KEYBOARD_PASSED);
        break;
    case TN_KEYBOARD_CMD_DEFAULTS:
        self->scan_set = TN_KEYBOARD_DEFAULT_SET;
        key_send(self, TN_KEYBOARD_ACK);
        break;
    case TN_KEYBOARD_CMD_ENABLE:
    case TN_KEYBOARD_CMD_DISABLE:
        key_send(self, TN_KEYBOARD_ACK);
        break;
    default:
        key_send(self, TN_KEYBOARD_ASK_AGAIN);
    }
}

static void
write_keyboard(TnI8042 *self, guint8 value)
{
    guint8 command = self->key_command;

    /* Talking to the keyboard switches it on. */
    self->config &= ~TN_I8042_CONFIG_KEYBOARD_OFF;
    self->key_command = 0;
    if (command) {
        key_argument(self, command, value);
    } else {
        key_command(self, value);
    }
}

static void
write_data(TnI8042 *self, guint8 value)
{
    guint8 command = self->command;

    self->command = 0;
    self->last_command = false;
    switch (command) {
    case 0:
        write_keyboard(self, value);
        break;
    case TN_I8042_CMD_WRITE_CONFIG:
        self->config = value;
        break;
    case TN_I8042_CMD_WRITE_OUTPUT:
        write_output(self, value);
        break;
    case TN_I8042_CMD_ECHO_KEYBOARD:
        key_send(self, value);
        break;
    case TN_I8042_CMD_ECHO_AUX:
        /* Without the status bit of an auxiliary byte: there is no such port. */
        reply(self, value);
        break;
    case TN_I8042_CMD_WRITE_AUX:
        break;
    }
    update_irq(self);
}

static void
write_command(TnI8042 *self, guint8 value)
{
    self->last_command = true;
    self->command = 0;
    switch (value) {
    case TN_I8042_CMD_READ_CONFIG:
        reply(self, self->config);
        break;
    case TN_I8042_CMD_WRITE_CONFIG:
    case TN_I8042_CMD_WRITE_OUTPUT:
    case TN_I8042_CMD_ECHO_KEYBOARD:
    case TN_I8042_CMD_ECHO_AUX:
    case TN_I8042_CMD_WRITE_AUX:
        self->command = value;
        break;
    case TN_I8042_CMD_AUX_OFF:
        self->config |= TN_I8042_CONFIG_AUX_OFF;
        break;
    case TN_I8042_CMD_AUX_ON:
        self->config &= ~TN_I8042_CONFIG_AUX_OFF;
        break;
    case TN_I8042_CMD_AUX_TEST:
        reply(self, TN_I8042_AUX_TEST_STUCK);
        break;
    case TN_I8042_CMD_SELF_TEST:
        self->config |= TN_I8042_CONFIG_SYSTEM;
        reply(self, TN_I8042_SELF_TEST_PASSED);
        break;
    case TN_I8042_CMD_KEYBOARD_TEST:
        reply(self, TN_I8042_KEYBOARD_TEST_PASSED);
        break;
    case TN_I8042_CMD_KEYBOARD_OFF:
        self->config |= TN_I8042_CONFIG_KEYBOARD_OFF;
        break;
    case TN_I8042_CMD_KEYBOARD_ON:
        self->config &= ~TN_I8042_CONFIG_KEYBOARD_OFF;
        break;
    case TN_I8042_CMD_READ_INPUT:
        reply(self, TN_I8042_INPUT_PORT);
        break;
    case TN_I8042_CMD_READ_OUTPUT:
        reply(self, self->output);
        break;
    case TN_I8042_CMD_A20_OFF:
        self->output &= ~TN_I8042_OUTPUT_A20;
        break;
    case TN_I8042_CMD_A20_ON:
        self->output |= TN_I8042_OUTPUT_A20;
        break;
    default:
        if (value >= TN_I8042_CMD_PULSE && !(value & TN_I8042_OUTPUT_RUN)) {
            request_reset(self);
        }
    }
    update_irq(self);
}

static guint8
read_data(TnI8042 *self)
{
    if (self->has_reply) {
        self->has_reply = false;
        self->last_data = self->reply;
        update_irq(self);
    } else if (keyboard_has_data(self)) {
        self->last_data = self->queue[self->queue_head];
        self->last_sent = self->last_data;
        self->queue_head = (self->queue_head + 1) % TN_KEYBOARD_QUEUE_SIZE;
        self->queue_count--;
        /* An edge for each byte. */
        if (self->irq_level) {
            self->irq_level = false;
            tn_irq_lower(self->irq_line);
        }
        update_irq(self);
    }
    return self->last_data;
}

static guint8
status(const TnI8042 *self)
{
    guint8 value = TN_I8042_STATUS_UNLOCKED;

    value |= self->has_reply || keyboard_has_data(self) ? TN_I8042_STATUS_OUTPUT_FULL : 0;
    value |= self->config & TN_I8042_CONFIG_SYSTEM ? TN_I8042_STATUS_SYSTEM : 0;
    value |= self->last_command ? TN_I8042_STATUS_COMMAND : 0;
    return value;
}

static uint64_t
data_region_read(void *opaque, uint64_t addr, unsigned size)
{
    TnI8042 *self = opaque;
    guint8 value;

    g_mutex_lock(&self->lock);
    value = read_data(self);
    g_mutex_unlock(&self->lock);
    return value;
}

static void
data_region_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    TnI8042 *self = opaque;

    g_mutex_lock(&self->lock);
    write_data(self, (guint8)value);
    g_mutex_unlock(&self->lock);
}

static uint64_t
command_region_read(void *opaque, uint64_t addr, unsigned size)
{
    TnI8042 *self = opaque;
    guint8 value;

    g_mutex_lock(&self->lock);
    value = status(self);
    g_mutex_unlock(&self->lock);
    return value;
}

static void
command_region_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    TnI8042 *self = opaque;

    g_mutex_lock(&self->lock);
    write_command(self, (guint8)value);
    g_mutex_unlock(&self->lock);
}

static const TnMemoryRegionOps data_ops = {
    .read = data_region_read,
    .write = data_region_write,
    .valid = { .min = 1, .max = 1 },
    .impl = { .min = 1, .max = 1 },
};

static const TnMemoryRegionOps command_ops = {
    .read = command_region_read,
    .write = command_region_write,
    .valid = { .min = 1, .max = 1 },
    .impl = { .min = 1, .max = 1 },
};

TnI8042 *
tn_i8042_new(const TnPlatform *platform)
{
    TnI8042 *self = g_object_new(TN_TYPE_I8042, NULL);

    tn_device_set_platform(TN_DEVICE(self), platform);
    return self;
}

static void
tn_i8042_reset(TnDevice *device)
{
    TnI8042 *self = TN_I8042(device);

    g_mutex_lock(&self->lock);
    self->config = TN_I8042_CONFIG_RESET;
    self->output = TN_I8042_OUTPUT_RESET;
    self->command = 0;
    self->last_command = true;
    self->has_reply = false;
    self->last_data = 0;
    self->key_command = 0;
    self->scan_set = TN_KEYBOARD_DEFAULT_SET;
    self->last_sent = TN_KEYBOARD_PASSED;
    self->queue_head = 0;
    self->queue_count = 0;
    update_irq(self);
    g_mutex_unlock(&self->lock);
}

static gboolean
tn_i8042_realize(TnDevice *device, GError **error)
{
    TnI8042 *self = TN_I8042(device);
    const TnPlatform *platform = tn_device_get_platform(device);

    self->irq_line = platform->isa_irqs ? &platform->isa_irqs[TN_I8042_IRQ] : NULL;
    tn_i8042_reset(device);
    tn_memory_region_init_io(&self->data_region, platform->memory, G_OBJECT(self), &data_ops,
                             self, "i8042-data", 1);
    tn_memory_region_init_io(&self->command_region, platform->memory, G_OBJECT(self),
                             &command_ops, self, "i8042-cmd", 1);
    tn_memory_begin(platform->memory);
    tn_memory_region_add_subregion(platform->system_io, TN_I8042_PORT_DATA, &self->data_region);
    tn_memory_region_add_subregion(platform->system_io, TN_I8042_PORT_COMMAND,
                                   &self->command_region);
    tn_memory_commit(platform->memory);
    return TRUE;
}

static void
tn_i8042_unrealize(TnDevice *device)
{
    TnI8042 *self = TN_I8042(device);
    const TnPlatform *platform = tn_device_get_platform(device);

    tn_memory_begin(platform->memory);
    tn_memory_region_del_subregion(platform->system_io, &self->command_region);
    tn_memory_region_del_subregion(platform->system_io, &self->data_region);
    tn_memory_commit(platform->memory);
    tn_memory_synchronize(platform->memory);
    tn_irq_lower(self->irq_line);
    tn_memory_region_done(&self->command_region);
    tn_memory_region_done(&self->data_region);
}

static void
tn_i8042_finalize(GObject *object)
{
    g_mutex_clear(&TN_I8042(object)->lock);
    G_OBJECT_CLASS(tn_i8042_parent_class)->finalize(object);
}

static const TnStateField state_fields[] = {
    TN_STATE_FIELD(TN_STATE_U8, TnI8042, config),
    TN_STATE_FIELD(TN_STATE_U8, TnI8042, output),
    TN_STATE_FIELD(TN_STATE_U8, TnI8042, command),
    TN_STATE_FIELD(TN_STATE_BOOL, TnI8042, last_command),
    TN_STATE_FIELD(TN_STATE_BOOL, TnI8042, has_reply),
    TN_STATE_FIELD(TN_STATE_U8, TnI8042, reply),
    TN_STATE_FIELD(TN_STATE_U8, TnI8042, last_data),
    TN_STATE_FIELD(TN_STATE_U8, TnI8042, key_command),
    TN_STATE_FIELD(TN_STATE_U8, TnI8042, scan_set),
    TN_STATE_FIELD(TN_STATE_U8, TnI8042, last_sent),
    TN_STATE_FIELD(TN_STATE_U8, TnI8042, queue_head),
    TN_STATE_FIELD(TN_STATE_U8, TnI8042, queue_count),
    TN_STATE_ARRAY(TN_STATE_BYTES, TnI8042, queue, TN_KEYBOARD_QUEUE_SIZE),
    TN_STATE_END,
};

static gboolean
state_post_load(void *opaque, unsigned version, GError **error)
{
    TnI8042 *self = opaque;

    if (self->queue_head >= TN_KEYBOARD_QUEUE_SIZE ||
        self->queue_count > TN_KEYBOARD_QUEUE_SIZE) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "i8042: saved queue has no valid size");
        return FALSE;
    }
    self->irq_level = false;
    update_irq(self);
    return TRUE;
}

static const TnStateTable state_table = {
    .name = "i8042",
    .version = 1,
    .fields = state_fields,
    .post_load = state_post_load,
};

static void
tn_i8042_class_init(TnI8042Class *klass)
{
    TnObjectClass *tn_class = TN_OBJECT_CLASS(klass);
    TnDeviceClass *device_class = TN_DEVICE_CLASS(klass);

    G_OBJECT_CLASS(klass)->finalize = tn_i8042_finalize;
    tn_class->type_name = "i8042";
    tn_class->description = "Keyboard controller";
    device_class->bus = "ISA";
    device_class->realize = tn_i8042_realize;
    device_class->unrealize = tn_i8042_unrealize;
    device_class->reset = tn_i8042_reset;
    device_class->state = &state_table;
}

static void
tn_i8042_init(TnI8042 *self)
{
    g_mutex_init(&self->lock);
}
