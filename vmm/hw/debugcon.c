/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * isa-debugcon: a byte written comes out at the chardev, a read says that the
 * port is there (Bochs' convention: it gives its own number, 0xe9).
 *
 * Locks: @lock makes vCPUs take turns on the ring.
 */
#include "vmm/hw/debugcon.h"

#include "vmm/backend/chardev-tx.h"
#include "vmm/core/log.h"
#include "vmm/core/property.h"
#include "vmm/memory/region.h"

#define TN_DEBUGCON_PORT 0xe9
#define TN_DEBUGCON_READBACK 0xe9
/* How long the end of the program may wait for a slow reader. */
#define TN_DEBUGCON_LAST_WORDS_MS 500

struct _TnDebugcon {
    TnDevice parent_instance;

    TnChardev *chardev;
    guint32 iobase;
    guint32 readback;

    TnMemoryRegion io;
    GMutex lock;
    TnChardevTx tx; /* its producer's side: under lock */
    int lost_logged;
};

G_DEFINE_FINAL_TYPE(TnDebugcon, tn_debugcon, TN_TYPE_DEVICE)

enum {
    PROP_CHARDEV = 1,
    PROP_IOBASE,
    PROP_READBACK,
};

static uint64_t
debugcon_read(void *opaque, uint64_t addr, unsigned size)
{
    return ((TnDebugcon *)opaque)->readback;
}

static void
debugcon_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    TnDebugcon *self = opaque;
    bool taken;

    g_mutex_lock(&self->lock);
    taken = tn_chardev_tx_put(&self->tx, (guint8)value);
    g_mutex_unlock(&self->lock);
    if (!taken) {
        /* The port has no way to tell the guest to wait. */
        tn_log_guest(&self->lost_logged, "isa-debugcon: output is not read; character lost");
    }
}

static const TnMemoryRegionOps debugcon_ops = {
    .read = debugcon_read,
    .write = debugcon_write,
    .valid = { .min = 1, .max = 1 },
    .impl = { .min = 1, .max = 1 },
};

static void
on_writable(void *opaque)
{
    tn_chardev_tx_writable(&((TnDebugcon *)opaque)->tx);
}

static const TnChardevHandlers chardev_handlers = { .writable = on_writable };

TnDebugcon *
tn_debugcon_new(const TnPlatform *platform, TnChardev *chardev)
{
    TnDebugcon *self = g_object_new(TN_TYPE_DEBUGCON, "chardev", chardev, NULL);

    tn_device_set_platform(TN_DEVICE(self), platform);
    return self;
}

static gboolean
check_properties(TnDebugcon *self, GError **error)
{
    if (!self->chardev) {
        g_set_error_literal(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                            "Can't create debugcon device, empty char device");
        return FALSE;
    }
    if (self->iobase > 0xffff) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "isa-debugcon: 'iobase' 0x%x is beyond the last port 0xffff", self->iobase);
        return FALSE;
    }
    return TRUE;
}

static gboolean
tn_debugcon_realize(TnDevice *device, GError **error)
{
    TnDebugcon *self = TN_DEBUGCON(device);
    const TnPlatform *platform = tn_device_get_platform(device);

    if (!check_properties(self, error) ||
        !tn_chardev_attach(self->chardev, &chardev_handlers, self, error)) {
        return FALSE;
    }
    tn_chardev_tx_init(&self->tx, self->chardev, NULL, NULL);
    tn_memory_region_init_io(&self->io, platform->memory, G_OBJECT(self), &debugcon_ops, self,
                             "isa-debugcon", 1);
    /* The user chose the address: it may lie on somebody else's. */
    tn_memory_region_add_subregion_overlap(platform->system_io, self->iobase, &self->io, 0);
    return TRUE;
}

static void
tn_debugcon_unrealize(TnDevice *device)
{
    TnDebugcon *self = TN_DEBUGCON(device);
    const TnPlatform *platform = tn_device_get_platform(device);

    tn_memory_region_del_subregion(platform->system_io, &self->io);
    tn_memory_synchronize(platform->memory);
    tn_chardev_detach(self->chardev, self);
    tn_chardev_tx_done(&self->tx, TN_DEBUGCON_LAST_WORDS_MS);
    tn_memory_region_done(&self->io);
}

static void
tn_debugcon_get_property(GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
    TnDebugcon *self = TN_DEBUGCON(object);

    switch (id) {
    case PROP_CHARDEV:
        g_value_set_object(value, self->chardev);
        break;
    case PROP_IOBASE:
        g_value_set_uint(value, self->iobase);
        break;
    case PROP_READBACK:
        g_value_set_uint(value, self->readback);
        break;
    default:
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
    }
}

static void
tn_debugcon_set_property(GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
    TnDebugcon *self = TN_DEBUGCON(object);

    switch (id) {
    case PROP_CHARDEV:
        g_set_object(&self->chardev, g_value_get_object(value));
        break;
    case PROP_IOBASE:
        self->iobase = g_value_get_uint(value);
        break;
    case PROP_READBACK:
        self->readback = g_value_get_uint(value);
        break;
    default:
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
    }
}

static void
tn_debugcon_finalize(GObject *object)
{
    TnDebugcon *self = TN_DEBUGCON(object);

    g_clear_object(&self->chardev);
    g_mutex_clear(&self->lock);
    G_OBJECT_CLASS(tn_debugcon_parent_class)->finalize(object);
}

static void
tn_debugcon_class_init(TnDebugconClass *klass)
{
    GObjectClass *object_class = G_OBJECT_CLASS(klass);
    TnObjectClass *tn_class = TN_OBJECT_CLASS(klass);
    TnDeviceClass *device_class = TN_DEVICE_CLASS(klass);

    object_class->get_property = tn_debugcon_get_property;
    object_class->set_property = tn_debugcon_set_property;
    object_class->finalize = tn_debugcon_finalize;
    tn_class->type_name = "isa-debugcon";
    tn_class->description = "Debug output port";
    tn_class->user_creatable = TRUE;
    device_class->bus = "ISA";
    device_class->realize = tn_debugcon_realize;
    device_class->unrealize = tn_debugcon_unrealize;

    g_object_class_install_property(
        object_class, PROP_CHARDEV,
        g_param_spec_object("chardev", NULL, "Where output goes", TN_TYPE_CHARDEV, TN_PARAM_RW));
    g_object_class_install_property(
        object_class, PROP_IOBASE,
        g_param_spec_uint("iobase", NULL, "Port", 0, G_MAXUINT32, TN_DEBUGCON_PORT,
                          TN_PARAM_RW));
    g_object_class_install_property(
        object_class, PROP_READBACK,
        g_param_spec_uint("readback", NULL, "What a read gives", 0, G_MAXUINT32,
                          TN_DEBUGCON_READBACK, TN_PARAM_RW));
}

static void
tn_debugcon_init(TnDebugcon *self)
{
    g_mutex_init(&self->lock);
    self->iobase = TN_DEBUGCON_PORT;
    self->readback = TN_DEBUGCON_READBACK;
}
