# SPDX-License-Identifier: LGPL-2.1-or-later
"""Counts of test points, and the reader of TAP that feeds them."""

import re
import time
from dataclasses import dataclass, field

POINT = re.compile(r"^\s*(not )?ok\b\s*(\d+)?\s*(?:- )?(.*?)\s*(?:#\s*(SKIP|TODO)\b\s*(.*))?$",
                   re.IGNORECASE)
PLAN = re.compile(r"^1\.\.(\d+)(?:\s*#\s*SKIP\b\s*(.*))?", re.IGNORECASE)


@dataclass
class Outcome:
    """What one test program said: its points, and what went wrong around them."""

    passed: int = 0
    failures: list = field(default_factory=list)
    skips: list = field(default_factory=list)

    @property
    def points(self):
        """How many points were seen."""
        return self.passed + len(self.failures) + len(self.skips)


def read_tap(lines, status):
    """
    The Outcome of a program that wrote the TAP `lines` and ended with `status`.

    A missing or different plan, a bail-out, and a bad status without a failed point are failures
    of their own: a program that dies early must not look well.
    """
    outcome = Outcome()
    planned = None
    bailed = None
    for line in lines:
        plan, point = PLAN.match(line), POINT.match(line)
        if plan:
            planned = int(plan[1])
            if planned == 0:
                outcome.skips.append(("all", plan[2] or "no reason given"))
                planned = 1
        elif line.startswith("Bail out!"):
            bailed = line
        elif point:
            count_point(outcome, point)
    if bailed:
        outcome.failures.append(bailed)
    elif planned is None and outcome.points:
        outcome.failures.append("ended without a plan")
    elif planned is not None and planned != outcome.points:
        outcome.failures.append(f"{planned} points planned, {outcome.points} seen")
    if status and not outcome.failures:
        outcome.failures.append(f"ended with status {status}")
    return outcome


def count_point(outcome, point):
    """Add one matched TAP line to `outcome`."""
    failed, number, name, directive, reason = point.groups()
    name = name or f"point {number}"
    directive = (directive or "").upper()
    if directive == "SKIP":
        outcome.skips.append((name, reason or "no reason given"))
    elif failed and directive != "TODO":
        outcome.failures.append(name)
    else:
        outcome.passed += 1


class Tally:
    """All that was counted in one run, told as it comes and summed up at the end."""

    def __init__(self):
        self.passed = 0
        self.failures = []
        self.skips = []
        self._begin = time.monotonic()

    def say(self, text):
        """Print one line with the time since the beginning."""
        print(f"[{time.monotonic() - self._begin:6.1f}] {text}", flush=True)

    def add(self, test, outcome, output=""):
        """Count what `test` said; its `output` is shown when it failed."""
        self.passed += outcome.passed
        self.failures += [f"{test}: {failure}" for failure in outcome.failures]
        self.skips += [(f"{test}: {name}", reason) for name, reason in outcome.skips]
        if outcome.failures:
            self.say(f"FAILED {test}: {'; '.join(outcome.failures)}")
            for line in output.strip().splitlines()[-60:]:
                print(f"         {line}", flush=True)

    def point(self, test, good, output=""):
        """Count a single point that has no TAP of its own."""
        outcome = Outcome(passed=1) if good else Outcome(failures=["failed"])
        self.add(test, outcome, output)

    def skip(self, test, reason):
        """Count one point that cannot run here."""
        self.skips.append((test, reason))

    def finish(self):
        """Print the sums; the last line stands alone. Returns the exit status."""
        for reason in sorted({reason for _, reason in self.skips}):
            names = [name for name, why in self.skips if why == reason]
            print(f"skipped: {', '.join(names)}: {reason}")
        for failure in self.failures:
            print(f"failed: {failure}")
        print(f"{self.passed} passed, {len(self.failures)} failed, {len(self.skips)} skipped",
              flush=True)
        return 1 if self.failures or not self.passed else 0
