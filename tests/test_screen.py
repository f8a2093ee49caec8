"""The printer: lines, bars, tables and figures, with and without a terminal."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import struct
import termios

import pytest

from pyglue.screen import DOTS, Screen, amount, listed, span


class Terminal(io.StringIO):
    """A text stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def plain() -> tuple[Screen, io.StringIO, io.StringIO]:
    out, talk = io.StringIO(), io.StringIO()
    return Screen(out, talk), out, talk


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """A terminal that knows colours."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return Terminal()


def test_a_step_is_label_dots_verdict_time() -> None:
    """Verdicts end in one column; a long label still has its dots."""
    screen, _, talk = plain()
    screen.finished("Start kafka", "ok", 3.44)
    screen.finished("x" * 90, "failed", 123.0)
    short, long = talk.getvalue().splitlines()
    assert short == "Start kafka" + "." * (DOTS - 13) + "ok    3.4s"
    assert long == "x" * 90 + "...failed  123.0s"


def test_without_a_terminal_nothing_moves_and_nothing_is_coloured() -> None:
    """The same lines, minus movement and colour."""
    screen, _, talk = plain()
    screen.running([("Start kafka", 9.0)])
    screen.progress("Install kafka", (1, 2), (1, 2), 3)
    screen.finished("Start kafka", "ok", 1)
    screen.still()
    assert "\x1b" not in talk.getvalue()
    assert talk.getvalue().count("\n") == 1


def test_on_a_terminal_slow_steps_move_and_vanish(terminal: Terminal) -> None:
    """Only steps longer than a second are shown; the next line takes their place."""
    screen = Screen(io.StringIO(), terminal)
    screen.running([("quick", 0.5)])
    assert terminal.getvalue() == ""
    screen.running([("quick", 0.5), ("Start kafka", 3.2), ("Start superset", 2.0)])
    assert terminal.getvalue() == "Start kafka, Start superset ... 3s"
    screen.say("done")
    assert terminal.getvalue().endswith("3s\r\x1b[Kdone\n")


def test_verdicts_have_colours_on_a_terminal(terminal: Terminal) -> None:
    """Colour, but never as the only signal: the word stands there."""
    Screen(io.StringIO(), terminal).finished("a", "failed", 1)
    assert "\x1b[31mfailed\x1b[0m" in terminal.getvalue()


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_colours_can_be_refused(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """NO_COLOR and a dumb terminal are respected."""
    monkeypatch.setenv(name, value)
    Screen(io.StringIO(), terminal).finished("a", "failed", 1)
    assert "\x1b[31m" not in terminal.getvalue()


@pytest.mark.parametrize(
    ("files", "size", "shown"),
    [
        (
            (37, 92),
            (21_000_000, 54_000_000),
            "Install kafka (37 of 92 files, 21 of 54 MB) =========>...............",
        ),
        ((3, 0), (5_000_000, 0), "Install kafka (3 files, 5 MB)  1:07"),
        ((1, 1), (9, 3), "Install kafka (1 of 1 file, 0 of 0 MB) ========================> 1:07"),
    ],
)
def test_a_bar_over_files_and_bytes(
    terminal: Terminal, files: tuple[int, int], size: tuple[int, int], shown: str
) -> None:
    """Totals where they are known, a bar that never runs over."""
    Screen(io.StringIO(), terminal).progress("Install kafka", files, size, 67)
    assert terminal.getvalue().startswith(shown)
    assert terminal.getvalue().endswith(" 1:07")


def test_data_goes_to_stdout_and_talk_to_stderr() -> None:
    """A pipe gets the data alone."""
    screen, out, talk = plain()
    screen.data("data")
    screen.say("talk")
    assert (out.getvalue(), talk.getvalue()) == ("data\n", "talk\n")


def test_an_error_has_its_details_and_the_next_command() -> None:
    """The sentence, what is known, what to type."""
    screen, out, talk = plain()
    screen.problem("kafka stopped", ["last lines of kafka:", "  | x"], "pyglue logs kafka")
    expected = "error: kafka stopped\n  last lines of kafka:\n    | x\n  try: pyglue logs kafka\n"
    assert (out.getvalue(), talk.getvalue()) == ("", expected)


def test_a_table_is_as_wide_as_it_needs() -> None:
    """Columns line up, the last one is ragged; no rows are no lines."""
    screen, out, _ = plain()
    screen.table([("SERVICE", "STATE"), ("a", "running"), ("longer-name", "")])
    screen.table([])
    assert out.getvalue() == "SERVICE      STATE\na            running\nlonger-name\n"


@pytest.mark.parametrize(
    ("size", "text"),
    [(None, "-"), (0, "0 MiB"), (341 * 2**20, "341 MiB"), (2**30 - 1, "1024 MiB"), (2**31, "2.0 GiB")],
)
def test_bytes_for_people(size: int | None, text: str) -> None:
    """Memory in the unit that is read most easily."""
    assert amount(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "-"), (0, "0s"), (59.9, "59s"), (60, "1m00s"), (362, "6m02s"), (3600, "1h00m"), (7500, "2h05m")],
)
def test_seconds_for_people(seconds: float | None, text: str) -> None:
    """Spans in at most two units."""
    assert span(seconds) == text


def test_a_hop_shows_milliseconds() -> None:
    """Hops are quicker than a tenth of a second, so their lines are in milliseconds; a failed one has none."""
    talk = io.StringIO()
    screen = Screen(io.StringIO(), talk)
    screen.hop("druid", "ok", 47.6)
    screen.hop("superset", "failed", None)
    first, second = talk.getvalue().splitlines()
    assert first.endswith("ok     48 ms")
    assert second.endswith("failed")


@pytest.mark.parametrize(("columns", "wide"), [(119, False), (120, True)])
def test_a_terminal_may_be_wide(columns: int, wide: bool) -> None:
    """By its own width; what is no terminal never is."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    with os.fdopen(slave, "w") as out, os.fdopen(master):
        assert Screen(out, io.StringIO()).wide is wide
    assert not plain()[0].wide


def test_a_problem_of_a_counted_list() -> None:
    """What is wrong, what is known, what to type, where to read on: the same for all commands."""
    assert listed(2, "kafka is stopped", ["seen  nothing"], "pyglue up", "service-stopped") == [
        "2. kafka is stopped",
        "   seen  nothing",
        "   try: pyglue up",
        "   see: docs/errors.md#service-stopped",
    ]
