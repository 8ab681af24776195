#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# limit: 180
"""CPUs in a stock kernel: plugged, online, unplugged, refused, by the monitor and by stock virsh."""

import os
import socket
import subprocess
import sys
import termios
import time
import tty
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.dont_write_bytecode = True

import guest  # noqa: E402
from tap import Tap  # noqa: E402
from virsh_shell import VirshError, VirshShell  # noqa: E402

BUILD = os.environ.get("TENON_BUILD", os.environ.get("TENON_SOURCE", ".") + "/build")
OST_IN_PROGRESS = 0x84
CPUS = "/sys/devices/system/cpu"
SOCKET = "/run/libvirt/virttenond-sock"
DAEMON_LIMIT_SECONDS = 30

DOMAIN_XML = """\
<domain type='kvm'>
  <name>g</name>
  <memory unit='MiB'>512</memory>
  <vcpu current='1'>3</vcpu>
  <os>
    <type arch='x86_64' machine='pc'>hvm</type>
    <kernel>{kernel}</kernel>
    <initrd>{initrd}</initrd>
    <cmdline>{words}</cmdline>
  </os>
  <features>{features}</features>
  <cpu mode='host-passthrough'/>
  <devices><console type='pty'/></devices>
</domain>
"""


def machine(images, scratch):
    """One CPU of three, each a socket of its own."""
    return guest.Machine(
        [f"{BUILD}/vmm/tenon-vmm", *guest.ACCEL, "-cpu", "host", "-machine", "pc", "-nodefaults",
         "-display", "none", "-m", "512M", "-smp", "1,maxcpus=3,sockets=1,cores=3,threads=1"],
        images, scratch)


def plug(vm, number):
    """device_add of CPU `number`."""
    vm.command("device_add", {"driver": "host-x86_64-cpu", "id": f"cpu{number}", "socket-id": 0,
                              "core-id": number, "thread-id": 0})


def run(vm, command):
    """The first line that a shell command says in the guest."""
    vm.type(f"run {command}")
    said = vm.wait_report(r"(?:out: (.*)|exit=\d+)")
    return said[1]


def bring_online(vm, number):
    """User space's part, once the kernel knows the CPU. Returns those that are online then."""
    switch = f"{CPUS}/cpu{number}/online"
    run(vm, f"for i in $(seq 100); do [ -e {switch} ] && break; sleep 0.1; done; echo 1 >{switch};"
            f"cat {CPUS}/online")
    vm.wait_report("exit=")
    online = run(vm, f"cat {CPUS}/online")
    vm.wait_report("exit=")
    return online


def refusal(vm, name, arguments):
    """The monitor's words of refusal, '' if it did not refuse."""
    try:
        vm.command(name, arguments)
    except guest.GuestError as error:
        return str(error)
    return ""


def wait_ost(vm, source):
    """The guest's next last word that answers `source`: not that it is about to."""
    while True:
        info = vm.wait_event("ACPI_DEVICE_OST")["data"]["info"]
        if info["source"] == source and info["status"] != OST_IN_PROGRESS:
            return info


def check_in_and_out(tap, vm):
    """Plug, online, unplug; then the same CPU again, as KVM never forgets one."""
    plug(vm, 1)
    tap.point("guest says that it has the CPU", wait_ost(vm, 1) == {
        "device": "cpu1", "slot": "1", "slot-type": "CPU", "source": 1, "status": 0})
    tap.point("its thread is there",
              [c["cpu-index"] for c in vm.command("query-cpus-fast")] == [0, 1])
    tap.point("guest runs it", bring_online(vm, 1) == "0-1")

    vm.command("device_del", {"id": "cpu1"})
    gone = vm.wait_event("DEVICE_DELETED")["data"]
    tap.point("guest lets go of it", gone == {"device": "cpu1", "path": "/machine/peripheral/cpu1"})
    tap.point("and says so", wait_ost(vm, 3)["status"] == 0)
    tap.point("its thread is gone", len(vm.command("query-cpus-fast")) == 1)
    free = [c for c in vm.command("query-hotpluggable-cpus") if "qom-path" not in c]
    tap.point("two places are free", len(free) == 2)

    plug(vm, 1)
    wait_ost(vm, 1)
    tap.point("it comes back", bring_online(vm, 1) == "0-1")
    plug(vm, 2)
    wait_ost(vm, 1)
    tap.point("and a third one", bring_online(vm, 2) == "0-2")


def check_refusals(tap, vm):
    """What the monitor refuses, and what the guest does."""
    text = refusal(vm, "device_add", {"driver": "host-x86_64-cpu", "id": "x", "socket-id": 0,
                                      "core-id": 1, "thread-id": 0})
    tap.point("a taken place is refused", "CPU[1] with APIC ID 1 exists" in text)
    boot = [c for c in vm.command("query-cpus-fast") if c["cpu-index"] == 0][0]["qom-path"]
    text = refusal(vm, "device_del", {"id": boot})
    tap.point("the boot CPU stays", "Boot CPU is unpluggable" in text)


def check_reset(tap, vm):
    """CPUs stay where they are when the guest starts anew; one plugged while it is paused comes."""
    vm.command("device_del", {"id": "cpu2"})
    vm.wait_event("DEVICE_DELETED")
    wait_ost(vm, 3)
    vm.command("stop")
    plug(vm, 2)
    vm.command("cont")
    wait_ost(vm, 1)
    tap.point("a CPU plugged while paused comes", bring_online(vm, 2) == "0-2")
    vm.command("system_reset")
    vm.wait_report("init")
    tap.point("all three are there after a reset", vm.wait_report(r"ready .* cpus=(\d+)")[1] == "3")
    vm.command("device_del", {"id": "cpu2"})
    tap.point("and can leave again", vm.wait_event("DEVICE_DELETED"))
    vm.type("acpi-errors")
    tap.point("guest finds no fault with ACPI", vm.wait_report(r"acpi-errors=(\d+)")[1] == "0")
    vm.command("quit")
    tap.point("quit ends the monitor", vm.wait_end() == 0)


class Daemon:
    """virttenond until stop()."""

    def __init__(self):
        # It goes on when it ends: its guests are not its children to be waited for.
        self._process = subprocess.Popen([f"{BUILD}/driver/virttenond"], stdin=subprocess.DEVNULL,
                                         start_new_session=True)
        end = time.monotonic() + DAEMON_LIMIT_SECONDS
        while time.monotonic() < end:
            with socket.socket(socket.AF_UNIX) as probe:
                if probe.connect_ex(SOCKET) == 0:
                    return
            time.sleep(0.01)
        raise guest.GuestError(f"virttenond does not listen on {SOCKET}")

    def stop(self):
        """End it; guests stay."""
        self._process.terminate()
        self._process.wait()


class Console:
    """The guest behind a pseudo terminal, with the doors of guest.Machine that are used here."""

    def __init__(self, path):
        fd = os.open(path, os.O_RDWR | os.O_NOCTTY)
        tty.setraw(fd, termios.TCSANOW)
        self._out = os.fdopen(os.dup(fd), "wb", buffering=0)
        self.reports = guest.Reports()
        self.reports.follow(os.fdopen(fd, "rb"))

    def type(self, line):
        """Type a command on the guest's console."""
        self._out.write(line.encode() + b"\n")

    def wait_report(self, pattern):
        """Wait for a report of the guest's."""
        return self.reports.wait(pattern)


def virsh_refusal(shell, command):
    """virsh's words, '' if it did not fail."""
    try:
        shell.run(command)
    except VirshError as error:
        return str(error)
    return ""


def check_virsh(tap, images, scratch):
    """The same by stock virsh, and a daemon that is started anew in between."""
    xml = Path(scratch) / "g.xml"
    xml.write_text(DOMAIN_XML.format(kernel=images["KERNEL"], initrd=images["INITRD"],
                                     words=guest.KERNEL_WORDS,
                                     features=guest.FEATURES_XML), encoding="ascii")
    daemon = Daemon()
    shell = VirshShell("tenon:///system")
    shell.run(f"define {xml}")
    shell.run("start g")
    vm = Console(shell.run("ttyconsole g").strip())
    vm.wait_report("ready")

    shell.run("setvcpus g 2 --live")
    tap.point("setvcpus --live plugs a CPU", bring_online(vm, 1) == "0-1")
    tap.point("vcpucount has it", shell.run("vcpucount g --live").strip() == "2")
    tap.point("vcpuinfo has both", shell.run("vcpuinfo g").count("VCPU:") == 2)
    shell.run("setvcpu g 2 --enable --live")
    tap.point("setvcpu --enable plugs another", bring_online(vm, 2) == "0-2")
    shell.close()
    daemon.stop()
    daemon = Daemon()
    shell = VirshShell("tenon:///system")
    tap.point("a new daemon knows of all", shell.run("vcpucount g --live").strip() == "3")
    shell.run("setvcpus g 2 --live")
    online = run(vm, f"cat {CPUS}/online")
    vm.wait_report("exit=")
    tap.point("setvcpus --live takes the last one away", online == "0-1")
    dump = shell.run("dumpxml g")
    tap.point("the XML shows who is there",
              "<vcpu id='1' enabled='yes' hotpluggable='yes' order='2'/>" in dump and
              "<vcpu id='2' enabled='no' hotpluggable='yes'/>" in dump)
    text = virsh_refusal(shell, "setvcpus g 4 --live")
    tap.point("more than the maximum are refused", "greater than max allowable" in text)
    shell.run("setvcpu g 1 --disable --live")
    text = virsh_refusal(shell, "setvcpu g 0 --disable --live")
    tap.point("the first one cannot go", "can't be unplugged" in text)
    tap.point("one is left", shell.run("vcpucount g --live").strip() == "1")
    shell.run("destroy g")
    shell.close()
    daemon.stop()


def main():
    """A guest of the monitor's, then one of the daemon's."""
    tap = Tap()
    with machine(guest.images(), os.environ["TENON_SCRATCH"]) as vm:
        found = vm.wait_report(r"ready MemTotal=\d+ kB cpus=(\d+)")
        tap.point("one CPU at boot", found[1] == "1")
        check_in_and_out(tap, vm)
        check_refusals(tap, vm)
        check_reset(tap, vm)
    check_virsh(tap, guest.images(), os.environ["TENON_SCRATCH"])
    tap.finish()


if __name__ == "__main__":
    main()
