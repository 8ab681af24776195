#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# limit: 90
"""Two NUMA cells on a file and a memfd bound to a host node: the guest sees them as they are, and how
far they are from each other."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.dont_write_bytecode = True

import guest  # noqa: E402
from tap import Tap  # noqa: E402

VMM = Path(os.environ["TENON_SOURCE"]) / "build/vmm/tenon-vmm"
CELL_MIB = 384


def arguments(backing):
    """The monitor's command line; `backing`: a file for the first cell."""
    return [VMM, *guest.ACCEL, "-cpu", "host", "-machine", "pc", "-nodefaults", "-display",
            "none", "-m", f"{2 * CELL_MIB}M", "-smp", "2",
            "-object", f"memory-backend-file,id=m0,size={CELL_MIB}M,mem-path={backing},share=on,"
                       "host-nodes=0,policy=bind",
            "-object", f"memory-backend-memfd,id=m1,size={CELL_MIB}M,host-nodes=0,"
                       "policy=preferred",
            "-numa", "node,nodeid=0,cpus=0,memdev=m0", "-numa", "node,nodeid=1,cpus=1,memdev=m1",
            "-numa", "dist,src=0,dst=1,val=31", "-numa", "dist,src=1,dst=0,val=42"]


def ask(machine, command, pattern):
    """The match of `pattern` in what a command says in the guest."""
    machine.type(f"run {command}")
    return machine.wait_report("out: " + pattern)


def main():
    """One guest."""
    tap = Tap()
    backing = Path(os.environ["TENON_SCRATCH"]) / "cell0"
    with guest.Machine(arguments(backing), guest.images(), os.environ["TENON_SCRATCH"]) as machine:
        machine.wait_report("ready")
        node = "/sys/devices/system/node"
        tap.point("two cells are online",
                  ask(machine, f"cat {node}/online", r"(\S+)$")[1] == "0-1")
        for number in range(2):
            total = int(ask(machine, f"cat {node}/node{number}/meminfo",
                            rf"Node {number} MemTotal: +(\d+) kB")[1]) // 1024
            # The kernel, its initial RAM disk and its tables are not counted.
            tap.point(f"cell {number} has its memory", CELL_MIB * 2 // 3 < total <= CELL_MIB)
            tap.point(f"cell {number} has its processor",
                      ask(machine, f"cat {node}/node{number}/cpulist",
                          r"(\S+)$")[1] == str(number))
            tap.point(f"cell {number} is as far from the other as told",
                      ask(machine, f"cat {node}/node{number}/distance",
                          r"(\d+ \d+)$")[1] == ("10 31", "42 10")[number])
        tap.point("the file holds the first cell's memory",
                  backing.stat().st_size == CELL_MIB << 20 and backing.stat().st_blocks > 0)
        policies = Path(f"/proc/{machine.pid}/numa_maps").read_text(encoding="ascii")
        tap.point("both are bound as asked",
                  any("bind:0" in line and "cell0" in line for line in policies.splitlines()) and
                  any("prefer" in line and "memfd" in line for line in policies.splitlines()))
        machine.command("quit")
        tap.point("quit ends the process", machine.wait_end() == 0)
    tap.finish()


if __name__ == "__main__":
    main()
