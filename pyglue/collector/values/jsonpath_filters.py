"""What a JsonPath's filter makes of values: how Jayway's library 2.4 compares them over Jackson's tree.

A filter's value is a text, a number (Decimal), a truth, null (None), UNDEFINED (a path that leads nowhere), an array or
object of the document, one that is written in the filter (JsonLiteral), or a pattern. Arrays of the document can't be
asked for their elements: Jayway fails there, and so does the whole path (Unanswerable). A comparison that makes no sense
makes the filter false (Senseless), even under `!`.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final, TypeAlias

from pyglue.collector.events.json_text import java_double
from pyglue.collector.values import jsonpath_syntax, lenient_json
from pyglue.collector.values.javaregex import JavaRegex
from pyglue.collector.values.jsonpath_nodes import JsonLiteral
from pyglue.collector.values.jsonpath_text import decimal, unescape


class Senseless(Exception):
    """This filter is false for this value."""


class NotFound(Senseless):
    """A definite path leads nowhere."""


class Unanswerable(Exception):
    """The whole path has no answer."""


class _Undefined:
    """The value of a path that leads nowhere; equal to nothing, itself included."""


UNDEFINED: Final = _Undefined()
_NEVER: Final = object()  # an element of a literal list that equals nothing
_UNUSABLE: Final = object()  # an element of which Jayway can't make a value: an array, an object, NaN
_LONG_BOUND = 2**63
_INT_BITS = 32

Visit: TypeAlias = Callable[[int], None]
Value: TypeAlias = Any  # see above; Python has no type for "what equals what" that would say more


def is_node(value: object) -> bool:
    """Whether Jackson keeps `value` as a node where it turns plain values into Java's: containers and huge integers."""
    return isinstance(value, dict | list) or is_huge(value)


def is_huge(value: object) -> bool:
    """Whether `value` is an integer beyond 64 bits."""
    return isinstance(value, int) and not -_LONG_BOUND <= value < _LONG_BOUND


def of_document(value: object) -> Value:
    """A filter's value of a value in the document; raises Unanswerable for numbers that Jayway can't take."""
    if value is None or isinstance(value, bool | dict | list | Decimal):
        return value
    if isinstance(value, str):
        return _unquoted(value)
    if isinstance(value, int) and not is_huge(value):
        return Decimal(value)
    number = decimal(java_double(value)) if isinstance(value, float) else None
    if number is None:
        raise Unanswerable
    return number


def compare(left: Value, operator: str, right: Value, visit: Visit) -> bool:
    """`left operator right`; raises Senseless or Unanswerable. `visit` is told how many values are looked at."""
    if operator in ("==", "!=", "===", "!=="):
        equal = (len(operator) == 2 or _kind(left) == _kind(right)) and _equal(left, right, visit)
        return equal is (operator[0] == "=")
    return _COMPARISONS[operator](left, right)


def _same_json(left: object, right: object, visit: Visit) -> bool:
    """Whether two arrays or objects of documents are equal to Jackson: integers never equal fractions."""
    pairs = [(left, right)]
    while pairs:
        one, other = pairs.pop()
        if one is other:
            continue
        if type(one) is not type(other):
            return False
        if isinstance(one, dict) and isinstance(other, dict):
            if one.keys() != other.keys():
                return False
            visit(len(one))
            pairs.extend((one[name], other[name]) for name in one)
        elif isinstance(one, list) and isinstance(other, list):
            if len(one) != len(other):
                return False
            visit(len(one))
            pairs.extend(zip(one, other, strict=True))
        elif isinstance(one, float) and isinstance(other, float):
            if repr(one) != repr(other):  # -0.0 is not 0.0
                return False
        elif one != other:
            return False
    return True


def _unquoted(text: str) -> str:
    """A text loses the quotes around it, whatever it is."""
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text


def _is_json(value: Value) -> bool:
    return isinstance(value, list | dict | JsonLiteral)


def _kind(value: Value) -> object:
    return "json" if _is_json(value) else type(value)


def _equal(left: Value, right: Value, visit: Visit) -> bool:
    if _is_json(left) and _is_json(right):
        if isinstance(right, JsonLiteral):
            _elements(right)
        literal = isinstance(left, JsonLiteral) or isinstance(right, JsonLiteral)
        return not literal and _same_json(left, right, visit)
    return _equal_plain(left, right)


def _equal_plain(left: Value, right: Value) -> bool:
    """Equality that does not look into arrays and objects."""
    if isinstance(left, str):
        return left == (str(right) if isinstance(right, Decimal) else right)
    if isinstance(left, Decimal):
        number = decimal(right) if isinstance(right, str) else right
        return isinstance(number, Decimal) and left == number
    if isinstance(left, JsonLiteral):
        return isinstance(right, JsonLiteral) and left.text == right.text
    return (left is None or isinstance(left, bool)) and left is right


def _ordered(left: Value, right: Value, wanted: Callable[[int], bool]) -> bool:
    if isinstance(left, str) and isinstance(right, str):
        one, other = left.encode("utf-16-be", "surrogatepass"), right.encode("utf-16-be", "surrogatepass")
        return wanted((one > other) - (one < other))
    if isinstance(left, Decimal) and isinstance(right, Decimal):
        return wanted((left > right) - (left < right))
    return False


def _truth(value: Value) -> bool:
    if not isinstance(value, bool):
        raise Senseless
    return value


def _list_of(value: Value) -> list[Value] | None:
    """The elements of a literal array, None of an object; what is neither has no sense."""
    if isinstance(value, list):
        raise Unanswerable
    if isinstance(value, dict):
        return None
    if not isinstance(value, JsonLiteral):
        raise Senseless
    return _elements(value)


@lru_cache(maxsize=256)  # literals stand in paths, so there are few
def _elements(literal: JsonLiteral) -> list[Value] | None:
    try:
        parsed = lenient_json.parse(literal.text)
    except ValueError:
        raise Unanswerable from None
    if not isinstance(parsed, list):
        return None
    return [_element(value) for value in parsed]


def _element(value: lenient_json.Lenient) -> Value:
    if isinstance(value, dict | list | float):
        return _UNUSABLE
    if not isinstance(value, str):
        return value
    if _is_path(value.strip()):
        return _NEVER
    if _is_literal(value.strip()):
        return JsonLiteral(value)
    return unescape(_unquoted(value))


def _is_path(text: str) -> bool:
    try:
        return text[:1] in ("$", "@") and bool(jsonpath_syntax.parse(text))
    except ValueError:
        return False


def _is_literal(text: str) -> bool:
    if len(text) < 2 or text[0] + text[-1] not in ("[]", "{}"):
        return False
    try:
        lenient_json.parse(text)
    except ValueError:
        return False
    return True


def _members(value: Value) -> list[Value] | None:
    elements = _list_of(value)
    if elements and _UNUSABLE in elements:
        raise Unanswerable
    return elements


def _contained(value: Value, elements: list[Value]) -> bool:
    return any(_equal_plain(value, element) for element in elements)


def _in(left: Value, right: Value) -> bool:
    elements = _members(right)
    return elements is not None and _contained(left, elements)


def _subset_of(left: Value, right: Value) -> bool:
    all_of = _members(right)
    if all_of is None:
        return False
    some = _members(left)
    return some is not None and all(_contained(value, all_of) for value in some)


def _contains(left: Value, right: Value) -> bool:
    if isinstance(left, str) and isinstance(right, str):
        return right in left
    if not _is_json(left):
        return False
    elements = _members(left)
    return elements is not None and _contained(right, elements)


def _size(left: Value, right: Value) -> bool:
    if not isinstance(right, Decimal):
        return False
    if isinstance(left, str):
        size = len(left) + sum(character > "\uffff" for character in left)
    elif _is_json(left):
        size = -1 if _is_object(left) else len(left)
    else:
        return False
    return size == _low_bits(right)


def _is_object(value: Value) -> bool:
    """Whether an array or object is one of these; Jayway can't measure an array that is written in the filter."""
    if isinstance(value, JsonLiteral):
        if _elements(value) is not None:
            raise Unanswerable
        return True
    return isinstance(value, dict)


def _low_bits(number: Decimal) -> int:
    """The low 32 bits of the whole part, as Java's `intValue` takes them."""
    if number.adjusted() < 0 or int(number.as_tuple().exponent) >= _INT_BITS:
        return 0
    bound = 1 << (_INT_BITS - 1)
    return (int(number) + bound) % (2 * bound) - bound


def _empty(left: Value, right: Value) -> bool:
    if isinstance(left, str | list | dict):
        return _truth(right) is (not left)
    if isinstance(left, JsonLiteral):
        _is_object(left)
        return _truth(right)
    return False


def _matches(left: Value, right: Value) -> bool:
    if isinstance(left, JavaRegex) is isinstance(right, JavaRegex):
        return False
    pattern, value = (left, right) if isinstance(left, JavaRegex) else (right, left)
    text = ""
    if isinstance(value, str | Decimal):
        text = str(value)
    elif isinstance(value, bool):
        text = str(value).lower()
    return pattern.match(text) is not None


def _exists(left: Value, right: Value) -> bool:
    if not isinstance(left, bool) and not isinstance(right, bool):
        raise Unanswerable
    return _truth(left) is _truth(right)


def _senseless(_left: Value, _right: Value) -> bool:
    raise Senseless


_COMPARISONS: dict[str, Callable[[Value, Value], bool]] = {
    "<": lambda left, right: _ordered(left, right, lambda order: order < 0),
    "<=": lambda left, right: _ordered(left, right, lambda order: order <= 0),
    ">": lambda left, right: _ordered(left, right, lambda order: order > 0),
    ">=": lambda left, right: _ordered(left, right, lambda order: order >= 0),
    "=~": _matches,
    "IN": _in,
    "NIN": lambda left, right: not _in(left, right),
    "SUBSETOF": _subset_of,
    "CONTAINS": _contains,
    "SIZE": _size,
    "EMPTY": _empty,
    "EXISTS": _exists,
    # These want what can't be written in a filter: a list of values, a class, a predicate.
    "ALL": _senseless,
    "TYPE": _senseless,
    "MATCHES": _senseless,
}
