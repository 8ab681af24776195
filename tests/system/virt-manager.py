# SPDX-License-Identifier: LGPL-2.1-or-later
"""
virt-manager on an X server of its own: both doors, start, pause, resume, serial console, power button.

Its widgets are found and pressed as assistive technology does; what came of it the daemon is asked.
Usage: virt-manager.py VMM DAEMON GUEST [PICTURE]. TENON_GUEST_XML names another guest's definition;
TENON_GUEST_TYPED is then what to type on its console, TENON_GUEST_ANSWER what shows that it heard.
"""

import os
import shutil
import subprocess
import sys
import tempfile

import harness
from harness import Failure, until

SCREEN = (1100, 640)
WIDGET_LIMIT_SECONDS = 120
INSIDE = "TENON_INSIDE_DESKTOP"
NEEDED = ("virt-manager", "Xvfb", "dbus-run-session", "xdotool", "import")

tests = harness.Tests()


class Desktop:
    """An X server with virt-manager on it, seen through AT-SPI."""

    def __init__(self, folder):
        import pyatspi
        self._registry = pyatspi.Registry
        self._log = open(os.path.join(folder, "desktop.log"), "wb")
        read, write = os.pipe()
        self._processes = [subprocess.Popen(
            ["Xvfb", "-displayfd", str(write), "-nolisten", "tcp", "-screen", "0",
             f"{SCREEN[0]}x{SCREEN[1]}x24"],
            pass_fds=[write], stdout=self._log, stderr=self._log)]
        os.close(write)
        with os.fdopen(read) as answer:
            os.environ["DISPLAY"] = ":" + answer.readline().strip()

    def manager(self, *words, wait=False):
        """Run virt-manager; a second one hands its wishes to the first and ends."""
        process = subprocess.Popen(["virt-manager", "--no-fork", *words], stdout=self._log,
                                   stderr=self._log, stdin=subprocess.DEVNULL)
        if wait:
            process.wait(WIDGET_LIMIT_SECONDS)
        else:
            self._processes.append(process)

    def close(self):
        """End all of it."""
        for process in reversed(self._processes):
            process.terminate()
            process.wait()

    def nodes(self, node, depth=0):
        """A widget and all within it."""
        yield node
        if depth < 20:
            for child in node:
                if child is not None:
                    yield from self.nodes(child, depth + 1)

    def frames(self):
        """Windows of virt-manager's."""
        found = []
        for application in self._registry.getDesktop(0):
            if application is not None and application.name == "virt-manager":
                found += [frame for frame in application if frame is not None]
        return found

    def find(self, frame, role, name="", holds=lambda node: True):
        """The first widget of `role` with `name` in a window whose title has `frame`, or None."""
        try:
            for window in self.frames():
                if frame in window.name:
                    for node in self.nodes(window):
                        if node.getRoleName() == role and name in (node.name or "") and \
                                holds(node):
                            return node
        except Exception:  # pylint: disable=broad-except
            pass  # a widget that went away while it was looked at
        return None

    def wait(self, *args, **kwargs):
        """As find(), but waits."""
        return until(lambda: self.find(*args, **kwargs), f"widget {args}", WIDGET_LIMIT_SECONDS)

    def press(self, *args):
        """Press a button as soon as it can be pressed."""
        def ready(node):
            return node.getState().contains(8)  # STATE_ENABLED
        self.wait(*args, holds=ready).queryAction().doAction(0)

    @staticmethod
    def tool(*words):
        """Run xdotool. Returns what it printed."""
        return subprocess.run(["xdotool", *map(str, words)], capture_output=True, text=True,
                              check=False, timeout=WIDGET_LIMIT_SECONDS).stdout.strip()

    def place(self, title, x, y, width, height):
        """Move and size a window; there is no window manager to do so."""
        window = until(lambda: self.tool("search", "--onlyvisible", "--name", title),
                       f"window {title}", WIDGET_LIMIT_SECONDS).splitlines()[0]
        self.tool("windowsize", window, width, height)
        self.tool("windowmove", window, x, y)
        self.tool("windowraise", window)
        return window

    def terminal(self):
        """All text of the serial console's terminal."""
        node = self.find("guest on", "terminal")
        if node is None:
            return ""
        text = node.queryText()
        return text.getText(0, text.characterCount)


@tests.point
def both_doors_show_the_guest(daemon, desktop):
    desktop.manager("--connect", daemon.uri())
    desktop.wait("Virtual Machine Manager", "table cell", "guest\nShutoff")
    desktop.manager("--connect", daemon.uri("qemu"), wait=True)
    desktop.wait("Virtual Machine Manager", "table cell", "QEMU/KVM")
    desktop.wait("Virtual Machine Manager", "table cell", "tenon")
    seen = until(lambda: [cell for frame in desktop.frames()
                          for cell in desktop.nodes(frame)
                          if cell.name == "guest\nShutoff"][1:], "the guest twice")
    assert seen


@tests.point
def run_starts_it(daemon, desktop):
    desktop.manager("--connect", daemon.uri(), "--show-domain-console", "guest", wait=True)
    desktop.press("guest on", "push button", "Run")
    until(lambda: daemon.state("guest").startswith("running"), "running")
    desktop.wait("Virtual Machine Manager", "table cell", "guest\nRunning")


@tests.point
def pause_and_resume(daemon, desktop):
    desktop.press("guest on", "toggle button", "Pause")
    daemon.wait_state("guest", "paused (user)")
    desktop.wait("Virtual Machine Manager", "table cell", "guest\nPaused")
    desktop.press("guest on", "toggle button", "Pause")
    daemon.wait_state("guest", "running (unpaused)")
    desktop.wait("Virtual Machine Manager", "table cell", "guest\nRunning")


@tests.point
def serial_console_both_ways(daemon, desktop):
    until(lambda: desktop.find("guest on", "terminal"), "a terminal", WIDGET_LIMIT_SECONDS)
    window = desktop.place("guest on", 430, 0, SCREEN[0] - 430, SCREEN[1])
    desktop.place("Virtual Machine Manager", 0, 0, 430, SCREEN[1])
    desktop.tool("windowfocus", "--sync", window)
    typed = os.environ.get("TENON_GUEST_TYPED", "m")
    answer = os.environ.get("TENON_GUEST_ANSWER", "SMALL-GUEST dimms=0 MiB")

    def asked():
        desktop.tool("mousemove", 750, 300, "click", 1)
        desktop.tool("type", typed)
        desktop.tool("key", "Return")
        try:
            return until(lambda: answer in desktop.terminal(), answer, 5)
        except Failure:
            return False
    until(asked, f"'{answer}' in the terminal: {desktop.terminal()!r}", WIDGET_LIMIT_SECONDS)


@tests.point
def the_picture(daemon, desktop):
    picture = sys.argv[4] if len(sys.argv) > 4 else str(daemon.folder / "picture.png")
    desktop.tool("mousemove", SCREEN[0] - 1, SCREEN[1] - 1)
    subprocess.run(["import", "-window", "root", "-colors", "128", "-strip", picture], check=True,
                   timeout=WIDGET_LIMIT_SECONDS)
    colours = subprocess.run(["identify", "-format", "%k %w %h", picture], check=True,
                             capture_output=True, text=True).stdout.split()
    assert int(colours[0]) > 16 and (int(colours[1]), int(colours[2])) == SCREEN, colours


@tests.point
def shut_down_presses_the_button(daemon, desktop):
    desktop.press("guest on", "push button", "Shut Down")
    daemon.wait_state("guest", "shut off (shutdown)", WIDGET_LIMIT_SECONDS)
    desktop.wait("Virtual Machine Manager", "table cell", "guest\nShutoff")


@tests.point
def a_start_from_elsewhere_is_shown(daemon, desktop):
    daemon.good("start", "guest")
    desktop.wait("Virtual Machine Manager", "table cell", "guest\nRunning")
    daemon.good("destroy", "guest")
    desktop.wait("Virtual Machine Manager", "table cell", "guest\nShutoff")


def run_inside():
    """With a message bus around: the daemon, the desktop, the points."""
    harness.libvirt.registerErrorHandler(lambda *_: None, None)
    daemon = harness.Daemon(sys.argv[1:4])
    desktop = Desktop(daemon.folder)
    try:
        daemon.start()
        xml = os.environ.get("TENON_GUEST_XML")
        if xml:
            daemon.good("define", xml)
        else:
            daemon.define("guest")
        good = tests.run(daemon, desktop, diagnose=daemon.tail)
    finally:
        desktop.close()
        daemon.clean()
    sys.stdout.flush()
    os._exit(0 if good else 1)


def main():
    """Skip, or go on inside a message bus with a home of its own."""
    missing = [name for name in NEEDED if not shutil.which(name)]
    try:
        import pyatspi  # noqa: F401  pylint: disable=unused-import
    except ImportError:
        missing.append("python3-pyatspi")
    reason = f"not installed: {' '.join(missing)}" if missing else harness.skip_reason()
    if reason:
        print(f"1..0 # SKIP {reason}")
        return 0
    home = tempfile.mkdtemp(prefix="tn-home-", dir="/tmp")
    environment = dict(os.environ, HOME=home, XDG_RUNTIME_DIR=home, XDG_CONFIG_HOME=home,
                       XDG_CACHE_HOME=home, XDG_DATA_HOME=home, GSETTINGS_BACKEND="memory",
                       LC_ALL="C.UTF-8", PYTHONDONTWRITEBYTECODE="1", **{INSIDE: "1"})
    for name in ("G_DEBUG", "DISPLAY", "WAYLAND_DISPLAY", "DBUS_SESSION_BUS_ADDRESS",
                 "NO_AT_BRIDGE"):
        environment.pop(name, None)
    try:
        return subprocess.run(["dbus-run-session", "--", sys.executable, *sys.argv],
                              env=environment, stderr=subprocess.DEVNULL, check=False).returncode
    finally:
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    if os.environ.get(INSIDE):
        run_inside()
    else:
        sys.exit(main())
