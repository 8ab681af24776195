# SPDX-License-Identifier: LGPL-2.1-or-later
"""Rows of the table that tests/bench/run prints."""

import dataclasses
import os
import platform
import statistics
import subprocess

RUNS = 5
RUNS_VARIABLE = "TENON_BENCH_RUNS"


@dataclasses.dataclass
class Row:
    """One measure of both sides. `limit`: what Tenon may be at most, as `limit_text` says."""

    measure: str
    unit: str
    peer: float
    tenon: float
    limit: float | None = None
    limit_text: str = ""
    more_is_better: bool = False


def runs():
    """How often each thing is measured: what `tests/bench/run --runs` said, in children too."""
    return int(os.environ.get(RUNS_VARIABLE, RUNS))


def ratio_row(measure, unit, peer, tenon, most):
    """A row whose target is a part of the peer's figure."""
    return Row(measure, unit, peer, tenon, None if peer is None else peer * most,
               f"{most:.2g} of the peer's" if most != 1 else "no more")


def absolute_row(measure, unit, peer, tenon, most):
    """A row whose target is a number."""
    return Row(measure, unit, peer, tenon, most, f"{most:g} {unit}".strip())


def median(values):
    """The median, rounded no further than it was measured."""
    return statistics.median(values)


def _figure(value, unit):
    if value is None:
        return "-"
    digits = 0 if value >= 100 or value == int(value) else 1 if value >= 10 else 2
    return f"{value:.{digits}f} {unit}".strip()


def _verdict(row):
    if row.peer is None or row.tenon is None or row.limit is None:
        return ""
    if row.more_is_better:
        return "yes" if row.tenon >= row.limit else "**no**"
    return "yes" if row.tenon <= row.limit else "**no**"


def markdown(rows):
    """The table's lines."""
    yield "| measure | QEMU 7.2 + libvirt 9.0 | Tenon | ratio | wanted | met |"
    yield "| --- | ---: | ---: | ---: | --- | --- |"
    for row in rows:
        ratio = f"{row.tenon / row.peer:.2f}" if row.peer and row.tenon is not None else ""
        yield (f"| {row.measure} | {_figure(row.peer, row.unit)} | {_figure(row.tenon, row.unit)} "
               f"| {ratio} | {row.limit_text} | {_verdict(row)} |")


def _first(argv):
    try:
        said = subprocess.run(argv, capture_output=True, text=True, check=False).stdout
    except OSError:
        return "not installed"
    return said.splitlines()[0] if said else "?"


def machine():
    """A sentence about where this was measured."""
    model = "unknown processor"
    with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as opened:
        for line in opened:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 30
    return (f"{os.cpu_count()} × {model}, {memory} GiB, Linux {platform.release()}; "
            f"{_first(['qemu-system-x86_64', '--version'])}; "
            f"{_first(['libvirtd', '--version'])}; load {os.getloadavg()[0]:.1f} at the end.")
