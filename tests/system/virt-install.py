# SPDX-License-Identifier: LGPL-2.1-or-later
"""Stock virt-install: the guest that the README makes with it, by both doors, and what it is refused."""

import os
import subprocess

import harness
from harness import contains, equal, lacks

# What a guest cannot have yet.
NOTHING = ("--disk", "none", "--network", "none", "--graphics", "none")
# The second door gets these from virt-install without being asked.
QEMU_DEFAULTS = ("--controller", "usb,model=none", "--memballoon", "none", "--rng", "none",
                 "--channel", "none")

tests = harness.Tests()


def install(daemon, name, *words, door="tenon"):
    """Run it. Returns what it said, its status first."""
    argv = ["virt-install", "--connect", daemon.uri(door), "--name", name, "--memory", "64",
            "--vcpus", "1", "--import", "--osinfo", "detect=off,require=off", "--noautoconsole",
            "--boot", f"kernel={daemon.kernel},kernel_args=mode=idle", *words]
    # Its cache and log are to be nobody's.
    environment = dict(os.environ, LC_ALL="C.UTF-8", HOME=str(daemon.folder),
                       XDG_CACHE_HOME=str(daemon.folder / "cache"))
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False, env=environment,
                          timeout=harness.LIMIT_SECONDS)
    return done.returncode, done.stdout


def made(daemon, name, *words, door="tenon"):
    """Make a guest, which must work, see it run, and end it."""
    status, said = install(daemon, name, *NOTHING, *words, door=door)
    contains(said, "Domain creation completed")
    equal(status, 0)
    equal(daemon.good("domstate", name), "running")
    text = daemon.good("dumpxml", name)
    daemon.good("destroy", name)
    daemon.good("undefine", name)
    return text


@tests.point
def makes_and_starts_a_guest(daemon):
    text = made(daemon, "plain")
    contains(text, f"<kernel>{daemon.kernel}</kernel>")
    contains(text, "<cmdline>mode=idle</cmdline>")
    contains(text, "<memory unit='KiB'>65536</memory>")
    lacks(text, "<disk")


@tests.point
def the_same_by_the_second_door(daemon):
    text = made(daemon, "second", *QEMU_DEFAULTS, door="qemu")
    contains(text, "<console type='pty'")


@tests.point
def a_display_is_refused_by_name(daemon):
    status, said = install(daemon, "display", "--disk", "none", "--network", "none", "--graphics",
                           "vnc")
    equal(status, 1)
    # A display comes with a tablet, which is met first.
    contains(said, "unsupported configuration: element '/domain/devices/input' is not supported")
    equal(daemon.good("list", "--all", "--name"), "")


if __name__ == "__main__":
    harness.main(tests)
