/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A played guest memory and made-up kernels, for tests of loading kernels. */
#pragma once

#include "vmm/machine/linux-boot.h"

#define MIB 0x100000u
#define RAM_SIZE (128 * MIB)
#define BZ_SETUP_SECTS 2u
#define BZ_PAYLOAD 0x3000u
#define BZ_LOAD (16u * MIB)
#define BZ_INIT_SIZE (4u * MIB)
#define RSDP 0x7ff0000u
#define ELF_LOAD (1u * MIB)

typedef struct Fixture {
    TnMemory *memory;
    TnMemoryRegion root, ram;
    TnAddressSpace *space;
    uint8_t *host;
    TnE820Map map;
    char *dir, *kernel, *initrd;
    GByteArray *image;
    TnLinuxBootConfig config;
} Fixture;

void boot_set_up(Fixture *f, gconstpointer data);
void boot_tear_down(Fixture *f, gconstpointer data);

void write_file(const char *path, const void *data, size_t size);

/* Little endian, @size bytes; put() lets the image grow. */
void put(GByteArray *image, size_t at, uint64_t value, size_t size);
uint64_t get(const uint8_t *p, size_t size);

/* A bzImage whose payload is a pattern that its position tells. */
void make_bzimage(Fixture *f);

/* An ELF of one segment with room for zeroes, and the PVH note. */
void make_elf(Fixture *f);

/* f->image, empty so far, becomes a bzImage with @contents as its payload, packed. */
void pack_into_bzimage(Fixture *f, const GByteArray *contents);

/* The ELF of make_elf(), packed into a bzImage. */
void make_packed(Fixture *f, bool has_note);
