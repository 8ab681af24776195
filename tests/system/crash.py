# SPDX-License-Identifier: LGPL-2.1-or-later
"""The daemon killed at any moment and started again: every definition, every guest, every DIMM."""

import json
import os
import random
import signal
import threading

import harness
from harness import contains, dimm, equal, lacks, libvirt

ROUNDS = 8
LONGEST_SECONDS = 0.3

tests = harness.Tests()


def memory_devices(daemon, name):
    """Names of the DIMMs that the monitor has."""
    said = daemon.good("qemu-monitor-command", name, '{"execute":"query-memory-devices"}')
    return sorted(each["data"]["id"] for each in json.loads(said)["return"])


def shown_devices(daemon, name):
    """Names of the DIMMs that the daemon shows."""
    xml = daemon.good("dumpxml", name)
    return sorted(word.partition("'")[2].partition("'")[0] for word in xml.split("<")
                  if word.startswith("alias name='dimm"))


@tests.point
def all_is_found_again(daemon):
    for name in ("a", "b", "c"):
        daemon.define(name)
    daemon.good("autostart", "c")
    console = daemon.boot("a")
    daemon.good("start", "b", "--paused")
    daemon.good("attach-device", "a", daemon.dimm(), "--live")
    console.wait("SMALL-GUEST dimms=128 MiB")
    xml = daemon.good("dumpxml", "a")
    before = daemon.guests()
    daemon.kill()
    equal(sorted(daemon.guests()), sorted(before))
    daemon.start()
    contains(daemon.state("a"), "running")
    contains(daemon.state("b"), "paused")
    equal(daemon.good("dumpxml", "a"), xml)
    equal(sorted(daemon.good("list", "--all", "--name").split()), ["a", "b", "c"])
    contains(daemon.good("dominfo", "c"), "Autostart:      enable")


@tests.point
def the_guest_obeys_as_before(daemon):
    console = daemon.console("a")
    daemon.good("detach-device", "a", daemon.dimm(), "--live")
    console.wait("SMALL-GUEST dimms=0 MiB")
    daemon.good("resume", "b")
    contains(daemon.state("b"), "running")
    daemon.good("suspend", "a")
    daemon.good("resume", "a")


@tests.point
def what_happened_meanwhile(daemon):
    daemon.good("attach-device", "a", daemon.dimm(), "--live")
    consoles = {name: daemon.console(name) for name in ("a", "b")}
    consoles["a"].type("nm")
    consoles["a"].wait("dimms=128 MiB")
    daemon.kill()
    # One guest ends while nobody looks.
    consoles["b"].type("p")
    consoles["b"].wait("bye")
    daemon.start()
    daemon.wait_state("b", "shut off (shutdown)")
    contains(daemon.state("a"), "running")
    equal(shown_devices(daemon, "a"), ["dimm0"])
    consoles["a"].type("am")
    consoles["a"].wait("dimms=128 MiB")
    daemon.good("detach-device", "a", daemon.dimm(), "--live")
    equal(shown_devices(daemon, "a"), [])


@tests.point
def a_monitor_killed_meanwhile(daemon):
    daemon.good("start", "b")
    daemon.kill()
    for pid in daemon.guests():
        os.kill(pid, signal.SIGKILL)
    harness.until(lambda: not daemon.guests(), "the monitors have gone")
    daemon.start()
    for name in ("a", "b"):
        harness.until(lambda name=name: daemon.state(name).startswith("shut off"), "shut off")
    daemon.good("start", "a")
    daemon.good("destroy", "a")


def all_detached(daemon, name):
    """Detach what the daemon shows; whether the monitor has nothing then."""
    for alias in shown_devices(daemon, name):
        daemon.virsh("detach-device-alias", name, alias, "--live")
    return memory_devices(daemon, name) == []


def change_things(uri, stop):
    """Define, plug and unplug until the connection breaks."""
    try:
        connection = libvirt.open(uri)
        domain = connection.lookupByName("a")
        number = 0
        while not stop.is_set():
            number += 1
            text = domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)
            connection.defineXML(text.replace("<name>a<", "<name>x<").replace(
                domain.UUIDString(), f"00000000-0000-0000-0000-{number:012d}")
                if number == 1 else text)
            domain.attachDeviceFlags(dimm(), 3)
            domain.detachDeviceFlags(dimm(), 3)
            for each in connection.listAllDomains():
                if each.name() == "x":
                    each.undefine()
    except libvirt.libvirtError:
        pass


@tests.point
def killed_in_the_middle_of_changes(daemon):
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"# seed {seed}")
    chance = random.Random(seed)
    daemon.boot("a")
    for _ in range(ROUNDS):
        stop = threading.Event()
        changer = threading.Thread(target=change_things, args=(daemon.uri(), stop))
        changer.start()
        stop.wait(chance.uniform(0, LONGEST_SECONDS))
        daemon.kill()
        stop.set()
        changer.join(harness.LIMIT_SECONDS)
        daemon.start()
        contains(daemon.state("a"), "running")
        names = set(daemon.good("list", "--all", "--name").split())
        assert {"a", "b", "c"} <= names <= {"a", "b", "c", "x"}, names
        # What was under way may still come to its end.
        harness.until(lambda: shown_devices(daemon, "a") == memory_devices(daemon, "a"),
                      "the daemon shows what the monitor has")
        # A plug that was under way may be done only now, after the two agreed on nothing.
        harness.until(lambda: all_detached(daemon, "a"), "all DIMMs can be detached")
        daemon.virsh("detach-device", "a", daemon.dimm(), "--config")
        daemon.virsh("undefine", "x")
        lacks(daemon.good("dumpxml", "a", "--inactive"), "model='dimm'")
    daemon.remove("a", "b", "c")
    equal(daemon.guests(), [])


@tests.point
def autostart_once_a_boot(daemon):
    daemon.define("z")
    daemon.good("autostart", "z")
    daemon.stop()
    for path in (daemon.folder / "state").iterdir():
        if path.name == "autostarted":
            path.unlink()
    daemon.start()
    harness.until(lambda: daemon.state("z").startswith("running"), "z is started")
    daemon.good("destroy", "z")
    daemon.kill()
    daemon.start()
    contains(daemon.state("z"), "shut off")
    daemon.remove("z")


@tests.point
def a_second_daemon_is_refused(daemon):
    other = harness.Daemon([daemon.vmm, daemon.program, daemon.kernel])
    try:
        own, other.folder = other.folder, daemon.folder
        other.sockets = daemon.sockets
        try:
            other.process = None
            other.log = own / "log"
            other.start()
            other.process.wait(harness.LIMIT_SECONDS)
        except harness.Failure:
            pass
        assert other.process.returncode != 0, "two daemons on one folder"
        equal(daemon.good("list", "--all", "--name"), "")
    finally:
        other.folder = own
        other.clean()


if __name__ == "__main__":
    harness.main(tests)
