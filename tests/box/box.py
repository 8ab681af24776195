# SPDX-License-Identifier: LGPL-2.1-or-later
"""The box's host side: builds its pieces, starts QEMU, carries streams and the exit status."""

import ctypes
import fcntl
import hashlib
import os
import re
import selectors
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import termios
import time
import tty
from contextlib import contextmanager
from pathlib import Path

import initramfs
import kernels

HERE = Path(__file__).resolve().parent
SOURCE = HERE.parents[1]
KERNEL_PACKAGE = "linux-image-amd64"

FIRST_MODULES = ("virtio_pci", "virtio_console", "9pnet_virtio", "9p", "overlay")
REST_MODULES = ("kvm_amd", "vfio_pci", "vfio_iommu_type1", "tun", "vhost_net", "bridge",
                "virtio_net", "virtio_blk", "virtio_rng", "nvme", "e1000e")

# Status values of timeout(1) and env(1), so that callers need not learn new ones.
STATUS_TIMEOUT = 124
STATUS_BOX_FAILED = 125

PORT_TERMINAL, PORT_STATUS, PORT_OUT, PORT_ERR, PORT_IN = 0, 1, 2, 3, 4
CHUNK = 65536
OLD_IMAGE_SECONDS = 3600
TFTP_FOLDER = "tftp"
SATA_FILE = "sata"
SATA_BYTES = 2 << 20
TFTP_FILES = {"data": 256 << 10, "byte": 1}
PR_SET_PDEATHSIG = 1
ESCAPE = 1  # ctrl-a, as in QEMU's own multiplexer


class BoxError(Exception):
    """The box could not be built or did not start; the text is for the user."""


def cache_folder():
    """Where kernels and images live: $TENON_BOX_CACHE, else build/box of this tree."""
    return Path(os.environ.get("TENON_BOX_CACHE") or SOURCE / "build/box").resolve()


@contextmanager
def locked(cache):
    """Hold the cache against others who would build the same things."""
    cache.mkdir(parents=True, exist_ok=True)
    with open(cache / ".lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def keep_image(image, build):
    """Make file `image` exist, from build()'s bytes, and drop forms of it that went out of use."""
    if image.exists():
        return
    part = image.with_suffix(".part")
    part.write_bytes(build())
    part.rename(image)
    for old in image.parent.glob(image.name.split("-")[0] + "-*.cpio"):
        if old.stat().st_mtime < time.time() - OLD_IMAGE_SECONDS:
            old.unlink()


def build_initramfs(kernel, version):
    """The bytes of the box's initial RAM disk."""
    root = kernel / "lib/modules" / version
    archive = initramfs.Cpio()
    archive.file("bin/busybox", initramfs.busybox(), 0o755)
    archive.file("init", (HERE / "init.sh").read_bytes(), 0o755)
    archive.file("stage2", (HERE / "stage2.sh").read_bytes(), 0o755)
    for name in ("dev", "proc", "sys"):
        archive.folder(name)
    first = initramfs.module_closure(root, FIRST_MODULES)
    rest = [path for path in initramfs.module_closure(root, REST_MODULES) if path not in first]
    for path in first + rest:
        archive.file(f"modules/{path.name}", path.read_bytes())
    for name, paths in (("first", first), ("rest", rest)):
        archive.file(f"modules/{name}", "".join(f"{path.name}\n" for path in paths).encode())
    return archive.bytes()


def prepare():
    """Build what is missing. Returns (kernel ELF, initramfs, module tree)."""
    cache = cache_folder()
    with locked(cache):
        kernel, version = kernels.fetch(KERNEL_PACKAGE, cache)
        digest = hashlib.sha256(version.encode())
        for name in ("init.sh", "stage2.sh", "box.py", "initramfs.py"):
            digest.update((HERE / name).read_bytes())
        image = cache / f"box-{digest.hexdigest()[:16]}.cpio"
        keep_image(image, lambda: build_initramfs(kernel, version))
    return kernel / "vmlinux", image, kernel / "lib/modules" / version


def kernel_command_line(job, results):
    """Words for the box's kernel: quiet, without what an emulated host need not do."""
    words = ["console=ttyS0", "quiet", "panic=-1", "rdinit=/init", "intel_iommu=on",
             "mitigations=off", "nokaslr", "norandmaps", "audit=0", "apparmor=0", "nowatchdog",
             "no_timer_check", "tsc=reliable", "8250.nr_uarts=1", "i8042.noprobe",
             "cryptomgr.notests", "random.trust_cpu=on", "rcupdate.rcu_expedited=1",
             f"tenon.job={job}"]
    if results:
        words.append(f"tenon.results={results}")
    return " ".join(words)


def nvme_images(options, job):
    """Paths of the images of --nvme; one named by its size alone lives as long as the box."""
    for index, wish in enumerate(options.nvme):
        size = re.fullmatch(r"(\d+)M", wish)
        if size:
            wish = job / f"nvme{index}"
            with open(wish, "wb") as image:
                image.truncate(int(size[1]) << 20)
        yield wish


def qemu_arguments(options, images, job, ends):
    """The whole command line of the QEMU that is the box. `ends`: port number to socket."""
    vmlinux, image, _ = images
    argv = ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-machine", "q35,smm=off",
            "-accel", "tcg,thread=multi", "-cpu", "max,+svm", "-smp", str(options.smp),
            "-m", options.memory, "-display", "none", "-no-reboot",
            "-device", "intel-iommu,intremap=on,caching-mode=on",
            "-kernel", str(vmlinux), "-initrd", str(image),
            "-append", kernel_command_line(job, options.results),
            "-serial", f"file:{job}/kernel.log", "-qmp", f"unix:{job}/qmp,server=on,wait=off",
            "-fsdev", "local,id=root,path=/,security_model=none,readonly=on,multidevs=remap",
            "-device", "virtio-9p-pci,fsdev=root,mount_tag=root",
            "-device", "virtio-serial-pci,id=ports"]
    for number, end in ends.items():
        argv += ["-chardev", f"socket,id=port{number},fd={end.fileno()}"]
        kind = "virtconsole" if number == PORT_TERMINAL else "virtserialport"
        argv += ["-device", f"{kind},bus=ports.0,nr={number},chardev=port{number}"]
    if options.results:
        argv += ["-fsdev", f"local,id=results,path={options.results},security_model=none",
                 "-device", "virtio-9p-pci,fsdev=results,mount_tag=results"]
    for index, path in enumerate(nvme_images(options, job)):
        argv += ["-drive", f"file={path},if=none,id=nvme{index},format=raw",
                 "-device", f"nvme,drive=nvme{index},serial=tenon{index}"]
    if options.nics:
        argv += ["-netdev", f"user,id=net0,restrict=on,tftp={job}/{TFTP_FOLDER}",
                 "-device", "pcie-root-port,id=port0,chassis=1,slot=1",
                 "-device", "e1000e,bus=port0,addr=0.0,multifunction=on,netdev=net0",
                 "-device", "e1000e,bus=port0,addr=0.1"]
    if options.sata:
        argv += ["-drive", f"file={job}/{SATA_FILE},if=none,id=sata0,format=raw,snapshot=on",
                 "-device", "ich9-ahci,id=ahci1", "-device", "ide-hd,bus=ahci1.0,drive=sata0"]
    for device in options.device:
        argv += ["-device", device]
    return argv + options.qemu_arg


def write_job(job, options, images, one_stream):
    """Leave in `job` what the second stage reads: the command and how its streams go."""
    names = {name: value for name, value in os.environ.items() if name.startswith("TENON_")}
    names |= {name: os.environ[name] for name in ("LANG", "CI", "TERM") if name in os.environ}
    names |= {"TENON_BOX": "1", "HOME": "/root", "TENON_SOURCE": str(SOURCE),
              "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
    if options.results:
        names["TENON_RESULTS"] = options.results
    if options.nics:
        (job / TFTP_FOLDER).mkdir()
        for name, size in TFTP_FILES.items():
            (job / TFTP_FOLDER / name).write_bytes(os.urandom(size))
        names["TENON_TFTP"] = str(job / TFTP_FOLDER)
    if options.sata:
        (job / SATA_FILE).write_bytes(os.urandom(SATA_BYTES))
        names["TENON_SATA"] = str(job / SATA_FILE)
    names |= dict(item.split("=", 1) for item in options.env)
    script = options.script
    if os.path.exists(script):
        script = os.path.abspath(script)
    command = [f"export {name}={shlex.quote(value)}" for name, value in names.items()]
    command += [f"cd {shlex.quote(os.getcwd())}", f"exec {shlex.join([script, *options.args])}"]
    (job / "command").write_text("\n".join(command) + "\n")
    terminal = ""
    if options.tty:
        size = os.get_terminal_size(0)
        terminal = f"rows {size.lines} columns {size.columns}"
    (job / "streams").write_text(
        f"modules={shlex.quote(str(images[2]))}\nterminal={shlex.quote(terminal)}\n"
        f"one_stream={'1' if one_stream else ''}\nhas_input={'1' if options.stdin else ''}\n")


class Box:
    """One running box and the ends of its ports."""

    def __init__(self, options, job):
        self.options = options
        self.job = job
        self.status = None
        self.started = None
        self.begin = time.monotonic()
        self._control = b""
        self._escaped = False
        self._selector = selectors.DefaultSelector()
        self._open = set()
        self._ends = {}
        self._process = None

    def _same_output(self):
        out, err = os.fstat(1), os.fstat(2)
        return (out.st_dev, out.st_ino) == (err.st_dev, err.st_ino)

    def start(self):
        """Build what is missing and start QEMU, which dies with us."""
        one_stream = self._same_output()
        images = prepare()
        write_job(self.job, self.options, images, one_stream)
        numbers = [PORT_STATUS]
        if self.options.tty:
            numbers.append(PORT_TERMINAL)
        else:
            numbers += [PORT_OUT] + ([] if one_stream else [PORT_ERR])
            numbers += [PORT_IN] if self.options.stdin else []
        pairs = {number: socket.socketpair() for number in numbers}
        theirs = {number: pair[1] for number, pair in pairs.items()}
        argv = qemu_arguments(self.options, images, self.job, theirs)
        libc = ctypes.CDLL(None)
        self._process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=open(self.job / "qemu.log", "wb"),
            stderr=subprocess.STDOUT, pass_fds=[end.fileno() for end in theirs.values()],
            start_new_session=True,
            preexec_fn=lambda: libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL))
        for number, (mine, other) in pairs.items():
            other.close()
            self._attach(number, mine)

    def _attach(self, number, mine):
        self._ends[number] = mine
        if number != PORT_IN:
            self._open.add(number)
            self._selector.register(mine, selectors.EVENT_READ, ("port", number))

    def _script_began(self):
        # What is sent earlier would be lost: nobody has opened the port.
        self.started = time.monotonic() - self.begin
        for number, kind in ((PORT_IN, "input"), (PORT_TERMINAL, "keys")):
            if number in self._ends:
                self._selector.register(0, selectors.EVENT_READ, (kind, self._ends[number]))

    def _control_lines(self, data):
        *lines, self._control = (self._control + data).split(b"\n")
        for line in lines:
            if line == b"started":
                self._script_began()
            elif line.startswith(b"exit "):
                self.status = int(line[5:])

    def _from_port(self, key, number):
        data = key.fileobj.recv(CHUNK)
        if not data:
            self._selector.unregister(key.fileobj)
            self._open.discard(number)
        elif number == PORT_STATUS:
            self._control_lines(data)
        else:
            write_all(2 if number == PORT_ERR else 1, data)

    def _from_input(self, mine):
        # Counted pieces and a 0 at the end: a port's hang-up can overtake its data.
        data = os.read(0, CHUNK)
        mine.sendall(b"%d\n" % len(data) + data)
        if not data:
            self._selector.unregister(0)

    def _from_keys(self, mine):
        for byte in os.read(0, CHUNK):
            if self._escaped:
                self._escaped = False
                if byte in b"xX":
                    raise KeyboardInterrupt
            elif byte == ESCAPE:
                self._escaped = True
                continue
            mine.sendall(bytes([byte]))

    def _deadline(self):
        if self.started is None:
            return self.begin + self.options.boot_timeout
        if self.options.timeout:
            return self.begin + self.started + self.options.timeout
        return None

    def carry(self):
        """Move bytes until the script's status is known. Returns the status to exit with."""
        while self.status is None:
            deadline = self._deadline()
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                if self.started is None:
                    raise BoxError(f"no sign of life within {self.options.boot_timeout:g} s")
                sys.stderr.write(f"box: ended after {self.options.timeout:g} s\n")
                return STATUS_TIMEOUT
            self._step(left)
            if not self._open:
                raise BoxError("ended on its own")
        # Output ports are drained by the guest before it says its status.
        while self._step(0):
            pass
        return self.status

    def _step(self, timeout):
        events = self._selector.select(timeout)
        moved = False
        for key, _ in events:
            kind, what = key.data
            if kind == "port":
                self._from_port(key, what)
                moved = True
            elif kind == "input":
                self._from_input(what)
            else:
                self._from_keys(what)
        return moved

    def stop(self):
        """End QEMU at once; nothing in the box outlives its script."""
        if self._process and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def logs(self):
        """What QEMU and the box's kernel had to say."""
        texts = []
        for name in ("qemu.log", "kernel.log"):
            path = self.job / name
            if path.exists():
                texts.append(path.read_text(errors="replace").strip())
        return "\n".join(filter(None, texts))


def write_all(descriptor, data):
    """Write everything, whatever the descriptor's mode is."""
    while data:
        try:
            data = data[os.write(descriptor, data):]
        except BlockingIOError:
            selector = selectors.DefaultSelector()
            selector.register(descriptor, selectors.EVENT_WRITE)
            selector.select()


@contextmanager
def raw_terminal(wanted):
    """Standard input's terminal in raw mode, if `wanted`, and back again."""
    if not wanted:
        yield
        return
    before = termios.tcgetattr(0)
    tty.setraw(0, termios.TCSADRAIN)
    try:
        yield
    finally:
        termios.tcsetattr(0, termios.TCSADRAIN, before)


def check_options(options):
    """Refuse what cannot work before anything is built."""
    if options.tty and not sys.stdin.isatty():
        raise BoxError("--tty needs a terminal on standard input")
    if options.results:
        options.results = os.path.abspath(options.results)
        os.makedirs(options.results, exist_ok=True)
    if not shutil.which("qemu-system-x86_64"):
        raise BoxError("no qemu-system-x86_64: install the package qemu-system-x86")


def interrupted(*_):
    """A signal that ends us ends the box first."""
    raise KeyboardInterrupt


def main(options):
    """Run one script in one box. Returns the exit status of the whole."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupted)
    job = Path(tempfile.mkdtemp(prefix="tenon-box-"))
    box = Box(options, job)
    try:
        check_options(options)
        box.start()
        with raw_terminal(options.tty):
            status = box.carry()
    except KeyboardInterrupt:
        status = 130
    except (BoxError, kernels.KernelError, OSError, KeyError) as error:
        sys.stderr.write(f"box: {error}\n{box.logs()}\n")
        status = STATUS_BOX_FAILED
    finally:
        box.stop()
        if options.verbose:
            sys.stderr.write(box.logs() + "\n")
            if box.started:
                sys.stderr.write(f"box: script began after {box.started:.1f} s\n")
        shutil.rmtree(job, ignore_errors=True)
    return status
