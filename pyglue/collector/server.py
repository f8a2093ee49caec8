"""The collector's life: open the port, serve, and end in order.

The port opens at once; until Kafka is found, `/ping` and events get 503. On SIGTERM or SIGINT `/ping` says so, and
after the configured delay no connection is accepted; events under way get their answers, which takes no longer than
the acknowledgement time; then the producer is flushed.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import time

import uvloop

from pyglue.collector import useragent
from pyglue.collector.app import App
from pyglue.collector.connection import Connection
from pyglue.collector.counters import Counters
from pyglue.collector.duplicates import DuplicateMemory
from pyglue.collector.kafka_sink import KafkaSink
from pyglue.collector.loading import Setup
from pyglue.errors import PyglueError

log = logging.getLogger("pyglue.collector")

REPORT_SECONDS = 60.0
SWEEP_SECONDS = 5.0
GRACE_SECONDS = 1.0  # beyond the acknowledgement time, for events under way
FLUSH_SECONDS = 1.0
BACKLOG = 1024


def run(setup: Setup) -> None:
    """Serve until a signal ends it; raises PyglueError if the port is taken or the producer is beyond repair."""
    useragent.parse("Mozilla/5.0")  # the rules load on first use, which no event should wait for
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(setup))


async def _serve(setup: Setup) -> None:
    config = setup.config
    loop = asyncio.get_running_loop()
    end = asyncio.Event()
    fatal: list[str] = []

    def failed(reason: str) -> None:
        fatal.append(reason)
        end.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end.set)
    sink = KafkaSink(config.producer, config.limits, setup.topics, failed)
    counters = Counters()
    app = App(
        setup.table,
        sink,
        DuplicateMemory(config.duplicate_memory_size),
        counters,
        clock=lambda: time.time_ns() // 1_000_000,
        retry_after_s=config.limits.retry_after_s,
        use_x_forwarded_for=config.use_x_forwarded_for,
    )
    connections: set[Connection] = set()
    try:
        server = await loop.create_server(
            lambda: Connection(app, connections, time.monotonic), config.host, config.port, backlog=BACKLOG
        )
    except OSError as error:
        sink.close(0)
        raise PyglueError(
            f"can't listen on {config.host}:{config.port}: {error.strerror or error}"
        ) from error
    log.info(
        "listening on %s:%d; looking for Kafka at %s",
        config.host,
        config.port,
        config.producer["bootstrap.servers"],
    )
    chores = [loop.create_task(_report(counters)), loop.create_task(_sweep(connections))]
    await end.wait()
    app.stopping = True
    if not fatal:
        await asyncio.sleep(config.shutdown_delay_ms / 1000)
    server.close()
    await _finish(app, connections, config.limits.acknowledge_timeout_ms / 1000 + GRACE_SECONDS)
    for chore in chores:
        chore.cancel()
    await loop.run_in_executor(None, sink.close, FLUSH_SECONDS)
    log.info("ended; since the start: %s", counters)
    if fatal:
        raise PyglueError(f"Kafka's producer can't go on: {fatal[0]}")


async def _finish(app: App, connections: set[Connection], seconds: float) -> None:
    """Let every connection have the answers that it waits for, for up to `seconds`."""
    deadline = time.monotonic() + seconds
    for connection in list(connections):
        connection.finish()
    while (app.in_flight or connections) and time.monotonic() < deadline:
        await asyncio.sleep(0.02)
    for connection in list(connections):
        connection.abort()


async def _report(counters: Counters) -> None:
    while True:
        await asyncio.sleep(REPORT_SECONDS)
        line = counters.report()
        if line:
            log.info("since the start: %s", line)


async def _sweep(connections: set[Connection]) -> None:
    while True:
        await asyncio.sleep(SWEEP_SECONDS)
        now = time.monotonic()
        for connection in list(connections):
            connection.sweep(now)
