# SPDX-License-Identifier: LGPL-2.1-or-later
"""What query-qmp-schema answers: QEMU's SchemaInfo, built-in types by name, others by number."""

import json

from schema import BUILTINS, JSON_TYPES


class Introspection:
    """Walks commands and events and numbers each type when it is first met."""

    def __init__(self, schema):
        self.schema = schema
        self.numbers = {}
        self.queue = []
        self.entries = []
        self.done = set()
        for name, definition in schema.commands.items():
            self._entity(name, 'command', definition,
                         {'ret-type': self._name(definition.get('returns'))})
        for name, definition in schema.events.items():
            self._entity(name, 'event', definition, {})
        while self.queue:
            self._describe(self.queue.pop(0))

    def _entity(self, name, meta, definition, more):
        entry = {'name': name}
        entry.update(more)
        entry['meta-type'] = meta
        entry['arg-type'] = self._name(definition['arg-type'])
        if definition.get('features'):
            entry['features'] = definition['features']
        self.entries.append(entry)

    def _name(self, type_):
        """The name under which @type_ is told; it is told itself later. None: the empty object."""
        if isinstance(type_, list):
            name = f'[{self._name(type_[0])}]'
            self._ask((name, type_))
            return name
        if type_ in BUILTINS:
            name = BUILTINS[type_][4]
            self._ask((name, name))
            return name
        if type_ not in self.numbers:
            self.numbers[type_] = str(len(self.numbers))
        self._ask((self.numbers[type_], type_))
        return self.numbers[type_]

    def _ask(self, request):
        if request[0] not in self.done:
            self.done.add(request[0])
            self.queue.append(request)

    def _describe(self, request):
        name, type_ = request
        if isinstance(type_, list):
            self.entries.append({'name': name, 'element-type': self._name(type_[0]),
                                 'meta-type': 'array'})
        elif type_ in BUILTINS:
            self.entries.append({'name': name, 'json-type': JSON_TYPES[type_],
                                 'meta-type': 'builtin'})
        elif type_ in self.schema.enums:
            values = list(self.schema.enums[type_]['values'])
            self.entries.append({'name': name, 'members': [{'name': v} for v in values],
                                 'meta-type': 'enum', 'values': values})
        else:
            self._describe_object(name, type_)

    def _describe_object(self, name, type_):
        entry = {'name': name}
        obj = self.schema.objects.get(type_)
        members = self.schema.all_members(obj) if obj else []
        entry['members'] = [self._member(member) for member in members]
        if obj and obj.tag:
            tag = next(m for m in members if m.name == obj.tag)
            entry['tag'] = obj.tag
            entry['variants'] = [{'case': case, 'type': self._name(obj.variants.get(case))}
                                 for case in self.schema.enums[tag.type]['values']]
        entry['meta-type'] = 'object'
        self.entries.append(entry)

    def _member(self, member):
        entry = {'name': member.name}
        if member.optional:
            entry['default'] = None
        entry['type'] = self._name(member.type)
        return entry


def to_text(schema):
    """The reply's "return" as one line of JSON."""
    return json.dumps(Introspection(schema).entries, ensure_ascii=True)
