# SPDX-License-Identifier: LGPL-2.1-or-later
"""What stock virsh asks about a guest that has no disk, no network, no balloon and no agent."""

import harness
from harness import contains, equal, lacks

AGENT = "QEMU guest agent is not configured"

tests = harness.Tests()


@tests.point
def cpu_stats(daemon):
    daemon.define("g")
    daemon.boot("g")
    said = daemon.good("cpu-stats", "g", "--total")
    for name in ("cpu_time", "user_time", "system_time"):
        contains(said, name)
    contains(daemon.bad("cpu-stats", "g"), "cgroup CPUACCT controller is not mounted")
    said = daemon.good("domstats", "g", "--cpu-total")
    contains(said, "cpu.user=")
    contains(said, "cpu.system=")


@tests.point
def disks(daemon):
    lacks(daemon.good("domblklist", "g"), "vd")
    equal(daemon.good("domblkerror", "g"), "No errors found")
    equal(daemon.good("domblkstat", "g"), "")
    contains(daemon.bad("domblkstat", "g", "vda"), "invalid argument: invalid path: vda")
    contains(daemon.bad("domblkinfo", "g", "vda"), "invalid path vda not assigned to domain")


@tests.point
def interfaces(daemon):
    contains(daemon.good("domifaddr", "g"), "MAC address")
    contains(daemon.bad("domifaddr", "g", "--source", "agent"), AGENT)
    contains(daemon.bad("domifstat", "g", "vnet0"), "'vnet0' is not a known interface")
    contains(daemon.bad("domiftune", "g", "vnet0"), "'vnet0' is not a known interface")


@tests.point
def others(daemon):
    equal(daemon.good("iothreadinfo", "g"), "No IOThreads found for the domain")
    contains(daemon.bad("dommemstat", "g", "--period", 3), "No memory balloon device configured")
    contains(daemon.bad("vcpucount", "g", "--guest"), AGENT)
    contains(daemon.bad("domjobabort", "g"), "no job is active on the domain")
    contains(daemon.bad("managedsave-dumpxml", "g"), "domain does not have managed save image")
    contains(daemon.good("dominfo", "g"), "Security model: none")


@tests.point
def changes_that_a_running_guest_refuses(daemon):
    contains(daemon.bad("setmem", "g", "32M"), "without the balloon device and guest OS balloon")
    contains(daemon.bad("setmaxmem", "g", "1G"),
             "cannot resize the maximum memory on an active domain")
    contains(daemon.bad("domrename", "g", "h"), "cannot rename active domain")
    contains(daemon.bad("setvcpu", "g", 0, "--enable"), "vcpu '0' is already in requested state")


@tests.point
def command_line_of_a_definition(daemon):
    said = daemon.good("domxml-to-native", "qemu-argv", "--domain", "g")
    contains(said, "-name guest=g,debug-threads=on -S")
    contains(said, "-chardev pty,id=charserial0")
    said = daemon.good("domxml-to-native", "qemu-argv",
                       daemon.file("n.xml", daemon.xml("new", slots=7)))
    contains(said, "slots=7")
    contains(daemon.bad("domxml-to-native", "vmx-1", "--domain", "g"),
             "unsupported config type vmx-1")
    contains(daemon.bad("domxml-to-native", "qemu-argv", daemon.file("n.xml", "<domain>")),
             "Premature end of data in tag domain")
    lacks(daemon.good("list", "--all"), "new")


@tests.point
def of_one_that_does_not_run(daemon):
    daemon.good("destroy", "g")
    for words in (("cpu-stats", "g", "--total"), ("domjobinfo", "g"), ("domifaddr", "g"),
                  ("domblkerror", "g"), ("domblkstat", "g"), ("domjobabort", "g")):
        contains(daemon.bad(*words), "domain is not running")
    daemon.remove("g")


harness.main(tests)
