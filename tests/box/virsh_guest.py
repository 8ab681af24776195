# SPDX-License-Identifier: LGPL-2.1-or-later
"""A stock guest under virttenond, run by stock virsh, that is given host devices."""

import json
import os
import signal
import subprocess
import sys
import tty
from pathlib import Path

import assigned
import guest
from assigned import virsh
from tap import Tap

NAME = "g"
# Always the same, so that a definition takes the place of the last one, another case's too.
UUID = "6a0f7c3e-52d1-4b7e-9a55-0d3c1f9e8b21"
EDU_ID = 0x010000ED
LIVENESS = 0x12345678
WAIT_STEPS = 150

DOMAIN_XML = """\
<domain type='kvm'>
  <name>{name}</name>
  <uuid>{uuid}</uuid>
  <memory unit='MiB'>{mib}</memory>
  <maxMemory slots='4' unit='GiB'>4</maxMemory>
  <vcpu>2</vcpu>
  <os>
    <type arch='x86_64' machine='pc'>hvm</type>
    <kernel>{kernel}</kernel>
    <initrd>{initrd}</initrd>
    <cmdline>{words}</cmdline>
  </os>
  <features>{features}</features>
  <cpu mode='host-passthrough'>
    <numa><cell id='0' cpus='0-1' memory='{mib}' unit='MiB'/></numa>
  </cpu>
  <devices><console type='pty'/>{devices}</devices>
</domain>
"""


class Guest:
    """The guest as virsh and its console show it."""

    def __init__(self, scratch, images, devices="", mib=512):
        self._xml = Path(scratch) / "domain.xml"
        self._xml.write_text(DOMAIN_XML.format(
            name=NAME, uuid=UUID, mib=mib, kernel=images["KERNEL"], initrd=images["INITRD"],
            words=guest.KERNEL_WORDS, features=guest.FEATURES_XML, devices=devices))
        self._console = None
        self.reports = None
        self.memory_kb = 0

    def start(self):
        """Define, start, wait for its init."""
        for words in (("define", self._xml), ("start", NAME)):
            status, said = virsh(*words)
            if status:
                raise assigned.Failure(said)
        self.follow()
        self.memory_kb = int(self.reports.wait(r"ready MemTotal=(\d+) kB")[1])

    def follow(self):
        """Open its console."""
        if self._console is not None:
            os.close(self._console)
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
        """What its own nvme driver reads past its page cache, once it has found the disk."""
        lines = self.run(f"n=0; until [ -b /dev/nvme0n1 ] || [ $n = {WAIT_STEPS} ]; do sleep 0.1; "
                         f"n=$((n+1)); done; dd if=/dev/nvme0n1 bs=1M count={assigned.SAMPLE_MIB} "
                         "iflag=direct 2>/dev/null | sha256sum")
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
    """What cases share: a daemon, two host devices, points. `run()` is the case's own."""

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

    def run(self):
        """The case."""
        raise NotImplementedError

    def main(self):
        """Run; a step that fails ends the case."""
        try:
            self.daemon.start()
            self.run()
        except (assigned.Failure, guest.GuestError, subprocess.TimeoutExpired) as error:
            text = f"{error}\n{self.how()}\n{self.daemon.log()}"
            print("Bail out! " + text.replace("\n", "\n# "), flush=True)
            sys.exit(1)
        self.tap.finish()
