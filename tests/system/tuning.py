# SPDX-License-Identifier: LGPL-2.1-or-later
"""Where a guest's threads and memory may be, and how much: vcpupin, emulatorpin, memtune, numatune."""

import os
import threading
import time
from pathlib import Path

import harness
from harness import contains, equal, lacks

tests = harness.Tests()

CPUS = sorted(os.sched_getaffinity(0))
FIRST, LAST = CPUS[0], CPUS[-1]
MORE_VCPUS = "<vcpu current='1'>3</vcpu>"


def define(daemon, name, extra=""):
    """A guest of up to three vCPUs."""
    xml = daemon.xml(name, extra=extra).replace("<vcpu>1</vcpu>", MORE_VCPUS)
    daemon.good("define", daemon.file(f"{name}.xml", xml.replace("cpus='0'", "cpus='0-2'")))


def threads(daemon):
    """Names and CPUs of the only guest's threads; those of the kernel that KVM adds are left out."""
    found = {}
    for task in Path(f"/proc/{daemon.guests()[0]}/task").iterdir():
        try:
            name = (task / "comm").read_text().strip()
        except OSError:
            continue
        if not name.startswith("kvm-"):
            found[name] = os.sched_getaffinity(int(task.name))
    return found


@tests.point
def vcpupin_live(daemon):
    define(daemon, "g")
    daemon.boot("g")
    daemon.good("vcpupin", "g", 0, LAST, "--live")
    equal(threads(daemon)["CPU 0/KVM"], {LAST})
    contains(daemon.good("dumpxml", "g"), f"<vcpupin vcpu='0' cpuset='{LAST}'/>")
    lacks(daemon.good("dumpxml", "g", "--inactive"), "vcpupin")
    equal(daemon.good("vcpuinfo", "g").split("CPU Affinity:")[1].strip()[LAST], "y")


@tests.point
def emulatorpin_live(daemon):
    daemon.good("emulatorpin", "g", FIRST, "--live")
    found = threads(daemon)
    equal(found.pop("CPU 0/KVM"), {LAST})
    for name, cpus in found.items():
        equal((name, cpus), (name, {FIRST}))
    contains(daemon.good("emulatorpin", "g"), f"*: {FIRST}")


@tests.point
def plugged_vcpu_goes_where_it_belongs(daemon):
    daemon.good("vcpupin", "g", 1, LAST, "--live")
    daemon.good("setvcpus", "g", 3, "--live")
    found = threads(daemon)
    equal(found["CPU 1/KVM"], {LAST})
    # It has no pin, and does not stay where the thread that made it is.
    equal({FIRST, LAST} - found["CPU 2/KVM"], set())


@tests.point
def vcpupin_config_is_for_the_next_start(daemon):
    before = threads(daemon)["CPU 0/KVM"]
    daemon.good("vcpupin", "g", 0, FIRST, "--config")
    daemon.good("emulatorpin", "g", LAST, "--config")
    equal(threads(daemon)["CPU 0/KVM"], before)
    daemon.good("destroy", "g")
    daemon.boot("g")
    found = threads(daemon)
    equal(found["CPU 0/KVM"], {FIRST})
    equal(found["tenon-vmm"], {LAST})


@tests.point
def pins_outlive_the_daemon(daemon):
    daemon.good("vcpupin", "g", 0, LAST, "--live")
    daemon.kill()
    daemon.start()
    contains(daemon.good("vcpupin", "g"), f" 0      {LAST}")
    daemon.good("vcpupin", "g", 0, FIRST, "--live")
    equal(threads(daemon)["CPU 0/KVM"], {FIRST})


@tests.point
def two_who_pin_at_once(daemon):
    def pin(cpu):
        for _ in range(10):
            daemon.good("vcpupin", "g", 0, cpu, "--live", "--config")

    both = [threading.Thread(target=pin, args=(cpu,)) for cpu in (FIRST, LAST)]
    for each in both:
        each.start()
    for each in both:
        each.join()
    cpu, = threads(daemon)["CPU 0/KVM"]
    contains(daemon.good("dumpxml", "g"), f"<vcpupin vcpu='0' cpuset='{cpu}'/>")
    contains(daemon.good("dumpxml", "g", "--inactive"), f"<vcpupin vcpu='0' cpuset='{cpu}'/>")


@tests.point
def killed_while_two_pin(daemon):
    """Whatever the moment: what the definition says is where the thread is, once it is back."""
    for round_number in range(5):
        over = threading.Event()

        def pin(cpu):
            while not over.is_set():
                daemon.virsh("vcpupin", "g", 0, cpu, "--live", "--config")

        both = [threading.Thread(target=pin, args=(cpu,)) for cpu in (FIRST, LAST)]
        for each in both:
            each.start()
        time.sleep(0.1 * round_number)
        daemon.kill()
        over.set()
        for each in both:
            each.join()
        daemon.start()
        harness.until(lambda: daemon.virsh("domcontrol", "g").out == "ok", "the monitor is back")
        cpu, = threads(daemon)["CPU 0/KVM"]
        contains(daemon.good("dumpxml", "g"), f"<vcpupin vcpu='0' cpuset='{cpu}'/>")


@tests.point
def pins_refused(daemon):
    contains(daemon.bad("vcpupin", "g", 3, 0, "--live"),
             "vcpu 3 is out of range of live cpu count 3")
    contains(daemon.bad("vcpupin", "g", 3, 0, "--config"),
             "vcpu 3 is out of range of persistent cpu count 1")
    daemon.remove("g")
    define(daemon, "far", "<cputune><emulatorpin cpuset='16000'/></cputune>")
    contains(daemon.bad("start", "far"), "cannot set CPU affinity on process")
    daemon.remove("far")


@tests.point
def memtune_config(daemon):
    define(daemon, "g", "<memtune><hard_limit unit='GiB'>2</hard_limit></memtune>")
    said = daemon.good("memtune", "g")
    contains(said, "hard_limit     : 2097152")
    contains(said, "soft_limit     : unlimited")
    daemon.good("memtune", "g", "--hard-limit", "3G", "--soft-limit", "1G", "--config")
    said = daemon.good("dumpxml", "g")
    contains(said, "<hard_limit unit='KiB'>3145728</hard_limit>")
    contains(said, "<soft_limit unit='KiB'>1048576</soft_limit>")
    contains(daemon.bad("memtune", "g", "--swap-hard-limit", "1G", "--config"),
             "memory hard_limit tunable value must be lower than or equal to swap_hard_limit")


@tests.point
def memtune_that_needs_a_cgroup(daemon):
    contains(daemon.bad("start", "g"), "Memory cgroup is not available on this host")
    daemon.good("memtune", "g", "--soft-limit", "-1", "--config")
    daemon.boot("g")
    contains(daemon.bad("memtune", "g", "--soft-limit", "1G", "--live"),
             "cgroup memory controller is not mounted")


@tests.point
def memtune_live(daemon):
    daemon.good("memtune", "g", "--hard-limit", "4G", "--live")
    contains(daemon.good("memtune", "g", "--live"), "hard_limit     : 4194304")
    contains(daemon.good("memtune", "g", "--config"), "hard_limit     : 3145728")


@tests.point
def numatune(daemon):
    contains(daemon.good("numatune", "g"), "numa_mode      : strict")
    daemon.good("numatune", "g", "--mode", "preferred", "--nodeset", "0", "--config")
    contains(daemon.good("dumpxml", "g", "--inactive"), "<memory mode='preferred' nodeset='0'/>")
    contains(daemon.bad("numatune", "g", "--nodeset", "0", "--live"),
             "cgroup cpuset controller is not mounted")
    daemon.remove("g")


harness.main(tests)
