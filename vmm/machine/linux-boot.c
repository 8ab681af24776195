/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Starting a kernel without firmware: files, placement, and writing guest memory. */
#include "vmm/machine/linux-boot-private.h"

#include "vmm/machine/kernel-image.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE_SIZE 0x1000u
#define FOUR_GIB UINT64_C(0x100000000)
/* One read's worth, well below what the kernel does at once. */
#define MAX_READ (UINT64_C(1) << 30)

G_DEFINE_QUARK(tn-boot-error-quark, tn_boot_error)

static gboolean
open_file(TnBootFile *file, const char *path, const char *what, GError **error)
{
    struct stat st;

    file->path = g_strdup(path);
    /* O_NONBLOCK: opening a FIFO must not wait for its other end. */
    file->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file->fd < 0 || fstat(file->fd, &st) < 0) {
        g_set_error(error, TN_BOOT_ERROR, TN_BOOT_ERROR_OPEN, "Could not open %s '%s': %s", what,
                    path, g_strerror(errno));
        return FALSE;
    }
    if (!S_ISREG(st.st_mode)) {
        g_set_error(error, TN_BOOT_ERROR, TN_BOOT_ERROR_OPEN,
                    "Could not open %s '%s': not a regular file", what, path);
        return FALSE;
    }
    file->size = (uint64_t)st.st_size;
    return TRUE;
}

static void
close_file(TnBootFile *file)
{
    if (file->fd >= 0) {
        (void)close(file->fd);
    }
    g_free(file->path);
}

gboolean
tn_boot_file_read(const TnBootFile *file, uint64_t offset, void *buf, uint64_t size,
                  const char *what, GError **error)
{
    uint8_t *p = buf;

    if (file->data) {
        if (offset > file->size || size > file->size - offset) {
            g_set_error(error, TN_BOOT_ERROR, TN_BOOT_ERROR_OPEN,
                        "Could not read %s '%s': it ends too early when unpacked", what,
                        file->path);
            return FALSE;
        }
        memcpy(buf, file->data + offset, size);
        return TRUE;
    }
    while (size > 0) {
        ssize_t n = pread(file->fd, p, MIN(size, MAX_READ), (off_t)offset);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            g_set_error(error, TN_BOOT_ERROR, TN_BOOT_ERROR_OPEN, "Could not read %s '%s': %s",
                        what, file->path, n < 0 ? g_strerror(errno) : "file is too short");
            return FALSE;
        }
        p += n;
        offset += (uint64_t)n;
        size -= (uint64_t)n;
    }
    return TRUE;
}

/* The host memory of @addr, @ret_len at most @size bytes of it. */
static void *
guest_piece(TnLinuxBoot *boot, uint64_t addr, uint64_t size, uint64_t *ret_len, GError **error)
{
    uint64_t len = 0;
    void *host = tn_address_space_ram_ptr(boot->space, addr, &len);

    if (!host || len == 0) {
        g_set_error(error, TN_BOOT_ERROR, TN_BOOT_ERROR_TOO_BIG,
                    "No RAM at guest address 0x%" PRIx64 " to load into", addr);
        return NULL;
    }
    *ret_len = MIN(len, size);
    return host;
}

static gboolean
load_file(TnLinuxBoot *boot, const TnBootFile *file, const TnBootSegment *segment,
          const char *what, GError **error)
{
    for (uint64_t done = 0; done < segment->mem_size;) {
        bool from_file = done < segment->file_size;
        uint64_t left = (from_file ? segment->file_size : segment->mem_size) - done;
        uint64_t len;
        void *host = guest_piece(boot, segment->addr + done, left, &len, error);

        if (!host) {
            return FALSE;
        }
        if (!from_file) {
            memset(host, 0, len);
        } else if (!tn_boot_file_read(file, segment->offset + done, host, len, what, error)) {
            return FALSE;
        }
        done += len;
    }
    return TRUE;
}

gboolean
tn_boot_write(TnLinuxBoot *boot, uint64_t addr, const void *buf, uint64_t size, GError **error)
{
    const uint8_t *p = buf;

    while (size > 0) {
        uint64_t len;
        void *host = guest_piece(boot, addr, size, &len, error);

        if (!host) {
            return FALSE;
        }
        memcpy(host, p, len);
        p += len;
        addr += len;
        size -= len;
    }
    return TRUE;
}

gboolean
tn_boot_format_error(const TnLinuxBoot *boot, GError **error, const char *why)
{
    g_set_error(error, TN_BOOT_ERROR, TN_BOOT_ERROR_FORMAT, "Kernel '%s' %s", boot->kernel.path,
                why);
    return FALSE;
}

bool
tn_boot_is_loaded(const TnLinuxBoot *boot, uint64_t addr)
{
    for (unsigned i = 0; i < boot->num_segments; i++) {
        const TnBootSegment *segment = &boot->segments[i];

        if (addr >= segment->addr && addr - segment->addr < segment->mem_size) {
            return true;
        }
    }
    return false;
}

gboolean
tn_boot_add_segment(TnLinuxBoot *boot, const TnBootSegment *segment, GError **error)
{
    if (boot->num_segments == TN_BOOT_MAX_SEGMENTS) {
        g_set_error(error, TN_BOOT_ERROR, TN_BOOT_ERROR_FORMAT,
                    "Kernel '%s' has more than %u segments to load", boot->kernel.path,
                    TN_BOOT_MAX_SEGMENTS);
        return FALSE;
    }
    if (segment->file_size > segment->mem_size || segment->offset > boot->image->size ||
        segment->file_size > boot->image->size - segment->offset) {
        g_set_error(error, TN_BOOT_ERROR, TN_BOOT_ERROR_FORMAT,
                    "Kernel '%s' is cut short: a segment of 0x%" PRIx64 " bytes at offset 0x%"
                    PRIx64 " is not in its 0x%" PRIx64 " bytes",
                    boot->kernel.path, segment->file_size, segment->offset, boot->image->size);
        return FALSE;
    }
    if (!tn_e820_is_ram(&boot->map, segment->addr, segment->mem_size)) {
        g_set_error(error, TN_BOOT_ERROR, TN_BOOT_ERROR_TOO_BIG,
                    "Kernel '%s' does not fit: it needs 0x%" PRIx64
                    " bytes of RAM at guest address 0x%" PRIx64,
                    boot->kernel.path, segment->mem_size, segment->addr);
        return FALSE;
    }
    if (!boot->shares_area && segment->addr <= TN_BOOT_AREA_LAST &&
        segment->addr + (segment->mem_size - 1) >= TN_BOOT_AREA_FIRST) {
        g_set_error(error, TN_BOOT_ERROR, TN_BOOT_ERROR_FORMAT,
                    "Kernel '%s' wants guest address 0x%" PRIx64
                    ", which is needed to start it",
                    boot->kernel.path, segment->addr);
        return FALSE;
    }
    boot->segments[boot->num_segments++] = *segment;
    return TRUE;
}

/* Unpacks the kernel's payload into the scratch memory. Returns: whether it could be done. */
static bool
unpack(TnLinuxBoot *boot)
{
    g_auto(TnScratch) packed = { 0 };
    g_auto(TnScratch) unpacked = { 0 };
    size_t size;

    if (boot->payload_size == 0 || boot->payload_size > TN_UNPACKED_MAX ||
        !tn_scratch_init(&packed, boot->payload_size) ||
        !tn_boot_file_read(&boot->kernel, boot->payload_offset, packed.data, packed.size, "kernel",
                           NULL)) {
        return false;
    }
    size = tn_kernel_unpacked_size(packed.data, packed.size);
    if (size == 0 || !tn_scratch_init(&unpacked, size) ||
        !tn_kernel_unpack(packed.data, packed.size, &unpacked)) {
        return false;
    }
    boot->scratch = unpacked;
    unpacked = (TnScratch){ 0 };
    boot->unpacked = (TnBootFile){
        .path = boot->kernel.path, .fd = -1, .size = size, .data = boot->scratch.data
    };
    return true;
}

/* Takes the unpacked kernel that was handed over, if it is this kernel's. */
static bool
take_kept(TnLinuxBoot *boot)
{
    uint64_t size;

    if (boot->kept_fd < 0 || !tn_kernel_image_check(boot->kept_fd, boot->kernel.fd, &size)) {
        return false;
    }
    boot->unpacked =
        (TnBootFile){ .path = boot->kernel.path, .fd = boot->kept_fd, .size = size };
    return true;
}

/* What the guest would unpack by itself, and slower, is unpacked here and entered by PVH, if
 * it can be. If not, the plan stays as it is. */
static void
plan_unpacked(TnLinuxBoot *boot)
{
    g_autofree uint8_t *head = g_malloc0(TN_BOOT_HEAD);
    const TnLinuxBoot plain = *boot;
    size_t head_size;

    if (!take_kept(boot) && !unpack(boot)) {
        return;
    }
    boot->image = &boot->unpacked;
    boot->num_segments = 0;
    boot->footprint_addr = boot->footprint_size = 0;
    head_size = (size_t)MIN(boot->unpacked.size, TN_BOOT_HEAD);
    if (tn_boot_file_read(&boot->unpacked, 0, head, head_size, "kernel", NULL) &&
        tn_elf_probe(head, head_size) && tn_pvh_plan(boot, head, head_size, NULL)) {
        /* These the header knows better. */
        boot->cmdline_max = plain.cmdline_max;
        boot->initrd_max = plain.initrd_max;
        return;
    }
    tn_scratch_clear(&boot->scratch);
    *boot = plain;
}

static gboolean
plan_kernel(TnLinuxBoot *boot, GError **error)
{
    g_autofree uint8_t *head = g_malloc0(TN_BOOT_HEAD);
    size_t head_size = (size_t)MIN(boot->kernel.size, TN_BOOT_HEAD);

    if (!tn_boot_file_read(&boot->kernel, 0, head, head_size, "kernel", error)) {
        return FALSE;
    }
    if (tn_bzimage_probe(head, head_size)) {
        if (!tn_bzimage_plan(boot, head, head_size, error)) {
            return FALSE;
        }
        plan_unpacked(boot);
        return TRUE;
    }
    if (tn_multiboot_probe(head, head_size)) {
        return tn_multiboot_plan(boot, head, head_size, error);
    }
    if (tn_elf_probe(head, head_size)) {
        return tn_pvh_plan(boot, head, head_size, error);
    }
    g_set_error(error, TN_BOOT_ERROR, TN_BOOT_ERROR_FORMAT,
                "'%s' is neither a bzImage nor an ELF or multiboot image", boot->kernel.path);
    return FALSE;
}

/* As high as the kernel can use it, where it is least in the way. */
static gboolean
plan_initrd(TnLinuxBoot *boot, GError **error)
{
    TnE820Request request = {
        .size = boot->initrd.size,
        .align = PAGE_SIZE,
        .min = TN_BOOT_AREA_LAST + 1,
        .max = MIN(boot->initrd_max, FOUR_GIB - 1),
        .avoid_addr = boot->footprint_addr,
        .avoid_size = boot->footprint_size,
    };

    if (boot->initrd.fd < 0 || boot->initrd.size == 0) {
        return TRUE;
    }
    if (!tn_e820_find_room(&boot->map, &request, &boot->initrd_addr)) {
        g_set_error(error, TN_BOOT_ERROR, TN_BOOT_ERROR_TOO_BIG,
                    "Initial RAM disk '%s' of 0x%" PRIx64
                    " bytes does not fit into guest RAM beside the kernel",
                    boot->initrd.path, boot->initrd.size);
        return FALSE;
    }
    return TRUE;
}

static gboolean
check_cmdline(TnLinuxBoot *boot, GError **error)
{
    uint64_t length = strlen(boot->cmdline);
    uint64_t max = MIN(boot->cmdline_max, TN_BOOT_CMDLINE_MAX);

    if (length > max) {
        g_set_error(error, TN_BOOT_ERROR, TN_BOOT_ERROR_TOO_BIG,
                    "Kernel command line has %" PRIu64 " bytes, kernel '%s' takes at most %" PRIu64,
                    length, boot->kernel.path, max);
        return FALSE;
    }
    return TRUE;
}

TnLinuxBoot *
tn_linux_boot_new(const TnLinuxBootConfig *config, GError **error)
{
    g_autoptr(TnLinuxBoot) boot = g_new0(TnLinuxBoot, 1);
    const uint64_t area = TN_BOOT_AREA_LAST + 1 - TN_BOOT_AREA_FIRST;

    boot->space = config->space;
    boot->map = *config->map;
    boot->cmdline = g_strdup(config->cmdline ? config->cmdline : "");
    boot->rsdp = config->rsdp;
    boot->cmdline_addr = TN_BOOT_CMDLINE;
    boot->kernel.fd = boot->initrd.fd = -1;
    boot->kept_fd = config->kept_fd > 0 ? config->kept_fd : -1;
    boot->image = &boot->kernel;
    if (!tn_e820_is_ram(&boot->map, TN_BOOT_AREA_FIRST, area)) {
        g_set_error(error, TN_BOOT_ERROR, TN_BOOT_ERROR_TOO_BIG,
                    "Booting a kernel needs RAM from guest address 0x%x to 0x%x",
                    TN_BOOT_AREA_FIRST, TN_BOOT_AREA_LAST);
        return NULL;
    }
    if (!open_file(&boot->kernel, config->kernel, "kernel", error) ||
        (config->initrd && !open_file(&boot->initrd, config->initrd, "initial RAM disk", error)) ||
        !plan_kernel(boot, error) || !plan_initrd(boot, error) || !check_cmdline(boot, error)) {
        return NULL;
    }
    /* A BIOS's traces are written before the image. */
    boot->ram_is_zero = config->ram_is_zero && !tn_linux_boot_wants_bios_state(boot);
    return g_steal_pointer(&boot);
}

void
tn_linux_boot_free(TnLinuxBoot *boot)
{
    if (!boot) {
        return;
    }
    close_file(&boot->kernel);
    close_file(&boot->initrd);
    if (boot->kept_fd >= 0) {
        (void)close(boot->kept_fd);
    }
    tn_scratch_clear(&boot->scratch);
    g_free(boot->cmdline);
    g_free(boot);
}

bool
tn_linux_boot_wants_bios_state(const TnLinuxBoot *boot)
{
    return boot->kind == TN_BOOT_MULTIBOOT;
}

TnKernelSource
tn_linux_boot_get_source(const TnLinuxBoot *boot)
{
    return boot->image == &boot->kernel  ? TN_KERNEL_SOURCE_FILE
           : boot->unpacked.fd < 0       ? TN_KERNEL_SOURCE_UNPACKED
                                         : TN_KERNEL_SOURCE_KEPT;
}

static bool
overlaps_earlier(const TnLinuxBoot *boot, unsigned index)
{
    const TnBootSegment *segment = &boot->segments[index];

    for (unsigned i = 0; i < index; i++) {
        const TnBootSegment *other = &boot->segments[i];

        if (segment->addr <= other->addr + (other->mem_size - 1) &&
            other->addr <= segment->addr + (segment->mem_size - 1)) {
            return true;
        }
    }
    return false;
}

/* The next data in @file from *@at on and before @end. What a file has lost since it was opened
 * counts as data: reading it will tell. */
static bool
find_data(const TnBootFile *file, uint64_t end, uint64_t *at, uint64_t *ret_end)
{
    off_t data = lseek(file->fd, (off_t)*at, SEEK_DATA);
    off_t hole;

    if (data < 0 && errno == ENXIO && lseek(file->fd, 0, SEEK_END) >= (off_t)end) {
        return false;
    }
    hole = data < 0 ? -1 : lseek(file->fd, data, SEEK_HOLE);
    *at = data < 0 ? *at : (uint64_t)data;
    *ret_end = hole < 0 ? end : MIN((uint64_t)hole, end);
    return *at < end;
}

/* Holes in a kept kernel, and what follows a segment, are what RAM is already at a start. */
static gboolean
load_segment(TnLinuxBoot *boot, unsigned index, GError **error)
{
    const TnBootSegment *segment = &boot->segments[index];
    uint64_t end = segment->offset + segment->file_size;
    uint64_t data_end;

    if (!boot->ram_is_zero || boot->image->fd < 0 || overlaps_earlier(boot, index)) {
        return load_file(boot, boot->image, segment, "kernel", error);
    }
    for (uint64_t at = segment->offset; find_data(boot->image, end, &at, &data_end);
         at = data_end) {
        const TnBootSegment piece = {
            .addr = segment->addr + (at - segment->offset),
            .offset = at,
            .file_size = data_end - at,
            .mem_size = data_end - at,
        };

        if (!load_file(boot, boot->image, &piece, "kernel", error)) {
            return FALSE;
        }
    }
    return TRUE;
}

/* The segments, from the file as it is now. */
static gboolean
load_kernel(TnLinuxBoot *boot, GError **error)
{
    uint64_t size = boot->image->size;

    if (boot->image == &boot->unpacked && boot->unpacked.fd < 0 && !boot->scratch.data &&
        (!unpack(boot) || boot->unpacked.size != size)) {
        g_set_error(error, TN_BOOT_ERROR, TN_BOOT_ERROR_FORMAT,
                    "Kernel '%s' has changed and cannot be unpacked any more", boot->kernel.path);
        boot->unpacked.size = size;
        return FALSE;
    }
    for (unsigned i = 0; i < boot->num_segments; i++) {
        if (!load_segment(boot, i, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

gboolean
tn_linux_boot_load(TnLinuxBoot *boot, TnVcpuStart *ret_start, GError **error)
{
    const TnBootSegment initrd = {
        .addr = boot->initrd_addr, .file_size = boot->initrd.size, .mem_size = boot->initrd.size
    };
    gboolean loaded = load_kernel(boot, error);

    boot->ram_is_zero = false;
    tn_scratch_clear(&boot->scratch);
    if (!loaded) {
        return FALSE;
    }
    if (boot->initrd_addr &&
        !load_file(boot, &boot->initrd, &initrd, "initial RAM disk", error)) {
        return FALSE;
    }
    if (!tn_boot_write(boot, boot->cmdline_addr, boot->cmdline, strlen(boot->cmdline) + 1,
                       error)) {
        return FALSE;
    }
    switch (boot->kind) {
    case TN_BOOT_MULTIBOOT:
        return tn_multiboot_write_info(boot, ret_start, error);
    case TN_BOOT_PVH:
        return tn_pvh_write_start_info(boot, ret_start, error);
    case TN_BOOT_BZIMAGE:
        break;
    }
    return tn_bzimage_write_params(boot, ret_start, error);
}
