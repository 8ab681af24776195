#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# limit: 300
"""
virt-manager with a stock Debian kernel in the guest; $TENON_RESULTS, if set, gets the picture:

    tests/box/run --timeout 330 --results OUT tests/box/cases/virt-manager.py
"""

import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.dont_write_bytecode = True

import guest  # noqa: E402

SOURCE = Path(os.environ["TENON_SOURCE"])
DOMAIN_XML = """\
<domain type='kvm'>
  <name>guest</name>
  <memory unit='MiB'>512</memory>
  <vcpu>1</vcpu>
  <os>
    <type arch='x86_64' machine='pc'>hvm</type>
    <kernel>{KERNEL}</kernel>
    <initrd>{INITRD}</initrd>
    <cmdline>console=ttyS0 panic=-1</cmdline>
  </os>
  <features><acpi/></features>
  <cpu mode='host-passthrough'/>
  <devices><console type='pty'/></devices>
</domain>
"""


def main():
    """Hand the guest to the test that needs no box."""
    scratch = Path(os.environ.get("TENON_SCRATCH") or tempfile.mkdtemp())
    images = guest.images()
    definition = scratch / "guest.xml"
    definition.write_text(DOMAIN_XML.format(**images))
    os.environ.update(TENON_GUEST_XML=str(definition), TENON_GUEST_TYPED="run uname -srm",
                      TENON_GUEST_ANSWER="TENON-GUEST exit=0")
    picture = Path(os.environ.get("TENON_RESULTS", scratch)) / "virt-manager.png"
    build = SOURCE / "build"
    os.execv("/usr/bin/python3", ["python3", str(SOURCE / "tests/system/virt-manager.py"),
                                  str(build / "vmm/tenon-vmm"), str(build / "driver/virttenond"),
                                  images["KERNEL"], str(picture)])


if __name__ == "__main__":
    main()
