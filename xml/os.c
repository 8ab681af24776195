/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* `<os>`: what is booted, and on which machine. */
#include "xml/device-private.h"
#include "xml/domain-private.h"

#define DEFAULT_MACHINE "pc-i440fx-7.2"

void
tn_domain_os_clear(TnDomainOs *self)
{
    g_clear_pointer(&self->machine, g_free);
    g_clear_pointer(&self->kernel, g_free);
    g_clear_pointer(&self->initrd, g_free);
    g_clear_pointer(&self->cmdline, g_free);
}

void
tn_domain_os_copy(TnDomainOs *self, const TnDomainOs *from)
{
    *self = *from;
    self->machine = g_strdup(from->machine);
    self->kernel = g_strdup(from->kernel);
    self->initrd = g_strdup(from->initrd);
    self->cmdline = g_strdup(from->cmdline);
}

static const char *
emulator_of(const TnXmlHost *host)
{
    return host != NULL && host->emulator != NULL ? host->emulator : "tenon-vmm";
}

static gboolean
check_type(const char *type, const TnXmlHost *host, GError **error)
{
    if (tn_enum_from_string(&tn_os_type_table, type) >= 0) {
        return TRUE;
    }
    if (tn_enum_is_refused(&tn_os_type_table, type)) {
        tn_xml_error_set(error, TN_XML_ERROR_CONFIG_UNSUPPORTED,
                         "Emulator '%s' does not support os type '%s'", emulator_of(host), type);
    } else {
        tn_xml_error_set(error, TN_XML_ERROR_CONFIG_UNSUPPORTED, "unknown OS type '%s'", type);
    }
    return FALSE;
}

static gboolean
check_arch(const char *arch, GError **error)
{
    if (arch == NULL || tn_enum_from_string(&tn_arch_table, arch) >= 0) {
        return TRUE;
    }
    if (tn_enum_is_refused(&tn_arch_table, arch)) {
        tn_xml_error_set(error, TN_XML_ERROR_CONFIG_UNSUPPORTED,
                         "No emulator found for arch '%s'", arch);
    } else {
        tn_xml_error_set(error, TN_XML_ERROR_CONFIG_UNSUPPORTED, "Unknown architecture %s", arch);
    }
    return FALSE;
}

static gboolean
parse_boot(TnDomainOs *self, xmlNodePtr os, GError **error)
{
    xmlNodePtr menu = tn_xml_child(os, "bootmenu");

    for (xmlNodePtr node = tn_xml_child(os, "boot"); node != NULL; node = tn_xml_child_next(node)) {
        int device = 0;

        if (!tn_xml_attr_enum(node, "dev", &tn_boot_device_table, TN_XML_ATTR_REQUIRED, &device,
                              error)) {
            return FALSE;
        }
        if (self->n_boot == TN_BOOT_LAST) {
            tn_xml_error_set(error, TN_XML_ERROR_XML, "more than %d boot devices", TN_BOOT_LAST);
            return FALSE;
        }
        self->boot[self->n_boot++] = (TnBootDevice) device;
    }
    return menu == NULL || tn_xml_attr_tristate(menu, "enable", &tn_tristate_yes_no_table,
                                                &self->bootmenu, error);
}

gboolean
tn_domain_os_parse(TnDomainOs *self, xmlNodePtr domain, const TnXmlHost *host, GError **error)
{
    xmlNodePtr os = tn_xml_child(domain, "os");
    xmlNodePtr type = os != NULL ? tn_xml_child(os, "type") : NULL;
    g_autofree char *type_name = type != NULL ? tn_xml_text(type) : NULL;
    g_autofree char *arch = NULL;

    if (type_name == NULL || type_name[0] == '\0') {
        tn_xml_error_set(error, TN_XML_ERROR_XML, "an os <type> must be specified");
        return FALSE;
    }
    arch = tn_xml_attr(type, "arch");
    if (!check_type(type_name, host, error) || !check_arch(arch, error)) {
        return FALSE;
    }
    self->machine = tn_xml_attr(type, "machine");
    self->kernel = tn_xml_child_text(os, "kernel");
    self->initrd = tn_xml_child_text(os, "initrd");
    self->cmdline = tn_xml_child_text(os, "cmdline");
    return parse_boot(self, os, error);
}

void
tn_domain_os_format(const TnDomainOs *self, TnXmlWriter *writer)
{
    tn_xml_start(writer, "os");
    tn_xml_start(writer, "type");
    tn_xml_put_attr(writer, "arch", "x86_64");
    tn_xml_put_attr(writer, "machine", self->machine);
    tn_xml_put_text(writer, "hvm");
    tn_xml_end(writer);
    tn_xml_put_element(writer, "kernel", self->kernel);
    tn_xml_put_element(writer, "initrd", self->initrd);
    tn_xml_put_element(writer, "cmdline", self->cmdline);
    for (guint i = 0; i < self->n_boot; i++) {
        tn_xml_start(writer, "boot");
        tn_xml_put_attr(writer, "dev",
                        tn_enum_to_string(&tn_boot_device_table, (int) self->boot[i]));
        tn_xml_end(writer);
    }
    if (self->bootmenu != TN_TRISTATE_ABSENT) {
        tn_xml_start(writer, "bootmenu");
        tn_xml_put_attr(writer, "enable",
                        tn_enum_to_string(&tn_tristate_yes_no_table, (int) self->bootmenu));
        tn_xml_end(writer);
    }
    tn_xml_end(writer);
}

gboolean
tn_domain_os_postparse(TnDomainDef *def, const TnXmlHost *host, GError **error)
{
    TnDomainOs *self = &def->os;
    const char *canonical = host != NULL && host->machine != NULL ? host->machine
                                                                  : DEFAULT_MACHINE;

    if (self->machine == NULL || g_str_equal(self->machine, "pc")) {
        g_free(self->machine);
        self->machine = g_strdup(canonical);
    }
    if (!g_str_equal(self->machine, canonical)) {
        tn_xml_error_set(error, TN_XML_ERROR_CONFIG_UNSUPPORTED,
                         "Emulator '%s' does not support machine type '%s'", emulator_of(host),
                         self->machine);
        return FALSE;
    }
    if (self->n_boot == 0 && !tn_domain_def_has_boot_order(def)) {
        self->boot[self->n_boot++] = TN_BOOT_DISK;
    }
    return TRUE;
}
