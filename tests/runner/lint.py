# SPDX-License-Identifier: LGPL-2.1-or-later
"""The second look: clang with warnings as errors, sanitizers, clang-tidy, cppcheck, syntax."""

import hashlib
import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import meson_tests
import tally as counting
from meson_tests import TOP

CLANG_BUILD = "build-clang"
CLANG_OPTIONS = ("-Dwerror=true", "-Db_sanitize=address,undefined", "-Db_lundef=false",
                 "-Doptimization=1")
TSAN_BUILD = "build-tsan"
TSAN_OPTIONS = ("-Dwerror=true", "-Db_sanitize=thread", "-Db_lundef=false", "-Doptimization=1")
# Tests where threads meet run under ThreadSanitizer too.
THREADS_TESTS = ("vmm-memory-threads", "vmm-memory-listener", "vmm-memory-eventfd",
                 "vmm-memory-dirty-log", "vmm-memory-coalesced", "vmm-core-run-state",
                 "vmm-acpi-gpe", "vmm-acpi-pm", "vmm-acpi-pci-hotplug", "vmm-hw-edu",
                 "vmm-hw-serial", "vmm-hw-i8254", "vmm-hw-i8259", "vmm-hw-ioapic",
                 "vmm-backend-chardev-socket", "vmm-accel-vcpu",
                 "vmm-accel-coalesced", "vmm-accel-dirty-log", "vmm-accel-ioeventfd",
                 "vmm-accel-irq", "vmm-accel-split-irqchip",
                 "rpc-pool", "qmp-client",
                 "wire-calls", "wire-connection", "wire-hostile", "wire-keepalive", "wire-relay",
                 "wire-streams")
# GLib's locks made visible; see the file.
TSAN_LOCKS = "tests/lib/tsan-glib.c"
# A tool that hangs on one file must not hold up the rest.
FILE_LIMIT_SECONDS = 300
CPPCHECK_LIMIT_SECONDS = 900
SUPPRESSIONS = "tests/style/cppcheck-suppressions"
SANITIZER_ENVIRONMENT = {
    "ASAN_OPTIONS": "detect_leaks=1:strict_string_checks=1:allocator_may_return_null=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
    "TSAN_OPTIONS": f"halt_on_error=1:second_deadlock_stack=1:suppressions={TOP}/"
                    "tests/style/tsan-suppressions",
}
SANITIZER_WORDS = ("AddressSanitizer", "LeakSanitizer", "ThreadSanitizer", "runtime error:")


def sources(folder):
    """Our own C files that `folder` compiles: absolute paths, without generated ones."""
    commands = json.loads((TOP / folder / "compile_commands.json").read_text())
    paths = {(Path(entry["directory"]) / entry["file"]).resolve() for entry in commands}
    return sorted(path for path in paths
                  if path.suffix == ".c" and path.is_relative_to(TOP)
                  and not path.is_relative_to(TOP / folder))


def sanitized(tally, folder, label, tests, more=None):
    """Run `tests` in a sanitizer's build; one point a program."""
    environment = SANITIZER_ENVIRONMENT | (more or {})
    failed = {}

    def finding(text):
        return any(word in text for word in SANITIZER_WORDS)

    for name, verdict, status, output, errors in meson_tests.run_tests(
            folder, [test["name"] for test in tests], label, environment):
        outcome = meson_tests.outcome_of(verdict, status, output)
        if outcome.failures and not finding(output + errors):
            failed[name] = outcome
        else:
            tally.point(f"lint/{label}/{name}", not finding(output + errors), output + errors)
    for name, verdict, status, output, errors in meson_tests.second_try(
            tally, folder, failed, f"{label}-again", environment):
        outcome = meson_tests.outcome_of(verdict, status, output)
        tally.point(f"lint/{label}/{name}",
                    not outcome.failures and not finding(output + errors), output + errors)


def clang(tally):
    """Build with clang and run the unit tests under ASan and UBSan. Returns whether it built."""
    tally.say("clang, warnings are errors, with address and undefined-behaviour sanitizers")
    try:
        meson_tests.build(CLANG_BUILD, CLANG_OPTIONS, "clang")
    except meson_tests.BuildError as error:
        tally.point("lint/clang", False, str(error))
        return False
    tally.point("lint/clang", True)
    tests = [test for test in meson_tests.known(CLANG_BUILD)
             if not any(suite.endswith("style") for suite in test["suite"])]
    sanitized(tally, CLANG_BUILD, "asan-ubsan", tests)
    return True


def visible_locks():
    """Compile what shows GLib's locks to ThreadSanitizer. Returns its path."""
    library = TOP / TSAN_BUILD / "tsan-glib.so"
    flags = meson_tests.run(["pkg-config", "--cflags", "--libs", "glib-2.0"]).stdout.split()
    done = meson_tests.run(["clang", "-shared", "-fPIC", "-O1", "-D_GNU_SOURCE", TSAN_LOCKS,
                            "-o", library, *flags])
    if done.returncode:
        raise meson_tests.BuildError(done.stdout)
    return library


def threads(tally):
    """Build and run the tests where threads meet under ThreadSanitizer."""
    tests = [test for test in meson_tests.known(CLANG_BUILD) if test["name"] in THREADS_TESTS]
    tally.say(f"ThreadSanitizer on {len(tests)} test programs")
    try:
        if not (TOP / TSAN_BUILD / "build.ninja").exists():
            meson_tests.setup(TSAN_BUILD, TSAN_OPTIONS, "clang")
        programs = {str(Path(test["cmd"][0]).relative_to(TOP / CLANG_BUILD)) for test in tests}
        meson_tests.build(TSAN_BUILD, targets=sorted(programs))
        library = visible_locks()
    except meson_tests.BuildError as error:
        tally.point("lint/tsan", False, str(error))
        return
    sanitized(tally, TSAN_BUILD, "tsan", tests, {
        "LD_PRELOAD": str(library),
        # GLib's own allocator hands memory from thread to thread unseen.
        "G_SLICE": "always-malloc"})


class Verdicts:
    """Files that clang-tidy found clean before, known by a digest of all they depend on."""

    def __init__(self, folder):
        self._path = TOP / folder / "tidy-verdicts.json"
        self._clean = set(json.loads(self._path.read_text())) if self._path.exists() else set()
        self._kept = set()
        shared = hashlib.sha256((TOP / ".clang-tidy").read_bytes())
        for header in sorted(TOP.glob("[dqvxt]*/**/*.h")):
            shared.update(header.read_bytes())
        self._shared = shared.digest()

    def _digest(self, path):
        return hashlib.sha256(self._shared + path.read_bytes()).hexdigest()

    def knows(self, path):
        """Whether `path` was clean as it is now."""
        digest = self._digest(path)
        if digest in self._clean:
            self._kept.add(digest)
            return True
        return False

    def keep(self, path):
        """Remember `path` as clean."""
        self._kept.add(self._digest(path))

    def save(self):
        """Write what is known now."""
        self._path.write_text(json.dumps(sorted(self._kept)))


def tidy(tally):
    """clang-tidy over every file of ours; one point for all."""
    verdicts = Verdicts(CLANG_BUILD)
    todo = [path for path in sources(CLANG_BUILD) if not verdicts.knows(path)]
    tally.say(f"clang-tidy on {len(todo)} files")

    def judge(path):
        done = meson_tests.run(["timeout", str(FILE_LIMIT_SECONDS), "clang-tidy", "--quiet",
                                "-p", CLANG_BUILD, path])
        return path, done.returncode == 0 and "warning:" not in done.stdout, done.stdout

    findings = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for path, clean, said in pool.map(judge, todo):
            if clean:
                verdicts.keep(path)
            else:
                findings.append(f"{path.relative_to(TOP)}:\n{said}")
    verdicts.save()
    tally.point("lint/clang-tidy", not findings, "\n".join(findings))


def cppcheck(tally):
    """cppcheck over the whole program; one point for all."""
    tally.say("cppcheck")
    cache = TOP / CLANG_BUILD / "cppcheck"
    cache.mkdir(exist_ok=True)
    files = cache / "files"
    files.write_text("".join(f"{path}\n" for path in sources(CLANG_BUILD)))
    done = meson_tests.run([
        "timeout", str(CPPCHECK_LIMIT_SECONDS), "cppcheck", "--quiet", "--error-exitcode=1",
        "--enable=warning,portability,performance", "--inline-suppr", "--library=gtk",
        f"--suppressions-list={SUPPRESSIONS}", f"--cppcheck-build-dir={cache}",
        f"-j{os.cpu_count()}", f"--file-list={files}", "--std=c11", "--max-configs=2",
        "-I.", f"-I{CLANG_BUILD}", "-D_GNU_SOURCE", "-D__linux__", "-D__x86_64__",
        # Macros that gtk.cfg does not have.
        "-DG_DEFINE_QUARK(name, prefix)=", "-DG_GNUC_PRINTF(format, first)="])
    tally.point("lint/cppcheck", done.returncode == 0, done.stdout)


def scripts(tally):
    """Every script parses; one point for all."""
    faults = []
    for path in meson_tests.run(["git", "ls-files"]).stdout.split():
        path = TOP / path
        if not path.is_file():
            continue
        head = path.read_bytes()[:64]
        if path.suffix == ".sh" or head.startswith(b"#!/bin/sh"):
            done = meson_tests.run(["sh", "-n", path])
            faults += [done.stdout] if done.returncode else []
        elif path.suffix == ".py" or (head.startswith(b"#!") and b"python" in head):
            try:
                compile(path.read_bytes(), path, "exec")
            except SyntaxError as error:
                faults.append(f"{path}: {error}")
    tally.point("lint/scripts", not faults, "\n".join(faults))


def count(tally):
    """All of it."""
    scripts(tally)
    if not shutil.which("clang"):
        tally.add("lint", counting.Outcome(failures=["no clang here"]))
        return
    if clang(tally):
        threads(tally)
        tidy(tally)
        cppcheck(tally)
