# SPDX-License-Identifier: LGPL-2.1-or-later
"""Kernels that the daemon keeps unpacked: when a start uses one, when not, and what is left behind."""

import gzip
import json
import os
import re
import stat
import struct

import harness
from harness import contains, equal, lacks

SETUP_SECTORS = 2
SETUP = (1 + SETUP_SECTORS) * 512
PAYLOAD_OFFSET = 0x2CC

tests = harness.Tests()


def bzimage(payload):
    """A bzImage by the 64-bit boot protocol (Linux's boot.rst) with this payload."""
    image = bytearray(SETUP + PAYLOAD_OFFSET + len(payload))
    for offset, form, value in (
            (0x1F1, "B", SETUP_SECTORS), (0x1FE, "H", 0xAA55), (0x200, "H", 0x6AEB),
            (0x202, "I", 0x53726448), (0x206, "H", 0x020F), (0x211, "B", 1), (0x22C, "I", 0x7FFFFFFF),
            (0x236, "H", 3), (0x238, "I", 2047), (0x248, "I", PAYLOAD_OFFSET),
            (0x24C, "I", len(payload)), (0x258, "Q", 16 << 20), (0x260, "I", 4 << 20)):
        struct.pack_into("<" + form, image, offset, value)
    image[SETUP + PAYLOAD_OFFSET:] = payload
    return bytes(image)


def folder(daemon):
    """Where it keeps kernels."""
    return daemon.folder / "state/cache/kernels"


def kept(daemon, suffix=".seal"):
    """The files of kept kernels; a seal is the last of its kernel."""
    return sorted(folder(daemon).glob("*" + suffix))


def define(daemon, name, kernel):
    """A guest with this kernel."""
    path = daemon.file(f"{name}.xml", daemon.xml(name).replace(str(daemon.kernel), str(kernel)))
    daemon.good("define", path)


def source(daemon, name):
    """Where the monitor of a running guest has its kernel from."""
    question = {"execute": "qom-get",
                "arguments": {"path": "/machine", "property": "x-kernel-source"}}
    said = daemon.good("qemu-monitor-command", name, json.dumps(question))
    return json.loads(said)["return"]


def start(daemon, name):
    """Start a guest, wait until it is up, and say where its kernel came from."""
    daemon.boot(name)
    return source(daemon, name)


def end(daemon, name):
    """End a guest."""
    daemon.leave_console(name)
    daemon.good("destroy", name)


def write_kernel(daemon, payload=None):
    """A packed small guest, as a new file each time. Returns its path."""
    path = daemon.folder / "vmlinuz"
    path.unlink(missing_ok=True)
    path.write_bytes(bzimage(payload or gzip.compress(daemon.kernel.read_bytes())))
    return path


@tests.point
def the_second_start_uses_it(daemon):
    kernel = write_kernel(daemon)
    define(daemon, "g", kernel)
    equal(start(daemon, "g"), "unpacked")
    first = daemon.good("dumpxml", "g")
    harness.until(lambda: kept(daemon), "the kernel is kept")
    end(daemon, "g")
    equal(start(daemon, "g"), "kept")
    second = daemon.good("dumpxml", "g")
    # What tells the two runs apart anyway.
    without = [re.sub(r" id='\d+'|/dev/pts/\d+", "", text) for text in (first, second)]
    equal(without[0], without[1])
    lacks(second, "unpacked")


@tests.point
def a_reset_starts_from_it_again(daemon):
    console = daemon.console("g")
    daemon.good("reset", "g")
    console.wait("SMALL-GUEST ready")
    equal(source(daemon, "g"), "kept")
    end(daemon, "g")


@tests.point
def files_belong_to_the_daemon_alone(daemon):
    equal(stat.S_IMODE(folder(daemon).stat().st_mode), 0o700)
    for suffix in (".kernel", ".seal"):
        (path,) = kept(daemon, suffix)
        equal(stat.S_IMODE(path.stat().st_mode), 0o400)
        equal(path.stat().st_uid, os.geteuid())
    equal(kept(daemon, ".new"), [])


@tests.point
def the_log_names_the_kernel_of_the_user(daemon):
    log = (daemon.folder / "state/log/g.log").read_text()
    equal(log.count(f"-kernel {daemon.folder}/vmlinuz"), 2)
    equal(log.count("x-unpacked-kernel="), 1)


@tests.point
def a_new_daemon_uses_it(daemon):
    daemon.stop()
    daemon.start()
    equal(start(daemon, "g"), "kept")
    end(daemon, "g")


@tests.point
def a_replaced_kernel_is_unpacked_anew(daemon):
    write_kernel(daemon)
    equal(start(daemon, "g"), "unpacked")
    harness.until(lambda: len(kept(daemon)) == 2, "the new kernel is kept")
    end(daemon, "g")
    equal(start(daemon, "g"), "kept")
    end(daemon, "g")


@tests.point
def damaged_files_are_not_used(daemon):
    for path in kept(daemon, ".kernel"):
        path.chmod(0o600)
        path.write_bytes(path.read_bytes()[:-1])
        path.chmod(0o400)
    equal(start(daemon, "g"), "unpacked")
    end(daemon, "g")


@tests.point
def what_cannot_be_unpacked_is_not_kept(daemon):
    before = kept(daemon)
    payload = bytearray(gzip.compress(os.urandom(100000)))
    for name, hostile in (("cut", payload[:5000] + payload[-4:]), ("no-elf", payload),
                          ("claims-much", payload[:-4] + b"\xff\xff\xff\xff"), ("empty", b"\0")):
        define(daemon, name, write_kernel(daemon, bytes(hostile)))
        daemon.good("start", name, "--paused")
        equal(source(daemon, name), "file")
        daemon.remove(name)
    # Asked for after all of them, so done after them.
    write_kernel(daemon)
    equal(start(daemon, "g"), "unpacked")
    harness.until(lambda: set(kept(daemon)) - set(before), "the good one is kept")
    equal(len(set(kept(daemon)) - set(before)), 1)
    equal(kept(daemon, ".new"), [])
    end(daemon, "g")


@tests.point
def a_folder_that_cannot_be_written_is_warned_of_once(daemon):
    daemon.stop()
    size = daemon.log.stat().st_size
    daemon.start("--cache-dir=/proc/nowhere")
    for _ in range(2):
        equal(start(daemon, "g"), "unpacked")
        end(daemon, "g")
    daemon.stop()
    said = daemon.log.read_text()[size:]
    equal(said.count("warning"), 1)
    contains(said, "kernels are not kept")
    contains(said, "/proc/nowhere/kernels")
    daemon.start()
    daemon.remove("g")


if __name__ == "__main__":
    harness.main(tests)
