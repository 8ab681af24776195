#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""
What both do with a stock Debian guest; prints a line of JSON each. Runs in the box, or in a
mount namespace of its own, where boxed.py starts it: box_inner.py boot|dimm RUNS.
"""

import json
import os
import subprocess
import sys
import tempfile
import termios
import threading
import time
import tty
import xml.etree.ElementTree as ET
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "box")]
sys.dont_write_bytecode = True

import daemons  # noqa: E402
import guest  # noqa: E402
import guest_share  # noqa: E402
import libvirt  # noqa: E402
import monitors  # noqa: E402
import processes  # noqa: E402
from table import median  # noqa: E402
from vfio_guest import add_program  # noqa: E402

RAM_BYTES = 512 << 20
DIMM_MIB = 256
TRIES = 3
DIMM_XML = f"""\
<memory model='dimm'>
  <target><size unit='MiB'>{DIMM_MIB}</size><node>0</node></target>
</memory>
"""
QUIET = guest.KERNEL_WORDS
VERBOSE = QUIET.replace(" quiet", "")
NAME = "bench"


class Collected:
    """Figures of both sides, by name."""

    def __init__(self):
        self._seen = {who: {} for who in monitors.BOTH}

    def add(self, who, name, value):
        """One more value."""
        self._seen[who].setdefault(name, []).append(value)

    def print(self):
        """A line of JSON for each side, with medians."""
        for who, figures in self._seen.items():
            middle = {name: median(values) for name, values in figures.items()}
            print(json.dumps({"who": who} | middle), flush=True)


def keep_kernel(images):
    """What the daemon does after the first start of a kernel: a file for later starts."""
    with open(images["KERNEL"], "rb") as kernel, open("kept", "wb") as kept:
        subprocess.run([monitors.program(monitors.TENON), "-x-unpack-kernel"], stdin=kernel,
                       stdout=kept, check=True)
    return os.open("kept", os.O_RDONLY)


def boot_once(who, images, kernel, words, kept=None):
    """
    Exec to the guest's init; `kept`: Tenon gets this descriptor of the kernel unpacked before.
    Returns (seconds, user seconds of the monitor, MB beyond RAM once the guest is idle).
    """
    machine = "pc" if kept is None else f"pc,x-unpacked-kernel={kept}"
    argv = [monitors.program(who), "-machine", machine, "-accel", "kvm", "-cpu", "host",
            "-nodefaults", "-display", "none", "-no-reboot", "-m", "512M,slots=4,maxmem=2G",
            "-smp", str(daemons.VCPUS), "-kernel", images[kernel], "-initrd", images["INITRD"],
            "-append", words, "-serial", "stdio"]
    reports = guest.Reports()
    begin = time.monotonic()
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               pass_fds=[] if kept is None else [kept])
    try:
        reports.follow(process.stdout)
        reports.wait("init")
        user = processes.user_seconds(process.pid)
        seconds = reports.when - begin
        reports.wait("ready")
        return seconds, user, processes.pss_beyond_ram(process.pid, RAM_BYTES) / 1024
    finally:
        process.kill()
        process.wait()


def boot_surely(who, *how):
    """boot_once(), again when the guest is lost, as they are now and then in the box."""
    for _ in range(TRIES - 1):
        try:
            return boot_once(who, *how)
        except guest.GuestError as error:
            print(f"{who}: a guest was lost: {str(error).splitlines()[0]}", file=sys.stderr)
    return boot_once(who, *how)


def boot(runs, images, collected):
    """The monitors alone."""
    kept = keep_kernel(images)
    for _ in range(runs):
        for name, kernel, words in (("first", "KERNEL", QUIET), ("quiet", "KERNEL", QUIET),
                                    ("verbose", "KERNEL", VERBOSE), ("elf", "VMLINUX", QUIET)):
            for who in monitors.BOTH:
                later = who == monitors.TENON and name in ("quiet", "verbose")
                seconds, user, size = boot_surely(who, images, kernel, words,
                                                  kept if later else None)
                collected.add(who, name, seconds)
                collected.add(who, f"{name}_user", user)
                collected.add(who, f"{name}_pss", size)


class Removals:
    """The device-removed event, and waiting for it."""

    def __init__(self, connection):
        self._when = None
        self._came = threading.Condition()
        connection.domainEventRegisterAny(
            None, libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED, self._on_event, None)

    def _on_event(self, _connection, _domain, _alias, _opaque):
        with self._came:
            self._when = time.monotonic()
            self._came.notify_all()

    def wait(self):
        """When the next removal since the last call was told."""
        with self._came:
            if not self._came.wait_for(lambda: self._when, guest.LIMIT_SECONDS):
                raise guest.GuestError("no device-removed event")
            when, self._when = self._when, None
        return when


def open_console(domain):
    """The guest's pseudo terminal, and its reports from there."""
    path = ET.fromstring(domain.XMLDesc()).find("devices/console").get("tty")
    terminal = os.open(path, os.O_RDWR | os.O_NOCTTY)
    tty.setraw(terminal, termios.TCSANOW)
    reports = guest.Reports()
    reports.follow(os.fdopen(os.dup(terminal), "rb", buffering=0))
    return terminal, reports


def start_once(who, domain, collected, which):
    """
    Create, and the guest's way to its init; `which` begins their names. Returns its terminal
    and its reports.
    """
    begin = time.monotonic()
    domain.create()
    returned = time.monotonic()
    terminal, reports = open_console(domain)
    reports.wait("init")
    collected.add(who, f"{which}_create", returned - begin)
    collected.add(who, f"{which}_init", reports.when - returned)
    reports.wait("ready")
    return terminal, reports


def watch_memory(terminal, reports):
    """Have memory watched by a program of its own: the shell's processes cost more than a DIMM."""
    for command, answer in (("run killall uevent", "exit="),
                            (f"run memory-watch {DIMM_MIB} &", "watching")):
        os.write(terminal, command.encode() + b"\n")
        reports.wait(answer)


def plug(domain, reports):
    """A DIMM plugged. Returns when it was begun, the call returned, the guest had all of it."""
    begin = time.monotonic()
    domain.attachDeviceFlags(DIMM_XML, libvirt.VIR_DOMAIN_AFFECT_LIVE)
    returned = time.monotonic()
    reports.wait_line(r"\+$")
    return begin, returned, reports.when


def unplug(domain, reports, removals):
    """The DIMM taken away. Returns seconds to the event."""
    alias = ET.fromstring(domain.XMLDesc()).find("devices/memory[@model='dimm']/alias")
    begin = time.monotonic()
    domain.detachDeviceAlias(alias.get("name"), libvirt.VIR_DOMAIN_AFFECT_LIVE)
    seconds = removals.wait() - begin
    reports.wait_line("-$")
    return seconds


def plug_once(who, domain, reports, removals, collected):
    """A DIMM in and out, and again with KVM's events looked at, which takes longer."""
    begin, returned, grown = plug(domain, reports)
    collected.add(who, "attach", returned - begin)
    collected.add(who, "grown", grown - begin)
    collected.add(who, "removed", unplug(domain, reports, removals))
    with guest_share.Trace() as trace:
        _, _, grown = plug(domain, reports)
        collected.add(who, "grown_guest", trace.seconds(grown))
    with guest_share.Trace() as trace:
        unplug(domain, reports, removals)
        collected.add(who, "removed_guest", trace.seconds())


def domain_xml(who, images, words):
    """The domain of both; `words`: the kernel's command line."""
    return daemons.DOMAIN_XML.format(name=NAME, kernel=images["KERNEL"], initrd=images["INITRD"],
                                     words=words, vcpus=daemons.VCPUS, last=daemons.VCPUS - 1,
                                     extra=daemons.EXTRA[who])


def dimm_of(who, runs, images, collected):
    """One daemon: a start, `runs` more of the same kernel, as many DIMMs in the last guest."""
    with daemons.Daemon(who) as daemon:
        connection = libvirt.open(daemon.uri)
        removals = Removals(connection)
        domain = connection.defineXML(domain_xml(who, images, VERBOSE))
        try:
            start_once(who, domain, collected, "first")
            daemon.wait_for_kernel()
            for _ in range(runs):
                domain.destroy()
                terminal, reports = start_once(who, domain, collected, "later")
            watch_memory(terminal, reports)
            # What happens for the first time takes longer, on both sides.
            plug(domain, reports)
            unplug(domain, reports, removals)
            for _ in range(runs):
                plug_once(who, domain, reports, removals, collected)
        finally:
            if domain.isActive():
                domain.destroy()
            domain.undefine()
        connection.close()


def deliver_events():
    """For a thread of its own."""
    while True:
        libvirt.virEventRunDefaultImpl()


def settle_libvirt():
    """libvirtd's settings for this machine, and the bindings' for this program."""
    if os.environ.get("TENON_BOX"):
        with open("/etc/libvirt/qemu.conf", "a", encoding="ascii") as conf:
            conf.write(daemons.SETTINGS)
    else:
        daemons.hide_this_machines()
    libvirt.registerErrorHandler(lambda context, error: None, None)
    libvirt.virEventRegisterDefaultImpl()


def dimm(runs, images, collected):
    """The daemons."""
    settle_libvirt()
    threading.Thread(target=deliver_events, daemon=True).start()
    for who in monitors.BOTH:
        dimm_of(who, runs, images, collected)


def main():
    """One group."""
    collected = Collected()
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)
        images = guest.images()
        add_program(images, scratch, monitors.BUILD / "tests/bench/memory-watch")
        {"boot": boot, "dimm": dimm}[sys.argv[1]](int(sys.argv[2]), images, collected)
    collected.print()


if __name__ == "__main__":
    main()
