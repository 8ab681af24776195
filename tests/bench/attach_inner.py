#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""
The box's NVMe disk attached and detached by each daemon, managed by it; prints a line of JSON for
each side. Runs in the box, where boxed.py starts it: attach_inner.py RUNS.
"""

import os
import sys
import tempfile
import threading
import time
import xml.etree.ElementTree as ET
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "box")]
sys.dont_write_bytecode = True

import assigned  # noqa: E402
import box_inner  # noqa: E402
import daemons  # noqa: E402
import guest  # noqa: E402
import libvirt  # noqa: E402
import monitors  # noqa: E402
from hostdev_inner import LOAD, READER  # noqa: E402
from vfio_guest import DISK, add_program  # noqa: E402


class Terminal:
    """The guest's console: typing on it, and what it reports."""

    def __init__(self, domain, collected, who):
        self._terminal, self.reports = box_inner.start_once(who, domain, collected, "start")

    def type(self, line, answer):
        """A command and the report that ends it."""
        os.write(self._terminal, line.encode() + b"\n")
        self.reports.wait(answer)


def once(domain, terminal, removals, xml):
    """In and out. Returns milliseconds by name."""
    terminal.type(f"run disk-reader wait {DISK}", "waiting")
    begin = time.monotonic()
    domain.attachDeviceFlags(xml, libvirt.VIR_DOMAIN_AFFECT_LIVE)
    returned = time.monotonic()
    terminal.reports.wait("disk")
    seen = terminal.reports.when
    terminal.reports.wait("exit=0")
    alias = ET.fromstring(domain.XMLDesc()).find("devices/hostdev/alias").get("name")
    start = time.monotonic()
    domain.detachDeviceAlias(alias, libvirt.VIR_DOMAIN_AFFECT_LIVE)
    removed = removals.wait() - start
    return {"attach": (returned - begin) * 1e3, "probe": (seen - begin) * 1e3,
            "detach": removed * 1e3}


def side(who, runs, images, collected):
    """One daemon with one guest. The first time is not counted."""
    device = assigned.nvme()
    with daemons.Daemon(who) as daemon:
        connection = libvirt.open(daemon.uri)
        removals = box_inner.Removals(connection)
        domain = connection.defineXML(box_inner.domain_xml(who, images, box_inner.QUIET))
        try:
            terminal = Terminal(domain, collected, who)
            terminal.type(f"run {LOAD}", "exit=0")
            for number in range(runs + 1):
                figures = once(domain, terminal, removals, device.xml())
                # The host's own driver takes it back, and shall be through with it.
                assigned.until(lambda: device.driver() == "nvme" and Path(DISK).exists(),
                               "the host to have its disk back")
                print(f"{who}: {figures}", file=sys.stderr)
                for name, value in figures.items() if number else ():
                    collected.add(who, name, value)
        finally:
            if domain.isActive():
                domain.destroy()
            domain.undefine()
        connection.close()


def main():
    """One side after the other: each wants the device for its daemon."""
    runs = int(sys.argv[1])
    box_inner.settle_libvirt()
    threading.Thread(target=box_inner.deliver_events, daemon=True).start()
    collected = box_inner.Collected()
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)
        images = guest.images()
        add_program(images, scratch, READER)
        for who in monitors.BOTH:
            side(who, runs, images, collected)
    collected.print()


if __name__ == "__main__":
    main()
