"""The functions that a JsonPath may end with, as Jayway's library 2.4 computes them over Jackson's tree.

A function takes what the path before it leads to, and its arguments. It looks at arrays alone but for `length`, takes
the elements that are numbers or texts and passes over the others; integers beyond 64 bits are no numbers to it.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any, Final, TypeAlias

from pyglue.collector.events.dropped import DroppedEvent
from pyglue.collector.events.json_text import TOO_DEEP, java_double
from pyglue.collector.values.jsonpath_filters import Senseless, Unanswerable, is_huge

Arguments: TypeAlias = Callable[[], Iterable[object]]


class JsonArgument:
    """An argument that is written as JSON: not a number or text to any function, but a node of Jackson's."""

    def __init__(self, text: str) -> None:
        self._text = text

    def value(self) -> Any:
        """The value that the text begins with; raises Unanswerable if it begins with none."""
        try:
            return _DECODER.raw_decode(self._text.lstrip())[0]
        except (ValueError, RecursionError):
            raise Unanswerable from None


def call(name: str, value: object, arguments: Arguments) -> Any:
    """What function `name` makes of `value`; raises Senseless if there is none, Unanswerable if it has nothing to do."""
    function = _FUNCTIONS.get(name)
    if function is None:
        raise Senseless
    return function(value, arguments)


def _length(value: object, _arguments: Arguments) -> int | None:
    return len(value) if isinstance(value, list | dict) else None


def _append(value: object, arguments: Arguments) -> object:
    if not isinstance(value, list):
        return value
    given = (argument.value() if isinstance(argument, JsonArgument) else argument for argument in arguments())
    return [*value, *given]


def _concat(value: object, arguments: Arguments) -> str:
    texts = [element for element in value if isinstance(element, str)] if isinstance(value, list) else []
    return "".join(texts + [_text(argument) for argument in arguments() if argument is not None])


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return java_double(value)
    if isinstance(value, JsonArgument):
        value = value.value()
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=float)
    except RecursionError:
        raise DroppedEvent(TOO_DEEP) from None


def _aggregation(combine: Callable[[list[float]], float]) -> Callable[[object, Arguments], float]:
    def aggregate(value: object, arguments: Arguments) -> float:
        elements = [*(value if isinstance(value, list) else ()), *arguments()]
        numbers = [float(element) for element in elements if _is_number(element)]
        if not numbers:
            raise Unanswerable
        return combine(numbers)

    return aggregate


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool) and not is_huge(value)


def _sum(numbers: list[float]) -> float:
    total = 0.0
    for number in numbers:  # in this order and rounded each time, as `sum` of later Pythons is not
        total += number
    return total


def _average(numbers: list[float]) -> float:
    return _sum(numbers) / len(numbers)


def _deviation(numbers: list[float]) -> float:
    count, total = len(numbers), _sum(numbers)
    variance = _sum([number * number for number in numbers]) / count - total * total / count / count
    return math.sqrt(variance) if variance >= 0 else math.nan


def _least(numbers: list[float]) -> float:
    return min(sys.float_info.max, *numbers)


def _greatest(numbers: list[float]) -> float:
    return max(_LEAST_POSITIVE, *numbers)  # which Jayway took for the least of all


def _refuse_constant(name: str) -> float:
    raise ValueError(name)


_DECODER: Final = json.JSONDecoder(parse_constant=_refuse_constant)
_LEAST_POSITIVE: Final = math.ulp(0.0)
_FUNCTIONS: Final[dict[str, Callable[[object, Arguments], Any]]] = {
    "length": _length,
    "size": _length,
    "append": _append,
    "concat": _concat,
    "sum": _aggregation(_sum),
    "avg": _aggregation(_average),
    "stddev": _aggregation(_deviation),
    "min": _aggregation(_least),
    "max": _aggregation(_greatest),
}
