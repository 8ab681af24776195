/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The sections of a domain definition. Each lives in a file of its own with the same doors:
 * _parse (reads its part of `<domain>` into the zeroed struct), _format, _clear (releases what the
 * struct owns and leaves it fit to be cleared again), _copy (into a zeroed struct).
 */
#ifndef TN_XML_DOMAIN_PRIVATE_H
#define TN_XML_DOMAIN_PRIVATE_H

#include "xml/domain.h"
#include "xml/reader.h"
#include "xml/writer.h"

/* memory.c: maxMemory, memory, currentMemory, memoryBacking */
gboolean tn_domain_memory_parse(TnDomainMemory *self, xmlNodePtr domain, GError **error);
void tn_domain_memory_format_sizes(const TnDomainDef *def, TnXmlWriter *writer);
void tn_domain_memory_format_backing(const TnDomainMemory *self, TnXmlWriter *writer);
gboolean tn_domain_memory_validate(const TnDomainDef *def, GError **error);
void tn_domain_memory_init(TnDomainMemory *self);
void tn_domain_memory_clear(TnDomainMemory *self);
void tn_domain_memory_copy(TnDomainMemory *self, const TnDomainMemory *from);

/* memtune.c: nothing is owned */
gboolean tn_memtune_parse(TnMemtune *self, xmlNodePtr domain, GError **error);
void tn_memtune_format(const TnMemtune *self, TnXmlWriter *writer);
void tn_memtune_init(TnMemtune *self);

/* numatune.c */
gboolean tn_numatune_parse(TnNumatune *self, xmlNodePtr domain, GError **error);
void tn_numatune_format(const TnNumatune *self, TnXmlWriter *writer);
gboolean tn_numatune_validate(const TnDomainDef *def, GError **error);
void tn_numatune_init(TnNumatune *self);
void tn_numatune_clear(TnNumatune *self);
void tn_numatune_copy(TnNumatune *self, const TnNumatune *from);

/* os.c */
gboolean tn_domain_os_parse(TnDomainOs *self, xmlNodePtr domain, const TnXmlHost *host,
                            GError **error);
void tn_domain_os_format(const TnDomainOs *self, TnXmlWriter *writer);
gboolean tn_domain_os_postparse(TnDomainDef *def, const TnXmlHost *host, GError **error);
void tn_domain_os_clear(TnDomainOs *self);
void tn_domain_os_copy(TnDomainOs *self, const TnDomainOs *from);

/* features.c */
gboolean tn_domain_features_parse(TnDomainFeatures *self, xmlNodePtr domain, GError **error);
void tn_domain_features_format(const TnDomainFeatures *self, TnXmlWriter *writer);
gboolean tn_domain_features_validate(const TnDomainFeatures *self, GError **error);

/* cpu.c: model, topology, features; numa.c: cells */
gboolean tn_domain_cpu_parse(TnDomainCpu *self, xmlNodePtr domain, GError **error);
void tn_domain_cpu_format(const TnDomainCpu *self, TnXmlWriter *writer);
void tn_domain_cpu_postparse(TnDomainDef *def);
gboolean tn_domain_cpu_validate(const TnDomainDef *def, GError **error);
void tn_domain_cpu_init(TnDomainCpu *self);
void tn_domain_cpu_clear(TnDomainCpu *self);
void tn_domain_cpu_copy(TnDomainCpu *self, const TnDomainCpu *from);

gboolean tn_domain_numa_parse(TnDomainCpu *self, xmlNodePtr cpu, GError **error);
void tn_domain_numa_format(const TnDomainCpu *self, TnXmlWriter *writer);
void tn_domain_numa_postparse(TnDomainDef *def);
gboolean tn_domain_numa_validate(const TnDomainDef *def, GError **error);
guint64 tn_domain_numa_memory(const TnDomainCpu *self);
void tn_numa_cell_clear(TnNumaCell *self);

/* numa-distances.c: of cell @id of the sized array @cells; also fills the ways back */
gboolean tn_numa_distances_parse(GArray *cells, guint id, xmlNodePtr cell, GError **error);
void tn_numa_distances_format(const TnNumaCell *cell, guint n_cells, TnXmlWriter *writer);

/* clock.c */
gboolean tn_domain_clock_parse(TnDomainClock *self, xmlNodePtr domain, GError **error);
void tn_domain_clock_format(const TnDomainClock *self, TnXmlWriter *writer);
gboolean tn_domain_clock_validate(const TnDomainClock *self, GError **error);
void tn_domain_clock_init(TnDomainClock *self);
void tn_domain_clock_clear(TnDomainClock *self);
void tn_domain_clock_copy(TnDomainClock *self, const TnDomainClock *from);

/* seclabel.c: the array def->seclabels */
gboolean tn_seclabels_parse(GArray *self, xmlNodePtr domain, TnXmlParseFlags flags,
                            GError **error);
void tn_seclabels_format(const GArray *self, TnXmlWriter *writer, TnXmlFormatFlags flags);
GArray *tn_seclabels_new(void);
GArray *tn_seclabels_copy(const GArray *from);

/* vcpus.c: vcpu_states; after vcpus and vcpus_max are known */
gboolean tn_vcpus_parse(TnDomainDef *def, xmlNodePtr domain, GError **error);
void tn_vcpus_format(const TnDomainDef *def, TnXmlWriter *writer);
gboolean tn_vcpus_validate(const TnDomainDef *def, GError **error);

/* cputune.c: vcpu_pins and emulator_pin; after vcpus_max is known */
gboolean tn_cputune_parse(TnDomainDef *def, xmlNodePtr domain, GError **error);
void tn_cputune_format(const TnDomainDef *def, TnXmlWriter *writer);
GPtrArray *tn_vcpu_pins_copy(const GPtrArray *from);

/* metadata.c: the element itself */
gboolean tn_metadata_parse(TnDomainDef *def, xmlNodePtr domain, GError **error);
void tn_metadata_format(const TnDomainDef *def, TnXmlWriter *writer);

/* domain-parse.c */
TnDomainDef *tn_domain_def_parse_node(xmlNodePtr root, const TnXmlParseOptions *options,
                                      GError **error);

/* saturating sum: sizes of a hostile document do not wrap around */
guint64 tn_xml_add_saturated(guint64 a, guint64 b);

#endif
