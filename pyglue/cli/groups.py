"""Groups of commands: each with its whole sentence, under headings, and loaded only when it is asked for.

A command's module brings requests, Kafka and the rest along; `--help`, completion and a mistyped name need none of that.
"""

from __future__ import annotations

from collections import UserDict
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

WHOLE: Final = 10_000  # letters of a short help: a sentence is wrapped, never cut


@dataclass(frozen=True)
class Entry:
    """A command that is not loaded: `module:attribute` below pyglue.cli, and the first sentence of its help."""

    place: str
    help: str

    def load(self) -> click.Command:
        """Import it."""
        module, _, attribute = self.place.partition(":")
        command = getattr(import_module(f"pyglue.cli.{module}"), attribute)
        assert isinstance(command, click.Command)  # noqa: S101 - the table names commands
        return command


class Commands(UserDict[str, click.Command]):
    """Commands by name, each loaded when it is first asked for."""

    def __init__(self, entries: Mapping[str, Entry]) -> None:
        super().__init__()
        self.entries = entries

    def __missing__(self, name: str) -> click.Command:
        self.data[name] = self.entries[name].load()
        return self.data[name]

    def __contains__(self, name: object) -> bool:
        return name in self.data or name in self.entries

    def __iter__(self) -> Any:
        return iter({**self.entries, **self.data})

    def __len__(self) -> int:
        return len({**self.entries, **self.data})


class Group(click.Group):
    """Lists its commands with whole sentences; under headings if it was given some.

    `table` has for each heading the commands that are loaded when they are asked for.
    """

    def __init__(
        self,
        name: str | None = None,
        *,
        table: Mapping[str, Mapping[str, Entry]] | None = None,
        **kwargs: Any,
    ) -> None:
        self.table = table or {}
        entries = {name: entry for part in self.table.values() for name, entry in part.items()}
        super().__init__(name, Commands(entries) if entries else None, **kwargs)

    def sentences(self) -> dict[str, str]:
        """The first sentence of each command's help, by name; what stands in the table is not loaded for it."""
        told = {name: entry.help for part in self.table.values() for name, entry in part.items()}
        own = {name: self.commands[name] for name in self.commands if name not in told}
        return told | {
            name: one.get_short_help_str(WHOLE) for name, one in sorted(own.items()) if not one.hidden
        }

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands in the order of the table, the others under `Commands`."""
        del ctx
        told = self.sentences()
        width = max(map(len, told), default=0)
        parts = {heading: list(part) for heading, part in self.table.items()}
        parts["Commands"] = [name for name in told if not any(name in part for part in self.table.values())]
        for heading, names in parts.items():
            if names:
                with formatter.section(heading):
                    formatter.write_dl([(f"{name:<{width}}", told[name]) for name in names])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Names of commands, and the group's options."""
        from click.shell_completion import CompletionItem

        told = self.sentences().items()
        found = [CompletionItem(name, help=help_) for name, help_ in told if name.startswith(incomplete)]
        return [*found, *click.Command.shell_complete(self, ctx, incomplete)]
