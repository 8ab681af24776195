/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From text to tree: libxml2 with everything off that reaches beyond the text itself. */
#include "xml/reader.h"

#include "xml/domain.h"

#include <libxml/parser.h>
#include <libxml/relaxng.h>
#include <string.h>

/* Messages of one faulty document that are kept: a hostile one can make thousands. */
#define MAX_MESSAGES 8
/* Characters of the faulty line that a message shows. */
#define MAX_CONTEXT 80

/* What the callbacks of one parser run share; hangs on xmlParserCtxt._private. */
typedef struct {
    gboolean has_dtd;
    const char *label;
    GError *error;
} ParseState;

/* The text around the fault, its line cut as libxml2's own report does, and a pointer below. */
static void
append_context(GString *message, xmlParserCtxtPtr context)
{
    xmlParserInputPtr input = context->input;
    const xmlChar *start;
    const xmlChar *cursor;
    int length = 0;

    if (input == NULL || input->cur == NULL || input->base == NULL) {
        return;
    }
    cursor = input->cur;
    while (cursor > input->base && (*cursor == '\n' || *cursor == '\r')) {
        cursor--;
    }
    start = cursor;
    while (start > input->base && start[-1] != '\n' && start[-1] != '\r' &&
           cursor - start < MAX_CONTEXT) {
        start--;
    }
    while (start[length] != '\0' && start[length] != '\n' && start[length] != '\r' &&
           length < MAX_CONTEXT) {
        length++;
    }
    if (!g_utf8_validate((const char *) start, length, NULL)) {
        return;
    }
    g_string_append_printf(message, "\n%.*s\n", length, (const char *) start);
    for (const xmlChar *at = start; at < cursor && at < start + length; at++) {
        g_string_append_c(message, '-');
    }
    g_string_append_c(message, '^');
}

static void
catch_parse_error(void *data, xmlErrorPtr fault)
{
    xmlParserCtxtPtr context = data;
    ParseState *state = context->_private;
    g_autofree char *text = NULL;
    GString *message;

    if (state->error != NULL || fault->level == XML_ERR_WARNING || fault->message == NULL) {
        return;
    }
    text = g_strchomp(g_utf8_make_valid(fault->message, -1));
    message = g_string_new(NULL);
    g_string_append_printf(message, "(%s):%d: %s", state->label, fault->line, text);
    append_context(message, context);
    tn_xml_error_set(&state->error, TN_XML_ERROR_XML_DETAIL, "%s", message->str);
    g_string_free(message, TRUE);
}

/* A DTD is where entities and their expansion come from; no libvirt document needs one. */
static void
catch_dtd(void *data, const xmlChar *name, const xmlChar *external_id, const xmlChar *system_id)
{
    xmlParserCtxtPtr context = data;
    ParseState *state = context->_private;

    state->has_dtd = TRUE;
    xmlStopParser(context);
}

xmlDocPtr
tn_xml_doc_parse(const char *xml, const char *label, GError **error)
{
    ParseState state = { .label = label };
    gsize length = strlen(xml);
    xmlParserCtxtPtr context;
    g_autoptr(xmlDoc) doc = NULL;

    if (length > TN_XML_MAX_DOCUMENT) {
        tn_xml_error_set(error, TN_XML_ERROR_XML,
                         "document of %" G_GSIZE_FORMAT " bytes exceeds the limit of %d bytes",
                         length, TN_XML_MAX_DOCUMENT);
        return NULL;
    }
    context = xmlNewParserCtxt();
    context->_private = &state;
    context->sax->serror = catch_parse_error;
    context->sax->internalSubset = catch_dtd;
    /* Not XML_PARSE_HUGE: libxml2's own limits on depth and text stay in force. */
    doc = xmlCtxtReadMemory(context, xml, (int) length, NULL, NULL,
                            XML_PARSE_NONET | XML_PARSE_NOWARNING | XML_PARSE_NOBLANKS);
    xmlFreeParserCtxt(context);
    if (state.has_dtd) {
        g_clear_error(&state.error);
        tn_xml_error_set(error, TN_XML_ERROR_XML,
                         "document type declarations are not allowed in (%s)", label);
        return NULL;
    }
    if (state.error != NULL) {
        g_propagate_error(error, state.error);
        return NULL;
    }
    if (doc == NULL || xmlDocGetRootElement(doc) == NULL) {
        tn_xml_error_set(error, TN_XML_ERROR_XML, "missing root element");
        return NULL;
    }
    return g_steal_pointer(&doc);
}

/* Collects what the validator says, at most MAX_MESSAGES lines. */
typedef struct {
    GString *text;
    guint n_messages;
} Messages;

static void
catch_schema_error(void *data, xmlErrorPtr fault)
{
    Messages *messages = data;
    g_autofree char *text = NULL;

    if (fault->message == NULL || messages->n_messages++ >= MAX_MESSAGES) {
        return;
    }
    text = g_strchomp(g_utf8_make_valid(fault->message, -1));
    g_string_append_printf(messages->text, "\n%s", text);
}

static xmlRelaxNGPtr
load_schema(const char *path, Messages *messages, GError **error)
{
    xmlRelaxNGParserCtxtPtr parser = xmlRelaxNGNewParserCtxt(path);
    /* Faults of reading the files go to this thread's handler, which would print them. */
    xmlStructuredErrorFunc old_handler = xmlStructuredError;
    void *old_data = xmlStructuredErrorContext;
    xmlRelaxNGPtr schema = NULL;

    xmlSetStructuredErrorFunc(messages, catch_schema_error);
    if (parser != NULL) {
        xmlRelaxNGSetParserStructuredErrors(parser, catch_schema_error, messages);
        schema = xmlRelaxNGParse(parser);
        xmlRelaxNGFreeParserCtxt(parser);
    }
    xmlSetStructuredErrorFunc(old_data, old_handler);
    if (schema == NULL) {
        tn_xml_error_set(error, TN_XML_ERROR_INTERNAL, "Unable to parse RNG %s:%s", path,
                         messages->text->str);
    }
    return schema;
}

gboolean
tn_xml_schema_validate(xmlDocPtr doc, const char *schema_path, GError **error)
{
    Messages messages = { .text = g_string_new(NULL) };
    xmlRelaxNGPtr schema = load_schema(schema_path, &messages, error);
    xmlRelaxNGValidCtxtPtr validator;
    int verdict = -1;

    if (schema != NULL) {
        validator = xmlRelaxNGNewValidCtxt(schema);
        xmlRelaxNGSetValidStructuredErrors(validator, catch_schema_error, &messages);
        verdict = xmlRelaxNGValidateDoc(validator, doc);
        if (verdict != 0) {
            tn_xml_error_set(error, TN_XML_ERROR_INVALID_SCHEMA,
                             "Unable to validate doc against %s%s", schema_path,
                             messages.text->str);
        }
        xmlRelaxNGFreeValidCtxt(validator);
        xmlRelaxNGFree(schema);
    }
    g_string_free(messages.text, TRUE);
    return verdict == 0;
}
