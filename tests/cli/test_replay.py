"""`pyglue replay` as typed, with librdkafka's mock broker in the place of Kafka and a collector's folder."""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pyglue.cli import run
from pyglue.cli.replay import _dismissed, _note, _run
from pyglue.collector.bad.entries import BadEvent
from pyglue.errors import PyglueError
from pyglue.layout import Layout
from pyglue.pipeline.kafka import Kafka
from pyglue.pipeline.replay import BATCH, Result
from pyglue.pipeline.replays import FILE, Notes, Part, Replays, read
from pyglue.screen import Screen
from tests.cli.ended import Run
from tests.pipeline.bad_events import DAY, TIME, bad_event, unreadable
from tests.pipeline.mock_kafka import TOPIC, MockKafka

Keep = Callable[..., None]


@pytest.fixture
def keep(layout: Layout) -> Keep:
    """Lets the collector keep these events."""

    def write(*events: BadEvent) -> None:
        folder = layout.data / "divolte-data" / "bad"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / DAY).write_text("".join(event.line() + "\n" for event in events))

    return write


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> MockKafka:
    """An empty topic."""
    mock = MockKafka()
    monkeypatch.setenv("PYGLUE_KAFKA", mock.servers)
    return mock


def written(broker: MockKafka) -> int:
    """Records in the topic."""
    return sum(Kafka(broker.servers).ends(TOPIC).values())


def test_what_is_mended_is_sent_once(pyglue: Run, broker: MockKafka, keep: Keep, project: Path) -> None:
    """Its records are in Kafka, it is noted with them, and a second replay finds nothing."""
    keep(bad_event(1), bad_event(2))
    ended = pyglue("replay")
    assert (ended.code, written(broker)) == (0, 2), ended.err
    assert [row.split() for row in ended.out.splitlines()] == [
        ["REASON", "EVENTS", "SENT"],
        ["no", "value", "for", "field", "eventType", "2", "2"],
    ]
    assert "Kafka has 2 records of them" in ended.err
    noted = read(project / FILE)
    assert (noted.ids, noted.records) == ({"test-1", "test-2"}, {TOPIC: {TIME // 60_000: 2}})
    again = pyglue("replay")
    assert (again.code, again.out, written(broker)) == (0, "", 2)
    assert again.err == "no bad events; sent or dismissed before: 2\n"


def test_a_part_that_kafka_has_is_not_sent(pyglue: Run, broker: MockKafka, keep: Keep, project: Path) -> None:
    """Of an event of which it refused another record before."""
    keep(bad_event(1))
    with closing(Notes(project / FILE)) as notes:
        notes.add(Replays(parts={Part("test-1", "clickstream", TOPIC)}), 1.0)
    assert json.loads(pyglue("replay", "--json").out)["sent"] == 1
    assert (written(broker), read(project / FILE).ids) == (0, {"test-1"})


def test_what_is_not_mended_stays(pyglue: Run, broker: MockKafka, keep: Keep) -> None:
    """The others are sent; by reason it is told what stays, and the exit code is 1, again and again."""
    keep(bad_event(1), unreadable(2), unreadable(3))
    for sent, events in ((1, 3), (0, 2)):
        ended = pyglue("replay", "--json")
        assert ended.code == 1
        found = json.loads(ended.out)
        assert (found["events"], found["sent"], found["still_bad"]) == (events, sent, {"missing p": 2})
        assert not found["ok"]
        assert "error: 2 events are still bad, and stay kept\n  2  missing p\n" in ended.err
        assert "docs/errors.md#events-still-bad" in ended.err
    assert written(broker) == 1


def test_a_trial_sends_nothing(pyglue: Run, keep: Keep, project: Path) -> None:
    """Not even Kafka is needed for it."""
    keep(bad_event(1), unreadable(2))
    ended = pyglue("replay", "--dry-run")
    assert ended.code == 1
    assert "WOULD BE SENT" in ended.out
    assert "1 event would still be bad" in ended.err
    assert not (project / FILE).exists()


def test_which_ones_is_chosen(pyglue: Run, keep: Keep) -> None:
    """By reason, kind and time, also together."""
    now = int(time.time() * 1000)
    keep(
        bad_event(1, time_ms=now - 7_200_000),
        bad_event(2, "too large", time_ms=now - 1_800_000),
        bad_event(3, time_ms=now - 1000),
    )
    for words, count in (
        ((), 3),
        (("--reason", "size"), 1),
        (("--reason", "no value for field eventType"), 2),
        (("--reason", "size", "--reason", "schema"), 3),
        (("--reason", "identifier"), 0),
        (("--since", "1h"), 2),
        (("--until", "1m"), 2),
        (("--since", "1h", "--until", "1m"), 1),
        (("--since", "1h", "--reason", "schema"), 1),
    ):
        assert json.loads(pyglue("replay", "--dry-run", "--json", *words).out)["events"] == count, words
    assert pyglue("replay", "--since", "1m", "--until", "1h").code == 2


def test_a_reason_that_no_event_has_is_no_success(pyglue: Run, keep: Keep) -> None:
    """A misspelt one would look as if all were mended."""
    keep(bad_event(1))
    ended = pyglue("replay", "--dry-run", "--reason", "nonsense")
    assert ended.code == 2
    assert "has the reason nonsense; there are: no value for field eventType (1)" in ended.err


def test_a_mapping_that_is_broken_is_told(pyglue: Run, keep: Keep, project: Path) -> None:
    """Before anything is sent."""
    keep(bad_event(1))
    (project / "mapping.groovy").write_text("mapping { map nothing() onto 'eventType' }")
    ended = pyglue("replay")
    assert ended.code == 1
    assert "docs/errors.md#bad-input" in ended.err


def test_where_kafka_is_away_or_nothing_runs(
    pyglue: Run, keep: Keep, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The usual errors, at once; nothing is noted."""
    keep(bad_event(1))
    assert "nothing runs here" in pyglue("replay").err
    monkeypatch.setenv("PYGLUE_KAFKA", "127.0.0.1:1")
    ended = pyglue("replay")
    assert (ended.code, ended.out) == (1, "")
    assert "error: Kafka does not answer" in ended.err
    assert not (project / FILE).exists()


def test_where_nothing_can_be_noted_nothing_is_sent(
    pyglue: Run, broker: MockKafka, keep: Keep, project: Path
) -> None:
    """Neither if the notes can't be read, nor if they can't be written."""
    keep(bad_event(1))
    (project / FILE).mkdir(parents=True)
    ended = pyglue("replay")
    assert (ended.code, written(broker)) == (1, 0)
    assert "docs/errors.md#replays-unreadable" in ended.err
    (project / FILE).rmdir()
    (project / FILE).symlink_to("/nonexistent/notes")
    ended = pyglue("replay")
    assert (ended.code, written(broker)) == (1, 0)
    assert "so nothing was sent" in ended.err


def test_what_can_not_be_noted_is_told() -> None:
    """For the next replay sends it again."""
    with (
        closing(Notes(Path("/dev/full"))) as notes,
        pytest.raises(PyglueError, match="Kafka has 2 records that can't be noted") as caught,
    ):
        _note(notes, Replays({"a"}, {TOPIC: Counter({1: 2})}))
    assert caught.value.code == "disk-full"


def test_two_replays_exclude_each_other(
    pyglue: Run, broker: MockKafka, keep: Keep, layout: Layout, project: Path
) -> None:
    """The second is refused before it looks, for it would send the same."""
    keep(bad_event(1))
    with layout.locked("replay"):
        ended = pyglue("replay")
    assert (ended.code, written(broker), (project / FILE).exists()) == (1, 0, False)
    assert "docs/errors.md#another-pyglue" in ended.err


def test_a_damaged_account_is_told_before_anything_is_sent(
    pyglue: Run, broker: MockKafka, keep: Keep, project: Path
) -> None:
    """What it settled would be sent twice; the command that is told takes it out, and a trial shows what follows."""
    keep(bad_event(1), bad_event(2))
    with closing(Notes(project / FILE)) as notes:
        notes.add(Replays({"test-1"}), 1.0)
    good = (project / FILE).read_bytes()
    (project / FILE).write_bytes(good + b"{rubbish\n")
    for words in ((), ("--reason", "schema", "--dismiss", "x")):
        ended = pyglue("replay", *words)
        assert (ended.code, ended.out, written(broker)) == (1, "", 0)
        assert "can't be read  .pyglue/replays.jsonl, line 2\n" in ended.err
        assert "try: sed -i.damaged '2d' .pyglue/replays.jsonl\n" in ended.err
        assert "docs/errors.md#replays-damaged" in ended.err
    trial = pyglue("replay", "--dry-run")
    assert (trial.code, trial.out.splitlines()[1].split()[-2:]) == (0, ["1", "1"])
    assert ".pyglue/replays.jsonl, line 2 can't be read" in trial.err
    subprocess.run(shlex.split(read(project / FILE).remedy), cwd=project, check=True)
    assert (project / FILE).read_bytes() == good
    assert (pyglue("replay").code, written(broker)) == (0, 1)


def test_a_torn_account_is_told_and_mends_itself(
    pyglue: Run, broker: MockKafka, keep: Keep, project: Path
) -> None:
    """For that is what a replay leaves that is killed."""
    keep(bad_event(1))
    (project / FILE).parent.mkdir(exist_ok=True)
    (project / FILE).write_text('{"at": 1, "ids": ["te')
    ended = pyglue("replay")
    assert (ended.code, written(broker)) == (0, 1)
    assert "the last line of .pyglue/replays.jsonl was torn" in ended.err
    assert "torn" not in pyglue("replay").err


def test_what_can_never_be_mended_is_dismissed(
    pyglue: Run, broker: MockKafka, keep: Keep, project: Path
) -> None:
    """For a reason that is noted; nothing is sent, and the next replay is done."""
    keep(bad_event(1), unreadable(2), unreadable(3))
    words = ("replay", "--reason", "missing p", "--dismiss", "a probe without an id")
    trial = pyglue(*words, "--dry-run")
    assert trial.out.splitlines()[0].split("  ")[-1] == "WOULD BE DISMISSED"
    assert (trial.code, (project / FILE).exists()) == (0, False)
    ended = pyglue(*words)
    assert (ended.code, written(broker)) == (0, 0), ended.err
    assert [row.split() for row in ended.out.splitlines()] == [
        ["REASON", "EVENTS", "DISMISSED"],
        ["missing", "p", "2", "2"],
    ]
    assert read(project / FILE).dismissed == dict.fromkeys(("test-2", "test-3"), "a probe without an id")
    again = json.loads(pyglue("replay", "--json").out)
    assert (again["ok"], again["events"], again["sent"], again["settled_before"]) == (True, 1, 1, 2)
    told = json.loads(pyglue("replay", "--since", "1h", "--dismiss", "none", "--json").out)
    assert (told["dismissed"], told["events"]) == (0, 0)
    assert len((project / FILE).read_text().splitlines()) == 2


def test_what_is_dismissed_is_named(pyglue: Run, keep: Keep, project: Path) -> None:
    """All at once, for no reason, or for one that no event has: usage errors, and nothing is noted."""
    keep(bad_event(1))
    for words in (
        ("--dismiss", "x"),
        ("--dismiss", " ", "--reason", "schema"),
        ("--dismiss", "x", "--reason", "nonsense"),
    ):
        assert pyglue("replay", *words).code == 2, words
    assert (read(project / FILE).settled, pyglue("replay", "--dry-run").code) == (set(), 0)


def test_a_dismissal_that_can_not_be_noted_is_none() -> None:
    """It is told that nothing was dismissed."""
    with (
        closing(Notes(Path("/dev/full"))) as notes,
        pytest.raises(PyglueError, match="nothing is dismissed") as caught,
    ):
        _dismissed([bad_event(1)], notes, "x")
    assert caught.value.code == "disk-full"


def test_ctrl_c_ends_between_two_notes(
    project: Path,
    broker: MockKafka,
    keep: Keep,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What Kafka has is noted; it is told how far it came, and the same command goes on."""
    monkeypatch.chdir(project)
    keep(*map(bad_event, range(BATCH + 3)))
    with closing(Notes(project / FILE)) as notes:
        notes.dismiss(["test-0"], "x", 1.0)
    add = Notes.add

    def interrupted(self: Notes, sent: Replays, now: float) -> None:
        signal.raise_signal(signal.SIGINT)
        add(self, sent, now)

    with monkeypatch.context() as patched:
        patched.setattr(Notes, "add", interrupted)
        assert run(["replay"]) == 130
    told = capsys.readouterr().err
    assert f"events sent: {BATCH}; still bad: 0; sent or dismissed before: 1; not looked at yet: 2\n" in told
    assert "the same command, typed again, goes on with what is left\n" in told
    assert (len(read(project / FILE).ids), written(broker)) == (BATCH, BATCH)
    assert run(["replay"]) == 0
    assert written(broker) == BATCH + 2


def test_a_second_ctrl_c_ends_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    """It is told that what is under way may be sent once more."""

    def results() -> Iterator[Result]:
        yield Result(sent=Counter({"schema": 7}))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _run(Screen(), results(), lambda: False)
    assert (
        "7 events were done with; what Kafka has of the 500 after these may not be noted"
        in capsys.readouterr().err
    )
