/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Helpers of the tests of host devices. */
#include "tests/unit/driver/core/hostdev-fixture.h"

#include <json-c/json.h>

#include "driver/core/hotplug.h"
#include "driver/core/passthrough.h"

#define LIMIT_US (20 * G_USEC_PER_SEC)
#define LOOK_US 2000

void
hostdev_set_up(Fixture *f, gconstpointer data)
{
    fixture_set_up(f, data);
    fake_pci_add(&f->pci, EDU, "0x00ff00\n", NULL, 6);
    fake_pci_add(&f->pci, NVME, "0x010802\n", "nvme", 7);
    fake_pci_add_disk(&f->pci, NVME, "nvme0n1", "259:0");
}

void
hostdev_attach(TnDomain *domain, const char *xml)
{
    g_autoptr(GError) error = NULL;

    (void)tn_hotplug_attach(domain, xml, VIR_DOMAIN_AFFECT_LIVE, &error);
    g_assert_no_error(error);
}

void
hostdev_refuse(TnDomain *domain, const char *xml, int code, const char *message)
{
    guint before = hostdev_n_live(domain);
    g_autoptr(GError) error = NULL;

    g_assert_false(tn_hotplug_attach(domain, xml, VIR_DOMAIN_AFFECT_LIVE, &error));
    g_assert_cmpstr(error->message, ==, message);
    g_assert_cmpint(error->code, ==, code);
    g_assert_cmpuint(hostdev_n_live(domain), ==, before);
}

void
hostdev_detach(TnDomain *domain, const char *xml)
{
    g_autoptr(GError) error = NULL;

    (void)tn_hotplug_detach(domain, xml, VIR_DOMAIN_AFFECT_LIVE, &error);
    g_assert_no_error(error);
}

guint
hostdev_n_live(TnDomain *domain)
{
    guint n;

    g_mutex_lock(&domain->lock);
    n = domain->live ? tn_domain_def_n_devices(domain->live, TN_DEVICE_HOSTDEV) : 0;
    g_mutex_unlock(&domain->lock);
    return n;
}

void
hostdev_assert_monitor(TnDomain *domain, const char *numbers)
{
    static const char *const keys[] = { "devices", "groups", "fds" };
    g_autoptr(GError) error = NULL;
    g_autofree char *reply = tn_passthrough_qmp(domain, "{\"execute\":\"x-fake-hostdevs\"}",
                                                &error);
    g_autoptr(GString) text = g_string_new(NULL);
    json_object *root, *result;

    g_assert_no_error(error);
    root = json_tokener_parse(reply);
    g_assert_true(json_object_object_get_ex(root, "return", &result));
    for (gsize i = 0; i < G_N_ELEMENTS(keys); i++) {
        g_string_append_printf(text, i ? " %zu" : "%zu",
                               json_object_array_length(json_object_object_get(result, keys[i])));
    }
    json_object_put(root);
    g_assert_cmpstr(text->str, ==, numbers);
}

void
hostdev_assert_home(Fixture *f)
{
    fake_pci_assert(&f->pci, NVME, "nvme", "-");
    g_assert_false(fixture_has_file(f, f->state_dir, ".hostdev"));
}

void
hostdev_assert_away(Fixture *f)
{
    fake_pci_assert(&f->pci, NVME, "vfio-pci", "vfio-pci");
    g_assert_true(fixture_has_file(f, f->state_dir, NVME ".hostdev"));
}

void
hostdev_wait_home(Fixture *f)
{
    gint64 until = g_get_monotonic_time() + LIMIT_US;

    while (fixture_has_file(f, f->state_dir, ".hostdev") && g_get_monotonic_time() < until) {
        g_usleep(LOOK_US);
    }
    hostdev_assert_home(f);
}
