/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Setting up and taking down drivers for tests. */
#include "tests/unit/driver/core/fixture.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>

#include "driver/core/lifecycle.h"
#include "driver/core/passthrough.h"

#define LIMIT_US (20 * G_USEC_PER_SEC)
/* Between two looks at what no event tells of. */
#define LOOK_US 2000

const char fixture_dimm[] =
    "<memory model='dimm'><target><size unit='MiB'>256</size><node>0</node></target></memory>";

static gpointer
run_loop(gpointer data)
{
    Fixture *f = data;

    g_main_context_push_thread_default(f->context);
    while (!g_atomic_int_get(&f->stop)) {
        g_main_context_iteration(f->context, TRUE);
    }
    g_main_context_pop_thread_default(f->context);
    return NULL;
}

static void
on_event(const TnDomainEvent *event, guint subscription, gpointer user_data)
{
    Fixture *f = user_data;
    char *text;

    if (event->kind == VIR_DOMAIN_EVENT_ID_LIFECYCLE) {
        text = g_strdup_printf("%s lifecycle %d %d", event->name, event->event, event->detail);
    } else if (event->kind == VIR_DOMAIN_EVENT_ID_TUNABLE) {
        text = g_strdup_printf("%s tuned %s %s", event->name, event->text, event->data);
    } else {
        text = g_strdup_printf("%s %s %s", event->name,
                               event->kind == VIR_DOMAIN_EVENT_ID_DEVICE_ADDED     ? "added"
                               : event->kind == VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED ? "removed"
                               : event->kind == VIR_DOMAIN_EVENT_ID_REBOOT         ? "reboot"
                                                                                   : "kept",
                               event->text ? event->text : "");
    }
    g_mutex_lock(&f->lock);
    g_ptr_array_add(f->events, text);
    g_cond_broadcast(&f->changed);
    g_mutex_unlock(&f->lock);
}

/* The limit of the only process that matters; no test runs two at once. */
static gint memlock_error;
static guint64 memlock_now;

static int
set_memlock(pid_t pid, const struct rlimit *wanted, struct rlimit *ret_now)
{
    g_assert_cmpint(pid, >, 1);
    if (!wanted) {
        *ret_now = (struct rlimit){ memlock_now, memlock_now };
        return 0;
    }
    if (g_atomic_int_get(&memlock_error) != 0) {
        errno = g_atomic_int_get(&memlock_error);
        return -1;
    }
    memlock_now = wanted->rlim_cur;
    return 0;
}

void
fixture_set_memlock(guint64 now, int error_number)
{
    memlock_now = now;
    g_atomic_int_set(&memlock_error, error_number);
}

guint64
fixture_get_memlock(void)
{
    return memlock_now;
}

void
fixture_start_driver(Fixture *f)
{
    static const int kinds[] = { VIR_DOMAIN_EVENT_ID_LIFECYCLE, VIR_DOMAIN_EVENT_ID_DEVICE_ADDED,
                                 VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED,
                                 VIR_DOMAIN_EVENT_ID_DEVICE_REMOVAL_FAILED,
                                 VIR_DOMAIN_EVENT_ID_REBOOT, VIR_DOMAIN_EVENT_ID_TUNABLE };
    g_autofree char *vmm = g_build_filename(g_getenv("G_TEST_SRCDIR"), "unit", "driver",
                                            "fake-vmm.py", NULL);
    const TnDriverConfig config = {
        .config_dir = f->config_dir,
        .state_dir = f->state_dir,
        .log_dir = f->log_dir,
        .vmm_path = vmm,
        .context = f->context,
        .memlock = set_memlock,
        .pci_host = f->pci.host,
    };
    g_autoptr(GError) error = NULL;

    f->driver = tn_driver_new(&config, &error);
    g_assert_no_error(error);
    for (gsize i = 0; i < G_N_ELEMENTS(kinds); i++) {
        tn_event_hub_subscribe(tn_driver_get_events(f->driver), kinds[i], NULL, on_event, f, NULL);
    }
    tn_driver_start(f->driver);
    g_atomic_int_set(&f->stop, 0);
    f->thread = g_thread_new("main-loop", run_loop, f);
}

void
fixture_stop_driver(Fixture *f)
{
    g_atomic_int_set(&f->stop, 1);
    g_main_context_wakeup(f->context);
    g_thread_join(f->thread);
    g_clear_pointer(&f->driver, tn_driver_free);
}

void
fixture_set_up(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;

    f->dir = g_dir_make_tmp("tenon-driver-XXXXXX", &error);
    g_assert_no_error(error);
    f->config_dir = g_build_filename(f->dir, "config", NULL);
    f->state_dir = g_build_filename(f->dir, "state", NULL);
    f->log_dir = g_build_filename(f->dir, "log", NULL);
    f->context = g_main_context_new();
    f->events = g_ptr_array_new_with_free_func(g_free);
    fake_pci_init(&f->pci);
    fixture_set_memlock(65536, 0);
    g_mutex_init(&f->lock);
    g_cond_init(&f->changed);
    fixture_start_driver(f);
}

static void
remove_tree(const char *path)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *child = g_build_filename(path, name, NULL);

        if (g_file_test(child, G_FILE_TEST_IS_SYMLINK) || !g_file_test(child, G_FILE_TEST_IS_DIR)) {
            (void)g_unlink(child);
        } else {
            remove_tree(child);
        }
    }
    (void)g_rmdir(path);
}

static void
destroy_all(Fixture *f)
{
    g_autoptr(GPtrArray) all = tn_domain_list_get_all(tn_driver_get_domains(f->driver));

    for (guint i = 0; i < all->len; i++) {
        (void)tn_lifecycle_destroy(g_ptr_array_index(all, i), 0, NULL);
    }
}

void
fixture_tear_down(Fixture *f, gconstpointer data)
{
    destroy_all(f);
    fixture_stop_driver(f);
    g_main_context_unref(f->context);
    fake_pci_clear(&f->pci);
    remove_tree(f->dir);
    g_ptr_array_unref(f->events);
    g_cond_clear(&f->changed);
    g_mutex_clear(&f->lock);
    g_free(f->dir);
    g_free(f->config_dir);
    g_free(f->state_dir);
    g_free(f->log_dir);
}

char *
fixture_xml(const char *name, const char *words)
{
    return g_strdup_printf(
        "<domain type='kvm'><name>%s</name><memory unit='MiB'>128</memory>"
        "<maxMemory slots='4' unit='GiB'>4</maxMemory><vcpu>1</vcpu>"
        "<os><type arch='x86_64' machine='pc'>hvm</type><kernel>/dev/null</kernel>"
        "<cmdline>%s</cmdline></os><features><acpi/></features>"
        "<cpu mode='host-passthrough'><numa><cell id='0' cpus='0' memory='128' unit='MiB'/></numa>"
        "</cpu><devices><serial type='pty'/></devices></domain>",
        name, words);
}

TnDomain *
fixture_define(Fixture *f, const char *name, const char *words)
{
    g_autofree char *xml = fixture_xml(name, words);
    g_autoptr(GError) error = NULL;
    TnDomain *domain = tn_lifecycle_define(f->driver, xml, NULL, &error);

    g_assert_no_error(error);
    return domain;
}

TnDomain *
fixture_start(Fixture *f, const char *name, const char *words)
{
    TnDomain *domain = fixture_define(f, name, words);
    g_autoptr(GError) error = NULL;

    (void)tn_lifecycle_create(domain, 0, &error);
    g_assert_no_error(error);
    return domain;
}

static guint
count_locked(Fixture *f, const char *text)
{
    guint n = 0;

    for (guint i = 0; i < f->events->len; i++) {
        n += strcmp(g_ptr_array_index(f->events, i), text) == 0;
    }
    return n;
}

guint
fixture_count_events(Fixture *f, const char *text)
{
    guint n;

    g_mutex_lock(&f->lock);
    n = count_locked(f, text);
    g_mutex_unlock(&f->lock);
    return n;
}

void
fixture_wait_event(Fixture *f, const char *text)
{
    gint64 until = g_get_monotonic_time() + LIMIT_US;
    gboolean in_time = TRUE;

    g_mutex_lock(&f->lock);
    while (count_locked(f, text) == 0 && in_time) {
        in_time = g_cond_wait_until(&f->changed, &f->lock, until);
    }
    if (!in_time) {
        for (guint i = 0; i < f->events->len; i++) {
            g_test_message("came: %s", (const char *)g_ptr_array_index(f->events, i));
        }
        g_error("event '%s' did not come", text);
    }
    g_mutex_unlock(&f->lock);
}

void
fixture_tell_guest(TnDomain *domain, const char *json)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *reply = tn_passthrough_qmp(domain, json, &error);

    g_assert_no_error(error);
    g_assert_nonnull(strstr(reply, "return"));
}

void
fixture_wait_state(TnDomain *domain, int state)
{
    gint64 until = g_get_monotonic_time() + LIMIT_US;
    gboolean cleaning;
    int now;

    do {
        g_mutex_lock(&domain->lock);
        now = domain->state;
        cleaning = domain->cleaning != 0;
        g_mutex_unlock(&domain->lock);
        if (now != state || cleaning) {
            g_usleep(LOOK_US);
        }
    } while ((now != state || cleaning) && g_get_monotonic_time() < until);
    g_assert_cmpint(now, ==, state);
}

void
fixture_wait_job(TnDomain *domain)
{
    gint64 until = g_get_monotonic_time() + LIMIT_US;

    g_mutex_lock(&domain->lock);
    while (domain->job) {
        if (!g_cond_wait_until(&domain->job_cond, &domain->lock, until)) {
            g_error("the job %s does not end", domain->job);
        }
    }
    g_mutex_unlock(&domain->lock);
}

guint
fixture_n_live_dimms(TnDomain *domain)
{
    guint n;

    g_mutex_lock(&domain->lock);
    n = domain->live ? tn_domain_def_n_devices(domain->live, TN_DEVICE_MEMORY) : 0;
    g_mutex_unlock(&domain->lock);
    return n;
}

guint
fixture_n_config_dimms(TnDomain *domain)
{
    guint n;

    g_mutex_lock(&domain->lock);
    n = domain->persistent ? tn_domain_def_n_devices(domain->persistent, TN_DEVICE_MEMORY) : 0;
    g_mutex_unlock(&domain->lock);
    return n;
}

gboolean
fixture_has_file(Fixture *f, const char *path, const char *suffix)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        if (g_str_has_suffix(name, suffix)) {
            return TRUE;
        }
    }
    return FALSE;
}
