"""Bad events made into records after all: the same that would have been made then, and each of them once."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaError

from pyglue.collector.avro.records import decode
from pyglue.collector.bad.entries import BadEvent, Lost
from pyglue.collector.loading import load
from pyglue.errors import Unreachable
from pyglue.pipeline import replay
from pyglue.pipeline.kafka_writer import Record
from pyglue.pipeline.minutes import MINUTE_MS
from pyglue.pipeline.replay import Made, Remaker, Result
from pyglue.pipeline.replays import Part, Replays
from tests.collector.http_fakes import JSON_EVENT
from tests.collector.support import CONF, MAPPING, SCHEMA, browser_event, event_query, shipped_encoder
from tests.pipeline.bad_events import TIME, bad_event, unreadable

Configure = Callable[..., Remaker]


@pytest.fixture
def configure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Configure:
    """Makes a remaker of the shipped files, some text in the configuration, mapping or schema replaced."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "divolte").mkdir()

    def make(*changes: tuple[str, str]) -> Remaker:
        for source, target in (
            (CONF, "divolte/divolte-collector.conf"),
            (SCHEMA, "divolte/DefaultEventRecord.avsc"),
            (MAPPING, "mapping.groovy"),
        ):
            shutil.copy(source, tmp_path / target)
        for old, new in changes:
            found = [path for path in tmp_path.rglob("*.*") if path.is_file() and old in path.read_text()]
            for path in found:
                path.write_text(path.read_text().replace(old, new))
            assert found
        return Remaker(load(Path("divolte/divolte-collector.conf"), {}))

    return make


def fields(record: Record) -> dict[str, Any]:
    """A record's, by the shipped schema."""
    return decode(SCHEMA)(record.value)


def test_the_record_is_the_one_of_then(configure: Configure) -> None:
    """With its receive time, its address as it was recorded, its headers; keyed by its visitor."""
    made = configure().make(bad_event(address="192.0.2.0"))
    (record,) = made.records
    assert (made.lost, record.topic, record.key) == ((), "divolte", b"0:lq1a7c3k:party")
    found = fields(record)
    assert (found["timestamp"], found["remoteHost"], found["eventType"]) == (
        TIME + 1000,
        "192.0.2.0",
        "click",
    )
    assert found["detectedDuplicate"] is False
    assert "Firefox" in found["userAgentString"]


def test_it_is_the_collectors_record_to_the_byte(configure: Configure) -> None:
    """Which its own encoder would have written."""
    query = event_query().encode()
    headers = ((b"user-agent", b"Mozilla/5.0"), (b"cookie", b"secret=1"))
    expected = shipped_encoder()(browser_event(query, headers, b"192.0.2.0"))
    event = bad_event(
        0, target=b"/csc-event?" + query, headers=(("user-agent", "Mozilla/5.0"),), address="192.0.2.0"
    )
    assert configure().make(event).records == (
        Record("divolte", b"0:lq1a7c3k:party", expected, "clickstream"),
    )


def test_an_address_is_shortened_once_more(configure: Configure) -> None:
    """By the settings as they are now, which may be stricter."""
    (record,) = configure().make(bad_event(address="192.0.2.7")).records
    assert fields(record)["remoteHost"] == "192.0.2.0"


def test_an_apps_event_is_made_of_its_body(configure: Configure) -> None:
    """As it was sent, to the path of a JSON source."""
    event = bad_event(
        method="POST",
        target=b"/api/events?p=0:lq1a7c3k:app",
        body=JSON_EVENT.replace(b'"event_id"', b'"event_type": "buy", "event_id"'),
        headers=(),
    )
    (record,) = configure().make(event).records
    assert (record.key, fields(record)["eventType"]) == (b"0:lq1a7c3k:app", "buy")


def test_what_can_not_be_mended_stays_with_its_reason(configure: Configure) -> None:
    """One that can't be read, a path that no source has, a record that is too large, a field without a value."""
    assert configure().make(unreadable()) == Made((), (Lost("missing p"),))
    assert configure().make(bad_event(target=b"/elsewhere?p=1")).lost == (Lost(replay.NO_SOURCE),)
    small = ('bootstrap.servers = "localhost:9092"', "max.request.size = 1000")
    large = bad_event(target=bad_event().came.target + b"&r=" + b"x" * 1000)
    assert configure(small).make(large).lost == (Lost("too large", "clickstream", "divolte"),)
    assert configure().make(large).lost == ()
    unmapped = ("map timestamp() onto 'timestamp'", "")
    assert configure(unmapped).make(bad_event()).lost == (
        Lost("no value for field timestamp", "clickstream"),
    )
    without = ("sinks = [kafka]", "sinks = []")
    assert configure(without).make(bad_event()).lost == (Lost("not mapped"),)


def test_only_what_was_lost_is_made(configure: Configure) -> None:
    """Of several mappings and topics those records that were not made then; others are there already."""
    files = 'schema_file = "divolte/DefaultEventRecord.avsc", mapping_script_file = "mapping.groovy"'
    more = (
        f"    second {{ sources = [browser], sinks = [other], {files} }}\n"
        f"    third {{ sources = [browser], sinks = [ kafka ], {files} }}\n"
    )
    sink = ("  sinks {\n", "  sinks {\n    other { type = kafka, topic = other }\n")
    both = ("sinks = [kafka]\n", "sinks = [kafka, other]\n")
    remaker = configure(both, ("    clickstream {\n", f"{more}    clickstream {{\n"), sink)

    def topics(*lost: Lost) -> list[str]:
        return sorted(record.topic for record in remaker.make(bad_event(lost=lost)).records)

    assert topics(Lost("missing p")) == ["divolte", "divolte", "other", "other"]
    assert topics(Lost("x", "clickstream")) == ["divolte", "other"]
    assert topics(Lost("x", "clickstream", "other"), Lost("x", "third")) == ["divolte", "other"]
    assert topics(Lost("x", "second")) == ["other"]


def test_what_was_made_then_is_no_obstacle_now(configure: Configure, tmp_path: Path) -> None:
    """Though another mapping of the same source can't make its record any more."""
    (tmp_path / "broken.groovy").write_text("mapping { }")
    files = 'schema_file = "divolte/DefaultEventRecord.avsc", mapping_script_file = "broken.groovy"'
    more = f"    second {{ sources = [browser], sinks = [ kafka ], {files} }}\n"
    remaker = configure(("    clickstream {\n", f"{more}    clickstream {{\n"))
    made = remaker.make(bad_event(lost=(Lost("x", "clickstream"),)))
    assert (len(made.records), made.lost) == (1, ())
    both = remaker.make(bad_event(lost=(Lost("missing p"),)))
    assert [one.mapping for one in both.lost] == ["second"]


def test_a_duplicate_is_what_the_collector_said(configure: Configure) -> None:
    """And where it had not looked, what came twice in this replay; one to discard is no bad event any more."""
    remaker = configure()
    told = [
        bad_event(1, duplicate=True),
        bad_event(1),
        bad_event(2, duplicate=None),
        bad_event(2, duplicate=None),
    ]
    flags = [fields(remaker.make(event).records[0])["detectedDuplicate"] for event in told]
    assert flags == [True, False, False, True]
    discarding = configure(("sinks = [kafka]\n", "sinks = [kafka]\n      discard_duplicates = true\n"))
    assert discarding.make(bad_event(1, duplicate=None)).records
    assert discarding.make(bad_event(1, duplicate=None)) == Made((), ())
    assert discarding.make(bad_event(1, duplicate=True)) == Made((), ())


def test_a_duplicate_whose_mapping_is_gone_stays(configure: Configure) -> None:
    """No record of it was made, and no mapping that it lacks one of leaves it out."""
    event = bad_event(1, duplicate=True, lost=(Lost("x", "renamed"),))
    discarding = ("sinks = [kafka]\n", "sinks = [kafka]\n      discard_duplicates = true\n")
    for changes in ((), (discarding,)):
        assert configure(*changes).make(event) == Made((), (Lost("not mapped"),))
    unfed = configure(discarding, ("sources = [browser, api]", "sources = [api]"))
    assert unfed.make(bad_event(1, duplicate=True)).lost == (Lost("not mapped"),)


def test_a_bug_of_ours_settles_nothing(configure: Configure, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told as what it is, also for a duplicate, of which there may be nothing to make."""
    remaker = configure()

    def broken(*_: object) -> None:
        raise KeyError

    monkeypatch.setattr("pyglue.collector.recording._records", broken)
    for event in (bad_event(), replace(bad_event(), came=replace(bad_event().came, duplicate=True))):
        assert remaker.make(event) == Made((), (Lost("internal error"),))


def test_files_of_a_file_sink_are_the_collectors(configure: Configure, tmp_path: Path) -> None:
    """Records for Kafka are made, those for files are not; where there are only these, the event stays."""
    places = f'working_dir = "{tmp_path}", publish_dir = "{tmp_path}"'
    files = ("  sinks {\n", f"  sinks {{\n    files {{ type = hdfs, file_strategy {{ {places} }} }}\n")
    on = ("hdfs.enabled = false", 'hdfs { enabled = true, client { fs.defaultFS = "file:///" } }')
    only = configure(files, on, ("sinks = [kafka]\n", "sinks = [files]\n"))
    assert only.make(bad_event()).lost == (Lost(replay.FOR_FILES),)
    both = configure(files, on, ("sinks = [kafka]\n", "sinks = [kafka, files]\n"))
    assert [record.topic for record in both.make(bad_event()).records] == ["divolte"]


class Kafka:
    """Takes records; those with these values have a fate of their own."""

    def __init__(self, **fates: int) -> None:
        self.fates = fates
        self.taken: list[bytes] = []

    def write(self, records: Sequence[Record]) -> list[KafkaError | None]:
        """See Writer."""
        codes = [self.fates.get(record.value.decode()) for record in records]
        self.taken += [record.value for record, code in zip(records, codes, strict=True) if code is None]
        return [None if code is None else KafkaError(code) for code in codes]


class Notes:
    """Remembers what was noted."""

    def __init__(self) -> None:
        self.ids: list[list[str]] = []
        self.parts: set[Part] = set()
        self.records: Counter[tuple[str, int]] = Counter()

    def note(self, sent: Replays) -> None:
        """See replays.Notes."""
        self.ids.append(sorted(sent.ids))
        self.parts |= sent.parts
        for topic, minutes in sent.records.items():
            self.records.update({(topic, minute): count for minute, count in minutes.items()})


def made(event: BadEvent) -> Made:
    """Two records of an event, its number in them; none of one that can't be read."""
    if event.reason == "missing p":
        return Made((), event.lost)
    number = event.id.partition("-")[2]
    return Made(tuple(Record("t", b"k", f"{number}{which}".encode(), which) for which in "ab"), ())


def last(events: Sequence[BadEvent], write: replay.Write | None, notes: Notes) -> Result:
    """The result of all."""
    return list(replay.run(events, made, write, notes.note, notes.parts))[-1]


def test_what_kafka_has_is_noted_and_the_rest_stays() -> None:
    """An event of which Kafka refuses a record stays; counts are by reason, then and now."""
    kafka, notes = Kafka(**{"2b": KafkaError.MSG_SIZE_TOO_LARGE}), Notes()
    result = last([bad_event(1), unreadable(7), bad_event(2), bad_event(3, "corrupt")], kafka.write, notes)
    assert notes.ids == [["test-1", "test-3"]]
    assert notes.records == {("t", TIME // MINUTE_MS): 5}
    assert result.events == {"no value for field eventType": 2, "missing p": 1, "corrupt": 1}
    assert result.sent == {"no value for field eventType": 1, "corrupt": 1}
    assert result.still == {"missing p": 1, "kafka: msg size too large": 1}
    assert result.records == 5


def test_what_kafka_has_of_an_event_is_not_sent_again() -> None:
    """However often it refuses the rest; once it takes that, the event is sent."""
    kafka, notes = Kafka(**{"1b": KafkaError.MSG_SIZE_TOO_LARGE}), Notes()
    for records in (1, 0):
        result = last([bad_event(1)], kafka.write, notes)
        assert (result.records, result.still) == (records, {"kafka: msg size too large": 1})
    assert (kafka.taken, notes.ids, notes.parts) == ([b"1a"], [[]], {Part("test-1", "a", "t")})
    kafka.fates.clear()
    assert last([bad_event(1)], kafka.write, notes).sent.total() == 1
    assert (kafka.taken, notes.ids) == ([b"1a", b"1b"], [[], ["test-1"]])
    assert notes.records == {("t", TIME // MINUTE_MS): 2}


def test_without_kafka_nothing_is_noted() -> None:
    """A trial run counts what would be sent."""
    notes = Notes()
    result = last([bad_event(1), unreadable(2)], None, notes)
    assert (notes.ids, result.sent.total(), result.still) == ([], 1, {"missing p": 1})


def test_a_kafka_that_goes_away_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it had taken is noted before, so that the next replay does not send it again."""
    monkeypatch.setattr(replay, "BATCH", 2)
    kafka, notes = Kafka(**{"4a": KafkaError._MSG_TIMED_OUT, "4b": KafkaError._MSG_TIMED_OUT}), Notes()
    with pytest.raises(Unreachable) as caught:
        last([bad_event(number) for number in range(1, 9)], kafka.write, notes)
    assert caught.value.code == "kafka-refused"
    assert notes.ids == [["test-1", "test-2"], ["test-3"]]
    assert kafka.taken == [b"1a", b"1b", b"2a", b"2b", b"3a", b"3b"]
