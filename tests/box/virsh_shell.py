# SPDX-License-Identifier: LGPL-2.1-or-later
"""Stock virsh in its interactive form: one process, one connection, many commands."""

import os
import pty
import queue
import re
import subprocess
import termios
import threading
import time

MARK = "tenon-done"
PROMPT = re.compile(r"^(virsh [#>] )+")
LIMIT_SECONDS = 60


class VirshError(Exception):
    """A command failed; the text is virsh's own."""


class VirshShell:
    """A running `virsh -c URI`; commands are timed from the line written to the answer read."""

    def __init__(self, uri):
        # virsh holds back what it says unless it speaks to a terminal.
        self._terminal, theirs = pty.openpty()
        modes = termios.tcgetattr(theirs)
        modes[1] &= ~termios.OPOST
        modes[3] &= ~termios.ECHO
        termios.tcsetattr(theirs, termios.TCSANOW, modes)
        self._process = subprocess.Popen(
            ["virsh", "-c", uri], stdin=theirs, stdout=theirs, stderr=theirs,
            start_new_session=True, env=dict(os.environ, TERM="dumb", LC_ALL="C.UTF-8"))
        os.close(theirs)
        self._lines = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        self.milliseconds = 0.0
        self.run("")  # past the greeting

    def _read(self):
        rest = b""
        while True:
            try:
                data = os.read(self._terminal, 65536)
            except OSError:
                break
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                self._lines.put(PROMPT.sub("", line.decode(errors="replace").strip("\r")))
        self._lines.put(None)

    def run(self, command, limit=LIMIT_SECONDS):
        """
        One command line. Returns its output; its time is in `milliseconds`.

        Raises VirshError with virsh's words when it fails or does not answer within `limit`.
        """
        begin = time.monotonic()
        # The mark is a command of its own: virsh goes on after one that failed.
        os.write(self._terminal, f"{command}\necho {MARK}\n".encode())
        output = []
        while True:
            try:
                line = self._lines.get(timeout=max(0.0, begin + limit - time.monotonic()))
            except queue.Empty:
                raise VirshError(f"{command}: no answer within {limit} s") from None
            if line is None:
                raise VirshError(f"{command}: virsh ended: {' '.join(output)}")
            if line == MARK:
                break
            output.append(line)
        self.milliseconds = (time.monotonic() - begin) * 1000
        text = "\n".join(line for line in output if line)
        if any(line.startswith("error:") for line in output):
            raise VirshError(f"{command}: {text}")
        return text

    def close(self):
        """End virsh."""
        try:
            os.write(self._terminal, b"quit\n")
            self._process.wait(LIMIT_SECONDS)
        except (OSError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait()
        os.close(self._terminal)
