"""The truth's file: what was written is read; what is none is refused; what is cut off is no harm."""

from __future__ import annotations

import io
import json
import random
from dataclasses import asdict
from pathlib import Path

import pytest

from pyglue.errors import InputError
from pyglue.traffic import crowd, faults, truth
from pyglue.traffic.truth import COLUMNS, Made

NOW = 1_760_000_000_000
MADE = Made("run01x", 1, 2.5, 500, NOW, history=False)
FIRST = f"#{json.dumps(asdict(MADE))}\n"
DELIVERY = next(faults.deliveries(crowd.actions(1, 500, NOW, NOW + 60_000, 5.0, run="run01x"), 1))
LINE = truth.line(DELIVERY, NOW, NOW + 7, 200)


def written(tmp_path: Path, *, end: bool = True) -> tuple[Path, list[faults.Delivery]]:
    """A file of a minute's traffic, every request answered after 7 ms."""
    chance = random.Random(1)  # noqa: S311 - no secret
    found = list(faults.deliveries(crowd.actions(1, 500, NOW, NOW + 60_000, 5.0, run="run01x"), 1))
    out = io.StringIO()
    truth.begin(out, MADE)
    for delivery in found:
        out.write(truth.line(delivery, delivery.at_ms, delivery.at_ms + 7, chance.choice((200, 200, 503, 0))))
    if end:
        truth.end(out, NOW + 60_007)
    file = tmp_path / "truth.tsv"
    file.write_text(out.getvalue())
    return file, found


def test_what_was_written_is_read(tmp_path: Path) -> None:
    """Every request with all that is known of it, and how it all was made."""
    file, found = written(tmp_path)
    read = truth.read(file)
    requests = list(read.requests())
    assert (read.made, read.whole) == (MADE, True)
    assert len(requests) == len(found) > 100
    for sent, delivery in zip(requests, found, strict=True):
        action, visitor = delivery.action, delivery.action.visitor
        assert (sent.event, sent.party, sent.session) == (action.event_id, visitor.party, action.session)
        assert (sent.happened_ms, sent.client_ms) == (action.at_ms, action.at_ms + visitor.skew_ms)
        assert (sent.sent_ms, sent.answered_ms) == (delivery.at_ms, delivery.at_ms + 7)
        assert (sent.location, sent.referrer, sent.fault) == (
            action.location,
            action.referrer,
            delivery.fault,
        )
        assert (sent.browser, sent.device) == (visitor.browser.family, visitor.browser.device)
        assert (sent.robot, sent.width, sent.first) == (
            visitor.browser.robot,
            action.width,
            action.first_in_session,
        )
        assert sent.technology == dict(action.parameters).get("technology", "")
        assert sent.known is (sent.status == 200)
        assert sent.recorded is (sent.status == 200 and sent.fault != "unreadable")


def test_a_file_that_still_grows(tmp_path: Path) -> None:
    """It is not whole, and a last line that is cut off is left out."""
    file, found = written(tmp_path, end=False)
    file.write_text(file.read_text()[:-5])
    read = truth.read(file)
    assert len(list(read.requests())) == len(found) - 1
    assert not read.whole


@pytest.mark.parametrize(
    ("content", "line", "said"),
    [
        ("", 1, "is no file of `pyglue traffic`"),
        ("hello\n", 1, "is no file of `pyglue traffic`"),
        ("#[1]\n", 1, "is no file of `pyglue traffic`"),
        ('#{"version":1}\n', 1, "is no file of `pyglue traffic`"),
        ('#{"version":2}\n', 1, "is of version 2"),
        (f"#{'[' * 100_000}\n", 1, "is no file of `pyglue traffic`"),
        (FIRST, 2, "does not name the columns"),
    ],
)
def test_no_truth(tmp_path: Path, content: str, line: int, said: str) -> None:
    """What is not such a file is refused by its first lines."""
    file = tmp_path / "truth.tsv"
    file.write_text(content)
    with pytest.raises(InputError) as caught:
        truth.read(file)
    (problem,) = caught.value.problems
    assert (problem.file, problem.line) == (str(file), line)
    assert said in problem.message


def spoiled(column: str, value: str) -> str:
    """A line with another value in one column."""
    values = LINE.split("\t")
    values[COLUMNS.index(column)] = value
    return "\t".join(values)


@pytest.mark.parametrize(
    "wrong",
    [
        "a\tb\n",
        "\t" * (len(COLUMNS) - 1) + "\n",
        f"{LINE[:-1]}\tmore\n",
        spoiled("party", "nobody"),
        spoiled("session", f"0:!!!!!!!!:{'x' * 32}"),
        spoiled("location", "http://[x/"),
        spoiled("client_ms", "1" * 30),
        spoiled("type", "\udcff"),
    ],
)
def test_a_broken_line_is_named(tmp_path: Path, wrong: str) -> None:
    """By its number."""
    file, found = written(tmp_path, end=False)
    with file.open("a", errors="surrogateescape") as out:
        out.write(wrong)
    with pytest.raises(InputError) as caught:
        list(truth.read(file).requests())
    assert caught.value.problems[0].line == len(found) + 3


def test_no_such_file(tmp_path: Path) -> None:
    """The reason is the system's."""
    with pytest.raises(InputError) as caught:
        truth.read(tmp_path / "none.tsv")
    assert "No such file" in caught.value.problems[0].message
