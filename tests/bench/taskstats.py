# SPDX-License-Identifier: LGPL-2.1-or-later
"""
A thread's user time as the kernel's ticks counted it (the taskstats interface, Linux's
Documentation/accounting/taskstats.rst). /proc gives the same scaled to the scheduler's clock,
but guest time unscaled, so that there the difference of the two means little.
"""

import socket
import struct

GENERIC, CONTROL = 16, 0x10
NLM_F_REQUEST, NLMSG_ERROR = 1, 2
CTRL_CMD_GETFAMILY, CTRL_ATTR_FAMILY_ID, CTRL_ATTR_FAMILY_NAME = 3, 1, 2
TASKSTATS_CMD_GET, CMD_ATTR_PID, TYPE_STATS, TYPE_AGGR_PID = 1, 1, 3, 4
HEADER, GENERIC_HEADER = struct.Struct("=IHHII"), struct.Struct("=BBH")
AC_UTIME = 152  # offset in struct taskstats, the same since its version 1
LIMIT_SECONDS = 5


def _attribute(kind, payload):
    return struct.pack("=HH", 4 + len(payload), kind) + payload + b"\0" * (-len(payload) % 4)


def _attributes(data):
    """{kind: payload} of a run of netlink attributes."""
    found = {}
    while len(data) >= 4:
        length, kind = struct.unpack_from("=HH", data)
        found[kind & 0x3FFF] = data[4:length]
        data = data[(length + 3) & ~3:]
    return found


class Taskstats:
    """A connection to the kernel; needs root."""

    def __init__(self):
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, GENERIC)
        self._socket.settimeout(LIMIT_SECONDS)
        self._socket.bind((0, 0))
        found = self._ask(CONTROL, CTRL_CMD_GETFAMILY,
                          _attribute(CTRL_ATTR_FAMILY_NAME, b"TASKSTATS\0"))
        self._family, = struct.unpack("=H", found[CTRL_ATTR_FAMILY_ID])

    def close(self):
        """End the connection."""
        self._socket.close()

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self.close()

    def _ask(self, family, command, attributes):
        length = HEADER.size + GENERIC_HEADER.size + len(attributes)
        self._socket.send(HEADER.pack(length, family, NLM_F_REQUEST, 0, 0) +
                          GENERIC_HEADER.pack(command, 1, 0) + attributes)
        answer = self._socket.recv(65536)
        _, kind, _, _, _ = HEADER.unpack_from(answer)
        if kind == NLMSG_ERROR:
            code = -struct.unpack_from("=i", answer, HEADER.size)[0]
            raise OSError(code, "the kernel's taskstats interface")
        return _attributes(answer[HEADER.size + GENERIC_HEADER.size:])

    def user_seconds(self, tid):
        """User time of the thread `tid`, a guest's included."""
        found = self._ask(self._family, TASKSTATS_CMD_GET,
                          _attribute(CMD_ATTR_PID, struct.pack("=I", tid)))
        stats = _attributes(found[TYPE_AGGR_PID])[TYPE_STATS]
        return struct.unpack_from("=Q", stats, AC_UTIME)[0] / 1e6
