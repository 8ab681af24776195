/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Memory backends: the properties and the life that all kinds share. */
#include "vmm/backend/memory-backend.h"

#include "vmm/core/log.h"
#include "vmm/core/property.h"

#include <errno.h>
#include <unistd.h>

/* What anonymous memory asks of its guest address, so that both levels of
 * translation can use huge pages; part of the guest's ABI as QEMU has it. */
#define TN_RAM_ALIGNMENT (G_GUINT64_CONSTANT(2) << 20)

#define TN_OVERCOMMIT_PATH "/proc/sys/vm/overcommit_memory"

#define TN_NODE_WORD_BITS (8 * sizeof(gulong))

typedef struct TnMemoryBackendPrivate {
    /* Properties. */
    guint64 size;
    gboolean size_given;
    gboolean share, prealloc, merge, dump, reserve;
    guint prealloc_threads;
    TnHostMemPolicy policy;
    gulong host_nodes[TN_HOST_MAX_NODES / TN_NODE_WORD_BITS];
    int bad_host_node; /* the first that is out of range, -1 for none */

    /* Since complete. */
    gboolean completed;
    gboolean mapped;
    gboolean readonly;
    guint64 page_size;
    guint64 alignment;
    int fd;
    TnHostMemory memory;
    TnMemoryRegion region; /* zero until asked for */
} TnMemoryBackendPrivate;

G_DEFINE_ABSTRACT_TYPE_WITH_PRIVATE(TnMemoryBackend, tn_memory_backend, TN_TYPE_OBJECT)

enum {
    PROP_0,
    PROP_SIZE,
    PROP_SHARE,
    PROP_PREALLOC,
    PROP_PREALLOC_THREADS,
    PROP_MERGE,
    PROP_DUMP,
    PROP_RESERVE,
    PROP_HOST_NODES,
    PROP_POLICY,
    N_PROPS,
};

static GParamSpec *props[N_PROPS];

static const GEnumValue policy_values[] = {
    { TN_HOST_MEM_POLICY_DEFAULT, "TN_HOST_MEM_POLICY_DEFAULT", "default" },
    { TN_HOST_MEM_POLICY_PREFERRED, "TN_HOST_MEM_POLICY_PREFERRED", "preferred" },
    { TN_HOST_MEM_POLICY_BIND, "TN_HOST_MEM_POLICY_BIND", "bind" },
    { TN_HOST_MEM_POLICY_INTERLEAVE, "TN_HOST_MEM_POLICY_INTERLEAVE", "interleave" },
    { 0, NULL, NULL },
};

GType
tn_host_mem_policy_get_type(void)
{
    static gsize type;

    if (g_once_init_enter(&type)) {
        g_once_init_leave(&type, g_enum_register_static("HostMemPolicy", policy_values));
    }
    return type;
}

const char *
tn_host_mem_policy_to_string(TnHostMemPolicy policy)
{
    g_return_val_if_fail(policy <= TN_HOST_MEM_POLICY_INTERLEAVE, NULL);
    return policy_values[policy].value_nick;
}

static TnMemoryBackendPrivate *
priv_of(TnMemoryBackend *self)
{
    return tn_memory_backend_get_instance_private(self);
}

static gboolean
has_host_nodes(const TnMemoryBackendPrivate *priv)
{
    for (gsize i = 0; i < G_N_ELEMENTS(priv->host_nodes); i++) {
        if (priv->host_nodes[i]) {
            return TRUE;
        }
    }
    return FALSE;
}

/* An "aq" of node numbers into the mask; a property setter cannot refuse, so a
 * number out of range is kept for complete to refuse. */
static void
set_host_nodes(TnMemoryBackendPrivate *priv, GVariant *nodes)
{
    gsize count = 0;
    const guint16 *list = nodes ? g_variant_get_fixed_array(nodes, &count, sizeof *list) : NULL;

    memset(priv->host_nodes, 0, sizeof priv->host_nodes);
    priv->bad_host_node = -1;
    for (gsize i = 0; i < count; i++) {
        if (list[i] >= TN_HOST_MAX_NODES) {
            priv->bad_host_node = list[i];
            return;
        }
        priv->host_nodes[list[i] / TN_NODE_WORD_BITS] |= 1UL << (list[i] % TN_NODE_WORD_BITS);
    }
}

static GVariant *
get_host_nodes(const TnMemoryBackendPrivate *priv)
{
    guint16 list[TN_HOST_MAX_NODES];
    gsize count = 0;

    for (guint16 i = 0; i < TN_HOST_MAX_NODES; i++) {
        if (priv->host_nodes[i / TN_NODE_WORD_BITS] & (1UL << (i % TN_NODE_WORD_BITS))) {
            list[count++] = i;
        }
    }
    return g_variant_new_fixed_array(G_VARIANT_TYPE_UINT16, list, count, sizeof list[0]);
}

/* The properties that still act on a completed backend. */
static gboolean
set_live_property(TnMemoryBackendPrivate *priv, guint id, const GValue *value)
{
    switch (id) {
    case PROP_MERGE:
        priv->merge = g_value_get_boolean(value);
        if (priv->completed) {
            tn_host_memory_set_merge(&priv->memory, priv->merge);
        }
        return TRUE;
    case PROP_DUMP:
        priv->dump = g_value_get_boolean(value);
        if (priv->completed) {
            tn_host_memory_set_dump(&priv->memory, priv->dump);
        }
        return TRUE;
    default:
        return FALSE;
    }
}

static void
set_property(GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
    TnMemoryBackendPrivate *priv = priv_of(TN_MEMORY_BACKEND(object));

    if (set_live_property(priv, id, value)) {
        return;
    }
    g_return_if_fail(!priv->completed);
    switch (id) {
    case PROP_SIZE:
        priv->size = g_value_get_uint64(value);
        priv->size_given = TRUE;
        break;
    case PROP_SHARE:
        priv->share = g_value_get_boolean(value);
        break;
    case PROP_PREALLOC:
        priv->prealloc = g_value_get_boolean(value);
        break;
    case PROP_PREALLOC_THREADS:
        priv->prealloc_threads = g_value_get_uint(value);
        break;
    case PROP_RESERVE:
        priv->reserve = g_value_get_boolean(value);
        break;
    case PROP_HOST_NODES:
        set_host_nodes(priv, g_value_get_variant(value));
        break;
    case PROP_POLICY:
        priv->policy = (TnHostMemPolicy)g_value_get_enum(value);
        break;
    default:
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
    }
}

static void
get_property(GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
    TnMemoryBackendPrivate *priv = priv_of(TN_MEMORY_BACKEND(object));

    switch (id) {
    case PROP_SIZE:
        g_value_set_uint64(value, priv->size);
        break;
    case PROP_SHARE:
        g_value_set_boolean(value, priv->share);
        break;
    case PROP_PREALLOC:
        g_value_set_boolean(value, priv->prealloc);
        break;
    case PROP_PREALLOC_THREADS:
        g_value_set_uint(value, priv->prealloc_threads);
        break;
    case PROP_MERGE:
        g_value_set_boolean(value, priv->merge);
        break;
    case PROP_DUMP:
        g_value_set_boolean(value, priv->dump);
        break;
    case PROP_RESERVE:
        g_value_set_boolean(value, priv->reserve);
        break;
    case PROP_HOST_NODES:
        g_value_set_variant(value, get_host_nodes(priv));
        break;
    case PROP_POLICY:
        g_value_set_enum(value, (int)priv->policy);
        break;
    default:
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
    }
}

/* What can be judged before anything is opened. */
static gboolean
check_properties(TnMemoryBackend *self, GError **error)
{
    TnMemoryBackendPrivate *priv = priv_of(self);
    const char *type = tn_object_get_type_name(TN_OBJECT(self));

    if (!priv->size_given) {
        g_set_error_literal(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                            "Parameter 'size' is missing");
    } else if (priv->size == 0) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "property 'size' of %s doesn't take value '0'", type);
    } else if (priv->prealloc_threads == 0) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "property 'prealloc-threads' of %s doesn't take value '0'", type);
    } else if (priv->bad_host_node >= 0) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC, "Invalid host-nodes value: %d",
                    priv->bad_host_node);
    } else if (priv->prealloc && !priv->reserve) {
        g_set_error_literal(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                            "'prealloc=on' and 'reserve=off' are incompatible");
    } else if (priv->policy == TN_HOST_MEM_POLICY_DEFAULT && has_host_nodes(priv)) {
        g_set_error_literal(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                            "host-nodes must be empty for policy default, or you should "
                            "explicitly specify a policy other than default");
    } else if (priv->policy != TN_HOST_MEM_POLICY_DEFAULT && !has_host_nodes(priv)) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "host-nodes must be set for policy %s",
                    tn_host_mem_policy_to_string(priv->policy));
    } else {
        return TRUE;
    }
    return FALSE;
}

/* Under overcommit_memory=2 the kernel counts MAP_NORESERVE mappings as well; a
 * user who asked not to reserve is told rather than surprised. */
static gboolean
check_noreserve(const TnHostMemorySpec *spec, GError **error)
{
    g_autofree char *mode = NULL;

    if (spec->reserve || spec->readonly || (spec->share && spec->fd >= 0) ||
        spec->page_size > tn_host_memory_page_size()) {
        return TRUE;
    }
    if (g_file_get_contents(TN_OVERCOMMIT_PATH, &mode, NULL, NULL) && mode[0] == '2') {
        g_set_error_literal(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                            "Skipping reservation of swap space is not supported: "
                            "\"" TN_OVERCOMMIT_PATH "\" is \"2\"");
        return FALSE;
    }
    return TRUE;
}

/* Maps, advises, binds and preallocates @spec; nothing is left mapped on failure.
 * Binding comes before the first page is touched, so every page is placed by it. */
static gboolean
map_memory(TnMemoryBackend *self, const TnHostMemorySpec *spec, TnHostMemory *ret_memory,
           GError **error)
{
    TnMemoryBackendPrivate *priv = priv_of(self);
    TnHostMemory memory = { 0 };

    if (!check_noreserve(spec, error)) {
        return FALSE;
    }
    if (!tn_host_memory_map(spec, &memory, error)) {
        g_autofree char *what = TN_MEMORY_BACKEND_GET_CLASS(self)->map_error(self);

        g_prefix_error(error, "%s: ", what);
        return FALSE;
    }
    tn_host_memory_advise(&memory);
    if (priv->merge) {
        tn_host_memory_set_merge(&memory, TRUE);
    }
    if (!priv->dump) {
        tn_host_memory_set_dump(&memory, FALSE);
    }
    if (!tn_host_memory_bind(&memory, priv->policy, priv->host_nodes, error) ||
        (priv->prealloc && !tn_host_memory_prealloc(&memory, spec->page_size, spec->readonly,
                                                    priv->prealloc_threads, error))) {
        tn_host_memory_unmap(&memory);
        return FALSE;
    }
    *ret_memory = memory;
    return TRUE;
}

static gboolean
complete(TnObject *object, GError **error)
{
    TnMemoryBackend *self = TN_MEMORY_BACKEND(object);
    TnMemoryBackendClass *klass = TN_MEMORY_BACKEND_GET_CLASS(self);
    TnMemoryBackendPrivate *priv = priv_of(self);
    TnHostMemorySpec spec = {
        .fd = -1,
        .size = priv->size,
        .page_size = tn_host_memory_page_size(),
        .share = priv->share,
        .reserve = priv->reserve,
    };

    g_return_val_if_fail(!priv->completed, FALSE);
    if (!check_properties(self, error)) {
        return FALSE;
    }
    if (klass->open && !klass->open(self, &spec, error)) {
        return FALSE;
    }
    if (!map_memory(self, &spec, &priv->memory, error)) {
        if (klass->map_failed) {
            klass->map_failed(self);
        }
        if (spec.fd >= 0) {
            (void)close(spec.fd);
        }
        return FALSE;
    }
    priv->fd = spec.fd;
    priv->readonly = spec.readonly;
    priv->page_size = spec.page_size;
    priv->alignment = spec.fd < 0 ? TN_RAM_ALIGNMENT : MAX(spec.page_size, spec.align);
    priv->completed = TRUE;
    return TRUE;
}

static gboolean
can_be_deleted(TnObject *object)
{
    return !priv_of(TN_MEMORY_BACKEND(object))->mapped;
}

static gboolean
is_complete(TnObject *object)
{
    return priv_of(TN_MEMORY_BACKEND(object))->completed;
}

guint64
tn_memory_backend_get_size(TnMemoryBackend *self)
{
    return priv_of(self)->size;
}

guint64
tn_memory_backend_get_alignment(TnMemoryBackend *self)
{
    g_return_val_if_fail(priv_of(self)->completed, TN_RAM_ALIGNMENT);
    return priv_of(self)->alignment;
}

const TnHostMemory *
tn_memory_backend_get_mapping(TnMemoryBackend *self)
{
    return &priv_of(self)->memory;
}

TnMemoryRegion *
tn_memory_backend_get_region(TnMemoryBackend *self, TnMemory *memory)
{
    TnMemoryBackendPrivate *priv = priv_of(self);
    const char *name = tn_object_get_name(TN_OBJECT(self));
    TnRamBlock block = { .host = priv->memory.base, .fd = priv->fd, .fd_offset = 0 };

    if (!priv->completed) {
        return NULL;
    }
    if (!priv->region.memory) {
        name = name ? name : tn_object_get_type_name(TN_OBJECT(self));
        if (priv->readonly) {
            tn_memory_region_init_rom(&priv->region, memory, G_OBJECT(self), name,
                                      priv->memory.size, &block);
        } else {
            tn_memory_region_init_ram(&priv->region, memory, G_OBJECT(self), name,
                                      priv->memory.size, &block);
        }
    }
    g_return_val_if_fail(priv->region.memory == memory, NULL);
    return &priv->region;
}

void
tn_memory_backend_set_mapped(TnMemoryBackend *self, gboolean mapped)
{
    priv_of(self)->mapped = mapped;
}

gboolean
tn_memory_backend_is_mapped(TnMemoryBackend *self)
{
    return priv_of(self)->mapped;
}

gboolean
tn_memory_backend_is_zero(TnMemoryBackend *self)
{
    return !TN_MEMORY_BACKEND_GET_CLASS(self)->has_contents;
}

void
tn_memory_backend_get_info(TnMemoryBackend *self, TnMemoryBackendInfo *ret_info)
{
    TnMemoryBackendPrivate *priv = priv_of(self);

    *ret_info = (TnMemoryBackendInfo){
        .size = priv->size,
        .merge = priv->merge,
        .dump = priv->dump,
        .prealloc = priv->prealloc,
        .share = priv->share,
        .reserve = priv->reserve,
        .policy = priv->policy,
        .host_nodes = priv->host_nodes,
    };
}

static void
finalize(GObject *object)
{
    TnMemoryBackendPrivate *priv = priv_of(TN_MEMORY_BACKEND(object));

    tn_memory_region_done(&priv->region);
    tn_host_memory_unmap(&priv->memory);
    if (priv->fd >= 0) {
        (void)close(priv->fd);
    }
    G_OBJECT_CLASS(tn_memory_backend_parent_class)->finalize(object);
}

static char *
default_map_error(TnMemoryBackend *self)
{
    return g_strdup("unable to map backing store for guest RAM");
}

static void
tn_memory_backend_init(TnMemoryBackend *self)
{
    TnMemoryBackendPrivate *priv = priv_of(self);

    priv->merge = TRUE;
    priv->dump = TRUE;
    priv->reserve = TRUE;
    priv->prealloc_threads = 1;
    priv->bad_host_node = -1;
    priv->fd = -1;
}

static void
init_properties(GObjectClass *object_class)
{
    props[PROP_SIZE] = tn_param_spec_size("size", "Size of the memory region (ex: 500M)", 0,
                                          TN_PARAM_RW);
    props[PROP_SHARE] = g_param_spec_boolean(
        "share", NULL, "Mark the memory as private to the monitor or shared", FALSE, TN_PARAM_RW);
    props[PROP_PREALLOC] = g_param_spec_boolean("prealloc", NULL, "Preallocate memory", FALSE,
                                                TN_PARAM_RW);
    props[PROP_PREALLOC_THREADS] =
        g_param_spec_uint("prealloc-threads", NULL, "Number of CPU threads to use for prealloc", 0,
                          G_MAXUINT, 1, TN_PARAM_RW);
    props[PROP_MERGE] = g_param_spec_boolean("merge", NULL, "Mark memory as mergeable", TRUE,
                                             TN_PARAM_RW | TN_PARAM_LIVE_WRITABLE);
    props[PROP_DUMP] =
        g_param_spec_boolean("dump", NULL, "Set to 'off' to exclude from core dump", TRUE,
                             TN_PARAM_RW | TN_PARAM_LIVE_WRITABLE);
    props[PROP_RESERVE] =
        g_param_spec_boolean("reserve", NULL, "Reserve swap space (or huge pages) if applicable",
                             TRUE, TN_PARAM_RW);
    props[PROP_HOST_NODES] =
        g_param_spec_variant("host-nodes", NULL, "Binds memory to the list of NUMA host nodes",
                             G_VARIANT_TYPE("aq"), NULL, TN_PARAM_RW);
    props[PROP_POLICY] =
        g_param_spec_enum("policy", NULL, "Set the NUMA policy", TN_TYPE_HOST_MEM_POLICY,
                          TN_HOST_MEM_POLICY_DEFAULT, TN_PARAM_RW);
    g_object_class_install_properties(object_class, N_PROPS, props);
}

static void
tn_memory_backend_class_init(TnMemoryBackendClass *klass)
{
    GObjectClass *object_class = G_OBJECT_CLASS(klass);
    TnObjectClass *tn_class = TN_OBJECT_CLASS(klass);

    object_class->set_property = set_property;
    object_class->get_property = get_property;
    object_class->finalize = finalize;
    tn_class->type_name = "memory-backend";
    tn_class->complete = complete;
    tn_class->can_be_deleted = can_be_deleted;
    tn_class->is_complete = is_complete;
    klass->map_error = default_map_error;
    init_properties(object_class);
}
