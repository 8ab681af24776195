#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""
Holds a virtual machine with one processor that never runs, until it is ended.

The box's kernel patches its own code when the first guest comes and when the last one goes: its
scheduler's hooks for guests, and its emulated APIC while there is one that is switched off. QEMU's
software CPUs now and then go on with a translation of the code as it was in the midst of that, for
ever (docs/box.md). With this machine there is always a guest, and always such an APIC.
"""

import fcntl
import os
import signal
import sys
import time

KVM_CREATE_VM = 0xAE01
KVM_CREATE_VCPU = 0xAE41
KVM_CREATE_IRQCHIP = 0xAE60
LIMIT_SECONDS = 30


def main():
    """Wait for the module, take the machine, sleep."""
    end = time.monotonic() + LIMIT_SECONDS
    while not os.path.exists("/dev/kvm"):
        if time.monotonic() > end:
            sys.exit("no /dev/kvm to hold")
        time.sleep(0.1)
    machine = fcntl.ioctl(os.open("/dev/kvm", os.O_RDWR | os.O_CLOEXEC), KVM_CREATE_VM, 0)
    fcntl.ioctl(machine, KVM_CREATE_IRQCHIP)
    fcntl.ioctl(machine, KVM_CREATE_VCPU, 0)
    while True:
        signal.pause()


if __name__ == "__main__":
    main()
