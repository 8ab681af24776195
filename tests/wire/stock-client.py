#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Stock virsh and stock language bindings against the server with its table of canned answers.

usage: stock-client.py TABLE_SERVER
"""
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time

try:
    import libvirt
except ImportError:
    libvirt = None

URI = None
results = []


def check(name, ok, detail=""):
    results.append(ok)
    print("%sok %d %s" % ("" if ok else "not ", len(results), name))
    if not ok:
        print("# %s" % (detail,))


def virsh(*command, **options):
    run = subprocess.run(["virsh", "-c", URI] + list(command), stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, universal_newlines=True, timeout=60, **options)
    return run.returncode, run.stdout, run.stderr


def test_virsh():
    code, out, err = virsh("version")
    check("virsh-version", code == 0 and "Tenon 1.2.3" in out, (out, err))
    code, out, err = virsh("list", "--all")
    check("virsh-list", code == 0 and "guest" in out and "running" in out, (out, err))
    code, out, err = virsh("uri")
    check("virsh-uri", code == 0 and out.strip().startswith("tenon"), (out, err))
    code, out, err = virsh("nodeinfo")
    check("virsh-nodeinfo", code == 0 and "x86_64" in out and "8388608 KiB" in out, (out, err))
    code, out, err = virsh("dumpxml", "nobody")
    check("virsh-lookup-fails", code != 0 and "failed to get domain 'nobody'" in err, (out, err))
    code, out, err = virsh("domrename", "guest", "other")
    check("virsh-not-supported", code != 0 and "not supported by the connection driver" in err,
          (out, err))
    code, out, err = virsh("-r", "destroy", "guest")
    check("virsh-read-only", code != 0 and "read only access prevents virDomainDestroy" in err,
          (out, err))
    code, out, err = virsh("qemu-monitor-command", "guest", '{"execute":"query-status"}')
    check("virsh-qemu-monitor-command", code == 0 and "heard" in out, (out, err))


def code_of(function, *args):
    try:
        function(*args)
    except libvirt.libvirtError as error:
        return error.get_error_code()
    return 0


def test_bindings():
    connection = libvirt.open(URI)
    domain = connection.lookupByName("guest")
    check("info", domain.info() == [1, 1048576, 524288, 2, 5000000000], domain.info())
    check("node-info", connection.getInfo()[:2] == ["x86_64", 8192], connection.getInfo())
    check("lib-version", connection.getLibVersion() == 9000000)
    check("security-label", domain.securityLabel() == ["label", True], domain.securityLabel())
    stats = connection.getAllDomainStats()[0][1]
    check("typed-params", stats == {
        "test.int": -1, "vcpu.0.state": 2, "test.llong": -3000000000, "cpu.time": 5000000000,
        "test.double": 0.5, "test.bool": True, "block.0.name": "vda"}, stats)
    check("no-domain-code", code_of(connection.lookupByName, "x") == libvirt.VIR_ERR_NO_DOMAIN)
    check("no-support-code", code_of(domain.injectNMI) == libvirt.VIR_ERR_NO_SUPPORT)
    check("relay-without-daemon", code_of(connection.listAllNetworks) ==
          libvirt.VIR_ERR_NO_SUPPORT)
    connection.close()


def test_keepalive():
    """The call lasts longer than both sides' patience with a silent peer."""
    connection = libvirt.open(URI)
    connection.setKeepAlive(1, 1)
    domain = connection.lookupByName("guest")
    check("keepalive-during-slow-call", code_of(domain.detachDeviceFlags, "<x/>", 0) == 0)
    connection.close()


def test_events():
    connection = libvirt.open(URI)
    heard = threading.Event()
    seen = []

    def callback(_connection, domain, event, detail, _opaque):
        seen.append((domain.name(), domain.UUIDString(), domain.ID(), event, detail))
        heard.set()

    for event in range(1, 26):
        if event in (9, 20):  # block jobs and tunables take callbacks of the same kind
            continue
        connection.domainEventRegisterAny(None, event, lambda *args: None, None)
    number = connection.domainEventRegisterAny(None, libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE,
                                               callback, None)
    connection.lookupByName("guest").suspend()
    heard.wait(20)
    check("lifecycle-event",
          seen == [("guest", "00112233-4455-6677-8899-aabbccddeeff", 3, 3, 0)], seen)
    connection.domainEventDeregisterAny(number)
    connection.close()


def test_console():
    connection = libvirt.open(URI)
    domain = connection.lookupByName("guest")
    stream = connection.newStream(0)
    domain.openConsole(None, stream, 0)
    stream.send(b"hello")
    heard = b""
    while len(heard) < 5:
        heard += stream.recv(100)
    check("console-both-ways", heard == b"HELLO", heard)
    stream.send(b"q")
    check("console-end", stream.recv(100) == b"")
    stream.finish()
    stream = connection.newStream(0)
    domain.openConsole(None, stream, 0)
    stream.abort()
    check("connection-after-abort", domain.info()[0] == 1)
    connection.close()


def test_threads():
    connection = libvirt.open(URI)
    domain = connection.lookupByName("guest")
    failures = []

    def work():
        for _ in range(200):
            if domain.info()[3] != 2:
                failures.append(1)

    slow = threading.Thread(target=domain.detachDeviceFlags, args=("<x/>", 0))
    slow.start()
    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    check("threads-share-a-connection", not failures)
    slow.join()
    connection.close()


def main():
    global URI
    if libvirt is None or shutil.which("virsh") is None:
        print("1..0 # SKIP virsh or python3-libvirt is not installed")
        return
    folder = tempfile.mkdtemp(prefix="tn-stock-")
    server = subprocess.Popen([sys.argv[1], folder], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE)
    server.stdout.readline()
    os.environ["LIBVIRT_AUTOSTART"] = "0"
    URI = "tenon+unix:///system?socket=%s/virttenond-sock" % folder
    libvirt.virEventRegisterDefaultImpl()
    libvirt.registerErrorHandler(lambda *args: None, None)

    def loop():
        while True:
            libvirt.virEventRunDefaultImpl()

    threading.Thread(target=loop, daemon=True).start()
    try:
        test_virsh()
        test_bindings()
        test_keepalive()
        test_events()
        test_console()
        test_threads()
    finally:
        server.stdin.close()
        try:
            code = server.wait(timeout=30)
        except subprocess.TimeoutExpired:
            server.kill()
            code = -1
        shutil.rmtree(folder)
    check("server-ends-cleanly", code == 0, code)
    print("1..%d" % len(results))
    sys.stdout.flush()
    # The event loop's thread has no end.
    os._exit(0 if all(results) else 1)


main()
