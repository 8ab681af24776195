# SPDX-License-Identifier: LGPL-2.1-or-later
"""A guest with host devices: starting it, what its shell finds in them, counting its exits."""

import hashlib
import os
import time
from pathlib import Path

import guest
import initramfs

DISK = "/dev/nvme0n1"
DISK_MIB = 2
MIB = 1 << 20
LIMIT_SECONDS = 30
BUILD = os.environ.get("TENON_BUILD", os.environ.get("TENON_SOURCE", ".") + "/build")
INSTANCE = Path("/sys/kernel/tracing/instances/tenon-vfio")
KVM_EXIT_MMIO = 6


def add_program(images, scratch, program):
    """Puts a static program of the build into the guest's /bin: another initial RAM disk."""
    extra = initramfs.Cpio()
    extra.file(f"bin/{Path(program).name}", Path(program).read_bytes(), 0o755)
    path = Path(scratch) / "initrd"
    path.write_bytes(Path(images["INITRD"]).read_bytes() + extra.bytes())
    images["INITRD"] = str(path)


def machine(images, scratch, locked, *more):
    """tenon-vmm that may lock `locked` bytes and no more, though root runs it."""
    words = "tenon.online=online_movable memhp_default_state=online_movable iomem=relaxed"
    return guest.Machine(
        ["prlimit", f"--memlock={locked}", "setpriv", "--bounding-set=-ipc_lock",
         "--inh-caps=-ipc_lock", f"{BUILD}/vmm/tenon-vmm", *guest.ACCEL, "-cpu", "host",
         "-machine", "pc", "-nodefaults", "-display", "none", "-m", "512M,slots=4,maxmem=4G",
         "-smp", "2", "-object", "memory-backend-ram,id=ram,size=512M",
         "-numa", "node,nodeid=0,cpus=0-1,memdev=ram", "-numa", "node,nodeid=1", *more],
        images, scratch, words=f"{guest.KERNEL_WORDS} {words}")


def run(vm, command):
    """Lines that a shell command in the guest printed."""
    vm.type(f"run {command}")
    lines = []
    while True:
        found = vm.wait_report(r"(?:out: (.*)|exit=(\d+))$")
        if found[1] is None:
            return lines
        lines.append(found[1])


def digest(data):
    """sha256 of bytes, as its tool prints it."""
    return hashlib.sha256(data).hexdigest()


def fill_disk():
    """Write to the host's disk what no other disk has."""
    with open(DISK, "r+b", buffering=0) as disk:
        disk.write(os.urandom(DISK_MIB * MIB))
        os.fsync(disk.fileno())


def host_digest():
    """sha256 of the disk's beginning, as the host reads it; waits for the disk to come."""
    end = time.monotonic() + LIMIT_SECONDS
    while not os.path.exists(DISK) and time.monotonic() < end:
        time.sleep(0.05)
    with open(DISK, "rb", buffering=0) as disk:
        return digest(disk.read(DISK_MIB * MIB))


def disk_digest(vm):
    """The same, as the guest's driver reads it, past its page cache."""
    return run(vm, f"dd if={DISK} bs=1M count={DISK_MIB} iflag=direct 2>/dev/null | "
                   "sha256sum")[0].split()[0]


def dma_into(vm, node):
    """
    The disk's beginning, read by the guest into memory of its NUMA node `node` alone.

    Returns (its sha256, the lowest and the highest physical address of the pages that took it).
    """
    lines = run(vm, f"dma-buffer {DISK} {DISK_MIB} {node} | sha256sum")
    place = next((line for line in lines if line.startswith("low=")), None)
    if place is None:
        raise guest.GuestError(f"dma-buffer failed: {lines}")
    low, high = (int(word.split("=")[1], 16) for word in place.split())
    digest = next(line.split()[0] for line in lines if line.endswith(" -"))
    return digest, low, high


def disk_interrupts(vm):
    """How many interrupts the guest's nvme driver has had."""
    return int(run(vm, "awk '/nvme/ {n += $2 + $3} END {print n + 0}' /proc/interrupts")[0])


def wait_bar(vm, address):
    """Where BAR 0 of a device that comes while the guest runs is; its memory is enabled."""
    folder = f"/sys/bus/pci/devices/{address}"
    lines = run(vm, f"n=0; until [ -e {folder}/enable ] || [ $n = 100 ]; do usleep 100000; "
                    f"n=$((n+1)); done; echo 1 > {folder}/enable; head -n1 {folder}/resource")
    return int(lines[-1].split()[0], 16)


def peek(vm, address):
    """Four bytes at a guest's physical address, as devmem says them."""
    return run(vm, f"devmem {address:#x} 32")[0]


def poke(vm, address, value):
    """Writes four bytes."""
    run(vm, f"devmem {address:#x} 32 {value:#x}")


def send_fd(vm, name, path):
    """Open `path` and hand it to the monitor under `name`."""
    fd = os.open(path, os.O_RDWR)
    try:
        vm.qmp.command_with_fd("getfd", {"fdname": name}, fd)
    finally:
        os.close(fd)


class MmioExits:
    """Counts, while open, the guest's accesses that came as far as the monitor program."""

    def __init__(self):
        self.count = None

    def __enter__(self):
        INSTANCE.mkdir()
        (INSTANCE / "events/kvm/kvm_userspace_exit/filter").write_text(
            f"reason == {KVM_EXIT_MMIO}", encoding="ascii")
        (INSTANCE / "events/kvm/kvm_userspace_exit/enable").write_text("1", encoding="ascii")
        return self

    def __exit__(self, *_):
        (INSTANCE / "events/enable").write_text("0", encoding="ascii")
        text = (INSTANCE / "trace").read_text(encoding="ascii")
        self.count = sum("kvm_userspace_exit:" in line for line in text.splitlines())
        INSTANCE.rmdir()
