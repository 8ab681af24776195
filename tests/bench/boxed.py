# SPDX-License-Identifier: LGPL-2.1-or-later
"""The groups with a stock Debian guest, in the box or, where it can, here."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
BOX = HERE.parent / "box"
sys.path.insert(0, str(BOX))

import host_kvm  # noqa: E402
from daemon_group import measured  # noqa: E402
from processes import BenchError  # noqa: E402
from table import Row, absolute_row, ratio_row, runs  # noqa: E402

INNER = HERE / "box_inner.py"
HOSTDEV_INNER = HERE / "hostdev_inner.py"
ATTACH_INNER = HERE / "attach_inner.py"
# Longer than any run on a busy machine took: 330 s for 5 of boot, the longest group.
LIMIT_SECONDS = 180
LIMIT_SECONDS_A_RUN = 120
# A box stands still for good now and then (docs/box.md), whoever's guest it has.
BOXES = 3
MOST_DEBIAN_MB = 6
DISK = "64M"


def _limit():
    return LIMIT_SECONDS + runs() * LIMIT_SECONDS_A_RUN


def _in_boxes(argv):
    """What `argv`, the end of a command line of the box, measured; in a new box if one is lost."""
    for left in reversed(range(BOXES)):
        try:
            return measured([BOX / "run", "--timeout", str(_limit()), *argv], _limit() + 60)
        except BenchError as error:
            if not left:
                raise
            print(f"{error}\nonce more, in a new box", file=sys.stderr)
    return None


def _inside(group):
    if host_kvm.verdict()[0]:
        # A namespace, because the dimm group changes libvirt's settings.
        return measured(["unshare", "--mount", INNER, group, str(runs())], _limit())
    return _in_boxes([INNER, group, str(runs())])


def boot():
    """The monitors alone: exec to the guest's init."""
    peer, tenon = _inside("boot")
    for name, text, most in (
            ("first", "quiet, first start of a kernel", 0.85),
            ("quiet", "quiet, later starts", 0.85),
            ("verbose", "verbose, later starts", 0.8),
            ("elf", "quiet, ELF kernel by PVH", 0.85)):
        yield ratio_row(f"exec to the guest's init, {text}", "s", peer[name], tenon[name], most)
    text = "processor time of the VMM in user space until then"
    yield Row(f"{text}, first start", "s", peer["first_user"], tenon["first_user"])
    yield ratio_row(f"{text}, later starts", "s", peer["quiet_user"], tenon["quiet_user"], 0.25)
    yield absolute_row("memory beyond guest RAM (Pss), Debian guest idle", "MB",
                       peer["quiet_pss"], tenon["quiet_pss"], MOST_DEBIAN_MB)


def dimm():
    """The daemons: start, and a DIMM of 256 MiB in and out."""
    peer, tenon = _inside("dimm")
    yield Row("create (start) returns, first start of a kernel", "s", peer["first_create"],
              tenon["first_create"])
    for name, text, most in (("later_create", "create (start) returns, later starts", 0.25),
                             ("later_init", "from there to the guest's init, verbose", 0.8)):
        yield ratio_row(text, "s", peer[name], tenon[name], most)
    for name, text, most in (("attach", "attach a 256 MiB DIMM: the call returns", 1 / 3),
                             ("grown", "attach: the guest has all of it", 0.5),
                             ("removed", "detach to the device-removed event", 0.5)):
        yield ratio_row(text, "ms", peer[name] * 1e3, tenon[name] * 1e3, most)
        own = f"{name}_guest"
        if own in tenon:
            yield Row("of that the guest and KVM alone", "ms", peer[own] * 1e3, tenon[own] * 1e3)


def attach():
    """The daemons: an NVMe disk of the box's in and out; never this machine's own."""
    peer, tenon = _in_boxes(["--nvme", DISK, ATTACH_INNER, str(runs())])
    for name, text in (("attach", "attach-device of an NVMe disk, managed: the call returns"),
                       ("probe", "attach-device to the guest's /dev/nvme0n1"),
                       ("detach", "detach to the device-removed event, the host has it back")):
        yield ratio_row(text, "ms", peer[name], tenon[name], 1)


def hostdev():
    """The monitors alone: an NVMe disk of the box's; never this machine's own."""
    peer, tenon = _in_boxes(["--nvme", DISK, HOSTDEV_INNER, str(runs())])
    for name, text in (("added", "device_add of an NVMe disk returns"),
                       ("seen", "device_add to the guest's /dev/nvme0n1")):
        yield ratio_row(text, "ms", peer[name], tenon[name], 1)
    for name, text in (("reads", "4 KiB random reads a second from the assigned disk, one at a time"),
                       ("interrupts", "the disk's interrupts a second meanwhile")):
        yield Row(text, "", peer[name], tenon[name], peer[name], "no fewer", more_is_better=True)
    for name, text in (("exits", "KVM exits a read"), ("user_exits", "exits to user space a read"),
                       ("mmio_exits", "of these for MMIO"), ("io_exits", "exits for ports a read")):
        # To as many places as the table shows; the sum makes 0 of -0.
        values = [round(side[name], 2) + 0.0 for side in (peer, tenon)]
        yield ratio_row(text, "", *values, 1)
