#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""
The box's NVMe disk in a stock Debian guest of each monitor; prints a line of JSON for each side.
Runs in the box, where boxed.py starts it: hostdev_inner.py RUNS.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "box")]
sys.dont_write_bytecode = True

import guest  # noqa: E402
import host_pci  # noqa: E402
import monitors  # noqa: E402
from box_inner import TRIES, Collected  # noqa: E402
from vfio_guest import DISK, add_program, run  # noqa: E402

READER = monitors.BUILD / "tests/bench/disk-reader"
READS = 10000
DEBUGFS = Path("/sys/kernel/debug")
INSTANCE = Path("/sys/kernel/tracing/instances/tenon-bench")
# The trigger's count is of the whole host: only one guest runs at a time.
USER_EXIT = INSTANCE / "events/kvm/kvm_userspace_exit"
COUNTERS = ("exits", "io_exits", "mmio_exits", "halt_exits", "irq_exits")
LOAD = "while read -r m; do insmod /modules/$m; done </modules/nvme.list"


def user_exits():
    """Exits to user space that KVM has counted so far."""
    text = (USER_EXIT / "hist").read_text(encoding="ascii")
    return sum(int(number) for number in re.findall(r"hitcount:\s+(\d+)", text))


def counters(pid):
    """KVM's own counters of a process's guest, those of its processor included."""
    folder, = (DEBUGFS / "kvm").glob(f"{pid}-*")
    seen = {name: int((folder / name).read_text(encoding="ascii")) for name in COUNTERS}
    return seen | {"user_exits": user_exits()}


def read_disk(vm, count):
    """`count` reads. Returns (what the reader said, by name; what the counters gained)."""
    before = counters(vm.pid)
    lines = run(vm, f"disk-reader read {DISK} {count:06}")
    after = counters(vm.pid)
    said = {name: int(value) for name, value in re.findall(r"(\w+)=(\d+)", " ".join(lines))}
    if said.get("reads") != count:
        raise guest.GuestError(f"the reader failed: {lines}")
    return said, {name: after[name] - before[name] for name in after}


def measure(vm, nvme):
    """The disk plugged and read. Returns figures by name."""
    vm.wait_report("ready")
    run(vm, LOAD)
    vm.type(f"run disk-reader wait {DISK}")
    vm.wait_report("waiting")
    command = {"driver": "vfio-pci", "host": nvme, "id": "nvme", "bus": "pci.0", "addr": "0x6"}
    vm.command("query-status")  # connects
    begin = time.monotonic()
    vm.command("device_add", command)
    returned = time.monotonic()
    vm.wait_report("disk")
    figures = {"added": (returned - begin) * 1e3, "seen": (vm.reports.when - begin) * 1e3}
    vm.wait_report("exit=0")
    # Typing the command, starting the reader and its report cost exits too.
    _, aside = read_disk(vm, 0)
    if not aside["user_exits"] or not aside["io_exits"]:
        raise guest.GuestError(f"a report without exits; the counters do not count: {aside}")
    said, gained = read_disk(vm, READS)
    seconds = said["ns"] / 1e9
    figures |= {"reads": READS / seconds, "interrupts": said["interrupts"] / seconds}
    return figures | {name: (gained[name] - aside[name]) / READS for name in gained}


def once(who, images, scratch, nvme):
    """One guest of one monitor. Returns figures by name."""
    argv = [monitors.program(who), "-machine", "pc", "-accel", "kvm", "-cpu", "host",
            "-nodefaults", "-display", "none", "-no-reboot", "-m", "512M", "-smp", "1"]
    with guest.Machine(argv, images, scratch) as vm:
        # Caught in here: a Machine that sees it come by ends the whole program.
        try:
            return measure(vm, nvme)
        except (guest.GuestError, OSError) as error:
            problem = error
    raise guest.GuestError(f"{who}: {problem}")


def surely(*how):
    """once(), again when the guest is lost, as they are now and then in the box."""
    for _ in range(TRIES - 1):
        try:
            return once(*how)
        except guest.GuestError as error:
            print(f"lost: {error}", file=sys.stderr)
    return once(*how)


def main():
    """The sides take turns, each time with a new guest."""
    subprocess.run(["mount", "-t", "debugfs", "debugfs", DEBUGFS], check=True)
    INSTANCE.mkdir()
    (USER_EXIT / "trigger").write_text("hist:keys=reason", encoding="ascii")
    nvme = host_pci.find("class", "0x0108")[0]
    host_pci.bind(nvme, "vfio-pci")
    collected = Collected()
    with tempfile.TemporaryDirectory() as scratch:
        images = guest.images()
        add_program(images, scratch, READER)
        for _ in range(int(sys.argv[1])):
            for who in monitors.BOTH:
                figures = surely(who, images, scratch, nvme)
                print(f"{who}: {figures}, load {os.getloadavg()[0]:.1f}", file=sys.stderr)
                for name, value in figures.items():
                    collected.add(who, name, value)
    collected.print()


if __name__ == "__main__":
    main()
