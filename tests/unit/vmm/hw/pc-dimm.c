/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* pc-dimm as the user sees it: properties by name, their types, refusals. */
#include "vmm/hw/pc-dimm.h"

#include "tests/lib/test-platform.h"
#include "vmm/core/property.h"

#define DIMM_SIZE (G_GUINT64_CONSTANT(2) << 20)

typedef struct {
    TnTestPlatform *p;
    TnObject *objects;
    TnPcDimm *dimm;
} Fixture;

static void
set_up(Fixture *f, gconstpointer data)
{
    g_autoptr(TnObject) backend = g_object_new(tn_memory_backend_ram_get_type(), "size", DIMM_SIZE,
                                               NULL);

    f->p = tn_test_platform_new();
    f->objects = tn_object_ensure_container(f->p->platform.root, "objects");
    g_assert_true(tn_object_add_child(f->objects, "mem0", backend, NULL));
    g_assert_true(TN_OBJECT_GET_CLASS(backend)->complete(backend, NULL));
    f->dimm = g_object_new(TN_TYPE_PC_DIMM, NULL);
    tn_device_set_platform(TN_DEVICE(f->dimm), &f->p->platform);
}

static void
tear_down(Fixture *f, gconstpointer data)
{
    tn_test_drop(f->dimm);
    tn_test_platform_free(f->p);
}

/* Sets @name from the JSON text @value; NULL, or the refusal's text. (transfer full) */
static char *
set(Fixture *f, const char *name, const char *value, TnPropertyInput input)
{
    json_object *json = json_tokener_parse(value);
    g_autoptr(GError) error = NULL;
    gboolean ok = tn_object_set_property_json(TN_OBJECT(f->dimm), name, json, input,
                                              f->p->platform.root, &error);

    json_object_put(json);
    g_assert_true(ok == !error);
    return error ? g_strdup(error->message) : NULL;
}

static void
assert_get(Fixture *f, const char *name, const char *want)
{
    json_object *got = tn_object_get_property_json(TN_OBJECT(f->dimm), name, NULL);

    g_assert_cmpstr(json_object_to_json_string_ext(got, JSON_C_TO_STRING_NOSLASHESCAPE), ==, want);
    json_object_put(got);
}

static void
test_defaults(Fixture *f, gconstpointer data)
{
    assert_get(f, "addr", "0");
    assert_get(f, "slot", "-1");
    assert_get(f, "node", "0");
    assert_get(f, "memdev", "\"\"");
    assert_get(f, "size", "0");
}

static void
test_set_from_json(Fixture *f, gconstpointer data)
{
    g_assert_null(set(f, "addr", "4294967296", TN_PROPERTY_STRICT));
    g_assert_null(set(f, "slot", "3", TN_PROPERTY_STRICT));
    g_assert_null(set(f, "node", "1", TN_PROPERTY_STRICT));
    g_assert_null(set(f, "memdev", "\"mem0\"", TN_PROPERTY_STRICT));
    assert_get(f, "addr", "4294967296");
    assert_get(f, "slot", "3");
    assert_get(f, "node", "1");
    assert_get(f, "memdev", "\"/objects/mem0\"");
    assert_get(f, "size", "2097152");
}

static void
test_set_from_text(Fixture *f, gconstpointer data)
{
    g_assert_null(set(f, "addr", "\"0x100000000\"", TN_PROPERTY_KEYVAL));
    g_assert_null(set(f, "slot", "\"2\"", TN_PROPERTY_KEYVAL));
    g_assert_null(set(f, "memdev", "\"/objects/mem0\"", TN_PROPERTY_KEYVAL));
    assert_get(f, "addr", "4294967296");
    assert_get(f, "slot", "2");
}

static void
test_type_names(Fixture *f, gconstpointer data)
{
    static const char *const names[][2] = {
        { "addr", "uint64" }, { "slot", "int32" },  { "node", "uint32" },
        { "size", "uint64" }, { "memdev", "link<memory-backend>" },
    };

    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *type = tn_property_type_name(
            g_object_class_find_property(G_OBJECT_GET_CLASS(f->dimm), names[i][0]));

        g_assert_cmpstr(type, ==, names[i][1]);
    }
}

static void
test_refuse_unknown_memdev(Fixture *f, gconstpointer data)
{
    g_autofree char *text = set(f, "memdev", "\"nope\"", TN_PROPERTY_STRICT);

    g_assert_cmpstr(text, ==, "Device 'nope' not found");
}

static void
test_refuse_memdev_of_other_type(Fixture *f, gconstpointer data)
{
    g_autofree char *text = set(f, "memdev", "\"/objects\"", TN_PROPERTY_STRICT);

    g_assert_cmpstr(text, ==, "Invalid parameter type for 'memdev', expected: "
                              "link<memory-backend>");
}

static void
test_refuse_size(Fixture *f, gconstpointer data)
{
    g_autofree char *text = set(f, "size", "1", TN_PROPERTY_STRICT);

    g_assert_nonnull(text);
}

static void
test_realize_without_memdev(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;

    g_assert_false(tn_device_realize(TN_DEVICE(f->dimm), &error));
    g_assert_cmpstr(error->message, ==, "'memdev' property is not set");
}

static void
test_realize_takes_the_backend(Fixture *f, gconstpointer data)
{
    TnMemoryBackend *backend;

    g_assert_null(set(f, "memdev", "\"mem0\"", TN_PROPERTY_STRICT));
    backend = tn_pc_dimm_get_memdev(f->dimm);
    g_assert_true(tn_device_realize(TN_DEVICE(f->dimm), NULL));
    g_assert_true(tn_memory_backend_is_mapped(backend));
    tn_device_unrealize(TN_DEVICE(f->dimm));
    g_assert_false(tn_memory_backend_is_mapped(backend));
}

static void
test_realized_properties_are_fixed(Fixture *f, gconstpointer data)
{
    g_autofree char *text = NULL;

    g_assert_null(set(f, "memdev", "\"mem0\"", TN_PROPERTY_STRICT));
    tn_device_set_id(TN_DEVICE(f->dimm), "d");
    g_assert_true(tn_device_realize(TN_DEVICE(f->dimm), NULL));
    text = set(f, "slot", "2", TN_PROPERTY_STRICT);
    g_assert_cmpstr(text, ==, "Attempt to set property 'slot' on device 'd' (type 'pc-dimm') after "
                              "it was realized");
}

#define ADD(path, func) g_test_add("/hw/pc-dimm/" path, Fixture, NULL, set_up, func, tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("property/defaults", test_defaults);
    ADD("property/set-from-json", test_set_from_json);
    ADD("property/set-from-text", test_set_from_text);
    ADD("property/type-names", test_type_names);
    ADD("property/refuse-unknown-memdev", test_refuse_unknown_memdev);
    ADD("property/refuse-memdev-of-other-type", test_refuse_memdev_of_other_type);
    ADD("property/refuse-size", test_refuse_size);
    ADD("property/fixed-when-realized", test_realized_properties_are_fixed);
    ADD("realize/without-memdev", test_realize_without_memdev);
    ADD("realize/takes-the-backend", test_realize_takes_the_backend);
    return g_test_run();
}
