# SPDX-License-Identifier: LGPL-2.1-or-later
"""One test on both monitors, and what the pair of outcomes means."""

import collections
import dataclasses
import json
import os
import platform
import re
import signal
import subprocess
import tempfile
import time

# As the suite's own runner has them; without what only one of the monitors has.
COMMON = ["--no-reboot", "-nodefaults", "-global", "kvm-pit.lost_tick_policy=discard",
          "-device", "pc-testdev", "-device", "isa-debug-exit,iobase=0xf4,iosize=0x4",
          "-display", "none", "-serial", "stdio", "-machine", "accel=kvm"]
# isa-debug-exit's statuses: (code << 1) | 1.
STATUS_PASS = 1
STATUS_SKIP = 77
PASS, SKIP, FAIL, LIMIT, REFUSED, NOT_RUN = "pass", "skip", "fail", "limit", "refused", "not run"
RANK = {PASS: 2, SKIP: 1}
MAX_OUTPUT = 8 << 20
NOTE_COLUMNS = 110


@dataclasses.dataclass
class Outcome:
    """How a test ended on one monitor. `tests`, `failed`: of the suite's own points."""

    kind: str
    status: int | None = None
    seconds: float = 0
    note: str = ""
    passed: int = 0
    failed: list = dataclasses.field(default_factory=list)

    def text(self):
        """For the table."""
        if self.kind in (NOT_RUN, LIMIT):
            return f"{self.kind:8} {self.seconds:6.1f} s"
        return f"{self.kind:4} {self.status:3} {self.seconds:6.1f} s"


@dataclasses.dataclass
class Row:
    """A test's two outcomes."""

    name: str
    qemu: Outcome
    tenon: Outcome

    def is_regression(self):
        """Whether it passes on QEMU alone."""
        return self.qemu.kind == PASS and self.tenon.kind != PASS

    def verdict(self):
        """Tenon's outcome measured by QEMU's."""
        if NOT_RUN in (self.qemu.kind, self.tenon.kind):
            return "not run"
        mine, peers = RANK.get(self.tenon.kind, 0), RANK.get(self.qemu.kind, 0)
        return "same" if mine == peers else "better" if mine > peers else "worse"

    def note(self):
        """What there is to say beside the verdict."""
        if self.verdict() == "not run":
            return self.tenon.note or self.qemu.note
        more = [name for name in self.tenon.failed if name not in self.qemu.failed]
        if more:
            return f"fails here alone: {more[0]}" + (f" and {len(more) - 1} more"
                                                     if len(more) > 1 else "")
        if self.tenon.kind not in (PASS, SKIP):
            return self.tenon.note
        if self.tenon.passed < self.qemu.passed:
            return f"{self.tenon.passed} points pass, on QEMU {self.qemu.passed}"
        return ""


class Results:
    """
    Rows by name, kept in a file of JSON lines if there is one.

    A test that begins has a line too: one without an end took the host down, and is not
    begun again.
    """

    def __init__(self, path):
        self._path = path
        self._rows = {}
        if path and path.exists():
            for values in map(json.loads, path.read_text(encoding="utf-8").splitlines()):
                name = values["name"]
                if "begun" in values:
                    note = f"the host went down while {values['begun']} ran it"
                    self._rows[name] = Row(name, Outcome(NOT_RUN, note=note), Outcome(NOT_RUN))
                else:
                    self._rows[name] = Row(name, Outcome(**values["qemu"]),
                                           Outcome(**values["tenon"]))

    def has(self, name):
        """Whether a test has its row."""
        return name in self._rows

    def _write(self, values):
        if self._path:
            with open(self._path, "a", encoding="utf-8") as opened:
                opened.write(json.dumps(values) + "\n")
                opened.flush()
                os.fsync(opened.fileno())

    def begin(self, name, who):
        """A test is about to begin on `who`."""
        self._write({"name": name, "begun": who})

    def add(self, row):
        """Keep one more."""
        self._rows[row.name] = row
        self._write(dataclasses.asdict(row))

    def rows(self, names):
        """Those of these names."""
        return [row for row in self._rows.values() if row.name in names]


def _last_word(output, errors):
    """The line that tells most about an end: the suite's summary, else the last."""
    summary_lines = re.findall(r"^SUMMARY: .*$", output, re.MULTILINE)
    if summary_lines:
        return summary_lines[-1]
    lines = [text for text in (errors.strip() or output.strip()).splitlines() if text.strip()]
    wanted = [text for text in lines if "warning: host doesn't support" not in text]
    return wanted[-1].strip() if wanted else ""


def _judge(status, seconds, output, errors):
    outcome = Outcome(FAIL, status, round(seconds, 1), _last_word(output, errors))
    outcome.passed = len(re.findall(r"^PASS\b", output, re.MULTILINE))
    outcome.failed = re.findall(r"^FAIL: (.*)$", output, re.MULTILINE)
    if status is None:
        outcome.kind = LIMIT
    elif not output.strip():
        outcome.kind = REFUSED  # the guest never came to print anything
    elif status == STATUS_PASS:
        outcome.kind = PASS
    elif status == STATUS_SKIP:
        outcome.kind = SKIP
    return outcome


class Runner:
    """Runs tests on both monitors."""

    def __init__(self, suite, programs, outputs, begin):
        self._suite = suite
        self._begin = begin
        self._programs = programs
        self._outputs = outputs
        if outputs:
            outputs.mkdir(parents=True, exist_ok=True)

    def run(self, test, limit=None):
        """One test on QEMU, then on Tenon. Returns its row."""
        reason = test.reason_not_to_run(self._suite)
        if reason:
            return Row(test.name, Outcome(NOT_RUN, note=reason), Outcome(NOT_RUN))
        seconds = limit or test.seconds
        with tempfile.NamedTemporaryFile("w", prefix="tenon-suite-", suffix=".env") as env:
            # What the suite's runner tells its guests, as the one module.
            env.write(f"KERNEL_VERSION_STRING={platform.release()}\n")
            env.flush()
            more = ["-initrd", env.name]
            qemu = self._one("qemu", test, more, seconds)
            if qemu.kind == LIMIT:
                tenon = Outcome(NOT_RUN, note=f"QEMU took longer than {seconds:g} s")
            else:
                tenon = self._one("tenon", test, more, seconds)
        return Row(test.name, qemu, tenon)

    def _one(self, who, test, more, seconds):
        self._begin(test.name, who)
        # Anew for each: a test may be given the time of day.
        arguments = [*test.arguments(self._suite), *more]
        begin = time.monotonic()
        status = None
        with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
            process = subprocess.Popen([self._programs[who], *COMMON, *arguments],
                                       cwd=self._suite, stdin=subprocess.DEVNULL, stdout=output,
                                       stderr=errors, start_new_session=True)
            try:
                status = process.wait(timeout=seconds)
            except subprocess.TimeoutExpired:
                pass
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
            texts = []
            for stream in (output, errors):
                stream.seek(0)
                texts.append(stream.read(MAX_OUTPUT).decode(errors="replace").replace("\r", ""))
        if self._outputs:
            (self._outputs / f"{test.name}.{who}").write_text("\n".join(texts))
        return _judge(status, time.monotonic() - begin, *texts)


def line(row):
    """One line of the table."""
    note = row.note()[:NOTE_COLUMNS]
    return (f"{row.verdict():8} {row.name:40} qemu {row.qemu.text():18} "
            f"tenon {row.tenon.text():18} {note}").rstrip()


def summary(rows):
    """Counts, and why what did not run did not."""
    both = sum(row.qemu.kind == row.tenon.kind == PASS for row in rows)
    mine = sum(row.tenon.kind == PASS != row.qemu.kind for row in rows)
    lost = [row.name for row in rows if row.is_regression()]
    not_run = collections.Counter(row.note() for row in rows if row.verdict() == "not run")
    neither = len(rows) - both - mine - len(lost) - sum(not_run.values())
    yield ""
    yield f"{len(rows)} tests: {both} pass on both, {len(lost)} on QEMU only, {mine} on Tenon " \
          f"only, {neither} on neither, {sum(not_run.values())} not run"
    if lost:
        yield f"  on QEMU only: {', '.join(lost)}"
    for reason, count in not_run.most_common():
        yield f"  not run, {count}: {reason}"
