/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* General-purpose events: ACPI 6.3, 4.8.4.1. docs/specs/piix4-pm.md. */
#include "vmm/acpi/gpe.h"

/* Bytes of the block: first half status (write 1 to clear), second half enable. */
#define STATUS_BYTES (TN_ACPI_GPE0_LENGTH / 2)

/* Needs @lock. */
static void
update_locked(TnAcpiGpe *gpe)
{
    tn_acpi_sci_set(gpe->sci, TN_ACPI_SCI_GPE, (gpe->status & gpe->enable) != 0);
}

static uint64_t
gpe_read(void *opaque, uint64_t addr, unsigned size)
{
    TnAcpiGpe *gpe = opaque;
    guint16 reg;

    g_mutex_lock(&gpe->lock);
    reg = addr < STATUS_BYTES ? gpe->status : gpe->enable;
    g_mutex_unlock(&gpe->lock);
    return (reg >> (8 * (addr % STATUS_BYTES))) & 0xff;
}

static void
gpe_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    TnAcpiGpe *gpe = opaque;
    unsigned shift = 8 * (unsigned)(addr % STATUS_BYTES);
    guint16 byte = (guint16)((value & 0xff) << shift);

    g_mutex_lock(&gpe->lock);
    if (addr < STATUS_BYTES) {
        gpe->status &= (guint16)~byte;
    } else {
        gpe->enable = (guint16)((gpe->enable & ~(0xff << shift)) | byte);
    }
    update_locked(gpe);
    g_mutex_unlock(&gpe->lock);
}

static const TnMemoryRegionOps gpe_ops = {
    .read = gpe_read,
    .write = gpe_write,
    .valid = { .min = 1, .max = 4 },
    .impl = { .min = 1, .max = 1 },
};

static gboolean
raise_now(gpointer user_data)
{
    TnAcpiGpe *gpe = user_data;

    g_source_set_ready_time(gpe->raiser, -1);
    tn_acpi_gpe_update(gpe);
    return G_SOURCE_CONTINUE;
}

static gboolean
raiser_dispatch(GSource *source, GSourceFunc callback, gpointer user_data)
{
    return callback(user_data);
}

static GSourceFuncs raiser_funcs = { .dispatch = raiser_dispatch };

void
tn_acpi_gpe_init(TnAcpiGpe *gpe, TnMemory *memory, TnMemoryRegion *io, guint16 port,
                 TnAcpiSci *sci)
{
    g_mutex_init(&gpe->lock);
    gpe->io = io;
    gpe->sci = sci;
    gpe->status = 0;
    gpe->enable = 0;
    gpe->raiser = g_source_new(&raiser_funcs, sizeof(GSource));
    g_source_set_static_name(gpe->raiser, "acpi-gpe");
    g_source_set_callback(gpe->raiser, raise_now, gpe, NULL);
    /* Before the next command: no stream of them may keep the guest from being told. */
    g_source_set_priority(gpe->raiser, G_PRIORITY_HIGH);
    g_source_attach(gpe->raiser, NULL);
    tn_memory_region_init_io(&gpe->region, memory, NULL, &gpe_ops, gpe, "acpi-gpe0",
                             TN_ACPI_GPE0_LENGTH);
    tn_memory_region_add_subregion(io, port, &gpe->region);
}

void
tn_acpi_gpe_done(TnAcpiGpe *gpe)
{
    g_source_destroy(gpe->raiser);
    g_clear_pointer(&gpe->raiser, g_source_unref);
    tn_memory_region_del_subregion(gpe->io, &gpe->region);
    tn_memory_synchronize(gpe->region.memory);
    tn_memory_region_done(&gpe->region);
    g_mutex_clear(&gpe->lock);
}

void
tn_acpi_gpe_raise(TnAcpiGpe *gpe, unsigned bit)
{
    g_return_if_fail(bit < 8 * STATUS_BYTES);
    if (G_UNLIKELY(tn_hotplug_trace_is_on(gpe->sci->trace))) {
        tn_hotplug_trace_step(gpe->sci->trace, TN_HOTPLUG_STEP_GPE, NULL, "bit %u%s", bit,
                              tn_acpi_gpe_get_enable(gpe) & (1U << bit)
                                  ? "" : ", which the guest has not enabled");
    }
    g_mutex_lock(&gpe->lock);
    gpe->status |= (guint16)(1U << bit);
    g_mutex_unlock(&gpe->lock);
    g_source_set_ready_time(gpe->raiser, 0);
}

void
tn_acpi_gpe_reset(TnAcpiGpe *gpe)
{
    g_mutex_lock(&gpe->lock);
    gpe->status = 0;
    gpe->enable = 0;
    update_locked(gpe);
    g_mutex_unlock(&gpe->lock);
}

void
tn_acpi_gpe_update(TnAcpiGpe *gpe)
{
    g_mutex_lock(&gpe->lock);
    update_locked(gpe);
    g_mutex_unlock(&gpe->lock);
}

guint16
tn_acpi_gpe_get_status(TnAcpiGpe *gpe)
{
    guint16 status;

    g_mutex_lock(&gpe->lock);
    status = gpe->status;
    g_mutex_unlock(&gpe->lock);
    return status;
}

guint16
tn_acpi_gpe_get_enable(TnAcpiGpe *gpe)
{
    guint16 enable;

    g_mutex_lock(&gpe->lock);
    enable = gpe->enable;
    g_mutex_unlock(&gpe->lock);
    return enable;
}
