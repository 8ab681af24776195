#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# limit: 600
# box: --device edu,addr=6 --nvme 64M
"""
Stock virsh hands the host's NVMe disk and edu device to a stock kernel, and takes them back.

Compared with the host: the disk's bytes, its driver, and what a round of attach and detach leaves.
$TENON_ROUNDS says how many rounds; 100 take minutes and are done by hand.
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
from virsh_guest import EDU_ID, LIVENESS, NAME, Guest  # noqa: E402

ROUNDS = int(os.environ.get("TENON_ROUNDS", "3"))
SETTLE_SECONDS = 10
# What the allocator and a stack may take on the way, however many rounds there are.
SLACK_KB = 512


def memory_kb(pid, name):
    """A figure of /proc/PID/status."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


class Case(virsh_guest.Case):
    """The points."""

    def hot(self):
        """Attached to a running guest, used, detached, used by the host."""
        machine = Guest(self.scratch, self.images)
        machine.start()
        status, said = self.change("attach-device", self.nvme)
        self.point("NVMe is attached", status == 0 and self.nvme.driver() == "vfio-pci", said)
        seen = machine.digest()
        self.point("guest reads the same bytes", seen == self.digest, seen)
        self.point("by MSI-X", machine.interrupts() > 0)
        status, said = self.change("attach-device", self.edu)
        self.point("edu is attached", status == 0, said)
        words = machine.edu()
        self.point("guest speaks to edu", words == [EDU_ID, LIVENESS ^ 0xffffffff], words)
        xml = virsh("dumpxml", NAME)[1]
        self.point("dumpxml shows both", xml.count("<hostdev ") == 2, xml)
        status, said = self.change("attach-device", self.nvme)
        self.point("a second time is refused",
                   status != 0 and "in use by driver QEMU, domain g" in said, said)
        status, said = virsh("nodedev-reattach", self.nvme.name)
        self.point("nodedev-reattach is refused", status != 0 and "in use" in said, said)
        for device in (self.nvme, self.edu):
            status, said = self.change("detach-device", device)
            self.point(f"{device.name} is detached", status == 0, said)
        self.home_again("host has all back and reads the same bytes")
        self.point("guest sees no disk", not machine.has_disk())
        return machine

    def cost(self, machine):
        """What may be used up: descriptors, maps, slots, names, the right to lock memory."""
        pid = machine.pid()
        limits = Path(f"/proc/{pid}/limits").read_text().splitlines()
        return {"vmm": len(os.listdir(f"/proc/{pid}/fd")),
                "daemon": len(os.listdir(f"/proc/{self.daemon.process.pid}/fd")),
                "limit": [line for line in limits if line.startswith("Max locked")],
                "locked": memory_kb(pid, "VmLck"),
                "maps": machine.ask("x-query-dma-maps"),
                "views": machine.ask("human-monitor-command", **{"command-line": "info mtree -f"}),
                "pci": machine.ask("query-pci"),
                "peripherals": machine.ask("qom-list", path="/machine/peripheral"),
                "objects": machine.ask("qom-list", path="/objects"),
                "files": sorted(path.name for path in assigned.STATE.iterdir()),
                "xml": virsh("dumpxml", NAME)[1]}

    def memory(self, machine):
        """Anonymous memory in use, guest RAM included: of the monitor and of the daemon, in KiB."""
        return [memory_kb(pid, "RssAnon") for pid in (machine.pid(), self.daemon.process.pid)]

    def rounds(self, machine):
        """Attach, read, detach, again and again."""
        before = self.cost(machine)
        good = 0
        memory = []
        for _ in range(ROUNDS):
            self.must("attach-device", self.nvme)
            self.must("attach-device", self.edu)
            good += machine.digest() == self.digest
            self.must("detach-device", self.nvme)
            self.must("detach-device", self.edu)
            assigned.until(self.is_home, self.how())
            memory.append(self.memory(machine))
        self.point(f"{ROUNDS} rounds read the right bytes", good == ROUNDS, good)
        self.settled(machine, before)
        shown = [memory[number * (ROUNDS - 1) // 4] for number in range(5)]
        print(f"# KiB of monitor and daemon, over the rounds: {shown}", flush=True)
        grown = [last - first for first, last in zip(memory[0], memory[-1])]
        self.point("rounds leave no memory behind", max(grown) <= SLACK_KB, grown)

    def settled(self, machine, before):
        """A point: nothing is used up. The daemon may still be closing virsh's connections."""
        try:
            assigned.until(lambda: self.cost(machine) == before, "as before", SETTLE_SECONDS)
            self.point("rounds leave nothing behind", True)
        except assigned.Failure:
            after = self.cost(machine)
            self.point("rounds leave nothing behind", False,
                       [(name, before[name], after[name]) for name in before
                        if before[name] != after[name]])

    def wanted_back(self):
        """The host takes the disk from vfio-pci while the guest has it."""
        self.must("attach-device", self.nvme)
        unbind = Path("/sys/bus/pci/drivers/vfio-pci/unbind")
        with subprocess.Popen(["sh", "-c", f"echo {self.nvme.address} >{unbind}"]) as waiting:
            assigned.until(lambda: "<hostdev " not in virsh("dumpxml", NAME)[1], "its end")
            self.point("wanted back by the host, it leaves the definition", True)
            self.point("the one who wants it waits no longer", waiting.wait() == 0)
        self.home_again("and the host's own driver has it")

    def dead_daemon(self, machine):
        """kill -9 of the daemon: while a device is assigned, and in the middle of an attach."""
        self.must("attach-device", self.nvme)
        self.daemon.kill()
        seen = machine.digest()
        self.point("guest reads on without a daemon", seen == self.digest, seen)
        self.daemon.start()
        assigned.until(lambda: virsh("dumpxml", NAME)[1].count("<hostdev ") == 1, "the device")
        status, said = self.change("detach-device", self.nvme)
        self.point("new daemon detaches it", status == 0, said)
        self.home_again("host has it back")

        pid = machine.pid()
        os.kill(pid, signal.SIGSTOP)
        with subprocess.Popen(["virsh", "-c", "tenon:///system", "attach-device", NAME,
                               self.scratch / f"{self.nvme.name}.xml", "--live"],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as stuck:
            assigned.until(lambda: self.nvme.driver() == "vfio-pci", "the attach half way")
            self.daemon.kill()
            os.kill(pid, signal.SIGCONT)
            stuck.wait()
        self.daemon.start()
        self.home_again("attach cut short is put right")

    def dead_guest(self, machine):
        """kill -9 of the monitor."""
        self.must("attach-device", self.nvme)
        self.must("attach-device", self.edu)
        os.kill(machine.pid(), signal.SIGKILL)
        assigned.until(lambda: virsh("domstate", NAME)[1] == "shut off", "the guest's end")
        self.home_again("killed guest gives all back")

    def run(self):
        """All of it."""
        machine = self.hot()
        self.rounds(machine)
        self.wanted_back()
        self.dead_daemon(machine)
        self.dead_guest(machine)


if __name__ == "__main__":
    Case().main()
