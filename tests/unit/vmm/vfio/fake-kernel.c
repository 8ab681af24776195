/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The kernel of the tests of vmm/vfio. */
#include "tests/unit/vmm/vfio/fake-kernel.h"

#include "vmm/core/fd-source.h"
#include "vmm/vfio/group.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

enum { FD_CONTAINER = 100000, FD_GROUP, FD_DEVICE, FD_OTHER };

#define RAM_SIZE (2u << 20)

static int
fail(int err)
{
    errno = err;
    return -1;
}

static int
fake_open(void *opaque, const char *path)
{
    FakeKernel *k = opaque;

    k->open_fds++;
    if (strcmp(path, "/dev/vfio/vfio") == 0) {
        return FD_CONTAINER;
    }
    g_assert_cmpstr(path, ==, "/dev/vfio/7");
    return FD_GROUP;
}

static int
fake_close(void *opaque, int fd)
{
    FakeKernel *k = opaque;

    g_assert_cmpint(fd, >=, FD_CONTAINER);
    /* The kernel keeps a device whose memory is mapped. */
    g_assert_true(fd != FD_DEVICE || k->mmaps == 0 || k->has_other);
    g_assert_true(fd != FD_GROUP || !k->in_container);
    k->open_fds--;
    return 0;
}

static int
map(FakeKernel *k, const struct vfio_iommu_type1_dma_map *request)
{
    if (k->map_fails_at > 0 && --k->map_fails_at == 0) {
        return fail(k->map_errno);
    }
    k->maps++;
    k->mapped_bytes += request->size;
    return 0;
}

static int
unmap(FakeKernel *k, const struct vfio_iommu_type1_dma_unmap *request)
{
    g_assert_cmpuint(k->maps, >, 0);
    k->maps--;
    k->mapped_bytes -= request->size;
    return 0;
}

static int
iommu_info(struct vfio_iommu_type1_info *info)
{
    struct vfio_iommu_type1_info_dma_avail *cap = (void *)((guint8 *)info + 24);

    info->flags = VFIO_IOMMU_INFO_PGSIZES | VFIO_IOMMU_INFO_CAPS;
    info->iova_pgsizes = 4096;
    if (info->argsz >= 24 + sizeof *cap) {
        info->cap_offset = 24;
        cap->header.id = VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL;
        cap->avail = 10;
    }
    info->argsz = 24 + sizeof *cap;
    return 0;
}

static int
container_ioctl(FakeKernel *k, unsigned long request, void *arg)
{
    switch (request) {
    case VFIO_GET_API_VERSION:
        return k->api_version;
    case VFIO_CHECK_EXTENSION:
        return (uintptr_t)arg == VFIO_TYPE1v2_IOMMU ? !k->no_type1_v2
                                                    : (uintptr_t)arg == VFIO_TYPE1_IOMMU;
    case VFIO_SET_IOMMU:
        return k->in_container ? 0 : fail(EINVAL);
    case VFIO_IOMMU_GET_INFO:
        return iommu_info(arg);
    case VFIO_IOMMU_MAP_DMA:
        return map(k, arg);
    case VFIO_IOMMU_UNMAP_DMA:
        return unmap(k, arg);
    default:
        return fail(ENOTTY);
    }
}

static int
group_ioctl(FakeKernel *k, unsigned long request, void *arg)
{
    switch (request) {
    case VFIO_GROUP_GET_STATUS:
        ((struct vfio_group_status *)arg)->flags = k->not_viable ? 0 : VFIO_GROUP_FLAGS_VIABLE;
        return 0;
    case VFIO_GROUP_SET_CONTAINER:
        if (k->set_container_fails) {
            return fail(EINVAL);
        }
        k->in_container = TRUE;
        return 0;
    case VFIO_GROUP_UNSET_CONTAINER:
        k->in_container = FALSE;
        return 0;
    case VFIO_GROUP_GET_DEVICE_FD:
        if (k->device_busy) {
            return fail(EBUSY);
        }
        k->open_fds++;
        if (k->has_other && strcmp(arg, FAKE_OTHER) == 0) {
            return FD_OTHER;
        }
        g_assert_cmpstr(arg, ==, FAKE_DEVICE);
        return FD_DEVICE;
    default:
        return fail(ENOTTY);
    }
}

/* BAR 0's answer: a sparse area, and whether the MSI-X table may be mapped. */
static void
region_caps(const FakeKernel *k, struct vfio_region_info *info)
{
    struct vfio_region_info_cap_sparse_mmap sparse = {
        .header = { .id = k->sparse_size ? VFIO_REGION_INFO_CAP_SPARSE_MMAP : 0xfff0 },
        .nr_areas = k->sparse_count,
    };
    const struct vfio_region_sparse_mmap_area area = { k->sparse_offset, k->sparse_size };
    const struct vfio_info_cap_header msix = {
        .id = k->msix_mappable ? VFIO_REGION_INFO_CAP_MSIX_MAPPABLE : 0xfff1,
    };
    guint32 room = info->argsz;
    guint8 *at = (guint8 *)info + sizeof *info;

    info->argsz = sizeof *info + sizeof sparse + sizeof area + sizeof msix;
    info->flags |= VFIO_REGION_INFO_FLAG_CAPS;
    if (room < info->argsz) {
        return;
    }
    sparse.header.next = sizeof *info + sizeof sparse + sizeof area;
    info->cap_offset = sizeof *info;
    memcpy(at, &sparse, sizeof sparse);
    memcpy(at + sizeof sparse, &area, sizeof area);
    memcpy(at + sizeof sparse + sizeof area, &msix, sizeof msix);
}

static int
region_info(const FakeKernel *k, struct vfio_region_info *info)
{
    info->size = k->region_size[info->index];
    info->offset = (guint64)info->index << 40;
    info->flags = info->size ? VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE : 0;
    if (info->index == 0) {
        info->flags |= VFIO_REGION_INFO_FLAG_MMAP;
        region_caps(k, info);
    }
    return 0;
}

static int
irq_info(struct vfio_irq_info *info)
{
    static const guint32 counts[] = { 1, 2, 4, 1, 1 };

    info->count = counts[info->index];
    info->flags = VFIO_IRQ_INFO_EVENTFD;
    return 0;
}

static int
set_vectors(FakeKernel *k, const struct vfio_irq_set *set)
{
    if (k->set_irqs_fails && set->count > 0) {
        return fail(EINVAL);
    }
    if (set->count == 0) {
        k->n_vectors = k->vector_index = 0;
        return 0;
    }
    g_assert_cmpuint(set->start + set->count, <=, FAKE_MAX_VECTORS);
    /* Another number of vectors needs all of them given up first. */
    g_assert_true(k->n_vectors == 0 || set->start + set->count <= k->n_vectors);
    memcpy(k->vectors + set->start, set->data, set->count * sizeof k->vectors[0]);
    k->n_vectors = MAX(k->n_vectors, set->count);
    k->vector_index = set->index;
    return 0;
}

static int
set_intx(FakeKernel *k, const struct vfio_irq_set *set)
{
    if (set->flags & VFIO_IRQ_SET_DATA_EVENTFD) {
        memcpy(set->flags & VFIO_IRQ_SET_ACTION_UNMASK ? &k->unmask_fd : &k->intx_fd, set->data,
               sizeof k->intx_fd);
    } else if (set->flags & VFIO_IRQ_SET_ACTION_MASK) {
        k->intx_masked = 1;
    } else if (set->flags & VFIO_IRQ_SET_ACTION_UNMASK) {
        k->intx_masked = 0;
    } else if (set->count == 0) {
        k->intx_fd = k->unmask_fd = -1;
    }
    return 0;
}

static int
set_irqs(FakeKernel *k, const struct vfio_irq_set *set)
{
    switch (set->index) {
    case VFIO_PCI_INTX_IRQ_INDEX:
        return set_intx(k, set);
    case VFIO_PCI_ERR_IRQ_INDEX:
        memcpy(&k->error_fd, set->data, sizeof k->error_fd);
        return 0;
    case VFIO_PCI_REQ_IRQ_INDEX:
        memcpy(&k->request_fd, set->data, sizeof k->request_fd);
        return 0;
    default:
        return set_vectors(k, set);
    }
}

static int
hot_reset_info(const FakeKernel *k, struct vfio_pci_hot_reset_info *info)
{
    info->count = k->has_other ? 2 : 1;
    info->devices[0] = (struct vfio_pci_dependent_device){ FAKE_GROUP, 0, 0, 6 << 3 };
    if (k->has_other) {
        info->devices[1] = (struct vfio_pci_dependent_device){ FAKE_GROUP, 0, 0, 6 << 3 | 1 };
    }
    return 0;
}

static int
device_ioctl(FakeKernel *k, unsigned long request, void *arg)
{
    struct vfio_device_info *info = arg;

    switch (request) {
    case VFIO_DEVICE_GET_INFO:
        info->flags = VFIO_DEVICE_FLAGS_PCI | (k->can_reset ? VFIO_DEVICE_FLAGS_RESET : 0);
        info->num_regions = VFIO_PCI_NUM_REGIONS;
        info->num_irqs = VFIO_PCI_NUM_IRQS;
        return 0;
    case VFIO_DEVICE_GET_REGION_INFO:
        return region_info(k, arg);
    case VFIO_DEVICE_GET_IRQ_INFO:
        return irq_info(arg);
    case VFIO_DEVICE_SET_IRQS:
        return set_irqs(k, arg);
    case VFIO_DEVICE_RESET:
        k->resets++;
        return k->reset_fails ? fail(EIO) : 0;
    case VFIO_DEVICE_GET_PCI_HOT_RESET_INFO:
        return hot_reset_info(k, arg);
    case VFIO_DEVICE_PCI_HOT_RESET:
        g_assert_cmpint(((struct vfio_pci_hot_reset *)arg)->group_fds[0], ==, FD_GROUP);
        k->hot_resets++;
        return 0;
    default:
        return fail(ENOTTY);
    }
}

static int
fake_ioctl(void *opaque, int fd, unsigned long request, void *arg)
{
    switch (fd) {
    case FD_CONTAINER:
        return container_ioctl(opaque, request, arg);
    case FD_GROUP:
        return group_ioctl(opaque, request, arg);
    default:
        g_assert_true(fd == FD_DEVICE || fd == FD_OTHER);
        return device_ioctl(opaque, request, arg);
    }
}

static guint8 *
bytes_at(FakeKernel *k, guint64 offset, size_t len)
{
    guint64 at = offset & ((G_GUINT64_CONSTANT(1) << 40) - 1);

    switch (offset >> 40) {
    case 0:
        return at + len <= FAKE_BAR_SIZE ? k->bar + at : NULL;
    case 1:
        return at + len <= sizeof k->ports ? k->ports + at : NULL;
    case 2: /* of no meaning of its own */
        return at + len <= FAKE_BAR_SIZE ? k->bar + at : NULL;
    case VFIO_PCI_ROM_REGION_INDEX:
        return at + len <= sizeof k->rom ? k->rom + at : NULL;
    case VFIO_PCI_CONFIG_REGION_INDEX:
        return at + len <= sizeof k->config ? k->config + at : NULL;
    default:
        return NULL;
    }
}

static ssize_t
fake_pread(void *opaque, int fd, void *buf, size_t len, uint64_t offset)
{
    const guint8 *bytes = bytes_at(opaque, offset, len);

    if (!bytes) {
        return fail(EIO);
    }
    memcpy(buf, bytes, len);
    return (ssize_t)len;
}

static ssize_t
fake_pwrite(void *opaque, int fd, const void *buf, size_t len, uint64_t offset)
{
    guint8 *bytes = bytes_at(opaque, offset, len);

    if (!bytes) {
        return fail(EIO);
    }
    memcpy(bytes, buf, len);
    return (ssize_t)len;
}

static void *
fake_mmap(void *opaque, size_t len, int prot, int fd, uint64_t offset)
{
    FakeKernel *k = opaque;

    if (k->mmap_fails) {
        errno = EINVAL;
        return MAP_FAILED;
    }
    k->mmaps++;
    return bytes_at(k, offset, len);
}

static int
fake_munmap(void *opaque, void *addr, size_t len)
{
    ((FakeKernel *)opaque)->mmaps--;
    return 0;
}

static char *
fake_read_link(void *opaque, const char *path)
{
    if (((FakeKernel *)opaque)->no_group_link) {
        errno = ENOENT;
        return NULL;
    }
    return g_strdup("../../../kernel/iommu_groups/7");
}

static gboolean
fake_exists(void *opaque, const char *path)
{
    return strcmp(path, "/sys/bus/pci/devices/" FAKE_DEVICE) == 0 ||
           (((const FakeKernel *)opaque)->has_other &&
            strcmp(path, "/sys/bus/pci/devices/" FAKE_OTHER) == 0);
}

static const TnVfioOps fake_ops = {
    .open = fake_open,
    .close = fake_close,
    .ioctl = fake_ioctl,
    .pread = fake_pread,
    .pwrite = fake_pwrite,
    .mmap = fake_mmap,
    .munmap = fake_munmap,
    .read_link = fake_read_link,
    .exists = fake_exists,
};

static gboolean
refuse(GError **error, const char *what)
{
    g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC, "%s: refused", what);
    return FALSE;
}

static gboolean
kvm_add_irqfd(void *opaque, int fd, int resample_fd, unsigned gsi, GError **error)
{
    FakeKernel *k = opaque;

    if (k->no_irqfd) {
        return refuse(error, "KVM_IRQFD");
    }
    k->irqfds++;
    return TRUE;
}

static void
kvm_remove_irqfd(void *opaque, int fd, unsigned gsi)
{
    ((FakeKernel *)opaque)->irqfds--;
}

static int
kvm_add_msi_route(void *opaque, const TnMsiMessage *message, GError **error)
{
    FakeKernel *k = opaque;

    if (k->no_msi_route) {
        (void)refuse(error, "KVM_SET_GSI_ROUTING");
        return -1;
    }
    k->routes++;
    return 24;
}

static gboolean
kvm_update_msi_route(void *opaque, unsigned gsi, const TnMsiMessage *message, GError **error)
{
    return TRUE;
}

static void
kvm_remove_msi_route(void *opaque, unsigned gsi)
{
    ((FakeKernel *)opaque)->routes--;
}

static gboolean
kvm_add_group(void *opaque, int group_fd, GError **error)
{
    ((FakeKernel *)opaque)->kvm_groups++;
    return TRUE;
}

static void
kvm_remove_group(void *opaque, int group_fd)
{
    ((FakeKernel *)opaque)->kvm_groups--;
}

/* Chain: power management 0x40, MSI 0x50, MSI-X 0x60, AGP 0x70, vendor's own 0x80. */
static void
make_device(FakeKernel *k)
{
    static const guint8 header[] = { 0x34, 0x12, 0xe8, 0x11, 0, 0, 0x10, 0, 1, 0, 0xff };

    *k = (FakeKernel){ .map_errno = ENOMEM, .can_reset = TRUE, .msix_mappable = TRUE };
    k->intx_fd = k->unmask_fd = k->error_fd = k->request_fd = -1;
    memcpy(k->config, header, sizeof header);
    k->config[0x14] = 1; /* BAR 1: I/O */
    k->config[0x34] = 0x40;
    k->config[0x3d] = 1;
    memcpy(k->config + 0x40, (guint8[]){ 0x01, 0x50, 0x03, 0, 0x08 }, 5); /* no soft reset */
    memcpy(k->config + 0x50, (guint8[]){ 0x05, 0x60, 0x82 }, 3); /* two vectors, 64 bits */
    memcpy(k->config + 0x60, (guint8[]){ 0x11, 0x70, 3, 0, 0, 0x20, 0, 0, 0, 0x30 }, 10);
    memcpy(k->config + 0x70, (guint8[]){ 0x02, 0x80, 0xaa }, 3);
    memcpy(k->config + 0x80, (guint8[]){ 0x09, 0x00, 0x10 }, 3);
    k->region_size[0] = FAKE_BAR_SIZE;
    k->region_size[1] = sizeof k->ports;
    k->region_size[VFIO_PCI_CONFIG_REGION_INDEX] = sizeof k->config;
    k->bar = mmap(NULL, FAKE_BAR_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

void
fixture_set_up(Fixture *f, gconstpointer data)
{
    TnPlatform *platform;
    TnRamBlock block = { .fd = -1 };

    f->p = tn_test_platform_new();
    platform = &f->p->platform;
    make_device(&f->kernel);
    f->fast_path = (TnFastPath){
        .opaque = &f->kernel,
        .add_irqfd = kvm_add_irqfd,
        .remove_irqfd = kvm_remove_irqfd,
        .add_msi_route = kvm_add_msi_route,
        .update_msi_route = kvm_update_msi_route,
        .remove_msi_route = kvm_remove_msi_route,
        .add_vfio_group = kvm_add_group,
        .remove_vfio_group = kvm_remove_group,
    };
    platform->fast_path = &f->fast_path;
    f->ram_bytes = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    block.host = f->ram_bytes;
    tn_memory_region_init_ram(&f->ram, platform->memory, NULL, "ram", RAM_SIZE, &block);
    tn_memory_region_add_subregion(&f->p->system_memory, 0, &f->ram);
    (void)tn_vfio_host_install(platform->root, &fake_ops, &f->kernel);
    f->bus = tn_pci_bus_new();
    tn_pci_bus_set_spaces(f->bus, platform->system_memory, platform->system_io);
    f->device = g_object_new(TN_TYPE_VFIO_PCI, "host", "00:06.0", NULL);
    tn_device_set_platform(TN_DEVICE(f->device), platform);
    tn_pci_device_set_address(TN_PCI_DEVICE(f->device), f->bus, TN_PCI_DEVFN(6, 0));
}

void
fixture_assert_clean(Fixture *f)
{
    const FakeKernel *k = &f->kernel;

    g_assert_cmpuint(k->open_fds, ==, 0);
    g_assert_cmpuint(k->maps, ==, 0);
    g_assert_cmpuint(k->mapped_bytes, ==, 0);
    g_assert_cmpuint(k->mmaps, ==, 0);
    g_assert_cmpuint(k->irqfds, ==, 0);
    g_assert_cmpuint(k->routes, ==, 0);
    g_assert_cmpuint(k->kvm_groups, ==, 0);
    g_assert_false(k->in_container);
}

void
fixture_tear_down(Fixture *f, gconstpointer data)
{
    tn_test_drop(f->device);
    fixture_assert_clean(f);
    g_object_unref(f->bus);
    tn_memory_region_del_subregion(&f->p->system_memory, &f->ram);
    tn_memory_synchronize(f->p->platform.memory);
    tn_memory_region_done(&f->ram);
    (void)munmap(f->ram_bytes, RAM_SIZE);
    (void)munmap(f->kernel.bar, FAKE_BAR_SIZE);
    tn_test_platform_free(f->p);
}

/* What the client sent before by getfd: "group" and "container". */
static int
take_fd(void *opaque, const char *name, GError **error)
{
    Fixture *f = opaque;

    f->kernel.open_fds++;
    return strcmp(name, "group") == 0 ? FD_GROUP : FD_CONTAINER;
}

gboolean
fixture_add_group(Fixture *f, TnObject **ret_group, GError **error)
{
    const TnFdSource source = { take_fd, f };
    TnObject *root = f->p->platform.root;
    g_autoptr(TnObject) group = g_object_new(TN_TYPE_VFIO_GROUP, "group", FAKE_GROUP, "fd", "group",
                                             "container-fd", "container", NULL);
    gboolean ok;

    g_assert_true(tn_object_add_child(tn_object_ensure_container(root, "objects"), "vfiogroup7",
                                      group, NULL));
    tn_fd_source_set(root, &source);
    ok = TN_OBJECT_GET_CLASS(group)->complete(group, error);
    tn_fd_source_set(root, NULL);
    if (!ok) {
        tn_object_unparent(group);
        return FALSE;
    }
    *ret_group = group;
    return TRUE;
}

void
fixture_plug(Fixture *f)
{
    (void)tn_test_realize(f->p, f->device);
}

void
fixture_assert_refused(Fixture *f, const char *text)
{
    g_autoptr(GError) error = NULL;

    g_assert_false(tn_device_realize(TN_DEVICE(f->device), &error));
    g_assert_nonnull(strstr(error->message, text));
    tn_memory_synchronize(f->p->platform.memory);
    fixture_assert_clean(f);
}

guint32
guest_config_read(Fixture *f, unsigned offset, unsigned size)
{
    return tn_pci_bus_config_read(f->bus, TN_PCI_DEVFN(6, 0), offset, size);
}

void
guest_config_write(Fixture *f, unsigned offset, guint32 value, unsigned size)
{
    tn_pci_bus_config_write(f->bus, TN_PCI_DEVFN(6, 0), offset, value, size);
}
