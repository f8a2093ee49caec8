"""A configuration's sinks, opened."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pyglue.collector.configured import FileSink, KafkaSink, MappingFiles
from pyglue.collector.counters import Counters
from pyglue.collector.loading import Setup
from pyglue.collector.opening import OpenSinks
from pyglue.collector.sinks import Queue, Queues
from pyglue.errors import InputError

SCHEMA = '{"type": "record", "name": "R", "fields": [{"name": "a", "type": "int"}]}'


def file_sink(name: str, directory: Path) -> FileSink:
    """A sink whose files begin and end in `directory`."""
    return FileSink(name, directory, directory, 3_600_000, 1, 1000)


def mapping(confluent_id: int | None = None) -> MappingFiles:
    """A mapping; which sinks it feeds does not matter here."""
    return MappingFiles(
        "m", (), (), None, None, confluent_id, discard_corrupted=False, discard_duplicates=False
    )


def setup(*sinks: KafkaSink | FileSink) -> Setup:
    """A set-up with these sinks."""
    config = SimpleNamespace(sinks=sinks, producer={"client.id": "x"}, limits="limits", spool=None)
    topics = sorted({sink.topic for sink in sinks if isinstance(sink, KafkaSink)})
    return cast(
        Setup, SimpleNamespace(config=config, topics=topics, schema_of=lambda _: SimpleNamespace(text=SCHEMA))
    )


class FakeKafka:
    """A producer that takes notes."""

    max_bytes = 1000

    def __init__(self, *arguments: object) -> None:
        self.arguments = arguments
        self.sent: list[tuple[object, ...]] = []
        self.closed: float | None = None

    @property
    def queue(self) -> Queue:
        """Some."""
        return Queue(2, 30)

    def send(self, *record: object) -> None:
        """Note it."""
        self.sent.append(record[:3])

    def close(self, seconds: float) -> None:
        """Note it."""
        self.closed = seconds


def test_all_topics_have_one_producer() -> None:
    """Records of a confluent sink begin with their schema's number, others with nothing."""
    made: list[FakeKafka] = []

    def make(*arguments: object) -> Any:
        made.append(FakeKafka(*arguments))
        return made[-1]

    def failed(_: str) -> None:
        pass

    naked, confluent = KafkaSink("a", "t", confluent=False), KafkaSink("b", "u", confluent=True)
    sinks = OpenSinks(setup(naked, confluent), Counters(), failed, make)
    for sink, number in ((naked, 7), (confluent, 12345)):
        sinks.outlet(sink, mapping(number)).send(b"key", b"v", 0, lambda _: None)
    (kafka,) = made
    assert kafka.sent == [("t", b"key", b"v"), ("u", b"key", b"\x00\x00\x00\x30\x39v")]
    assert kafka.arguments == ({"client.id": "x"}, "limits", ["t", "u"], failed)
    assert sinks.queues() == Queues(Queue(2, 30), {})
    sinks.close(1.5)
    assert kafka.closed == 1.5


def test_without_topics_there_is_no_producer(tmp_path: Path) -> None:
    """A file sink is its own outlet, and what it got is in a published file at the end."""

    async def scenario() -> None:
        sink = file_sink("files", tmp_path)
        sinks = OpenSinks(
            setup(sink), Counters(), lambda _: None, lambda *_: pytest.fail("no topic, no producer")
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
