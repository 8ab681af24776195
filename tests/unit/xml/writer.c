/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The writer's shapes: empty, nested, taken back, escaped. */
#include "xml/writer.h"

static void
assert_text(TnXmlWriter *writer, const char *expected)
{
    g_autofree char *text = tn_xml_writer_finish(writer);

    g_assert_cmpstr(text, ==, expected);
}

static void
test_empty_element_closes_at_once(void)
{
    TnXmlWriter *writer = tn_xml_writer_new();

    tn_xml_start(writer, "a");
    tn_xml_put_attr(writer, "b", "c");
    tn_xml_put_attr(writer, "none", NULL);
    tn_xml_end(writer);
    assert_text(writer, "<a b='c'/>\n");
}

static void
test_children_are_indented(void)
{
    TnXmlWriter *writer = tn_xml_writer_new();

    tn_xml_start(writer, "a");
    tn_xml_start(writer, "b");
    tn_xml_put_kib(writer, "c", 7);
    tn_xml_end(writer);
    tn_xml_end(writer);
    assert_text(writer, "<a>\n  <b>\n    <c unit='KiB'>7</c>\n  </b>\n</a>\n");
}

static void
test_empty_child_is_taken_back(void)
{
    TnXmlWriter *writer = tn_xml_writer_new();

    tn_xml_start(writer, "a");
    tn_xml_start(writer, "b");
    tn_xml_end_unless_empty(writer);
    tn_xml_end(writer);
    assert_text(writer, "<a/>\n");
}

static void
test_child_with_attribute_stays(void)
{
    TnXmlWriter *writer = tn_xml_writer_new();

    tn_xml_start(writer, "a");
    tn_xml_start(writer, "b");
    tn_xml_put_attr(writer, "c", "");
    tn_xml_end_unless_empty(writer);
    tn_xml_end(writer);
    assert_text(writer, "<a>\n  <b c=''/>\n</a>\n");
}

static void
test_markup_is_escaped(void)
{
    TnXmlWriter *writer = tn_xml_writer_new();

    tn_xml_put_element(writer, "a", "<&>\"'\r\n\x01ü");
    assert_text(writer, "<a>&lt;&amp;&gt;&quot;&apos;&#13;\nü</a>\n");
}

static void
test_blanks_in_attributes_are_references(void)
{
    TnXmlWriter *writer = tn_xml_writer_new();

    tn_xml_start(writer, "a");
    tn_xml_put_attr(writer, "b", "\t \n'");
    tn_xml_end(writer);
    assert_text(writer, "<a b='&#9; &#10;&apos;'/>\n");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/xml/writer/empty-element-closes-at-once",
                    test_empty_element_closes_at_once);
    g_test_add_func("/xml/writer/children-are-indented", test_children_are_indented);
    g_test_add_func("/xml/writer/empty-child-is-taken-back", test_empty_child_is_taken_back);
    g_test_add_func("/xml/writer/child-with-attribute-stays", test_child_with_attribute_stays);
    g_test_add_func("/xml/writer/markup-is-escaped", test_markup_is_escaped);
    g_test_add_func("/xml/writer/blanks-in-attributes-are-references",
                    test_blanks_in_attributes_are_references);
    return g_test_run();
}
