# SPDX-License-Identifier: LGPL-2.1-or-later
"""DIMMs in and out by stock virsh, held against what the guest says; what is told of it as it happens."""

import os
from pathlib import Path

import harness
from harness import contains, dimm, equal, lacks

ROUNDS = 100

tests = harness.Tests()


@tests.point
def live_attach_and_detach(daemon):
    daemon.define("g")
    console = daemon.boot("g")
    equal(daemon.good("attach-device", "g", daemon.dimm(), "--live"),
          "Device attached successfully")
    console.wait("SMALL-GUEST dimms=128 MiB")
    contains(daemon.good("dominfo", "g"), "Max memory:     196608 KiB")
    said = daemon.good("dumpxml", "g")
    contains(said, "<alias name='dimm0'/>")
    contains(said, "<address type='dimm' slot='0' base='0x100000000'/>")
    lacks(daemon.good("dumpxml", "g", "--inactive"), "model='dimm'")
    equal(daemon.good("detach-device", "g", daemon.dimm(), "--live"),
          "Device detached successfully")
    console.wait("SMALL-GUEST dimms=0 MiB")
    lacks(daemon.good("dumpxml", "g"), "model='dimm'")


@tests.point
def without_a_flag_it_is_what_runs(daemon):
    console = daemon.console("g")
    daemon.good("attach-device", "g", daemon.dimm())
    console.wait("SMALL-GUEST dimms=128 MiB")
    lacks(daemon.good("dumpxml", "g", "--inactive"), "model='dimm'")
    daemon.good("detach-device", "g", daemon.dimm())
    console.wait("SMALL-GUEST dimms=0 MiB")


@tests.point
def config_alone_leaves_the_guest(daemon):
    daemon.good("attach-device", "g", daemon.dimm(), "--config")
    lacks(daemon.good("dumpxml", "g"), "model='dimm'")
    contains(daemon.good("dumpxml", "g", "--inactive"), "model='dimm'")
    daemon.good("detach-device", "g", daemon.dimm(), "--config")
    lacks(daemon.good("dumpxml", "g", "--inactive"), "model='dimm'")


@tests.point
def persistent_is_both(daemon):
    console = daemon.console("g")
    daemon.good("attach-device", "g", daemon.dimm(), "--persistent")
    console.wait("SMALL-GUEST dimms=128 MiB")
    contains(daemon.good("dumpxml", "g", "--inactive"), "model='dimm'")
    daemon.good("reset", "g")
    console.wait("SMALL-GUEST ready")
    console.wait("SMALL-GUEST dimms=128 MiB")


@tests.point
def the_next_start_has_it(daemon):
    daemon.good("destroy", "g")
    console = daemon.boot("g")
    console.wait("SMALL-GUEST dimms=128 MiB")
    contains(daemon.good("dumpxml", "g"), "<alias name='dimm0'/>")
    daemon.good("detach-device", "g", daemon.dimm(), "--persistent")
    console.wait("SMALL-GUEST dimms=0 MiB")
    lacks(daemon.good("dumpxml", "g", "--inactive"), "model='dimm'")


@tests.point
def detach_by_alias(daemon):
    console = daemon.console("g")
    daemon.good("attach-device", "g", daemon.dimm())
    console.wait("SMALL-GUEST dimms=128 MiB")
    daemon.good("detach-device-alias", "g", "dimm0", "--live")
    console.wait("SMALL-GUEST dimms=0 MiB")


@tests.point
def while_paused(daemon):
    console = daemon.console("g")
    daemon.good("suspend", "g")
    daemon.good("attach-device", "g", daemon.dimm())
    daemon.good("resume", "g")
    console.wait("SMALL-GUEST dimms=128 MiB")
    daemon.good("detach-device", "g", daemon.dimm())
    console.wait("SMALL-GUEST dimms=0 MiB")


@tests.point
def events_of_both(daemon):
    follower = daemon.follow("event", "--all", "--loop")
    monitor = daemon.follow("qemu-monitor-event", "--loop")
    # The callbacks are there when the first of their news is heard.
    harness.until(lambda: daemon.good("suspend", "g") and daemon.good("resume", "g") and
                  follower.spoke() and monitor.spoke(), "the first news")
    daemon.good("suspend", "g")
    daemon.good("resume", "g")
    daemon.good("attach-device", "g", daemon.dimm())
    follower.wait("event 'device-added' for domain 'g': memdimm0|event 'device-added'.*: dimm0")
    daemon.good("detach-device", "g", daemon.dimm())
    monitor.wait("event DEVICE_DELETED at .* for domain 'g'")
    follower.wait("event 'device-removed' for domain 'g': dimm0")
    contains(follower.end(), "Suspended Paused")
    monitor.end()


@tests.point
def refused_unplug(daemon):
    console = daemon.console("g")
    follower = daemon.follow("event", "--all", "--loop")
    harness.until(lambda: daemon.good("suspend", "g") and daemon.good("resume", "g") and
                  follower.spoke(), "the first news")
    daemon.good("attach-device", "g", daemon.dimm())
    console.wait("SMALL-GUEST dimms=128 MiB")
    console.type("nm")
    console.wait("SMALL-GUEST dimms=128 MiB")
    contains(daemon.bad("detach-device", "g", daemon.dimm()), "rejected by the guest")
    follower.wait("event 'device-removal-failed' for domain 'g': dimm0")
    contains(daemon.good("dumpxml", "g"), "<alias name='dimm0'/>")
    follower.end()
    console.type("am")
    console.wait("SMALL-GUEST dimms=128 MiB")
    daemon.good("detach-device", "g", daemon.dimm())
    console.wait("SMALL-GUEST dimms=0 MiB")


@tests.point
def an_answer_that_comes_late(daemon):
    """A guest that does not answer: the call ends, the device stays until the guest lets go."""
    console = daemon.console("g")
    daemon.good("attach-device", "g", daemon.dimm())
    console.wait("SMALL-GUEST dimms=128 MiB")
    console.type("im")
    console.wait("SMALL-GUEST dimms=128 MiB")
    daemon.virsh("detach-device", "g", daemon.dimm())
    contains(daemon.good("dumpxml", "g"), "<alias name='dimm0'/>")
    contains(daemon.state("g"), "running")
    console.type("am")
    console.wait("SMALL-GUEST dimms=128 MiB")
    daemon.good("detach-device", "g", daemon.dimm())
    console.wait("SMALL-GUEST dimms=0 MiB")


@tests.point
def full_slot_table(daemon):
    for _ in range(4):
        daemon.good("attach-device", "g", daemon.dimm())
    connection = daemon.open()
    domain = connection.lookupByName("g")
    before = domain.XMLDesc()
    # VIR_ERR_INTERNAL_ERROR, VIR_ERR_OPERATION_FAILED, VIR_ERR_CONFIG_UNSUPPORTED: one of libvirt's.
    code, message = harness.error_of(domain.attachDeviceFlags, dimm(), 1)
    assert code in (1, 9, 67, 55), (code, message)
    contains(message, "slot")
    equal(domain.XMLDesc(), before)
    for _ in range(4):
        daemon.good("detach-device", "g", daemon.dimm())
    connection.close()


@tests.point
def beyond_max_memory(daemon):
    connection = daemon.open()
    domain = connection.lookupByName("g")
    before = domain.XMLDesc()
    code, message = harness.error_of(domain.attachDeviceFlags, dimm(4096), 1)
    assert code in (8, 9, 55, 67), (code, message)
    contains(message, "memory")
    equal(domain.XMLDesc(), before)
    # Both or none: the definition would take it no better.
    assert harness.error_of(domain.attachDeviceFlags, dimm(4096), 3)[0] != 0
    lacks(domain.XMLDesc(2), "model='dimm'")
    connection.close()


@tests.point
def rounds_leave_nothing_behind(daemon):
    def held():
        return [len(os.listdir(f"/proc/{pid}/fd")) for pid in
                (daemon.process.pid, daemon.guests()[0])]
    connection = daemon.open()
    domain = connection.lookupByName("g")
    domain.attachDeviceFlags(dimm(), 1)
    domain.detachDeviceFlags(dimm(), 1)
    before = held()
    for _ in range(ROUNDS):
        domain.attachDeviceFlags(dimm(), 1)
        domain.detachDeviceFlags(dimm(), 1)
    # The virsh before may have been on its way out when it was counted first.
    harness.until(lambda: all(now <= then for now, then in zip(held(), before)),
                  f"no more descriptors than {before}, but {held()}")
    connection.close()


@tests.point
def monitor_commands(daemon):
    said = daemon.good("qemu-monitor-command", "g", '{"execute":"query-memory-devices"}')
    contains(said, '"return":[]')
    contains(daemon.good("qemu-monitor-command", "g", "--hmp", "info status"), "running")
    contains(daemon.good("qemu-monitor-command", "g", "--pretty", "query-status"),
             '"status": "running"')
    contains(daemon.good("qemu-monitor-command", "g", '{"execute":"no-such"}'),
             "CommandNotFound")


@tests.point
def console_by_virsh(daemon):
    # Everything that virsh needs to believe in a terminal.
    typed = daemon.file("typed", "")
    os.remove(typed)
    os.mkfifo(typed)
    daemon.leave_console("g")
    follower = harness.Follower(
        ["sh", "-c", f"script -qfc \"virsh -c '{daemon.uri()}' console g\" /dev/null <{typed}"])
    with open(typed, "w", encoding="ascii") as pipe:
        follower.wait("Escape character is")

        def asked():
            # virsh says the above first and makes its terminal raw then, which throws away what
            # was typed before.
            pipe.write("m")
            pipe.flush()
            return follower.heard("SMALL-GUEST dimms=0 MiB", harness.AGAIN_SECONDS)
        harness.until(asked, f"an answer on virsh's console: {follower.seen}")
        pipe.write("\x1d")
        pipe.flush()
    follower.wait_end()
    daemon.remove("g")
    assert not list(Path(daemon.folder / "state").glob("*.monitor"))


if __name__ == "__main__":
    harness.main(tests)
