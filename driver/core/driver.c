/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Making, starting and ending the driver, and what its parts share. */
#include "driver/core/driver.h"

#include <errno.h>
#include <string.h>

#include "driver/core/driver-private.h"
#include "driver/core/lifecycle.h"
#include "driver/core/monitor.h"
#include "driver/core/reconnect.h"
#include "driver/core/stop.h"

/* Threads for what must not keep the main thread waiting: files, processes that will not die. */
#define MAX_CHORE_THREADS 64

/* One piece of work off the main thread. */
typedef struct Chore {
    TnChoreFunc func;
    TnDomain *domain;
    guint run;
    int value;
} Chore;

/* Threads of ours come and go; the driver is not freed while one is under way. */
static void
enter(TnDriver *driver)
{
    g_atomic_int_inc(&driver->n_busy);
}

static void
leave(TnDriver *driver)
{
    GMainContext *context = g_main_context_ref(driver->context);

    g_atomic_int_add(&driver->n_busy, -1);
    g_main_context_wakeup(context);
    g_main_context_unref(context);
}

static void
do_chore(gpointer data, gpointer user_data)
{
    Chore *chore = data;

    chore->func(chore->domain, chore->run, chore->value);
    tn_domain_unref(chore->domain);
    g_free(chore);
    leave(user_data);
}

void
tn_driver_push_chore(TnDriver *driver, TnChoreFunc func, TnDomain *domain, guint run, int value)
{
    Chore *chore = g_new0(Chore, 1);

    *chore = (Chore){ func, tn_domain_ref(domain), run, value };
    enter(driver);
    g_thread_pool_push(driver->chores, chore, NULL);
}

typedef struct Work {
    TnDriver *driver;
    TnWorkFunc func;
    char *data;
} Work;

static gpointer
do_work(gpointer data)
{
    g_autofree Work *work = data;

    work->func(work->driver, work->data);
    leave(work->driver);
    return NULL;
}

void
tn_driver_push_work(TnDriver *driver, TnWorkFunc func, char *data)
{
    Work *work = g_new0(Work, 1);

    *work = (Work){ driver, func, data };
    enter(driver);
    g_thread_unref(g_thread_new("work", do_work, work));
}

static void
new_uuid(guint8 *ret_uuid, gpointer user_data)
{
    guint32 words[TN_UUID_LEN / sizeof(guint32)];

    for (gsize i = 0; i < G_N_ELEMENTS(words); i++) {
        words[i] = g_random_int();
    }
    memcpy(ret_uuid, words, TN_UUID_LEN);
}

static void
copy_config(TnDriver *driver, const TnDriverConfig *config)
{
    driver->config = (TnDriverConfig){
        .session = config->session,
        .config_dir = g_strdup(config->config_dir),
        .state_dir = g_strdup(config->state_dir),
        .log_dir = g_strdup(config->log_dir),
        .vmm_path = g_strdup(config->vmm_path),
        .cache_dir = g_strdup(config->cache_dir),
        .memlock = config->memlock,
    };
    driver->context = config->context ? config->context : g_main_context_default();
    g_main_context_ref(driver->context);
    driver->config.context = driver->context;
    driver->xml_host = (TnXmlHost){ .emulator = driver->config.vmm_path, .new_uuid = new_uuid };
}

static TnKernelCache *
make_kernel_cache(const TnDriverConfig *config)
{
    g_autofree char *dir =
        config->cache_dir ? g_build_filename(config->cache_dir, "kernels", NULL) : NULL;
    const TnKernelCacheConfig cache_config = { .dir = dir, .program = config->vmm_path };

    return tn_kernel_cache_new(&cache_config);
}

TnDriver *
tn_driver_new(const TnDriverConfig *config, GError **error)
{
    g_autoptr(TnDriver) driver = g_new0(TnDriver, 1);

    copy_config(driver, config);
    driver->domains = tn_domain_list_new();
    driver->events = tn_event_hub_new();
    driver->kernels = make_kernel_cache(config);
    g_mutex_init(&driver->console_lock);
    driver->consoles = g_hash_table_new(g_str_hash, g_str_equal);
    driver->chores = g_thread_pool_new(do_chore, driver, MAX_CHORE_THREADS, FALSE, NULL);
    if (g_mkdir_with_parents(config->log_dir, 0700) < 0) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_SYSTEM_ERROR, "cannot create directory '%s': %s",
                    config->log_dir, g_strerror(errno));
        return NULL;
    }
    driver->store = tn_state_store_new(config->config_dir, config->state_dir, error);
    if (!driver->store) {
        return NULL;
    }
    driver->own_pci_host = config->pci_host ? NULL : tn_pci_host_new("", NULL, NULL);
    driver->pci_host = config->pci_host ? config->pci_host : driver->own_pci_host;
    driver->hostdevs = tn_hostdev_table_new(driver->store, driver->pci_host);
    return g_steal_pointer(&driver);
}

static void
load_definition(const char *xml, const char *path, gboolean autostart, gpointer user_data)
{
    TnDriver *driver = user_data;
    const TnXmlParseOptions options = {
        .flags = TN_XML_PARSE_INACTIVE | TN_XML_PARSE_SKIP_VALIDATE,
        .host = &driver->xml_host,
    };
    g_autoptr(GError) error = NULL;
    g_autoptr(TnDomainDef) def = tn_domain_def_parse(xml, &options, &error);
    g_autoptr(TnDomain) domain = def ? tn_domain_list_add(driver->domains, driver, def, &error)
                                     : NULL;

    if (!domain) {
        g_warning("%s holds no usable definition: %s; passed over", path, error->message);
        return;
    }
    g_mutex_lock(&domain->lock);
    if (!domain->persistent) {
        domain->persistent = g_steal_pointer(&def);
        domain->autostart = autostart;
    }
    g_mutex_unlock(&domain->lock);
}

/* The domains that were there when the daemon came up: none that is defined meanwhile. */
typedef struct Autostart {
    TnDriver *driver;
    GPtrArray *domains;
} Autostart;

static gpointer
autostart_thread(gpointer data)
{
    Autostart *autostart = data;
    TnDriver *driver = autostart->driver;
    GPtrArray *all = autostart->domains;

    for (guint i = 0; i < all->len && !g_atomic_int_get(&driver->ending); i++) {
        TnDomain *domain = g_ptr_array_index(all, i);
        g_autoptr(GError) error = NULL;
        gboolean wanted;

        g_mutex_lock(&domain->lock);
        wanted = domain->autostart && !domain->live;
        g_mutex_unlock(&domain->lock);
        if (wanted && !tn_lifecycle_create(domain, 0, &error)) {
            g_autofree char *name = tn_domain_dup_name(domain);

            g_warning("cannot autostart domain '%s': %s", name, error->message);
        }
    }
    g_ptr_array_unref(all);
    g_free(autostart);
    leave(driver);
    return NULL;
}

void
tn_driver_start(TnDriver *driver)
{
    tn_state_store_foreach_definition(driver->store, load_definition, driver);
    tn_reconnect_all(driver);
    /* A daemon that is restarted must not bring back what was stopped meanwhile. */
    if (tn_state_store_claim_autostart(driver->store)) {
        Autostart *autostart = g_new0(Autostart, 1);

        autostart->driver = driver;
        autostart->domains = tn_domain_list_get_all(driver->domains);
        enter(driver);
        g_thread_unref(g_thread_new("autostart", autostart_thread, autostart));
    }
}

static void
reload_definition(const char *xml, const char *path, gboolean autostart, gpointer user_data)
{
    TnDriver *driver = user_data;
    g_autofree char *file = g_path_get_basename(path);
    g_autofree char *name = g_strndup(file, strlen(file) - strlen(".xml"));
    g_autoptr(GError) error = NULL;

    if (!g_atomic_int_get(&driver->ending) &&
        !tn_lifecycle_take_definition(driver, name, xml, &error)) {
        g_warning("%s holds no usable definition: %s; passed over", path, error->message);
    }
}

static gpointer
reload_thread(gpointer data)
{
    TnDriver *driver = data;

    tn_state_store_foreach_definition(driver->store, reload_definition, driver);
    leave(driver);
    return NULL;
}

void
tn_driver_reload(TnDriver *driver)
{
    enter(driver);
    g_thread_unref(g_thread_new("reload", reload_thread, driver));
}

/* Waits for the driver's own threads; they may need the main context meanwhile. */
static void
finish_threads(TnDriver *driver)
{
    while (g_atomic_int_get(&driver->n_busy) > 0) {
        g_main_context_iteration(driver->context, TRUE);
    }
}

static void
let_go_of_domains(TnDriver *driver)
{
    g_autoptr(GPtrArray) all = tn_domain_list_get_all(driver->domains);

    for (guint i = 0; i < all->len; i++) {
        tn_monitor_cancel(g_ptr_array_index(all, i));
    }
    finish_threads(driver);
    for (guint i = 0; i < all->len; i++) {
        tn_stop_let_go(g_ptr_array_index(all, i));
    }
    finish_threads(driver);
}

static void
free_config(TnDriverConfig *config)
{
    g_free((char *)config->config_dir);
    g_free((char *)config->state_dir);
    g_free((char *)config->log_dir);
    g_free((char *)config->vmm_path);
    g_free((char *)config->cache_dir);
}

void
tn_driver_free(TnDriver *driver)
{
    if (!driver) {
        return;
    }
    g_atomic_int_set(&driver->ending, 1);
    let_go_of_domains(driver);
    g_thread_pool_free(driver->chores, FALSE, TRUE);
    /* Now that nobody starts a guest any more. */
    tn_kernel_cache_free(g_steal_pointer(&driver->kernels));
    /* What was put off to the main thread (ends of monitors) frees what it holds. */
    while (g_main_context_iteration(driver->context, FALSE)) {
    }
    tn_domain_list_free(driver->domains);
    tn_event_hub_free(driver->events);
    g_hash_table_unref(driver->consoles);
    g_mutex_clear(&driver->console_lock);
    tn_hostdev_table_free(driver->hostdevs);
    tn_pci_host_free(driver->own_pci_host);
    tn_state_store_free(driver->store);
    free_config(&driver->config);
    g_main_context_unref(driver->context);
    g_free(driver);
}

void
tn_driver_set_running_changed(TnDriver *driver, TnDriverRunningChanged changed,
                              gpointer user_data)
{
    driver->running_changed = changed;
    driver->running_data = user_data;
}

TnDomainList *
tn_driver_get_domains(TnDriver *driver)
{
    return driver->domains;
}

TnEventHub *
tn_driver_get_events(TnDriver *driver)
{
    return driver->events;
}

const TnDriverConfig *
tn_driver_get_config(TnDriver *driver)
{
    return &driver->config;
}

const TnXmlHost *
tn_driver_get_xml_host(TnDriver *driver)
{
    return &driver->xml_host;
}

static gboolean
tell_running(gpointer data)
{
    TnDriver *driver = data;

    if (driver->running_changed) {
        driver->running_changed((guint)g_atomic_int_get(&driver->n_running), driver->running_data);
    }
    return G_SOURCE_REMOVE;
}

void
tn_driver_count_running(TnDriver *driver, int change)
{
    g_atomic_int_add(&driver->n_running, change);
    tn_driver_on_main(driver, tell_running, driver);
}

int
tn_driver_next_id(TnDriver *driver)
{
    return g_atomic_int_add(&driver->last_id, 1) + 1;
}

void
tn_driver_reserve_id(TnDriver *driver, int id)
{
    int last;

    do {
        last = g_atomic_int_get(&driver->last_id);
    } while (last < id && !g_atomic_int_compare_and_exchange(&driver->last_id, last, id));
}

void
tn_driver_on_main(TnDriver *driver, GSourceFunc func, gpointer data)
{
    g_autoptr(GSource) source = g_idle_source_new();

    g_source_set_priority(source, G_PRIORITY_DEFAULT);
    g_source_set_callback(source, func, data, NULL);
    g_source_attach(source, driver->context);
}
