"""From actions to the Python text of one function that writes an event's record.

Every value becomes a local variable, computed once where it is first needed; every field becomes a local variable that
holds the field's bytes; the record is these joined. The text holds names made here and fixed Python of the tables in
`functions` and `writing`: never text of the mapping or the schema, which come in as objects.
"""

from __future__ import annotations

from collections.abc import Iterable

from pyglue.collector.avro.schema import Field, RecordSchema
from pyglue.collector.mapping import writing
from pyglue.collector.mapping.nodes import JSON_TYPES, Action, Alike, Exit, MapOnto, Node, Section, Stop, When


def generate(actions: Iterable[Action], schema: RecordSchema) -> tuple[str, dict[str, object]]:
    """The text that defines `encode(e)`, and what the names made here stand for in it."""
    generator = _Generator(schema)
    actions = tuple(actions)
    leaves = any(_leaves(action) for action in actions)
    if leaves:
        generator.line("while True:")
        generator.indented(actions)
        generator.line("    break")
    else:
        generator.block(actions)
    return generator.text(), generator.names


class _Generator:
    def __init__(self, schema: RecordSchema) -> None:
        self._fields = {field.name: (f"f{at}", field) for at, field in enumerate(schema.fields)}
        self._lines: list[str] = []
        self._depth = 1
        self._loops = 1
        self._known: dict[int, str] = {}
        self._alike = Alike()
        self._counter = 0
        self._straight = True  # every line so far is carried out for every event
        self._assigned: set[str] = set()
        self._defaulted: set[str] = set()  # fields whose first assignment sees to their default
        self.names: dict[str, object] = {}
        self._named: dict[object, str] = {}

    def text(self) -> str:
        """The whole function."""
        begin = ["def encode(e):"]
        if any("stopped" in line for line in self._lines):
            begin.append("    stopped = False")
        end = []
        for variable, field in self._fields.values():
            if variable not in self._defaulted:
                begin.append(f"    {variable} = {self._default(field)}")
            if field.unset is None:
                name = self._name("n", field.name)
                end.append(f"    if {variable} is None: raise unfilled({name})")
        joined = ", ".join(variable for variable, _ in self._fields.values())
        end.append(f"    return b''.join(({joined}{',' if joined else ''}))")
        return "\n".join([*begin, *self._lines, *end]) + "\n"

    def line(self, text: str) -> None:
        """Add a line at the present depth."""
        self._lines.append("    " * self._depth + text)

    def indented(self, actions: Iterable[Action]) -> None:
        """The actions, one level deeper."""
        self._depth += 1
        self.block(actions)
        self._depth -= 1

    def block(self, actions: Iterable[Action]) -> None:
        """The actions in their order."""
        empty = True
        for action in actions:
            empty = False
            if isinstance(action, MapOnto):
                self._map(action)
            elif isinstance(action, When):
                self._when(action)
            elif isinstance(action, Section):
                self._section(action)
            else:
                self._leave(action)
        if empty:
            self.line("pass")

    def _map(self, action: MapOnto) -> None:
        node, field = action.value, action.onto
        variable = self._fields[field.name][0]
        value = self._value(node)
        template, objects = writing.writer(node, field)
        names = {name: self._name("w", held) for name, held in objects.items()}
        written = template.format(value, **names)
        first = self._straight and variable not in self._assigned
        self._assigned.add(variable)
        if first:
            self._defaulted.add(variable)
        default = self._default(field) if first else variable
        if node.type in JSON_TYPES:
            self.line(f"v = {written}")
            self.line(f"{variable} = {default} if v is None else v")
        elif node.certain:
            self.line(f"{variable} = {written}")
        elif first:
            self.line(f"{variable} = {default} if {value} is None else ({written})")
        else:
            self.line(f"if {value} is not None: {variable} = {written}")

    def _when(self, action: When) -> None:
        condition = self._value(action.condition)
        self.line(f"if {condition}:")
        self._branch(action.actions)

    def _branch(self, actions: Iterable[Action]) -> None:
        """Actions that not every event comes to."""
        known, straight = dict(self._known), self._straight
        self._straight = False
        self.indented(actions)
        self._known = known
        self._straight = straight and not any(_leaves(action) for action in actions)

    def _section(self, action: Section) -> None:
        if not any(_exits(inner) for inner in action.actions):
            self.block(action.actions)
            return
        self.line("while True:")
        self._loops += 1
        known = dict(self._known)
        straight = self._straight
        self.indented(action.actions)
        self._loops -= 1
        self.line("    break")
        self._known = known
        stops = any(_stops(inner) for inner in action.actions)
        self._straight = straight and not stops
        if stops:
            self.line("if stopped: break")

    def _leave(self, action: Exit | Stop) -> None:
        if isinstance(action, Stop) and self._loops > 1:
            self.line("stopped = True")
        self.line("break")
        self._straight = False

    def _value(self, node: Node) -> str:
        """The variable that holds the value; computed here if it is not yet."""
        number = self._alike.number(node)
        known = self._known.get(number)
        if known is not None:
            return known
        arguments = [self._value(argument) for argument in node.arguments]
        empty = "ABSENT" if node.type in JSON_TYPES else "None"
        missing = [
            f"{name} is {'ABSENT' if argument.type in JSON_TYPES else 'None'}"
            for argument, name in zip(node.arguments, arguments, strict=True)
            if not argument.certain
        ]
        self._counter += 1
        variable = f"v{self._counter}"
        if node.fails:
            reason = self._name("n", node.fails)
            present = f"not ({' or '.join(missing)})" if missing else "True"
            self.line(f"if {present}: raise failed({reason})")
            self.line(f"{variable} = {empty}")
        else:
            constants = {f"k{at}": self._constant(held) for at, held in enumerate(node.objects)}
            python = node.python.format(*arguments, **constants)
            if node.total or not missing:
                self.line(f"{variable} = {python}")
            else:
                self.line(f"{variable} = {empty} if {' or '.join(missing)} else ({python})")
        self._known[number] = variable
        return variable

    def _constant(self, held: object) -> str:
        if isinstance(held, bool | int):
            return repr(held)
        return self._name("k", held)

    def _default(self, field: Field) -> str:
        return "None" if field.unset is None else self._name("d", field.unset)

    def _name(self, letter: str, held: object) -> str:
        """A name for an object; equal bytes and texts share one."""
        key = (type(held), held if isinstance(held, bytes | str) else id(held))
        name = self._named.setdefault(key, f"{letter}_{len(self.names)}")
        self.names[name] = held
        return name


def _exits(action: Action) -> bool:
    """Whether the action may leave the section that it stands in."""
    if isinstance(action, When):
        return any(map(_exits, action.actions))
    return isinstance(action, Exit)


def _stops(action: Action) -> bool:
    """Whether the action may leave the mapping from anywhere within it."""
    if isinstance(action, When | Section):
        return any(map(_stops, action.actions))
    return isinstance(action, Stop)


def _leaves(action: Action) -> bool:
    return _exits(action) or _stops(action)
