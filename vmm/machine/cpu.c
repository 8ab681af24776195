/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* CPUs as objects: place in the topology, NUMA node, thread. */
#include "vmm/machine/cpu.h"

#include "vmm/core/property.h"

struct _TnCpu {
    TnObject parent_instance;

    const TnMachineConfig *config;
    TnVcpu *vcpu; /* NULL once stopped */
    unsigned index;
    char *path; /* made when first asked for */
};

G_DEFINE_FINAL_TYPE(TnCpu, tn_cpu, TN_TYPE_OBJECT)

TnCpu *
tn_cpu_new(const TnMachineConfig *config, TnKvm *kvm, unsigned index, const TnVcpuEnv *env,
           GError **error)
{
    const TnCpuModel model = {
        .name = config->cpu_model,
        .features = (const char *const *)config->cpu_features,
        .sockets = config->sockets,
        .cores = config->cores,
        .threads = config->threads,
    };
    g_autoptr(TnCpu) self = g_object_new(TN_TYPE_CPU, NULL);

    self->config = config;
    self->index = index;
    self->vcpu = tn_vcpu_new(kvm, index, &model, env, error);
    return self->vcpu ? g_steal_pointer(&self) : NULL;
}

TnVcpu *
tn_cpu_get_vcpu(TnCpu *self)
{
    return self->vcpu;
}

void
tn_cpu_stop(TnCpu *self)
{
    g_clear_pointer(&self->vcpu, tn_vcpu_free);
}

static gboolean
find_node(const TnMachineConfig *config, unsigned cpu, unsigned *ret_node)
{
    for (unsigned i = 0; i < config->num_numa; i++) {
        if ((config->numa[i].cpus[cpu / 64] >> (cpu % 64)) & 1) {
            *ret_node = i;
            return TRUE;
        }
    }
    return FALSE;
}

void
tn_cpu_get_info(TnCpu *self, TnCpuInfo *ret_info)
{
    const TnMachineConfig *c = self->config;
    TnCpuInfo info = { .index = self->index };

    if (!self->path) {
        self->path = tn_object_get_path(TN_OBJECT(self));
    }
    info.thread_id = self->vcpu ? tn_vcpu_get_thread_id(self->vcpu) : 0;
    info.socket_id = self->index / (c->cores * c->threads);
    info.core_id = self->index / c->threads % c->cores;
    info.thread_in_core = self->index % c->threads;
    info.has_node = find_node(c, self->index, &info.node_id);
    info.qom_path = self->path;
    *ret_info = info;
}

enum { PROP_APIC_ID = 1, PROP_SOCKET, PROP_CORE, PROP_THREAD, PROP_NODE };

static void
tn_cpu_get_property(GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
    TnCpuInfo info;

    tn_cpu_get_info(TN_CPU(object), &info);
    switch (id) {
    case PROP_APIC_ID:
        g_value_set_uint(value, info.index);
        break;
    case PROP_SOCKET:
        g_value_set_int(value, (int)info.socket_id);
        break;
    case PROP_CORE:
        g_value_set_int(value, (int)info.core_id);
        break;
    case PROP_THREAD:
        g_value_set_int(value, (int)info.thread_in_core);
        break;
    case PROP_NODE:
        g_value_set_int(value, info.has_node ? (int)info.node_id : -1);
        break;
    default:
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
        break;
    }
}

static void
tn_cpu_finalize(GObject *object)
{
    TnCpu *self = TN_CPU(object);

    tn_cpu_stop(self);
    g_free(self->path);
    G_OBJECT_CLASS(tn_cpu_parent_class)->finalize(object);
}

static void
add_int(GObjectClass *klass, guint id, const char *name, const char *blurb)
{
    g_object_class_install_property(
        klass, id, g_param_spec_int(name, NULL, blurb, -1, TN_MAX_CPUS, -1, TN_PARAM_RO));
}

static void
tn_cpu_class_init(TnCpuClass *klass)
{
    GObjectClass *object_class = G_OBJECT_CLASS(klass);

    TN_OBJECT_CLASS(klass)->type_name = "host-x86_64-cpu";
    TN_OBJECT_CLASS(klass)->description = "the host's own CPU model";
    object_class->get_property = tn_cpu_get_property;
    object_class->finalize = tn_cpu_finalize;
    g_object_class_install_property(
        object_class, PROP_APIC_ID,
        g_param_spec_uint("apic-id", NULL, "local APIC's id", 0, G_MAXUINT, 0, TN_PARAM_RO));
    add_int(object_class, PROP_SOCKET, "socket-id", "socket it sits in");
    add_int(object_class, PROP_CORE, "core-id", "core within the socket");
    add_int(object_class, PROP_THREAD, "thread-id", "thread within the core");
    add_int(object_class, PROP_NODE, "node-id", "NUMA node, -1 for none");
}

static void
tn_cpu_init(TnCpu *self)
{
}
