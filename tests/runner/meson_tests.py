# SPDX-License-Identifier: LGPL-2.1-or-later
"""Build folders and the tests meson knows."""

import json
import os
import subprocess
from pathlib import Path

import tally as counting

TOP = Path(__file__).resolve().parents[2]
# The machines that run this may be busy with other things.
TIMEOUT_MULTIPLIER = 4


class BuildError(Exception):
    """A build failed; the text is the tool's output."""


def run(argv, **kwargs):
    """Run a tool without a terminal; returns the finished process with its joined output."""
    return subprocess.run(argv, cwd=TOP, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace", check=False,
                          **kwargs)


def setup(folder, options=(), compiler=None):
    """Configure `folder`. Raises BuildError."""
    environment = dict(os.environ, **({"CC": compiler} if compiler else {}))
    done = run(["meson", "setup", folder, *options], env=environment)
    if done.returncode:
        raise BuildError(done.stdout)


def build(folder, options=(), compiler=None, targets=()):
    """Configure `folder` if it is not yet, and compile. Raises BuildError."""
    if not (TOP / folder / "build.ninja").exists():
        setup(folder, options, compiler)
    done = run(["ninja", "-C", folder, *targets])
    if done.returncode:
        raise BuildError(done.stdout)


def known(folder):
    """What meson says about every test: a list of dicts with name, suite, cmd, depends."""
    return json.loads(run(["meson", "introspect", "--tests", folder]).stdout)


def select(tests, words):
    """Those tests whose name contains one of `words`; all if there are none."""
    return [test for test in tests if not words or any(word in test["name"] for word in words)]


def run_tests(folder, names, logbase="testlog", environment=None, processes=os.cpu_count()):
    """Run tests by name. Yields (name, meson's verdict, status, standard output, errors)."""
    if not names:
        return
    log = TOP / folder / "meson-logs" / f"{logbase}.json"
    log.unlink(missing_ok=True)
    done = run(["meson", "test", "-C", folder, "--no-rebuild", "--logbase", logbase,
                "--num-processes", str(processes), "-t", str(TIMEOUT_MULTIPLIER), *names],
               env=dict(os.environ, **(environment or {})))
    if not log.exists():
        raise BuildError(done.stdout)
    for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
        entry = json.loads(line)
        name = entry["name"].split(" / ")[-1]
        yield (name, entry["result"], entry["returncode"], entry.get("stdout") or "",
               entry.get("stderr") or "")


def outcome_of(verdict, status, output):
    """The Outcome behind one entry of meson's log."""
    outcome = counting.read_tap(output.splitlines(), status)
    if verdict == "TIMEOUT":
        outcome.failures.append("took too long")
    elif verdict == "SKIP" and not outcome.points:
        outcome.skips.append(("all", "the test says so"))
    elif verdict == "OK" and not outcome.points:
        # A test without TAP is one point.
        outcome.passed = 1
    elif verdict not in ("OK", "SKIP", "EXPECTEDFAIL") and not outcome.failures:
        outcome.failures.append(f"meson says {verdict}")
    return outcome


def second_try(tally, folder, failed, logbase, environment=None):
    """
    Run what failed once more, alone: on a machine that is busy otherwise, a client may wait in
    vain for what comes a moment later. Both tries are told. Yields as run_tests() does.
    """
    for name, outcome in failed.items():
        tally.say(f"again, alone: {name}: {'; '.join(outcome.failures)}")
    yield from run_tests(folder, list(failed), logbase, environment, processes=1)


def count(tally, folder, tests):
    """Run `tests` (from known()) and count each of their points."""
    failed = {}
    for name, verdict, status, output, errors in run_tests(
            folder, [test["name"] for test in tests]):
        outcome = outcome_of(verdict, status, output)
        if outcome.failures:
            failed[name] = outcome
        else:
            tally.add(name, outcome, output + errors)
    for name, verdict, status, output, errors in second_try(tally, folder, failed, "again"):
        tally.add(name, outcome_of(verdict, status, output), output + errors)
