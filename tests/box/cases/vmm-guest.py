#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# limit: 240
"""The test guest under tenon-vmm alone: all kernel forms, memory in and out, power button, reset."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.dont_write_bytecode = True

import guest  # noqa: E402
from tap import Tap  # noqa: E402

VMM = Path(os.environ["TENON_SOURCE"]) / "build/vmm/tenon-vmm"
ARGV = [VMM, "-accel", "kvm", "-cpu", "host", "-machine", "pc", "-nodefaults", "-display", "none",
        "-m", "512M,slots=4,maxmem=4G", "-smp", "2"]
DIMM_KB = 256 << 10
# In the setup header, Linux's Documentation/x86/boot.rst.
PAYLOAD_LENGTH = 0x24C


def plug(machine, name):
    """Plug a DIMM called `name`."""
    machine.command("object-add", {"qom-type": "memory-backend-ram", "id": f"mem-{name}",
                                   "size": DIMM_KB << 10})
    machine.command("device_add", {"driver": "pc-dimm", "memdev": f"mem-{name}", "id": name})


def main_path(tap, images, scratch, irqchip):
    """The bzImage: plug, unplug, reset, power button; interrupt controllers in KVM or ours."""
    argv = [*ARGV, "-accel", f"kvm,kernel-irqchip={irqchip}"]
    with guest.Machine(argv, images, scratch) as machine:
        before = int(machine.wait_report(r"ready MemTotal=(\d+) kB")[1])
        tap.point(f"{irqchip}: bzImage reaches its init", True)
        plug(machine, "d0")
        tap.point(f"{irqchip}: guest gains a DIMM", machine.wait_memory(before + DIMM_KB))
        machine.command("device_del", {"id": "d0"})
        machine.wait_event("DEVICE_DELETED")
        tap.point(f"{irqchip}: guest gives it back", machine.wait_memory(before))
        tap.point(f"{irqchip}: no memory device is left",
                  machine.command("query-memory-devices") == [])
        machine.type("acpi-errors")
        errors = machine.wait_report(r"acpi-errors=(\d+)")
        tap.point(f"{irqchip}: guest finds no fault with ACPI", errors[1] == "0")
        machine.command("system_reset")
        machine.wait_report("init")
        tap.point(f"{irqchip}: reset starts it anew",
                  machine.wait_report(r"ready MemTotal=(\d+) kB"))
        machine.command("system_powerdown")
        tap.point(f"{irqchip}: guest heeds the power button", machine.wait_report("bye poweroff"))
        tap.point(f"{irqchip}: the process ends well", machine.wait_end() == 0)


def unpacks_itself(tap, images, scratch):
    """A bzImage that does not tell where its payload is: the guest's own code unpacks it."""
    image = bytearray(Path(images["KERNEL"]).read_bytes())
    image[PAYLOAD_LENGTH:PAYLOAD_LENGTH + 4] = bytes(4)
    plain = Path(scratch) / "bzImage"
    plain.write_bytes(image)
    with guest.Machine(ARGV, images | {"KERNEL": plain}, scratch) as machine:
        machine.wait_report(r"ready MemTotal=(\d+) kB")
        tap.point("a bzImage that unpacks itself reaches its init", True)
        machine.command("quit")
        tap.point("quit ends the process", machine.wait_end() == 0)


def refused(tap, images, scratch):
    """The ELF form: a DIMM whose memory cannot move stays, and all is as before."""
    words = guest.KERNEL_WORDS + " tenon.online=online"
    with guest.Machine(ARGV, images, scratch, "VMLINUX", words) as machine:
        before = int(machine.wait_report(r"ready MemTotal=(\d+) kB")[1])
        tap.point("ELF kernel reaches its init by PVH", True)
        plug(machine, "d0")
        machine.wait_memory(before + DIMM_KB)
        machine.type("pin 64")
        machine.wait_report("pinned")
        machine.command("device_del", {"id": "d0"})
        told = machine.wait_event("DEVICE_UNPLUG_GUEST_ERROR")
        tap.point("guest refuses an unplug", told["data"].get("device") == "d0")
        kept = machine.command("query-memory-devices")
        tap.point("the DIMM stays", [each["data"]["id"] for each in kept] == ["d0"])
        machine.type("mem")
        total = int(machine.wait_report(r"MemTotal=(\d+) kB")[1])
        tap.point("guest still has the memory", abs(total - before - DIMM_KB) < guest.TOLERANCE_KB)
        machine.command("quit")
        tap.point("quit ends the process", machine.wait_end() == 0)


def main():
    """All of it."""
    tap = Tap()
    images = guest.images()
    main_path(tap, images, os.environ["TENON_SCRATCH"], "on")
    main_path(tap, images, os.environ["TENON_SCRATCH"], "split")
    unpacks_itself(tap, images, os.environ["TENON_SCRATCH"])
    refused(tap, images, os.environ["TENON_SCRATCH"])
    tap.finish()


if __name__ == "__main__":
    main()
