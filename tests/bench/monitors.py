# SPDX-License-Identifier: LGPL-2.1-or-later
"""The two monitors side by side: how each is started with a tiny guest."""

import os
import select
import signal
import subprocess
import time
from pathlib import Path

import tiny_guests
from processes import BenchError

TOP = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("TENON_BUILD") or TOP / "build")
TENON, QEMU = "Tenon", "QEMU"
BOTH = (QEMU, TENON)
# QEMU's 'host' sets an MSR that not every nested KVM takes.
CPU = {TENON: "host", QEMU: "host,-arch-capabilities"}
LIMIT_SECONDS = 30


def program(who):
    """The monitor's program."""
    return str(BUILD / "vmm/tenon-vmm") if who == TENON else "qemu-system-x86_64"


def arguments(who, scratch, code, memory="64M"):
    """The command line for a tiny guest that runs `code`, with nothing that was not asked for."""
    path = Path(scratch) / f"{who}-guest"
    argv = [program(who), "-machine", "pc", "-accel", "kvm", "-cpu", CPU[who], "-nodefaults",
            "-display", "none", "-m", memory]
    if who == TENON:
        path.write_bytes(tiny_guests.pvh_elf(code))
        return argv + ["-kernel", str(path)]
    path.write_bytes(tiny_guests.firmware(code))
    return argv + ["-no-user-config", "-bios", str(path)]


class Tiny:
    """A running monitor; `first_byte` seconds after exec the guest said hello."""

    def __init__(self, argv, wait_hello=True):
        self.first_byte = None
        read_end, write_end = os.pipe()
        start = time.monotonic()
        with open(os.devnull, "rb") as null:
            self._process = subprocess.Popen(argv, stdin=null, stdout=write_end)
        os.close(write_end)
        self._console = read_end
        self.pid = self._process.pid
        if wait_hello:
            ready, _, _ = select.select([read_end], [], [], LIMIT_SECONDS)
            self.first_byte = time.monotonic() - start
            if not ready or os.read(read_end, 1) != tiny_guests.HELLO:
                self.close()
                raise BenchError(f"{argv[0]}: the tiny guest did not speak")

    def close(self):
        """End the process."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        os.close(self._console)

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self.close()


def console(argv):
    """`argv` with the first serial port on standard output."""
    return argv + ["-chardev", "stdio,id=c0,signal=off", "-device", "isa-serial,chardev=c0"]
