"""Logs: their last lines, and what comes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import pytest

from pyglue.native.logs import BLOCK, follow, tail


@pytest.mark.parametrize(
    ("content", "lines", "expected"),
    [
        ("", 3, []),
        ("a\nb\nc\n", 2, ["b", "c"]),
        ("a\nb\nc", 2, ["b", "c"]),
        ("a\nb\n", 5, ["a", "b"]),
        ("a\n\n\n", 2, ["", ""]),
        ("a\n", 0, []),
        ("a\x0cb\u2028c\n", 3, ["a\x0cb\u2028c"]),
    ],
)
def test_the_last_lines(tmp_path: Path, content: str, lines: int, expected: list[str]) -> None:
    """As many lines as were asked for, divided by line feeds only."""
    (tmp_path / "log").write_text(content)
    assert tail(tmp_path / "log", lines) == expected


def test_no_log_has_no_lines(tmp_path: Path) -> None:
    """A service that never ran printed nothing."""
    assert tail(tmp_path / "log", 3) == []


def test_lines_longer_than_a_block(tmp_path: Path) -> None:
    """Reading from the end in blocks cuts no line and no character."""
    rows = ["ü" * BLOCK, "b" * (BLOCK + 1), "c"]
    (tmp_path / "log").write_text("first\n" + "\n".join(rows) + "\n")
    assert tail(tmp_path / "log", 3) == rows


def test_bytes_that_are_no_text_are_shown(tmp_path: Path) -> None:
    """A log in another encoding is still readable."""
    (tmp_path / "log").write_bytes(b"a\xffb\n")
    assert tail(tmp_path / "log", 1) == ["a\ufffdb"]


def following(paths: dict[str, Path], steps: list[Callable[[], None]]) -> Iterator[tuple[str, str]]:
    """`follow` whose sleep takes the next step instead of waiting."""
    todo = iter(steps)
    return follow(paths, sleep=lambda _: next(todo)())


def append(path: Path, text: str) -> Callable[[], None]:
    """A step that writes at the end of a file."""

    def step() -> None:
        with path.open("a") as file:
            file.write(text)

    return step


def test_new_lines_come_whole_and_with_their_service(tmp_path: Path) -> None:
    """What was there is not repeated, a half line waits for its end, a log may appear later."""
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("old\n")
    steps = [append(one, "a"), append(one, "b\nc\n"), append(two, "d\n")]
    lines = following({"one": one, "two": two}, steps)
    assert list(islice(lines, 3)) == [("one", "ab"), ("one", "c"), ("two", "d")]


@pytest.mark.parametrize("size", [1, 10_000])
def test_a_rotated_log_is_read_from_its_beginning(tmp_path: Path, size: int) -> None:
    """Whether the new file is shorter or longer than what was read of the old one."""
    log = tmp_path / "log"
    log.write_text("x" * 100 + "\n")

    def rotate() -> None:
        log.rename(tmp_path / "log.1")
        log.write_text("n" * size + "\n")

    assert list(islice(following({"a": log}, [rotate]), 1)) == [("a", "n" * size)]


def test_a_log_that_is_emptied_goes_on(tmp_path: Path) -> None:
    """A file that becomes shorter is read anew."""
    log = tmp_path / "log"
    log.write_text("old line\n")

    def empty() -> None:
        log.write_text("b\n")

    assert list(islice(following({"a": log}, [empty]), 1)) == [("a", "b")]
