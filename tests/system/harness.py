# SPDX-License-Identifier: LGPL-2.1-or-later
"""
A daemon of one's own in a folder of its own, guests small enough for any KVM, and stock clients.

Every test here drives virttenond and tenon-vmm as a user would: by virsh or Debian's Python bindings.
The guest is tests/guest/small-guest.c; what it says and understands stands there.
"""

import os
import queue
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import termios
import threading
import time
import traceback
import tty
from pathlib import Path

try:
    import libvirt
except ImportError:
    libvirt = None

LIMIT_SECONDS = 30
# How long an answer is waited for before the same is asked again.
AGAIN_SECONDS = 1
POLL_SECONDS = 0.01
LOG_LINES = 40
# How the daemon calls the monitor program when it is not to run a guest.
UNPACKS = b"-x-unpack-kernel"
SANITIZER_WORDS = ("Sanitizer", "runtime error:")

DOMAIN_XML = """\
<domain type='kvm'>
  <name>{name}</name>
  {extra}
  <maxMemory slots='{slots}' unit='MiB'>{maximum}</maxMemory>
  <memory unit='MiB'>64</memory>
  <vcpu>1</vcpu>
  <os>
    <type arch='x86_64' machine='pc'>hvm</type>
    <kernel>{kernel}</kernel>
    <cmdline>mode={mode}</cmdline>
  </os>
  <cpu mode='host-passthrough'>
    <numa><cell id='0' cpus='0' memory='64' unit='MiB'/></numa>
  </cpu>
  <devices><console type='pty'/>{devices}</devices>
</domain>
"""

DIMM_XML = """\
<memory model='dimm'>
  <target><size unit='MiB'>{mib}</size><node>0</node></target>{address}
</memory>
"""


class Failure(Exception):
    """What was waited for did not come; the text says what."""


def until(condition, what, limit=LIMIT_SECONDS):
    """The first true value of `condition()`; Failure after `limit` seconds."""
    end = time.monotonic() + limit
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Failure(f"not within {limit} s: {what}")
        time.sleep(POLL_SECONDS)


def pci_bridge():
    """The node device name of a PCI bridge of this host, which nobody can take away; or None."""
    for path in sorted(Path("/sys/bus/pci/devices").glob("*")):
        if (path / "class").read_text(encoding="ascii").startswith("0x06"):
            return "pci_" + path.name.replace(":", "_").replace(".", "_")
    return None


class Tests:
    """Test points in TAP; each is a function that takes what run() is given."""

    def __init__(self):
        self._tests = []

    def point(self, function):
        """Decorator: one more point, named as the function."""
        self._tests.append(function)
        return function

    def run(self, *args, diagnose=lambda: ""):
        """Run them in order. Returns whether all went well."""
        good = True
        for number, test in enumerate(self._tests, 1):
            name = test.__name__.replace("_", "-")
            try:
                test(*args)
                print(f"ok {number} {name}", flush=True)
            except Exception:  # pylint: disable=broad-except
                good = False
                text = traceback.format_exc() + diagnose()
                print(f"not ok {number} {name}")
                print("\n".join(f"# {line}" for line in text.splitlines()), flush=True)
        print(f"1..{len(self._tests)}", flush=True)
        return good


class Console:
    """The guest's serial console, read all the time until it is closed."""

    def __init__(self, path):
        self._fd = os.open(path, os.O_RDWR | os.O_NOCTTY)
        tty.setraw(self._fd, termios.TCSANOW)
        self._text = ""
        self._more = threading.Condition()
        self._end, self._end_write = os.pipe()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self):
        while self._end not in select.select([self._fd, self._end], [], [])[0]:
            try:
                data = os.read(self._fd, 4096)
            except OSError:
                return
            if not data:
                return
            with self._more:
                self._text += data.decode(errors="replace")
                self._more.notify_all()

    def close(self):
        """Leave the console to others."""
        os.close(self._end_write)
        self._thread.join()
        os.close(self._end)
        os.close(self._fd)

    def type(self, text):
        """Send characters to the guest."""
        os.write(self._fd, text.encode())

    def wait(self, pattern, limit=LIMIT_SECONDS):
        """The match of `pattern` in what came after the last match."""
        with self._more:
            end = time.monotonic() + limit
            while not (found := re.search(pattern, self._text)):
                if not self._more.wait(max(0, end - time.monotonic())):
                    raise Failure(f"the guest did not say '{pattern}', but: {self._text!r}")
            self._text = self._text[found.end():]
            return found


class Follower:
    """A program that goes on talking, such as `virsh event --loop`."""

    def __init__(self, argv):
        self._process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                         stderr=subprocess.STDOUT, text=True,
                                         env=dict(os.environ, LC_ALL="C.UTF-8"))
        self._lines = queue.Queue()
        self.seen = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self._process.stdout:
            self._lines.put(line.rstrip("\n"))
        self._lines.put(None)

    def wait(self, pattern, limit=LIMIT_SECONDS):
        """The match of `pattern` in the next line that has one."""
        end = time.monotonic() + limit
        while True:
            try:
                line = self._lines.get(timeout=max(0, end - time.monotonic()))
            except queue.Empty:
                line = None
            if line is None:
                raise Failure(f"'{pattern}' did not come, but: {self.seen}")
            self.seen.append(line)
            found = re.search(pattern, line)
            if found:
                return found

    def heard(self, pattern, limit):
        """Whether a line with `pattern` comes within `limit` seconds."""
        try:
            return bool(self.wait(pattern, limit))
        except Failure:
            return False

    def spoke(self):
        """Whether there is something to read."""
        return not self._lines.empty()

    def wait_end(self):
        """Wait until it has ended."""
        self._process.wait(LIMIT_SECONDS)

    def end(self):
        """Interrupt it as a user would. Returns all that it said."""
        self._process.send_signal(signal.SIGINT)
        self._process.wait(LIMIT_SECONDS)
        while (line := self._lines.get(timeout=LIMIT_SECONDS)) is not None:
            self.seen.append(line)
        return "\n".join(self.seen)


class Result:
    """How a run of virsh ended."""

    def __init__(self, status, out, err):
        self.status = status
        self.out = out.strip()
        self.err = err.strip()


class Daemon:
    """One virttenond with folders of its own."""

    def __init__(self, programs):
        vmm, self.program, self.kernel = (Path(each).resolve() for each in programs)
        self.folder = Path(tempfile.mkdtemp(prefix="tn-sys-", dir="/tmp"))
        # A name of our own for the monitor tells our guests from those of others.
        self.vmm = self.folder / "tenon-vmm"
        self.vmm.symlink_to(vmm)
        self.sockets = self.folder / "sockets"
        self.log = self.folder / "log"
        self.process = None
        self._consoles = {}

    @property
    def config_dir(self):
        """Where it keeps definitions."""
        return self.folder / "config"

    def uri(self, door="tenon"):
        """What a stock client opens."""
        path = "system" if os.geteuid() == 0 else "session"
        return f"{door}+unix:///{path}?socket={self.sockets}/virttenond-sock"

    def start(self, *options):
        """Start it and wait until it takes connections."""
        environment = {key: value for key, value in os.environ.items() if key != "G_DEBUG"}
        environment["LC_ALL"] = "C.UTF-8"
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [self.program, f"--socket-dir={self.sockets}",
                 f"--state-dir={self.folder}/state", f"--config-dir={self.config_dir}",
                 f"--vmm={self.vmm}", f"--pid-file={self.folder}/pid", *options],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment,
                start_new_session=True)
        until(self._answers, "the daemon listens")
        return self

    def _answers(self):
        if self.process.poll() is not None:
            raise Failure(f"the daemon ended with {self.process.returncode}:\n{self.tail()}")
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(str(self.sockets / "virttenond-sock")) == 0

    def kill(self):
        """End it without a warning."""
        self.process.kill()
        self.process.wait()

    def stop(self):
        """End it as its service manager would. Returns its status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(LIMIT_SECONDS)

    def tail(self):
        """Its last words."""
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-LOG_LINES:])

    def guests(self):
        """Process numbers of the monitors that serve this daemon's guests."""
        found = []
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                try:
                    words = Path(f"/proc/{entry}/cmdline").read_bytes()
                except OSError:
                    continue
                if words.startswith(str(self.vmm).encode() + b"\0") and UNPACKS not in words:
                    found.append(int(entry))
        return found

    def clean(self):
        """End all that is left and remove the folder."""
        if self.process and self.process.poll() is None:
            self.kill()
        for pid in self.guests():
            os.kill(pid, signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)

    def virsh(self, *words, door="tenon", **options):
        """Run stock virsh. Returns a Result."""
        options = {"stdin": subprocess.DEVNULL} | options
        done = subprocess.run(["virsh", "-c", self.uri(door), *map(str, words)], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
                              timeout=LIMIT_SECONDS, **options)
        return Result(done.returncode, done.stdout, done.stderr)

    def good(self, *words, **options):
        """Run virsh, which must succeed. Returns what it printed."""
        result = self.virsh(*words, **options)
        if result.status or result.err:
            raise Failure(f"virsh {words}: {result.status}: {result.out} {result.err}")
        return result.out

    def bad(self, *words, **options):
        """Run virsh, which must fail. Returns its words."""
        result = self.virsh(*words, **options)
        if result.status == 0:
            raise Failure(f"virsh {words} succeeded: {result.out}")
        return result.err

    def follow(self, *words):
        """A virsh that goes on talking."""
        return Follower(["stdbuf", "-oL", "virsh", "-c", self.uri(), *words])

    def open(self, door="tenon"):
        """A connection by the Python bindings."""
        return libvirt.open(self.uri(door))

    def xml(self, name, mode="a", slots=4, maximum=2048, extra="", devices=""):
        """A guest's definition."""
        return DOMAIN_XML.format(name=name, kernel=self.kernel, mode=mode, slots=slots,
                                 maximum=maximum, extra=extra, devices=devices)

    def file(self, name, text):
        """A file in the daemon's folder. Returns its path."""
        path = self.folder / name
        path.write_text(text)
        return str(path)

    def define(self, name, **options):
        """Define a guest by virsh."""
        return self.good("define", self.file(f"{name}.xml", self.xml(name, **options)))

    def dimm(self, mib=128, address=""):
        """A file with a DIMM's XML."""
        return self.file(f"dimm-{mib}.xml", dimm(mib, address))

    def console(self, name):
        """The console of a running guest. What one reader takes no other sees: there is but one."""
        self.leave_console(name)
        self._consoles[name] = Console(self.good("ttyconsole", name))
        return self._consoles[name]

    def leave_console(self, name):
        """Let others read a guest's console."""
        if name in self._consoles:
            self._consoles.pop(name).close()

    def boot(self, name):
        """Start a defined guest and wait until it is up. Returns its console."""
        # What a guest says before its console is opened, nobody hears.
        self.good("start", name, "--paused")
        console = self.console(name)
        self.good("resume", name)
        console.wait("SMALL-GUEST ready")
        return console

    def state(self, name):
        """State and reason."""
        return self.good("domstate", name, "--reason")

    def wait_state(self, name, state, limit=LIMIT_SECONDS):
        """Wait for a state and reason."""
        until(lambda: self.state(name) == state, f"{name} is {state}", limit)

    def remove(self, *names):
        """Get rid of guests, whatever state they are in."""
        for name in names:
            self.virsh("destroy", name)
            self.virsh("undefine", name)


def dimm(mib=128, address=""):
    """A DIMM's XML."""
    return DIMM_XML.format(mib=mib, address=address)


def equal(got, wanted):
    """Fail with both values if they differ."""
    if got != wanted:
        raise Failure(f"got {got!r} instead of {wanted!r}")


def contains(text, part):
    """Fail if `part` is not in `text`."""
    if part not in text:
        raise Failure(f"{part!r} is not in {text!r}")


def lacks(text, part):
    """Fail if `part` is in `text`."""
    if part in text:
        raise Failure(f"{part!r} is in {text!r}")


def error_of(function, *args):
    """The code and message that a call fails with; (0, '') if it succeeds."""
    try:
        function(*args)
    except libvirt.libvirtError as error:
        return error.get_error_code(), error.get_error_message()
    return 0, ""


def refuses(code, part, function, *args):
    """Fail unless the call fails with this code and this in its message."""
    got, message = error_of(function, *args)
    if got != code or part not in message:
        raise Failure(f"got code {got} '{message}' instead of {code} '{part}'")


def skip_reason():
    """Why no guest can be run here, or None."""
    if libvirt is None or shutil.which("virsh") is None:
        return "virsh or python3-libvirt is not installed"
    try:
        os.close(os.open("/dev/kvm", os.O_RDWR | os.O_CLOEXEC))
    except OSError as error:
        return f"/dev/kvm cannot be used ({error.strerror})"
    return None


def main(tests, start=True):
    """Run the points of one file with a daemon: FILE VMM DAEMON KERNEL."""
    reason = skip_reason()
    if reason:
        print(f"1..0 # SKIP {reason}")
        return
    libvirt.registerErrorHandler(lambda *_: None, None)
    daemon = Daemon(sys.argv[1:4])
    try:
        if start:
            daemon.start()
        good = tests.run(daemon, diagnose=daemon.tail)
        if daemon.log.exists() and any(word in daemon.log.read_text(errors="replace")
                                       for word in SANITIZER_WORDS):
            print("\n".join(f"# {line}" for line in daemon.tail().splitlines()))
            good = False
    finally:
        daemon.clean()
    sys.stdout.flush()
    # Threads of event loops have no end.
    os._exit(0 if good else 1)
