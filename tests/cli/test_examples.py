"""Examples in `--help`: every command has one, and each of them can be typed."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

import click
import pytest

from pyglue.cli import pyglue as group


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, as it is typed."""
    for name, command in group.commands.items():
        if not isinstance(command, click.Group) or command.invoke_without_command:
            yield f"pyglue {name}", command
        if isinstance(command, click.Group):
            yield from ((f"pyglue {name} {inner}", one) for inner, one in command.commands.items())


def examples(command: click.Command) -> list[str]:
    """The lines of a help text that are typed: those of its blocks that are not wrapped."""
    blocks = [block for block in re.split(r"\n\s*\n", command.help or "") if block.strip().startswith("\b")]
    return [line.strip() for block in blocks for line in block.splitlines() if "pyglue " in line]


EVERY = dict(commands())
TYPED = [line for command in EVERY.values() for line in examples(command)]


@pytest.mark.parametrize("name", EVERY)
def test_every_command_has_an_example_of_itself(name: str) -> None:
    """The help says how the command is typed, by example."""
    own = [line for line in examples(EVERY[name]) if re.search(rf"\b{name}\b", line)]
    assert own


@pytest.mark.parametrize("line", TYPED)
def test_an_example_is_understood(line: str) -> None:
    """Its command and options exist, and its values are taken; nothing is run."""
    typed = re.search(r"pyglue ([^|<>#)]*)", line)
    assert typed is not None, line
    words = shlex.split(typed[1])
    context = group.make_context("pyglue", list(words))  # a copy: it takes them away
    name, found, words = group.resolve_command(context, words)
    assert found is not None
    while isinstance(found, click.Group) and words and words[0] in found.commands:
        context = found.make_context(name, list(words), parent=context)
        name, found, words = found.resolve_command(context, words)
        assert found is not None
    found.make_context(name, words, parent=context)


def test_an_example_that_is_wrong_is_found() -> None:
    """An option that is not there, or a value that is none, is an error here."""
    for line in ("pyglue logs --nosuch", "pyglue logs -n many", "pyglue nosuch"):
        with pytest.raises(click.UsageError):
            test_an_example_is_understood(line)
