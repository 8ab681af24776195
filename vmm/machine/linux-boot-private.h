/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the loader's parts share: the files, the plan and the helpers to write
 * guest memory. For linux-boot.c, elf-image.c, bzimage.c, multiboot.c and pvh.c alone.
 */
#pragma once

#include "vmm/machine/kernel-unpack.h"
#include "vmm/machine/linux-boot.h"

/* The loader's area, TN_BOOT_AREA_FIRST..TN_BOOT_AREA_LAST. */
#define TN_BOOT_START_INFO 0x6000u  /* PVH: hvm_start_info, module list, memory map */
#define TN_BOOT_PARAMS 0x7000u      /* Linux: the zero page */
#define TN_BOOT_GDT 0x8000u
#define TN_BOOT_STACK 0x9000u       /* grows down to the GDT */
#define TN_BOOT_PAGE_TABLES 0x9000u /* PML4, PDPT, four page directories */
#define TN_BOOT_CMDLINE 0x20000u
#define TN_BOOT_CMDLINE_MAX (TN_BOOT_AREA_LAST - TN_BOOT_CMDLINE) /* without the NUL */

/* Linux for x86 keeps 2048 bytes, and says so only in a bzImage's header. */
#define TN_BOOT_CMDLINE_LINUX 2047u

/* What is read of a file to tell what it is: enough for the setup header, any sane ELF header,
 * and where multiboot's may be. */
#define TN_BOOT_HEAD TN_MULTIBOOT_SEARCH

/* More than Linux ever had; each costs a read at load. */
#define TN_BOOT_MAX_SEGMENTS 64

/* One file with the length it had when opened, or the unpacked form of one. */
typedef struct TnBootFile {
    char *path;
    int fd; /* -1: none */
    uint64_t size;
    const uint8_t *data; /* unpacked: @size bytes, else NULL */
} TnBootFile;

/* @file_size bytes from @offset of the kernel's image go to @addr, zeroes up to @mem_size. */
typedef struct TnBootSegment {
    uint64_t addr;
    uint64_t offset;
    uint64_t file_size;
    uint64_t mem_size; /* >= file_size */
} TnBootSegment;

/* How the kernel wants to be started. */
typedef enum {
    TN_BOOT_BZIMAGE,
    TN_BOOT_PVH,
    TN_BOOT_MULTIBOOT,
} TnBootKind;

struct TnLinuxBoot {
    TnAddressSpace *space;
    TnE820Map map;
    TnBootFile kernel;
    TnBootFile initrd;
    char *cmdline;
    uint64_t rsdp;
    bool ram_is_zero; /* nothing was loaded yet, and zeroes need not be */

    /* What the segments are pieces of: the kernel's file or its unpacked form. */
    const TnBootFile *image;
    /* bzImage: its compressed payload in the file, as far as its header makes sense. */
    uint64_t payload_offset;
    uint64_t payload_size;
    int kept_fd;         /* owned: what may be its unpacked form in a file; -1: none */
    TnBootFile unpacked; /* not owned: path is the kernel's, data is in scratch, fd is kept_fd */
    TnScratch scratch;   /* from a plan to the load that follows, to save doing it twice */

    /* The plan, made by tn_bzimage_plan(), tn_pvh_plan() or tn_multiboot_plan(). */
    TnBootKind kind;
    bool shares_area; /* segments may lie in the loader's area: nothing of ours goes there */
    TnBootSegment segments[TN_BOOT_MAX_SEGMENTS];
    unsigned num_segments;
    uint64_t entry;
    uint64_t initrd_addr;
    uint64_t initrd_max;     /* last address an initrd may take */
    uint64_t cmdline_addr;   /* TN_BOOT_CMDLINE, but for multiboot */
    uint64_t cmdline_max;    /* bytes without the NUL */
    uint64_t info_addr;      /* multiboot: information structure and what belongs to it */
    uint64_t footprint_addr; /* all that the kernel occupies before it looks around */
    uint64_t footprint_size;
    uint8_t setup_header[0x290 - 0x1f1]; /* bzImage: from offset 0x1f1 on */
    size_t setup_header_size;
};

/* Reads exactly @size bytes; an error names @what and the file. */
gboolean tn_boot_file_read(const TnBootFile *file, uint64_t offset, void *buf, uint64_t size,
                           const char *what, GError **error);

/* Checks that a segment is RAM outside of the loader's area and adds it to the plan. */
gboolean tn_boot_add_segment(TnLinuxBoot *boot, const TnBootSegment *segment, GError **error);

/* Writes to guest memory that the plan has found to be RAM. */
gboolean tn_boot_write(TnLinuxBoot *boot, uint64_t addr, const void *buf, uint64_t size,
                       GError **error);

/* "Kernel '<path>' @why" as TN_BOOT_ERROR_FORMAT. Returns FALSE. */
gboolean tn_boot_format_error(const TnLinuxBoot *boot, GError **error, const char *why);

/* Whether guest address @addr is inside of one of the plan's segments. */
bool tn_boot_is_loaded(const TnLinuxBoot *boot, uint64_t addr);

/* elf-image.c: where the program headers are, and what both classes say of one. Nothing
 * is taken from the file that its length contradicts. */
typedef struct TnElfTable {
    bool is_64;
    uint64_t offset;
    unsigned count;
    uint64_t entry;
    unsigned machine; /* EM_386 or EM_X86_64 */
} TnElfTable;

typedef struct TnElfProgram {
    uint32_t type;
    uint64_t offset, paddr, file_size, mem_size, align;
} TnElfProgram;

bool tn_elf_probe(const uint8_t *head, size_t head_size);
gboolean tn_elf_read_header(TnLinuxBoot *boot, const uint8_t *head, size_t head_size,
                            TnElfTable *ret_table, GError **error);
gboolean tn_elf_read_program(TnLinuxBoot *boot, const TnElfTable *table, unsigned i,
                             TnElfProgram *ret_program, GError **error);
/* Plans a PT_LOAD that is not empty, and passes over all else. */
gboolean tn_elf_add_program(TnLinuxBoot *boot, const TnElfProgram *program, GError **error);

/* bzimage.c: @head: the file's first @head_size bytes. */
bool tn_bzimage_probe(const uint8_t *head, size_t head_size);
gboolean tn_bzimage_plan(TnLinuxBoot *boot, const uint8_t *head, size_t head_size,
                         GError **error);
/* Where the compressed kernel is in the file of @file_size bytes; false: it has none that lies
 * inside of the file, or is no bzImage. */
bool tn_bzimage_find_payload(const uint8_t *head, size_t head_size, uint64_t file_size,
                             uint64_t *ret_offset, uint64_t *ret_size);
gboolean tn_bzimage_write_params(TnLinuxBoot *boot, TnVcpuStart *ret_start, GError **error);

/* multiboot.c: @head: the file's first @head_size bytes, TN_MULTIBOOT_SEARCH of them where it
 * has so many. */
#define TN_MULTIBOOT_SEARCH 8192
bool tn_multiboot_probe(const uint8_t *head, size_t head_size);
gboolean tn_multiboot_plan(TnLinuxBoot *boot, const uint8_t *head, size_t head_size,
                           GError **error);
/* After the initial RAM disk, its one module, has its place. */
gboolean tn_multiboot_write_info(TnLinuxBoot *boot, TnVcpuStart *ret_start, GError **error);

/* pvh.c */
gboolean tn_pvh_plan(TnLinuxBoot *boot, const uint8_t *head, size_t head_size, GError **error);
gboolean tn_pvh_write_start_info(TnLinuxBoot *boot, TnVcpuStart *ret_start, GError **error);
