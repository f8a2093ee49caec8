"""The one printer: columns, colour, bars and progress are decided here and nowhere else.

Talk goes to stderr, data to stdout. Without a terminal the same lines come, minus colour and movement.
A line is a label, dots, a verdict, and the seconds it took.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Sequence
from typing import TextIO

import click

from pyglue.counted import counted

DOTS = 64  # column at which a verdict ends
SLOW = 1.0  # seconds after which a step shows that it moves
COLOURS = {
    "ok": "green",
    "made": "green",
    "updated": "green",
    "kept": "cyan",
    "failed": "red",
    "stopped": "yellow",
}
BAR = 24
WIDE = 120  # columns of a terminal on which a line has room for what is nice to know
ERRORS = "docs/errors.md"  # the catalogue, with a heading for each code


class Screen:
    """Prints for one command. Safe to use from several threads."""

    def __init__(self, out: TextIO | None = None, talk: TextIO | None = None) -> None:
        self._out = out or sys.stdout
        self._talk = talk or sys.stderr
        self._lock = threading.RLock()
        self._moving = ""
        self.terminal = self._talk.isatty() and os.environ.get("TERM") != "dumb"
        self._colour = self.terminal and not os.environ.get("NO_COLOR")

    @property
    def wide(self) -> bool:
        """Whether data goes to a terminal with much room."""
        return self._out.isatty() and _width(self._out) >= WIDE

    # -- talk

    def say(self, text: str = "") -> None:
        """A line of talk."""
        with self._lock:
            self._erase()
            self._talk.write(text + "\n")
            self._talk.flush()

    def finished(self, label: str, verdict: str, seconds: float) -> None:
        """A step's line: label, dots, verdict, time in seconds."""
        self._line(label, verdict, f"{seconds:5.1f}s")

    def hop(self, label: str, verdict: str, milliseconds: float | None) -> None:
        """A hop's line: label, dots, verdict, time in milliseconds if there is one."""
        self._line(label, verdict, "" if milliseconds is None else f"{milliseconds:5.0f} ms")

    def _line(self, label: str, verdict: str, took: str) -> None:
        dots = "." * max(3, DOTS - len(label) - len(verdict))
        self.say(f"{label}{dots}{self._paint(verdict, COLOURS.get(verdict))}  {took}".rstrip())

    def running(self, labels: Sequence[tuple[str, float]]) -> None:
        """Steps under way: one moving line on a terminal, for those that take longer than a second."""
        slow = [(label, seconds) for label, seconds in labels if seconds >= SLOW]
        if slow:
            names = ", ".join(label for label, _ in slow)
            self.move(f"{names} ... {max(seconds for _, seconds in slow):.0f}s")

    def progress(self, label: str, files: tuple[int, int], size: tuple[int, int], seconds: float) -> None:
        """A bar over files and bytes; a total of 0 is not known yet."""
        count = f"{files[0]} of {counted(files[1], 'file')}" if files[1] else counted(files[0], "file")
        amount = f"{_mb(size[0])} of {_mb(size[1])} MB" if size[1] else f"{_mb(size[0])} MB"
        part = min(1.0, size[0] / size[1]) if size[1] else 0.0
        bar = ("=" * round(part * BAR) + ">").ljust(BAR + 1, ".") if size[1] else ""
        clock = f"{int(seconds // 60)}:{int(seconds % 60):02d}"
        self.move(f"{label} ({count}, {amount}) {bar} {clock}")

    def move(self, text: str) -> None:
        """Replace the moving line at the bottom; nothing without a terminal."""
        if not self.terminal:
            return
        with self._lock:
            width = _width(self._talk) - 1
            shown = text if len(text) <= width else text[: width - 3] + "..."
            if shown != self._moving:
                self._erase()
                self._talk.write(shown)
                self._talk.flush()
                self._moving = shown

    def still(self) -> None:
        """Remove the moving line."""
        with self._lock:
            self._erase()
            self._talk.flush()

    def problem(self, message: str, details: Sequence[str], try_: str | None, code: str = "") -> None:
        """An error: the sentence, what is known about it, the command to type next, and where more is written."""
        self.say(f"{self._paint('error:', 'red')} {message}")
        for line in details:
            self.say(f"  {line}")
        if try_:
            self.say(f"  try: {try_}")
        if code:
            self.say(f"  see: {ERRORS}#{code}")

    # -- data

    def data(self, text: str) -> None:
        """A line of data, for people and pipes."""
        with self._lock:
            self._erase()
            self._talk.flush()
            self._out.write(text + "\n")
            self._out.flush()

    def clear(self) -> None:
        """Begin at the top of an empty screen; without a terminal an empty line separates."""
        with self._lock:
            self._out.write("\x1b[H\x1b[2J" if self._out.isatty() else "\n")

    def table(self, rows: Sequence[Sequence[str]]) -> None:
        """Rows in columns as wide as they need; the last column is left ragged."""
        if not rows:
            return
        widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
        for row in rows:
            cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
            self.data("  ".join(cells).rstrip())

    def _paint(self, text: str, colour: str | None) -> str:
        return click.style(text, fg=colour) if colour and self._colour else text

    def _erase(self) -> None:
        if self._moving:
            self._talk.write("\r\x1b[K")
            self._moving = ""


def _mb(size: int) -> str:
    return f"{size / 1e6:.0f}"


def _width(stream: TextIO) -> int:
    try:
        return os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError):  # it has no descriptor, or one that is no terminal
        return 100


def listed(number: int, message: str, details: Sequence[str], try_: str, code: str) -> list[str]:
    """One problem of a counted list: what is wrong, what is known about it, the remedy, and where more is written."""
    below = [*details, f"try: {try_}", f"see: {ERRORS}#{code}"]
    return [f"{number}. {message}", *(f"   {line}" for line in below)]


def amount(size: int | None) -> str:
    """Bytes for people: `341 MiB`, `2.0 GiB`; a dash for None."""
    if size is None:
        return "-"
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 else f"{size / 2**20:.0f} MiB"


def span(seconds: float | None) -> str:
    """Seconds for people: `3s`, `6m02s`, `2h05m`; a dash for None."""
    if seconds is None:
        return "-"
    whole = int(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02d}m"
