# SPDX-License-Identifier: LGPL-2.1-or-later
"""A guest with the box's network cards (tests/box/run --nics): its driver's doings, by its shell."""

import os
import struct
from pathlib import Path

import guest
from vfio_guest import BUILD, digest, run

# Where the functions of the one slot are in the guest.
PLACES = ("0000:00:05.0", "0000:00:06.0")
PCI = "/sys/bus/pci/devices"
# e1000e's parameter IntMode.
INTX, MSI, MSIX = 0, 1, 2
OWN_ADDRESS, SERVER = "10.0.2.15", "10.0.2.2"
# Flow control transmit timer value (8254x manual, 13.4.7): 16 bits that nothing else changes, 0 at power-on.
REGISTER = 0x170
CAP_PM, PM_CONTROL = 0x01, 4
LINK_STEPS = 50
# The server's file of 256 KiB, by TFTP's blocks of 512 bytes.
BLOCKS = 512
POISONED_TLP = 0x1000


def machine(images, scratch, irqchip, *more):
    """tenon-vmm with the interrupt controllers where `irqchip` says."""
    return guest.Machine(
        [f"{BUILD}/vmm/tenon-vmm", "-accel", "kvm", "-cpu", "host", "-machine",
         f"pc,kernel-irqchip={irqchip}", "-nodefaults", "-display", "none", "-m", "256M",
         "-smp", "1", *more], images, scratch, kernel="VMLINUX",
        words=f"{guest.KERNEL_WORDS} iomem=relaxed")


def up(vm, mode):
    """Loads the guest's driver so that it takes interrupts by `mode`; the link comes up."""
    said = run(vm, "rmmod e1000e 2>/dev/null; while read -r m; do case $m in "
                   f"e1000e.ko) insmod /modules/$m IntMode={mode},{mode} ;; "
                   "*) insmod /modules/$m 2>/dev/null ;; esac; done </modules/e1000e.list; "
                   f"for n in {PCI}/{PLACES[0]}/net/*; do n=${{n##*/}}; done; "
                   f"ifconfig $n {OWN_ADDRESS} netmask 255.255.255.0 up; "
                   f"i=0; until [ \"$(cat /sys/class/net/$n/carrier)\" = 1 ] || "
                   f"[ $i = {LINK_STEPS} ]; do usleep 100000; i=$((i+1)); done; "
                   "ifconfig lo up; cat /sys/class/net/$n/carrier")
    if said[-1:] != ["1"]:
        raise guest.GuestError(f"no link with IntMode={mode}: {said}")


def down(vm):
    """Without the driver."""
    run(vm, "rmmod e1000e")


def fetch_digest(vm, name="data"):
    """sha256 of the server's file of 256 KiB, or of the "byte" that is one."""
    lines = run(vm, f"tftp -g -r {name} -l /tmp/{name} {SERVER}; sha256sum </tmp/{name}")
    return lines[-1].split()[0]


def served_digest():
    """The same of the server's file."""
    return digest((Path(os.environ["TENON_TFTP"]) / "data").read_bytes())


def interrupts(vm, what="eth"):
    """(how many a driver had by lines of this name, how the kernel calls their kind)."""
    lines = run(vm, f"grep {what} /proc/interrupts")
    fields = [line.split() for line in lines]
    return sum(int(one[1]) for one in fields), fields[0][2] if fields else ""


def exits(vm):
    """Exits of all processors to the monitor so far."""
    return sum(vm.command("qom-get", {"path": cpu["qom-path"], "property": "exits"})
               for cpu in vm.command("query-cpus-fast"))


def bars(vm):
    """Guest addresses of BAR 0 of both functions, enabled."""
    lines = run(vm, f"for d in {' '.join(PLACES)}; do echo 1 >{PCI}/$d/enable; "
                    f"head -n1 {PCI}/$d/resource; done")
    return [int(line.split()[0], 16) for line in lines]


def rom_digest(vm, place=PLACES[0]):
    """sha256 of the card's option ROM as the guest reads it; '' when it sees none."""
    lines = run(vm, f"cd {PCI}/{place} && echo 1 >enable && [ -e rom ] && echo 1 >rom && "
                    "sha256sum <rom && echo 0 >rom")
    return lines[0].split()[0] if lines else ""


def config_bytes(vm, place, offset, count):
    """Bytes of configuration space."""
    lines = run(vm, f"od -An -v -tx1 -j {offset} -N {count} {PCI}/{place}/config")
    return bytes.fromhex("".join(lines).replace(" ", ""))


def find_capability(vm, place, wanted):
    """Offset of a capability, 0 when there is none."""
    space = config_bytes(vm, place, 0, 256)
    at = space[0x34]
    while at and space[at] != wanted:
        at = space[at + 1]
    return at


def set_power_state(vm, place, at, state):
    """Writes D0 (0) to D3hot (3) to the capability at `at`. Returns the state read back."""
    run(vm, f"printf '\\{state:03o}' | dd of={PCI}/{place}/config bs=1 seek={at + PM_CONTROL} "
            "conv=notrunc 2>/dev/null; usleep 20000")
    return config_bytes(vm, place, at + PM_CONTROL, 1)[0] & 3


def inject_error(address):
    """An uncorrectable error that is not fatal (poisoned TLP) of a PCI Express function of this host."""
    domain, bus, rest = address.split(":")
    slot, function = rest.split(".")
    # struct aer_error_inj of the kernel's drivers/pci/pcie/aer_inject.c.
    record = struct.pack("<4B7I", int(bus, 16), int(slot, 16), int(function), 0, POISONED_TLP, 0,
                         0, 0, 0, 0, int(domain, 16))
    with open("/dev/aer_inject", "wb", buffering=0) as device:
        device.write(record)
