# SPDX-License-Identifier: LGPL-2.1-or-later
"""
Guests of a few instructions, for hosts whose KVM runs no stock kernel.

Each is 32-bit code behind one of two entries: an ELF with a PVH note (tenon-vmm enters it
as it is) or a firmware image whose reset vector goes to it (QEMU, without its own firmware:
that is the shortest way to a first instruction that it has). The code first says one byte
on the first serial port.
"""

import struct

LOAD_ADDRESS = 0x100000
FIRMWARE_SIZE = 0x10000
FIRMWARE_SEGMENT = 0xF0000
CODE_OFFSET = 0x1000
XEN_ELFNOTE_PHYS32_ENTRY = 18
HELLO = b"!"

# An address between RAM and the interrupt controllers that no device of either monitor claims.
UNCLAIMED = 0xE0000000

SAY_HELLO = b"\x66\xba\xf8\x03\xb0" + HELLO + b"\xee"  # mov $0x3f8, %dx; mov, out
HALT = b"\xfa\xf4\xeb\xfd"  # cli; 1: hlt; jmp 1b


def forever(body):
    """`body` again and again."""
    return body + b"\xeb" + struct.pack("b", -len(body) - 2)


# What each guest does for ever: the exits that are measured.
EXITS = {
    "out 0x80": forever(b"\xe6\x80"),
    "UART scratch read": b"\x66\xba\xff\x03" + forever(b"\xec"),
    "RTC seconds read": b"\xb0\x00\xe6\x70" + forever(b"\xe4\x71"),
    "unclaimed MMIO write": forever(b"\xa3" + struct.pack("<I", UNCLAIMED)),
    # Flags of the selected slot, in the memory hot-plug controller.
    "device register read": b"\x66\xba\x14\x0a" + forever(b"\xec"),
}


def pvh_elf(code):
    """An ELF kernel whose PVH entry is `code`."""
    note = struct.pack("<III4sI", 4, 4, XEN_ELFNOTE_PHYS32_ENTRY, b"Xen\0", LOAD_ADDRESS)
    headers = 52 + 2 * 32
    ident = b"\x7fELF\x01\x01\x01".ljust(16, b"\0")
    head = ident + struct.pack("<HHIIIIIHHHHHH", 2, 3, 1, LOAD_ADDRESS, 52, 0, 0, 52, 32, 2,
                               0, 0, 0)
    load = struct.pack("<IIIIIIII", 1, headers + len(note), LOAD_ADDRESS, LOAD_ADDRESS,
                       len(code), len(code), 7, 1)
    noted = struct.pack("<IIIIIIII", 4, headers, 0, 0, len(note), len(note), 4, 4)
    return head + load + noted + note + code


def firmware(code):
    """A firmware image that switches to 32-bit mode and goes on with `code`."""
    table = FIRMWARE_SEGMENT + 0x100
    gdt = struct.pack("<QQQ", 0, 0x00CF9B000000FFFF, 0x00CF93000000FFFF)
    pointer = struct.pack("<HI", len(gdt) - 1, table)
    start = (b"\xfa\x2e\x66\x0f\x01\x16" + struct.pack("<H", 0x200)  # cli; lgdtl %cs:0x200
             + b"\x0f\x20\xc0\x0c\x01\x0f\x22\xc0"                   # cr0.PE = 1
             + b"\x66\xea" + struct.pack("<IH", FIRMWARE_SEGMENT + CODE_OFFSET, 8))
    enter = b"\x66\xb8\x10\x00\x8e\xd8\x8e\xc0\x8e\xd0"  # ds, es, ss
    image = bytearray(FIRMWARE_SIZE)
    for offset, part in ((0, start), (0x100, gdt), (0x200, pointer),
                         (CODE_OFFSET, enter + code), (0xFFF0, b"\xea\x00\x00\x00\xf0")):
        image[offset:offset + len(part)] = part
    return bytes(image)
