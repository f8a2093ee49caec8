"""What a target of the fuzzer is: code that reads bytes from outside, and what it promises of any bytes."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

KIB = 1024
# The law for what a stranger may send.
MILLISECONDS_PER_KIB = 1.0
LEAST_MILLISECONDS = 2.0  # for a short input, which may be the first one of its kind
# Of Python's objects for a byte that came: a one-letter text takes 50, a list of one element 64, a pair in an object more.
BYTES_PER_BYTE = 256


@dataclass(frozen=True)
class Target:
    """Code under test.

    `act` is the work that is measured; what it raises is a failure. `check` gets the input and what `act` gave, raises
    AssertionError if a promise is broken, and tells what came of the input: inputs of which something new came are
    gone on with. `words` are what inputs are made of beside `seeds`. Inputs have up to `most` bytes, and may cost so many
    milliseconds of the processor's time and so much memory for what they are long, `least_milliseconds` in any case. A
    target that takes its time is tried one time where others are tried `share` times.
    """

    name: str
    seeds: Sequence[bytes]
    words: Sequence[bytes]
    act: Callable[[bytes], Any]
    check: Callable[[bytes, Any], str]
    most: int = 256 * KIB
    milliseconds_per_kib: float = MILLISECONDS_PER_KIB
    least_milliseconds: float = LEAST_MILLISECONDS
    bytes_per_byte: int = BYTES_PER_BYTE
    share: int = 1


def words(text: str) -> tuple[bytes, ...]:
    """The words of a text with blanks between them."""
    return tuple(word.encode() for word in text.split())


def outline(text: str) -> str:
    """A message without what it quotes of the input, so that like ones are the same."""
    return re.sub(r"[^A-Za-z ]+|'[^']*'", "", text)[:80]


def shape(value: object, depth: int = 3) -> str:
    """What a value is made of, without its details."""
    if isinstance(value, dict) and depth:
        return "{" + ",".join(sorted({shape(inner, depth - 1) for inner in value.values()})) + "}"
    if isinstance(value, list | tuple) and depth:
        return "[" + ",".join(sorted({shape(inner, depth - 1) for inner in value})) + "]"
    return type(value).__name__[:3]
