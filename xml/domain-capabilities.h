/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The domain capabilities XML: what a guest of one machine type can have. */
#ifndef TN_XML_DOMAIN_CAPABILITIES_H
#define TN_XML_DOMAIN_CAPABILITIES_H

#include <glib.h>

/** TnDomainCapsCpuFeature: one feature of the host model. */
typedef struct {
    const char *name;
    gboolean disable; /**< FALSE: policy='require' */
} TnDomainCapsCpuFeature;

/** TnDomainCapsEnum: one `<enum>`: NULL-terminated values. */
typedef struct {
    const char *name;
    const char *const *values;
} TnDomainCapsEnum;

/** TnDomainCapsDevice: one device kind, e.g. "disk"; unsupported when it has no enums. */
typedef struct {
    const char *name;
    gboolean supported;
    const TnDomainCapsEnum *enums; /**< ended by a NULL name; NULL: none */
} TnDomainCapsDevice;

/** TnDomainCapabilities: everything shown; all pointers borrowed for the call. */
typedef struct {
    const char *emulator;
    const char *machine;  /**< canonical */
    const char *arch;     /**< "x86_64" */
    guint max_vcpus;
    gboolean iothreads;
    const char *const *firmware_loaders; /**< NULL: `<loader supported='no'/>` */
    const char *host_model;  /**< CPU model name; NULL: host-model unsupported */
    const char *host_vendor; /**< NULL: left out */
    const TnDomainCapsCpuFeature *host_features;
    guint n_host_features;
    const TnDomainCapsDevice *devices; /**< rows that replace the built-in ones by name, then */
    guint n_devices;                   /**< new ones; see tn_domain_capabilities_format() */
} TnDomainCapabilities;

/**
 * tn_domain_capabilities_format: the XML; caller frees. Never fails.
 * Devices not in @caps->devices are shown as Tenon's xml/ has them: unsupported ones with
 * supported='no', in libvirt's order.
 */
char *tn_domain_capabilities_format(const TnDomainCapabilities *caps);

#endif
