# SPDX-License-Identifier: LGPL-2.1-or-later
"""TAP output for cases written in Python."""

import sys


class Tap:
    """Numbers the points and prints the plan."""

    def __init__(self):
        self._number = 0
        self._failed = False

    def point(self, name, good):
        """One test point."""
        self._number += 1
        self._failed |= not good
        print(f"{'ok' if good else 'not ok'} {self._number} - {name}", flush=True)

    def skip(self, name, reason):
        """One point that cannot run here."""
        self._number += 1
        print(f"ok {self._number} - {name} # SKIP {reason}", flush=True)

    def finish(self):
        """Print the plan and end the program."""
        print(f"1..{self._number}", flush=True)
        sys.exit(1 if self._failed else 0)
