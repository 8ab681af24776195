# SPDX-License-Identifier: LGPL-2.1-or-later
"""
How much of a memory hot plug is the guest's own work: what would be left if the monitor took no
time at all. KVM's trace points tell, the same ones for every monitor.
"""

import re
from pathlib import Path

INSTANCE = Path("/sys/kernel/tracing/instances/tenon-share")
EVENTS = ("kvm_userspace_exit", "kvm_entry", "kvm_pio")
# docs/specs/piix4-pm.md and acpi-memory-hotplug.md: where a guest looks first, and the eject.
GPE0_STATUS = 0xAFE0
EJECT = ("write", 0xA14, 8)
LINE = re.compile(r"-(\d+)\s+\[\d+\] \S+\s+(\d+\.\d+): (\w+): (.*)$")
PIO = re.compile(r"pio_(read|write) at 0x([0-9a-f]+) size \d count \d+ val 0x([0-9a-f]+)")


class Trace:
    """KVM's events while open; one guest at a time."""

    def __enter__(self):
        INSTANCE.mkdir(exist_ok=True)
        for name, value in (("trace_clock", "mono"), ("buffer_size_kb", "4096"), ("trace", "")):
            (INSTANCE / name).write_text(value, encoding="ascii")
        self._enable(1)
        return self

    def __exit__(self, kind, error, trace):
        self._enable(0)

    @staticmethod
    def _enable(on):
        for event in EVENTS:
            (INSTANCE / "events/kvm" / event / "enable").write_text(str(on), encoding="ascii")

    @staticmethod
    def seconds(end=None):
        """
        What the guest and KVM took alone, from the guest's first look at the cause of its
        interrupt to `end`, a time of time.monotonic(), or to its eject.
        """
        first, left, away = None, {}, 0.0
        text = (INSTANCE / "trace").read_text(encoding="ascii", errors="replace")
        for thread, stamp, event, rest in filter(None, map(_parsed, text.splitlines())):
            if first is None:
                first = stamp if event == "kvm_pio" and _port(rest)[1] == GPE0_STATUS else None
            elif end is not None and stamp > end:
                return end - first - away
            elif event == "kvm_userspace_exit":
                left[thread] = stamp
            elif event == "kvm_entry" and thread in left:
                away += stamp - left.pop(thread)
            elif end is None and event == "kvm_pio" and _port(rest) == EJECT:
                return stamp - first - away
        raise RuntimeError("the trace does not hold the whole of a plug")


def _parsed(line):
    found = LINE.search(line)
    return found and (found[1], float(found[2]), found[3], found[4])


def _port(rest):
    found = PIO.search(rest)
    return (found[1], int(found[2], 16), int(found[3], 16)) if found else (None, None, None)
