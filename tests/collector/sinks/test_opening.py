"""A configuration's sinks, opened."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pyglue.collector.config.configured import Durability, FileSink, KafkaSink, Limits, MappingFiles, Spool
from pyglue.collector.counting.counters import Counters
from pyglue.collector.loading import Setup
from pyglue.collector.sinks.opening import OpenSinks
from pyglue.collector.sinks.sink import Queue, Queues
from pyglue.errors import InputError

SCHEMA = '{"type": "record", "name": "R", "fields": [{"name": "a", "type": "int"}]}'


LIMITS = Limits(2000, 5, 1, 20_000, 4)


def file_sink(name: str, directory: Path) -> FileSink:
    """A sink whose files begin and end in `directory`."""
    return FileSink(name, directory, directory, 3_600_000, 1, 1000)


def mapping(confluent_id: int | None = None) -> MappingFiles:
    """A mapping; which sinks it feeds does not matter here."""
    return MappingFiles(
        "m", (), (), None, None, confluent_id, discard_corrupted=False, discard_duplicates=False
    )


def setup(
    *sinks: KafkaSink | FileSink,
    durability: Durability = Durability.ACKNOWLEDGED,
    spool: Spool | None = None,
) -> Setup:
    """A set-up with these sinks."""
    config = SimpleNamespace(
        sinks=sinks, producer={"client.id": "x"}, limits=LIMITS, durability=durability, spool=spool
    )
    topics = sorted({sink.topic for sink in sinks if isinstance(sink, KafkaSink)})
    return cast(
        Setup, SimpleNamespace(config=config, topics=topics, schema_of=lambda _: SimpleNamespace(text=SCHEMA))
    )


class FakeKafka:
    """A producer that takes notes."""

    max_bytes = 1000

    def __init__(self, *arguments: object, for_ever: bool = False) -> None:
        self.arguments = arguments
        self.for_ever = for_ever
        self.sent: list[tuple[object, ...]] = []
        self.closed: float | None = None
        self.given_up = 0

    @property
    def queue(self) -> Queue:
        """Some."""
        return Queue(2, 30)

    def send(self, *record: object) -> None:
        """Note it."""
        self.sent.append(record[:3])

    def close(self, seconds: float) -> int:
        """Note it."""
        self.closed = seconds
        return self.given_up


def test_all_topics_have_one_producer(caplog: pytest.LogCaptureFixture) -> None:
    """Records of a confluent sink begin with their schema's number, others with nothing; what is lost is told."""
    made: list[FakeKafka] = []

    def make(*arguments: object, workers: int) -> Any:
        assert workers == 1
        made.append(FakeKafka(*arguments))
        return made[-1]

    def failed(_: str) -> None:
        pass

    naked, confluent = KafkaSink("a", "t", confluent=False), KafkaSink("b", "u", confluent=True)
    sinks = OpenSinks(setup(naked, confluent), Counters(), failed, make_kafka=make)
    for sink, number in ((naked, 7), (confluent, 12345)):
        sinks.outlet(sink, mapping(number)).send(b"key", b"v", 0, lambda _: None)
    (kafka,) = made
    assert kafka.sent == [("t", b"key", b"v"), ("u", b"key", b"\x00\x00\x00\x30\x39v")]
    assert kafka.arguments == ({"client.id": "x"}, LIMITS, ["t", "u"], failed)
    assert sinks.queues() == Queues(Queue(2, 30), {})
    sinks.close(1.5)
    assert kafka.closed == 1.5
    assert caplog.records == []
    kafka.given_up = 1
    sinks.close(0)
    kafka.given_up = 2000
    sinks.close(0)
    assert [(record.levelname, record.message) for record in caplog.records] == [
        ("ERROR", "1 record was still on the way to Kafka at the end, and nothing else has it"),
        ("ERROR", "2,000 records were still on the way to Kafka at the end, and nothing else has them"),
    ]


def test_without_topics_there_is_no_producer(tmp_path: Path) -> None:
    """A file sink is its own outlet, and what it got is in a published file at the end."""

    async def scenario() -> None:
        sink = file_sink("files", tmp_path)
        sinks = OpenSinks(
            setup(sink),
            Counters(),
            lambda _: None,
            make_kafka=lambda *_: pytest.fail("no topic, no producer"),
        )
        safe = asyncio.get_running_loop().create_future()
        sinks.outlet(sink, mapping()).send(b"key", b"\x02", 0, safe.set_result)
        assert await safe is None
        assert sinks.queues() == Queues(None, {"files": Queue(0, 0)})
        await asyncio.get_running_loop().run_in_executor(None, sinks.close, 1)

    asyncio.run(scenario())
    (file,) = tmp_path.iterdir()
    assert file.suffix == ".avro"


def test_what_was_opened_is_closed_if_a_directory_is_missing(tmp_path: Path) -> None:
    """The error names it, and no file is left behind."""

    async def scenario() -> None:
        with pytest.raises(InputError):
            OpenSinks(
                setup(file_sink("a", tmp_path), file_sink("b", tmp_path / "none")), Counters(), lambda _: None
            )

    asyncio.run(scenario())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("durability", list(Durability))
def test_durability_chooses_who_is_waited_for(tmp_path: Path, durability: Durability) -> None:
    """A spool is opened only where one is used; what it would send otherwise lies there, and is told."""
    spool = Spool(tmp_path / "spool", 2**20)

    async def scenario() -> None:
        topic = KafkaSink("a", "t", confluent=False)
        made: list[FakeKafka] = []

        def make(*arguments: object, workers: int, **more: bool) -> Any:
            assert workers == 1
            made.append(FakeKafka(*arguments, **more))
            return made[-1]

        config = setup(topic, durability=durability, spool=spool)
        sinks = OpenSinks(config, Counters(), lambda _: None, make_kafka=make)
        assert made[0].for_ever == (durability is not Durability.ACKNOWLEDGED)
        assert (sinks.queues().spool is not None) == (durability is Durability.SPOOLED)
        await asyncio.get_running_loop().run_in_executor(None, sinks.close, 0)

    asyncio.run(scenario())
    assert spool.directory.exists() == (durability is Durability.SPOOLED)


def test_a_spool_that_nobody_sends_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Who switches to another durability with records in the spool learns of it."""
    (tmp_path / "000000000001.spool").touch()
    config = setup(
        KafkaSink("a", "t", confluent=False), durability=Durability.MEMORY, spool=Spool(tmp_path, 2**20)
    )

    async def play() -> None:
        OpenSinks(config, Counters(), lambda _: None, make_kafka=lambda *_, **__: cast(Any, FakeKafka()))

    asyncio.run(play())
    assert "durability = spooled" in caplog.text
