"""From a configuration's sinks to open ones: one producer for all topics, and files for each file sink."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

from pyglue.collector.config.configured import Durability, FileSink, KafkaSink, MappingFiles, Spool
from pyglue.collector.counting.counters import Counters
from pyglue.collector.loading import Setup
from pyglue.collector.sinks.files import Files, Instances
from pyglue.collector.sinks.kafka import Kafka, KafkaOutlet, Way
from pyglue.collector.sinks.memory import Unsafe
from pyglue.collector.sinks.sink import Outlet, Queues
from pyglue.collector.spool.handover import left_in
from pyglue.collector.spool.recovery import KafkaTopics
from pyglue.collector.spool.sink import Spooled
from pyglue.collector.spool.store import Store
from pyglue.collector.workers.share import Share
from pyglue.counted import counted

log = logging.getLogger("pyglue.collector")

_CONFLUENT_MAGIC = b"\x00"


class OpenSinks:
    """The sinks of `setup`. Make it inside the running loop; `failed` is called in it if one can't go on at all."""

    def __init__(
        self,
        setup: Setup,
        counters: Counters,
        failed: Callable[[str], None],
        share: Share | None = None,
        make_kafka: Callable[..., Kafka] = Kafka,
    ) -> None:
        """Of one worker: `share` says which.

        Raises InputError if a directory of a file sink or of the spool can't be used; then none is left open.
        """
        self._files: dict[str, Files] = {}
        self._kafka: Kafka | Spooled | Unsafe | None = None
        share = share or Share()
        instances = Instances(share)
        try:
            for sink in setup.config.sinks:
                if isinstance(sink, FileSink):
                    self._files[sink.name] = Files(sink, setup.schema_of(sink).text, instances)
            if setup.topics:
                self._kafka = _kafka(setup, counters, failed, share, make_kafka)
        except Exception:
            self.close(0)
            raise

    def outlet(self, sink: KafkaSink | FileSink, mapping: MappingFiles) -> Outlet:
        """The way into `sink` for the records of `mapping`."""
        if isinstance(sink, FileSink):
            return self._files[sink.name]
        if self._kafka is None:
            raise ValueError(f"sink {sink.name} is not among the open ones")
        return kafka_outlet(self._kafka, sink, mapping)

    def queues(self) -> Queues:
        """What waits to be safe."""
        return Queues(
            None if self._kafka is None else self._kafka.queue,
            {name: files.queue for name, files in self._files.items()},
            self._kafka.spool if isinstance(self._kafka, Spooled) else None,
        )

    def close(self, seconds: float) -> None:
        """Publish all files, and give records that are on their way to Kafka up to `seconds`. Blocks."""
        for files in self._files.values():
            files.close()
        given_up = 0 if self._kafka is None else self._kafka.close(seconds)
        if given_up:
            log.error(
                "%s still on the way to Kafka at the end, and nothing else has %s",
                counted(given_up, "record was", "records were"),
                "it" if given_up == 1 else "them",
            )


def kafka_outlet(kafka: Way, sink: KafkaSink, mapping: MappingFiles) -> KafkaOutlet:
    """The way through `kafka` into `sink` for the records of `mapping`."""
    return KafkaOutlet(kafka, sink.topic, _prefix(mapping.confluent_id) if sink.confluent else b"")


def _kafka(
    setup: Setup,
    counters: Counters,
    failed: Callable[[str], None],
    share: Share,
    make_kafka: Callable[..., Kafka],
) -> Kafka | Spooled | Unsafe:
    config = setup.config
    make = partial(make_kafka, config.producer, config.limits, setup.topics, failed, workers=share.workers)
    if config.durability is not Durability.SPOOLED:
        _warn_of_leftovers(config.spool)
    if config.durability is Durability.MEMORY:
        return Unsafe(make(for_ever=True), lambda timestamp, why: counters.at(timestamp).drop(why))
    if config.durability is Durability.ACKNOWLEDGED or config.spool is None:
        return make()
    store = Store(share.spool(config.spool.directory), config.spool.max_bytes, share)
    refuse_ms = config.limits.acknowledge_timeout_ms
    return Spooled(make(for_ever=True), store, KafkaTopics(config.producer), counters, refuse_ms=refuse_ms)


def _warn_of_leftovers(spool: Spool | None) -> None:
    """What another setting has left waits for ever where nobody sends it."""
    if spool is not None and left_in(spool.directory):
        log.error("%s has records that nobody sends: run once with durability = spooled", spool.directory)


def _prefix(confluent_id: int | None) -> bytes:
    """What Confluent's readers want in front of a record: a zero and the schema's number in their registry."""
    if confluent_id is None:
        raise ValueError("a mapping that feeds a confluent sink has no confluent_id")
    return _CONFLUENT_MAGIC + confluent_id.to_bytes(4, "big")
