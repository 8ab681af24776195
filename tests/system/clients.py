# SPDX-License-Identifier: LGPL-2.1-or-later
"""Several clients at once, clients that vanish, and the session daemon that a client starts."""

import os
import shutil
import signal
import subprocess
import tempfile
import threading

import harness
from harness import Failure, contains, dimm, equal, libvirt, until

NOBODY = 65534
N_THREADS = 6
N_CALLS = 100
IDLE_SECONDS = 2

tests = harness.Tests()


@tests.point
def two_clients_change_one_guest(daemon):
    daemon.define("g", slots=8)
    daemon.boot("g")
    failures = []

    def work(door):
        connection = daemon.open(door)
        domain = connection.lookupByName("g")
        for _ in range(10):
            code, message = harness.error_of(domain.attachDeviceFlags, dimm(), 1)
            if code:
                failures.append(message)
        connection.close()

    threads = [threading.Thread(target=work, args=(door,)) for door in ("tenon", "qemu")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # 20 for 8 slots: 8 have found theirs, each of the rest heard why not.
    equal(len(failures), 12)
    equal(daemon.good("dumpxml", "g").count("<memory model='dimm'>"), 8)
    assert all("slot" in message for message in failures), failures


@tests.point
def readers_beside_a_writer(daemon):
    failures = []

    def work():
        try:
            connection = daemon.open()
            domain = connection.lookupByName("g")
            for _ in range(N_CALLS):
                contains(domain.XMLDesc(), "<name>g</name>")
                equal(len(connection.listAllDomains()), 1)
            connection.close()
        except (Failure, libvirt.libvirtError) as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(N_THREADS)]
    for thread in threads:
        thread.start()
    for number in range(8):
        daemon.good("detach-device-alias", "g", f"dimm{number}", "--live")
    for thread in threads:
        thread.join()
    equal(failures, [])


@tests.point
def a_client_that_vanishes(daemon):
    program = ("import libvirt, os, sys; c = libvirt.open(sys.argv[1]); "
               "c.lookupByName('g').suspend(); os.kill(os.getpid(), 9)")
    subprocess.run(["/usr/bin/python3", "-c", program, daemon.uri()], check=False,
                   timeout=harness.LIMIT_SECONDS)
    contains(daemon.state("g"), "paused")
    daemon.good("resume", "g")


@tests.point
def events_reach_every_client(daemon):
    followers = [daemon.follow("event", "--all", "--loop") for _ in range(3)]
    until(lambda: daemon.good("suspend", "g") and daemon.good("resume", "g") and
          all(follower.spoke() for follower in followers), "all hear")
    daemon.good("destroy", "g")
    for follower in followers:
        follower.wait("event 'lifecycle' for domain 'g': Stopped Destroyed")
        follower.end()
    daemon.good("undefine", "g")


@tests.point
def a_client_starts_its_session_daemon(daemon):
    """And it ends when it has been idle for a while. Debian's client wants to be told mode=direct."""
    home = tempfile.mkdtemp(prefix="tn-home-", dir="/tmp")
    root = os.geteuid() == 0
    if root:
        os.chown(home, NOBODY, NOBODY)
    wrapper = os.path.join(home, "virttenond")
    with open(wrapper, "w", encoding="ascii") as opened:
        # The client says how long to wait for it to be idle; nobody has as much patience here.
        opened.write(f"#!/bin/sh\nexec {home}/program \"$@\" --timeout={IDLE_SECONDS} "
                     f"--pid-file={home}/pid --vmm={daemon.vmm}\n")
    os.chmod(wrapper, 0o755)
    # The build folder may be hidden from nobody.
    shutil.copy(daemon.program, f"{home}/program")
    environment = {key: value for key, value in os.environ.items()
                   if not key.startswith(("XDG_", "G_"))}
    environment.update(HOME=home, XDG_RUNTIME_DIR=home, VIRTD_PATH=home, LC_ALL="C.UTF-8",
                       PATH=f"{home}:{os.environ['PATH']}")
    become = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"] if root else []

    def virsh(*words):
        return subprocess.run([*become, "virsh", "-c", "tenon:///session?mode=direct", *words],
                              env=environment, capture_output=True, text=True, check=False,
                              stdin=subprocess.DEVNULL, timeout=harness.LIMIT_SECONDS)
    pid = 0
    try:
        definition = os.path.join(home, "s.xml")
        with open(definition, "w", encoding="ascii") as opened:
            opened.write(daemon.xml("s"))
        said = virsh("define", definition)
        if said.returncode:
            raise Failure(f"{said.stdout}{said.stderr}")
        with open(f"{home}/pid", encoding="ascii") as opened:
            pid = int(opened.read())
        until(lambda: not os.path.exists(f"/proc/{pid}"), "the idle daemon ends")
        pid = 0
        # The next one finds what the first one kept.
        equal(virsh("list", "--all", "--name").stdout.strip(), "s")
        assert os.path.exists(f"{home}/.config/libvirt/tenon/s.xml")
        with open(f"{home}/pid", encoding="ascii") as opened:
            pid = int(opened.read())
    finally:
        if pid and os.path.exists(f"/proc/{pid}"):
            os.kill(pid, signal.SIGTERM)
            until(lambda: not os.path.exists(f"/proc/{pid}"), "it ends")
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    harness.main(tests)
