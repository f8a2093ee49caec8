"""Bad events once more through the collector's own code, with the files as they are by now.

Each is given to a collector without sockets and sinks as it came: the same request, the same receive time, the address as it
was recorded. So a record is the one that would have been made then. Only records that were not made then are made now.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from confluent_kafka import KafkaError

from pyglue.collector.app import App
from pyglue.collector.bad.entries import BadEvent, Came, Lost
from pyglue.collector.config.configured import FileSink, KafkaSink, MappingFiles
from pyglue.collector.counting.counters import Counters
from pyglue.collector.delivery import OUR_BUG
from pyglue.collector.duplicates import DuplicateMemory, Seen
from pyglue.collector.http.answers import BROKEN, Answer
from pyglue.collector.http.headers import Headers
from pyglue.collector.http.request import Request
from pyglue.collector.http.routes import Routes
from pyglue.collector.loading import Setup
from pyglue.collector.recording import NOT_MAPPED
from pyglue.collector.sinks.kafka import OF_THE_RECORD, most_bytes, reason
from pyglue.collector.sinks.opening import kafka_outlet
from pyglue.collector.sinks.sink import AWAY, Done, Outlet
from pyglue.collector.sources import EventsAt, JsonEventsAt
from pyglue.counted import counted
from pyglue.errors import Unreachable
from pyglue.pipeline.kafka_writer import Record
from pyglue.pipeline.minutes import MINUTE_MS
from pyglue.pipeline.replays import Part, Replays

BATCH = 500  # events between two notes of what was sent
REMEMBERED = 200_000  # events, so that a repeated one is known
NO_SOURCE = "no source takes events at its path"
FOR_FILES = "only a file sink takes its records"

Write = Callable[[Sequence[Record]], Sequence[KafkaError | None]]
Note = Callable[[Replays], None]


@dataclass(frozen=True)
class Made:
    """What was made of an event: records, and why the others were not; nothing of both for a duplicate to leave out."""

    records: tuple[Record, ...]
    lost: tuple[Lost, ...]


class Remaker:
    """The collector of a configuration, for one event at a time."""

    def __init__(self, setup: Setup) -> None:
        self._event: BadEvent | None = None
        self._records: list[Record] = []
        self._lost: list[Lost] = []
        self._for_files = False
        self._max_bytes = most_bytes(setup.config.producer)
        self._memory = _Told()
        table = setup.table(self._outlet)
        self._routes = Routes(table)
        self._app = App(
            table,
            self._memory,
            Counters(),
            clock=lambda: 0 if self._event is None else self._event.came.time_ms,
            later=lambda _, call: call(),
            retry_after_s=1,
            privacy=setup.config.privacy,
            bad=self,
        )

    def make(self, event: BadEvent) -> Made:
        """Its records as they would be made now."""
        came = event.came
        self._event, self._records, self._lost, self._for_files = event, [], [], False
        self._memory.begin(came.duplicate)
        lines = [(name.encode("latin-1"), text.encode("latin-1")) for name, text in came.headers]
        if came.method.upper() == "POST" and all(name != b"content-type" for name, _ in lines):
            lines.append((b"content-type", b"application/json"))  # or it would not have been an event
        answers: list[Answer] = []
        request = Request(came.method, came.target, lines, came.address.encode(), came.body)
        self._app.respond(request, answers.append)
        if any(answer is BROKEN for answer in answers):
            return Made((), (Lost(OUR_BUG),))
        lost = [one for one in self._lost if _concerns(one, event)]
        if not self._records and not lost and not self._left_out(event):
            lost = [Lost(self._why_nothing(answers))]
        return Made(tuple(self._records), tuple(lost))

    def _left_out(self, event: BadEvent) -> bool:
        """Whether it is a duplicate, and the mapping of a record that it lacks leaves these out."""
        if not self._memory.duplicate:
            return False
        place = self._routes.find(event.came.target.partition(b"?")[0])
        pipelines = place.pipelines if isinstance(place, EventsAt | JsonEventsAt) else ()
        return any(
            pipeline.discard_duplicates and one.covers(pipeline.name, outlet.place)
            for pipeline in pipelines
            for outlet in pipeline.outlets
            for one in event.lost
        )

    def _why_nothing(self, answers: Sequence[Answer]) -> str:
        if self._for_files:
            return FOR_FILES
        return NOT_MAPPED if answers and answers[0].status < 300 else NO_SOURCE

    def keep(self, _: Came, lost: Sequence[Lost]) -> None:
        """See Keeper: it is a bad event still."""
        self._lost += lost

    def of(self, _: Headers) -> tuple[tuple[str, str], ...]:
        """See Keeper: nothing more is to be known of it."""
        return ()

    def take(self, mapping: str, topic: str, key: bytes, value: bytes) -> None:
        """A record; it is left out if it was made then."""
        if self._event is not None and any(one.covers(mapping, topic) for one in self._event.lost):
            self._records.append(Record(topic, key, value, mapping))

    def _outlet(self, sink: KafkaSink | FileSink, mapping: MappingFiles) -> Outlet:
        if isinstance(sink, FileSink):
            return _Files(str(sink.publish_dir), self._note_files)
        return kafka_outlet(_Way(self, mapping.name, self._max_bytes), sink, mapping)

    def _note_files(self) -> None:
        self._for_files = True


class _Told:
    """The memory of duplicates: what the collector said of an event counts, and what came twice in this replay."""

    def __init__(self) -> None:
        self.duplicate = False
        self._said: bool | None = None
        self._memory = DuplicateMemory(REMEMBERED)

    def begin(self, said: bool | None) -> None:
        """The next event; the collector had not looked if `said` is None."""
        self._said, self.duplicate = said, False

    def remember(self, party: bytes, session: bytes, event: bytes) -> Seen:
        """See Memory."""
        again, slot, signature, before = self._memory.remember(party, session, event)
        self.duplicate = again if self._said is None else self._said
        return self.duplicate, slot, signature, before

    def keep(self, seen: Seen) -> None:
        """See Memory."""
        self._memory.keep(seen)

    def forget(self, seen: Seen) -> None:
        """See Memory."""
        self._memory.forget(seen)

    def was_safe(self, seen: Seen) -> bool:
        """See Memory. What was said is taken for true."""
        there, *_ = seen
        return there

    def delay(self, seen: Seen) -> None:
        """See Memory. Nothing is late here."""

    def arrive(self, seen: Seen) -> None:
        """See Memory."""

    def arrived(self, seen: Seen) -> bool | None:  # noqa: ARG002 - see Memory
        """See Memory."""
        return None


@dataclass(eq=False)
class _Way:
    """See kafka_sink.Way; for the records of one mapping."""

    remaker: Remaker
    mapping: str
    max_bytes: int
    ready: bool = True
    away: str = AWAY
    trouble: str | None = None

    def send(self, topic: str, key: bytes, value: bytes, timestamp: int, done: Done) -> None:  # noqa: ARG002 - see Way
        """Hand it over."""
        self.remaker.take(self.mapping, topic, key, value)
        done(None)


@dataclass(eq=False)
class _Files:
    """See Outlet; a file sink's files are the collector's, so nothing is written."""

    place: str
    note: Callable[[], None]
    ready: bool = True
    away: str = AWAY
    trouble: str | None = None
    max_bytes: int = 2**62

    def send(self, key: bytes, value: bytes, timestamp: int, done: Done) -> None:  # noqa: ARG002 - see Outlet
        """Leave it out."""
        self.note()
        done(None)


def _concerns(lost: Lost, event: BadEvent) -> bool:
    """Whether what is lost now was lost then; the other records of the event are there."""
    return any(
        (lost.mapping is None or one.mapping in (None, lost.mapping))
        and (lost.place is None or one.place in (None, lost.place))
        for one in event.lost
    )


@dataclass
class Result:
    """How many events had which reason (`events`), how many of them were `sent`, with how many `records`.

    `still`: how many are still bad, by why they are now. `dismissed`: how many were settled without a record.
    """

    events: Counter[str] = field(default_factory=Counter)
    sent: Counter[str] = field(default_factory=Counter)
    still: Counter[str] = field(default_factory=Counter)
    dismissed: Counter[str] = field(default_factory=Counter)
    records: int = 0


def run(
    events: Iterable[BadEvent],
    make: Callable[[BadEvent], Made],
    write: Write | None,
    note: Note,
    parts: Collection[Part] = (),
) -> Iterator[Result]:
    """Make and write the records of events, and note those that Kafka has; the result so far, after each batch.

    Without `write` nothing is sent or noted, and counted as if it were. Raises Unreachable if Kafka does not take them.
    An event that still lacks a record stays as it is, whole; where Kafka refuses one alone, the others are noted as parts,
    and `parts` that it had before are not sent again.
    """
    result = Result()
    left = iter(events)
    while batch := list(islice(left, BATCH)):
        ready: list[tuple[BadEvent, tuple[Record, ...]]] = []
        for event in batch:
            result.events[event.reason] += 1
            made = make(event)
            if made.lost:
                result.still[made.lost[0].reason] += 1
            else:
                missing = (one for one in made.records if _part(event, one) not in parts)
                ready.append((event, tuple(missing)))
        _send(ready, result, write, note)
        yield result


def _part(event: BadEvent, record: Record) -> Part:
    return Part(event.id, record.mapping, record.topic)


def _send(
    ready: Sequence[tuple[BadEvent, tuple[Record, ...]]], result: Result, write: Write | None, note: Note
) -> None:
    records = [record for _, made in ready for record in made]
    fates = iter([None] * len(records) if write is None else write(records))
    sent = Replays()
    away: KafkaError | None = None
    for event, made in ready:
        told = [(record, next(fates)) for record in made]
        taken = [record for record, error in told if error is None]
        refused = {_part(event, record): error for record, error in told if error is not None}
        result.records += len(taken)
        for record in taken:
            sent.records.setdefault(record.topic, Counter())[event.came.time_ms // MINUTE_MS] += 1
        if refused:
            away = next((error for error in refused.values() if error.code() not in OF_THE_RECORD), away)
            result.still[reason(next(iter(refused.values())))] += 1
            sent.parts |= {_part(event, record) for record in taken} - refused.keys()
        else:
            sent.ids.add(event.id)
            result.sent[event.reason] += 1
    if write is not None and (sent.ids or sent.records):
        note(sent)
    if away is not None:
        raise Unreachable(
            "Kafka did not take what is sent again",
            details=[
                f"came back  {away.str()}",
                f"sent       {counted(result.sent.total(), 'event')} before",
            ],
            try_="pyglue status",
            code="kafka-refused",
        )
