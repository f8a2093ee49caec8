"""Groups: commands are loaded when they are asked for, and told with whole sentences."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import click
import pytest

from pyglue.cli import COMMANDS
from pyglue.cli import pyglue as group
from pyglue.cli.groups import WHOLE, Entry, Group
from tests.cli.ended import Run

HEAVY = ("confluent_kafka", "docker", "fastavro", "psutil", "requests", "yaml", "pyglue.up")
ENTRIES = {name: entry for part in COMMANDS.values() for name, entry in part.items()}


def groups() -> Iterator[tuple[str, click.Group]]:
    """The group of all commands, and those in it."""
    yield "pyglue", group
    yield from ((name, one) for name, one in group.commands.items() if isinstance(one, click.Group))


@pytest.mark.parametrize("name", ENTRIES)
def test_the_table_says_what_the_command_says(name: str) -> None:
    """Its sentence is the first one of the command's own help, and its name the command's."""
    command = ENTRIES[name].load()
    assert (command.name, command.get_short_help_str(WHOLE)) == (name, ENTRIES[name].help)


def test_help_loads_no_command() -> None:
    """Neither the commands' modules nor the libraries that they need: that is what makes it quick."""
    code = f"import sys; from pyglue.cli import run; run(['--help']); print([m for m in {HEAVY} if m in sys.modules])"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.endswith("\n[]\n")


@pytest.mark.parametrize(("name", "one"), list(groups()))
def test_help_cuts_no_sentence(pyglue: Run, name: str, one: click.Group) -> None:
    """A long sentence goes on in the next line."""
    shown = "".join(
        pyglue(*([] if name == "pyglue" else [name]), "--help").out.split()
    )  # however it was wrapped
    for command in one.commands.values():
        assert "".join(command.get_short_help_str(WHOLE).split()) in shown


def test_commands_stand_under_their_headings() -> None:
    """In the order of the table, in one column; a command that is not in it stands under `Commands`."""
    table = {"One": {"b": Entry("nosuch:b", "Of B."), "a": Entry("nosuch:a", "Of A.")}}
    made = Group("made", table=table)
    made.add_command(click.Command("later", help="Of later."))
    made.add_command(click.Command("secret", hidden=True))
    help_ = made.get_help(click.Context(made))
    assert help_.partition("One:")[2] == "\n  b      Of B.\n  a      Of A.\n\nCommands:\n  later  Of later."


def test_a_name_that_is_none_is_a_usage_error(pyglue: Run) -> None:
    """With the name that was meant."""
    ended = pyglue("statis")
    assert ended.code == 2
    assert "status" in ended.err
