# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the style tests share: the tree's files and TAP output."""

import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
SOURCE_FOLDERS = ("vmm", "qmp", "xml", "driver", "tests")
CODE_SUFFIXES = {".c", ".h", ".S", ".py", ".sh"}


def files():
    """Every file of the tree, relative to the top, without what was built."""
    listed = subprocess.run(["git", "-C", TOP, "ls-files", "-co", "--exclude-standard"],
                            capture_output=True, text=True, check=False)
    if listed.returncode == 0:
        paths = map(Path, listed.stdout.splitlines())
    else:
        paths = (path.relative_to(TOP) for path in TOP.rglob("*"))
        paths = (path for path in paths if not path.parts[0].startswith(("build", ".git")))
    return sorted(path for path in set(paths) if (TOP / path).is_file())


def is_script(path):
    """Whether a file without a suffix starts with an interpreter's name."""
    with open(TOP / path, "rb") as opened:
        return opened.read(2) == b"#!"


def code():
    """Files that hold code: C, assembly, Python, shell."""
    return [path for path in files()
            if path.suffix in CODE_SUFFIXES or (not path.suffix and is_script(path))]


def text(path):
    """A file's text."""
    return (TOP / path).read_text(encoding="utf-8", errors="replace")


class Tap:
    """One test point for each rule; what breaks the rule is listed below it."""

    def __init__(self):
        self._number = 0
        self._failed = False

    def rule(self, name, faults):
        """Say whether rule `name` holds: it does when `faults` is empty."""
        self._number += 1
        faults = list(faults)
        print(f"{'not ok' if faults else 'ok'} {self._number} - {name}")
        for fault in faults:
            print(f"# {fault}")
        self._failed |= bool(faults)

    def finish(self):
        """Print the plan and end the program."""
        print(f"1..{self._number}")
        sys.exit(1 if self._failed else 0)
