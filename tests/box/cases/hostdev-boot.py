#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# limit: 240
# box: --device edu,addr=6 --nvme 64M
"""
A stock guest whose definition has the host's NVMe disk, from `virsh start` to its end.

Its end is a destroy, a killed monitor, a killed daemon, or both: the host has the disk back. While it
runs, a DIMM is plugged, which the disk must reach.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.dont_write_bytecode = True

import assigned  # noqa: E402
import virsh_guest  # noqa: E402
from assigned import virsh  # noqa: E402
from virsh_guest import NAME, Guest  # noqa: E402

# Each start has all of it mapped for the disk.
MIB = 256
DIMM_MIB = 256
DIMM_XML = f"""\
<memory model='dimm'>
  <target><size unit='MiB'>{DIMM_MIB}</size><node>0</node></target>
</memory>
"""


def maps(machine):
    """Pairs (guest's address, size) that the disk reaches, by stock virsh."""
    return {(one["iova"], one["size"])
            for container in machine.ask("x-query-dma-maps") for one in container["maps"]}


class Case(virsh_guest.Case):
    """The points."""

    def boot(self, machine, name):
        """Start; the guest has the disk from the beginning."""
        machine.start()
        self.point(f"{name}: the guest has the disk", self.nvme.driver() == "vfio-pci", self.how())
        seen = machine.digest()
        self.point(f"{name}: and reads the same bytes", seen == self.digest, seen)

    def firmware(self, machine):
        """The boot order and the ROM's absence arrive at the monitor."""
        seen = [machine.ask("qom-get", path="/machine/peripheral/hostdev0", property=name)
                for name in ("bootindex", "rombar")]
        self.point("boot order and ROM are as defined", seen == [1, 0], seen)

    def dimm(self, machine):
        """A DIMM joins the memory that the disk reaches."""
        path = self.scratch / "mem.xml"
        path.write_text(DIMM_XML)
        before = maps(machine)
        status, said = virsh("attach-device", NAME, path, "--live")
        self.point("DIMM is attached beside the disk", status == 0, said)
        machine.reports.wait_memory(machine.memory_kb + DIMM_MIB * 1024)
        self.point("guest gains it", True)
        new = maps(machine) - before
        self.point("it is one more DMA map", before and [size for _, size in new] ==
                   [DIMM_MIB << 20], (before, new))
        seen = machine.digest()
        self.point("guest reads the same bytes after that", seen == self.digest, seen)

    def destroyed(self, machine):
        """virsh destroy."""
        self.boot(machine, "start")
        self.firmware(machine)
        self.dimm(machine)
        status, said = virsh("destroy", NAME)
        self.point("guest is destroyed", status == 0, said)
        self.home_again("destroy gives the disk back, and the host reads the same bytes")

    def killed_apart(self, machine):
        """kill -9 of the daemon under the guest, and of the monitor under the next daemon."""
        self.boot(machine, "again")
        self.daemon.kill()
        self.daemon.start()
        count = assigned.until(lambda: virsh("dumpxml", NAME)[1].count("<hostdev "), "the device")
        self.point("new daemon knows the disk", count == 1, count)
        seen = machine.digest()
        self.point("guest reads on", seen == self.digest, seen)
        os.kill(machine.pid(), signal.SIGKILL)
        assigned.until(lambda: virsh("domstate", NAME)[1] == "shut off", "the guest's end")
        self.home_again("killed monitor: the host has the disk back")

    def killed_both(self):
        """kill -9 of the monitor and at once of the daemon; the guest's kernel need not be up."""
        status, said = virsh("start", NAME)
        self.point("a third start takes the disk", status == 0 and
                   self.nvme.driver() == "vfio-pci", said)
        os.kill(Guest.pid(), signal.SIGKILL)
        self.daemon.kill()
        self.daemon.start()
        self.home_again("both killed: the host has the disk back")

    def killed_in_start(self):
        """kill -9 of the daemon when the disk has just been taken for a start."""
        with subprocess.Popen(["virsh", "-c", "tenon:///system", "start", NAME],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as stuck:
            assigned.until(lambda: self.nvme.driver() == "vfio-pci", "the start half way")
            self.daemon.kill()
            stuck.wait()
        self.daemon.start()
        print(f"# after the start: {virsh('domstate', NAME)[1]}", flush=True)
        virsh("destroy", NAME)
        self.home_again("start cut short: the host has the disk back")
        self.point("start cut short: no monitor is left", Guest.pid() == 0, Guest.pid())

    def run(self):
        """All of it: two boots, a start, and one that is cut short."""
        # What firmware would boot from, with its ROM off.
        xml = self.nvme.xml().replace("</hostdev>", "<boot order='1'/><rom bar='off'/></hostdev>")
        machine = Guest(self.scratch, self.images, xml, MIB)
        self.destroyed(machine)
        self.killed_apart(machine)
        self.killed_both()
        self.killed_in_start()


if __name__ == "__main__":
    Case().main()
