# SPDX-License-Identifier: LGPL-2.1-or-later
"""docs/qmp.md: the reference manual."""

HEAD = '''<!-- SPDX-License-Identifier: LGPL-2.1-or-later -->
<!-- Made by qmp/gen from qmp/schema; edit that and run "ninja -C build update-qmp-docs". -->
# QMP reference

The monitor of `tenon-vmm` speaks QMP: JSON objects over a chardev, one command at a time. Names,
arguments, replies, error classes and events are QEMU's. A line of the monitor ends with CR LF.

    S: {"QMP": {"version": {...}, "capabilities": []}}
    C: {"execute": "qmp_capabilities"}
    S: {"return": {}}
    C: {"execute": "query-status", "id": 7}
    S: {"return": {"running": true, "singlestep": false, "status": "running"}, "id": 7}
    S: {"timestamp": {"seconds": 1, "microseconds": 2}, "event": "STOP"}

A command fails with `{"error": {"class": ..., "desc": ...}}`; the classes are `GenericError`,
`CommandNotFound`, `DeviceNotActive`, `DeviceNotFound` and `KVMMissingCap`. Phases: *preconfig* is
before the machine is made, *running* and *paused* after.

Limits on a client: 1 MiB a message, 1024 levels, 65536 tokens, 16 descriptors with a message,
256 named descriptors.
'''


def type_text(type_):
    return f'array of `{type_[0]}`' if isinstance(type_, list) else f'`{type_}`'


def member_lines(members):
    return [f'- `{m.name}`: {type_text(m.type)}{", optional" if m.optional else ""}. {m.doc}'
            for m in members]


def command_lines(schema, name):
    definition = schema.commands[name]
    lines = [f'### `{name}` (command)', '', definition['doc'], '']
    arguments = definition['arg-type']
    if arguments and arguments.startswith('q_'):
        lines += ['Arguments:', ''] + member_lines(schema.objects[arguments].members)
        if definition.get('open'):
            lines.append('- further members')
        lines.append('')
    elif arguments:
        lines += [f'Arguments: `{arguments}`.', '']
    if definition.get('returns'):
        lines += [f'Returns: {type_text(definition["returns"])}. '
                  f'{definition.get("returns-doc", "")}'.rstrip(), '']
    lines += [f'Phases: {", ".join(definition["phases"])}. Since {definition["since"]}.', '']
    return lines


def event_lines(schema, name):
    definition = schema.events[name]
    deprecated = ', deprecated' if 'deprecated' in definition.get('features', []) else ''
    lines = [f'### `{name}` (event{deprecated})', '', definition['doc'], '']
    if definition['arg-type']:
        lines += ['Data:', ''] + member_lines(schema.objects[definition['arg-type']].members) + ['']
    return lines + [f'Since {definition["since"]}.', '']


def object_lines(schema, name):
    obj = schema.objects[name]
    lines = [f'### `{name}` (object)', '', obj.doc, '']
    if obj.base:
        lines += [f'All of `{obj.base}`, and:', '']
    lines += member_lines(obj.members)
    lines += [f'- with `{obj.tag}` `{case}`: all of `{variant}`'
              for case, variant in obj.variants.items()]
    return lines + ['']


def enum_lines(schema, name):
    definition = schema.enums[name]
    lines = [f'### `{name}` (enumeration)', '', definition['doc'], '']
    return lines + [f'- `{value}`{": " + doc if doc else ""}'
                    for value, doc in definition['values'].items()] + ['']


LINES = {'command': command_lines, 'event': event_lines, 'struct': object_lines,
         'union': object_lines, 'enum': enum_lines}


def text(schema):
    """The whole page."""
    out = [HEAD]
    for title, doc, entries in schema.files:
        out += [f'## {title}', '', doc, '']
        for meta, name in entries:
            out += LINES[meta](schema, name)
    return '\n'.join(out).rstrip() + '\n'
