"""Reading a topic, with librdkafka's mock broker, and where nothing listens."""

from __future__ import annotations

from typing import Any, cast

import pytest
from confluent_kafka import KafkaError, KafkaException

from pyglue.errors import Unreachable
from pyglue.pipeline.kafka import Kafka, Record
from tests.pipeline.mock_kafka import PARTITIONS, TOPIC, MockKafka

TIME = 1_700_000_000_000
NOTHING = dict.fromkeys(range(PARTITIONS), 0)


@pytest.fixture
def broker() -> MockKafka:
    """A broker with two partitions that are filled."""
    mock = MockKafka()
    for number in range(5):
        mock.send(f"a{number}".encode(), 0, TIME + number)
    mock.send(None, 2, TIME)
    return mock


def test_bounds_are_of_every_partition(broker: MockKafka) -> None:
    """The first and the next offset, of empty partitions, too."""
    assert Kafka(broker.servers).bounds(TOPIC) == {0: (0, 5), 1: (0, 0), 2: (0, 1), 3: (0, 0)}
    assert Kafka(broker.servers).ends(TOPIC) == {0: 5, 1: 0, 2: 1, 3: 0}


def test_batches_end_before_the_ends(broker: MockKafka) -> None:
    """From the starts to the ends and no further; a record without a value has an empty one."""
    found = Kafka(broker.servers).batches(TOPIC, {**NOTHING, 0: 1}, {**NOTHING, 0: 3, 2: 1})
    records = sorted((one for batch in found for one in batch), key=lambda one: (one.partition, one.offset))
    assert records == [Record(0, 1, TIME + 1, b"a1"), Record(0, 2, TIME + 2, b"a2"), Record(2, 0, TIME, b"")]


def test_batches_where_there_is_nothing_end_at_once(broker: MockKafka) -> None:
    """Starts that are ends need no record to come."""
    assert list(Kafka(broker.servers).batches(TOPIC, NOTHING, NOTHING)) == []


def test_bulk_is_one_partition_before_its_end(broker: MockKafka) -> None:
    """From the start to the end and no further; a partition without more ends it."""
    kafka = Kafka(broker.servers)
    offsets = [one.offset() for batch in kafka.bulk(TOPIC, 0, 1, 4) for one in batch]
    assert offsets == [1, 2, 3]
    assert [one.value() for batch in kafka.bulk(TOPIC, 0, 4, 9) for one in batch] == [b"a4"]
    assert list(kafka.bulk(TOPIC, 1, 0, 0)) == []


def test_batches_without_ends_go_on(broker: MockKafka) -> None:
    """What comes after the last record was read is handed over, too; while nothing comes there are empty ones."""
    batches = Kafka(broker.servers).batches(TOPIC, {0: 5})
    found = filter(None, batches)
    broker.send(b"new", 0, TIME)
    assert next(found) == [Record(0, 5, TIME, b"new")]
    broker.send(b"newer", 0, TIME)
    assert next(found) == [Record(0, 6, TIME, b"newer")]
    assert next(batches) == []


def test_bounds_of_a_kafka_that_is_gone_are_told_at_once() -> None:
    """Not after the time in which a hanging one may still answer."""
    with pytest.raises(Unreachable) as caught:
        Kafka("127.0.0.1:1", timeout=3600).bounds(TOPIC)
    assert "refused" in caught.value.details[1]


def test_a_broker_that_is_away_is_told_to_who_wants_an_end() -> None:
    """No endless waiting for a Kafka that is not there."""
    with pytest.raises(Unreachable) as caught:
        list(Kafka("127.0.0.1:1").batches(TOPIC, {0: 0}, {0: 1}))
    assert caught.value.message == "Kafka does not answer"
    assert caught.value.details[0].split() == ["asked", "127.0.0.1:1"]


class Asked:
    """A consumer whose broker answers again after some questions."""

    def __init__(self, silent: int) -> None:
        self.silent = silent

    def list_topics(self, topic: str, timeout: float) -> None:
        """Whether it answers."""
        assert (topic, timeout) == (TOPIC, 1.0)
        self.silent -= 1
        if self.silent >= 0:
            raise KafkaException(KafkaError(KafkaError._TRANSPORT))


@pytest.mark.parametrize(("silent", "told"), [(0, []), (1, [True, False]), (3, [True, False])])
def test_an_outage_is_told_once_and_so_is_its_end(silent: int, told: list[bool]) -> None:
    """However long it takes; and one connection that broke is none if the cluster still answers."""
    heard: list[bool] = []
    down = KafkaError(KafkaError._ALL_BROKERS_DOWN)
    list(Kafka("x:1")._outlast(cast(Any, Asked(silent)), TOPIC, down, heard.append))
    assert heard == told


def test_other_trouble_is_no_outage() -> None:
    """A refusal is not waited for, whoever asks."""
    refused = KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED)
    heard: list[bool] = []
    with pytest.raises(Unreachable):
        list(Kafka("x:1")._outlast(cast(Any, Asked(0)), TOPIC, refused, heard.append))
    assert heard == []
