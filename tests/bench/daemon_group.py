# SPDX-License-Identifier: LGPL-2.1-or-later
"""The group daemon: both daemons straight on this host, with state folders of their own."""

import json
import subprocess
from pathlib import Path

from monitors import QEMU, TENON
from processes import BenchError
from table import Row, absolute_row, ratio_row

INNER = Path(__file__).resolve().parent / "daemon_inner.py"
LIMIT_SECONDS = 300
MOST_IDLE_MB = 12
MOST_FULL_MB = 20


def measured(argv, limit):
    """Run `argv`, which prints a line of JSON for each side. Returns them by side."""
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=limit, check=False)
    except subprocess.TimeoutExpired:
        raise BenchError(f"{argv[-1]}: no result within {limit} s") from None
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    seen = {result["who"]: result for result in map(json.loads, lines)}
    if QEMU not in seen or TENON not in seen:
        raise BenchError("\n".join((done.stdout + done.stderr).splitlines()[-8:]))
    return seen[QEMU], seen[TENON]


def daemon():
    """The daemons' rows."""
    peer, tenon = measured(["unshare", "--mount", INNER], LIMIT_SECONDS)
    yield absolute_row("daemon idle (Pss)", "MB", peer["idle"], tenon["idle"], MOST_IDLE_MB)
    yield absolute_row("daemon with 1,000 definitions (Pss)", "MB", peer["full"], tenon["full"],
                       MOST_FULL_MB)
    yield ratio_row("define 1,000", "s", peer["define"], tenon["define"], 0.5)
    yield ratio_row("list --all of 1,000 in virsh's shell", "ms", peer["list"], tenon["list"],
                    0.5)
    yield Row("listAllDomains of 1,000", "ms", peer["listAllDomains"], tenon["listAllDomains"])
    for name in ("info", "dumpxml"):
        yield Row(f"{name} calls a second, one connection", "", peer[name], tenon[name],
                  peer[name] if name == "info" else None, "no fewer" if name == "info" else "",
                  more_is_better=True)
