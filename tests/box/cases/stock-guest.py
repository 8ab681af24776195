#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# limit: 180
"""The test guest under stock QEMU: a control, so that a red case of Tenon's points at Tenon."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.dont_write_bytecode = True

import guest  # noqa: E402
from tap import Tap  # noqa: E402

DIMM_BYTES = 256 << 20


def main():
    """Boot, plug, unplug, press the power button."""
    tap = Tap()
    scratch = Path(os.environ["TENON_SCRATCH"])
    images = guest.images()
    with guest.Machine(
            ["qemu-system-x86_64", "-accel", "kvm", "-cpu", "host", "-machine", "pc", "-nodefaults",
             "-display", "none", "-m", "512M,slots=4,maxmem=4G", "-smp", "2", "-no-reboot"],
            images, scratch) as machine:
        before = machine.wait_report(r"ready MemTotal=(\d+) kB")
        tap.point("guest reaches its init", before)
        machine.command("object-add", {"qom-type": "memory-backend-ram", "id": "m0",
                                       "size": DIMM_BYTES})
        machine.command("device_add", {"driver": "pc-dimm", "memdev": "m0", "id": "d0"})
        grown = machine.wait_memory(int(before[1]) + DIMM_BYTES // 1024)
        tap.point("guest gains a DIMM", grown)
        machine.command("device_del", {"id": "d0"})
        machine.wait_event("DEVICE_DELETED")
        tap.point("guest gives it back", machine.wait_memory(int(before[1])))
        machine.type("acpi-errors")
        errors = machine.wait_report(r"acpi-errors=(\d+)")
        tap.point("guest finds no fault with ACPI", errors and errors[1] == "0")
        machine.command("system_powerdown")
        tap.point("guest heeds the power button", machine.wait_report("bye poweroff"))
        tap.point("the monitor's process ends well", machine.wait_end() == 0)
    tap.finish()


if __name__ == "__main__":
    main()
