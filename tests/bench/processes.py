# SPDX-License-Identifier: LGPL-2.1-or-later
"""What /proc tells about a process: memory, processor time, threads; and waiting for things."""

import os
import time
from pathlib import Path

from taskstats import Taskstats

LIMIT_SECONDS = 60


class BenchError(Exception):
    """A measurement could not be made; the text is for the user."""


def wait_for(condition, what, limit=LIMIT_SECONDS):
    """Wait until condition() is true. Returns its value."""
    end = time.monotonic() + limit
    while not (value := condition()):
        if time.monotonic() > end:
            raise BenchError(f"waited {limit} s for {what}")
        time.sleep(0.002)
    return value


def _fields(stat):
    return stat.read_text().rpartition(")")[2].split()


def threads(pid):
    """The folders of a process's threads."""
    return list(Path(f"/proc/{pid}/task").iterdir())


def vcpu_thread(pid):
    """The id of the thread that runs the guest: the one that is busy."""
    def busy(thread):
        fields = _fields(thread / "stat")
        return int(fields[11]) + int(fields[12])
    first = sum(map(busy, threads(pid)))
    wait_for(lambda: sum(map(busy, threads(pid))) > first + 3, "the guest to run")
    return int(max(threads(pid), key=busy).name)


def _mappings(pid):
    """(size, Pss) in kB of every mapping."""
    size = 0
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        if line.startswith("Size:"):
            size = int(line.split()[1])
        elif line.startswith("Pss:"):
            yield size, int(line.split()[1])


def pss(pid):
    """Pss of all mappings in kB."""
    return sum(part for _, part in _mappings(pid))


def ram_kb(ram_bytes):
    """Sizes in kB that a mapping of guest RAM may have, whole or without its first 2 MiB."""
    whole = ram_bytes >> 10
    return {whole, whole - 2048}


def pss_beyond_ram(pid, ram_bytes):
    """Pss in kB of all mappings but guest RAM."""
    sizes = ram_kb(ram_bytes)
    parts = list(_mappings(pid))
    others = [part for size, part in parts if size not in sizes]
    if len(others) == len(parts):
        raise BenchError(f"process {pid} has no mapping of {ram_bytes} bytes")
    # The first 2 MiB, where they are a mapping of their own beside the rest.
    if any(size == (ram_bytes >> 10) - 2048 for size, _ in parts):
        low = [part for size, part in parts if size == 2048]
        return sum(others) - sum(low[:1])
    return sum(others)


def _user_and_guest_ticks(folder):
    fields = _fields(folder / "stat")
    return int(fields[11]), int(fields[40])


def user_seconds(pid):
    """Processor time in user space outside of the guest, of all threads there ever were."""
    tick = os.sysconf("SC_CLK_TCK")
    whole, guest = _user_and_guest_ticks(Path(f"/proc/{pid}"))
    living, scaled = 0.0, 0
    with Taskstats() as kernel:
        for thread in threads(pid):
            living += kernel.user_seconds(int(thread.name))
            scaled += _user_and_guest_ticks(thread)[0]
    # Threads that have ended had no guest, so that scaling does them no harm.
    return living + max(0, whole - scaled) / tick - guest / tick
