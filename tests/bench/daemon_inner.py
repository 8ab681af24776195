#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""
What both daemons take with many definitions; prints a line of JSON each. Runs in a mount
namespace of its own, where daemon_rows() of daemon_group.py starts it.
"""

import json
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "box")]
sys.dont_write_bytecode = True

import daemons  # noqa: E402
import libvirt  # noqa: E402
import monitors  # noqa: E402
import processes  # noqa: E402
from table import median, runs  # noqa: E402
from virsh_shell import VirshShell  # noqa: E402

DEFINITIONS = 1000
ROUNDS_OF_DEFINING = 3
CALLS = 3000


def _xml(who, number):
    return daemons.DOMAIN_XML.format(name=f"guest{number}", kernel="/boot/vmlinuz",
                                     initrd="/boot/initrd", words="quiet",
                                     extra=daemons.EXTRA[who], vcpus=2, last=1)


def _seconds(act):
    begin = time.monotonic()
    act()
    return time.monotonic() - begin


def _define_all(connection, texts):
    for text in texts:
        connection.defineXML(text)


def _definings(connection, texts):
    """Seconds of defining all, round by round; they stay defined."""
    times = []
    for number in range(ROUNDS_OF_DEFINING):
        if number:
            for domain in connection.listAllDomains():
                domain.undefine()
        times.append(_seconds(lambda: _define_all(connection, texts)))
    return times


def _list_all(uri):
    """Milliseconds of `list --all` in virsh's own shell."""
    shell = VirshShell(uri)
    times = []
    try:
        for _ in range(runs() + 1):
            shell.run("list --all")
            times.append(shell.milliseconds)
    finally:
        shell.close()
    return times[1:]


def _calls_a_second(act):
    return CALLS / _seconds(lambda: [act() for _ in range(CALLS)])


def measure(who):
    """All of one daemon's figures."""
    seen = {"who": who}
    with daemons.Daemon(who) as daemon:
        connection = libvirt.open(daemon.uri)
        connection.getCapabilities()
        connection.close()
        seen["idle"] = processes.pss(daemon.pid) / 1024
        connection = libvirt.open(daemon.uri)
        texts = [_xml(who, number) for number in range(DEFINITIONS)]
        seen["define"] = median(_definings(connection, texts))
        seen["list"] = median(_list_all(daemon.uri))
        seen["listAllDomains"] = 1000 * median(
            _seconds(connection.listAllDomains) for _ in range(runs()))
        domain = connection.lookupByName("guest500")
        seen["info"] = median(_calls_a_second(domain.info) for _ in range(runs()))
        seen["dumpxml"] = median(_calls_a_second(domain.XMLDesc) for _ in range(runs()))
        del domain
        connection.close()
        seen["full"] = processes.pss(daemon.pid) / 1024
    return seen


def main():
    """Both, one after the other."""
    daemons.hide_this_machines()
    # Errors are raised; libvirt need not print them too.
    libvirt.registerErrorHandler(lambda context, error: None, None)
    for who in monitors.BOTH:
        print(json.dumps(measure(who)), flush=True)


if __name__ == "__main__":
    main()
