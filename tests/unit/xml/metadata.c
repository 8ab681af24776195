/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Title, description and metadata elements, as virsh desc and virsh metadata use them. */
#include "tests/unit/xml/xml-test.h"

#include "xml/metadata.h"

#define URI_A "http://example.org/a"
#define URI_B "http://example.org/b"

static TnDomainDef *
new_def(void)
{
    g_autofree char *xml = tn_test_minimal_xml(
        "<metadata><a:x xmlns:a='" URI_A "' k='v'><a:y>t &amp; ü</a:y><plain/></a:x></metadata>",
        NULL);

    return tn_test_parse(xml);
}

static void
assert_metadata(const TnDomainDef *def, int type, const char *uri, const char *expected)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text = tn_domain_def_get_metadata(def, type, uri, &error);

    g_assert_no_error(error);
    g_assert_cmpstr(text, ==, expected);
}

static void
assert_absent(const TnDomainDef *def, int type, const char *uri)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text = tn_domain_def_get_metadata(def, type, uri, &error);

    g_assert_null(text);
    g_assert_error(error, TN_XML_ERROR, TN_XML_ERROR_NO_DOMAIN_METADATA);
    g_assert_cmpstr(error->message, ==,
                    "metadata not found: Requested metadata element is not present");
}

static void
set(TnDomainDef *def, int type, const char *text, const char *key, const char *uri)
{
    g_autoptr(GError) error = NULL;

    g_assert_true(tn_domain_def_set_metadata(def, type, text, key, uri, &error));
    g_assert_no_error(error);
}

static void
assert_set_fails(TnDomainDef *def, int type, const char *text, const char *key, const char *uri,
                 int code)
{
    g_autofree char *before = tn_domain_def_format(def, TN_XML_FORMAT_DEFAULT);
    g_autofree char *after = NULL;
    g_autoptr(GError) error = NULL;

    g_assert_false(tn_domain_def_set_metadata(def, type, text, key, uri, &error));
    g_assert_error(error, TN_XML_ERROR, code);
    after = tn_domain_def_format(def, TN_XML_FORMAT_DEFAULT);
    g_assert_cmpstr(after, ==, before);
}

static void
test_get_takes_namespace_out(void)
{
    g_autoptr(TnDomainDef) def = new_def();

    assert_metadata(def, TN_METADATA_ELEMENT, URI_A,
                    "<x k=\"v\">\n  <y>t &amp; ü</y>\n  <plain/>\n</x>");
}

static void
test_get_absent(void)
{
    g_autoptr(TnDomainDef) def = new_def();

    assert_absent(def, TN_METADATA_ELEMENT, URI_B);
    assert_absent(def, TN_METADATA_TITLE, NULL);
    assert_absent(def, TN_METADATA_DESCRIPTION, NULL);
}

static void
test_set_puts_namespace_on_all(void)
{
    g_autoptr(TnDomainDef) def = new_def();
    g_autofree char *xml = NULL;

    set(def, TN_METADATA_ELEMENT, "<r a='1'><s/></r>", "b", URI_B);
    assert_metadata(def, TN_METADATA_ELEMENT, URI_B, "<r a=\"1\">\n  <s/>\n</r>");
    xml = tn_domain_def_format(def, TN_XML_FORMAT_DEFAULT);
    g_assert_nonnull(g_strstr_len(xml, -1, "    <b:r xmlns:b=\"" URI_B "\" a=\"1\">\n"
                                           "      <b:s/>\n    </b:r>\n  </metadata>\n"));
}

static void
test_set_replaces(void)
{
    g_autoptr(TnDomainDef) def = new_def();

    set(def, TN_METADATA_ELEMENT, "<new/>", "q", URI_A);
    assert_metadata(def, TN_METADATA_ELEMENT, URI_A, "<new/>");
}

static void
test_set_null_removes(void)
{
    g_autoptr(TnDomainDef) def = new_def();

    set(def, TN_METADATA_ELEMENT, NULL, NULL, URI_A);
    assert_absent(def, TN_METADATA_ELEMENT, URI_A);
    set(def, TN_METADATA_ELEMENT, NULL, NULL, URI_A);
}

static void
test_set_on_definition_without_metadata(void)
{
    g_autofree char *xml = tn_test_minimal_xml(NULL, NULL);
    g_autoptr(TnDomainDef) def = tn_test_parse(xml);

    set(def, TN_METADATA_ELEMENT, "<new/>", "q", URI_A);
    assert_metadata(def, TN_METADATA_ELEMENT, URI_A, "<new/>");
}

static void
test_title_and_description(void)
{
    g_autoptr(TnDomainDef) def = new_def();

    set(def, TN_METADATA_TITLE, "short", NULL, NULL);
    set(def, TN_METADATA_DESCRIPTION, "two\nlines", NULL, NULL);
    assert_metadata(def, TN_METADATA_TITLE, NULL, "short");
    assert_metadata(def, TN_METADATA_DESCRIPTION, NULL, "two\nlines");
    set(def, TN_METADATA_TITLE, NULL, NULL, NULL);
    assert_absent(def, TN_METADATA_TITLE, NULL);
}

static void
test_set_refuses(void)
{
    g_autoptr(TnDomainDef) def = new_def();

    assert_set_fails(def, TN_METADATA_TITLE, "a\nb", NULL, NULL, TN_XML_ERROR_INVALID_ARG);
    assert_set_fails(def, TN_METADATA_ELEMENT, "<a", "k", URI_B, TN_XML_ERROR_XML_DETAIL);
    assert_set_fails(def, TN_METADATA_ELEMENT, "<a/>", "k", NULL, TN_XML_ERROR_INVALID_ARG);
    assert_set_fails(def, TN_METADATA_ELEMENT, "<a/>", NULL, URI_B, TN_XML_ERROR_INVALID_ARG);
    assert_set_fails(def, TN_METADATA_ELEMENT, "<a/>", "x y", URI_B, TN_XML_ERROR_INVALID_ARG);
    assert_set_fails(def, TN_METADATA_ELEMENT, "<!DOCTYPE a []><a/>", "k", URI_B,
                     TN_XML_ERROR_XML);
    assert_set_fails(def, 9, "x", NULL, NULL, TN_XML_ERROR_INVALID_ARG);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/xml/metadata/get/takes-namespace-out", test_get_takes_namespace_out);
    g_test_add_func("/xml/metadata/get/absent", test_get_absent);
    g_test_add_func("/xml/metadata/set/puts-namespace-on-all", test_set_puts_namespace_on_all);
    g_test_add_func("/xml/metadata/set/replaces", test_set_replaces);
    g_test_add_func("/xml/metadata/set/null-removes", test_set_null_removes);
    g_test_add_func("/xml/metadata/set/on-definition-without-metadata",
                    test_set_on_definition_without_metadata);
    g_test_add_func("/xml/metadata/title-and-description", test_title_and_description);
    g_test_add_func("/xml/metadata/set/refuses", test_set_refuses);
    return g_test_run();
}
