/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Refusals, from the table tests/xml-data/errors.txt. A row is a line "=== NAME", a line
 * "CODE: MESSAGE" (a line break in it written as \n; a final * stands for anything, where libxml2
 * chooses the words), and the document. A NAME that begins with "device-" is a device for the
 * definition of tn_test_hotplug_xml().
 */
#include "tests/unit/xml/xml-test.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    char *name;
    char *expected;
    char *xml;
} Row;

static void
free_row(gpointer data)
{
    Row *row = data;

    g_free(row->name);
    g_free(row->expected);
    g_free(row->xml);
    g_free(row);
}

static GPtrArray *
read_rows(void)
{
    g_autofree char *text = tn_test_read("errors.txt");
    g_auto(GStrv) blocks = NULL;
    GPtrArray *rows = g_ptr_array_new_with_free_func(free_row);

    g_assert_nonnull(text);
    blocks = g_strsplit(text, "=== ", -1);
    for (guint i = 1; blocks[i] != NULL; i++) {
        g_auto(GStrv) lines = g_strsplit(blocks[i], "\n", 3);
        Row *row = g_new0(Row, 1);

        row->name = g_strdup(lines[0]);
        row->expected = g_strdup(lines[1]);
        row->xml = g_strdup(lines[2]);
        g_ptr_array_add(rows, row);
    }
    return rows;
}

static void
refuse(const Row *row, GError **error)
{
    TnXmlParseOptions options = tn_test_options(TN_XML_PARSE_INACTIVE);
    g_autoptr(TnDomainDef) def = NULL;

    if (g_str_has_prefix(row->name, "device-")) {
        g_autofree char *xml = tn_test_hotplug_xml(NULL);
        g_autoptr(TnDevice) device = NULL;

        def = tn_test_parse(xml);
        device = tn_domain_device_parse(row->xml, def, &options, error);
        g_assert_null(device);
        return;
    }
    def = tn_domain_def_parse(row->xml, &options, error);
    if (def != NULL) {
        g_error("%s was accepted", row->name);
    }
}

static char *
one_line(const GError *error)
{
    g_auto(GStrv) parts = g_strsplit(error->message, "\n", -1);
    g_autofree char *message = g_strjoinv("\\n", parts);

    g_assert_cmpstr(g_quark_to_string(error->domain), ==, g_quark_to_string(TN_XML_ERROR));
    return g_strdup_printf("%d: %s", error->code, message);
}

static gboolean
matches(const char *line, const char *expected)
{
    gsize length = strlen(expected);

    if (length > 0 && expected[length - 1] == '*') {
        return strncmp(line, expected, length - 1) == 0;
    }
    return g_str_equal(line, expected);
}

static void
test_row(gconstpointer data)
{
    const Row *row = data;
    g_autoptr(GError) error = NULL;
    g_autofree char *line = NULL;

    refuse(row, &error);
    line = one_line(error);
    if (!matches(line, row->expected)) {
        g_assert_cmpstr(line, ==, row->expected);
    }
}

static void
regenerate(GPtrArray *rows)
{
    GString *text = g_string_new("# What is refused, and how; see tests/unit/xml/errors.c.\n");

    for (guint i = 0; i < rows->len; i++) {
        const Row *row = g_ptr_array_index(rows, i);
        g_autoptr(GError) error = NULL;
        g_autofree char *line = NULL;

        refuse(row, &error);
        line = one_line(error);
        g_string_append_printf(text, "=== %s\n%s\n%s", row->name,
                               matches(line, row->expected) ? row->expected : line, row->xml);
    }
    tn_test_compare("errors.txt", text->str);
    g_string_free(text, TRUE);
}

int
main(int argc, char **argv)
{
    g_autoptr(GPtrArray) rows = NULL;

    g_test_init(&argc, &argv, NULL);
    rows = read_rows();
    if (g_getenv("TN_XML_REGENERATE") != NULL) {
        regenerate(rows);
        return EXIT_SUCCESS;
    }
    for (guint i = 0; i < rows->len; i++) {
        const Row *row = g_ptr_array_index(rows, i);
        g_autofree char *path = g_strconcat("/xml/errors/", row->name, NULL);

        g_test_add_data_func(path, row, test_row);
    }
    return g_test_run();
}
