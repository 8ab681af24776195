/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The 16550A serial port on the ISA bus ("isa-serial"): docs/specs/serial.md. */
#include "vmm/hw/serial.h"

#include "vmm/core/property.h"
#include "vmm/hw/uart.h"

struct _TnSerial {
    TnDevice parent_instance;

    /* Properties. */
    TnChardev *chardev;
    guint32 index;
    guint32 iobase;
    guint32 irq;

    TnMemoryRegion io;
    TnUart uart;
};

G_DEFINE_FINAL_TYPE(TnSerial, tn_serial, TN_TYPE_DEVICE)

enum {
    PROP_CHARDEV = 1,
    PROP_INDEX,
    PROP_IOBASE,
    PROP_IRQ,
};

static const struct {
    guint16 iobase;
    guint8 irq;
} isa_ports[] = { { 0x3f8, 4 }, { 0x2f8, 3 }, { 0x3e8, 4 }, { 0x2e8, 3 } };

TnSerial *
tn_serial_new(const TnPlatform *platform, guint32 index, TnChardev *chardev)
{
    TnSerial *self = g_object_new(TN_TYPE_SERIAL, "index", index, "chardev", chardev, NULL);

    tn_device_set_platform(TN_DEVICE(self), platform);
    return self;
}

static void
mark_index(TnObject *object, gpointer user_data)
{
    unsigned *used = user_data;

    if (TN_IS_SERIAL(object) && tn_device_is_realized(TN_DEVICE(object))) {
        *used |= 1u << TN_SERIAL(object)->index;
    }
    tn_object_foreach_child(object, mark_index, used);
}

/* Fills in what the user left open. */
static gboolean
choose_resources(TnSerial *self, GError **error)
{
    TnObject *root = tn_device_get_platform(TN_DEVICE(self))->root;
    unsigned used = 0;

    if (self->index == TN_SERIAL_INDEX_AUTO) {
        if (root) {
            mark_index(root, &used);
        }
        self->index = (guint32)__builtin_ctz(~used);
    }
    if (self->index >= G_N_ELEMENTS(isa_ports)) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "Max. supported number of ISA serial ports is %u.",
                    (unsigned)G_N_ELEMENTS(isa_ports));
        return FALSE;
    }
    if (self->iobase == G_MAXUINT32) {
        self->iobase = isa_ports[self->index].iobase;
    }
    if (self->irq == G_MAXUINT32) {
        self->irq = isa_ports[self->index].irq;
    }
    if (self->iobase > 0x10000 - TN_UART_PORTS) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "isa-serial: 'iobase' 0x%x is beyond the last port 0xffff", self->iobase);
        return FALSE;
    }
    if (self->irq > 15) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "isa-serial: 'irq' is %u, Maximum value is: 15", self->irq);
        return FALSE;
    }
    return TRUE;
}

static void
tn_serial_reset(TnDevice *device)
{
    tn_uart_reset(&TN_SERIAL(device)->uart);
}

static gboolean
tn_serial_realize(TnDevice *device, GError **error)
{
    TnSerial *self = TN_SERIAL(device);
    const TnPlatform *platform = tn_device_get_platform(device);

    if (!choose_resources(self, error) ||
        !tn_uart_init(&self->uart, self->chardev,
                      platform->isa_irqs ? &platform->isa_irqs[self->irq] : NULL, error)) {
        return FALSE;
    }
    tn_memory_region_init_io(&self->io, platform->memory, G_OBJECT(self), &tn_uart_ops,
                             &self->uart, "serial", TN_UART_PORTS);
    /* The user chose the address: it may lie on somebody else's. */
    tn_memory_region_add_subregion_overlap(platform->system_io, self->iobase, &self->io, 0);
    return TRUE;
}

static void
tn_serial_unrealize(TnDevice *device)
{
    TnSerial *self = TN_SERIAL(device);
    const TnPlatform *platform = tn_device_get_platform(device);

    tn_memory_region_del_subregion(platform->system_io, &self->io);
    tn_memory_synchronize(platform->memory);
    tn_uart_done(&self->uart);
    tn_memory_region_done(&self->io);
}

static void
tn_serial_get_property(GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
    TnSerial *self = TN_SERIAL(object);

    switch (id) {
    case PROP_CHARDEV:
        g_value_set_object(value, self->chardev);
        break;
    case PROP_INDEX:
        g_value_set_uint(value, self->index);
        break;
    case PROP_IOBASE:
        g_value_set_uint(value, self->iobase);
        break;
    case PROP_IRQ:
        g_value_set_uint(value, self->irq);
        break;
    default:
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
    }
}

static void
tn_serial_set_property(GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
    TnSerial *self = TN_SERIAL(object);

    switch (id) {
    case PROP_CHARDEV:
        g_set_object(&self->chardev, g_value_get_object(value));
        break;
    case PROP_INDEX:
        self->index = g_value_get_uint(value);
        break;
    case PROP_IOBASE:
        self->iobase = g_value_get_uint(value);
        break;
    case PROP_IRQ:
        self->irq = g_value_get_uint(value);
        break;
    default:
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
    }
}

static void
tn_serial_finalize(GObject *object)
{
    g_clear_object(&TN_SERIAL(object)->chardev);
    G_OBJECT_CLASS(tn_serial_parent_class)->finalize(object);
}

/* Saved with an empty ring: the main loop writes it out while the guest is stopped. */
static const TnStateField state_fields[] = {
    TN_STATE_FIELD(TN_STATE_BOOL, TnSerial, uart.thri_pending),
    TN_STATE_FIELD(TN_STATE_U8, TnSerial, uart.ier),
    TN_STATE_FIELD(TN_STATE_U8, TnSerial, uart.fcr),
    TN_STATE_FIELD(TN_STATE_U8, TnSerial, uart.lcr),
    TN_STATE_FIELD(TN_STATE_U8, TnSerial, uart.mcr),
    TN_STATE_FIELD(TN_STATE_U8, TnSerial, uart.lsr_errors),
    TN_STATE_FIELD(TN_STATE_U8, TnSerial, uart.msr),
    TN_STATE_FIELD(TN_STATE_U8, TnSerial, uart.scr),
    TN_STATE_FIELD(TN_STATE_U8, TnSerial, uart.dll),
    TN_STATE_FIELD(TN_STATE_U8, TnSerial, uart.dlm),
    TN_STATE_FIELD(TN_STATE_U8, TnSerial, uart.rbr),
    TN_STATE_FIELD(TN_STATE_U8, TnSerial, uart.rx_head),
    TN_STATE_FIELD(TN_STATE_U8, TnSerial, uart.rx_count),
    TN_STATE_FIELD(TN_STATE_U16, TnSerial, uart.stage_head),
    TN_STATE_FIELD(TN_STATE_U16, TnSerial, uart.stage_count),
    TN_STATE_ARRAY(TN_STATE_BYTES, TnSerial, uart.rx, TN_UART_FIFO_SIZE),
    TN_STATE_ARRAY(TN_STATE_BYTES, TnSerial, uart.stage, TN_UART_STAGE_SIZE),
    TN_STATE_END,
};

static gboolean
state_post_load(void *opaque, unsigned version, GError **error)
{
    return tn_uart_check_loaded(&((TnSerial *)opaque)->uart, error);
}

static const TnStateTable state_table = {
    .name = "isa-serial",
    .version = 1,
    .fields = state_fields,
    .post_load = state_post_load,
};

static void
install_properties(GObjectClass *klass)
{
    g_object_class_install_property(
        klass, PROP_CHARDEV,
        g_param_spec_object("chardev", NULL, "Where the line goes", TN_TYPE_CHARDEV,
                            TN_PARAM_RW));
    g_object_class_install_property(
        klass, PROP_INDEX,
        g_param_spec_uint("index", NULL, "0: COM1 .. 3: COM4", 0, G_MAXUINT32,
                          TN_SERIAL_INDEX_AUTO, TN_PARAM_RW));
    g_object_class_install_property(
        klass, PROP_IOBASE,
        g_param_spec_uint("iobase", NULL, "First port", 0, G_MAXUINT32, G_MAXUINT32,
                          TN_PARAM_RW));
    g_object_class_install_property(
        klass, PROP_IRQ,
        g_param_spec_uint("irq", NULL, "ISA interrupt", 0, G_MAXUINT32, G_MAXUINT32,
                          TN_PARAM_RW));
}

static void
tn_serial_class_init(TnSerialClass *klass)
{
    GObjectClass *object_class = G_OBJECT_CLASS(klass);
    TnObjectClass *tn_class = TN_OBJECT_CLASS(klass);
    TnDeviceClass *device_class = TN_DEVICE_CLASS(klass);

    object_class->get_property = tn_serial_get_property;
    object_class->set_property = tn_serial_set_property;
    object_class->finalize = tn_serial_finalize;
    tn_class->type_name = "isa-serial";
    tn_class->description = "16550A serial port";
    tn_class->user_creatable = TRUE;
    device_class->bus = "ISA";
    device_class->realize = tn_serial_realize;
    device_class->unrealize = tn_serial_unrealize;
    device_class->reset = tn_serial_reset;
    device_class->state = &state_table;
    install_properties(object_class);
}

static void
tn_serial_init(TnSerial *self)
{
    self->index = TN_SERIAL_INDEX_AUTO;
    self->iobase = G_MAXUINT32;
    self->irq = G_MAXUINT32;
}
