# SPDX-License-Identifier: LGPL-2.1-or-later
"""tests/suites/kvm-unit-tests itself: a suite of little, and shell scripts for monitors."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "box"))
sys.dont_write_bytecode = True

from tap import Tap  # noqa: E402

CONFIG = """
[both]
file = a.flat
test_args = "one two"
[lost]
file = a.flat
[gained]
file = a.flat
[skipped]
file = a.flat
[refused]
file = a.flat
qemu_params = -cpu later
[slow]
file = a.flat
timeout = 1
[clock]
file = a.flat
test_args = "`date +%s%N`"
[other]
file = a.flat
arch = i386
[absent]
file = b.flat
[conditional]
file = a.flat
check = /proc/version=no
"""
# The n-th call does what the n-th line of the plan beside the script says.
MONITOR = """#!/bin/sh
echo "$*" >>"$0.log"
n=$(cat "$0.count" 2>/dev/null || echo 1); echo $((n + 1)) >"$0.count"
case $(sed -n "${n}p" "$0.plan") in
pass) echo "PASS: a"; exit 1 ;;
fail) echo "FAIL: b"; exit 3 ;;
skip) echo "SKIP: c"; exit 77 ;;
refuse) echo "no such option" >&2; exit 1 ;;
slow) echo "begun"; exec sleep 60 ;;
esac
"""
QEMU = ["pass", "pass", "fail", "skip", "pass", "slow", "pass"]
TENON = ["pass", "fail", "pass", "skip", "refuse", "pass"]


def make(folder):
    """The suite and the two monitors."""
    (folder / "x86").mkdir()
    (folder / "x86/unittests.cfg").write_text(CONFIG)
    (folder / "x86/a.flat").write_text("")
    for name, plan in (("qemu", QEMU), ("tenon", TENON)):
        (folder / name).write_text(MONITOR)
        (folder / name).chmod(0o755)
        (folder / f"{name}.plan").write_text("\n".join(plan) + "\n")


def run(folder, *more):
    """Returns status and output."""
    done = subprocess.run(
        [HERE / "kvm-unit-tests", "--suite", folder, "--qemu", folder / "qemu", "--vmm",
         folder / "tenon", "--save", folder / "save", *more], capture_output=True, text=True,
        check=False, stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout + done.stderr


def verdicts(said):
    """Verdict by test."""
    lines = [line.split("qemu ")[0].split() for line in said.splitlines() if " qemu " in line]
    return {words[-1]: " ".join(words[:-1]) for words in lines}


def main():
    """All of it."""
    tap = Tap()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make(folder)
        status, said = run(folder)
        tap.point("what passes on the peer alone is told by the status", status == 1)
        tap.point("verdicts", verdicts(said) == {
            "both": "same", "lost": "worse", "gained": "better", "skipped": "same",
            "refused": "worse", "slow": "not run", "clock": "same", "other": "not run",
            "absent": "not run", "conditional": "not run"})
        tap.point("a monitor's own status 1 is no pass", "refused   1" in said)
        tap.point("counts", "10 tests: 2 pass on both, 2 on QEMU only, 1 on Tenon only, 1 on "
                            "neither, 4 not run" in said)
        logs = [(folder / f"{side}.log").read_text().splitlines() for side in ("qemu", "tenon")]
        tap.point("both get the same arguments", logs[0][0].split("-initrd")[0] ==
                  logs[1][0].split("-initrd")[0] and "-append one two" in logs[0][0])
        tap.point("arguments are expanded for each", logs[0][6] != logs[1][5])
        again = run(folder)
        tap.point("what was saved is not run again", again[0] == 1 and not verdicts(again[1]))
        with open(folder / "save", "w", encoding="utf-8") as save:
            save.write(json.dumps({"name": "both", "begun": "qemu"}) + "\n")
        status, said = run(folder, "--report", "both")
        tap.point("a test that the host did not survive is told",
                  status == 0 and "the host went down while qemu ran it" in said)
        status, said = run(folder, "nobody")
        tap.point("a test that is not there", status == 2 and "no test nobody" in said)
    tap.finish()


if __name__ == "__main__":
    main()
