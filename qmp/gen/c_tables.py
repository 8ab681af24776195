# SPDX-License-Identifier: LGPL-2.1-or-later
"""The schema as C tables for qmp/schema-table.h."""

import introspect
from schema import BUILTINS, PHASES

HEAD = '/* SPDX-License-Identifier: LGPL-2.1-or-later */\n' \
       '/* Made by qmp/gen from qmp/schema; not to be edited. */\n'


def c_name(name):
    """@name as a part of a C identifier."""
    return name.replace('-', '_').replace('[', '').replace(']', '')


def c_string(text):
    return '"' + text.replace('\\', '\\\\').replace('"', '\\"') + '"'


def command_id(name):
    return 'TN_QMP_COMMAND_' + c_name(name).upper()


def event_id(name):
    return 'TN_QMP_EVENT_' + c_name(name).upper()


def header(schema):
    """qmp-schema-gen.h"""
    out = [HEAD, '#pragma once\n', '#include "qmp/schema-table.h"\n',
           '/* Indices into tn_qmp_commands, which is sorted by name. */', 'enum {']
    out += [f'    {command_id(name)},' for name in sorted(schema.commands)]
    out += ['    TN_QMP_COMMAND_LAST,', '};\n',
            '/* Indices into tn_qmp_events, which is sorted by name. */', 'enum {']
    out += [f'    {event_id(name)},' for name in sorted(schema.events)]
    out += ['    TN_QMP_EVENT_LAST,', '};\n',
            'extern const TnQmpCommand tn_qmp_commands[TN_QMP_COMMAND_LAST];',
            'extern const TnQmpEvent tn_qmp_events[TN_QMP_EVENT_LAST];', '']
    return '\n'.join(out)


def limit(value):
    """An integer constant that C accepts, at the ends of its types as well."""
    if value == -2**63:
        return 'G_MININT64'
    return f'{value}{"U" if value > 2**63 - 1 else ""}LL' if abs(value) > 2**31 - 1 else str(value)


class Tables:
    """Emits each type once, before or after its users: all are declared first."""

    def __init__(self, schema):
        self.schema = schema
        self.declared = []
        self.defined = []
        self.known = {}

    def ref(self, type_):
        """The C expression for a pointer to @type_; None is no type."""
        if type_ is None:
            return 'NULL'
        key = f'[{type_[0]}]' if isinstance(type_, list) else type_
        if key not in self.known:
            self.known[key] = ('list_of_' if isinstance(type_, list) else 'type_') + c_name(key)
            self.declared.append(f'static const TnQmpType {self.known[key]};')
            self._define(self.known[key], type_)
        return '&' + self.known[key]

    def _define(self, ident, type_):
        if isinstance(type_, list):
            fields = ['.kind = TN_QMP_TYPE_ARRAY', '.name = "array"',
                      f'.element = {self.ref(type_[0])}']
        elif type_ in BUILTINS:
            kind, least, greatest, name, _ = BUILTINS[type_]
            fields = [f'.kind = TN_QMP_TYPE_{kind}', f'.name = {c_string(name)}']
            if kind in ('INT', 'UINT'):
                fields += [f'.min = {limit(least)}', f'.max = {limit(greatest)}']
        elif type_ in self.schema.enums:
            values = ', '.join(c_string(v) for v in self.schema.enums[type_]['values'])
            self.defined.append(f'static const char *const values_of_{ident}[] = '
                                f'{{ {values}, NULL }};')
            fields = ['.kind = TN_QMP_TYPE_ENUM', f'.name = {c_string(type_)}',
                      f'.values = values_of_{ident}']
        else:
            fields = self._object_fields(ident, type_)
        self.defined.append(f'static const TnQmpType {ident} = {{ {", ".join(fields)} }};')

    def _object_fields(self, ident, type_):
        obj = self.schema.objects[type_]
        members = self.schema.all_members(obj)
        fields = ['.kind = TN_QMP_TYPE_OBJECT', f'.name = {c_string(type_)}']
        if members:
            rows = [f'    {{ {c_string(m.name)}, {self.ref(m.type)}, '
                    f'{"TRUE" if m.optional else "FALSE"} }},' for m in members]
            self.defined += [f'static const TnQmpMember members_of_{ident}[] = {{'] + rows + ['};']
            fields += [f'.members = members_of_{ident}', f'.n_members = {len(members)}']
        if obj.tag:
            rows = [f'    {{ {c_string(case)}, {self.ref(variant)} }},'
                    for case, variant in obj.variants.items()]
            self.defined += [f'static const TnQmpVariant variants_of_{ident}[] = {{'] + rows + ['};']
            tag = [m.name for m in members].index(obj.tag)
            fields += [f'.variants = variants_of_{ident}', f'.n_variants = {len(rows)}',
                       f'.tag = {tag}']
        if obj.open:
            fields.append('.open = TRUE')
        return fields


def source(schema):
    """qmp-schema-gen.c"""
    tables = Tables(schema)
    commands, events = [], []
    for name in sorted(schema.commands):
        definition = schema.commands[name]
        phases = ' | '.join('TN_QMP_PHASE_' + p.upper() for p in PHASES
                            if p in definition['phases'])
        commands.append(f'    {{ {c_string(name)}, {tables.ref(definition["arg-type"])}, '
                        f'{tables.ref(definition.get("returns"))}, {phases} }},')
    for name in sorted(schema.events):
        events.append(f'    {{ {c_string(name)}, {tables.ref(schema.events[name]["arg-type"])} }},')
    text = introspect.to_text(schema)
    pieces = [text[i:i + 80] for i in range(0, len(text), 80)]
    out = [HEAD, '#include "qmp-schema-gen.h"\n']
    out += tables.declared + [''] + tables.defined
    out += ['', 'const TnQmpCommand tn_qmp_commands[TN_QMP_COMMAND_LAST] = {'] + commands + ['};']
    out += ['', 'const TnQmpEvent tn_qmp_events[TN_QMP_EVENT_LAST] = {'] + events + ['};']
    out += ['', 'const unsigned tn_qmp_n_commands = TN_QMP_COMMAND_LAST;',
            'const unsigned tn_qmp_n_events = TN_QMP_EVENT_LAST;', '',
            'const char tn_qmp_schema_text[] ='] + ['    ' + c_string(p) for p in pieces]
    out[-1] += ';\n'
    return '\n'.join(out)
