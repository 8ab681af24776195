#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Turn one .x file into a C header or C source with rpcgen, independent of the build folder's path.

usage: generate.py RPCGEN (header|source) INPUT.x OUTPUT
"""
import os
import shutil
import subprocess
import sys
import tempfile

INCLUDE_PREFIX = "driver/rpc/protocol/"


def run_rpcgen(rpcgen, mode, path):
    """rpcgen writes the input's path into its output, so it runs beside a copy of the input."""
    name = os.path.basename(path)
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(path, os.path.join(folder, name))
        command = [rpcgen, "-i", "0", "-h" if mode == "header" else "-c", name]
        return subprocess.run(command, cwd=folder, check=True, stdout=subprocess.PIPE,
                              universal_newlines=True).stdout


def main():
    rpcgen, mode, source, output = sys.argv[1:]
    text = run_rpcgen(rpcgen, mode, source)
    stem = os.path.splitext(os.path.basename(source))[0]
    text = text.replace('#include "%s.h"' % stem, '#include "%s%s.h"' % (INCLUDE_PREFIX, stem))
    if mode == "header":
        # Only XDR is used: the whole of the RPC library's headers would come with rpc.h.
        text = text.replace("#include <rpc/rpc.h>", "#include <rpc/types.h>\n#include <rpc/xdr.h>")
        # The guard is made of the file's name, which may hold what no macro can.
        text = text.replace("_%s_H_RPCGEN" % stem.upper(),
                            "TN_RPC_%s_H" % stem.upper().replace("-", "_"))
    with open(output, "w", encoding="utf-8") as handle:
        handle.write(text)


if __name__ == "__main__":
    main()
