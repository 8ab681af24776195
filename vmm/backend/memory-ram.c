/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* memory-backend-ram: anonymous host memory. */
#include "vmm/backend/memory-backend.h"

typedef struct {
    TnMemoryBackend parent_instance;
} TnMemoryBackendRam;

typedef struct {
    TnMemoryBackendClass parent_class;
} TnMemoryBackendRamClass;

G_DEFINE_TYPE(TnMemoryBackendRam, tn_memory_backend_ram, TN_TYPE_MEMORY_BACKEND)

static char *
map_error(TnMemoryBackend *self)
{
    return g_strdup_printf("cannot set up guest memory '%s'",
                           tn_object_get_name(TN_OBJECT(self)) ?: "memory-backend-ram");
}

static void
tn_memory_backend_ram_init(TnMemoryBackendRam *self)
{
}

static void
tn_memory_backend_ram_class_init(TnMemoryBackendRamClass *klass)
{
    TnObjectClass *tn_class = TN_OBJECT_CLASS(klass);

    tn_class->type_name = "memory-backend-ram";
    tn_class->description = "anonymous host memory";
    tn_class->user_creatable = TRUE;
    TN_MEMORY_BACKEND_CLASS(klass)->map_error = map_error;
}
