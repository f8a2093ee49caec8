"""Records written to a Kafka by somebody who waits: librdkafka's mock broker in the place of Kafka."""

from __future__ import annotations

from confluent_kafka import KafkaError

from pyglue.pipeline.kafka import Kafka
from pyglue.pipeline.kafka_writer import Record, Writer
from tests.pipeline.mock_kafka import TOPIC, MockKafka


def test_each_record_is_there_or_has_a_reason() -> None:
    """In the order of the records; what is too large does not keep the others."""
    broker = MockKafka()
    writer = Writer(broker.servers, {"message.max.bytes": "2000"})
    fates = writer.write(
        [Record(TOPIC, b"k", b"a"), Record(TOPIC, b"k", b"x" * 3000), Record(TOPIC, b"k", b"b")]
    )
    assert [error and error.code() for error in fates] == [None, KafkaError.MSG_SIZE_TOO_LARGE, None]
    kafka = Kafka(broker.servers)
    bounds = kafka.bounds(TOPIC)
    starts = {part: low for part, (low, _) in bounds.items()}
    ends = {part: high for part, (_, high) in bounds.items()}
    found = [record.value for batch in kafka.batches(TOPIC, starts, ends) for record in batch]
    assert found == [b"a", b"b"]


def test_without_a_broker_each_has_a_reason() -> None:
    """After the time for a record, and not for ever."""
    fates = Writer("127.0.0.1:1", {}, seconds=0.5).write([Record(TOPIC, b"k", b"a")])
    assert [error is not None and error.code() for error in fates] == [KafkaError._MSG_TIMED_OUT]
