#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# limit: 120
"""A stock kernel meets PCI functions: they are found, get their BARs from it, and answer there."""

import os
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.dont_write_bytecode = True

import guest  # noqa: E402
from tap import Tap  # noqa: E402

VMM = Path(os.environ["TENON_SOURCE"]) / "build/vmm/tenon-vmm"
ARGV = [VMM, *guest.ACCEL, "-cpu", "host", "-machine", "pc", "-nodefaults", "-display", "none",
        "-m", "256M", "-smp", "1", "-device", "edu,addr=5,id=e0",
        "-device", "pci-bridge,chassis_nr=1,id=br1,addr=6", "-device", "edu,bus=br1,addr=2"]
BEHIND = "/sys/bus/pci/devices/0000:01:02.0"
EDU = "/sys/bus/pci/devices/0000:00:05.0"
IDENTIFICATION = "0x010000ED"
BAR_BYTES = 1 << 20
# Without firmware nobody numbered the buses before, as the kernel remarks of a bridge.
EXPECTED = "bridge configuration invalid ([bus 00-00]), reconfiguring"
COMPLAINTS = r"pci.*(can.t|fail|conflict|no space|error|bogus|invalid|unable)|irq.*nobody cared"


def run(machine, command):
    """What `command` says in the guest, line by line."""
    lines = []
    machine.type(f"run {command}")
    while True:
        found = machine.wait_report(r"(out: (.*)|exit=(\d+))")
        if found[3] is not None:
            return lines
        lines.append(found[2].strip())


def main():
    """Boot and look."""
    tap = Tap()
    with guest.Machine(ARGV, guest.images(), os.environ["TENON_SCRATCH"]) as machine:
        machine.wait_report(r"ready MemTotal=(\d+) kB")
        ids = run(machine, f"cd {EDU} && cat vendor device class")
        print(f"# {ids}")
        tap.point("the kernel finds 1234:11e8 at 00:05.0", ids == ["0x1234", "0x11e8", "0x00ff00"])
        resource = run(machine, f"head -n 1 {EDU}/resource")
        print(f"# {resource}")
        first, last, flags = (int(word, 16) for word in resource[0].split())
        tap.point("the kernel gave its BAR 1 MiB of memory",
                  first and last - first + 1 == BAR_BYTES and flags & 0x200)
        value = run(machine, f"echo 1 >{EDU}/enable; devmem {first:#x} 32; devmem {first + 4:#x} 32 "
                             f"0x12345678; devmem {first + 4:#x} 32")
        print(f"# {value}")
        tap.point("the identification register reads there", value[:1] == [IDENTIFICATION])
        tap.point("the liveness register inverts", value[1:] == ["0xEDCBA987"])
        irq = run(machine, f"cat {EDU}/irq; dmesg | grep -i 'interrupt link'")
        print(f"# {irq}")
        tap.point("the kernel routed its pin", irq and re.fullmatch("5|10|11", irq[0]))
        resource = run(machine, f"echo 1 >{BEHIND}/enable; head -n 1 {BEHIND}/resource")
        print(f"# {resource}")
        first = int(resource[0].split()[0], 16)
        value = run(machine, f"devmem {first:#x} 32; cat {BEHIND}/irq")
        print(f"# {value}")
        tap.point("one behind a bridge answers through the bridge's window",
                  first and value[:1] == [IDENTIFICATION])
        tap.point("and its pin is routed, too", re.fullmatch("5|10|11", value[-1]))
        complaints = run(machine, f"dmesg | grep -iE '{COMPLAINTS}'")
        for line in complaints:
            print(f"# {line}")
        tap.point("the kernel finds no fault with PCI",
                  [line for line in complaints if EXPECTED not in line] == [])
        machine.type("acpi-errors")
        tap.point("nor with ACPI", machine.wait_report(r"acpi-errors=(\d+)")[1] == "0")
        machine.command("quit")
        tap.point("quit ends the process", machine.wait_end() == 0)
    tap.finish()


if __name__ == "__main__":
    main()
