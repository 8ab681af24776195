# SPDX-License-Identifier: LGPL-2.1-or-later
"""The test guest from outside: its console's reports, and the QMP of the monitor that runs it."""

import json
import os
import re
import shlex
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
LIMIT_SECONDS = 60
# The kernel keeps a little of new memory for its own tables of it.
TOLERANCE_KB = 16 * 1024
# Where the interrupt controllers are, "on" or "split"; what a case does is the same with both.
IRQCHIP = os.environ.get("TENON_IRQCHIP", "on")
ACCEL = ["-accel", f"kvm,kernel-irqchip={IRQCHIP}"]
FEATURES_XML = "<acpi/>" + ("<ioapic driver='qemu'/>" if IRQCHIP == "split" else "")
KERNEL_WORDS = "console=ttyS0 panic=-1 quiet"


class GuestError(Exception):
    """The guest or its monitor did not do what was asked in time."""


def images(*kind):
    """Paths of KERNEL, VMLINUX and INITRD, built if need be. `kind`: "generic" or nothing."""
    said = subprocess.run([HERE / "guest-image", *kind], capture_output=True, text=True, check=True)
    return dict(shlex.split(line)[0].split("=", 1) for line in said.stdout.splitlines())


class Reports:
    """What the guest has reported on its console, and waiting for more of it."""

    def __init__(self):
        self._lines = []
        self._next = 0
        self._more = threading.Condition()
        self._ended = False
        self.on_line = None

    def follow(self, stream):
        """Read `stream` (binary) to its end in a thread of its own."""
        threading.Thread(target=self._read, args=(stream,), daemon=True).start()

    def _read(self, stream):
        try:
            for line in stream:
                with self._more:
                    self._lines.append((time.monotonic(), line.decode(errors="replace").rstrip()))
                    self._more.notify_all()
        except OSError:
            pass  # a pseudo terminal whose other end has gone
        with self._more:
            self._ended = True
            self._more.notify_all()

    def wait(self, pattern, limit=LIMIT_SECONDS):
        """
        The match of `pattern` in the first report after the last one waited for; its
        time is in `when`. Raises GuestError when it does not come within `limit` seconds.
        """
        return self.wait_line(r"TENON-GUEST " + pattern, limit)

    def wait_line(self, pattern, limit=LIMIT_SECONDS):
        """The same for a line that is no report."""
        end = time.monotonic() + limit
        compiled = re.compile(pattern)
        with self._more:
            while True:
                while self._next < len(self._lines):
                    when, line = self._lines[self._next]
                    self._next += 1
                    found = compiled.search(line)
                    if found:
                        self.when = when
                        return found
                if self._ended or not self._more.wait(max(0, end - time.monotonic())):
                    if self._ended or time.monotonic() >= end:
                        raise GuestError(f"the guest did not say '{pattern}'; its last words:\n" +
                                         "\n".join(line for _, line in self._lines[-60:]))

    def wait_memory(self, kilobytes, limit=LIMIT_SECONDS):
        """Wait until the guest reports about `kilobytes` of memory. Returns what it reported."""
        end = time.monotonic() + limit
        while True:
            found = self.wait(r"MemTotal=(\d+) kB", end - time.monotonic())
            if abs(int(found[1]) - kilobytes) <= TOLERANCE_KB:
                return int(found[1])


class Qmp:
    """A client of a monitor's socket."""

    def __init__(self, path, limit=LIMIT_SECONDS):
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(limit)
        self._socket.connect(str(path))
        self._file = self._socket.makefile("rw")
        self._events = []
        self.greeting = self._receive()
        self.command("qmp_capabilities")

    def _receive(self):
        line = self._file.readline()
        if not line:
            raise GuestError("the monitor has hung up")
        return json.loads(line)

    def command(self, name, arguments=None):
        """Execute a command. Returns its result; raises GuestError with the monitor's words."""
        self._file.write(self._request(name, arguments))
        self._file.flush()
        return self._reply(name)

    def command_with_fd(self, name, arguments, fd):
        """The same, with a descriptor sent along."""
        socket.send_fds(self._socket, [self._request(name, arguments).encode()], [fd])
        return self._reply(name)

    @staticmethod
    def _request(name, arguments):
        request = {"execute": name} | ({"arguments": arguments} if arguments else {})
        return json.dumps(request) + "\n"

    def _reply(self, name):
        while "event" in (reply := self._receive()):
            self._events.append(reply)
        if "error" in reply:
            raise GuestError(f"{name}: {reply['error']['class']}: {reply['error']['desc']}")
        return reply["return"]

    def wait_event(self, name):
        """The next event `name`, whether it has come already or is still to come."""
        while True:
            for index, event in enumerate(self._events):
                if event["event"] == name:
                    return self._events.pop(index)
            message = self._receive()
            if "event" in message:
                self._events.append(message)


class Machine:
    """A monitor process with the test guest in it; the console is its standard output."""

    def __init__(self, argv, files, scratch, kernel="KERNEL", words=KERNEL_WORDS):
        path = Path(scratch) / "qmp"
        self._process = subprocess.Popen(
            [*argv, "-kernel", files[kernel], "-initrd", files["INITRD"], "-append", words,
             "-serial", "stdio", "-qmp", f"unix:{path},server=on,wait=off"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.reports = Reports()
        self.reports.follow(self._process.stdout)
        self._path = path
        self._qmp = None

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        if kind and issubclass(kind, GuestError):
            print(f"Bail out! {error}".replace("\n", "\n# "))
            sys.exit(1)

    @property
    def pid(self):
        """The monitor's process number."""
        return self._process.pid

    @property
    def qmp(self):
        """The monitor's client; the guest has spoken before it is first asked for."""
        if not self._qmp:
            self._qmp = Qmp(self._path)
        return self._qmp

    def command(self, name, arguments=None):
        """Execute a QMP command."""
        return self.qmp.command(name, arguments)

    def wait_event(self, name):
        """Wait for a QMP event."""
        return self.qmp.wait_event(name)

    def wait_report(self, pattern):
        """Wait for a report of the guest's."""
        return self.reports.wait(pattern)

    def wait_memory(self, kilobytes):
        """Wait for a report of about this much memory."""
        return self.reports.wait_memory(kilobytes)

    def type(self, line):
        """Type a command on the guest's console."""
        self._process.stdin.write(line.encode() + b"\n")
        self._process.stdin.flush()

    def wait_end(self):
        """Wait for the process to end. Returns its status."""
        return self._process.wait(LIMIT_SECONDS)
