"""The small parts of reading docker-compose.yml: texts, lists, ports, spans of time, keys that are known.

Law of this file: it knows nothing of services. Whatever is wrong goes on the list of problems with its line, and a
harmless value takes its place, so that reading goes on to the next problem.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pyglue.errors import Problem
from pyglue.stack import keys
from pyglue.stack.durations import compose_seconds
from pyglue.stack.interpolate import BadVariable, interpolate
from pyglue.stack.yamlfile import Map, Seq

FILE = "docker-compose.yml"
NUMBER = re.compile(r"[0-9]{1,9}")


class Reading:
    """Collects problems instead of raising, so that a user sees all of them at once."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self.variables = variables
        self.problems: list[Problem] = []

    def refuse(self, line: int, message: str) -> None:
        self.problems.append(Problem(FILE, line, None, message))

    def interpolated(self, value: Any, line: int = 1) -> Any:
        """A copy with the variables of every text replaced, lines kept."""
        if isinstance(value, Map):
            copy = Map(value.line)
            copy.lines = value.lines
            for key, item in value.items():
                copy[key] = self.interpolated(item, value.lines[key])
            return copy
        if isinstance(value, Seq):
            seq = Seq(value.line)
            seq.lines = value.lines
            seq.extend(self.interpolated(item, at) for item, at in zip(value, value.lines, strict=True))
            return seq
        if isinstance(value, str):
            try:
                return interpolate(value, self.variables)
            except BadVariable as error:
                self.refuse(line, str(error))
        return value

    def is_port(self, text: object, line: int) -> bool:
        if NUMBER.fullmatch(str(text)) and 0 < int(str(text)) < 65536:
            return True
        self.refuse(line, f"expected a port from 1 to 65535, found {text!r}")
        return False

    def known(self, value: Map, table: dict[str, str], where: str) -> None:
        for key in value:
            if not keys.is_known(table, key):
                self.refuse(
                    value.lines[key], f"the key `{key}` {where} is not one that the native engine can obey"
                )

    def items(self, body: Map, key: str) -> list[tuple[Any, int]]:
        value = body.get(key)
        if value is None:
            return []
        if not isinstance(value, Seq):
            self.refuse(body.lines[key], f"`{key}` must be a list")
            return []
        return list(zip(value, value.lines, strict=True))

    def words(self, value: Any, line: int, key: str) -> tuple[str, ...]:
        if value is None:
            return ()
        if not isinstance(value, Seq):
            self.refuse(line, f"`{key}` must be a list of words, as in [{value}]")
            return ()
        return tuple(self.word(item, row, "a word") for item, row in zip(value, value.lines, strict=True))

    def word(self, value: Any, line: int, what: str) -> str:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            self.refuse(line, f"{what} must be a text; put it in quotes")
        return str(value)

    def seconds(self, body: Map, key: str, default: str) -> float:
        text = str(body.get(key, default))
        try:
            return compose_seconds(text)
        except ValueError as error:
            self.refuse(body.lines[key], f"`{key}`: {error}")
            return 0.0
