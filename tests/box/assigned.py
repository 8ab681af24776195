# SPDX-License-Identifier: LGPL-2.1-or-later
"""Host devices for cases in the box: finding them, reading them, and a daemon that may be killed."""

import hashlib
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

DEVICES = Path("/sys/bus/pci/devices")
SOCKET = Path("/run/libvirt/virttenond-sock")
STATE = Path("/run/libvirt/tenon")
BUILD = Path(os.environ.get("TENON_BUILD", os.environ.get("TENON_SOURCE", ".") + "/build"))
LIMIT_SECONDS = 60
POLL_SECONDS = 0.02
# What is read of a disk, and compared.
SAMPLE_MIB = 8

HOSTDEV_XML = """\
<hostdev mode='subsystem' type='pci' managed='{managed}'>
  <source><address domain='0x{0}' bus='0x{1}' slot='0x{2}' function='0x{3}'/></source>
</hostdev>
"""


class Failure(Exception):
    """What was waited for did not come."""


def until(condition, what, limit=LIMIT_SECONDS):
    """The first true value of `condition()`."""
    end = time.monotonic() + limit
    while not (value := condition()):
        if time.monotonic() > end:
            raise Failure(f"not within {limit} s: {what}")
        time.sleep(POLL_SECONDS)
    return value


class Device:
    """One PCI device of this host."""

    def __init__(self, attribute, value):
        self.address = next(path.name for path in sorted(DEVICES.iterdir())
                            if (path / attribute).read_text().strip() == value)
        self.folder = DEVICES / self.address
        self.name = "pci_" + self.address.replace(":", "_").replace(".", "_")

    def driver(self):
        """The driver that has it; '' for none."""
        link = self.folder / "driver"
        return link.resolve().name if link.exists() else ""

    def state(self):
        """Driver and override: what must be the same before and after."""
        return self.driver(), (self.folder / "driver_override").read_text().strip()

    def group(self):
        """Number of its IOMMU group."""
        return int((self.folder / "iommu_group").resolve().name)

    def xml(self, managed="yes"):
        """The element for attach-device."""
        return HOSTDEV_XML.format(*self.address.replace(".", ":").split(":"), managed=managed)


def edu():
    """The edu device (1234:11e8)."""
    return Device("device", "0x11e8")


def nvme():
    """The NVMe disk, by its class."""
    return Device("class", "0x010802")


class Disk:
    """What the host reads of the NVMe disk."""

    def __init__(self, device):
        self._device = device

    def path(self):
        """Its block device; None while another driver has it."""
        found = sorted(self._device.folder.glob("nvme/nvme*/nvme*n*"))
        path = Path("/dev") / found[0].name if found else None
        return path if path and path.is_block_device() else None

    def fill(self):
        """Random bytes to its beginning. Returns their digest."""
        data = os.urandom(SAMPLE_MIB << 20)
        fd = os.open(until(self.path, "the disk's block device"), os.O_WRONLY)
        try:
            os.write(fd, data)
            os.fsync(fd)
        finally:
            os.close(fd)
        return hashlib.sha256(data).hexdigest()

    def digest(self):
        """Digest of its beginning, read anew."""
        fd = os.open(until(self.path, "the disk's block device"), os.O_RDONLY)
        try:
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            digest = hashlib.sha256()
            for _ in range(SAMPLE_MIB):
                digest.update(os.read(fd, 1 << 20))
        finally:
            os.close(fd)
        return digest.hexdigest()


class Daemon:
    """virttenond, started and killed at will."""

    def __init__(self, scratch):
        self._log = Path(scratch) / "daemon.log"
        self.process = None

    def start(self):
        """Start it and wait for its socket."""
        with open(self._log, "ab") as log:
            self.process = subprocess.Popen([BUILD / "driver/virttenond"], stdout=log, stderr=log,
                                            stdin=subprocess.DEVNULL, start_new_session=True)
        until(self._listens, f"{SOCKET}: {self.log()}")

    @staticmethod
    def _listens():
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(str(SOCKET)) == 0

    def kill(self):
        """kill -9."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def log(self):
        """The end of what it said."""
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-20:])


def virsh(*words, limit=LIMIT_SECONDS):
    """Stock virsh once. Returns (status, what it said)."""
    done = subprocess.run(["virsh", "-c", "tenon:///system", *map(str, words)], text=True,
                          capture_output=True, timeout=limit, check=False)
    return done.returncode, (done.stdout + done.stderr).strip()


def records():
    """Records of devices that changed hands; none when all is as it was."""
    return sorted(path.name for path in STATE.glob("*.hostdev"))
