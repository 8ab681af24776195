# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who may include whom: docs/architecture.md as a table, held against every include line."""

import re

import tree

# Folder: the folders whose headers its files may include, beside its own.
LEAVES = {"vmm/memory", "vmm/core"}
DEVICES_SEE = LEAVES | {"vmm/backend", "vmm/pci", "vmm/acpi"}
MACHINE_SEES = DEVICES_SEE | {"vmm/hw", "vmm/virtio", "vmm/vfio", "vmm/accel"}
EDGES = {
    "vmm/memory": set(),
    "vmm/core": set(),
    "vmm/backend": LEAVES,
    "vmm/pci": LEAVES,
    "vmm/acpi": LEAVES,
    "vmm/accel": LEAVES,
    "vmm/hw": DEVICES_SEE,
    "vmm/virtio": DEVICES_SEE,
    "vmm/vfio": DEVICES_SEE,
    "vmm/machine": MACHINE_SEES,
    "vmm/monitor": LEAVES | {"vmm/machine", "vmm/backend", "qmp"},
    "vmm": MACHINE_SEES | {"vmm/machine", "vmm/monitor", "qmp"},
    "qmp": set(),
    "xml": set(),
    "driver/rpc": set(),
    "driver/host": set(),
    "driver/core": {"driver/host", "xml", "qmp"},
    "driver/api": {"driver/core", "driver/rpc"},
    "driver": {"driver/rpc", "driver/host", "driver/core", "driver/api", "xml", "qmp"},
}

# Generated and hand-written parts of one layer that live in folders of their own.
SAME_LAYER = {"driver/rpc/protocol": "driver/rpc", "qmp/schema": "qmp", "qmp/gen": "qmp"}

# Headers that all of a program may include, whatever folder they lie in.
COMMON = {"driver/error.h": "driver/"}

# Headers of one half of a folder: only these folders may include them.
HALVES = {r"qmp/client.*\.h": ("qmp", "driver"), r"qmp/server.*\.h": ("qmp", "vmm")}

# Libraries that only these folders may know.
LIBRARIES = {
    r"linux/kvm\.h": ("vmm/accel", "vmm/vfio"),
    r"libxml/.*": ("xml",),
    r"json-c/.*|json\.h": ("qmp", "vmm", "driver"),
    r"libvirt/.*": ("driver",),
    r"rpc/.*": ("driver/rpc",),
    r"(gio|sys/socket|sys/un|netinet)/?.*": ("vmm", "qmp", "driver"),
}

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">]+)[">]', re.MULTILINE)


def layer_of(path):
    """The row of the table that a file belongs to."""
    folder = str(path.parent) if hasattr(path, "parent") else path.rpartition("/")[0]
    return SAME_LAYER.get(folder, folder)


def within(folder, parents):
    """Whether `folder` is one of `parents` or lies below one."""
    return any(folder == parent or folder.startswith(parent + "/") for parent in parents)


def quoted_fault(path, header):
    """What is wrong with an include of one of our own headers, or None."""
    source, target = layer_of(path), layer_of(header)
    if "/" not in header:
        return "is not written from the top"
    for pattern, allowed in HALVES.items():
        if re.fullmatch(pattern, header) and not within(source, allowed):
            return f"belongs to the half of {' and '.join(allowed)}"
    if header in COMMON and str(path).startswith(COMMON[header]):
        return None
    if target == source or target in EDGES[source]:
        return None
    return f"is an edge {source} -> {target} that docs/architecture.md does not have"


def library_fault(path, header):
    """What is wrong with an include of a library's header, or None."""
    for pattern, allowed in LIBRARIES.items():
        if re.fullmatch(pattern, header) and not within(layer_of(path), allowed):
            return f"is for {', '.join(allowed)} only"
    return None


def faults_of(path):
    """Every include line of one file that breaks the table."""
    for mark, header in INCLUDE.findall(tree.text(path)):
        fault = (quoted_fault if mark == '"' else library_fault)(path, header)
        if fault:
            yield f"{path}: {header} {fault}"


def main():
    """One test point for each folder."""
    tap = tree.Tap()
    sources = [path for path in tree.files()
               if path.suffix in (".c", ".h") and path.parts[0] in ("vmm", "qmp", "xml", "driver")]
    unknown = {layer_of(path) for path in sources} - set(EDGES)
    tap.rule("/layers/every-folder-is-in-the-table", sorted(unknown))
    for layer in EDGES:
        own = [path for path in sources if layer_of(path) == layer]
        if own:
            tap.rule(f"/layers/{layer}", [fault for path in own for fault in faults_of(path)])
    tap.finish()


if __name__ == "__main__":
    main()
