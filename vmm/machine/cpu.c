/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* CPUs as devices: place in the topology, NUMA node, vCPU. */
#include "vmm/machine/cpu.h"

#include "vmm/core/property.h"

#include <string.h>

typedef struct TnCpuPrivate {
    TnCpuAddress address;
    const TnCpuHost *host; /* NULL before it has a place */
    unsigned index;
    TnVcpu *vcpu; /* NULL: not realized, or stopped */
    char *path;   /* made when first asked for */
} TnCpuPrivate;

G_DEFINE_TYPE_WITH_PRIVATE(TnCpu, tn_cpu, TN_TYPE_DEVICE)

static TnCpuPrivate *
priv(TnCpu *self)
{
    return tn_cpu_get_instance_private(self);
}

void
tn_cpu_get_address(TnCpu *self, TnCpuAddress *ret_address)
{
    *ret_address = priv(self)->address;
}

void
tn_cpu_set_place(TnCpu *self, const TnCpuHost *host, unsigned index)
{
    TnCpuPrivate *p = priv(self);
    const TnCpuTopology topology = tn_machine_config_get_topology(host->config);
    TnCpuPlace place = tn_cpu_topology_place(&topology, index);
    unsigned node;

    g_assert(!tn_device_is_realized(TN_DEVICE(self)));
    p->host = host;
    p->index = index;
    p->address = (TnCpuAddress){
        .socket = (int)place.socket,
        .die = (int)place.die,
        .core = (int)place.core,
        .thread = (int)place.thread,
        .node = tn_machine_config_find_node(host->config, index, &node) ? (int)node
                                                                        : TN_CPU_UNSET,
        .apic_id = tn_cpu_topology_apic_id(&topology, index),
    };
}

unsigned
tn_cpu_get_index(TnCpu *self)
{
    return priv(self)->index;
}

TnVcpu *
tn_cpu_get_vcpu(TnCpu *self)
{
    return priv(self)->vcpu;
}

const char *
tn_cpu_get_path(TnCpu *self)
{
    TnCpuPrivate *p = priv(self);

    if (!p->path) {
        p->path = tn_object_get_path(TN_OBJECT(self));
    }
    return p->path;
}

void
tn_cpu_stop(TnCpu *self)
{
    g_clear_pointer(&priv(self)->vcpu, tn_vcpu_free);
}

static gboolean
realize(TnDevice *device, GError **error)
{
    TnCpuPrivate *p = priv(TN_CPU(device));
    TnCpuModel model = { 0 };

    if (!p->host) {
        g_set_error_literal(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                            "the machine has no place for CPUs");
        return FALSE;
    }
    model.name = p->host->config->cpu_model;
    model.features = (const char *const *)p->host->config->cpu_features;
    model.topology = tn_machine_config_get_topology(p->host->config);
    p->vcpu = tn_vcpu_new(p->host->kvm, p->index, &model, &p->host->env, error);
    /* Those of the beginning are reset with the whole machine. */
    if (p->vcpu && tn_device_is_hotplugged(device) && !tn_vcpu_reset(p->vcpu, error)) {
        g_clear_pointer(&p->vcpu, tn_vcpu_free);
    }
    return p->vcpu != NULL;
}

static void
unrealize(TnDevice *device)
{
    tn_cpu_stop(TN_CPU(device));
}

enum { PROP_APIC_ID = 1, PROP_SOCKET, PROP_DIE, PROP_CORE, PROP_THREAD, PROP_NODE, PROP_EXITS };

/* The field of an integer property. */
static int *
find_field(TnCpuAddress *address, guint id)
{
    switch (id) {
    case PROP_SOCKET:
        return &address->socket;
    case PROP_DIE:
        return &address->die;
    case PROP_CORE:
        return &address->core;
    case PROP_THREAD:
        return &address->thread;
    case PROP_NODE:
        return &address->node;
    default:
        return NULL;
    }
}

static void
tn_cpu_get_property(GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
    TnCpuPrivate *p = priv(TN_CPU(object));
    TnCpuAddress *address = &p->address;
    const int *field = find_field(address, id);

    if (field) {
        g_value_set_int(value, *field);
    } else if (id == PROP_EXITS) {
        g_value_set_uint64(value, p->vcpu ? tn_vcpu_get_exit_count(p->vcpu) : 0);
    } else if (id == PROP_APIC_ID) {
        g_value_set_uint(value, address->apic_id);
    } else {
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
    }
}

static void
tn_cpu_set_property(GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
    TnCpuAddress *address = &priv(TN_CPU(object))->address;
    int *field = find_field(address, id);

    if (field) {
        *field = g_value_get_int(value);
    } else if (id == PROP_APIC_ID) {
        address->apic_id = g_value_get_uint(value);
    } else {
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
    }
}

static void
tn_cpu_finalize(GObject *object)
{
    tn_cpu_stop(TN_CPU(object));
    g_free(priv(TN_CPU(object))->path);
    G_OBJECT_CLASS(tn_cpu_parent_class)->finalize(object);
}

static void
add_int(GObjectClass *klass, guint id, const char *name, const char *blurb)
{
    g_object_class_install_property(klass, id,
                                    g_param_spec_int(name, NULL, blurb, G_MININT32, G_MAXINT32,
                                                     TN_CPU_UNSET, TN_PARAM_RW));
}

static void
tn_cpu_class_init(TnCpuClass *klass)
{
    GObjectClass *object_class = G_OBJECT_CLASS(klass);
    TnDeviceClass *device_class = TN_DEVICE_CLASS(klass);

    TN_OBJECT_CLASS(klass)->type_name = "host-x86_64-cpu";
    TN_OBJECT_CLASS(klass)->description = "the host's own CPU model";
    TN_OBJECT_CLASS(klass)->user_creatable = TRUE;
    device_class->hotpluggable = TRUE;
    device_class->realize = realize;
    device_class->unrealize = unrealize;
    object_class->get_property = tn_cpu_get_property;
    object_class->set_property = tn_cpu_set_property;
    object_class->finalize = tn_cpu_finalize;
    g_object_class_install_property(
        object_class, PROP_APIC_ID,
        g_param_spec_uint("apic-id", NULL, "local APIC's id", 0, G_MAXUINT32, TN_CPU_NO_APIC_ID,
                          TN_PARAM_RW));
    add_int(object_class, PROP_SOCKET, "socket-id", "socket it sits in");
    add_int(object_class, PROP_DIE, "die-id", "die within the socket");
    add_int(object_class, PROP_CORE, "core-id", "core within the die");
    add_int(object_class, PROP_THREAD, "thread-id", "thread within the core");
    add_int(object_class, PROP_NODE, "node-id", "NUMA node, -1 for none");
    g_object_class_install_property(
        object_class, PROP_EXITS,
        g_param_spec_uint64("exits", NULL, "exits to the monitor program so far", 0, G_MAXUINT64, 0,
                            G_PARAM_READABLE | G_PARAM_STATIC_STRINGS));
}

static void
tn_cpu_init(TnCpu *self)
{
    priv(self)->address = (TnCpuAddress){ TN_CPU_UNSET, TN_CPU_UNSET, TN_CPU_UNSET,
                                          TN_CPU_UNSET, TN_CPU_UNSET, TN_CPU_NO_APIC_ID };
}

/* The other models differ in their names alone: which CPUID they show is KVM's part. */
typedef TnCpu TnCpuMax;
typedef TnCpuClass TnCpuMaxClass;
G_DEFINE_TYPE(TnCpuMax, tn_cpu_max, TN_TYPE_CPU)

static void
tn_cpu_max_class_init(TnCpuMaxClass *klass)
{
    TN_OBJECT_CLASS(klass)->type_name = "max-x86_64-cpu";
    TN_OBJECT_CLASS(klass)->description = "all that the host offers";
}

static void
tn_cpu_max_init(TnCpuMax *self)
{
}

typedef TnCpu TnCpuQemu64;
typedef TnCpuClass TnCpuQemu64Class;
G_DEFINE_TYPE(TnCpuQemu64, tn_cpu_qemu64, TN_TYPE_CPU)

static void
tn_cpu_qemu64_class_init(TnCpuQemu64Class *klass)
{
    TN_OBJECT_CLASS(klass)->type_name = "qemu64-x86_64-cpu";
    TN_OBJECT_CLASS(klass)->description = "QEMU Virtual CPU version 2.5+";
}

static void
tn_cpu_qemu64_init(TnCpuQemu64 *self)
{
}

typedef TnCpu TnCpuOpteronG1;
typedef TnCpuClass TnCpuOpteronG1Class;
G_DEFINE_TYPE(TnCpuOpteronG1, tn_cpu_opteron_g1, TN_TYPE_CPU)

static void
tn_cpu_opteron_g1_class_init(TnCpuOpteronG1Class *klass)
{
    TN_OBJECT_CLASS(klass)->type_name = "Opteron_G1-x86_64-cpu";
    TN_OBJECT_CLASS(klass)->description = "AMD Opteron 240 (Gen 1 Class Opteron)";
}

static void
tn_cpu_opteron_g1_init(TnCpuOpteronG1 *self)
{
}

GType
tn_cpu_find_type(const char *model)
{
    const GType types[] = { TN_TYPE_CPU, TN_TYPE_CPU_MAX, TN_TYPE_CPU_QEMU64,
                            TN_TYPE_CPU_OPTERON_G1 };
    g_autofree char *name = g_strdup_printf("%s-x86_64-cpu", model);

    for (gsize i = 0; i < G_N_ELEMENTS(types); i++) {
        g_autoptr(GTypeClass) klass = g_type_class_ref(types[i]);

        if (strcmp(TN_OBJECT_CLASS(klass)->type_name, name) == 0) {
            return types[i];
        }
    }
    return G_TYPE_INVALID;
}
