#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""
A monitor program with nothing behind it, for tests of the driver.

It listens on the socket that the driver hands down and answers as tenon-vmm does. The words of
-append say where it misbehaves: die=WHY (at once), mute (no greeting), hang=CMD, refuse=CMD,
vanish=CMD, lose=CMD (it is done, the reply does not come), unplug=done|refuse|never, ignore-term,
stray=TID (the thread of every CPU is that one, of whatever process); pty makes the console a real one that shouts back
what it hears. The commands x-fake-event and x-fake-eject make
the guest do what a guest does by itself.
"""

import json
import os
import signal
import socket
import sys
import threading
import tty


STATS_SCHEMAS = [
    {"provider": "kvm", "target": "vm", "stats": [
        {"name": "pages_4k", "type": "instant", "exponent": 0}]},
    {"provider": "kvm", "target": "vcpu", "stats": [
        {"name": "exits", "type": "cumulative", "exponent": 0},
        {"name": "guest_mode", "type": "instant", "unit": "boolean", "exponent": 0},
        {"name": "halt_poll_success_ns", "type": "cumulative", "unit": "seconds", "base": 10,
         "exponent": -9},
        {"name": "halt_wait_hist", "type": "log2-histogram", "unit": "seconds", "base": 10,
         "exponent": -9}]}]


class Vanished(Exception):
    """The program is to end without a word."""


class Guest:
    """What the monitor shows of the guest; outlives connections."""

    def __init__(self, argv):
        self.words = dict((word + "=").split("=", 2)[:2]
                          for word in self._value(argv, "-append", "").split())
        self.status = "prelaunch"
        self.backends = {}
        self.dimms = {}
        self.hostdevs = {}
        self.groups = {}
        self.fds = set()
        self.seen = set()
        self.osts = []
        self.pty = "/dev/pts/fake"
        self.events = []
        smp = self._value(argv, "-smp", "1").split(",")
        self.cpus = {n: f"/machine/unattached/device[{n}]" for n in range(int(smp[0]))}
        self.max_cpus = next((int(part[8:]) for part in smp if part.startswith("maxcpus=")),
                             len(self.cpus))
        self.threads = {}
        self.fd = int(next(part[3:] for value in self._values(argv, "-chardev")
                           for part in value.split(",") if part.startswith("fd=")))
        for text in self._values(argv, "-object"):
            self.object_add(json.loads(text))
        for text in self._values(argv, "-device"):
            if json.loads(text)["driver"] in ("pc-dimm", "vfio-pci"):
                self.device_add(json.loads(text))

    def open_pty(self):
        """A console that answers in capitals."""
        primary, secondary = os.openpty()
        tty.setraw(secondary)
        self.pty = os.ttyname(secondary)

        def shout():
            while True:
                os.write(primary, os.read(primary, 4096).upper())

        threading.Thread(target=shout, daemon=True).start()

    @staticmethod
    def _values(argv, option):
        return [argv[i + 1] for i in range(len(argv) - 1) if argv[i] == option]

    def _value(self, argv, option, otherwise):
        return (self._values(argv, option) + [otherwise])[0]

    def event(self, name, data=None):
        """Send an event after the reply under way."""
        event = {"event": name, "timestamp": {"seconds": 1, "microseconds": 2}}
        if data is not None:
            event["data"] = data
        self.events.append(event)

    def object_add(self, args):
        """object-add"""
        if args.get("qom-type") == "vfio-group":
            for fd in (args["fd"], args["container-fd"]):
                if fd.isdigit():
                    os.fstat(int(fd))
                else:
                    self.fds.remove(fd)
            self.groups[args["id"]] = args["group"]
            return {}
        self.backends[args["id"]] = args["size"]
        return {}

    def object_del(self, args):
        """object-del"""
        if args["id"] in self.groups:
            del self.groups[args["id"]]
            return {}
        del self.backends[args["id"]]
        return {}

    def device_add(self, args):
        """device_add"""
        if args.get("driver") == "host-x86_64-cpu":
            # An unset or taken place is a KeyError, which is an answer "no".
            del {n: n for n in range(self.max_cpus) if n not in self.cpus}[args["socket-id"]]
            self.cpus[args["socket-id"]] = "/machine/peripheral/" + args["id"]
            return {}
        if args.get("driver") == "vfio-pci":
            self.hostdevs[args["id"]] = args
            return {}
        self.dimms[args["id"]] = {
            "id": args["id"], "slot": args.get("slot", 0), "node": args.get("node", 0),
            "addr": args.get("addr", 0x100000000 + (args.get("slot", 0) << 28)),
            "size": self.backends[args["memdev"]], "memdev": "/objects/" + args["memdev"],
            "hotplugged": True, "hotpluggable": True}
        return {}

    def eject(self, args):
        """The guest lets go of a DIMM, or of a CPU."""
        path = "/machine/peripheral/" + args["id"]
        if path in self.cpus.values():
            self.cpus = {n: each for n, each in self.cpus.items() if each != path}
            self.event("DEVICE_DELETED", {"device": args["id"], "path": path})
            return {}
        del (self.hostdevs if args["id"] in self.hostdevs else self.dimms)[args["id"]]
        self.event("DEVICE_DELETED", {"device": args["id"], "path": "/machine/peripheral/x"})
        return {}

    def device_del(self, args):
        """device_del: the guest's answer is as the words say."""
        answer = self.words.get("unplug", "never")
        if answer == "done":
            self.eject(args)
        elif answer == "refuse":
            self.refuse(args)
        return {}

    def refuse(self, args):
        """The guest keeps a DIMM."""
        info = {"device": args["id"], "slot": "0", "slot-type": "DIMM", "source": 3, "status": 1}
        self.osts.append(info)
        self.event("ACPI_DEVICE_OST", {"info": info})
        self.event("MEM_UNPLUG_ERROR", {"device": args["id"], "msg": "no"})
        self.event("DEVICE_UNPLUG_GUEST_ERROR", {"device": args["id"], "path": "/x"})
        return {}

    def places(self):
        """query-hotpluggable-cpus: a socket each, the highest first."""
        return [{"type": "host-x86_64-cpu", "vcpus-count": 1,
                 "props": {"socket-id": n, "core-id": 0, "thread-id": 0}} |
                ({"qom-path": self.cpus[n]} if n in self.cpus else {})
                for n in reversed(range(self.max_cpus))]

    def stats(self, target):
        """query-stats: a histogram and what no schema knows among others."""
        if target == "vm":
            return [{"provider": "kvm", "stats": [{"name": "pages_4k", "value": 512}]}]
        return [{"provider": "kvm", "qom-path": self.cpus[n], "stats": [
            {"name": "exits", "value": 2**64 - 1 - n}, {"name": "guest_mode", "value": n == 0},
            {"name": "halt_poll_success_ns", "value": 10 + n},
            {"name": "halt_wait_hist", "value": [1, 2]}, {"name": "unheard-of", "value": 1}]}
                for n in sorted(self.cpus)]

    def thread_of(self, cpu):
        """The thread that would run a CPU."""
        if "stray" in self.words:
            return int(self.words["stray"])
        if cpu not in self.threads:
            self.threads[cpu] = threading.Thread(target=threading.Event().wait, daemon=True)
            self.threads[cpu].start()
        return self.threads[cpu].native_id

    def switch(self, status, event):
        """stop and cont"""
        if self.status != status:
            self.status = status
            self.event(event)
        return {}

    def answer(self, name, args):
        """The return value of a command, or KeyError."""
        return {
            "qmp_capabilities": lambda: {},
            "query-status": lambda: {"status": self.status,
                                     "running": self.status == "running"},
            "query-chardev": lambda: [{"label": "charserial0", "frontend-open": True,
                                       "filename": "pty:" + self.pty}],
            "query-memory-devices": lambda: [{"type": "dimm", "data": dimm}
                                             for dimm in self.dimms.values()],
            "query-memdev": lambda: [{"id": name, "size": size}
                                     for name, size in self.backends.items()],
            "query-acpi-ospm-status": lambda: self.osts,
            "query-hotpluggable-cpus": self.places,
            "query-cpus-fast": lambda: [{"cpu-index": n, "thread-id": self.thread_of(n)}
                                        for n in self.cpus],
            "query-stats-schemas": lambda: STATS_SCHEMAS,
            "query-stats": lambda: self.stats(args["target"]),
            "qom-list": lambda: [{"name": name, "type": "child<x>"}
                                 for name in (*self.dimms, *self.hostdevs)],
            "getfd": lambda: self.fds.add(args["fdname"]) or {},
            "closefd": lambda: self.fds.remove(args["fdname"]) or {},
            "x-fake-forget-cpu": lambda: self.cpus.pop(args["n"]) and {},
            "x-fake-forget": lambda: self.hostdevs.pop(args["id"]) and {},
            "x-fake-hostdevs": lambda: {"devices": list(self.hostdevs.values()),
                                        "groups": list(self.groups), "fds": list(self.fds),
                                        "seen": sorted(self.seen)},
            "cont": lambda: self.switch("running", "RESUME"),
            "stop": lambda: self.switch("paused", "STOP"),
            "system_reset": lambda: self.event("RESET", {"guest": False}) or {},
            "system_powerdown": lambda: self.power_down(),
            "system_wakeup": lambda: self.switch("running", "WAKEUP"),
            "x-fake-suspend": lambda: self.switch("suspended", "SUSPEND"),
            "object-add": lambda: self.object_add(args),
            "object-del": lambda: self.object_del(args),
            "device_add": lambda: self.device_add(args),
            "device_del": lambda: self.device_del(args),
            "human-monitor-command": lambda: "you said " + args["command-line"],
            "x-fake-event": lambda: self.event(args["name"], args.get("data")) or {},
            "x-fake-eject": lambda: self.eject(args),
            "x-fake-refuse": lambda: self.refuse(args),
            "x-fake-plug": lambda: self.device_add(args),
            "x-fake-status": lambda: setattr(self, "status", args["status"]) or {},
        }[name]()

    def power_down(self):
        """The guest obeys the power button."""
        self.status = "shutdown"
        self.event("SHUTDOWN", {"guest": True, "reason": "guest-shutdown"})
        return {}


def reply_to(guest, request):
    """The reply to one command; None: there will be none."""
    name = request["execute"]
    guest.seen.add(name)
    if guest.words.get("vanish") == name:
        raise Vanished
    if guest.words.get("hang") == name:
        return None
    if guest.words.get("refuse") == name:
        return {"error": {"class": "GenericError", "desc": "refused by the test"}}
    try:
        result = {"return": guest.answer(name, request.get("arguments", {}))}
        return None if guest.words.get("lose") == name else result
    except KeyError as error:
        return {"error": {"class": "GenericError", "desc": f"cannot {name}: {error}"}}


def serve(guest, connection):
    """One connection until it ends."""
    stream = connection.makefile("rwb")

    def send(message):
        stream.write(json.dumps(message).encode() + b"\r\n")
        stream.flush()

    if "mute" not in guest.words:
        send({"QMP": {"version": {"qemu": {"major": 7, "minor": 2, "micro": 0}, "package": ""},
                      "capabilities": []}})
    guest.events.clear()
    for text in stream:
        request = json.loads(text)
        reply = reply_to(guest, request)
        if reply is not None:
            send({**reply, "id": request.get("id")})
        for event in guest.events:
            send(event)
        guest.events.clear()


def main():
    """Serve one connection after the other."""
    guest = Guest(sys.argv)
    if "die" in guest.words:
        print(f"tenon-vmm: {guest.words['die']}", file=sys.stderr)
        sys.exit(1)
    if "pty" in guest.words:
        guest.open_pty()
    if "ignore-term" in guest.words:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    else:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    listener = socket.socket(fileno=guest.fd)
    while True:
        connection, _ = listener.accept()
        try:
            serve(guest, connection)
        except Vanished:
            os._exit(1)
        except (BrokenPipeError, ConnectionResetError):
            pass
        connection.close()


main()
