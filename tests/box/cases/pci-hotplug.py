#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# limit: 240
"""PCI devices in a stock kernel under tenon-vmm: plugged, used, unplugged, at every awkward time."""

import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.dont_write_bytecode = True

import guest  # noqa: E402
from tap import Tap  # noqa: E402

BUILD = os.environ.get("TENON_BUILD", os.environ.get("TENON_SOURCE", ".") + "/build")
ROUNDS = 5
LIMIT_SECONDS = 20
PLUG_STEPS = ["realize", "gpe", "sci", "acpi-read", "ost"]
UNPLUG_STEPS = ["gpe", "sci", "acpi-read", "eject", "unrealize"]


def machine(images, scratch):
    """Not started: the first device comes before the guest."""
    return guest.Machine(
        [f"{BUILD}/vmm/tenon-vmm", *guest.ACCEL, "-cpu", "host", "-machine", "pc", "-nodefaults",
         "-display", "none", "-m", "512M", "-smp", "2", "-S",
         "-device", "pci-bridge,id=br1,chassis_nr=1,addr=0x10",
         "-device", "pci-bridge,id=br2,chassis_nr=2,bus=br1,addr=4"], images, scratch)


def wait_for_socket(scratch):
    """Until the monitor listens; the guest cannot tell."""
    end = time.monotonic() + LIMIT_SECONDS
    while not (Path(scratch) / "qmp").exists():
        if time.monotonic() > end:
            raise guest.GuestError("the monitor does not listen")
        time.sleep(0.02)


def function(address):
    """Where the guest's sysfs has the function at "05.0", or "01:05.0" behind a bridge."""
    return f"/sys/bus/pci/devices/0000:{address if ':' in address else '00:' + address}"


def run(vm, command):
    """What a shell command says in the guest, line by line, and its status."""
    vm.type(f"run {command}")
    lines = []
    while True:
        said = vm.wait_report(r"(?:out: (.*)|exit=(\d+))")
        if said[2] is not None:
            return lines, int(said[2])
        lines.append(said[1].strip())


def until(vm, condition):
    """Whether a shell condition comes true in the guest soon."""
    tries = LIMIT_SECONDS * 10
    return run(vm, f"n=0; until {condition}; do n=$((n + 1)); [ $n -lt {tries} ] || exit 1; "
                   "usleep 100000; done")[1] == 0


def comes(vm, address):
    """Whether the guest gets an edu device at `address` with its BAR in the PCI hole."""
    if not until(vm, f"[ -e {function(address)}/resource ]"):
        return False
    lines, _ = run(vm, f"cat {function(address)}/vendor {function(address)}/device; "
                       f"head -n1 {function(address)}/resource")
    start, end = (int(word, 16) for word in lines[2].split()[:2])
    return lines[:2] == ["0x1234", "0x11e8"] and end - start == 0xfffff and start >= 0x20000000


def goes(vm, address):
    """Whether the guest has nothing at `address` any more."""
    return until(vm, f"[ ! -e {function(address)} ]")


def slot(vm, number, bus="pci.0"):
    """What the monitor knows of a PCI slot."""
    return [s for s in vm.command("x-query-acpi-slots")
            if s["slot-type"] == "PCI" and s["bus"] == bus and s["slot"] == number][0]


def wait_ost(vm, number, source, bus="pci.0"):
    """Until the guest's last word on the slot is that it did what `source` asked for."""
    end = time.monotonic() + LIMIT_SECONDS
    while slot(vm, number, bus).get("ost") != {"source": source, "status": 0}:
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def in_order(wanted, found):
    """Whether `found` has the elements of `wanted` in that order, others between them or not."""
    rest = iter(found)
    return all(step in rest for step in wanted)


def trace_until(vm, last):
    """The steps of the trace up to `last`."""
    steps = []
    while not steps or steps[-1] != last:
        steps.append(vm.wait_event("X_HOTPLUG_TRACE")["data"]["step"])
    return steps


def add(vm, name, address, **more):
    """device_add of an edu."""
    vm.command("device_add", {"driver": "edu", "id": name, "addr": address, **more})


def deleted(vm, name):
    """Whether the next device to go is the one `name`."""
    gone = vm.wait_event("DEVICE_DELETED")["data"]
    return gone == {"device": name, "path": f"/machine/peripheral/{name}"}


def check_rounds(tap, vm):
    """In and out, the same slot each time."""
    for number in range(1, ROUNDS + 1):
        add(vm, "e", "05.0")
        tap.point(f"round {number}: the guest gets it, with its BAR", comes(vm, "05.0"))
        vm.command("device_del", {"id": "e"})
        tap.point(f"round {number}: DEVICE_DELETED", deleted(vm, "e"))
        tap.point(f"round {number}: the guest has it no more", goes(vm, "05.0"))


def check_trace(tap, vm):
    """Every step of one plug and one unplug, as events; and the guest's last words."""
    vm.command("x-trace-hotplug", {"enable": True})
    add(vm, "t", "07.0")
    steps = trace_until(vm, "ost")
    print(f"# {steps}")
    tap.point("trace of a plug", in_order(PLUG_STEPS, steps))
    tap.point("the guest says that it has it", wait_ost(vm, 7, 1))
    tap.point("the slot is told", slot(vm, 7) == {
        "slot-type": "PCI", "bus": "pci.0", "slot": 7, "device": "t", "qom-path": "/machine/peripheral/t",
        "functions": 1, "enabled": True, "inserting": False, "removing": False,
        "removable": True, "pending": False, "ost": {"source": 1, "status": 0}})
    vm.command("device_del", {"id": "t"})
    steps = trace_until(vm, "unrealize")
    print(f"# {steps}")
    tap.point("trace of an unplug", in_order(UNPLUG_STEPS, steps))
    deleted(vm, "t")
    tap.point("the guest says that it let go", wait_ost(vm, 7, 3))
    vm.command("x-trace-hotplug", {"enable": False})


def check_functions(tap, vm):
    """Two functions of one slot: function 0 last in and last out."""
    add(vm, "f1", "06.1")
    add(vm, "f0", "06.0", multifunction=True)
    tap.point("the guest gets both functions", comes(vm, "06.0") and comes(vm, "06.1"))
    vm.command("device_del", {"id": "f1"})
    tap.point("both go, function 0 last", deleted(vm, "f1") and deleted(vm, "f0"))
    tap.point("the guest has neither", goes(vm, "06.0") and goes(vm, "06.1"))


def check_paused(tap, vm):
    """A guest that stands still finds out later."""
    vm.command("stop")
    add(vm, "p", "08.0", **{"acpi-index": 77})
    tap.point("told while paused", slot(vm, 8)["inserting"])
    vm.command("cont")
    tap.point("a device plugged while paused comes", comes(vm, "08.0"))
    tap.point("with the number it was given",
              run(vm, f"cat {function('08.0')}/acpi_index") == (["77"], 0))


def check_reset(tap, vm):
    """A guest that begins anew uses nothing; one that is not up yet does not answer."""
    vm.command("stop")
    vm.command("device_del", {"id": "p"})
    tap.point("pending while paused", slot(vm, 8)["pending"] and slot(vm, 8)["removing"])
    vm.command("system_reset")
    tap.point("a reset completes it", deleted(vm, "p"))
    vm.command("device_del", {"id": "cold"})
    vm.command("cont")
    vm.wait_report("ready")
    tap.point("asked before its system was up, the guest did not hear", slot(vm, 4)["pending"])
    tap.point("and has the device", comes(vm, "04.0"))
    vm.command("device_del", {"id": "cold"})
    tap.point("asked again it lets go", deleted(vm, "cold") and goes(vm, "04.0"))


def check_bridges(tap, vm):
    """In and out behind a bridge, and behind one behind it; then a bridge itself."""
    for bus, number in (("br1", "01"), ("br2", "02")):
        address = f"{number}:05.0"
        for turn in range(1, 3):
            add(vm, "b", "05.0", bus=bus)
            tap.point(f"{bus}, round {turn}: the guest gets it, with its BAR", comes(vm, address))
            tap.point(f"{bus}, round {turn}: and says so", wait_ost(vm, 5, 1, bus))
            vm.command("device_del", {"id": "b"})
            tap.point(f"{bus}, round {turn}: DEVICE_DELETED", deleted(vm, "b"))
            tap.point(f"{bus}, round {turn}: the guest has it no more", goes(vm, address))
    vm.command("device_add", {"driver": "pci-bridge", "id": "br3", "addr": "11.0",
                              "chassis_nr": 3})
    tap.point("the guest gets a bridge", until(vm, f"[ -e {function('11.0')}/resource ]"))
    vm.command("device_del", {"id": "br3"})
    tap.point("and lets go of it", deleted(vm, "br3") and goes(vm, "11.0"))


def main():
    """One guest for all of it."""
    tap = Tap()
    scratch = os.environ["TENON_SCRATCH"]
    with machine(guest.images(), scratch) as vm:
        wait_for_socket(scratch)
        add(vm, "cold", "04.0")
        vm.command("cont")
        vm.wait_report("ready")
        tap.point("a device plugged before the start is there", comes(vm, "04.0"))
        check_rounds(tap, vm)
        check_trace(tap, vm)
        check_functions(tap, vm)
        check_bridges(tap, vm)
        check_paused(tap, vm)
        check_reset(tap, vm)
        vm.type("acpi-errors")
        tap.point("guest finds no fault with ACPI", vm.wait_report(r"acpi-errors=(\d+)")[1] == "0")
        vm.command("quit")
        tap.point("quit ends the monitor", vm.wait_end() == 0)
    tap.finish()


if __name__ == "__main__":
    main()
