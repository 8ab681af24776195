# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes the C table of get_type functions: list-types.py OUTPUT tn_pc_dimm ..."""
import sys


def main():
    output, names = sys.argv[1], sorted(sys.argv[2:])
    with open(output, "w", encoding="utf-8") as f:
        f.write('#include "vmm/core/type-registry.h"\n\n')
        for name in names:
            f.write(f"GType {name}_get_type(void);\n")
        f.write("\nconst TnGetTypeFunc tn_vmm_types[] = {\n")
        for name in names:
            f.write(f"    {name}_get_type,\n")
        f.write("    NULL,\n};\n")


main()
