/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the XML tests share: a host that is always the same, and golden files. */
#ifndef TN_XML_TEST_H
#define TN_XML_TEST_H

#include "xml/domain.h"

/** tn_test_options: parse options of a define on a fixed host with emulator /usr/bin/tenon-vmm
 *  and UUIDs that are all 0x11 bytes (before the version bits). */
TnXmlParseOptions tn_test_options(TnXmlParseFlags flags);

/** tn_test_parse: parse @xml as define does; a failure ends the test with the message. */
TnDomainDef *tn_test_parse(const char *xml);

/** tn_test_parse_device: the same for one device of @def. */
TnDevice *tn_test_parse_device(const char *xml, const TnDomainDef *def);

/** tn_test_minimal_xml: a small definition; @top goes after `<memory>`, @devices into `<devices>`.
 *  Caller frees. */
char *tn_test_minimal_xml(const char *top, const char *devices);

/** tn_test_hotplug_xml: a definition with 64 MiB in one cell, maxMemory 1 GiB and 2 slots. */
char *tn_test_hotplug_xml(const char *devices);

/** tn_test_read: content of tests/xml-data/@name; NULL when there is no such file. */
char *tn_test_read(const char *name);

/** tn_test_compare: @text against tests/xml-data/@name; with TN_XML_REGENERATE set in the
 *  environment, the file is written instead. */
void tn_test_compare(const char *name, const char *text);

#endif
