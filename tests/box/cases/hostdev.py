#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# limit: 420
# box: --device edu,addr=6 --nvme 64M
"""
Stock virsh hands the host's NVMe disk and edu device to a stock kernel, and takes them back.

Compared with the host: the disk's bytes, its driver, and what a round of attach and detach leaves.
$TENON_ROUNDS says how many rounds; 100 takes minutes and is done by hand.
"""

import json
import os
import signal
import subprocess
import sys
import tty
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.dont_write_bytecode = True

import assigned  # noqa: E402
import guest  # noqa: E402
from assigned import virsh  # noqa: E402
from tap import Tap  # noqa: E402

NAME = "g"
ROUNDS = int(os.environ.get("TENON_ROUNDS", "3"))
EDU_ID = 0x010000ED
LIVENESS = 0x12345678
WAIT_STEPS = 150

DOMAIN_XML = """\
<domain type='kvm'>
  <name>{name}</name>
  <memory unit='MiB'>512</memory>
  <maxMemory slots='4' unit='GiB'>4</maxMemory>
  <vcpu>2</vcpu>
  <os>
    <type arch='x86_64' machine='pc'>hvm</type>
    <kernel>{kernel}</kernel>
    <initrd>{initrd}</initrd>
    <cmdline>{words}</cmdline>
  </os>
  <features><acpi/></features>
  <cpu mode='host-passthrough'/>
  <devices><console type='pty'/>{devices}</devices>
</domain>
"""


class Guest:
    """The guest as virsh and its console show it."""

    def __init__(self, scratch, images, devices=""):
        self._xml = Path(scratch) / "domain.xml"
        self._xml.write_text(DOMAIN_XML.format(
            name=NAME, kernel=images["KERNEL"], initrd=images["INITRD"],
            words=guest.KERNEL_WORDS, devices=devices))
        self._console = None
        self.reports = None

    def start(self):
        """Define, start, wait for its init."""
        for words in (("define", self._xml), ("start", NAME)):
            status, said = virsh(*words)
            if status:
                raise assigned.Failure(said)
        self.follow()
        self.reports.wait("ready")

    def follow(self):
        """Open its console."""
        self._console = os.open(virsh("ttyconsole", NAME)[1], os.O_RDWR | os.O_NOCTTY)
        tty.setraw(self._console)
        self.reports = guest.Reports()
        self.reports.follow(os.fdopen(os.dup(self._console), "rb", buffering=0))

    def run(self, command):
        """Lines that a shell command printed in the guest."""
        os.write(self._console, f"run {command}\n".encode())
        lines = []
        while True:
            found = self.reports.wait(r"(?:out: (.*)|exit=(\d+))$")
            if found[1] is None:
                return lines
            lines.append(found[1])

    def digest(self):
        """What its own nvme driver reads, once it has found the disk."""
        lines = self.run(f"n=0; until [ -b /dev/nvme0n1 ] || [ $n = {WAIT_STEPS} ]; do sleep 0.1; "
                         f"n=$((n+1)); done; dd if=/dev/nvme0n1 bs=1M count={assigned.SAMPLE_MIB} "
                         "2>/dev/null | sha256sum")
        return lines[0].split()[0] if lines else ""

    def has_disk(self):
        """Whether it sees a disk now."""
        return self.run("ls /dev/nvme0n1 2>/dev/null") != []

    def interrupts(self):
        """MSI-X interrupts of its nvme driver."""
        lines = self.run("grep nvme0q /proc/interrupts")
        return sum(int(word) for line in lines for word in line.split()[1:3])

    def edu(self):
        """Identification and liveness of the edu device, by its registers."""
        lines = self.run(
            "n=0; d=; until [ \"$d\" ] || [ $n = 50 ]; do for d in /sys/bus/pci/devices/*; do "
            "read v <$d/device; [ $v = 0x11e8 ] && break; d=; done; sleep 0.1; n=$((n+1)); done; "
            "echo 1 >$d/enable; read a b c <$d/resource; devmem $a 32; "
            f"devmem $((a + 4)) 32 {LIVENESS}; devmem $((a + 4)) 32")
        try:
            return [int(line, 16) for line in lines]
        except ValueError:
            return lines

    @staticmethod
    def pid():
        """Of its monitor."""
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                words = (folder / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if words[0].endswith(b"/tenon-vmm"):
                return int(folder.name)
        return 0

    @staticmethod
    def ask(command, **arguments):
        """What the monitor says."""
        request = json.dumps({"execute": command, "arguments": arguments})
        status, said = virsh("qemu-monitor-command", NAME, request)
        if status:
            raise assigned.Failure(said)
        return json.loads(said)["return"]


class Case:
    """The points, with what they share."""

    def __init__(self):
        self.tap = Tap()
        self.scratch = Path(os.environ["TENON_SCRATCH"])
        self.images = guest.images()
        self.daemon = assigned.Daemon(self.scratch)
        self.nvme, self.edu = assigned.nvme(), assigned.edu()
        self.disk = assigned.Disk(self.nvme)
        self.home = {device: device.state() for device in (self.nvme, self.edu)}
        self.digest = self.disk.fill()
        for device in (self.nvme, self.edu):
            (self.scratch / f"{device.name}.xml").write_text(device.xml())

    def point(self, name, good, note=""):
        """A point, with what explains a bad one."""
        self.tap.point(name, good)
        if not good:
            print(f"# {note}\n# daemon: {self.daemon.log()}".replace("\n", "\n# "), flush=True)

    def change(self, command, device):
        """attach-device or detach-device --live. Returns (status, words)."""
        return virsh(command, NAME, self.scratch / f"{device.name}.xml", "--live")

    def must(self, command, device):
        """The same, as a step that must succeed."""
        status, said = self.change(command, device)
        if status:
            raise assigned.Failure(f"{command} {device.name}: {said}")

    def is_home(self):
        """Everything is the host's, as before, and the disk works."""
        return (assigned.records() == [] and self.nvme.state() == self.home[self.nvme] and
                self.edu.state() == self.home[self.edu] and
                self.disk.digest() == self.digest)

    def home_again(self, name):
        """A point: within a time, everything is."""
        try:
            self.point(name, assigned.until(self.is_home, "all back"))
        except assigned.Failure:
            self.point(name, False, self.how())

    def how(self):
        """Where everything is."""
        return f"{self.nvme.state()}, {self.edu.state()}, {assigned.records()}"

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
        """Descriptors, DMA maps and slots in use."""
        pid = machine.pid()
        return {"vmm": len(os.listdir(f"/proc/{pid}/fd")),
                "daemon": len(os.listdir(f"/proc/{self.daemon.process.pid}/fd")),
                "maps": machine.ask("x-query-dma-maps"),
                "peripherals": machine.ask("qom-list", path="/machine/peripheral"),
                "objects": machine.ask("qom-list", path="/objects")}

    def rounds(self, machine):
        """Attach, read, detach, again and again."""
        before = self.cost(machine)
        good = 0
        for _ in range(ROUNDS):
            self.must("attach-device", self.nvme)
            self.must("attach-device", self.edu)
            good += machine.digest() == self.digest
            self.must("detach-device", self.nvme)
            self.must("detach-device", self.edu)
            assigned.until(self.is_home, self.how())
        after = self.cost(machine)
        self.point(f"{ROUNDS} rounds read the right bytes", good == ROUNDS, good)
        self.point("rounds leave nothing behind", before == after, f"{before} {after}")

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
        """kill -9 of the monitor, then of both."""
        self.must("attach-device", self.nvme)
        self.must("attach-device", self.edu)
        os.kill(machine.pid(), signal.SIGKILL)
        assigned.until(lambda: virsh("domstate", NAME)[1] == "shut off", "the guest's end")
        self.home_again("killed guest gives all back")

    def run(self):
        """All of it."""
        self.daemon.start()
        machine = self.hot()
        self.rounds(machine)
        self.dead_daemon(machine)
        self.dead_guest(machine)
        self.tap.finish()


def main():
    """Run; a step that fails ends the case."""
    case = Case()
    try:
        case.run()
    except (assigned.Failure, guest.GuestError, subprocess.TimeoutExpired) as error:
        text = f"{error}\n{case.how()}\n{case.daemon.log()}"
        print("Bail out! " + text.replace("\n", "\n# "), flush=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
