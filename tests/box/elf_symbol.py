# SPDX-License-Identifier: LGPL-2.1-or-later
"""Where a function lies in an ELF file, as the kernel's probes want to know it."""

import struct
from pathlib import Path

SECTION_SYMTAB = 2
SEGMENT_LOAD = 1


def file_offset(path, function):
    """Offset of `function` in the x86-64 ELF file `path`, or None if it has no such symbol."""
    image = Path(path).read_bytes()
    address = _address(image, function.encode())
    if address is None:
        return None
    table, size, count = struct.unpack_from("<Q14xHH", image, 0x20)
    for index in range(count):
        kind, _, offset, start, _, length = struct.unpack_from("<IIQQQQ", image,
                                                               table + index * size)
        if kind == SEGMENT_LOAD and start <= address < start + length:
            return address - start + offset
    return None


def _address(image, function):
    table, = struct.unpack_from("<Q", image, 0x28)
    size, count = struct.unpack_from("<HH", image, 0x3A)
    sections = [struct.unpack_from("<IIQQQQIIQQ", image, table + index * size)
                for index in range(count)]
    for _, kind, _, _, offset, length, link, _, _, entry in sections:
        if kind != SECTION_SYMTAB:
            continue
        names = sections[link][4]
        for place in range(offset, offset + length, entry):
            name, _, _, _, value, _ = struct.unpack_from("<IBBHQQ", image, place)
            if value and image.startswith(function + b"\0", names + name):
                return value
    return None
