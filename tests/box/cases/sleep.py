#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# limit: 240
"""Debian's kernel put to sleep (ACPI S3) and woken up: by the user, then by its own alarm."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.dont_write_bytecode = True

import guest  # noqa: E402
from tap import Tap  # noqa: E402

VMM = Path(os.environ["TENON_SOURCE"]) / "build/vmm/tenon-vmm"
ARGV = [VMM, *guest.ACCEL, "-cpu", "host", "-machine", "pc", "-nodefaults", "-display", "none",
        "-m", "512M", "-smp", "2"]
SLEEP = "run echo mem >/sys/power/state"
ALARM = "run echo +4 >/sys/class/rtc/rtc0/wakealarm"


def main():
    """All of it. The cloud kernel cannot sleep, so it is the generic one."""
    tap = Tap()
    images = guest.images("generic")
    with guest.Machine(ARGV, images, os.environ["TENON_SCRATCH"]) as machine:
        before = int(machine.wait_report(r"ready MemTotal=(\d+) kB")[1])
        machine.type(SLEEP)
        machine.wait_event("SUSPEND")
        tap.point("the guest sleeps",
                  machine.command("query-status") == {"running": False, "singlestep": False,
                                                      "status": "suspended"})
        machine.command("system_wakeup")
        machine.wait_event("WAKEUP")
        tap.point("the user wakes it up", machine.wait_report(r"exit=0"))
        machine.type("mem")
        tap.point("its memory is there",
                  int(machine.wait_report(r"MemTotal=(\d+) kB")[1]) == before)
        machine.type(ALARM)
        machine.wait_report(r"exit=0")
        machine.type(SLEEP)
        machine.wait_event("SUSPEND")
        machine.wait_event("WAKEUP")
        tap.point("its own alarm wakes it up", machine.wait_report(r"exit=0"))
        machine.type("run grep -c ^processor /proc/cpuinfo")
        tap.point("both CPUs are there", machine.wait_report(r"out: 2"))
        machine.type("acpi-errors")
        tap.point("guest finds no fault with ACPI",
                  machine.wait_report(r"acpi-errors=(\d+)")[1] == "0")
        machine.command("system_powerdown")
        tap.point("guest heeds the power button", machine.wait_report("bye poweroff"))
        tap.point("the process ends well", machine.wait_end() == 0)
    tap.finish()


if __name__ == "__main__":
    main()
