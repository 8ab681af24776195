# SPDX-License-Identifier: LGPL-2.1-or-later
"""The two daemons side by side, stock libvirtd with Debian's settings but no confinement."""

import os
import shutil
import socket
import subprocess
from pathlib import Path

import processes
from monitors import BUILD, QEMU, TENON

FOLDERS = ("/etc/libvirt", "/run/libvirt", "/var/lib/libvirt", "/var/cache/libvirt")
SETTINGS = ('namespaces=[]\ncgroup_controllers=[]\nsecurity_driver="none"\n'
            'user="root"\ngroup="root"\nstdio_handler="file"\n')
URI = {QEMU: "qemu:///system", TENON: "tenon:///system"}
SOCKET = {QEMU: "/run/libvirt/libvirt-sock", TENON: "/run/libvirt/virttenond-sock"}
# Where virttenond keeps kernels; the last file of each.
KEPT = Path("/var/cache/libvirt/tenon/kernels"), "*.seal"
# What each needs to give the guest no device that was not asked for.
EXTRA = {QEMU: "<controller type='usb' model='none'/><memballoon model='none'/>", TENON: ""}

# No more than there are processors: the box has one (docs/box.md).
VCPUS = min(2, os.cpu_count())

DOMAIN_XML = """\
<domain type='kvm'>
  <name>{name}</name>
  <maxMemory slots='4' unit='GiB'>2</maxMemory>
  <memory unit='MiB'>512</memory>
  <vcpu>{vcpus}</vcpu>
  <os>
    <type arch='x86_64' machine='pc'>hvm</type>
    <kernel>{kernel}</kernel>
    <initrd>{initrd}</initrd>
    <cmdline>{words}</cmdline>
  </os>
  <features><acpi/></features>
  <cpu mode='host-passthrough'>
    <numa><cell id='0' cpus='0-{last}' memory='512' unit='MiB'/></numa>
  </cpu>
  <devices>
    {extra}<console type='pty'/>
  </devices>
</domain>
"""


def hide_this_machines():
    """
    Give this process, which must have a mount namespace of its own, empty folders for
    libvirt's state, so that no definition or guest of this machine is touched.
    """
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    kept = Path("/run") / f"tenon-bench-{os.getpid()}"
    for folder in FOLDERS:
        Path(folder).mkdir(parents=True, exist_ok=True)
        if folder == "/etc/libvirt":
            shutil.copytree(folder, kept, symlinks=True)
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", folder], check=True)
    for path in kept.iterdir():
        if path.is_file():
            shutil.copy(path, "/etc/libvirt")
    shutil.rmtree(kept)
    with open("/etc/libvirt/qemu.conf", "a", encoding="ascii") as conf:
        conf.write(SETTINGS)


def _answers(path):
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(path) == 0


class Daemon:
    """A running daemon of `who`."""

    def __init__(self, who):
        self.uri = URI[who]
        argv = ["libvirtd"] if who == QEMU else [str(BUILD / "driver/virttenond")]
        self._process = subprocess.Popen(argv, stdin=subprocess.DEVNULL,
                                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                         start_new_session=True)
        self.pid = self._process.pid
        processes.wait_for(lambda: _answers(SOCKET[who]), f"{argv[0]} to listen")

    def wait_for_kernel(self):
        """Wait until the kernel of the first start is kept for the next."""
        folder, pattern = KEPT
        if self.uri == URI[TENON]:
            processes.wait_for(lambda: list(folder.glob(pattern)), "the kernel to be kept")

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self._process.terminate()
        try:
            self._process.wait(processes.LIMIT_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
