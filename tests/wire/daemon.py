#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""virttenond as a process: options, signals, sockets, idleness, systemd's protocols.

usage: daemon.py VIRTTENOND
"""
import os
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

LIMIT = 20
DAEMON = sys.argv[1]
results = []


def check(name, ok, detail=""):
    results.append(bool(ok))
    print("%sok %d /wire/daemon/%s" % ("" if ok else "not ", len(results), name))
    if not ok:
        print("# %r" % (detail,))


class Daemon:
    """One daemon in a folder of its own."""

    def __init__(self, *arguments, folder=None, **options):
        self.folder = folder or tempfile.mkdtemp(prefix="tn-daemon-")
        self.path = os.path.join(self.folder, "virttenond-sock")
        self.process = subprocess.Popen(
            [DAEMON, "--socket-dir", self.folder, "--state-dir", self.folder + "/state",
             "--config-dir", self.folder + "/config"] + list(arguments),
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, universal_newlines=True, **options)

    def connect(self, suffix=""):
        """Connects as soon as somebody listens."""
        end = time.monotonic() + LIMIT
        while True:
            peer = socket.socket(socket.AF_UNIX)
            peer.settimeout(LIMIT)
            try:
                peer.connect(self.path + suffix)
                return peer
            except OSError:
                peer.close()
                if time.monotonic() > end or self.process.poll() not in (None, 0):
                    raise
                time.sleep(0.01)

    def wait(self):
        try:
            _, err = self.process.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return None, "did not end"
        return self.process.returncode, err

    def stop(self):
        self.process.terminate()
        result = self.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
        return result


def ask(peer):
    """AUTH_LIST, the first call of every client."""
    peer.sendall(struct.pack(">7I", 28, 0x20008086, 1, 66, 0, 1, 0))
    reply = b""
    while len(reply) < 36:
        more = peer.recv(36 - len(reply))
        if not more:
            return None
        reply += more
    return struct.unpack(">9I", reply)[7:]


def run(*arguments):
    done = subprocess.run([DAEMON] + list(arguments), stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, universal_newlines=True, timeout=LIMIT)
    return done.returncode, done.stdout, done.stderr


def test_options():
    code, out, _ = run("--version")
    check("version", code == 0 and out.startswith("virttenond (Tenon) "), out)
    code, out, _ = run("--help")
    check("help", code == 0 and "--socket-dir" in out and "--timeout" in out, out)
    code, _, err = run("--no-such-option")
    check("unknown-option", code != 0 and "no-such-option" in err, err)
    code, _, err = run("stray")
    check("stray-argument", code != 0 and "'stray'" in err, err)
    code, _, err = run("--timeout", "-1")
    check("negative-timeout", code != 0 and "-1" in err, err)
    code, _, err = run("--config", "/nonexistent/file")
    check("missing-config-file", code != 0 and "/nonexistent/file" in err, err)


def test_config():
    folder = tempfile.mkdtemp(prefix="tn-daemon-")
    path = os.path.join(folder, "daemon.conf")
    for name, text, expected in (
            ("bad-number", "max_clients = 0\n", "daemon.conf:1: max_clients is 0"),
            ("bad-mode", "# c\nunix_sock_rw_perms = \"9\"\n", "daemon.conf:2: unix_sock_rw_perms"),
            ("bad-auth", "auth_unix_rw = 'sasl'\n", "neither 'polkit' nor 'none'"),
            ("no-assignment", "hello\n", "expecting an assignment"),
            ("open-string", "vmm = \"/bin\n", "unterminated string"),
            ("rest-of-line", "max_clients = 5 6\n", "'6' after the value")):
        with open(path, "w", encoding="utf-8") as handle:
            handle.write(text)
        code, _, err = run("--config", path, "--socket-dir", folder)
        check("config/" + name, code != 0 and expected in err, err)
    with open(path, "w", encoding="utf-8") as handle:
        handle.write("# comment\n\nmax_clients = 7 # few\n  unix_sock_rw_perms = \"0600\"\n"
                     "auth_unix_rw = \"none\"\n")
    daemon = Daemon("--config", path)
    daemon.connect().close()
    mode = os.stat(daemon.path).st_mode & 0o777
    check("config/permissions", mode == 0o600, oct(mode))
    daemon.stop()
    shutil.rmtree(folder)


def test_life():
    daemon = Daemon()
    peer = daemon.connect()
    check("serves", ask(peer) == (1, 0))
    if os.geteuid() == 0:
        check("read-only-socket", ask(daemon.connect("-ro")) == (1, 0))
    else:
        check("read-only-socket", not os.path.exists(daemon.path + "-ro"))
    second = Daemon(folder=daemon.folder)
    code, err = second.wait()
    check("second-daemon-is-refused", code not in (0, None) and "another daemon has locked" in err,
          (code, err))
    check("first-goes-on", ask(daemon.connect()) == (1, 0))
    daemon.process.send_signal(signal.SIGHUP)
    check("hang-up-goes-on", ask(peer) == (1, 0))
    code, err = daemon.stop()
    check("terminate", code == 0, (code, err))
    check("client-is-sent-home", peer.recv(1) == b"")
    check("socket-is-removed", not os.path.exists(daemon.path))


def test_stale_socket():
    daemon = Daemon()
    daemon.connect().close()
    daemon.process.kill()
    daemon.wait()
    check("killed-leaves-its-socket", os.path.exists(daemon.path))
    again = Daemon(folder=daemon.folder)
    check("stale-socket-is-replaced", ask(again.connect()) == (1, 0))
    again.stop()


def test_pid_file():
    folder = tempfile.mkdtemp(prefix="tn-daemon-")
    path = os.path.join(folder, "pid")
    daemon = Daemon("--pid-file", path, folder=folder)
    ask(daemon.connect())
    with open(path, encoding="utf-8") as handle:
        check("pid-file", int(handle.read()) == daemon.process.pid)
    daemon.process.terminate()
    daemon.wait()
    check("pid-file-is-removed", not os.path.exists(path))
    shutil.rmtree(folder)


def test_background():
    folder = tempfile.mkdtemp(prefix="tn-daemon-")
    path = os.path.join(folder, "pid")
    daemon = Daemon("--daemon", "--pid-file", path, folder=folder)
    code, err = daemon.wait()
    check("background", code == 0, (code, err))
    # Ready means ready: no waiting for the socket now.
    peer = socket.socket(socket.AF_UNIX)
    peer.settimeout(LIMIT)
    peer.connect(daemon.path)
    check("background-serves-at-once", ask(peer) == (1, 0))
    with open(path, encoding="utf-8") as handle:
        process = os.pidfd_open(int(handle.read()))
    signal.pidfd_send_signal(process, signal.SIGTERM)
    check("background-ends", peer.recv(1) == b"")
    # Its clients know of the end before its lock on the folder is gone.
    select.select([process], [], [], LIMIT)
    os.close(process)
    failing = Daemon("--daemon", "--pid-file", "/nonexistent/pid", folder=folder)
    code, err = failing.wait()
    check("background-failure-is-told", code not in (0, None) and "/nonexistent/pid" in err,
          (code, err))
    shutil.rmtree(folder, ignore_errors=True)


def test_idle():
    daemon = Daemon("--timeout", "1")
    peer = daemon.connect()
    ask(peer)
    try:
        daemon.process.wait(timeout=2)
        check("client-keeps-it", False)
    except subprocess.TimeoutExpired:
        check("client-keeps-it", True)
    peer.close()
    code, err = daemon.wait()
    check("idle-ends", code == 0, (code, err))
    shutil.rmtree(daemon.folder)


def test_systemd():
    folder = tempfile.mkdtemp(prefix="tn-daemon-")
    listeners = []
    for name in ("virttenond-sock", "virttenond-sock-ro"):
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(os.path.join(folder, name))
        listener.listen(5)
        listeners.append(listener)
    notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notify.bind(os.path.join(folder, "notify"))
    notify.settimeout(LIMIT)
    # The shell gives its own number and its descriptors 3 and 4 to the daemon it becomes.
    script = ("exec %s --socket-dir /nonexistent --state-dir %s/s --config-dir %s/c"
              " 3<&%d 4<&%d" % (DAEMON, folder, folder, listeners[0].fileno(),
                                listeners[1].fileno()))
    process = subprocess.Popen(
        ["sh", "-c", "LISTEN_PID=$$ LISTEN_FDS=2 NOTIFY_SOCKET=%s/notify; "
         "export LISTEN_PID LISTEN_FDS NOTIFY_SOCKET; %s" % (folder, script)],
        pass_fds=[listener.fileno() for listener in listeners], stderr=subprocess.PIPE)
    check("systemd-is-told-ready", notify.recv(100) == b"READY=1")
    peer = socket.socket(socket.AF_UNIX)
    peer.settimeout(LIMIT)
    peer.connect(os.path.join(folder, "virttenond-sock"))
    check("systemd-socket", ask(peer) == (1, 0))
    peer.close()
    peer = socket.socket(socket.AF_UNIX)
    peer.settimeout(LIMIT)
    peer.connect(os.path.join(folder, "virttenond-sock-ro"))
    check("systemd-socket-read-only", ask(peer) == (1, 0))
    process.terminate()
    process.communicate(timeout=LIMIT)
    check("systemd-is-told-stopping", notify.recv(100) == b"STOPPING=1")
    check("systemd-sockets-stay", os.path.exists(os.path.join(folder, "virttenond-sock")))
    shutil.rmtree(folder)


def main():
    for test in (test_options, test_config, test_life, test_stale_socket, test_pid_file,
                 test_background, test_idle, test_systemd):
        test()
    print("1..%d" % len(results))
    sys.exit(0 if all(results) else 1)


main()
