"""What JsonPaths consist of: a Path of steps, conditions in its filters, and what they compare.

`jsonpath_syntax` makes these of a text, `jsonpath` makes functions of these.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final, TypeAlias

from pyglue.collector.values import javaregex

_WORD_OPERATORS = "IN NIN SUBSETOF CONTAINS ALL SIZE EMPTY EXISTS TYPE MATCHES"
_SIGN_OPERATORS = "== != === !== < <= > >= =~"
OPERATORS: Final = frozenset(f"{_SIGN_OPERATORS} {_WORD_OPERATORS}".split())


@dataclass(frozen=True)
class Properties:
    """`.name`, `['name']` or `['a', 'b']`."""

    names: tuple[str, ...]


@dataclass(frozen=True)
class Indexes:
    """`[0]`, `[-1]` or `[0, 1]`."""

    indexes: tuple[int, ...]


@dataclass(frozen=True)
class Slice:
    """`[1:3]`; one of the two may be None."""

    first: int | None
    last: int | None


@dataclass(frozen=True)
class Wildcard:
    """`*`."""


@dataclass(frozen=True)
class Scan:
    """`..`: the next step is applied at every depth."""


@dataclass(frozen=True)
class Filter:
    """`[?(...)]`."""

    condition: Condition


@dataclass(frozen=True)
class Function:
    """`.name(arguments)`; an argument is a path or the text of JSON."""

    name: str
    arguments: tuple[Path | str, ...]


@dataclass(frozen=True)
class Path:
    """Steps from the document, or from what a filter looks at (`@`)."""

    from_document: bool
    steps: tuple[Step, ...]

    @property
    def is_definite(self) -> bool:
        """Whether it leads to one value at most."""
        last = len(self.steps) - 1
        return all(is_definite(step, leaf=at == last) for at, step in enumerate(self.steps))


@dataclass(frozen=True)
class JsonLiteral:
    """An array or object in a filter, as it is written."""

    text: str


@dataclass(frozen=True)
class Comparison:
    """`left operator right`; the operator is one of OPERATORS."""

    left: Operand
    operator: str
    right: Operand


@dataclass(frozen=True)
class Exists:
    """A path that stands alone, or after `!`."""

    path: Path
    wanted: bool


@dataclass(frozen=True)
class Not:
    """`!(...)`."""

    condition: Condition


@dataclass(frozen=True)
class Any:
    """Conditions with `||` between them."""

    conditions: tuple[Condition, ...]


@dataclass(frozen=True)
class All:
    """Conditions with `&&` between them."""

    conditions: tuple[Condition, ...]


Step: TypeAlias = Properties | Indexes | Slice | Wildcard | Scan | Filter | Function
Operand: TypeAlias = "Path | JsonLiteral | javaregex.JavaRegex | str | Decimal | bool | None"
Condition: TypeAlias = Comparison | Exists | Not | Any | All


def is_definite(step: Step, *, leaf: bool) -> bool:
    """Whether a step leads from one value to one; several names do at the end, where they make one object."""
    match step:
        case Properties(names):
            return leaf or len(names) == 1
        case Indexes(indexes):
            return len(indexes) == 1
        case Function():
            return True
    return False
