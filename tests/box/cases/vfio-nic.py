#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# limit: 400
# box: --nics --sata --nvme 64M
"""
Two network cards, functions of one slot, and disks of the host's in Debian's kernel under tenon-vmm.

Seen are INTx, MSI and MSI-X with the interrupt controllers in KVM and in the monitor, the option
ROM, sleep and waking, the machine's reset, the host that wants a function back, and an error of
the bus. (QEMU's e1000e fails its driver's test of MSI on any host, so AHCI stands for that.)
"""

import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.dont_write_bytecode = True

import guest  # noqa: E402
import host_pci  # noqa: E402
import nic_guest  # noqa: E402
import vfio_guest  # noqa: E402
from nic_guest import PLACES  # noqa: E402
from tap import Tap  # noqa: E402

ALL_ONES = "0xFFFFFFFF"
MARK = 0x5A5A
READS = 256


class Case:
    """What the points share."""

    def __init__(self):
        self.tap = Tap()
        self.scratch = Path(os.environ["TENON_SCRATCH"])
        self.images = guest.images("generic")
        self.cards = host_pci.find("device", "0x10d3")
        self.nvme = host_pci.find("class", "0x0108")[0]
        # The other one is part of the chipset.
        self.ahci = next(one for one in host_pci.find("class", "0x0106") if ":1f." not in one)
        self.rom = self.host_rom()
        # Another ROM, which the guest's kernel takes for one all the same.
        self.rom_file = self.scratch / "rom"
        self.rom_file.write_bytes(self.rom[:-1] + bytes([self.rom[-1] ^ 0xFF]))
        self.file = nic_guest.served_digest()

    def host_rom(self):
        """The first card's option ROM as the host reads it."""
        path = host_pci.DEVICES / self.cards[0] / "rom"
        path.write_text("1", encoding="ascii")
        data = path.read_bytes()
        path.write_text("0", encoding="ascii")
        return data

    def machine(self, irqchip, roms, *more):
        """Both cards, each in a slot of its own, and what `roms` says of each one's ROM."""
        words = [f"vfio-pci,host={card},id=nic{n},addr={PLACES[n][8:10]}{roms[n]}"
                 for n, card in enumerate(self.cards)]
        more = [word for device in [*words, *more] for word in ("-device", device)]
        return nic_guest.machine(self.images, self.scratch, irqchip, *more)

    def check_mode(self, vm, how, mode, most):
        """A file comes over the network; `most`: exits to the monitor for each interrupt."""
        wanted = "IO-APIC" if mode == nic_guest.INTX else "PCI-MSI"
        nic_guest.up(vm, mode)
        # What the command's words on the console cost, and one block.
        aside, _, _, _ = self.fetch(vm, "byte")
        exits, gained, name, seen = self.fetch(vm, "data")
        exits -= aside
        print(f"# {how}: {gained} interrupts by {name}, {exits} exits to the monitor")
        self.tap.point(f"{how}: the file arrives whole", seen == self.file)
        # A block that comes while its driver still polls needs none.
        self.tap.point(f"{how}: by its interrupts",
                       gained >= 0.9 * nic_guest.BLOCKS and name == wanted)
        self.tap.point(f"{how}: at most {most} exits for each", exits <= most * gained)

    def check_strays(self, vm):
        """Interrupts without a cause: the line's level was wrong."""
        self.tap.point("no interrupt was a stray one",
                       vfio_guest.run(vm, "dmesg | grep 'nobody cared'") == [])

    def check_sata(self, vm):
        """A disk by plain MSI."""
        vfio_guest.run(vm, "while read -r m; do insmod /modules/$m; done </modules/ahci.list; n=0; "
                           "until [ -b /dev/sda ] || [ $n = 100 ]; do usleep 100000; n=$((n+1)); done")
        exits, gained, name = self.read_disk(vm, "/dev/sda", "ahci")
        print(f"# ahci: {gained} interrupts by {name}, {exits} exits to the monitor")
        seen = vfio_guest.run(vm, "dd if=/dev/sda bs=64k iflag=direct 2>/dev/null | sha256sum")
        wanted = vfio_guest.digest(Path(os.environ["TENON_SATA"]).read_bytes())
        self.tap.point("MSI: the disk's bytes arrive", seen[0].split()[0] == wanted)
        self.tap.point("MSI: each read is an interrupt", gained >= READS and name == "PCI-MSI")
        self.tap.point("MSI: at most 0.1 exits for each", exits <= 0.1 * gained)

    @staticmethod
    def read_disk(vm, disk, what):
        """Exits to the monitor and interrupts of READS reads, and the interrupts' name."""
        def some(count):
            exits = nic_guest.exits(vm)
            vfio_guest.run(vm, f"dd if={disk} of=/dev/null bs=4k count={count:04} iflag=direct")
            return nic_guest.exits(vm) - exits

        aside = some(1)
        before = nic_guest.interrupts(vm, what)[0]
        exits = some(READS) - aside
        after, name = nic_guest.interrupts(vm, what)
        return exits, after - before, name

    @staticmethod
    def fetch(vm, file):
        """Exits to the monitor, interrupts, their name, and the sha256 of what came."""
        before = nic_guest.interrupts(vm)[0]
        exits = nic_guest.exits(vm)
        seen = nic_guest.fetch_digest(vm, file)
        exits = nic_guest.exits(vm) - exits
        after, name = nic_guest.interrupts(vm)
        return exits, after - before, name, seen

    def check_group(self):
        """One function alone, while the host's driver has the other of its group."""
        said = subprocess.run([f"{vfio_guest.BUILD}/vmm/tenon-vmm", "-accel", "kvm", "-nodefaults",
                               "-display", "none", "-device", f"vfio-pci,host={self.cards[0]}"],
                              capture_output=True, text=True, check=False,
                              timeout=guest.LIMIT_SECONDS)
        print("# " + said.stderr.strip().replace("\n", "\n# "))
        self.tap.point("a function whose group is in use is refused", said.returncode == 1 and
                       "is not viable" in said.stderr)

    def check_rom(self, vm):
        """The option ROM is the device's own, or none."""
        self.tap.point("the guest reads the device's option ROM",
                       nic_guest.rom_digest(vm) == vfio_guest.digest(self.rom))
        self.tap.point("none is shown with rombar=0", nic_guest.rom_digest(vm, PLACES[1]) == "")

    def check_rom_file(self, vm):
        """The option ROM is a file, or none."""
        self.tap.point("the guest reads the file of romfile=", nic_guest.rom_digest(vm) ==
                       vfio_guest.digest(self.rom_file.read_bytes()))
        self.tap.point("none is shown with an empty romfile=",
                       nic_guest.rom_digest(vm, PLACES[1]) == "")

    def check_power(self, vm):
        """D3hot and back."""
        nic_guest.down(vm)
        at = nic_guest.find_capability(vm, PLACES[0], nic_guest.CAP_PM)
        bar = nic_guest.bars(vm)[0]
        self.tap.point("the guest sees power management", at != 0)
        self.tap.point("the card goes to D3hot",
                       nic_guest.set_power_state(vm, PLACES[0], at, 3) == 3)
        self.tap.point("asleep, it answers nothing", vfio_guest.peek(vm, bar) == ALL_ONES)
        self.tap.point("it wakes up", nic_guest.set_power_state(vm, PLACES[0], at, 0) == 0)
        self.tap.point("awake, it answers", vfio_guest.peek(vm, bar) != ALL_ONES)
        nic_guest.up(vm, nic_guest.INTX)
        self.tap.point("awake, it works", nic_guest.fetch_digest(vm) == self.file)

    def check_reset(self, vm):
        """The machine's reset reaches both functions, which have no reset of their own but their bus's."""
        nic_guest.down(vm)
        for bar in nic_guest.bars(vm):
            vfio_guest.poke(vm, bar + nic_guest.REGISTER, MARK)
        marks = [vfio_guest.peek(vm, bar + nic_guest.REGISTER) for bar in nic_guest.bars(vm)]
        vm.command("system_reset")
        vm.wait_report("ready")
        after = [vfio_guest.peek(vm, bar + nic_guest.REGISTER) for bar in nic_guest.bars(vm)]
        print(f"# marks before {marks}, after {after}")
        self.tap.point("reset reaches both functions", after == ["0x00000000"] * 2 and
                       marks == [f"0x{MARK:08X}"] * 2)
        nic_guest.up(vm, nic_guest.MSIX)
        self.tap.point("after it, the card works", nic_guest.fetch_digest(vm) == self.file)

    def check_request(self, vm):
        """The host wants the second function back while the guest has it."""
        unbind = host_pci.DEVICES / self.cards[1] / "driver/unbind"
        with subprocess.Popen(["sh", "-c", f"echo {self.cards[1]} >{unbind}"]) as waiting:
            gone = vm.wait_event("DEVICE_DELETED")["data"].get("device")
            self.tap.point("wanted back, it leaves the guest", gone == "nic1")
            self.tap.point("and the host has it", waiting.wait(guest.LIMIT_SECONDS) == 0 and
                           host_pci.driver(self.cards[1]) is None)
        self.tap.point("the other stays", nic_guest.fetch_digest(vm) == self.file)

    def check_slow_intx(self, vm):
        """Plugged again, its INTx comes by the monitor: the guest's accesses are its ends."""
        vm.command("device_del", {"id": "nic0"})
        vm.wait_event("DEVICE_DELETED")
        vm.command("device_add", {"driver": "vfio-pci", "host": self.cards[0], "id": "nic0",
                                  "bus": "pci.0", "addr": PLACES[0][8:10],
                                  "x-no-kvm-intx": True})
        vfio_guest.wait_bar(vm, PLACES[0])
        nic_guest.up(vm, nic_guest.INTX)
        exits, gained, name, seen = self.fetch(vm, "data")
        print(f"# INTx without KVM: {gained} interrupts by {name}, {exits} exits to the monitor")
        self.tap.point("INTx without KVM: the file arrives whole", seen == self.file)
        self.tap.point("INTx without KVM: by the monitor", gained > 0 and exits >= gained)

    def check_error(self, vm):
        """An error that the bus reports stops the guest, as nobody knows what is broken."""
        subprocess.run(["modprobe", "aer_inject"], check=True)
        nic_guest.inject_error(self.cards[0])
        vm.wait_event("STOP")
        self.tap.point("an error of the bus stops the guest",
                       vm.command("query-status")["status"] == "internal-error")

    def in_kvm(self):
        """Interrupt controllers in KVM."""
        with self.machine("on", ["", ",rombar=0"],
                          f"vfio-pci,host={self.ahci},id=sata,addr=7") as vm:
            vm.wait_report("ready")
            self.check_rom(vm)
            self.check_mode(vm, "INTx", nic_guest.INTX, 0.1)
            self.check_sata(vm)
            self.check_power(vm)
            self.check_reset(vm)
            self.check_strays(vm)
            self.check_request(vm)
            self.check_slow_intx(vm)
            self.check_error(vm)
            vm.command("quit")
            self.tap.point("quit ends the monitor", vm.wait_end() == 0)

    def split(self):
        """PIC and IOAPIC in the monitor: the end of an interrupt by a line is an exit."""
        with self.machine("split", [f",romfile={self.rom_file}", ",romfile="],
                          f"vfio-pci,host={self.nvme},id=nvme,addr=7") as vm:
            vm.wait_report("ready")
            self.check_rom_file(vm)
            self.check_mode(vm, "split, INTx", nic_guest.INTX, 1.1)
            self.check_mode(vm, "split, MSI-X", nic_guest.MSIX, 0.1)
            self.check_strays(vm)
            exits, gained, name = self.read_disk(vm, "/dev/nvme0n1", "nvme")
            print(f"# split, NVMe: {gained} interrupts by {name}, {exits} exits to the monitor")
            self.tap.point("split, NVMe: each read is an interrupt", gained >= READS)
            self.tap.point("split, NVMe: at most 0.1 exits for each", exits <= 0.1 * gained)

    def run(self):
        """Two guests."""
        for address in (self.nvme, self.ahci, self.cards[0]):
            host_pci.bind(address, "vfio-pci")
        self.check_group()
        host_pci.bind(self.cards[1], "vfio-pci")
        self.in_kvm()
        host_pci.bind(self.cards[1], "vfio-pci")
        self.split()
        for card in self.cards:
            host_pci.bind(card, "")
        self.tap.point("the host's driver has the cards again",
                       [host_pci.driver(card) for card in self.cards] == ["e1000e"] * 2)
        self.tap.finish()


if __name__ == "__main__":
    Case().run()
