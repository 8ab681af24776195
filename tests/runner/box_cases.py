# SPDX-License-Identifier: LGPL-2.1-or-later
"""Box cases: tests/box/cases/*, several to a box, each a program that writes TAP."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import tally as counting

TOP = Path(__file__).resolve().parents[2]
BOX = TOP / "tests/box"
# As tests/box/run-cases has it.
DEFAULT_LIMIT_SECONDS = 120
SPARE_SECONDS = 60
sys.path.insert(0, str(BOX))

import host_kvm  # noqa: E402


def guest_images(tally):
    """
    Make the guest's kernel and initial RAM disk, which the box has no network to fetch.

    Returns a dict of their paths, or None when that failed, which is counted.
    """
    made = subprocess.run([BOX / "guest-image"], capture_output=True, text=True, check=False)
    if made.returncode:
        tally.point("box/guest-image", False, made.stderr)
        return None
    return dict(shlex.split(line)[0].split("=", 1) for line in made.stdout.splitlines())


def all_cases():
    """Every case, by name."""
    return sorted(path for path in (BOX / "cases").iterdir()
                  if path.suffix in (".sh", ".py") and path.stat().st_mode & 0o100)


def select(words):
    """The cases whose name contains one of `words`; all if there are none."""
    return [path for path in all_cases() if not words or any(word in path.stem for word in words)]


def box_options(path):
    """What a case asks of its box, as a tuple: the line "# box: OPTIONS" near its top."""
    found = re.search(r"^# box: (.*)$", path.read_text()[:2000], re.MULTILINE)
    return tuple(shlex.split(found[1])) if found else ()


def limit_of(path):
    """A case's limit in seconds: the line "# limit: SECONDS" near its top."""
    found = re.search(r"^# limit: (\d+)$", path.read_text()[:2000], re.MULTILINE)
    return int(found[1]) if found else DEFAULT_LIMIT_SECONDS


def count(tally, cases):
    """Run `cases` where this machine can run them, and count their points."""
    if not cases:
        return
    usable, sentence = host_kvm.verdict()
    tally.say(sentence)
    groups = {}
    for path in cases:
        # Only the box has the devices that such a case needs.
        options = box_options(path)
        groups.setdefault((usable and not options, options), []).append(path)
    for (direct, options), paths in groups.items():
        runner = [BOX / "run-cases", *paths]
        # A case's own limit is kept inside; this one is for a box that hangs as a whole.
        limit = sum(limit_of(path) for path in paths) + SPARE_SECONDS
        boxed = [BOX / "run", "--timeout", str(limit), *options, *runner]
        follow(tally, runner if direct else boxed, paths)


def follow(tally, argv, paths):
    """Read the runner's stream and count each case as it ends."""
    waiting = {path.stem for path in paths}
    lines, rest = [], []
    process = subprocess.Popen(argv, cwd=TOP, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True, errors="replace")
    for line in process.stdout:
        line = line.rstrip("\n")
        end = re.fullmatch(r"CASE END (\S+) (-?\d+) ([\d.]+)", line)
        if line.startswith("CASE BEGIN "):
            lines = []
        elif end:
            outcome = counting.read_tap(lines, int(end[2]))
            if not outcome.points:
                outcome.failures.append("no test point")
            tally.add(f"box/{end[1]}", outcome, "\n".join(lines))
            tally.say(f"box/{end[1]}: {outcome.passed} passed, {len(outcome.failures)} failed, "
                      f"{len(outcome.skips)} skipped, {end[3]} s")
            waiting.discard(end[1])
        else:
            lines.append(line)
            rest.append(line)
    status = process.wait()
    for name in sorted(waiting):
        tally.add(f"box/{name}", counting.Outcome(failures=[f"no end seen, status {status}"]),
                  "\n".join(rest))
