# SPDX-License-Identifier: LGPL-2.1-or-later
"""
Counts what a thread executes in user space between two KVM_RUN calls: PTRACE_SINGLESTEP,
one stop an instruction (of a rep instruction: a repetition). Counts, unlike times, do not
depend on what else the host does.
"""

import contextlib
import ctypes
import os
import signal
import statistics

PTRACE_PEEKTEXT, PTRACE_PEEKUSER, PTRACE_SINGLESTEP = 1, 3, 9
PTRACE_ATTACH, PTRACE_DETACH = 16, 17
RAX, RSI, RIP = 10 * 8, 13 * 8, 16 * 8
WALL = 0x40000000
SYS_IOCTL = 16
KVM_RUN = 0xAE80
SYSCALL_BYTES = 0x050F
LIMIT_SECONDS = 15

_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.restype = ctypes.c_long
_libc.ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)


def _ptrace(request, tid, addr=None, data=None):
    ctypes.set_errno(0)
    result = _libc.ptrace(request, tid, addr, data)
    if result == -1 and ctypes.get_errno():
        raise OSError(ctypes.get_errno(), f"ptrace request {request} of thread {tid}")
    return result


class Stepper:
    """A stopped thread, gone through instruction by instruction."""

    def __init__(self, tid):
        self._tid = tid
        self._is_syscall = {}
        _ptrace(PTRACE_ATTACH, tid)
        os.waitpid(tid, WALL)

    def detach(self):
        """Let the thread go on by itself."""
        _ptrace(PTRACE_DETACH, self._tid)

    def _step(self):
        """Execute one instruction."""
        pending = 0
        while True:
            _ptrace(PTRACE_SINGLESTEP, self._tid, None, pending)
            _, status = os.waitpid(self._tid, WALL)
            if not os.WIFSTOPPED(status):
                raise ProcessLookupError(f"thread {self._tid} has ended")
            if os.WSTOPSIG(status) == signal.SIGTRAP:
                return
            pending = os.WSTOPSIG(status)

    def _syscall_at(self, rip):
        if rip not in self._is_syscall:
            self._is_syscall[rip] = _ptrace(PTRACE_PEEKTEXT, self._tid, rip) & 0xFFFF == \
                SYSCALL_BYTES
        return self._is_syscall[rip]

    def _next_is_run(self):
        """Whether the thread stands before KVM_RUN; None: before another system call."""
        if not self._syscall_at(_ptrace(PTRACE_PEEKUSER, self._tid, RIP)):
            return False
        is_run = _ptrace(PTRACE_PEEKUSER, self._tid, RAX) == SYS_IOCTL and \
            _ptrace(PTRACE_PEEKUSER, self._tid, RSI) == KVM_RUN
        return True if is_run else None

    def exit(self):
        """
        From where the thread stands to before the next KVM_RUN, then over it. Returns
        (instructions, the other system calls).
        """
        count, calls = 0, 0
        while True:
            run = self._next_is_run()
            if run:
                self._step()
                return count, calls
            if run is None:
                calls += 1
            self._step()
            count += 1


@contextlib.contextmanager
def _limit(seconds):
    """Raises TimeoutError in the block when it has taken so long."""
    def expire(_signal, _frame):
        raise TimeoutError(f"an exit did not come back from the kernel within {seconds} s")

    before = signal.signal(signal.SIGALRM, expire)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def measure(tid, exits):
    """
    Goes through `exits` exits of a thread whose guest does the same for ever. Returns
    (median instructions, median system calls). TimeoutError: the thread does not leave
    KVM_RUN any more, which some hosts' KVM does to a stepped thread now and then; the
    process is of no more use.
    """
    with _limit(LIMIT_SECONDS):
        stepper = Stepper(tid)
        for _ in range(3):  # the attaching itself, and what caches make of the first
            stepper.exit()
        seen = [stepper.exit() for _ in range(exits)]
        stepper.detach()
    counts, calls = zip(*seen)
    return statistics.median_low(counts), statistics.median_low(calls)
