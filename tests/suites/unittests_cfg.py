# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a kvm-unit-tests suite's x86/unittests.cfg says about each test."""

import dataclasses
import re
import subprocess
from pathlib import Path

ARCH = "x86_64"
ACCEL = "kvm"
DEFAULT_SECONDS = 90
EXPAND_SECONDS = 10


class SuiteError(Exception):
    """The suite cannot be read; the text is for the user."""


@dataclasses.dataclass
class Test:
    """One section: the image, and how it is to be started."""

    name: str
    values: dict

    @property
    def groups(self):
        """The groups it belongs to."""
        return self.values.get("groups", "").split()

    @property
    def seconds(self):
        """How long it may take by the suite's word."""
        text = self.values.get("timeout", "")
        return float(text.rstrip("s")) if text else DEFAULT_SECONDS

    def image(self, suite):
        """The file to boot."""
        return suite / "x86" / self.values.get("file", "")

    def reason_not_to_run(self, suite):
        """Why the suite itself would not run it here, or None."""
        if self.values.get("arch", ARCH) != ARCH:
            return f"for {self.values['arch']} only"
        if self.values.get("accel", ACCEL) != ACCEL:
            return f"for {self.values['accel']} only"
        if "nodefault" in self.groups:
            return "marked as not to be run by default"
        if not self.image(suite).is_file():
            return f"the suite has no {self.values.get('file')}"
        for condition in self.values.get("check", "").split():
            path, _, value = condition.partition("=")
            if not Path(path).is_file() or Path(path).read_text().strip() != value:
                return f"{path} is not {value}"
        return None

    def arguments(self, suite):
        """The part of the command line that is the test's own: image, -smp, -append, the rest."""
        words = ["-kernel", str(self.image(suite)), "-smp", self.values.get("smp", "1")]
        text = self.values.get("test_args", "").strip()
        if text:
            words += ["-append", *_expand(text if text[0] in "'\"" else f"'{text}'", suite)]
        return words + _expand(self.values.get("qemu_params", ""), suite)


def _expand(text, suite):
    """The words of a text as a shell takes them: the suite's own runner evaluates them so."""
    done = subprocess.run(["bash", "-c", f"printf '%s\\0' {text}"], cwd=suite,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
                          timeout=EXPAND_SECONDS)
    if done.returncode:
        raise SuiteError(f"cannot expand {text!r}: {done.stderr.strip()}")
    return [word for word in done.stdout.split("\0") if word]


def read(suite):
    """All tests of a suite, in its order."""
    path = suite / "x86/unittests.cfg"
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise SuiteError(f"{suite} is no suite: {error}") from error
    tests = []
    for line in map(str.strip, lines):
        section = re.fullmatch(r"\[(.+)\]", line)
        if section:
            tests.append(Test(section[1], {}))
        elif tests and "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            # Older suites call it extra_params.
            key = key.strip().replace("extra_params", "qemu_params")
            tests[-1].values[key] = value.strip()
    return tests
