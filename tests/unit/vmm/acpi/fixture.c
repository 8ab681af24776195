/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/vmm/acpi/fixture.h"

typedef struct {
    TnDevice parent_instance;
} TestDevice;
typedef struct {
    TnDeviceClass parent_class;
} TestDeviceClass;

GType test_device_get_type(void);
G_DEFINE_TYPE(TestDevice, test_device, TN_TYPE_DEVICE)

static void
test_device_init(TestDevice *self)
{
}

static void
test_device_class_init(TestDeviceClass *klass)
{
    TN_OBJECT_CLASS(klass)->type_name = "test-device";
}

void
acpi_board_set_up(AcpiBoard *board)
{
    board->p = tn_test_platform_new();
    tn_acpi_sci_init(&board->sci, &board->p->platform.isa_irqs[9]);
    tn_acpi_sci_set_trace(&board->sci, board->p->platform.trace);
    tn_acpi_gpe_init(&board->gpe, board->p->platform.memory, board->p->platform.system_io,
                     TN_ACPI_GPE0_PORT, &board->sci);
}

void
acpi_board_tear_down(AcpiBoard *board)
{
    tn_acpi_gpe_done(&board->gpe);
    tn_acpi_sci_done(&board->sci);
    tn_test_platform_free(board->p);
}

TnDevice *
acpi_new_device(const char *prefix, unsigned number)
{
    g_autofree char *id = g_strdup_printf("%s%u", prefix, number);
    TnDevice *device = g_object_new(test_device_get_type(), NULL);

    tn_device_set_id(device, id);
    return device;
}
