#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""
Run a guest that tests: run-guest.py TENON-VMM IMAGE PREFIX [MONITOR'S ARGUMENTS...]

Its lines "PREFIX ok NAME" and "PREFIX not ok NAME" become TAP points; "PREFIX end" must come, and
the monitor must end well once the guest has powered off.
"""

import subprocess
import sys
from pathlib import Path

LIMIT_SECONDS = 30


def main():
    """All of it."""
    vmm, image, prefix, *more = sys.argv[1:]
    if not Path("/dev/kvm").exists():
        print("1..0 # SKIP no /dev/kvm")
        return
    with subprocess.Popen([vmm, "-accel", "kvm", "-nodefaults", "-display", "none", "-m", "64",
                           "-no-reboot", "-kernel", image, "-serial", "stdio", *more],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT) as process:
        try:
            said, _ = process.communicate(timeout=LIMIT_SECONDS)
            late = False
        except subprocess.TimeoutExpired:
            process.kill()
            said, _ = process.communicate()
            late = True
    points = 0
    ended = False
    for line in said.decode(errors="replace").splitlines():
        words = line.strip()
        if words.startswith((f"{prefix} ok ", f"{prefix} not ok ")):
            points += 1
            good, name = words[len(prefix) + 1:].rsplit(" ", 1)
            print(f"{good} {points} - {name}")
        elif words == f"{prefix} end":
            ended = True
        elif words:
            print(f"# {words}")
    points += 1
    good = ended and not late and process.returncode == 0
    print(f"{'ok' if good else 'not ok'} {points} - the guest comes to its end and powers off")
    print(f"1..{points}")


if __name__ == "__main__":
    main()
