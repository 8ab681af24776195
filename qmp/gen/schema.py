# SPDX-License-Identifier: LGPL-2.1-or-later
"""The schema in memory: loads qmp/schema/*.json and refuses what makes no sense."""

import json

# Name -> (kind in C, least, greatest, name in QEMU's error texts, name in introspection).
BUILTINS = {
    'str': ('STR', 0, 0, 'string', 'str'),
    'bool': ('BOOL', 0, 0, 'boolean', 'bool'),
    'int': ('INT', -2**63, 2**63 - 1, 'integer', 'int'),
    'int8': ('INT', -2**7, 2**7 - 1, 'int8_t', 'int'),
    'int16': ('INT', -2**15, 2**15 - 1, 'int16_t', 'int'),
    'int32': ('INT', -2**31, 2**31 - 1, 'int32_t', 'int'),
    'int64': ('INT', -2**63, 2**63 - 1, 'integer', 'int'),
    'uint8': ('UINT', 0, 2**8 - 1, 'uint8_t', 'int'),
    'uint16': ('UINT', 0, 2**16 - 1, 'uint16_t', 'int'),
    'uint32': ('UINT', 0, 2**32 - 1, 'uint32_t', 'int'),
    'uint64': ('UINT', 0, 2**64 - 1, 'uint64', 'int'),
    'size': ('UINT', 0, 2**64 - 1, 'uint64', 'int'),
    'number': ('NUMBER', 0, 0, 'number', 'number'),
    'null': ('NULL', 0, 0, 'null', 'null'),
    'any': ('ANY', 0, 0, 'any', 'any'),
}
PHASES = ('preconfig', 'running', 'paused')
JSON_TYPES = {'str': 'string', 'bool': 'boolean', 'int': 'int', 'number': 'number',
              'null': 'null', 'any': 'value'}
KEYS = {
    'enum': {'doc', 'values'},
    'struct': {'doc', 'base', 'members', 'open'},
    'union': {'doc', 'base', 'discriminator', 'variants'},
    'command': {'doc', 'since', 'phases', 'args', 'open', 'returns', 'returns-doc', 'features'},
    'event': {'doc', 'since', 'data', 'features'},
}


class SchemaError(Exception):
    """A definition that makes no sense."""


class Member:
    """A member of an object: its type is a name, or a list of one name for an array."""

    def __init__(self, key, spec, where):
        self.optional = key.startswith('*')
        self.name = key.lstrip('*')
        if not isinstance(spec, dict) or not {'type', 'doc'} >= set(spec) or 'type' not in spec:
            raise SchemaError(f"{where}: member '{self.name}' needs a type and a doc")
        self.type = spec['type']
        self.doc = spec.get('doc', '')
        if not self.doc:
            raise SchemaError(f"{where}: member '{self.name}' has no doc")


class Object:
    """A struct, a union, or the arguments of a command or an event."""

    def __init__(self, name, members, doc=''):
        self.name = name
        self.members = members
        self.doc = doc
        self.base = None
        self.open = False
        self.tag = None
        self.variants = {}


class Schema:
    """All definitions, in the order of the files."""

    def __init__(self, paths):
        self.files = []  # (title, doc, [(meta, name)])
        self.enums, self.objects, self.commands, self.events = {}, {}, {}, {}
        for path in sorted(paths):
            with open(path, encoding='utf-8') as file:
                self._load(json.load(file), path)
        self._check()

    def _load(self, document, path):
        entries = []
        for definition in document['definitions']:
            meta = next(iter(definition))
            name = definition[meta]
            where = f'{path}: {name}'
            if meta not in KEYS:
                raise SchemaError(f"{where}: '{meta}' is no kind of definition")
            unknown = set(definition) - KEYS[meta] - {meta}
            if unknown or not definition.get('doc'):
                raise SchemaError(f'{where}: unknown key {unknown}' if unknown
                                  else f'{where}: no doc')
            if any(name in kind for kind in (self.enums, self.objects, self.commands,
                                             self.events)) or name in BUILTINS:
                raise SchemaError(f'{where}: defined twice')
            getattr(self, '_load_' + meta)(name, definition, where)
            entries.append((meta, name))
        self.files.append((document['title'], document['doc'], entries))

    def _members(self, specs, where):
        return [Member(key, spec, where) for key, spec in specs.items()]

    def _load_enum(self, name, definition, where):
        self.enums[name] = definition

    def _load_struct(self, name, definition, where):
        self.objects[name] = Object(name, self._members(definition['members'], where),
                                    definition['doc'])
        self.objects[name].base = definition.get('base')
        self.objects[name].open = definition.get('open', False)

    def _load_union(self, name, definition, where):
        union = Object(name, self._members(definition['base'], where), definition['doc'])
        union.tag = definition['discriminator']
        union.variants = definition['variants']
        self.objects[name] = union

    def _arguments(self, name, spec, where):
        """The object type of a command's or event's arguments, None for no arguments."""
        if spec is None or isinstance(spec, str):
            return spec
        implicit = f'q_{name}-arg'
        self.objects[implicit] = Object(implicit, self._members(spec, where))
        return implicit

    def _load_command(self, name, definition, where):
        definition['arg-type'] = self._arguments(name, definition.get('args'), where)
        definition.setdefault('phases', ['running', 'paused'])
        if definition.get('open'):
            self.objects[definition['arg-type']].open = True
        if not set(definition['phases']) <= set(PHASES):
            raise SchemaError(f'{where}: unknown phase')
        if 'since' not in definition:
            raise SchemaError(f'{where}: no since')
        self.commands[name] = definition

    def _load_event(self, name, definition, where):
        definition['arg-type'] = self._arguments(name, definition.get('data'), where)
        if 'since' not in definition:
            raise SchemaError(f'{where}: no since')
        self.events[name] = definition

    def all_members(self, obj):
        """The members of @obj, its base's first."""
        inherited = self.all_members(self.objects[obj.base]) if obj.base else []
        return inherited + obj.members

    def _check_type(self, type_, where):
        name = type_[0] if isinstance(type_, list) else type_
        if isinstance(type_, list) and len(type_) != 1:
            raise SchemaError(f'{where}: an array has one element type')
        if name not in BUILTINS and name not in self.enums and name not in self.objects:
            raise SchemaError(f"{where}: type '{name}' is not defined")

    def _check_object(self, obj):
        names = [member.name for member in self.all_members(obj)]
        if len(names) != len(set(names)):
            raise SchemaError(f'{obj.name}: a member is defined twice')
        for member in obj.members:
            self._check_type(member.type, f'{obj.name}.{member.name}')
        if obj.tag:
            tag = next((m for m in obj.members if m.name == obj.tag), None)
            if not tag or tag.optional or tag.type not in self.enums:
                raise SchemaError(f"{obj.name}: '{obj.tag}' is no mandatory enum member")
            for case, variant in obj.variants.items():
                if case not in self.enums[tag.type]['values'] or variant not in self.objects:
                    raise SchemaError(f"{obj.name}: variant '{case}' makes no sense")
                clash = set(names) & {m.name for m in self.all_members(self.objects[variant])}
                if clash:
                    raise SchemaError(f"{obj.name}: variant '{case}' repeats {clash}")

    def _check(self):
        for obj in self.objects.values():
            self._check_object(obj)
        for name, definition in list(self.commands.items()) + list(self.events.items()):
            if definition['arg-type'] and definition['arg-type'] not in self.objects:
                raise SchemaError(f'{name}: arguments must be an object')
            if definition.get('returns'):
                self._check_type(definition['returns'], name)
