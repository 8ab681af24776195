#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# limit: 120
# box: --device edu,addr=6 --nvme 64M
"""nodedev-detach, -reattach, -reset by stock virsh: the host is the same before and after."""

import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.dont_write_bytecode = True

import assigned  # noqa: E402
from assigned import virsh  # noqa: E402
from tap import Tap  # noqa: E402


def say(tap, name, good, said):
    """A point, and virsh's words when it is a bad one."""
    tap.point(name, good)
    if not good:
        print(f"# {said}", flush=True)


def there_and_back(tap, device):
    """A device leaves its driver and comes back to it."""
    before = device.state()
    status, said = virsh("nodedev-detach", device.name)
    say(tap, f"{device.name} is detached", status == 0 and device.driver() == "vfio-pci", said)
    status, said = virsh("nodedev-reset", device.name)
    say(tap, f"{device.name} is reset", status == 0, said)
    status, said = virsh("nodedev-reattach", device.name)
    say(tap, f"{device.name} is where it was", status == 0 and device.state() == before,
        f"{said}: {device.state()}, not {before}")


def refused(tap, disk, device):
    """A disk that the host swaps to stays."""
    path = str(assigned.until(disk.path, "the disk"))
    subprocess.run(["mkswap", path], check=True, capture_output=True)
    subprocess.run(["swapon", path], check=True)
    status, said = virsh("nodedev-detach", device.name)
    words = f"PCI device {device.address} is in use by the host: {path} is its swap"
    say(tap, "disk with swap is refused", status != 0 and words in said, said)
    tap.point("disk with swap keeps its driver", device.driver() == "nvme")
    subprocess.run(["swapoff", path], check=True)
    status, said = virsh("nodedev-detach", "pci_0000_00_1e_7")
    say(tap, "device that is not there is refused",
        status != 0 and "pci_0000_00_1e_7" in said, said)


def killed(tap, daemon, disk, device):
    """A daemon that is killed in between changes nothing."""
    before, digest = device.state(), disk.digest()
    virsh("nodedev-detach", device.name)
    daemon.kill()
    daemon.start()
    tap.point("device stays detached across a kill", device.driver() == "vfio-pci")
    status, said = virsh("nodedev-reattach", device.name)
    say(tap, "new daemon gives it back", status == 0 and device.state() == before, said)
    tap.point("disk has the same bytes", disk.digest() == digest)
    tap.point("no record is left", assigned.records() == [])


def main():
    """One daemon, no guest."""
    tap = Tap()
    daemon = assigned.Daemon(os.environ["TENON_SCRATCH"])
    daemon.start()
    device = assigned.nvme()
    disk = assigned.Disk(device)
    digest = disk.fill()
    there_and_back(tap, assigned.edu())
    there_and_back(tap, device)
    tap.point("host's driver reads the same bytes", disk.digest() == digest)
    refused(tap, disk, device)
    killed(tap, daemon, disk, device)
    tap.finish()


if __name__ == "__main__":
    main()
