# SPDX-License-Identifier: LGPL-2.1-or-later
"""Debian kernels for the box and its guests: fetched as packages, unpacked, never installed."""

import json
import lzma
import os
import re
import shutil
import struct
import subprocess
import zlib
from pathlib import Path

SETUP_HEADER_MAGIC = b"HdrS"
PAYLOAD_PROTOCOL = 0x0208
BZIMAGE_SECTOR = 512


class KernelError(Exception):
    """A kernel that cannot be had, with a sentence saying why."""


def run(argv, **kwargs):
    """Run a tool quietly; its output becomes the error's text when it fails."""
    done = subprocess.run(argv, capture_output=True, text=True, check=False, **kwargs)
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip()
        raise KernelError(f"{' '.join(map(str, argv))}: {said}")
    return done.stdout


def resolve_package(meta):
    """Name of the versioned image package that the meta package `meta` depends on now."""
    for line in run(["apt-cache", "depends", meta]).splitlines():
        found = re.match(r"\s*Depends:\s*(linux-image-\d\S*)", line)
        if found:
            return found.group(1)
    raise KernelError(f"apt knows no package behind {meta}: apt-get update may help")


def decompress(payload):
    """The ELF file inside a bzImage's payload; the format is told by its magic."""
    if payload.startswith(b"\xfd7zXZ\0"):
        return lzma.LZMADecompressor(lzma.FORMAT_XZ).decompress(payload)
    if payload.startswith(b"\x1f\x8b"):
        return zlib.decompressobj(31).decompress(payload)
    if payload.startswith(b"\x5d\0\0"):
        return lzma.LZMADecompressor(lzma.FORMAT_ALONE).decompress(payload)
    tools = {b"\x02\x21\x4c\x18": ["lz4", "-dc"], b"\x28\xb5\x2f\xfd": ["zstd", "-dcq"]}
    for magic, argv in tools.items():
        if payload.startswith(magic):
            # The kernel's build appends the unpacked size, which is no part of the stream.
            done = subprocess.run(argv, input=payload[:-4], capture_output=True, check=False)
            if done.returncode == 0:
                return done.stdout
            raise KernelError(f"{argv[0]}: {done.stderr.decode(errors='replace').strip()}")
    raise KernelError(f"unknown compression, magic {payload[:6].hex()}")


def extract_vmlinux(image):
    """Take the kernel's ELF form (the one with the PVH note) out of the bytes of a bzImage."""
    magic, protocol = struct.unpack_from("<4sH", image, 0x202)
    if magic != SETUP_HEADER_MAGIC or protocol < PAYLOAD_PROTOCOL:
        raise KernelError("not a bzImage of boot protocol 2.08 or later")
    setup_sectors = image[0x1F1] or 4
    offset, length = struct.unpack_from("<II", image, 0x248)
    start = (setup_sectors + 1) * BZIMAGE_SECTOR + offset
    elf = decompress(image[start:start + length])
    if not elf.startswith(b"\x7fELF"):
        raise KernelError("the payload of the bzImage is no ELF file")
    return elf


def download(meta, folder):
    """Put the package behind `meta` into `folder`. Returns its name."""
    def once():
        package = resolve_package(meta)
        run(["apt-get", "download", "-qq", "-o", "APT::Sandbox::User=root", package], cwd=folder)
        return package

    try:
        return once()
    except KernelError:
        if os.geteuid() != 0:
            raise
    # No lists of packages yet, or older ones than the archive's.
    run(["apt-get", "update", "-qq"])
    return once()


def fetch(meta, cache):
    """
    Make `cache`/`meta`/ hold a kernel: vmlinuz, vmlinux, lib/modules/VERSION, kernel.json.

    What is there already is kept, whatever apt has now. Returns (folder, version).
    The caller holds the lock on the cache.
    """
    home = Path(cache) / meta
    stamp = home / "kernel.json"
    if stamp.exists():
        return home, json.loads(stamp.read_text())["version"]
    work = Path(cache) / f".{meta}.{os.getpid()}"
    work.mkdir(parents=True)
    try:
        package = download(meta, work)
        deb = next(work.glob("*.deb"))
        run(["dpkg-deb", "-x", deb, work])
        deb.unlink()
        version = package.removeprefix("linux-image-")
        (work / f"boot/vmlinuz-{version}").rename(work / "vmlinuz")
        (work / "vmlinux").write_bytes(extract_vmlinux((work / "vmlinuz").read_bytes()))
        depmod = shutil.which("depmod", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
        if depmod:
            run([depmod, "-b", work, version])
        (work / "kernel.json").write_text(json.dumps({"package": package, "version": version}))
        shutil.rmtree(home, ignore_errors=True)
        work.rename(home)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return home, version
