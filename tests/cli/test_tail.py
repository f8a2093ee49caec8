"""`pyglue tail` as typed, with librdkafka's mock broker in the place of Kafka."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import cast

import pytest

from pyglue.cli import run
from pyglue.cli.tail import BadOnes, Counted, Printed
from pyglue.collector.bad.entries import BadEvent
from pyglue.engine import Engine
from pyglue.layout import Layout
from pyglue.pipeline import replays
from pyglue.pipeline.field_statistics import Statistics
from pyglue.pipeline.kafka import Record
from pyglue.pipeline.kept import Following
from pyglue.pipeline.tail import Begin, Event, Reader
from pyglue.screen import Screen
from tests.cli.ended import Run
from tests.pipeline.bad_events import DAY, TIME, Files, bad_event, unreadable
from tests.pipeline.mock_kafka import MockKafka
from tests.pipeline.test_tail import encoded as encoded
from tests.pipeline.test_tail import shipped as shipped

ALL = ("tail", "--no-follow")


def keep(layout: Layout, *events: BadEvent) -> None:
    """Let the collector keep these events."""
    folder = layout.data / "divolte-data" / "bad"
    folder.mkdir(parents=True)
    (folder / DAY).write_text("".join(event.line() + "\n" for event in events))


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch, encoded: Callable[..., bytes]) -> MockKafka:
    """A topic with three events and a record that is none."""
    mock = MockKafka()
    mock.send(encoded(path="/a"), 0, 1_700_000_000_001)
    mock.send(encoded(path="/b", eventType="pageView"), 1, 1_700_000_000_002)
    mock.send(b"\xff\xff", 1, 1_700_000_000_003)
    mock.send(encoded(path="/c", detectedCorruption=True), 2, 1_700_000_000_004)
    monkeypatch.setenv("PYGLUE_KAFKA", mock.servers)
    return mock


def test_events_are_data_and_the_rest_is_talk(pyglue: Run, broker: MockKafka) -> None:
    """A line for each event; a record that can't be decoded is told with its place, and counted at the end."""
    ended = pyglue(*ALL, "-n", "10")
    assert ended.code == 0
    assert [row.split()[4] for row in ended.out.splitlines()] == ["/a", "/b", "/c"]
    assert ended.err.splitlines() == [
        "can't be decoded: partition 1, offset 1, 2 bytes: it ends in the middle of a record (ff ff)",
        "1 record could not be decoded by divolte/DefaultEventRecord.avsc; try: pyglue tail --bad --no-follow",
    ]


def test_json_lines_filtered_and_counted(pyglue: Run, broker: MockKafka) -> None:
    """Each line is an object; conditions, fields and a count are obeyed."""
    words = ("-n", "10", "--json", "--where", "eventType=click", "--fields", "path,_partition")
    ended = pyglue(*ALL, *words)
    assert [json.loads(row) for row in ended.out.splitlines()] == [
        {"path": "/a", "_partition": 0},
        {"path": "/c", "_partition": 2},
    ]
    assert len(pyglue("tail", *words, "-c", "1").out.splitlines()) == 1  # it ends, though nothing says where


def test_how_many_were_looked_at_if_none_matched(pyglue: Run, broker: MockKafka) -> None:
    """On stderr; of statistics always, where conditions leave some out."""
    ended = pyglue(*ALL, "-n", "10", "--where", "path=/nowhere")
    assert (ended.code, ended.out) == (0, "")
    assert "0 of 4 records matched" in ended.err
    assert "matched" not in pyglue(*ALL, "-n", "10", "--where", "path=/a").err
    assert "no records" in pyglue(*ALL, "-n", "0").err
    assert "1 event of 4 records" in pyglue(*ALL, "--stats", "--where", "path=/a").err


def test_bad_ones(pyglue: Run, broker: MockKafka) -> None:
    """As data: what can't be decoded and what arrived damaged."""
    ended = pyglue(*ALL, "-n", "10", "--bad", "--json")
    found = [json.loads(row) for row in ended.out.splitlines()]
    assert [(one["_partition"], one["_why"]) for one in found] == [
        (1, "it ends in the middle of a record"),
        (2, "detectedCorruption"),
    ]
    assert found[1]["path"] == "/c"
    assert "can't be decoded" not in ended.err


def test_bad_ones_that_the_collector_has_kept(pyglue: Run, broker: MockKafka, layout: Layout) -> None:
    """They come before those of the topic; those that were sent again, or asked for by a field, are none."""
    keep(layout, bad_event(1), unreadable(2), bad_event(3))
    with closing(replays.Notes(layout.project / replays.FILE)) as notes:
        notes.add(replays.Replays({"test-3"}), 1.0)
    rows = pyglue(*ALL, "-n", "10", "--bad").out.splitlines()
    assert [row.split(":")[3].split(",")[0].strip() for row in rows[:2]] == [
        "no value for field eventType (schema)",
        "missing p (identifier)",
    ]
    assert len(rows) == 4
    found = [json.loads(row) for row in pyglue(*ALL, "--bad", "--json").out.splitlines()]
    assert [one.get("_kept") for one in found] == ["test-1", "test-2", None, None]
    assert found[1]["_parameters"] == {"t": "click", "s": "1"}
    assert len(pyglue(*ALL).out.splitlines()) == 3
    assert len(pyglue(*ALL, "-n", "10", "--bad", "--where", "path=/c").out.splitlines()) == 1
    assert json.loads(pyglue(*ALL, "--bad", "--stats", "--json").out)["events"] == 1


def test_what_can_not_be_read_of_them_is_told(pyglue: Run, broker: MockKafka, layout: Layout) -> None:
    """With file and line, also where the account of what was sent again is damaged."""
    keep(layout, bad_event(1))
    file = layout.data / "divolte-data" / "bad" / DAY
    file.write_bytes(file.read_bytes() + b"torn\n")
    (layout.project / replays.FILE).parent.mkdir(exist_ok=True)
    (layout.project / replays.FILE).write_text("torn\n")
    ended = pyglue(*ALL, "--bad", "-n", "1")
    assert (ended.code, len(ended.out.splitlines())) == (0, 2)
    assert ended.err.splitlines()[:2] == [
        ".pyglue/replays.jsonl, line 1 can't be read: events that it settled are shown as bad; try: pyglue replay",
        f"can't be read, so left out, of the collector's files: bad/{DAY}, line 2",
    ]


def test_nothing_is_said_of_no_records_under_bad_ones(
    pyglue: Run, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a topic that is empty or sound."""
    empty = MockKafka()
    monkeypatch.setenv("PYGLUE_KAFKA", empty.servers)
    assert pyglue(*ALL, "--bad").err == "no records\n"
    keep(layout, bad_event(1))
    ended = pyglue(*ALL, "--bad")
    assert (len(ended.out.splitlines()), ended.err) == (1, "")


def test_a_count_is_of_all_bad_ones(pyglue: Run, broker: MockKafka, layout: Layout) -> None:
    """Of those that were kept and those of the topic together."""
    keep(layout, bad_event(1), bad_event(2))
    for count in (1, 2, 3):
        assert len(pyglue(*ALL, "--bad", "-c", str(count)).out.splitlines()) == count


def test_kept_ones_are_shown_while_kafka_is_away(
    pyglue: Run, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before it is told that Kafka does not answer."""
    keep(layout, bad_event(1))
    monkeypatch.setenv("PYGLUE_KAFKA", "127.0.0.1:1")
    ended = pyglue(*ALL, "--bad")
    assert (ended.code, len(ended.out.splitlines())) == (1, 1)
    assert "Kafka does not answer" in ended.err


def test_kept_ones_are_followed(capsys: pytest.CaptureFixture[str]) -> None:
    """Between batches of the topic, as they come, up to the count."""
    files, now = Files(bad_event(1)), [TIME / 1000]
    others = BadOnes(
        Screen(), Following(cast(Engine, files), (), lambda: now[0]), lambda event: event.id, count=2
    )
    others.begin(Begin())

    def found() -> Iterator[list[Record]]:
        while True:
            now[0] += 1
            files.events.append(bad_event(len(files.events) + 1))
            files.rest = b"torn\n" if len(files.events) == 3 else b""
            yield []

    assert list(others.beside(Reader(json.loads, bad=True), found())) == [[], []]
    captured = capsys.readouterr()
    assert captured.out == "test-2\ntest-3\n"
    assert captured.err == f"can't be read, so left out, of the collector's files: bad/{DAY}, line 4\n"


def test_statistics(pyglue: Run, broker: MockKafka) -> None:
    """A table, or one object; events themselves are not shown."""
    found = json.loads(pyglue(*ALL, "--stats", "--json", "--fields", "path").out)
    assert (found["events"], found["undecodable"], list(found["fields"])) == (3, 1, ["path"])
    rows = pyglue(*ALL, "--stats").out.splitlines()
    assert rows[0].split()[0] == "FIELD"
    assert any(row.startswith("eventType ") and row.endswith("click (2), pageView (1)") for row in rows)


@pytest.mark.parametrize("words", [("--stats",), ()])
def test_ctrl_c_shows_what_there_is(
    project: Path,
    broker: MockKafka,
    words: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The table, or the count of what can't be decoded, comes before the end with 130."""
    monkeypatch.chdir(project)
    kind = Counted if words else Printed
    take = kind.take

    def interrupted(self: Counted | Printed, events: list[Event]) -> None:
        take(self, events)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    monkeypatch.setattr(kind, "take", interrupted)
    assert run(["tail", "-n", "10", *words]) == 130
    captured = capsys.readouterr()
    assert "1 record could not be decoded" in captured.err
    assert captured.err.endswith("interrupted\n")
    assert captured.out.startswith("FIELD" if words else "11-")


def test_what_is_asked_is_looked_at_first(pyglue: Run) -> None:
    """Wrong conditions and fields are usage errors, with nothing running."""
    for words in (("--where", "evenType=x"), ("--fields", "pth"), ("-n", "3", "--since", "1m"), ("-c", "0")):
        ended = pyglue("tail", *words)
        assert (ended.code, ended.out) == (2, "")
    assert "near it are eventType" in pyglue("tail", "--where", "evenType=x").err


def test_where_nothing_runs(pyglue: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The usual errors: nothing runs here; Kafka does not answer."""
    assert "nothing runs here" in pyglue("tail").err
    monkeypatch.setenv("PYGLUE_KAFKA", "127.0.0.1:1")
    ended = pyglue("tail")
    assert (ended.code, ended.out) == (1, "")
    assert "error: Kafka does not answer" in ended.err


def test_a_batch_of_which_nothing_is_left_makes_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Not even an empty one."""
    reader = Reader(json.loads)
    Printed(Screen(), reader, str, BadOnes(Screen(), None, str, None), told=True).take([])
    Counted(Screen(), reader, Statistics([]), as_json=True).take([])
    assert capsys.readouterr().out == ""
