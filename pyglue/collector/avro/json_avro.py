"""JSON onto a field of any Avro type, by the rules of Divolte's mapping of custom parameters.

`converter` is called once for a field; what it returns turns a JSON value into the field's bytes. Everything in here
keeps apart what can become of a value:

- bytes: the encoded value, behind the index of its branch if there is a union;
- None: null. At the top it leaves the field untouched. Inside it is written, if a union has a branch for it;
- `Unfit` is raised: the value can't be converted. The whole field is left untouched;
- a `_Doomed`: the value was converted, but not to one of the type (null among items that can't be null). Divolte's
  worker ends when it writes that; a later `Unfit` comes first. The event is dropped;
- `DroppedEvent` is raised: Divolte's worker ends at once.

Arrays are wrapped and unwrapped: one of a single element counts as that element where a scalar is wanted, and anything
else as an array of one where an array is.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeAlias

from pyglue.collector.avro import avro_bytes
from pyglue.collector.avro.avro_bytes import integer, sized
from pyglue.collector.avro.json_scalars import (
    NULLS,
    Unfit,
    base64,
    byte,
    byte_of_number,
    nearest,
    only,
    scalar_text,
    whole_number,
    within,
)
from pyglue.collector.avro.schema import kind
from pyglue.collector.events.dropped import ABSENT, DroppedEvent
from pyglue.collector.events.json_text import JAVA_BLANKS, TOO_DEEP
from pyglue.collector.values import numbers

_NAMES_OF_INFINITY = {"INF": float("inf"), "-INF": float("-inf")}
_TRUTHS = {"true": True, "True": True, "false": False, "False": False}

NULL_INSIDE = "json null where avro has none"
MISSING = "json lacks a required field"
NO_TEXT = "json other than text onto bytes"
TOO_SHORT = "too few bytes in json for a fixed"


class _Doomed:
    """Stands for bytes that can't be written; `reason` is why the event will be dropped."""

    def __init__(self, reason: str) -> None:
        self.reason = reason


_Result: TypeAlias = "bytes | _Doomed | None"
_Convert: TypeAlias = Callable[[Any], _Result]
_DOOMED_BY_NULL = _Doomed(NULL_INSIDE)
_DOOMED_BY_SIZE = _Doomed(TOO_SHORT)


def converter(type_: Any) -> Callable[[object], bytes | None]:
    """A function from a JSON value to the bytes of a field of `type_`, a `schema.Field.schema`.

    It gives None where the field stays untouched: there is no value (ABSENT), it is null, or it can't be converted. It
    raises DroppedEvent where Divolte's worker would end. Raises ValueError if there is a union in the type, at any
    depth, that nothing can be chosen from.
    """
    prefix, _, single = _branches(type_)
    convert = _Conversions().of(single, prefix, None)

    def write(value: object) -> bytes | None:
        if value is ABSENT:
            return None
        try:
            result = convert(value)
        except Unfit:
            return None
        except RecursionError:
            raise DroppedEvent(TOO_DEEP) from None
        if result.__class__ is _Doomed:
            raise DroppedEvent(result.reason)
        return result  # type: ignore[return-value]

    return write


def _branches(type_: Any) -> tuple[bytes, bytes | None, Any]:
    """What is written before a value, what for null (None if null can't be written), and the type of values."""
    if type_ == "null":
        return b"", b"", type_
    if not isinstance(type_, list):
        return b"", None, type_
    if len(type_) == 1:
        return integer(0), integer(0) if type_ == ["null"] else None, type_[0]
    if len(type_) == 2 and "null" in type_:
        null = type_.index("null")
        return integer(1 - null), integer(null), type_[1 - null]
    names = ", ".join(map(kind, type_))
    raise ValueError(f"is or holds a union of {names}; JSON goes onto unions of one type with null only")


class _Conversions:
    """Makes the conversions of a type and all that it holds. `null` is what stands for null, None for nothing."""

    def __init__(self) -> None:
        self._records: dict[tuple[int, bytes, bytes | None], _Convert] = {}

    def of(self, type_: Any, prefix: bytes, null: bytes | None) -> _Convert:
        """The conversion to a type that is no union."""
        name = kind(type_)
        if name == "null":
            return _null(null)
        if name in ("int", "long"):
            return _whole(32 if name == "int" else 64, prefix, null)
        if name == "fixed":
            return _fixed(type_["size"], prefix)
        if name == "enum":
            return _enum({symbol: prefix + integer(at) for at, symbol in enumerate(type_["symbols"])})
        if name == "array":
            return _array(self._inside(type_["items"]), prefix)
        if name == "map":
            return _map(self._inside(type_["values"]), prefix)
        if name == "record":
            return self._record(type_, prefix, null)
        return _PLAIN[name](prefix, null)

    def _inside(self, type_: Any) -> _Convert:
        prefix, null, single = _branches(type_)
        return self.of(single, prefix, null)

    def _record(self, type_: Any, prefix: bytes, null: bytes | None) -> _Convert:
        key = (id(type_), prefix, null)
        if key not in self._records:
            places: dict[str, tuple[int, _Convert]] = {}
            unset: list[bytes | None] = [entry["unset"] for entry in type_["fields"]]
            self._records[key] = _record(places, unset, prefix)
            places.update(
                (entry["name"], (at, self._inside(entry["type"]))) for at, entry in enumerate(type_["fields"])
            )
        return self._records[key]


def _string(prefix: bytes, null: bytes | None) -> _Convert:
    def convert(value: Any) -> _Result:
        if value.__class__ is str:
            encoded = value.encode("utf-8", "replace")
            return prefix + integer(len(encoded)) + encoded
        if value is None:
            return null
        return prefix + avro_bytes.string(scalar_text(value))

    return convert


def _boolean(prefix: bytes, null: bytes | None) -> _Convert:
    yes, no = prefix + avro_bytes.TRUE, prefix + avro_bytes.FALSE

    def convert(value: Any) -> _Result:
        if value.__class__ is list:
            value = only(value)
        if value.__class__ is str:
            trimmed = value.strip(JAVA_BLANKS)
            if trimmed in NULLS:
                return null
            value = _TRUTHS.get(trimmed, ABSENT)
        if value is None:
            return null
        if not isinstance(value, int):
            raise Unfit
        return yes if value else no

    return convert


def _whole(bits: int, prefix: bytes, null: bytes | None) -> _Convert:
    bound = 1 << (bits - 1)

    def convert(value: Any) -> _Result:
        if value.__class__ is list:
            value = only(value)
        if value.__class__ is str:
            trimmed = value.strip(JAVA_BLANKS)
            if trimmed in NULLS:
                return null
            value = whole_number(trimmed)
            if not -bound <= value < bound:
                raise Unfit
        elif value is None:
            return null
        elif value.__class__ is not int or not -bound <= value < bound:
            value = within(value, bound)
        return prefix + integer(value)

    return convert


def _floating(
    parse: Callable[[str], float | None], write: Callable[[float], bytes]
) -> Callable[[bytes, bytes | None], _Convert]:
    def conversion(prefix: bytes, null: bytes | None) -> _Convert:
        def convert(value: Any) -> _Result:
            if value.__class__ is list:
                value = only(value)
            if value.__class__ is str:
                trimmed = value.strip(JAVA_BLANKS)
                if trimmed in NULLS:
                    return null
                value = _NAMES_OF_INFINITY.get(trimmed)
                if value is None:
                    value = parse(trimmed)
                if value is None:
                    raise Unfit
            elif value is None:
                return null
            elif value.__class__ in (int, Decimal):
                value = nearest(value)
            elif value.__class__ is not float:
                raise Unfit
            return prefix + write(value)

        return convert

    return conversion


def _bytes(prefix: bytes, null: bytes | None) -> _Convert:
    def convert(value: Any) -> _Result:
        if value is None:
            return null
        if not isinstance(value, str):
            raise DroppedEvent(NO_TEXT)
        return prefix + sized(base64(value))

    return convert


def _null(null: bytes | None) -> _Convert:
    def convert(value: Any) -> _Result:
        if value is not None:
            raise Unfit
        return null

    return convert


_PLAIN: dict[str, Callable[[bytes, bytes | None], _Convert]] = {
    "string": _string,
    "boolean": _boolean,
    "float": _floating(numbers.fp32, avro_bytes.single),
    "double": _floating(numbers.fp64, avro_bytes.double),
    "bytes": _bytes,
}


def _enum(symbols: dict[str, bytes]) -> _Convert:
    def convert(value: Any) -> _Result:
        written = symbols.get(value if isinstance(value, str) else scalar_text(value))
        if written is None:
            raise Unfit
        return written

    return convert


def _fixed(size: int, prefix: bytes) -> _Convert:
    def convert(value: Any) -> _Result:
        if value is None:
            return _DOOMED_BY_NULL
        if isinstance(value, str):
            decoded = base64(value)
        else:
            decoded = bytes(map(byte, value) if isinstance(value, list) else [byte_of_number(value)])
        return prefix + decoded[:size] if len(decoded) >= size else _DOOMED_BY_SIZE

    return convert


def _array(item: _Convert, prefix: bytes) -> _Convert:
    def convert(value: Any) -> _Result:
        items = [item(inner) for inner in (value if value.__class__ is list else [value])]
        try:
            return prefix + avro_bytes.block(items)  # type: ignore[arg-type]
        except TypeError:
            return _doomed(items)

    return convert


def _map(item: _Convert, prefix: bytes) -> _Convert:
    def convert(value: Any) -> _Result:
        if value.__class__ is not dict:
            raise Unfit
        entries: list[_Result] = []
        for name, inner in value.items():
            entries += (avro_bytes.string(name), item(inner))
        try:
            return prefix + (integer(len(value)) + b"".join(entries) if value else b"") + b"\0"  # type: ignore[arg-type]
        except TypeError:
            return _doomed(entries)

    return convert


def _record(places: dict[str, tuple[int, _Convert]], unset: list[bytes | None], prefix: bytes) -> _Convert:
    def convert(value: Any) -> _Result:
        if value.__class__ is not dict:
            raise Unfit
        fields: list[_Result] = [*unset]
        for name, inner in value.items():
            place = places.get(name)
            if place is not None:
                at, item = place
                result = item(inner)
                if result is None:
                    if unset[at] is None:
                        raise DroppedEvent(NULL_INSIDE)
                    result = _DOOMED_BY_NULL
                fields[at] = result
        if None in fields:
            raise DroppedEvent(MISSING)
        try:
            return prefix + b"".join(fields)  # type: ignore[arg-type]
        except TypeError:
            return _doomed(fields)

    return convert


def _doomed(results: list[_Result]) -> _Doomed:
    """The first of `results` that can't be written."""
    return next((result for result in results if isinstance(result, _Doomed)), _DOOMED_BY_NULL)
