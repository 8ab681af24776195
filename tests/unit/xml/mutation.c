/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Damaged documents: whatever happens to a good one, the pipeline answers with a definition or an
 * error, and what it accepts it can write, read again and write the same. The seed is GLib's
 * (printed, and settable with --seed).
 */
#include "tests/unit/xml/xml-test.h"

#include <string.h>

#define N_ROUNDS 20000
#define MAX_EDITS 4

static const char *const bases[] = {
    "everything.inactive.xml", "doc-memory-devices.active.xml", "doc-hugepages.inactive.xml",
    "doc-metadata.inactive.xml", "console-differs.active.xml", "doc-numa.inactive.xml",
    "numa-distances.inactive.xml", "tuning.inactive.xml",
};

/* Pieces that are likely to open another path than random bytes would. */
static const char *const pieces[] = {
    "", "0", "-1", "18446744073709551615", "18446744073709551616", "9223372036854775807", "''",
    "<", ">", "/>", "&amp;", "&", "<![CDATA[", "<!--", "-->", "<?x?>", "<!DOCTYPE x [", "&#0;",
    "&#xFFFF;", " xmlns='u'", " xmlns:a='b'", "<a:b xmlns:a='c'/>", "0-99999", "^0", "yes", "off",
    "dimm", "none", "pty", "\xff", "\xc3", "EiB", "<memory model='dimm'/>", "<cell/>", "\n",
};

static guint
random_below(guint bound)
{
    return bound > 0 ? (guint) g_test_rand_int_range(0, (gint32) bound) : 0;
}

static void
replace(GString *text, gsize at, gsize length, const char *piece)
{
    g_string_erase(text, (gssize) at, (gssize) MIN(length, text->len - at));
    g_string_insert(text, (gssize) at, piece);
}

/* One of: a piece put in or over something, a stretch cut out or doubled, a byte changed, a token
 * between quotes or angles exchanged. */
static void
mutate(GString *text)
{
    gsize at = random_below((guint) text->len);
    const char *piece = pieces[random_below(G_N_ELEMENTS(pieces))];
    g_autofree char *stretch = NULL;
    const char *quote;

    switch (random_below(6)) {
    case 0:
        replace(text, at, 0, piece);
        break;
    case 1:
        replace(text, at, random_below(20), piece);
        break;
    case 2:
        replace(text, at, random_below(200), "");
        break;
    case 3:
        stretch = g_strndup(text->str + at, random_below(200));
        replace(text, at, 0, stretch);
        break;
    case 4:
        text->str[at] = (char) (1 + random_below(255));
        break;
    default:
        quote = strchr(text->str + at, random_below(2) == 0 ? '\'' : '>');
        if (quote != NULL) {
            gsize begin = (gsize) (quote - text->str) + 1;

            replace(text, begin, strcspn(text->str + begin, "'<"), piece);
        }
        break;
    }
    if (text->len == 0) {
        g_string_assign(text, "<domain/>");
    }
}

static void
check_accepted(const TnDomainDef *def, TnXmlParseFlags parse, TnXmlFormatFlags format)
{
    g_autofree char *first = tn_domain_def_format(def, format);
    TnXmlParseOptions options = tn_test_options(parse);
    g_autoptr(GError) error = NULL;
    g_autoptr(TnDomainDef) again = tn_domain_def_parse(first, &options, &error);
    g_autofree char *second = NULL;

    g_assert_no_error(error);
    second = tn_domain_def_format(again, format);
    g_assert_cmpstr(second, ==, first);
}

static void
try_document(const char *xml, guint *n_accepted)
{
    TnXmlParseOptions options = tn_test_options(TN_XML_PARSE_INACTIVE);
    g_autoptr(GError) error = NULL;
    g_autoptr(TnDomainDef) def = tn_domain_def_parse(xml, &options, &error);

    g_assert_true((def == NULL) == (error != NULL));
    if (def != NULL) {
        g_autoptr(TnDomainDef) copy = tn_domain_def_copy(def);

        (*n_accepted)++;
        check_accepted(def, TN_XML_PARSE_INACTIVE, TN_XML_FORMAT_INACTIVE);
        tn_domain_def_assign_aliases(copy);
        copy->id = 5;
        check_accepted(copy, TN_XML_PARSE_DEFAULT, TN_XML_FORMAT_DEFAULT);
        g_assert_true(tn_domain_def_check_abi(def, def, NULL));
    } else {
        g_assert_true(error->domain == TN_XML_ERROR);
        g_assert_true(g_utf8_validate(error->message, -1, NULL));
    }
}

static void
test_documents(void)
{
    guint n_accepted = 0;

    for (guint round = 0; round < N_ROUNDS; round++) {
        g_autofree char *base = tn_test_read(bases[round % G_N_ELEMENTS(bases)]);
        GString *text = g_string_new(base);
        guint n_edits = 1 + random_below(MAX_EDITS);

        for (guint i = 0; i < n_edits; i++) {
            mutate(text);
        }
        try_document(text->str, &n_accepted);
        g_string_free(text, TRUE);
    }
    g_test_message("%u of %d damaged documents were accepted", n_accepted, N_ROUNDS);
    g_assert_cmpuint(n_accepted, >, 0);
}

static void
test_devices(void)
{
    static const char *const devices[] = {
        "<memory model='dimm' access='shared'><source><pagesize unit='KiB'>4</pagesize><nodemask>0"
        "</nodemask></source><target><size unit='MiB'>64</size><node>0</node></target>"
        "<alias name='ua-x'/><address type='dimm' slot='0' base='0x100000000'/></memory>",
        "<serial type='unix'><source mode='bind' path='/a'/><target type='isa-serial' port='1'>"
        "<model name='isa-serial'/></target><address type='isa' iobase='0x2f8'/></serial>",
    };
    g_autofree char *xml = tn_test_hotplug_xml(NULL);
    g_autoptr(TnDomainDef) def = tn_test_parse(xml);
    TnXmlParseOptions options = tn_test_options(TN_XML_PARSE_DEFAULT);

    for (guint round = 0; round < N_ROUNDS; round++) {
        GString *text = g_string_new(devices[round % G_N_ELEMENTS(devices)]);
        g_autoptr(GError) error = NULL;
        g_autoptr(TnDevice) device = NULL;

        mutate(text);
        device = tn_domain_device_parse(text->str, def, &options, &error);
        g_assert_true((device == NULL) == (error != NULL));
        if (device != NULL) {
            g_autofree char *formatted = tn_domain_device_format(device, TN_XML_FORMAT_DEFAULT);
            g_autoptr(TnDevice) copy = tn_device_copy(device);
            g_autofree char *copied = tn_domain_device_format(copy, TN_XML_FORMAT_DEFAULT);

            g_assert_cmpstr(copied, ==, formatted);
            (void) tn_domain_def_find_device(def, copy, NULL);
            (void) tn_domain_def_check_insert(def, copy, NULL);
        }
        g_string_free(text, TRUE);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/xml/mutation/documents", test_documents);
    g_test_add_func("/xml/mutation/devices", test_devices);
    return g_test_run();
}
