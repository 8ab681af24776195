# SPDX-License-Identifier: LGPL-2.1-or-later
"""Initial RAM disks: a cpio writer and the closure of kernel modules they carry."""

import os
import re
import stat
import subprocess
from pathlib import Path

BUSYBOX_PLACES = ("/bin/busybox", "/usr/bin/busybox")


class Cpio:
    """A 'newc' archive built in memory; every file belongs to root and carries no date."""

    def __init__(self):
        self._parts = []
        self._size = 0
        self._inode = 0
        self._folders = set()

    def _put(self, data):
        pad = -len(data) % 4
        self._parts.append(data + b"\0" * pad)
        self._size += len(data) + pad

    def _entry(self, name, mode, data=b"", rdev=(0, 0)):
        self._inode += 1
        path = name.encode() + b"\0"
        fields = (self._inode, mode, 0, 0, 1, 0, len(data), 0, 0, *rdev, len(path), 0)
        self._put(b"070701" + b"".join(b"%08X" % field for field in fields) + path)
        self._put(data)

    def folder(self, name):
        """Add folder `name` (no leading slash) and those above it, once each."""
        for parent in [*reversed(Path(name).parents), Path(name)]:
            text = str(parent)
            if text != "." and text not in self._folders:
                self._folders.add(text)
                self._entry(text, stat.S_IFDIR | 0o755)

    def file(self, name, data, mode=0o644):
        """Add a regular file with its folders."""
        self.folder(str(Path(name).parent))
        self._entry(name, stat.S_IFREG | mode, data)

    def link(self, name, target):
        """Add a symbolic link."""
        self._entry(name, stat.S_IFLNK | 0o777, target.encode())

    def device(self, name, major, minor):
        """Add a character device node."""
        self.folder(str(Path(name).parent))
        self._entry(name, stat.S_IFCHR | 0o600, rdev=(major, minor))

    def bytes(self):
        """The finished archive."""
        self._entry("TRAILER!!!", 0)
        return b"".join(self._parts) + b"\0" * (-self._size % 512)


def _busybox_place():
    for place in BUSYBOX_PLACES:
        # A dynamic busybox has an interpreter and would not start in an empty root.
        if os.path.exists(place) and b"/lib64/ld-linux" not in Path(place).read_bytes()[:4096]:
            return place
    raise FileNotFoundError("no static busybox here: install the package busybox-static")


def busybox():
    """Bytes of the statically linked busybox."""
    return Path(_busybox_place()).read_bytes()


def busybox_applets():
    """Names of the commands in it."""
    done = subprocess.run([_busybox_place(), "--list"], capture_output=True, text=True, check=True)
    return [name for name in done.stdout.split() if name != "busybox"]


def module_name(path):
    """A module's name as the kernel says it: dashes are underscores."""
    return Path(path).name.removesuffix(".ko").replace("-", "_")


def module_closure(root, wanted):
    """
    Paths of the modules `wanted` and all they depend on, in an order to load them in.

    `root` is lib/modules/VERSION. A module built into the kernel is passed over; one that is
    neither there nor built in raises KeyError with its name.
    """
    files = {module_name(path): path for path in Path(root).rglob("*.ko")}
    builtin = {module_name(line) for line in (Path(root) / "modules.builtin").read_text().split()}
    order = []

    def visit(name):
        if name in builtin or name in order:
            return
        data = files[name].read_bytes()
        found = re.search(rb"\0depends=([^\0]*)\0", data)
        for dependency in filter(None, found.group(1).decode().split(",") if found else []):
            visit(dependency.replace("-", "_"))
        order.append(name)

    for name in wanted:
        visit(name.replace("-", "_"))
    return [files[name] for name in order]
