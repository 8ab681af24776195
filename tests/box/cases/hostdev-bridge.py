#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# limit: 300
# box: --device edu,addr=6 --nvme 64M
"""Stock virsh hands host devices to a running stock kernel behind PCI bridges, and takes them."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.dont_write_bytecode = True

import virsh_guest  # noqa: E402
from assigned import virsh  # noqa: E402
from virsh_guest import EDU_ID, LIVENESS, NAME, Guest  # noqa: E402

ROUNDS = 2
# The second bridge is behind the first.
BRIDGES = """
<controller type='pci' index='1' model='pci-bridge'/>
<controller type='pci' index='2' model='pci-bridge'><address type='pci' bus='1' slot='4'/>
</controller>
"""


class Case(virsh_guest.Case):
    """The points."""

    def place(self, device, bus):
        """Rewrite a device's element: it goes to slot 5 of `bus`."""
        path = self.scratch / f"{device.name}.xml"
        path.write_text(device.xml().replace(
            "</hostdev>", f"<address type='pci' bus='{bus}' slot='5'/></hostdev>"))

    def run(self):
        """Both devices, each behind another bridge."""
        machine = Guest(self.scratch, self.images, BRIDGES)
        machine.start()
        self.place(self.nvme, 7)
        status, said = self.change("attach-device", self.nvme)
        self.point("a bus that is not there is refused",
                   status != 0 and "Only PCI buses up to 2 are available" in said, said)
        self.place(self.nvme, 1)
        self.place(self.edu, 2)
        for number in range(1, ROUNDS + 1):
            self.round(machine, number)
        errors = machine.run("dmesg | grep -c -E 'ACPI.*(Error|BUG)'")
        self.point("guest finds no fault with ACPI", errors == ["0"], errors)
        virsh("destroy", NAME)

    def round(self, machine, number):
        """In, used, out."""
        for device in (self.nvme, self.edu):
            status, said = self.change("attach-device", device)
            self.point(f"round {number}: {device.name} is attached", status == 0, said)
        seen = machine.digest()
        self.point(f"round {number}: guest reads the same bytes behind a bridge",
                   seen == self.digest, seen)
        words = machine.edu()
        self.point(f"round {number}: guest speaks to edu behind two",
                   words == [EDU_ID, LIVENESS ^ 0xffffffff], words)
        seen = machine.run("cd /sys/bus/pci/devices; ls -d 0000:01:05.0 0000:02:05.0")
        self.point(f"round {number}: at the addresses of the definition", len(seen) == 2, seen)
        for device in (self.nvme, self.edu):
            status, said = self.change("detach-device", device)
            self.point(f"round {number}: {device.name} is detached", status == 0, said)
        self.home_again(f"round {number}: host has all back")


if __name__ == "__main__":
    Case().main()
