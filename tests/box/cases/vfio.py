#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# limit: 120
# box: --device edu,addr=6 --nvme 64M
"""The host's NVMe disk and edu device in a stock kernel under tenon-vmm: cold, hot, and back."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.dont_write_bytecode = True

import guest  # noqa: E402
import host_pci  # noqa: E402
import vfio_guest  # noqa: E402
from tap import Tap  # noqa: E402

MIB = 1 << 20
DIMM_MIB = 256
DIMM_ADDRESS = 0x100000000
# A node of its own: what the guest allocates there lies in the DIMM.
DIMM_NODE = 1
EDU_ID = "0x010000ED"
EDU_LIVENESS = 0x4
# docs/specs/vfio.md, "Quirks": the test window.
TEST_SUBSYSTEM = 0x7E57
WINDOW = 0x80400
WINDOW_COUNT = WINDOW + 0x10
READS = 512


def refusal(vm, name, arguments):
    """The monitor's words of refusal, '' if it did not refuse."""
    try:
        vm.command(name, arguments)
    except guest.GuestError as error:
        return str(error)
    return ""


def plug_dimm(vm, number):
    """Plug a DIMM. Returns the monitor's refusal, '' for none."""
    vm.command("object-add", {"qom-type": "memory-backend-ram", "id": f"m{number}",
                              "size": DIMM_MIB * MIB})
    return refusal(vm, "device_add", {"driver": "pc-dimm", "memdev": f"m{number}",
                                      "id": f"d{number}", "node": DIMM_NODE})


def check_disk(tap, vm, digest):
    """The guest's own driver reads the host's bytes; interrupts come without us."""
    tap.point("NVMe, plugged cold, has the host's bytes", vfio_guest.disk_digest(vm) == digest)
    before = vfio_guest.disk_interrupts(vm)
    with vfio_guest.MmioExits() as exits:
        vfio_guest.run(vm, f"dd if=/dev/nvme0n1 of=/dev/null bs=4k count={READS} iflag=direct")
    gained = vfio_guest.disk_interrupts(vm) - before
    print(f"# {READS} reads: {gained} MSI-X interrupts, {exits.count} MMIO exits to the monitor")
    tap.point("each read was an interrupt", gained >= READS)
    tap.point("none of them came by the monitor", exits.count < READS / 10)


def check_edu(tap, vm, edu):
    """edu comes while the guest runs, from descriptors handed over; a quirk hides a window."""
    number = host_pci.group(edu)
    vfio_guest.send_fd(vm, "group", f"/dev/vfio/{number}")
    vfio_guest.send_fd(vm, "container", "/dev/vfio/vfio")
    vm.command("object-add", {"qom-type": "vfio-group", "id": "vfiogroup0", "group": number,
                              "fd": "group", "container-fd": "container"})
    vm.command("device_add", {"driver": "vfio-pci", "host": edu, "id": "edu", "bus": "pci.0",
                              "addr": "0x7", "x-pci-sub-device-id": TEST_SUBSYSTEM})
    bar = vfio_guest.wait_bar(vm, "0000:00:07.0")
    tap.point("edu, plugged hot, identifies itself", vfio_guest.peek(vm, bar) == EDU_ID)
    vfio_guest.poke(vm, bar + EDU_LIVENESS, 0x0F0F00FF)
    tap.point("a register of its answers",
              vfio_guest.peek(vm, bar + EDU_LIVENESS) == "0xF0F0FF00")
    vfio_guest.poke(vm, bar + WINDOW, 0x12345678)
    tap.point("a quirk's window takes the write",
              vfio_guest.peek(vm, bar + WINDOW) == "0x12345678")
    tap.point("and counts it", vfio_guest.peek(vm, bar + WINDOW_COUNT) == "0x00000001")
    text = refusal(vm, "object-del", {"id": "vfiogroup0"})
    tap.point("group in use stays", "in use" in text)
    text = refusal(vm, "device_add", {"driver": "vfio-pci", "host": edu, "id": "twice"})
    tap.point("second use is refused", "device is already attached" in text)


def check_memory(tap, vm, boot, digest):
    """A DIMM is mapped before the guest knows; one that cannot be locked is refused whole."""
    tap.point("DIMM is taken", plug_dimm(vm, 0) == "")
    maps = vm.command("x-query-dma-maps")[0]["maps"]
    tap.point("it is mapped for DMA", {"iova": DIMM_ADDRESS, "size": DIMM_MIB * MIB,
                                       "region": "m0", "offset": 0, "readonly": False} in maps)
    tap.point("guest gains it", vm.wait_memory(boot + DIMM_MIB * 1024))
    seen, low, high = vfio_guest.dma_into(vm, DIMM_NODE)
    print(f"# the guest's buffer lies at {low:#x} to {high:#x}, the DIMM at {DIMM_ADDRESS:#x}")
    tap.point("the guest's buffer lies in it",
              DIMM_ADDRESS <= low <= high < DIMM_ADDRESS + DIMM_MIB * MIB)
    tap.point("and the disk's bytes arrive there", seen == digest)
    _, low, high = vfio_guest.dma_into(vm, 0)
    tap.point("another buffer does not", high < DIMM_ADDRESS)
    text = plug_dimm(vm, 1)
    print(f"# {text}")
    tap.point("DIMM beyond the limit is refused by name of the limit",
              "RLIMIT_MEMLOCK" in text and "Cannot allocate memory" in text)
    tap.point("nothing of it stays", len(vm.command("query-memory-devices")) == 1 and
              vm.command("x-query-dma-maps")[0]["maps"] == maps)


def check_unplug(tap, vm, nvme, digest):
    """The disk leaves under I/O, and is the host's again."""
    vfio_guest.run(vm, "(while dd if=/dev/nvme0n1 of=/dev/null bs=64k iflag=direct; do :; done)"
                       " >/dev/null 2>&1 &")
    vm.command("device_del", {"id": "nvme"})
    tap.point("NVMe leaves under I/O", vm.wait_event("DEVICE_DELETED")["data"]["device"] == "nvme")
    host_pci.bind(nvme, "")
    tap.point("the host's driver has it again", host_pci.driver(nvme) == "nvme")
    tap.point("and reads the same", vfio_guest.host_digest() == digest)
    vm.command("device_del", {"id": "edu"})
    vm.wait_event("DEVICE_DELETED")
    vm.command("object-del", {"id": "vfiogroup0"})
    tap.point("no map is left", vm.command("x-query-dma-maps") == [])


def main():
    """One guest for all of it, as each takes seconds to boot."""
    tap = Tap()
    images = guest.images()
    edu = host_pci.find("device", "0x11e8")[0]
    nvme = host_pci.find("class", "0x0108")[0]
    vfio_guest.fill_disk()
    digest = vfio_guest.host_digest()
    for address in (edu, nvme):
        host_pci.bind(address, "vfio-pci")
    # RAM and one DIMM, as for a user without the right to lock what he likes.
    limit = (512 + DIMM_MIB + 64) * MIB
    scratch = Path(os.environ["TENON_SCRATCH"])
    vfio_guest.add_program(images, scratch, f"{vfio_guest.BUILD}/tests/guest/dma-buffer")
    with vfio_guest.machine(images, scratch, limit, "-device",
                            f"vfio-pci,host={nvme},id=nvme,addr=6") as vm:
        boot = int(vm.wait_report(r"ready MemTotal=(\d+) kB")[1])
        check_disk(tap, vm, digest)
        check_edu(tap, vm, edu)
        check_memory(tap, vm, boot, digest)
        check_unplug(tap, vm, nvme, digest)
        vm.command("quit")
        tap.point("quit ends the monitor", vm.wait_end() == 0)
    tap.finish()


if __name__ == "__main__":
    main()
