/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Definitions in list and files: clashes, renames, what a restart finds, what a failure leaves. */
#include <glib/gstdio.h>
#include <libvirt/libvirt.h>
#include <string.h>

#include "driver/core/config.h"
#include "driver/core/job.h"
#include "driver/core/lifecycle.h"
#include "tests/unit/driver/core/fixture.h"

#define ADD(path, func) g_test_add(path, Fixture, NULL, fixture_set_up, func, fixture_tear_down)

static TnDomain *
find(Fixture *f, const char *name)
{
    return tn_domain_list_find_name(tn_driver_get_domains(f->driver), name, NULL);
}

static char *
path_of(Fixture *f, const char *file)
{
    return g_build_filename(f->config_dir, file, NULL);
}

static void
test_survives_a_restart(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = fixture_define(f, "g", "");
    g_autofree char *uuid = g_strdup(domain->uuid_text);
    g_autoptr(TnDomain) found = NULL;
    g_autoptr(GError) error = NULL;

    g_assert_true(tn_lifecycle_set_autostart(domain, TRUE, &error));
    g_clear_pointer(&domain, tn_domain_unref);
    fixture_stop_driver(f);
    fixture_start_driver(f);
    found = find(f, "g");
    g_assert_cmpstr(found->uuid_text, ==, uuid);
    g_assert_true(found->autostart);
    /* The host did not come up anew. */
    g_assert_cmpint(found->state, ==, VIR_DOMAIN_SHUTOFF);
}

static void
write_text(Fixture *f, const char *file, const char *text)
{
    g_autofree char *path = path_of(f, file);

    g_assert_true(g_file_set_contents(path, text, -1, NULL));
}

static void
test_reload_takes_what_is_new_and_changed(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) old = fixture_define(f, "old", "");
    g_autofree char *old_path = path_of(f, "old.xml");
    g_autofree char *new_xml = fixture_xml("new", "");
    g_autofree char *misnamed = fixture_xml("misnamed", "");
    g_autofree char *text = NULL;
    g_autoptr(GString) changed = NULL;
    g_autoptr(TnDomain) found = NULL;

    g_assert_true(g_file_get_contents(old_path, &text, NULL, NULL));
    changed = g_string_new(text);
    g_assert_cmpuint(g_string_replace(changed, "<vcpu>1</vcpu>", "<vcpu>2</vcpu>", 1) +
                         g_string_replace(changed, "placement='static'>1<",
                                          "placement='static'>2<", 1),
                     ==, 1);
    write_text(f, "old.xml", changed->str);
    write_text(f, "new.xml", new_xml);
    write_text(f, "other.xml", misnamed);
    g_test_expect_message(NULL, G_LOG_LEVEL_WARNING, "*other.xml*does not match domain name*");
    tn_driver_reload(f->driver);
    fixture_wait_event(f, "new lifecycle 0 0");
    fixture_wait_event(f, "old lifecycle 0 1");
    found = find(f, "new");
    g_assert_nonnull(found);
    g_assert_cmpint(found->state, ==, VIR_DOMAIN_SHUTOFF);
    g_assert_cmpuint(old->persistent->vcpus_max, ==, 2);
    g_clear_pointer(&found, tn_domain_unref);
    g_clear_pointer(&old, tn_domain_unref);
    /* Which ends the reload as well. */
    fixture_stop_driver(f);
    g_test_assert_expected_messages();
    fixture_start_driver(f);
}

/* What says the same tells nothing, and what is gone from the folder stays. */
static void
test_reload_leaves_the_rest(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) same = fixture_define(f, "same", "");
    g_autoptr(TnDomain) gone = fixture_define(f, "gone", "");
    g_autoptr(TnDomain) found = NULL;
    g_autofree char *gone_path = path_of(f, "gone.xml");
    g_autofree char *new_xml = fixture_xml("new", "");

    g_clear_pointer(&same, tn_domain_unref);
    g_clear_pointer(&gone, tn_domain_unref);
    g_assert_cmpint(g_unlink(gone_path), ==, 0);
    write_text(f, "new.xml", new_xml);
    tn_driver_reload(f->driver);
    fixture_wait_event(f, "new lifecycle 0 0");
    found = find(f, "gone");
    g_assert_nonnull(found);
    g_clear_pointer(&found, tn_domain_unref);
    /* Which ends the reload as well. */
    fixture_stop_driver(f);
    g_assert_cmpuint(fixture_count_events(f, "same lifecycle 0 1"), ==, 0);
    fixture_start_driver(f);
}

static void
test_autostart_starts_when_the_host_comes_up(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = fixture_define(f, "g", "");
    g_autofree char *mark = g_build_filename(f->state_dir, "autostarted", NULL);
    g_autoptr(TnDomain) found = NULL;

    g_assert_true(tn_lifecycle_set_autostart(domain, TRUE, NULL));
    g_clear_pointer(&domain, tn_domain_unref);
    fixture_stop_driver(f);
    g_assert_cmpint(g_unlink(mark), ==, 0);
    fixture_start_driver(f);
    found = find(f, "g");
    fixture_wait_event(f, "g lifecycle 2 0");
    g_assert_cmpint(found->state, ==, VIR_DOMAIN_RUNNING);
}

static void
test_same_name_other_uuid_clashes(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = fixture_define(f, "g", "");
    g_autofree char *xml = fixture_xml("g", "");
    g_autofree char *expected = g_strdup_printf("domain 'g' already exists with uuid %s",
                                                domain->uuid_text);
    g_autoptr(GError) error = NULL;

    g_assert_null(tn_lifecycle_define(f->driver, xml, NULL, &error));
    g_assert_error(error, TN_VIR_ERROR, VIR_ERR_OPERATION_FAILED);
    g_assert_cmpstr(error->message, ==, expected);
}

static void
test_undefine_deletes_file_and_domain(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = fixture_define(f, "g", "");
    g_autoptr(GError) error = NULL;

    g_assert_true(tn_lifecycle_undefine(domain, &error));
    g_assert_null(find(f, "g"));
    g_assert_false(fixture_has_file(f, f->config_dir, ".xml"));
    g_assert_false(tn_lifecycle_undefine(domain, &error));
    g_assert_error(error, TN_VIR_ERROR, VIR_ERR_NO_DOMAIN);
    g_assert_cmpuint(fixture_count_events(f, "g lifecycle 1 0"), ==, 1);
}

static void
test_undefine_leaves_running_guest(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = fixture_start(f, "g", "");
    g_autoptr(TnDomain) found = NULL;

    g_assert_true(tn_lifecycle_undefine(domain, NULL));
    found = find(f, "g");
    g_assert_nonnull(found);
    g_assert_null(found->persistent);
    g_assert_true(tn_lifecycle_destroy(found, 0, NULL));
    g_assert_null(find(f, "g"));
}

static void
test_rename_moves_everything(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = fixture_define(f, "g", "");
    g_autoptr(TnDomain) found = NULL;
    g_autofree char *old_path = path_of(f, "g.xml");
    g_autofree char *new_link = path_of(f, "autostart/h.xml");

    g_assert_true(tn_lifecycle_set_autostart(domain, TRUE, NULL));
    g_assert_true(tn_lifecycle_rename(domain, "h", NULL));
    g_assert_null(find(f, "g"));
    found = find(f, "h");
    g_assert_true(found == domain);
    g_assert_false(g_file_test(old_path, G_FILE_TEST_EXISTS));
    g_assert_true(g_file_test(new_link, G_FILE_TEST_EXISTS));
}

static void
test_rename_onto_another_is_refused(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) g = fixture_define(f, "g", "");
    g_autoptr(GError) error = NULL;

    tn_domain_unref(fixture_define(f, "h", ""));
    g_assert_false(tn_lifecycle_rename(g, "h", &error));
    g_assert_error(error, TN_VIR_ERROR, VIR_ERR_OPERATION_FAILED);
    g_assert_cmpstr(g->name, ==, "g");
    g_assert_cmpstr(g->persistent->name, ==, "g");
}

static void
test_failed_save_leaves_no_domain(Fixture *f, gconstpointer data)
{
    g_autofree char *xml = fixture_xml("g", "");
    g_autofree char *obstacle = path_of(f, "g.xml.new");
    g_autoptr(GError) error = NULL;

    g_assert_cmpint(g_mkdir(obstacle, 0700), ==, 0);
    g_assert_null(tn_lifecycle_define(f->driver, xml, NULL, &error));
    g_assert_error(error, TN_VIR_ERROR, VIR_ERR_SYSTEM_ERROR);
    g_assert_null(find(f, "g"));
    g_assert_cmpint(g_rmdir(obstacle), ==, 0);
    tn_domain_unref(fixture_define(f, "g", ""));
}

static void
test_half_written_file_is_no_definition(Fixture *f, gconstpointer data)
{
    g_autofree char *half = path_of(f, "g.xml.new");
    g_autoptr(TnDomain) found = NULL;

    tn_domain_unref(fixture_define(f, "g", ""));
    fixture_stop_driver(f);
    g_assert_true(g_file_set_contents(half, "<domain type='kv", -1, NULL));
    fixture_start_driver(f);
    found = find(f, "g");
    g_assert_nonnull(found);
    tn_domain_unref(fixture_define(f, "h", ""));
}

static void
test_memory_of_a_definition(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = fixture_define(f, "g", "");
    g_autoptr(GError) error = NULL;

    g_assert_true(tn_config_set_memory(domain, 65536, VIR_DOMAIN_AFFECT_CONFIG, &error));
    g_assert_cmpuint(domain->persistent->memory.current_kib, ==, 65536);
    g_assert_false(tn_config_set_memory(domain, 1 << 20, VIR_DOMAIN_AFFECT_CONFIG, &error));
    g_assert_error(error, TN_VIR_ERROR, VIR_ERR_INVALID_ARG);
    g_assert_cmpuint(domain->persistent->memory.current_kib, ==, 65536);
}

static void
test_metadata_survives(Fixture *f, gconstpointer data)
{
    const TnConfigMetadata title = { .type = VIR_DOMAIN_METADATA_TITLE, .text = "a title" };
    g_autoptr(TnDomain) domain = fixture_define(f, "g", "");
    g_autoptr(TnDomain) found = NULL;
    g_autofree char *text = NULL;

    g_assert_true(tn_config_set_metadata(domain, &title, VIR_DOMAIN_AFFECT_CONFIG, NULL));
    g_clear_pointer(&domain, tn_domain_unref);
    fixture_stop_driver(f);
    fixture_start_driver(f);
    found = find(f, "g");
    text = tn_config_get_metadata(found, VIR_DOMAIN_METADATA_TITLE, NULL, 0, NULL);
    g_assert_cmpstr(text, ==, "a title");
}

#define N_THREADS 8
#define N_ROUNDS 20

static gpointer
define_and_undefine(gpointer data)
{
    Fixture *f = data;

    for (guint i = 0; i < N_ROUNDS; i++) {
        const char *xml = "<domain type='kvm'><name>g</name>"
                          "<uuid>c7a5fdbd-cdaf-9455-926a-d65c16db1809</uuid>"
                          "<memory unit='MiB'>64</memory><vcpu>1</vcpu>"
                          "<os><type arch='x86_64' machine='pc'>hvm</type></os></domain>";
        g_autoptr(GError) error = NULL;
        g_autoptr(TnDomain) domain = tn_lifecycle_define(f->driver, xml, NULL, &error);

        g_assert_no_error(error);
        (void)tn_lifecycle_undefine(domain, NULL);
    }
    return NULL;
}

static void
test_many_at_once_agree(Fixture *f, gconstpointer data)
{
    GThread *threads[N_THREADS];
    g_autoptr(TnDomain) found = NULL;

    for (guint i = 0; i < N_THREADS; i++) {
        threads[i] = g_thread_new("define", define_and_undefine, f);
    }
    for (guint i = 0; i < N_THREADS; i++) {
        g_thread_join(threads[i]);
    }
    /* Whoever came last: file and list tell the same. */
    found = find(f, "g");
    g_assert_cmpint(found != NULL, ==, fixture_has_file(f, f->config_dir, ".xml"));
}

static void
test_domain_in_the_making_is_not_found(Fixture *f, gconstpointer data)
{
    g_autofree char *xml = fixture_xml("g", "");
    const TnXmlParseOptions options = { .host = tn_driver_get_xml_host(f->driver) };
    g_autoptr(TnDomainDef) def = tn_domain_def_parse(xml, &options, NULL);
    TnDomainList *list = tn_driver_get_domains(f->driver);
    g_autoptr(TnDomain) domain = tn_domain_list_add(list, f->driver, def, NULL);
    g_autoptr(GPtrArray) all = tn_domain_list_get_all(list);

    g_assert_nonnull(domain);
    g_assert_null(find(f, "g"));
    g_assert_null(tn_domain_list_find_uuid(list, domain->uuid, NULL, NULL));
    g_assert_cmpuint(all->len, ==, 0);
}

static void
test_job_is_held_by_one(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = fixture_define(f, "g", "");

    g_assert_true(tn_domain_begin_job(domain, "test", NULL));
    g_assert_cmpstr(domain->job, ==, "test");
    tn_domain_end_job(domain);
    g_assert_null(domain->job);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("/driver/definitions/survives-a-restart", test_survives_a_restart);
    ADD("/driver/definitions/autostart-starts-when-the-host-comes-up",
        test_autostart_starts_when_the_host_comes_up);
    ADD("/driver/definitions/reload-takes-what-is-new-and-changed",
        test_reload_takes_what_is_new_and_changed);
    ADD("/driver/definitions/reload-leaves-the-rest", test_reload_leaves_the_rest);
    ADD("/driver/definitions/same-name-other-uuid-clashes", test_same_name_other_uuid_clashes);
    ADD("/driver/definitions/undefine-deletes-file-and-domain",
        test_undefine_deletes_file_and_domain);
    ADD("/driver/definitions/undefine-leaves-running-guest", test_undefine_leaves_running_guest);
    ADD("/driver/definitions/rename-moves-everything", test_rename_moves_everything);
    ADD("/driver/definitions/rename-onto-another-is-refused", test_rename_onto_another_is_refused);
    ADD("/driver/definitions/failed-save-leaves-no-domain", test_failed_save_leaves_no_domain);
    ADD("/driver/definitions/half-written-file-is-no-definition",
        test_half_written_file_is_no_definition);
    ADD("/driver/definitions/memory-of-a-definition", test_memory_of_a_definition);
    ADD("/driver/definitions/metadata-survives", test_metadata_survives);
    ADD("/driver/definitions/many-at-once-agree", test_many_at_once_agree);
    ADD("/driver/definitions/domain-in-the-making-is-not-found",
        test_domain_in_the_making_is_not_found);
    ADD("/driver/definitions/job-is-held-by-one", test_job_is_held_by_one);
    return g_test_run();
}
