#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# limit: 240
"""DIMMs in a stock kernel under tenon-vmm: cold and hot, refused, ejected, paused, reset."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.dont_write_bytecode = True

import guest  # noqa: E402
from tap import Tap  # noqa: E402

MIB = 1 << 20
DIMM_MIB = 256
BUILD = os.environ.get("TENON_BUILD", os.environ.get("TENON_SOURCE", ".") + "/build")


def machine(images, scratch, *more, online="online_movable"):
    """tenon-vmm with four slots; the kernel onlines new memory by itself from the beginning on."""
    words = f"memhp_default_state={online} tenon.online={online}"
    return guest.Machine(
        [f"{BUILD}/vmm/tenon-vmm", *guest.ACCEL, "-cpu", "host", "-machine", "pc", "-nodefaults",
         "-display", "none", "-m", "512M,slots=4,maxmem=4G", "-smp", "2", *more],
        images, scratch, words=f"{guest.KERNEL_WORDS} {words}")


def plug(vm, number, kind="memory-backend-ram", mib=DIMM_MIB, **more):
    """object-add and device_add."""
    vm.command("object-add", {"qom-type": kind, "id": f"m{number}", "size": mib * MIB})
    vm.command("device_add",
               {"driver": "pc-dimm", "memdev": f"m{number}", "id": f"d{number}"} | more)


def refusal(vm, name, arguments):
    """The monitor's words of refusal, '' if it did not refuse."""
    try:
        vm.command(name, arguments)
    except guest.GuestError as error:
        return str(error)
    return ""


def check_plugging(tap, images, scratch):
    """One guest from boot to power-off: cold DIMM, hot DIMMs of each kind, eject, pause."""
    cold = ["-object", "memory-backend-ram,id=mc,size=128M",
            "-device", "pc-dimm,id=dc,memdev=mc,slot=3"]
    with machine(images, scratch, *cold) as vm:
        boot = int(vm.wait_report(r"ready MemTotal=(\d+) kB")[1])
        tap.point("cold DIMM is there at boot", boot > (512 + 128 - 130) * 1024)

        plug(vm, 0)
        grown = boot + DIMM_MIB * 1024
        tap.point("hot DIMM is gained", vm.wait_memory(grown))
        ost = vm.wait_event("ACPI_DEVICE_OST")["data"]["info"]
        tap.point("its _OST says success", ost == {"device": "d0", "slot": "0", "slot-type": "DIMM",
                                                   "source": 1, "status": 0})
        plug(vm, 1, "memory-backend-memfd", addr=0x180000000)
        tap.point("memfd DIMM at an address is gained", vm.wait_memory(grown + DIMM_MIB * 1024))
        devices = vm.command("query-memory-devices")
        tap.point("monitor lists three DIMMs",
                  [d["data"]["addr"] for d in devices] == [0x100000000, 0x108000000, 0x180000000])
        plugged = vm.command("query-memory-size-summary")["plugged-memory"]
        tap.point("plugged size agrees", plugged == (128 + 2 * DIMM_MIB) * MIB)
        text = refusal(vm, "object-del", {"id": "m1"})
        tap.point("backend in use stays", "object 'm1' is in use, can not be deleted" in text)

        vm.command("device_del", {"id": "d1"})
        tap.point("ejected DIMM is told", vm.wait_event("DEVICE_DELETED")["data"] ==
                  {"device": "d1", "path": "/machine/peripheral/d1"})
        tap.point("its memory is given back", vm.wait_memory(grown))
        vm.command("object-del", {"id": "m1"})

        vm.command("stop")
        plug(vm, 2)
        vm.command("cont")
        tap.point("DIMM plugged while paused is gained", vm.wait_memory(grown + DIMM_MIB * 1024))
        plug(vm, 4, mib=128)
        tap.point("fourth slot is gained", vm.wait_memory(grown + (DIMM_MIB + 128) * 1024))
        vm.command("object-add", {"qom-type": "memory-backend-ram", "id": "m5", "size": 128 * MIB})
        text = refusal(vm, "device_add", {"driver": "pc-dimm", "memdev": "m5", "id": "d5"})
        tap.point("fifth is refused", "no free slots available" in text)

        vm.type("acpi-errors")
        tap.point("guest finds no fault with ACPI", vm.wait_report(r"acpi-errors=(\d+)")[1] == "0")
        vm.command("system_powerdown")
        tap.point("power button is heeded", vm.wait_report("bye poweroff"))
        tap.point("S5 ends the monitor", vm.wait_end() == 0)


def check_refusal(tap, images, scratch):
    """A guest that cannot let go says so, and everything stays; a reset finds the DIMM again."""
    with machine(images, scratch, online="online_kernel") as vm:
        boot = int(vm.wait_report(r"ready MemTotal=(\d+) kB")[1])
        plug(vm, 0)
        grown = vm.wait_memory(boot + DIMM_MIB * 1024)
        vm.type("pin 200")
        vm.wait_report("pinned")
        vm.command("device_del", {"id": "d0"})
        gone = vm.wait_event("DEVICE_UNPLUG_GUEST_ERROR")["data"]
        tap.point("refusal is told", gone == {"device": "d0", "path": "/machine/peripheral/d0"})
        tap.point("refusal is told in the old way", vm.wait_event("MEM_UNPLUG_ERROR"))
        status = vm.command("query-acpi-ospm-status")[0]
        tap.point("slot keeps its _OST",
                  status["source"] == 3 and status["status"] not in (0, 0x84))
        vm.type("mem")
        tap.point("guest has all its memory", vm.wait_memory(grown))
        tap.point("monitor has the DIMM", len(vm.command("query-memory-devices")) == 1)

        vm.command("system_reset")
        again = int(vm.wait_report(r"ready MemTotal=(\d+) kB")[1])
        tap.point("DIMM is there after a reset", abs(again - grown) < guest.TOLERANCE_KB)
        vm.command("quit")
        tap.point("quit ends the monitor", vm.wait_end() == 0)


def check_nodes(tap, images, scratch):
    """DIMMs go to the NUMA node they are meant for."""
    numa = ["-object", "memory-backend-ram,id=n0,size=256M",
            "-object", "memory-backend-ram,id=n1,size=256M",
            "-numa", "node,nodeid=0,cpus=0,memdev=n0", "-numa", "node,nodeid=1,cpus=1,memdev=n1"]
    with machine(images, scratch, *numa) as vm:
        vm.wait_report("ready")
        plug(vm, 0, node=1)
        vm.wait_report("MemTotal")
        vm.type("run grep MemTotal /sys/devices/system/node/node*/meminfo")
        sizes = [int(vm.wait_report(r"out: .*Node \d MemTotal: +(\d+) kB")[1]) for _ in range(2)]
        tap.point("node 1 has the DIMM", sizes[1] - sizes[0] > 128 * 1024)
        text = refusal(vm, "device_add",
                       {"driver": "pc-dimm", "memdev": "m0", "id": "d1", "node": 2})
        tap.point("node that is not there is refused",
                  "exceeds the number of numa nodes: 2" in text)
        vm.command("quit")
        vm.wait_end()


def main():
    """Three guests, one after another."""
    tap = Tap()
    images = guest.images()
    for number, check in enumerate((check_plugging, check_refusal, check_nodes)):
        scratch = Path(os.environ["TENON_SCRATCH"]) / str(number)
        scratch.mkdir()
        check(tap, images, scratch)
    tap.finish()


if __name__ == "__main__":
    main()
