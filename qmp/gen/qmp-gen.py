#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Makes the C tables and the reference manual from the QMP schema.

qmp-gen.py header|source|docs OUTPUT SCHEMA...   writes
qmp-gen.py check DOCS SCHEMA...                  TAP: is DOCS what would be written?
"""

import sys

import c_tables
import reference
from schema import Schema, SchemaError


def check(path, schema):
    """A TAP test with one line."""
    with open(path, encoding='utf-8') as file:
        current = file.read() == reference.text(schema)
    print('1..1')
    print(f'{"ok" if current else "not ok"} 1 - /qmp/docs/reference-is-current')
    if not current:
        print('# run: ninja -C build update-qmp-docs')


def main():
    what, path, paths = sys.argv[1], sys.argv[2], sys.argv[3:]
    try:
        schema = Schema(paths)
    except SchemaError as error:
        sys.exit(f'qmp-gen: {error}')
    if what == 'check':
        check(path, schema)
        return
    make = {'header': c_tables.header, 'source': c_tables.source, 'docs': reference.text}[what]
    with open(path, 'w', encoding='utf-8') as file:
        file.write(make(schema))


main()
