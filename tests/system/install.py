# SPDX-License-Identifier: LGPL-2.1-or-later
"""What `meson install` puts where, and that `uninstall` takes all of it away: install.py BUILD PREFIX."""

import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "box"))
sys.dont_write_bytecode = True

from tap import Tap  # noqa: E402

PROGRAMS = ["bin/tenon-vmm", "sbin/virttenond"]
UNITS = ["systemd/system/virttenond.service", "systemd/system/virttenond.socket",
         "systemd/system/virttenond-ro.socket", "systemd/user/virttenond.service",
         "systemd/user/virttenond.socket"]
OTHERS = ["libvirt/virttenond.conf", "polkit-1/actions/org.tenon.policy", "man/man1/tenon-vmm.1",
          "man/man8/virttenond.8", "locale/de/LC_MESSAGES/tenon.mo"]
SOCKETS = {"systemd/system/virttenond.socket": "/run/libvirt/virttenond-sock",
           "systemd/system/virttenond-ro.socket": "/run/libvirt/virttenond-sock-ro",
           "systemd/user/virttenond.socket": "%t/libvirt/virttenond-sock"}


def installed(root):
    """Every file below `root`."""
    return [path for path in root.rglob("*") if not path.is_dir()]


def one(files, end):
    """The file whose path ends so, or None."""
    found = [path for path in files if str(path).endswith("/" + end)]
    return found[0] if len(found) == 1 else None


def setting(unit, key):
    """The values of `key` in a unit file."""
    return re.findall(rf"^{key}=(.*)$", unit.read_text(encoding="ascii"), re.MULTILINE)


def check_units(tap, files, prefix):
    """The unit files fit what was installed beside them."""
    daemon = f"{prefix}/sbin/virttenond"
    for name in UNITS:
        if name.endswith(".service"):
            starts = setting(one(files, name), "ExecStart")
            tap.point(f"/install/{name}/starts-the-installed-daemon",
                      [start.split()[0] for start in starts] == [daemon])
    for name, path in SOCKETS.items():
        tap.point(f"/install/{name}/listens-where-libvirt-looks",
                  setting(one(files, name), "ListenStream") == [path])


def check_programs(tap, files):
    """They run from where they are, and the policy knows both actions."""
    for name in PROGRAMS:
        done = subprocess.run([one(files, name), "-version" if "vmm" in name else "--version"],
                              capture_output=True, text=True, check=False)
        tap.point(f"/install/{name}/runs", done.returncode == 0 and "enon" in done.stdout)
    policy = ET.parse(one(files, "polkit-1/actions/org.tenon.policy"))
    actions = {action.get("id") for action in policy.iter("action")}
    tap.point("/install/policy/has-both-doors",
              actions == {"org.tenon.unix.monitor", "org.tenon.unix.manage"})


def main():
    """All of it, under a DESTDIR of its own."""
    build, prefix = sys.argv[1:]
    tap = Tap()
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch) / "root"
        subprocess.run(["meson", "install", "-C", build, "--no-rebuild", "--quiet", "--destdir",
                        root], check=True, stdout=sys.stderr)
        files = installed(root)
        for end in PROGRAMS + UNITS + OTHERS:
            tap.point(f"/install/{end}/is-there", one(files, end) is not None)
        tap.point("/install/nothing-else", len(files) == len(PROGRAMS + UNITS + OTHERS))
        check_units(tap, files, prefix)
        check_programs(tap, files)
        subprocess.run(["ninja", "-C", build, "uninstall"], check=True, stdout=sys.stderr,
                       env=os.environ | {"DESTDIR": str(root)})
        tap.point("/install/uninstall-leaves-nothing", not root.exists() or not installed(root))
    tap.finish()


if __name__ == "__main__":
    main()
