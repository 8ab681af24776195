# SPDX-License-Identifier: LGPL-2.1-or-later
"""Whether this host's KVM runs ordinary guests, and a sentence about it."""

import fcntl
import os
import sys

KVM_GET_API_VERSION = 0xAE00
KVM_API_VERSION = 12


def verdict():
    """Returns (usable, sentence)."""
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as opened:
        flags = next((line.split() for line in opened if line.startswith("flags")), [])
    if "svm" not in flags and "vmx" not in flags:
        return False, "This machine's processor offers no hardware virtualization (neither svm " \
                      "nor vmx in /proc/cpuinfo), so the guests run in the box (docs/box.md)."
    try:
        kvm = os.open("/dev/kvm", os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        return False, f"/dev/kvm cannot be used ({error.strerror}), so the guests run in the " \
                      "box (docs/box.md)."
    try:
        version = fcntl.ioctl(kvm, KVM_GET_API_VERSION)
    except OSError:
        version = None
    finally:
        os.close(kvm)
    if version != KVM_API_VERSION:
        return False, "/dev/kvm does not speak KVM's stable interface, so the guests run in the " \
                      "box (docs/box.md)."
    return True, "This machine's KVM runs ordinary guests, so they run directly."


if __name__ == "__main__":
    USABLE, SENTENCE = verdict()
    print(SENTENCE)
    sys.exit(0 if USABLE else 1)
