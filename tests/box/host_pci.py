# SPDX-License-Identifier: LGPL-2.1-or-later
"""PCI devices of the machine that the tests run on: which there are, and whose driver has them."""

import os
from pathlib import Path

DEVICES = Path("/sys/bus/pci/devices")


def read(address, name):
    """A file of the device's folder in sysfs, without its newline."""
    return (DEVICES / address / name).read_text(encoding="ascii").strip()


def find(name, prefix):
    """Addresses of the devices whose file `name` ('device', 'class') begins like this, in order."""
    return [path.name for path in sorted(DEVICES.iterdir())
            if read(path.name, name).startswith(prefix)]


def driver(address):
    """Name of the driver that has the device, None for none."""
    link = DEVICES / address / "driver"
    return os.path.basename(os.readlink(link)) if link.is_symlink() else None


def group(address):
    """Number of the device's IOMMU group."""
    return int(os.path.basename(os.readlink(DEVICES / address / "iommu_group")))


def bind(address, name):
    """Give the device to the driver `name`, or to whoever wants it when that is ''."""
    if driver(address):
        (DEVICES / address / "driver/unbind").write_text(address, encoding="ascii")
    (DEVICES / address / "driver_override").write_text(name + "\n", encoding="ascii")
    Path("/sys/bus/pci/drivers_probe").write_text(address, encoding="ascii")
    if name and driver(address) != name:
        raise OSError(f"{address} has driver {driver(address)}, not {name}")
