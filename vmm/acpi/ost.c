/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* _OST: ACPI 6.3, tables 6-200 (source events) and 6-202 (status codes of an ejection). */
#include "vmm/acpi/ost.h"

#define EJECT_REQUEST 0x003
#define OSPM_EJECT 0x103
#define SUCCESS 0x00
#define EJECT_IN_PROGRESS 0x84

gboolean
tn_acpi_ost_is_refusal(guint32 source, guint32 status)
{
    return (source == EJECT_REQUEST || source == OSPM_EJECT) && status != SUCCESS &&
           status != EJECT_IN_PROGRESS;
}

const char *
tn_acpi_ost_status_text(guint32 status)
{
    switch (status) {
    case 0x01:
        return "non-specific failure";
    case 0x02:
        return "unrecognized notify code";
    case 0x80:
        return "device locked by the guest";
    case 0x81:
        return "device in use by an application";
    case 0x82:
        return "device busy";
    case 0x83:
        return "ejection dependency is busy or not supported";
    default:
        return "unknown status";
    }
}

static void
add_device(json_object *data, TnDevice *device)
{
    const char *id = device ? tn_device_get_id(device) : NULL;

    if (id) {
        json_object_object_add(data, "device", json_object_new_string(id));
    }
}

void
tn_acpi_ost_emit(TnEvents *events, const TnAcpiOstReport *report)
{
    json_object *data = json_object_new_object();
    json_object *info = json_object_new_object();
    char slot[12];

    (void)g_snprintf(slot, sizeof slot, "%u", report->slot);
    add_device(info, report->device);
    json_object_object_add(info, "slot", json_object_new_string(slot));
    json_object_object_add(info, "slot-type", json_object_new_string(report->slot_type));
    json_object_object_add(info, "source", json_object_new_int64(report->source));
    json_object_object_add(info, "status", json_object_new_int64(report->status));
    json_object_object_add(data, "info", info);
    tn_events_emit(events, "ACPI_DEVICE_OST", data);
}

void
tn_acpi_ost_emit_refusal(TnEvents *events, TnDevice *device)
{
    g_autofree char *path = tn_object_get_path(TN_OBJECT(device));
    json_object *data = json_object_new_object();

    add_device(data, device);
    json_object_object_add(data, "path", json_object_new_string(path ? path : ""));
    tn_events_emit(events, "DEVICE_UNPLUG_GUEST_ERROR", data);
}
