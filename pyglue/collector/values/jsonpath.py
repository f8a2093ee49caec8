"""JsonPaths as Divolte asks them of custom parameters: Jayway's library 2.4 over Jackson's tree, errors suppressed.

`compile(path)` is a function from a JSON value to what the path leads to there: of a definite path the value, or ABSENT;
of any other a list, which may be empty. An index beyond its array leads to null, as Jackson has it. The syntax is in
`jsonpath_syntax`, what filters compare in `jsonpath_filters`.

A path that consists of names and single indexes alone, as nearly all do, is a loop over its steps. Any other is a chain
of functions, each of which hands the values it finds to the next. Chains are as deep as the path is long; how deep the
value is never matters, and how often parts of it may be looked at is bounded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from pyglue.collector.events.dropped import ABSENT, DroppedEvent
from pyglue.collector.values import jsonpath_nodes as nodes
from pyglue.collector.values import jsonpath_syntax
from pyglue.collector.values.jsonpath_filters import (
    UNDEFINED,
    NotFound,
    Senseless,
    Unanswerable,
    Value,
    compare,
    is_node,
    of_document,
)
from pyglue.collector.values.jsonpath_functions import JsonArgument, call

# `$..a..b..c`, and filters that scan, look at the parts of a deep value again and again. An ordinary value has a
# thousandth of this many.
MAX_VISITS = 1_000_000

Json: TypeAlias = Any  # dict, list, str, int, float, Decimal, bool, None


class JsonPath:
    """A compiled path, to be called with a JSON value."""

    def __init__(self, path: str) -> None:
        """Compile `path`; raises ValueError with what was expected."""
        parsed = jsonpath_syntax.parse(path)
        self.is_definite = parsed.is_definite
        self._read = _simple(parsed) or _general(parsed)

    def __call__(self, value: Json) -> Json:
        """What the path leads to in `value`. Raises DroppedEvent where Divolte's worker would end, and if it is slow."""
        return self._read(value)


def compile(path: str) -> JsonPath:
    """A function from a JSON value to what `path` leads to in it; raises ValueError with what was expected."""
    return JsonPath(path)


# Names and single indexes


def _simple(path: nodes.Path) -> Callable[[Json], Json] | None:
    """The function of a path that has only names and single indexes, None of others."""
    steps: list[str | int] = []
    for step in path.steps:
        match step:
            case nodes.Properties((name,)):
                steps.append(name)
            case nodes.Indexes((index,)):
                steps.append(index)
            case _:
                return None
    names = tuple(step for step in steps if isinstance(step, str))
    return _of_names(names) if len(names) == len(steps) else _of_steps(tuple(steps))


def _of_names(names: tuple[str, ...]) -> Callable[[Json], Json]:
    def read(value: Json) -> Json:
        for name in names:
            if not isinstance(value, dict):
                return ABSENT
            value = value.get(name, ABSENT)
        return value

    return read


def _of_steps(steps: tuple[str | int, ...]) -> Callable[[Json], Json]:
    def read(value: Json) -> Json:
        for step in steps:
            if isinstance(step, str):
                if not isinstance(value, dict):
                    return ABSENT
                value = value.get(step, ABSENT)
            elif isinstance(value, list):
                value = _at(value, step)
            else:
                return ABSENT
        return value

    return read


def _at(values: list[Json], index: int) -> Json:
    """The element at an index, which may count from the end; None beyond the array."""
    size = len(values)
    if index < 0:
        index += size
    return values[index] if 0 <= index < size else None


# All other paths


class _Run:
    """One evaluation of a path: what it found so far, and what it has in common with those inside of its filters."""

    def __init__(
        self, root: Json, visits: list[int], known: dict[tuple[int, bool], Json], *, strict: bool
    ) -> None:
        self.root = root
        self.visits = visits
        self.known = known
        self.strict = strict  # a missing name ends the evaluation
        self.found: list[Json] = []

    def inner(self, *, strict: bool) -> _Run:
        """An evaluation inside of this one."""
        return _Run(self.root, self.visits, self.known, strict=strict)

    def visit(self, count: int) -> None:
        """Note that so many values are looked at."""
        self.visits[0] -= count
        if self.visits[0] < 0:
            raise DroppedEvent("slow JsonPath")


_Next: TypeAlias = Callable[[Json, _Run], None]
_Test: TypeAlias = Callable[[Json, _Run], bool]


def _general(path: nodes.Path) -> Callable[[Json], Json]:
    evaluate = _evaluation(path)
    definite = path.is_definite
    ends_with_function = bool(path.steps) and isinstance(path.steps[-1], nodes.Function)

    def read(value: Json) -> Json:
        try:
            found = evaluate(value, _Run(value, [MAX_VISITS], {}, strict=False))
        except (Senseless, Unanswerable):
            return ABSENT if definite else []
        if not (definite and ends_with_function) or is_node(found):
            return found
        if found is None:
            return ABSENT
        raise DroppedEvent("JsonPath function")

    return read


def _evaluation(path: nodes.Path) -> Callable[[Json, _Run], Json]:
    """What a path leads to, its value or list; raises NotFound if it is definite and leads nowhere."""
    chain = _linked(path.steps)
    definite = path.is_definite

    def evaluate(value: Json, run: _Run) -> Json:
        chain(value, run)
        if not definite:
            return run.found
        if not run.found:
            raise NotFound
        return run.found[-1]

    return evaluate


def _linked(steps: Sequence[nodes.Step]) -> _Next:
    """The chain of `steps`."""
    definite = [True]  # whether what comes before a step leads to one value
    for at, step in enumerate(steps, 1):
        definite.append(definite[-1] and nodes.is_definite(step, leaf=at == len(steps)))
    chains: list[_Next] = [_keep, _keep]
    for at in range(len(steps) - 1, -1, -1):
        chains = [_link(steps[at:], chains, definite=definite[at]), *chains[:2]]
    return chains[0]


def _link(steps: Sequence[nodes.Step], chains: Sequence[_Next], *, definite: bool) -> _Next:
    """The chain of `steps`, of which the first is new; `chains` are those that begin one and two steps later."""
    step, *rest = steps
    after = chains[0]
    match step:
        case nodes.Properties(names):
            return _merged(names, definite) if len(names) > 1 and not rest else _named(names, after, definite)
        case nodes.Indexes(indexes):
            return _indexed(lambda _size: indexes, after, definite)
        case nodes.Slice():
            return _indexed(_sliced(step), after, definite)
        case nodes.Wildcard():
            return _each(after)
        case nodes.Scan():
            return _scanned(rest, after, chains[1])
        case nodes.Filter(condition):
            return _filtered(_condition(condition), after, definite)
        case nodes.Function():
            return _function(step, after if rest else None)


def _keep(value: Json, run: _Run) -> None:
    run.found.append(value)


def _named(names: tuple[str, ...], after: _Next, definite: bool) -> _Next:
    def step(value: Json, run: _Run) -> None:
        if not isinstance(value, dict):
            if definite:
                raise NotFound
            return
        for name in names:
            if name in value:
                after(value[name], run)
            elif run.strict:
                raise NotFound

    return step


def _merged(names: tuple[str, ...], definite: bool) -> _Next:
    def step(value: Json, run: _Run) -> None:
        if isinstance(value, dict):
            if run.strict and not value.keys() >= set(names):
                raise NotFound
            run.found.append({name: value[name] for name in names if name in value})
        elif definite:
            raise NotFound

    return step


def _indexed(indexes: Callable[[int], Sequence[int]], after: _Next, definite: bool) -> _Next:
    def step(value: Json, run: _Run) -> None:
        if isinstance(value, list):
            wanted = indexes(len(value))
            run.visit(len(wanted))
            for index in wanted:
                after(_at(value, index), run)
        elif definite:
            raise NotFound

    return step


def _sliced(slice_: nodes.Slice) -> Callable[[int], range]:
    """The indexes of a slice by the size of its array; between two numbers, negative ones are taken as they are."""
    first, last = slice_.first, slice_.last
    if last is None:
        begin = first or 0
        return lambda size: range(max(begin + size if begin < 0 else begin, 0), size)
    end = last
    if first is None:
        return lambda size: range(min(end + size if end < 0 else end, size))
    start = first
    return lambda size: range(start, min(end, size)) if size else range(0)


def _each(after: _Next) -> _Next:
    def step(value: Json, run: _Run) -> None:
        if isinstance(value, dict | list):
            run.visit(len(value))
            for element in value.values() if isinstance(value, dict) else value:
                after(element, run)

    return step


def _scanned(steps: Sequence[nodes.Step], chain: _Next, after: _Next) -> _Next:
    """`chain` (of `steps`, at least one) applied to a value and all in it, from the outside in and in their order.

    Where the first step takes an array but is not the last, `after`, the chain of the others, is applied to every
    element, whichever the first step asks for. So does Jayway.
    """
    target, *rest = steps
    takes = _scan_test(target, leaf=not rest)

    def step(value: Json, run: _Run) -> None:
        waiting = [value]
        while waiting:
            value = waiting.pop()
            is_list = isinstance(value, list)
            if not is_list and not isinstance(value, dict):
                continue
            run.visit(1 + len(value))
            if takes(value, run):
                if is_list and rest:
                    for element in value:
                        after(element, run)
                else:
                    chain(value, run)
            waiting.extend(reversed(value if is_list else value.values()))

    return step


def _scan_test(target: nodes.Step, *, leaf: bool) -> _Test:
    """Whether a scan applies `target` to an array or object."""
    match target:
        case nodes.Properties(names):
            wanted = frozenset(names) if nodes.is_definite(target, leaf=leaf) else frozenset()
            return lambda value, _run: isinstance(value, dict) and value.keys() >= wanted
        case nodes.Indexes() | nodes.Slice():
            return lambda value, _run: isinstance(value, list)
        case nodes.Wildcard():
            return lambda _value, _run: True
        case nodes.Filter(condition):
            return _accepting(_condition(condition))
    return lambda _value, _run: False


def _filtered(condition: _Test, after: _Next, definite: bool) -> _Next:
    accepts = _accepting(condition)

    def step(value: Json, run: _Run) -> None:
        if isinstance(value, dict):
            if accepts(value, run):
                after(value, run)
        elif isinstance(value, list):
            run.visit(len(value))
            for element in value:
                if accepts(element, run):
                    after(element, run)
        elif definite:
            raise Senseless

    return step


def _accepting(condition: _Test) -> _Test:
    def accepts(value: Json, run: _Run) -> bool:
        try:
            return condition(value, run)
        except Senseless:
            return False

    return accepts


def _function(function: nodes.Function, after: _Next | None) -> _Next:
    given = [_argument(argument) for argument in function.arguments]

    def step(value: Json, run: _Run) -> None:
        result = call(function.name, value, lambda: (argument(run) for argument in given))
        run.found.append(result)
        if after is not None:
            after(result, run)

    return step


def _argument(argument: nodes.Path | str) -> Callable[[_Run], object]:
    if isinstance(argument, str):
        constant = JsonArgument(argument)
        return lambda _run: constant
    evaluate = _evaluation(argument)
    return lambda run: evaluate(run.root, run.inner(strict=run.strict))


# Conditions


def _condition(condition: nodes.Condition) -> _Test:
    match condition:
        case nodes.Any(conditions):
            tests = [_condition(inner) for inner in conditions]
            return lambda value, run: any(test(value, run) for test in tests)
        case nodes.All(conditions):
            tests = [_condition(inner) for inner in conditions]
            return lambda value, run: all(test(value, run) for test in tests)
        case nodes.Not(inner):
            test = _condition(inner)
            return lambda value, run: not test(value, run)
        case nodes.Exists(path, wanted):
            evaluate = _evaluation(path)
            return lambda value, run: _exists(evaluate, value, run) is wanted
        case nodes.Comparison(left, operator, right):
            first, second = _operand(left), _operand(right)
            return lambda value, run: compare(first(value, run), operator, second(value, run), run.visit)


def _exists(evaluate: Callable[[Json, _Run], Json], value: Json, run: _Run) -> bool:
    """Whether the path leads anywhere from `value`, even if it begins with `$`."""
    try:
        evaluate(value, run.inner(strict=True))
    except NotFound:
        return False
    return True


def _operand(operand: nodes.Operand) -> Callable[[Json, _Run], Value]:
    if not isinstance(operand, nodes.Path):
        return lambda _value, _run: operand
    evaluate = _evaluation(operand)
    if operand.from_document:
        evaluate = _once(evaluate)

    def value_of(value: Json, run: _Run) -> Value:
        try:
            found = evaluate(value, run.inner(strict=run.strict))
        except NotFound:
            return UNDEFINED
        return of_document(found)

    return value_of


def _once(evaluate: Callable[[Json, _Run], Json]) -> Callable[[Json, _Run], Json]:
    """`evaluate` for the whole document, followed but once for all the values that a filter looks at."""

    def evaluate_root(_value: Json, run: _Run) -> Json:
        key = (id(evaluate), run.strict)
        if key not in run.known:
            run.known[key] = evaluate(run.root, run)
        return run.known[key]

    return evaluate_root
