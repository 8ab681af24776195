/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Properties by name: types, ranges, text and JSON, links. */
#include "vmm/core/property.h"

#define TEST_TYPE_THING (test_thing_get_type())
G_DECLARE_FINAL_TYPE(TestThing, test_thing, TEST, THING, TnObject)

struct _TestThing {
    TnObject parent_instance;
    gint slot;
    guint64 size;
    gboolean share;
    char *path;
    TestThing *link;
    GVariant *nodes;
};

G_DEFINE_TYPE(TestThing, test_thing, TN_TYPE_OBJECT)

enum { PROP_SLOT = 1, PROP_SIZE, PROP_SHARE, PROP_PATH, PROP_LINK, PROP_NODES, PROP_FIXED };

static void
test_thing_set_property(GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
    TestThing *self = TEST_THING(object);

    switch (id) {
    case PROP_SLOT:
        self->slot = g_value_get_int(value);
        break;
    case PROP_SIZE:
        self->size = g_value_get_uint64(value);
        break;
    case PROP_SHARE:
        self->share = g_value_get_boolean(value);
        break;
    case PROP_PATH:
        g_free(self->path);
        self->path = g_value_dup_string(value);
        break;
    case PROP_LINK:
        self->link = g_value_get_object(value);
        break;
    default:
        g_clear_pointer(&self->nodes, g_variant_unref);
        self->nodes = g_value_dup_variant(value);
        break;
    }
}

static void
test_thing_get_property(GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
    TestThing *self = TEST_THING(object);

    switch (id) {
    case PROP_SLOT:
        g_value_set_int(value, self->slot);
        break;
    case PROP_SIZE:
        g_value_set_uint64(value, self->size);
        break;
    case PROP_SHARE:
        g_value_set_boolean(value, self->share);
        break;
    case PROP_PATH:
        g_value_set_string(value, self->path);
        break;
    case PROP_LINK:
        g_value_set_object(value, self->link);
        break;
    case PROP_NODES:
        g_value_set_variant(value, self->nodes);
        break;
    default:
        g_value_set_uint64(value, 7);
        break;
    }
}

static void
test_thing_finalize(GObject *object)
{
    TestThing *self = TEST_THING(object);

    g_free(self->path);
    g_clear_pointer(&self->nodes, g_variant_unref);
    G_OBJECT_CLASS(test_thing_parent_class)->finalize(object);
}

static void
test_thing_class_init(TestThingClass *klass)
{
    GObjectClass *object_class = G_OBJECT_CLASS(klass);

    TN_OBJECT_CLASS(klass)->type_name = "thing";
    object_class->set_property = test_thing_set_property;
    object_class->get_property = test_thing_get_property;
    object_class->finalize = test_thing_finalize;
    g_object_class_install_property(object_class, PROP_SLOT,
                                    g_param_spec_int("slot", NULL, "", -1, 255, -1, TN_PARAM_RW));
    g_object_class_install_property(object_class, PROP_SIZE,
                                    tn_param_spec_size("size", "", 0, TN_PARAM_RW));
    g_object_class_install_property(object_class, PROP_SHARE,
                                    g_param_spec_boolean("share", NULL, "", FALSE, TN_PARAM_RW));
    g_object_class_install_property(object_class, PROP_PATH,
                                    g_param_spec_string("mem-path", NULL, "", NULL, TN_PARAM_RW));
    g_object_class_install_property(
        object_class, PROP_LINK,
        g_param_spec_object("memdev", NULL, "", TEST_TYPE_THING, TN_PARAM_RW));
    g_object_class_install_property(object_class, PROP_NODES,
                                    tn_param_spec_u16_list("host-nodes", "", TN_PARAM_RW));
    g_object_class_install_property(
        object_class, PROP_FIXED,
        g_param_spec_uint64("fixed", NULL, "", 0, G_MAXUINT64, 7, TN_PARAM_RO));
}

static void
test_thing_init(TestThing *self)
{
}

typedef struct Fixture {
    TnObject *root;
    TnObject *thing;
} Fixture;

static void
set_up(Fixture *f, gconstpointer data)
{
    f->root = tn_object_new_root();
    f->thing = g_object_new(TEST_TYPE_THING, NULL);
    g_assert_true(tn_object_add_child(f->root, "t0", f->thing, NULL));
}

static void
tear_down(Fixture *f, gconstpointer data)
{
    g_object_unref(f->thing);
    g_object_unref(f->root);
}

/* Sets from the JSON text @json; returns the error's message or NULL. */
static char *
set(Fixture *f, const char *name, const char *json, TnPropertyInput input)
{
    json_object *value = json_tokener_parse(json);
    g_autoptr(GError) error = NULL;
    gboolean ok = tn_object_set_property_json(f->thing, name, value, input, f->root, &error);

    json_object_put(value);
    g_assert_true(ok == (error == NULL));
    return error ? g_strdup(error->message) : NULL;
}

static void
test_strict_int(Fixture *f, gconstpointer data)
{
    g_autofree char *message = NULL;

    g_assert_null(set(f, "slot", "3", TN_PROPERTY_STRICT));
    g_assert_cmpint(TEST_THING(f->thing)->slot, ==, 3);
    message = set(f, "slot", "\"3\"", TN_PROPERTY_STRICT);
    g_assert_cmpstr(message, ==, "Invalid parameter type for 'slot', expected: integer");
}

static void
test_range(Fixture *f, gconstpointer data)
{
    g_autofree char *high = set(f, "slot", "256", TN_PROPERTY_STRICT);
    g_autofree char *low = set(f, "slot", "-2", TN_PROPERTY_STRICT);

    g_assert_cmpstr(high, ==, "Parameter 'slot' expects int32 in the range -1..255");
    g_assert_nonnull(low);
    g_assert_null(set(f, "slot", "-1", TN_PROPERTY_STRICT));
    g_assert_cmpint(TEST_THING(f->thing)->slot, ==, -1);
}

static void
test_size(Fixture *f, gconstpointer data)
{
    g_autofree char *message = NULL;

    g_assert_null(set(f, "size", "\"256M\"", TN_PROPERTY_KEYVAL));
    g_assert_cmpuint(TEST_THING(f->thing)->size, ==, 256 << 20);
    g_assert_null(set(f, "size", "18446744073709551615", TN_PROPERTY_STRICT));
    g_assert_cmpuint(TEST_THING(f->thing)->size, ==, G_MAXUINT64);
    message = set(f, "size", "\"-1\"", TN_PROPERTY_KEYVAL);
    g_assert_nonnull(message);
    g_assert_cmpuint(TEST_THING(f->thing)->size, ==, G_MAXUINT64);
}

static void
test_bool(Fixture *f, gconstpointer data)
{
    g_autofree char *message = NULL;

    g_assert_null(set(f, "share", "\"on\"", TN_PROPERTY_KEYVAL));
    g_assert_true(TEST_THING(f->thing)->share);
    g_assert_null(set(f, "share", "false", TN_PROPERTY_STRICT));
    g_assert_false(TEST_THING(f->thing)->share);
    message = set(f, "share", "\"maybe\"", TN_PROPERTY_KEYVAL);
    g_assert_cmpstr(message, ==, "Parameter 'share' expects 'on' or 'off'");
}

static void
test_link(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    json_object *shown;
    g_autofree char *message = set(f, "memdev", "\"none\"", TN_PROPERTY_STRICT);

    g_assert_cmpstr(message, ==, "Device 'none' not found");
    g_assert_null(set(f, "memdev", "\"t0\"", TN_PROPERTY_STRICT));
    shown = tn_object_get_property_json(f->thing, "memdev", &error);
    g_assert_cmpstr(json_object_get_string(shown), ==, "/t0");
    json_object_put(shown);
}

static void
test_list(Fixture *f, gconstpointer data)
{
    json_object *shown;
    g_autofree char *message = NULL;

    g_assert_null(set(f, "host-nodes", "\"0-2,5\"", TN_PROPERTY_KEYVAL));
    shown = tn_object_get_property_json(f->thing, "host-nodes", NULL);
    g_assert_cmpstr(json_object_to_json_string_ext(shown, 0), ==, "[0,1,2,5]");
    json_object_put(shown);
    message = set(f, "host-nodes", "\"5-2\"", TN_PROPERTY_KEYVAL);
    g_assert_nonnull(message);
}

static void
test_unknown(Fixture *f, gconstpointer data)
{
    g_autofree char *unknown = set(f, "colour", "1", TN_PROPERTY_STRICT);
    g_autofree char *fixed = set(f, "fixed", "1", TN_PROPERTY_STRICT);

    g_assert_cmpstr(unknown, ==, "Property 'thing.colour' not found");
    g_assert_cmpstr(fixed, ==, "Property 'thing.fixed' is not writable");
}

static void
test_parse_size(void)
{
    guint64 v = 1;

    g_assert_true(tn_parse_size("1.5G", 1, &v));
    g_assert_cmpuint(v, ==, 1536ULL << 20);
    g_assert_true(tn_parse_size("64", 1 << 20, &v));
    g_assert_cmpuint(v, ==, 64 << 20);
    g_assert_true(tn_parse_size("0x10", 1, &v));
    g_assert_cmpuint(v, ==, 16);
    g_assert_false(tn_parse_size("", 1, &v));
    g_assert_false(tn_parse_size("16E1", 1, &v));
    g_assert_false(tn_parse_size("16E", 1, &v));
    g_assert_false(tn_parse_size("1Q", 1, &v));
    g_assert_false(tn_parse_size("1.", 1, &v));
    g_assert_cmpuint(v, ==, 16);
}

#define ADD(path, func) g_test_add(path, Fixture, NULL, set_up, func, tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("/core/property/strict-int-refuses-text", test_strict_int);
    ADD("/core/property/out-of-range-refused", test_range);
    ADD("/core/property/size-takes-suffix-and-all-64-bits", test_size);
    ADD("/core/property/bool", test_bool);
    ADD("/core/property/link-by-id", test_link);
    ADD("/core/property/u16-list", test_list);
    ADD("/core/property/unknown-or-read-only-refused", test_unknown);
    g_test_add_func("/core/property/parse-size", test_parse_size);
    return g_test_run();
}
