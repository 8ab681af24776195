# SPDX-License-Identifier: LGPL-2.1-or-later
"""
The way of a memory hot-plug event as the kernel's tracer saw it, whatever the monitor says.

KVM's own trace points witness the guest's port accesses and the interrupt line; a probe on the kernel's
function shows memory slots. All stamps are those of time.monotonic().
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path

import elf_symbol

TRACING = Path("/sys/kernel/tracing")
SCI_GSI = 9
GPE0_STATUS = 0xAFE0
GPE_MEMORY_BIT = 0x08
# docs/specs: the memory hot-plug controller's registers.
CONTROLLER = 0xA00
CONTROLLER_END = 0xA18
REGISTER_SELECT, REGISTER_OST_EVENT, REGISTER_OST_STATUS = 0xA00, 0xA04, 0xA08
REGISTER_CONTROL = 0xA14
CONTROL_EJECT = 0x08
OST_STATUS = {0: "success", 0x80: "failure", 0x81: "unrecognized", 0x82: "busy",
              0x84: "in progress"}
OST_INSERTION, OST_EJECTION = 1, 3

# Called with the name of each QMP command that arrives.
QMP_FUNCTION = "tn_qmp_command_find"
QMP_SHOWN = "object-add|object-del|device_add|device_del"

LINE = re.compile(r"\s(\d+\.\d+): (\w+): (.*)$")
SLOT_PROBE = ("p:tenon/memslot __kvm_set_memory_region slot=+0(%si):u32 flags=+4(%si):u32 "
              "gpa=+8(%si):x64 size=+16(%si):x64")


@dataclass
class Step:
    """One thing seen: when (seconds of time.monotonic()), what kind, and in words."""

    when: float
    kind: str
    text: str


def add_probe(name, text):
    """Add one line to the kernel's list `name` of probes, a file that cannot be sought in."""
    probes = os.open(TRACING / name, os.O_WRONLY | os.O_APPEND)
    try:
        os.write(probes, text.encode() + b"\n")
    finally:
        os.close(probes)


class KvmTrace:
    """Traces KVM while open. Where the kernel offers no tracer, it sees nothing and says why."""

    def __init__(self, monitor=None):
        """`monitor`: path of the tenon-vmm whose QMP commands are to be seen too."""
        self.reason = None
        self._monitor = monitor
        self._folder = TRACING / f"instances/tenon-{os.getpid()}"

    def _write(self, name, text):
        (self._folder / name).write_text(text, encoding="ascii")

    def __enter__(self):
        try:
            add_probe("kprobe_events", SLOT_PROBE)
            self._folder.mkdir()
            self._write("trace_clock", "mono")
            self._write("buffer_size_kb", "1024")
            self._write("events/kvm/kvm_pio/filter",
                        f"(port >= {CONTROLLER} && port < {CONTROLLER_END}) || "
                        f"port == {GPE0_STATUS}")
            self._write("events/kvm/kvm_set_irq/filter", f"gsi == {SCI_GSI}")
            self._write("events/tenon/memslot/filter", "slot < 65536")
            for event in ("kvm/kvm_pio", "kvm/kvm_set_irq", "tenon/memslot"):
                self._write(f"events/{event}/enable", "1")
            self._watch_monitor()
        except OSError as error:
            self.reason = f"no kernel tracer ({error.strerror}: {error.filename})"
        return self

    def _watch_monitor(self):
        place = self._monitor and elf_symbol.file_offset(self._monitor, QMP_FUNCTION)
        if not place:
            self._monitor = None
            return
        add_probe("uprobe_events",
                  f"p:tenon/qmp {self._monitor}:{place:#x} name=+0(%di):string")
        self._write("events/tenon/qmp/enable", "1")

    def __exit__(self, *_):
        try:
            self._write("events/enable", "0")
            self._folder.rmdir()
            add_probe("kprobe_events", "-:tenon/memslot")
            if self._monitor:
                add_probe("uprobe_events", "-:tenon/qmp")
        except OSError:
            pass

    def steps(self, since):
        """What was seen after `since`, in order, repetitions left out."""
        if self.reason:
            return []
        found = []
        decoder = Decoder()
        for line in (self._folder / "trace").read_text(encoding="ascii").splitlines():
            match = LINE.search(line)
            if match and float(match[1]) >= since:
                step = decoder.step(float(match[1]), match[2], match[3])
                if step and not any(step.text == other.text for other in found):
                    found.append(step)
        return found


class Decoder:
    """Turns trace lines into words; remembers what a later line refers to."""

    def __init__(self):
        self._slot = 0
        self._ost_event = 0

    def step(self, when, event, fields):
        """The Step behind one trace line, or None if it says nothing new."""
        kind, text = None, None
        if event == "memslot":
            kind, text = self._memory_slot(fields)
        elif event == "kvm_set_irq" and "level 1" in fields:
            kind, text = "sci", f"SCI raised (GSI {SCI_GSI})"
        elif event == "qmp" and re.search(rf'name="({QMP_SHOWN})"', fields):
            kind, text = "qmp", "QMP " + fields.split('"')[1]
        elif event == "kvm_pio":
            kind, text = self._port(fields)
        return Step(when, kind, text) if kind else None

    @staticmethod
    def _memory_slot(fields):
        value = {name: int(number, 0) for name, number in re.findall(r"(\w+)=(\w+)", fields)}
        if value["size"]:
            return "slot", f"KVM memory slot: {value['size'] >> 20} MiB at {value['gpa']:#x}"
        return "slot", "KVM memory slot removed"

    def _port(self, fields):
        match = re.match(r"pio_(read|write) at (0x\w+) size \d+ count \d+ val (0x\w+)", fields)
        if not match:
            return None, None
        write, port, value = match[1] == "write", int(match[2], 16), int(match[3], 16)
        if port == GPE0_STATUS:
            if not write and value & GPE_MEMORY_BIT:
                return "gpe", "guest reads GPE0 status: memory hot-plug bit set"
        elif write and port == REGISTER_SELECT:
            self._slot = value
        elif write and port == REGISTER_OST_EVENT:
            self._ost_event = value
        elif write and port == REGISTER_OST_STATUS:
            return self._ost(value)
        elif write and port == REGISTER_CONTROL and value & CONTROL_EJECT:
            return "eject", f"guest ejects slot {self._slot}"
        return None, None

    def _ost(self, status):
        about = {OST_INSERTION: "insertion", OST_EJECTION: "ejection"}
        what = about.get(self._ost_event & 0xFF, f"event {self._ost_event:#x}")
        return "ost", f"_OST: {what}, {OST_STATUS.get(status, f'status {status:#x}')}"
