# SPDX-License-Identifier: LGPL-2.1-or-later
"""Box cases: tests/box/cases/*, several to a box, each a program that writes TAP."""

import queue
import re
import shlex
import subprocess
import sys
import threading
import time
from pathlib import Path

import tally as counting

TOP = Path(__file__).resolve().parents[2]
BOX = TOP / "tests/box"
# As tests/box/run-cases has it.
DEFAULT_LIMIT_SECONDS = 120
SPARE_SECONDS = 60
# A box that has not come up by then will not; one that is ended is gone by then.
BEGIN_SECONDS = 240
END_SECONDS = 30
sys.path.insert(0, str(BOX))

import host_kvm  # noqa: E402


def guest_images(tally, kind="cloud"):
    """
    Make the guest's kernel and initial RAM disk, which the box has no network to fetch.

    Returns a dict of their paths, or None when that failed, which is counted.
    """
    made = subprocess.run([BOX / "guest-image", kind], capture_output=True, text=True, check=False)
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
    if any("--nics" in box_options(path) for path in cases) and not guest_images(tally, "generic"):
        return
    groups = {}
    for path in cases:
        # Only the box has the devices that such a case needs.
        options = box_options(path)
        groups.setdefault((usable and not options, options), []).append(path)
    for (direct, options), paths in groups.items():
        todo = [(paths, direct)]
        while todo:
            paths, last = todo.pop(0)
            failed, left = run_group(tally, direct, options, paths, last)
            # The emulated host loses a guest now and then, under any monitor: a new one decides.
            for path in failed:
                tally.say(f"again, in a box of its own: box/{path.stem}")
            todo += [([path], True) for path in failed] + ([(left, last)] if left else [])


def run_group(tally, direct, options, paths, last):
    """
    Run cases together and count them. Returns those to be run again, none if `last`, and those
    that did not get their turn because the box had hung before.
    """
    runner = [BOX / "run-cases", *paths]
    limit = sum(limit_of(path) for path in paths) + SPARE_SECONDS
    boxed = [BOX / "run", "--timeout", str(limit), *options, *runner]
    seen, begun = follow(tally, runner if direct else boxed, paths)
    failed, left = [], []
    for path in paths:
        outcome, text = seen[path.stem]
        if path.stem not in begun and begun and not direct:
            left.append(path)
        elif outcome.failures and not last:
            tally.say(f"box/{path.stem}: {'; '.join(outcome.failures)}")
            failed.append(path)
        else:
            tally.add(f"box/{path.stem}", outcome, text)
    return failed, left


def lines_in_time(process, paths):
    """
    Yield the runner's lines. Each case's own limit is kept inside; a box that hangs as a whole
    cannot keep it, and is ended when the limit has passed here and some more.
    """
    limits = {path.stem: limit_of(path) for path in paths}
    lines = queue.Queue()

    def read():
        for line in process.stdout:
            lines.put(line.rstrip("\n"))
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    end = time.monotonic() + BEGIN_SECONDS
    measures = [process.terminate, process.kill]
    while True:
        try:
            line = lines.get(timeout=max(0, end - time.monotonic()))
        except queue.Empty:
            if not measures:
                return
            yield "no sign of life in time: ended from outside"
            measures.pop(0)()
            end = time.monotonic() + END_SECONDS
            continue
        if line is None:
            return
        begin = re.fullmatch(r"CASE BEGIN (\S+)", line)
        if begin:
            end = time.monotonic() + limits.get(begin[1], DEFAULT_LIMIT_SECONDS) + SPARE_SECONDS
        elif line.startswith("CASE END "):
            end = time.monotonic() + SPARE_SECONDS
        yield line


def follow(tally, argv, paths):
    """
    Read the runner's stream. Returns what each case came to, {name: (Outcome, its output)}, and
    the names of those that had begun.
    """
    seen, begun = {}, set()
    lines, rest = [], []
    process = subprocess.Popen(argv, cwd=TOP, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True, errors="replace")
    for line in lines_in_time(process, paths):
        end = re.fullmatch(r"CASE END (\S+) (-?\d+) ([\d.]+)", line)
        if line.startswith("CASE BEGIN "):
            begun.add(line.split()[2])
            lines = []
        elif end:
            outcome = counting.read_tap(lines, int(end[2]))
            if not outcome.points:
                outcome.failures.append("no test point")
            tally.say(f"box/{end[1]}: {outcome.passed} passed, {len(outcome.failures)} failed, "
                      f"{len(outcome.skips)} skipped, {end[3]} s")
            seen[end[1]] = (outcome, "\n".join(lines))
        else:
            lines.append(line)
            rest.append(line)
    status = process.wait()
    for path in paths:
        ended = counting.Outcome(failures=[f"no end seen, status {status}"])
        seen.setdefault(path.stem, (ended, "\n".join(rest)))
    return seen, begun
