#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""virttenond as stock clients meet it: python3-libvirt and virsh, with fake-vmm.py for guests.

usage: domains.py VIRTTENOND FAKE_VMM
"""
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

LIMIT = 30
DAEMON, FAKE_VMM = sys.argv[1:3]
results = []

try:
    import libvirt
except ImportError:
    print("1..0 # SKIP python3-libvirt is not installed for this interpreter")
    sys.exit(0)

DOMAIN = """\
<domain type='kvm'>
  <name>{name}</name>
  <memory unit='MiB'>128</memory>
  <maxMemory slots='4' unit='GiB'>4</maxMemory>
  <vcpu>1</vcpu>
  <os><type arch='x86_64' machine='pc'>hvm</type><kernel>/dev/null</kernel>
    <cmdline>{words}</cmdline></os>
  <features><acpi/></features>
  <cpu mode='host-passthrough'>
    <numa><cell id='0' cpus='0' memory='128' unit='MiB'/></numa></cpu>
  <devices><console type='pty'/></devices>
</domain>
"""
DIMM = "<memory model='dimm'><target><size unit='MiB'>256</size><node>0</node></target></memory>"


def check(name, ok, detail=""):
    """One test point."""
    results.append(bool(ok))
    print("%sok %d /wire/domains/%s" % ("" if ok else "not ", len(results), name), flush=True)
    if not ok:
        print("# %r" % (detail,), flush=True)


def error_of(function, *args):
    """Code and sentence of the error that a call ends with."""
    try:
        function(*args)
    except libvirt.libvirtError as error:
        return error.get_error_code(), error.get_error_message()
    return 0, ""


class Daemon:
    """One daemon in a folder of its own."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="tn-domains-")
        self.path = os.path.join(self.folder, "virttenond-sock")
        self.process = None
        self.start()

    def start(self):
        """Start it; clients wait for its socket."""
        with open(os.path.join(self.folder, "log"), "ab") as log:
            self.process = subprocess.Popen(
                [DAEMON, "--socket-dir", self.folder, "--state-dir", self.folder + "/state",
                 "--config-dir", self.folder + "/config", "--vmm", FAKE_VMM],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def uri(self, scheme="tenon"):
        """Where clients find it."""
        return "%s+unix:///system?socket=%s" % (scheme, self.path)

    def open(self, scheme="tenon"):
        """A connection, as soon as somebody listens."""
        end = time.monotonic() + LIMIT
        while True:
            try:
                return libvirt.open(self.uri(scheme))
            except libvirt.libvirtError:
                if time.monotonic() > end or self.process.poll() is not None:
                    raise
                time.sleep(0.01)

    def kill(self):
        """What no program is prepared for."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def log(self):
        """What it said."""
        with open(os.path.join(self.folder, "log"), encoding="utf-8", errors="replace") as log:
            return log.read()

    def end(self):
        """Stop it in an orderly way; its exit status."""
        self.process.terminate()
        status = self.process.wait(LIMIT)
        shutil.rmtree(self.folder, ignore_errors=True)
        return status


def define(connection, name, words=""):
    """A domain whose monitor behaves as the words say."""
    return connection.defineXML(DOMAIN.format(name=name, words=words))


def test_doors(daemon):
    """Names that open a connection, and others."""
    check("door-tenon", daemon.open().getType() == "Tenon")
    check("door-qemu", daemon.open("qemu").getType() == "QEMU")
    code, text = error_of(libvirt.open, "tenon+unix:///elsewhere?socket=" + daemon.path)
    check("door-wrong-path", code == libvirt.VIR_ERR_INTERNAL_ERROR and
          "unexpected tenon URI path '/elsewhere', try tenon:///system" in text, text)
    code, text = error_of(libvirt.open, "xen+unix:///system?socket=" + daemon.path)
    check("door-wrong-scheme", code == libvirt.VIR_ERR_NO_CONNECT, (code, text))


def test_life(connection):
    """Define, start, suspend, resume, destroy, undefine."""
    domain = define(connection, "life")
    check("defined", domain.isPersistent() and not domain.isActive() and domain.ID() == -1)
    check("os-type", domain.OSType() == "hvm")
    domain.create()
    check("started", domain.state() == [1, 1] and domain.ID() > 0, domain.state())
    check("info", domain.info()[:4] == [1, 131072, 131072, 1], domain.info())
    check("by-id", connection.lookupByID(domain.ID()).name() == "life")
    check("old-lists", connection.numOfDomains() == 1 and
          connection.listDomainsID() == [domain.ID()] and connection.listDefinedDomains() == [])
    domain.suspend()
    check("suspended", domain.state() == [3, 1], domain.state())
    domain.resume()
    check("resumed", domain.state() == [1, 5], domain.state())
    code, text = error_of(domain.create)
    check("start-twice", (code, text) == (
        libvirt.VIR_ERR_OPERATION_INVALID,
        "Requested operation is not valid: domain is already running"), text)
    domain.destroy()
    check("destroyed", domain.state() == [5, 2] and domain.ID() == -1, domain.state())
    code, text = error_of(domain.destroy)
    check("destroy-twice", text == "Requested operation is not valid: domain is not running", text)
    domain.undefine()
    code, text = error_of(connection.lookupByName, "life")
    check("undefined", (code, text) == (
        libvirt.VIR_ERR_NO_DOMAIN, "Domain not found: no domain with matching name 'life'"), text)
    code, text = error_of(domain.info)
    check("stale", code == libvirt.VIR_ERR_NO_DOMAIN, text)


def test_definitions(connection):
    """Clashes and refusals."""
    domain = define(connection, "clash")
    code, text = error_of(define, connection, "clash")
    check("name-clash", code == libvirt.VIR_ERR_OPERATION_FAILED and text ==
          "operation failed: domain 'clash' already exists with uuid " + domain.UUIDString(), text)
    code, text = error_of(connection.defineXML, "<domain")
    check("malformed", code == libvirt.VIR_ERR_XML_DETAIL, (code, text))
    code, text = error_of(connection.defineXML, DOMAIN.format(name="u", words="").replace(
        "<devices>", "<devices><disk type='file'><target dev='vda'/></disk>"))
    check("unsupported-element", code == libvirt.VIR_ERR_CONFIG_UNSUPPORTED and "disk" in text,
          (code, text))
    check("define-validated", connection.defineXMLFlags(
        domain.XMLDesc(), libvirt.VIR_DOMAIN_DEFINE_VALIDATE).name() == "clash")
    domain.setAutostart(1)
    check("autostart", domain.autostart() == 1)
    domain.setMetadata(libvirt.VIR_DOMAIN_METADATA_TITLE, "a title", None, None)
    check("metadata", domain.metadata(libvirt.VIR_DOMAIN_METADATA_TITLE, None) == "a title" and
          "<title>a title</title>" in domain.XMLDesc())
    domain.rename("renamed")
    check("renamed", connection.lookupByName("renamed").UUIDString() == domain.UUIDString())
    check("no-snapshots", domain.snapshotNum() == 0 and not domain.hasManagedSaveImage())
    code, _ = error_of(domain.injectNMI)
    check("no-support", code == libvirt.VIR_ERR_NO_SUPPORT, code)
    connection.lookupByName("renamed").undefineFlags(libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE)


def test_host(connection):
    """What the host is."""
    check("capabilities", "<arch>x86_64</arch>" in connection.getCapabilities())
    check("domain-capabilities", "<machine>pc-i440fx-7.2</machine>" in
          connection.getDomainCapabilities())
    info = connection.getInfo()
    check("node-info", info[2] == info[4] * info[5] * info[6] * info[7], info)
    check("free-memory", connection.getFreeMemory() > 0)
    check("cells-free", connection.getCellsFreeMemory(0, 1)[0] > 0)
    check("cpu-stats", connection.getCPUStats(-1)["user"] > 0)
    check("memory-stats", connection.getMemoryStats(-1)["total"] > 0)
    check("cpu-map", connection.getCPUMap()[0] == len(connection.getCPUMap()[1]))
    check("versions", connection.getVersion() == 7002000 and
          connection.getLibVersion() == 9000000)
    check("hostname", connection.getHostname() != "")


def test_memory(connection):
    """A DIMM comes and goes."""
    domain = define(connection, "memory", "unplug=done")
    domain.create()
    both = libvirt.VIR_DOMAIN_AFFECT_LIVE | libvirt.VIR_DOMAIN_AFFECT_CONFIG
    domain.attachDeviceFlags(DIMM, both)
    check("attached", "<address type='dimm' slot='0' base='0x100000000'/>" in domain.XMLDesc() and
          domain.info()[1] == 393216, domain.XMLDesc())
    check("attached-config", "<memory model='dimm'>" in
          domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE))
    domain.detachDeviceFlags(DIMM, both)
    check("detached", "<memory model" not in domain.XMLDesc() and "<memory model" not in
          domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE))
    code, text = error_of(domain.detachDevice, DIMM)
    check("detach-nothing", code == libvirt.VIR_ERR_DEVICE_MISSING, (code, text))
    domain.destroy()
    code, text = error_of(domain.attachDevice, DIMM)
    check("attach-to-nothing", text ==
          "Requested operation is not valid: domain is not running", text)
    stats = connection.getAllDomainStats()
    check("stats", stats[0][1]["state.state"] == 5, stats)
    domain.undefine()


def test_failed_start(connection):
    """The program's last words reach the user."""
    domain = define(connection, "dies", "die=no-luck")
    code, text = error_of(domain.create)
    check("program-quoted", code == libvirt.VIR_ERR_INTERNAL_ERROR and "no-luck" in text, text)
    check("not-running", domain.state() == [5, 6], domain.state())
    domain.undefine()


def test_hung_monitor(daemon, connection):
    """Reads and destroy while a job waits for a monitor that does not answer."""
    domain = define(connection, "hangs", "hang=stop")
    domain.create()
    failed = []
    # On a connection of its own: a client of libvirt 9.0 that waits in one thread now and then
    # overlooks that another one wants to send.
    patient = daemon.open().lookupByName("hangs")
    waiter = threading.Thread(target=lambda: failed.append(error_of(patient.suspend)))
    waiter.start()
    end = time.monotonic() + LIMIT
    while domain.controlInfo()[0] != libvirt.VIR_DOMAIN_CONTROL_JOB and time.monotonic() < end:
        time.sleep(0.005)
    begin = time.monotonic()
    domain.info()
    domain.XMLDesc()
    connection.listAllDomains()
    reads = time.monotonic() - begin
    check("reads-do-not-wait", reads < LIMIT / 2, reads)
    domain.destroy()
    waiter.join(LIMIT)
    check("destroy-during-job", domain.state()[0] == 5 and failed and failed[0][0] != 0, failed)
    domain.undefine()


def test_console(connection):
    """Bytes go both ways; one client at a time unless by force."""
    domain = define(connection, "console", "pty")
    domain.create()
    stream = connection.newStream(0)
    domain.openConsole(None, stream, 0)
    stream.send(b"hello\n")
    heard = b""
    while len(heard) < 6:
        heard += stream.recv(64)
    check("console-echo", heard == b"HELLO\n", heard)
    code, text = error_of(domain.openConsole, None, connection.newStream(0), 0)
    check("console-taken", code == libvirt.VIR_ERR_OPERATION_FAILED and
          "Active console session exists" in text, text)
    other = connection.newStream(0)
    domain.openConsole(None, other, libvirt.VIR_DOMAIN_CONSOLE_FORCE)
    code, text = error_of(stream.recv, 64)
    check("console-revoked", code != 0, text)
    other.send(b"x")
    check("console-forced", other.recv(1) == b"X")
    other.finish()
    code, text = error_of(domain.openConsole, "nothing", connection.newStream(0), 0)
    check("console-unknown", "cannot find console device 'nothing'" in text, text)
    domain.destroy()
    code, text = error_of(domain.openConsole, None, connection.newStream(0), 0)
    check("console-inactive", code == libvirt.VIR_ERR_OPERATION_INVALID, text)
    domain.undefine()


class Events:
    """Events of a connection of their own, kept."""

    def __init__(self, daemon):
        self.seen = []
        self.changed = threading.Condition()
        self.connection = daemon.open()
        for kind, function in ((libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, self.on_lifecycle),
                               (libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_ADDED, self.on_added),
                               (libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED, self.on_removed),
                               (libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_REMOVAL_FAILED,
                                self.on_kept)):
            self.connection.domainEventRegisterAny(None, kind, function, None)

    def note(self, *event):
        """One more."""
        with self.changed:
            self.seen.append(event)
            self.changed.notify_all()

    def on_lifecycle(self, _connection, domain, event, detail, _opaque):
        """lifecycle"""
        self.note(domain.name(), event, detail)

    def on_added(self, _connection, domain, alias, _opaque):
        """device-added"""
        self.note(domain.name(), "added", alias)

    def on_removed(self, _connection, domain, alias, _opaque):
        """device-removed"""
        self.note(domain.name(), "removed", alias)

    def on_kept(self, _connection, domain, alias, _opaque):
        """device-removal-failed"""
        self.note(domain.name(), "kept", alias)

    def wait(self, *event):
        """Whether it came within the limit."""
        with self.changed:
            return self.changed.wait_for(lambda: event in self.seen, LIMIT)


def test_events(daemon, connection):
    """The story of a guest, in order."""
    events = Events(daemon)
    domain = define(connection, "told", "unplug=refuse")
    domain.create()
    domain.attachDevice(DIMM)
    code, text = error_of(domain.detachDevice, DIMM)
    check("refused-detach", code == libvirt.VIR_ERR_OPERATION_FAILED and text ==
          "operation failed: unplug of device was rejected by the guest", text)
    domain.destroy()
    domain.undefine()
    check("last-event", events.wait("told", 1, 0), events.seen)
    check("events-in-order", events.seen == [
        ("told", 0, 0), ("told", 2, 0), ("told", 4, 0), ("told", "added", "memdimm0"),
        ("told", "kept", "dimm0"), ("told", 5, 1), ("told", 1, 0)], events.seen)
    events.connection.close()


def test_kill(daemon):
    """A daemon killed without warning, and the next one."""
    connection = daemon.open()
    domain = define(connection, "survivor")
    domain.create()
    domain.attachDevice(DIMM)
    number, xml = domain.ID(), domain.XMLDesc()
    transient = connection.createXML(DOMAIN.format(name="passing", words=""), 0)
    uuid = transient.UUIDString()
    daemon.kill()
    daemon.start()
    connection = daemon.open()
    domain = connection.lookupByName("survivor")
    check("survived", domain.state()[0] == 1 and domain.ID() == number, domain.state())
    check("same-xml", domain.XMLDesc() == xml, (domain.XMLDesc(), xml))
    transient = connection.lookupByUUIDString(uuid)
    check("transient-survived", transient.isActive() and not transient.isPersistent())
    domain.suspend()
    check("drivable", domain.state()[0] == 3)
    transient.destroy()
    domain.destroy()
    code, _ = error_of(connection.lookupByUUIDString, uuid)
    check("transient-gone", code == libvirt.VIR_ERR_NO_DOMAIN)
    domain.undefine()


def test_virsh(daemon, connection):
    """What people type."""
    domain = define(connection, "typed")

    def virsh(*command):
        run = subprocess.run(["virsh", "-c", daemon.uri("qemu")] + list(command), timeout=LIMIT,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                             check=False)
        return run.stdout

    check("virsh-start", "Domain 'typed' started" in virsh("start", "typed"))
    out = virsh("list", "--all")
    check("virsh-list", "typed" in out and "running" in out, out)
    out = virsh("dominfo", "typed")
    check("virsh-dominfo", "Persistent:     yes" in out and "error" not in out, out)
    out = virsh("qemu-monitor-command", "typed", '{"execute":"query-status"}')
    check("virsh-monitor", '"status":"running"' in out, out)
    out = virsh("qemu-monitor-command", "typed", "--hmp", "info x")
    check("virsh-monitor-hmp", "you said info x" in out, out)
    out = virsh("domstats", "typed", "--vm", "--vcpu", "--cpu-total", "--enforce")
    check("virsh-domstats", all(word in out for word in (
        "vm.pages_4k.cur=512", "vcpu.0.exits.sum=18446744073709551615",
        "vcpu.0.guest_mode.cur=yes", "cpu.haltpoll.success.time=10", "vcpu.current=1")), out)
    out = virsh("domstats", "typed", "--vm", "--vcpu", "--nowait")
    check("virsh-domstats-nowait", "vcpu.current=1" in out and "pages_4k" not in out, out)
    out = virsh("setmem", "typed", "64M", "--config")
    check("virsh-setmem", out.strip() == "", out)
    domain.destroy()
    domain.undefine()


def run_event_loop():
    """libvirt's own, for events and streams."""
    libvirt.virEventRegisterDefaultImpl()

    def loop():
        while True:
            libvirt.virEventRunDefaultImpl()

    threading.Thread(target=loop, daemon=True).start()


def main():
    """Everything, on one daemon."""
    libvirt.registerErrorHandler(lambda *_: None, None)
    run_event_loop()
    daemon = Daemon()
    connection = daemon.open()
    test_doors(daemon)
    test_life(connection)
    test_definitions(connection)
    test_host(connection)
    test_memory(connection)
    test_failed_start(connection)
    test_hung_monitor(daemon, connection)
    test_console(connection)
    test_events(daemon, connection)
    test_virsh(daemon, connection)
    test_kill(daemon)
    log = daemon.log()
    check("log-is-quiet", "warning" not in log and "error" not in log, log)
    check("ends-well", daemon.end() == 0)
    print("1..%d" % len(results), flush=True)
    os._exit(0 if all(results) else 1)


main()
