/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The capabilities XML of the host. */
#include "xml/capabilities.h"

#include "xml/writer.h"

static void
put_empty(TnXmlWriter *writer, const char *name)
{
    tn_xml_start(writer, name);
    tn_xml_end(writer);
}

static void
put_attr_uint(TnXmlWriter *writer, const char *name, guint value)
{
    tn_xml_put_attr_f(writer, name, "%u", value);
}

static void
format_page_size(TnXmlWriter *writer, const TnHostPages *pages)
{
    tn_xml_put_attr(writer, "unit", "KiB");
    tn_xml_put_attr_f(writer, "size", "%" G_GUINT64_FORMAT, pages->size_kib);
}

static void
format_cpu(const TnCapabilities *caps, TnXmlWriter *writer)
{
    tn_xml_start(writer, "cpu");
    tn_xml_put_element(writer, "arch", caps->arch);
    tn_xml_put_element(writer, "model", caps->cpu_model);
    tn_xml_put_element(writer, "vendor", caps->cpu_vendor);
    if (caps->microcode != NULL) {
        tn_xml_start(writer, "microcode");
        tn_xml_put_attr(writer, "version", caps->microcode);
        tn_xml_end(writer);
    }
    if (caps->sockets != 0) {
        tn_xml_start(writer, "topology");
        put_attr_uint(writer, "sockets", caps->sockets);
        put_attr_uint(writer, "dies", caps->dies);
        put_attr_uint(writer, "cores", caps->cores);
        put_attr_uint(writer, "threads", caps->threads);
        tn_xml_end(writer);
    }
    for (guint i = 0; caps->cpu_features != NULL && caps->cpu_features[i] != NULL; i++) {
        tn_xml_start(writer, "feature");
        tn_xml_put_attr(writer, "name", caps->cpu_features[i]);
        tn_xml_end(writer);
    }
    for (guint i = 0; i < caps->n_pages; i++) {
        tn_xml_start(writer, "pages");
        format_page_size(writer, &caps->pages[i]);
        tn_xml_end(writer);
    }
    tn_xml_end(writer);
}

static void
format_power(const TnCapabilities *caps, TnXmlWriter *writer)
{
    tn_xml_start(writer, "power_management");
    if (caps->suspend_mem) {
        put_empty(writer, "suspend_mem");
    }
    if (caps->suspend_disk) {
        put_empty(writer, "suspend_disk");
    }
    if (caps->suspend_hybrid) {
        put_empty(writer, "suspend_hybrid");
    }
    tn_xml_end(writer);
    tn_xml_start(writer, "iommu");
    tn_xml_put_attr(writer, "support", caps->iommu ? "yes" : "no");
    tn_xml_end(writer);
}

static void
format_cell_cpus(const TnHostCell *cell, TnXmlWriter *writer)
{
    tn_xml_start(writer, "cpus");
    put_attr_uint(writer, "num", cell->n_cpus);
    for (guint i = 0; i < cell->n_cpus; i++) {
        const TnHostCpu *cpu = &cell->cpus[i];

        tn_xml_start(writer, "cpu");
        put_attr_uint(writer, "id", cpu->id);
        if (cpu->socket_id >= 0) {
            tn_xml_put_attr_f(writer, "socket_id", "%d", cpu->socket_id);
            tn_xml_put_attr_f(writer, "die_id", "%d", cpu->die_id);
            tn_xml_put_attr_f(writer, "core_id", "%d", cpu->core_id);
            tn_xml_put_attr(writer, "siblings", cpu->siblings);
        }
        tn_xml_end(writer);
    }
    tn_xml_end(writer);
}

static void
format_cell(const TnHostCell *cell, TnXmlWriter *writer)
{
    tn_xml_start(writer, "cell");
    put_attr_uint(writer, "id", cell->id);
    tn_xml_put_kib(writer, "memory", cell->memory_kib);
    for (guint i = 0; i < cell->n_pages; i++) {
        tn_xml_start(writer, "pages");
        format_page_size(writer, &cell->pages[i]);
        tn_xml_put_text_f(writer, "%" G_GUINT64_FORMAT, cell->pages[i].count);
        tn_xml_end(writer);
    }
    if (cell->n_distances > 0) {
        tn_xml_start(writer, "distances");
        for (guint i = 0; i < cell->n_distances; i++) {
            tn_xml_start(writer, "sibling");
            put_attr_uint(writer, "id", cell->distances[i].id);
            put_attr_uint(writer, "value", cell->distances[i].value);
            tn_xml_end(writer);
        }
        tn_xml_end(writer);
    }
    format_cell_cpus(cell, writer);
    tn_xml_end(writer);
}

static void
format_topology(const TnCapabilities *caps, TnXmlWriter *writer)
{
    if (caps->n_cells == 0) {
        return;
    }
    tn_xml_start(writer, "topology");
    tn_xml_start(writer, "cells");
    put_attr_uint(writer, "num", caps->n_cells);
    for (guint i = 0; i < caps->n_cells; i++) {
        format_cell(&caps->cells[i], writer);
    }
    tn_xml_end(writer);
    tn_xml_end(writer);
}

static void
format_host(const TnCapabilities *caps, TnXmlWriter *writer)
{
    tn_xml_start(writer, "host");
    tn_xml_put_element(writer, "uuid", caps->host_uuid);
    format_cpu(caps, writer);
    format_power(caps, writer);
    format_topology(caps, writer);
    tn_xml_start(writer, "secmodel");
    tn_xml_put_element(writer, "model", "none");
    tn_xml_put_element(writer, "doi", "0");
    tn_xml_end(writer);
    tn_xml_end(writer);
}

static void
format_machine(const TnMachineType *machine, TnXmlWriter *writer)
{
    tn_xml_start(writer, "machine");
    tn_xml_put_attr(writer, "canonical", machine->canonical);
    put_attr_uint(writer, "maxCpus", machine->max_cpus);
    tn_xml_put_text(writer, machine->name);
    tn_xml_end(writer);
}

static void
format_toggle(TnXmlWriter *writer, const char *name, const char *toggle)
{
    tn_xml_start(writer, name);
    tn_xml_put_attr(writer, "default", "on");
    tn_xml_put_attr(writer, "toggle", toggle);
    tn_xml_end(writer);
}

static void
format_guest(const TnCapabilities *caps, TnXmlWriter *writer)
{
    tn_xml_start(writer, "guest");
    tn_xml_put_element(writer, "os_type", "hvm");
    tn_xml_start(writer, "arch");
    tn_xml_put_attr(writer, "name", "x86_64");
    tn_xml_put_element(writer, "wordsize", "64");
    tn_xml_put_element(writer, "emulator", caps->emulator);
    for (guint i = 0; i < caps->n_machines; i++) {
        format_machine(&caps->machines[i], writer);
    }
    tn_xml_start(writer, "domain");
    tn_xml_put_attr(writer, "type", "kvm");
    tn_xml_end(writer);
    tn_xml_end(writer);
    tn_xml_start(writer, "features");
    format_toggle(writer, "acpi", "yes");
    format_toggle(writer, "apic", "no");
    put_empty(writer, "cpuselection");
    put_empty(writer, "deviceboot");
    tn_xml_end(writer);
    tn_xml_end(writer);
}

char *
tn_capabilities_format(const TnCapabilities *caps)
{
    g_autoptr(TnXmlWriter) writer = tn_xml_writer_new();

    tn_xml_start(writer, "capabilities");
    tn_xml_put_empty_line(writer);
    format_host(caps, writer);
    tn_xml_put_empty_line(writer);
    if (caps->kvm) {
        format_guest(caps, writer);
        tn_xml_put_empty_line(writer);
    }
    tn_xml_end(writer);
    return tn_xml_writer_finish(g_steal_pointer(&writer));
}
