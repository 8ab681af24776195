#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# limit: 400
"""
A guest of 64 GiB around the PCI hole, most of it never touched:

    tests/box/run --memory 8G --timeout 300 tests/box/by-hand/large-memory.py
"""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.dont_write_bytecode = True

import guest  # noqa: E402
from tap import Tap  # noqa: E402

VMM = Path(os.environ["TENON_SOURCE"]) / "build/vmm/tenon-vmm"
GIB_KB = 1 << 20
ARGV = [VMM, "-accel", "kvm", "-cpu", "host", "-nodefaults", "-display", "none", "-m", "64G",
        "-smp", "1", "-object", "memory-backend-ram,id=ram,size=64G,reserve=off",
        "-machine", "pc,memory-backend=ram"]


def main():
    """One guest; its tables of pages alone take 1 GiB."""
    tap = Tap()
    guest.LIMIT_SECONDS = 240
    with guest.Machine(ARGV, guest.images(), os.environ.get("TENON_SCRATCH", "/tmp"),
                       words=guest.KERNEL_WORDS + " memblock=debug") as machine:
        total = int(machine.reports.wait(r"ready MemTotal=(\d+) kB", 240)[1])
        print(f"# MemTotal={total} kB")
        tap.point("the guest has its 64 GiB", 62 * GIB_KB < total < 64 * GIB_KB)
        machine.type("run grep -E 'System RAM' /proc/iomem")
        below = machine.wait_report(r"out: 00100000-([0-9a-f]+) : System RAM")
        above = machine.wait_report(r"out: 100000000-([0-9a-f]+) : System RAM")
        print(f"# RAM ends at {below[1]} below the hole, at {above[1]} above")
        tap.point("3 GiB are below the hole", int(below[1], 16) < 3 << 30)
        tap.point("the rest is above", int(above[1], 16) + 1 == 65 << 30)
        machine.command("quit")
        tap.point("quit ends the process", machine.wait_end() == 0)
    tap.finish()


if __name__ == "__main__":
    main()
