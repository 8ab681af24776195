# SPDX-License-Identifier: LGPL-2.1-or-later
"""The groups exits, start, memory and qmp: tiny guests straight on this host's /dev/kvm."""

import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "box"))

import guest  # noqa: E402
import monitors  # noqa: E402
import processes  # noqa: E402
import steps  # noqa: E402
import tiny_guests  # noqa: E402
from monitors import QEMU, TENON, Tiny  # noqa: E402
from processes import BenchError  # noqa: E402
from table import Row, absolute_row, median, ratio_row, runs  # noqa: E402

MEMORY = "64M,slots=4,maxmem=1G"
EXITS_MEASURED = 21
STEPPED_GUESTS = 4
MOST_INSTRUCTIONS = 300
MOST_TINY_MB = 4
DIMMS = 200
DIMM_BYTES = 128 << 20
DIMM_MEMORY = "64M,slots=256,maxmem=64G"
QUESTIONS = 200


def _steps(who, code):
    """The median exit of a new guest that runs `code`: (instructions, other system calls)."""
    with tempfile.TemporaryDirectory() as scratch:
        argv = monitors.console(monitors.arguments(who, scratch, tiny_guests.SAY_HELLO + code,
                                                   MEMORY))
        for left in reversed(range(STEPPED_GUESTS)):
            with Tiny(argv) as tiny:
                try:
                    return steps.measure(processes.vcpu_thread(tiny.pid), EXITS_MEASURED)
                except TimeoutError as error:
                    if not left:
                        raise BenchError(f"{who}: {error}") from error
    return None


def exits():
    """User-space instructions of an exit, and its system calls beyond KVM_RUN."""
    calls = {}
    for kind, code in tiny_guests.EXITS.items():
        seen = {}
        for who in monitors.BOTH:
            seen[who], others = _steps(who, code)
            calls[who] = max(calls.get(who, 0), others)
        yield absolute_row(f"user instructions an exit: {kind}", "", seen[QEMU], seen[TENON],
                           MOST_INSTRUCTIONS)
    yield Row("system calls an exit beyond KVM_RUN", "", calls[QEMU], calls[TENON], 0, "none")


def start():
    """exec to what the guest's first instructions say."""
    seen = {QEMU: [], TENON: []}
    with tempfile.TemporaryDirectory() as scratch:
        code = tiny_guests.SAY_HELLO + tiny_guests.HALT
        for _ in range(runs()):
            for who, times in seen.items():  # in turn, so that both meet the same load
                argv = monitors.console(monitors.arguments(who, scratch, code, MEMORY))
                with Tiny(argv) as tiny:
                    times.append(tiny.first_byte * 1000)
    yield ratio_row("exec to the guest's first instruction, tiny guest", "ms",
                    median(seen[QEMU]), median(seen[TENON]), 0.25)


def memory():
    """Pss of all mappings but guest RAM."""
    seen = {QEMU: [], TENON: []}
    with tempfile.TemporaryDirectory() as scratch:
        code = tiny_guests.SAY_HELLO + tiny_guests.HALT
        for _ in range(runs()):
            for who, sizes in seen.items():
                argv = monitors.console(monitors.arguments(who, scratch, code, MEMORY))
                with Tiny(argv) as tiny:
                    sizes.append(processes.pss_beyond_ram(tiny.pid, 64 << 20) / 1024)
    yield absolute_row("memory beyond guest RAM (Pss), tiny guest", "MB",
                       median(seen[QEMU]), median(seen[TENON]), MOST_TINY_MB)


def _timed(qmp, *commands):
    begin = time.monotonic()
    for name, arguments in commands:
        qmp.command(name, arguments)
    return (time.monotonic() - begin) * 1000


def _plug(qmp, number):
    return _timed(
        qmp,
        ("object-add", {"qom-type": "memory-backend-ram", "id": f"m{number}",
                        "size": DIMM_BYTES}),
        ("device_add", {"driver": "pc-dimm", "id": f"d{number}", "memdev": f"m{number}"}))


def _talk(who, scratch):
    """One paused guest. Returns (query-status, first DIMM, last DIMM) in ms."""
    path = Path(scratch) / f"{who}-qmp"
    argv = monitors.arguments(who, scratch, tiny_guests.HALT, DIMM_MEMORY)
    argv += ["-S", "-qmp", f"unix:{path},server=on,wait=off"]
    with Tiny(argv, wait_hello=False):
        processes.wait_for(lambda: path.exists(), f"{path} to appear")
        qmp = guest.Qmp(path)
        status = median(_timed(qmp, ("query-status", None)) for _ in range(QUESTIONS))
        plugs = [_plug(qmp, number) for number in range(DIMMS)]
        path.unlink()
    # Neighbours smooth what the host does meanwhile; the first has none.
    return status, plugs[0], median(plugs[-5:]), median(plugs[:5])


def qmp():
    """Round trips on a paused guest."""
    seen = {QEMU: [], TENON: []}
    with tempfile.TemporaryDirectory() as scratch:
        for _ in range(runs()):
            for who, results in seen.items():
                results.append(_talk(who, scratch))
    peer, tenon = ([median(column) for column in zip(*seen[who])] for who in (QEMU, TENON))
    yield ratio_row("QMP, paused guest: query-status", "ms", peer[0], tenon[0], 1)
    yield ratio_row("QMP: object-add + device_add, the 1st DIMM", "ms", peer[1], tenon[1], 1)
    yield ratio_row(f"QMP: the same, DIMMs {DIMMS - 4} to {DIMMS}", "ms", peer[2], tenon[2], 1)
    yield Row(f"QMP: DIMM {DIMMS} as a multiple of the 1st", "", peer[2] / peer[1],
              tenon[2] / tenon[1], 1, "no more than 1")
    # Without what happens for the first time: what the 195 before it cost.
    yield Row("QMP: the same as a multiple of the first five", "", peer[2] / peer[3],
              tenon[2] / tenon[3])
