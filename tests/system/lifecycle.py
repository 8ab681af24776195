# SPDX-License-Identifier: LGPL-2.1-or-later
"""A guest's life by stock virsh: from define to undefine, each way to stop, each answer on the way."""

import os
import re
import stat

import harness
from harness import contains, equal, lacks

tests = harness.Tests()


@tests.point
def both_doors_tell_their_type(daemon):
    contains(daemon.good("version"), "Running hypervisor: Tenon")
    contains(daemon.good("version", door="qemu"), "Running hypervisor: QEMU")


@tests.point
def define_and_look(daemon):
    equal(daemon.define("g"), f"Domain 'g' defined from {daemon.folder}/g.xml")
    equal(re.sub(r"\s+", " ", daemon.good("list", "--all")),
          "Id Name State ----------------------- - g shut off")
    equal(daemon.good("list", "--name"), "")
    equal(daemon.state("g"), "shut off (unknown)")
    said = daemon.good("dominfo", "g")
    for part in ("Id:             -", "State:          shut off", "CPU(s):         1",
                 "Max memory:     65536 KiB", "Persistent:     yes", "Autostart:      disable"):
        contains(said, part)
    uuid = daemon.good("domuuid", "g")
    equal(daemon.good("domname", uuid), "g")
    contains(daemon.good("dumpxml", "g"), f"<kernel>{daemon.kernel}</kernel>")
    equal(daemon.good("list", "--all", "--uuid"), uuid)


@tests.point
def define_survives_both_doors(daemon):
    equal(daemon.good("list", "--all", "--name", door="qemu"), "g")


@tests.point
def start_suspend_resume(daemon):
    equal(daemon.good("start", "g"), "Domain 'g' started")
    equal(daemon.state("g"), "running (booted)")
    equal(daemon.good("domid", "g"), "1")
    equal(daemon.good("suspend", "g"), "Domain 'g' suspended")
    equal(daemon.state("g"), "paused (user)")
    equal(daemon.good("resume", "g"), "Domain 'g' resumed")
    equal(daemon.state("g"), "running (unpaused)")
    contains(daemon.bad("start", "g"), "Domain is already active")
    contains(daemon.bad("resume", "nobody"), "failed to get domain 'nobody'")


@tests.point
def suspend_stops_the_guest(daemon):
    console = daemon.console("g")
    daemon.good("suspend", "g")
    console.type("m")
    try:
        console.wait("dimms=", 1)
        raise AssertionError("a suspended guest has spoken")
    except harness.Failure:
        pass
    daemon.good("resume", "g")
    console.wait("dimms=0 MiB")


@tests.point
def reset_keeps_the_id(daemon):
    console = daemon.console("g")
    equal(daemon.good("reset", "g"), "Domain 'g' was reset")
    console.wait("SMALL-GUEST ready")
    equal(daemon.good("domid", "g"), "1")
    contains(daemon.state("g"), "running")


@tests.point
def reboot_comes_back(daemon):
    console = daemon.console("g")
    equal(daemon.good("reboot", "g"), "Domain 'g' is being rebooted")
    console.wait("SMALL-GUEST bye")
    console.wait("SMALL-GUEST ready")
    contains(daemon.state("g"), "running")
    equal(daemon.good("domid", "g"), "1")


@tests.point
def guest_resets_itself(daemon):
    console = daemon.console("g")
    console.type("r")
    console.wait("SMALL-GUEST ready")
    contains(daemon.state("g"), "running")


@tests.point
def sleep_and_wake_up(daemon):
    console = daemon.console("g")
    contains(daemon.bad("dompmwakeup", "g"),
             "Unable to wake up: guest is not in suspended state")
    events = daemon.follow("event", "--all", "--loop")
    harness.until(lambda: daemon.good("suspend", "g") and daemon.good("resume", "g") and
                  events.spoke(), "the first news")
    console.type("s")
    daemon.wait_state("g", "pmsuspended (unknown)")
    contains(daemon.bad("suspend", "g"), "domain is pmsuspended")
    contains(daemon.bad("resume", "g"), "domain is pmsuspended")
    equal(daemon.good("dompmwakeup", "g"), "Domain 'g' successfully woken up")
    console.wait("SMALL-GUEST awake")
    equal(daemon.state("g"), "running (event wakeup)")
    said = events.end()
    for part in ("event 'pm-suspend' for domain 'g'", "event 'pm-wakeup' for domain 'g'",
                 "event 'lifecycle' for domain 'g': PMSuspended Memory",
                 "event 'lifecycle' for domain 'g': Started Event wakeup"):
        contains(said, part)
    equal(daemon.good("domid", "g"), "1")


@tests.point
def reset_ends_sleep(daemon):
    console = daemon.console("g")
    console.type("s")
    daemon.wait_state("g", "pmsuspended (unknown)")
    daemon.good("reset", "g")
    daemon.wait_state("g", "paused (unknown)")
    daemon.good("resume", "g")
    console.wait("SMALL-GUEST ready")


@tests.point
def shutdown_by_the_button(daemon):
    equal(daemon.good("shutdown", "g"), "Domain 'g' is being shutdown")
    daemon.wait_state("g", "shut off (shutdown)")
    equal(daemon.guests(), [])


@tests.point
def guest_powers_itself_off(daemon):
    console = daemon.boot("g")
    equal(daemon.good("domid", "g"), "2")
    console.type("p")
    daemon.wait_state("g", "shut off (shutdown)")


@tests.point
def destroy_ends_it(daemon):
    daemon.good("start", "g")
    equal(daemon.good("destroy", "g"), "Domain 'g' destroyed")
    equal(daemon.state("g"), "shut off (destroyed)")
    equal(daemon.guests(), [])
    contains(daemon.bad("destroy", "g"), "domain is not running")
    contains(daemon.bad("shutdown", "g"), "domain is not running")
    contains(daemon.bad("suspend", "g"), "domain is not running")


@tests.point
def destroy_graceful(daemon):
    daemon.good("start", "g")
    daemon.good("destroy", "g", "--graceful")
    equal(daemon.state("g"), "shut off (destroyed)")


@tests.point
def start_paused(daemon):
    daemon.good("start", "g", "--paused")
    equal(daemon.state("g"), "paused (user)")
    console = daemon.console("g")
    daemon.good("resume", "g")
    console.wait("SMALL-GUEST ready")
    daemon.good("destroy", "g")


@tests.point
def undefine_a_running_guest(daemon):
    daemon.good("start", "g")
    equal(daemon.good("undefine", "g"), "Domain 'g' has been undefined")
    contains(daemon.good("dominfo", "g"), "Persistent:     no")
    daemon.good("destroy", "g")
    contains(daemon.bad("domstate", "g"), "failed to get domain 'g'")
    equal(daemon.good("list", "--all", "--name"), "")


@tests.point
def transient_guest(daemon):
    path = daemon.file("t.xml", daemon.xml("t"))
    equal(daemon.good("create", path), f"Domain 't' created from {path}")
    contains(daemon.good("dominfo", "t"), "Persistent:     no")
    equal(daemon.good("list", "--transient", "--name"), "t")
    contains(daemon.bad("autostart", "t"), "cannot set autostart for transient domain")
    daemon.good("destroy", "t")
    equal(daemon.good("list", "--all", "--name"), "")


@tests.point
def transient_becomes_persistent(daemon):
    path = daemon.file("t.xml", daemon.xml("t"))
    daemon.good("create", path, "--paused")
    uuid = daemon.good("domuuid", "t")
    daemon.good("define", daemon.file("t2.xml", daemon.xml("t", extra=f"<uuid>{uuid}</uuid>")))
    contains(daemon.good("dominfo", "t"), "Persistent:     yes")
    daemon.good("destroy", "t")
    equal(daemon.good("list", "--inactive", "--name"), "t")
    daemon.good("undefine", "t")


@tests.point
def autostart_mark(daemon):
    daemon.define("a")
    equal(daemon.good("autostart", "a"), "Domain 'a' marked as autostarted")
    contains(daemon.good("dominfo", "a"), "Autostart:      enable")
    equal(daemon.good("list", "--all", "--autostart", "--name"), "a")
    assert (daemon.config_dir / "autostart/a.xml").is_symlink()
    daemon.good("autostart", "a", "--disable")
    assert not (daemon.config_dir / "autostart/a.xml").is_symlink()
    contains(daemon.good("dominfo", "a"), "Autostart:      disable")
    daemon.good("undefine", "a")


@tests.point
def edit_by_the_users_editor(daemon):
    daemon.define("e")
    editor = daemon.file("editor", "#!/bin/sh\nsed -i '/<on_reboot>/s/restart/destroy/' \"$1\"\n")
    os.chmod(editor, stat.S_IRWXU)
    out = daemon.good("edit", "e", env=dict(os.environ, EDITOR=editor))
    contains(out, "Domain 'e' XML configuration edited.")
    contains(daemon.good("dumpxml", "e"), "<on_reboot>destroy</on_reboot>")
    daemon.good("undefine", "e")


@tests.point
def title_and_description(daemon):
    daemon.define("d")
    daemon.good("desc", "d", "--config", "--title", "A title")
    daemon.good("desc", "d", "--config", "Some words")
    equal(daemon.good("desc", "d", "--title"), "A title")
    equal(daemon.good("desc", "d"), "Some words")
    contains(daemon.good("list", "--all", "--title"), "A title")
    daemon.good("undefine", "d")


@tests.point
def memory_and_processors_of_the_definition(daemon):
    daemon.define("m")
    daemon.good("setvcpus", "m", "1", "--config")
    equal(daemon.good("vcpucount", "m", "--maximum", "--config"), "1")
    contains(daemon.good("dumpxml", "m", "--inactive"), "<vcpu placement='static'>1</vcpu>")
    daemon.good("undefine", "m")


@tests.point
def statistics(daemon):
    daemon.define("s")
    daemon.good("start", "s")
    said = daemon.good("domstats", "s")
    for part in ("state.state=1", "cpu.time=", "balloon.current=65536", "vcpu.current=1"):
        contains(said, part)
    contains(daemon.good("dommemstat", "s"), "rss ")
    equal(daemon.good("domcontrol", "s"), "ok")
    contains(daemon.good("domblklist", "s"), "Target")
    contains(daemon.good("domiflist", "s"), "Interface")
    daemon.remove("s")


@tests.point
def the_host(daemon):
    contains(daemon.good("nodeinfo"), "CPU model:           x86_64")
    contains(daemon.good("capabilities"), "<os_type>hvm</os_type>")
    contains(daemon.good("domcapabilities"), "<domain>kvm</domain>")
    contains(daemon.good("nodememstats"), "total  :")
    contains(daemon.good("nodecpustats"), "idle:")
    contains(daemon.good("freecell"), "KiB")
    contains(daemon.good("maxvcpus"), "")
    equal(daemon.good("hostname"), os.uname().nodename)


@tests.point
def what_is_not_there_says_so(daemon):
    daemon.define("n")
    for words in (("migrate", "n", "qemu+tcp://localhost/system"), ("save", "n", "/nowhere"),
                  ("blkiotune", "n"), ("create", f"{daemon.folder}/n.xml", "--autodestroy"), ("snapshot-create", "n")):
        said = daemon.bad(*words)
        lacks(said, "connection closed")
        lacks(said, "End of file")
    daemon.good("undefine", "n")


@tests.point
def sigterm_leaves_guests_running(daemon):
    daemon.define("k")
    daemon.good("start", "k")
    before = daemon.guests()
    equal(len(before), 1)
    equal(daemon.stop(), 0)
    equal(daemon.guests(), before)
    daemon.start()
    contains(daemon.state("k"), "running")
    daemon.remove("k")
    equal(daemon.guests(), [])


if __name__ == "__main__":
    harness.main(tests)
