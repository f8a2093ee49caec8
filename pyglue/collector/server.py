"""The collector's life: open the port, serve, and end in order.

The ports open at once; until the sinks are ready, `/ping` and events get 503. On SIGTERM or SIGINT `/ping` says so,
and events are still taken for the configured delay; then nobody is let in any more, and what is under way gets its
answer, within the configured time; then the sinks are closed. Metrics can be asked for to the end.

One process does all of it, or several workers serve the port; then their parent tells metrics (see `workers`).
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from functools import partial
from typing import Protocol

import uvloop

from pyglue.collector.app import App
from pyglue.collector.bad.folder import Folder
from pyglue.collector.bad.keeping import BadEvents
from pyglue.collector.config.configured import (
    Config,
    Durability,
    FileSink,
    KafkaSink,
    MappingFiles,
    Spool,
    Tls,
)
from pyglue.collector.counting import snapshot
from pyglue.collector.counting.counters import Counters
from pyglue.collector.counting.keeper import Keeper, now_ms
from pyglue.collector.counting.metrics_site import MetricsSite
from pyglue.collector.counting.snapshot import Snapshot
from pyglue.collector.duplicates import DuplicateMemory
from pyglue.collector.events import useragent
from pyglue.collector.http import listeners
from pyglue.collector.http.connection import Connection, Site
from pyglue.collector.http.listeners import Sockets
from pyglue.collector.http.room import MOST_BYTES, Room, places, sweep
from pyglue.collector.http.tls import Certificate, Secured
from pyglue.collector.loading import Setup
from pyglue.collector.sinks.opening import OpenSinks
from pyglue.collector.sinks.sink import Outlet, Queues
from pyglue.collector.spool.handover import ORPHAN_SECONDS, hand_over
from pyglue.collector.workers.forked import Shared
from pyglue.collector.workers.parent import SCRAPES, Workers
from pyglue.collector.workers.reporter import Reporter
from pyglue.collector.workers.share import Share, shared_numbers
from pyglue.collector.workers.watch import Watch
from pyglue.counted import counted
from pyglue.errors import PyglueError

log = logging.getLogger("pyglue.collector")

REPORT_SECONDS = 60.0
LATE_MS = 1000  # after the acknowledgement time
CLOSE_SECONDS = 1.0  # for the sinks, when nothing is under way any more
PATIENCE_SECONDS = 8.0  # with sinks that do not close, for their disk hangs: all that was answered is on one
GARBAGE_THRESHOLD = 50_000  # objects made since, before the next look for cycles among the young ones


class Sinks(Protocol):
    """Where records go, open."""

    def outlet(self, sink: KafkaSink | FileSink, mapping: MappingFiles) -> Outlet:
        """The way into `sink` for the records of `mapping`."""

    def queues(self) -> Queues:
        """What waits to be safe."""

    def close(self, seconds: float) -> None:
        """Let nothing be lost that is under way, as far as that takes no more than `seconds`; this may block."""


# Opens the sinks of a configuration for one worker, inside the running loop; they call the function if one of them can't
# go on at all.
Opener = Callable[[Setup, Counters, Callable[[str], None], Share], Sinks]


def run(setup: Setup, open_sinks: Opener = OpenSinks) -> None:
    """Serve until a signal ends it; raises PyglueError if the port is taken or a sink is beyond repair."""
    config = setup.config
    spool = config.spool if config.durability is Durability.SPOOLED and setup.topics else None
    with ExitStack() as held:
        useragent.parse("Mozilla/5.0")  # the rules load on first use, which no event should wait for
        lock = _spool_for(spool, config.workers, _answer_seconds(config), held)
        events = listeners.listen(config.host, config.port, config.workers)
        log.info("listening on %s:%d%s", config.host, config.port, ", by TLS" if config.tls else "")
        for sockets in events:
            held.callback(listeners.close, sockets)
        metrics = _metrics_sockets(config)
        held.callback(listeners.close, metrics)
        memory = _memory(config.duplicate_memory_size)
        room = _places(-(-config.max_connections // config.workers))
        # An event's objects die with it, without cycles: looking for those among all that never dies costs 3 % of the time.
        gc.collect()
        gc.freeze()
        gc.set_threshold(GARBAGE_THRESHOLD)
        if config.workers == 1:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                share = Share(run=now_ms())
                runner.run(_serve(setup, open_sinks, memory, share, events[0], room, metrics=metrics))
            return

        def work(share: Share, sockets: Sockets, parent: socket.socket) -> None:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(_serve(setup, open_sinks, memory, share, sockets, room, parent=parent))

        seconds = (config.shutdown_delay_ms + config.shutdown_timeout_ms) / 1000
        spooled = shared_numbers(config.workers)
        renews = config.tls is not None
        Workers(Shared(events, metrics, lock, memory, spooled, seconds, renews), work).run()


def _spool_for(spool: Spool | None, workers: int, answer_seconds: float, held: ExitStack) -> tuple[int, ...]:
    """Bring what is in the spool to where it is sent; the descriptors that keep others away from it."""
    if spool is None:
        return ()
    lock = hand_over(spool.directory, workers, answer_seconds + ORPHAN_SECONDS)
    if workers == 1:
        os.close(lock)  # the store takes it
        return ()
    held.callback(os.close, lock)
    return (lock,)


def _metrics_sockets(config: Config) -> Sockets:
    if config.metrics is None:
        return []
    (sockets,) = listeners.listen(config.metrics.host, config.metrics.port)
    log.info("listening on %s:%d", config.metrics.host, config.metrics.port)
    return sockets


async def _serve(
    setup: Setup,
    open_sinks: Opener,
    memory: DuplicateMemory,
    share: Share,
    events: Sockets,
    room: int,
    *,
    metrics: Sockets | None = None,
    parent: socket.socket | None = None,
) -> None:
    """Serve `events` until a signal; a worker, who tells its `parent` its metrics, until its word, or its end.

    There is `room` for so many connections.
    """
    config = setup.config
    loop = asyncio.get_running_loop()
    end, hurry, orphan = asyncio.Event(), asyncio.Event(), asyncio.Event()
    fatal: list[str] = []

    def failed(reason: str) -> None:
        fatal.append(reason)
        leave_at_once()

    def leave_at_once() -> None:
        end.set()
        hurry.set()

    def orphaned() -> None:
        orphan.set()
        leave_at_once()

    if parent is None:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, end.set)
    watch = None if parent is None else Watch(parent)
    certificate = None if config.tls is None else _certificate(config.tls)
    counters = Counters(share.run)
    sinks = open_sinks(setup, counters, failed, share)
    bad = _bad_events(setup)
    app = App(
        setup.table(sinks.outlet),
        memory,
        counters,
        clock=now_ms,
        later=loop.call_later,
        soon=loop.call_soon,
        retry_after_s=config.limits.retry_after_s,
        use_x_forwarded_for=config.use_x_forwarded_for,
        serve_static_resources=config.serve_static_resources,
        debug_requests=config.debug_requests,
        privacy=config.privacy,
        bad=bad,
    )
    connections, scrapes = Room(room, MOST_BYTES // share.workers), Room(SCRAPES)
    look = partial(snapshot.take, app, connections, sinks.queues, bad)
    reporter = Reporter(look, end.set, orphaned)
    keeper = Keeper(
        counters, app.timings, config.counts, config.limits.acknowledge_timeout_ms + LATE_MS, share
    )
    chores = [
        loop.create_task(_report(counters)),
        loop.create_task(sweep(connections, scrapes)),
        loop.create_task(keeper.work()),
        *([loop.create_task(bad.work())] if bad is not None else ()),
    ]
    if parent is not None and watch is not None:
        await reporter.open(parent)
        watch.end()
        chores.append(loop.create_task(reporter.work()))
    servers = await _listen(app, connections, events, certificate)
    told = await _listen(_metrics(look), scrapes, metrics) if metrics else []
    await end.wait()
    app.stopping = True
    with suppress(TimeoutError):
        await asyncio.wait_for(hurry.wait(), config.shutdown_delay_ms / 1000)
    for server in servers:
        server.close()
    await _finish(app, connections, config.shutdown_timeout_ms / 1000, orphan, _answer_seconds(config))
    for chore in chores:
        chore.cancel()
    await _close(sinks)
    await keeper.end()
    if bad is not None:
        await bad.end()
    if parent is not None:
        await reporter.end()
    for server in told:
        server.close()
    for scrape in scrapes:
        scrape.abort()
    log.info("ended; since the start: %s", counters)
    if fatal:
        raise PyglueError(f"the collector can't go on: {fatal[0]}", code="kafka-refused")


async def _listen(
    site: Site, room: Room, sockets: Sockets, certificate: Certificate | None = None
) -> list[asyncio.Server]:
    def protocol() -> asyncio.Protocol:
        connection = Connection(site, room, time.monotonic)
        return (
            connection
            if certificate is None
            else Secured(connection, room, certificate.context, time.monotonic)
        )

    loop = asyncio.get_running_loop()
    return [await loop.create_server(protocol, sock=one, backlog=listeners.BACKLOG) for one in sockets]


def _certificate(tls: Tls) -> Certificate:
    """The certificate, which is read anew on SIGHUP; raises InputError."""
    certificate = Certificate(tls)
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, certificate.renew)
    return certificate


def _places(wanted: int) -> int:
    found = places(wanted)
    if found < wanted:
        log.info(
            "room for %s, not %d: the system grants too few files (ulimit -n)",
            counted(found, "connection"),
            wanted,
        )
    return found


def _metrics(look: Callable[[], Snapshot]) -> Site:
    # Only where it is wanted: it takes 27 ms of a start and 2.7 MB.
    from pyglue.collector.counting import metrics

    return MetricsSite(lambda then: then(metrics.text(look(), metrics.alone())))


def _bad_events(setup: Setup) -> BadEvents | None:
    kept = setup.config.bad_events
    if kept is None:
        return None
    folder = Folder(kept.directory, kept.max_bytes, kept.keep_days)
    return BadEvents(folder, setup.headers_read, now_ms)


def _memory(size: int) -> DuplicateMemory:
    try:
        return DuplicateMemory(size)
    except MemoryError:
        key = "divolte.global.mapper.duplicate_memory_size"
        raise PyglueError(
            f"there is no memory for {counted(size, 'event')}; make {key} smaller", code="bad-input"
        ) from None


async def _finish(
    app: App, connections: Room, seconds: float, orphan: asyncio.Event, answer_seconds: float
) -> None:
    """Let every connection have the answers that it waits for, for up to `seconds`.

    An orphan is waited for by the next collector: it lets those have theirs whose event is there, and no client stall it.
    """
    for connection in connections:
        connection.finish()
    await _until(lambda: orphan.is_set() or (app.idle and not len(connections)), seconds)
    if orphan.is_set():
        await _until(lambda: app.idle, min(seconds, answer_seconds))
    for connection in connections:
        connection.abort()


async def _until(done: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not done() and time.monotonic() < deadline:
        await asyncio.sleep(0.02)


def _answer_seconds(config: Config) -> float:
    """Within which an event has its answer."""
    return (config.limits.acknowledge_timeout_ms + LATE_MS) / 1000


async def _close(sinks: Sinks) -> None:
    """Close them in a thread that nobody waits for longer than PATIENCE_SECONDS."""
    loop = asyncio.get_running_loop()
    closed = loop.create_future()

    def close() -> None:
        try:
            sinks.close(CLOSE_SECONDS)
        except Exception:
            log.exception("the sinks did not close")
        with suppress(RuntimeError):  # the loop has ended: nobody waits any more
            loop.call_soon_threadsafe(closed.set_result, None)

    threading.Thread(target=close, name="closing", daemon=True).start()
    done, _ = await asyncio.wait([closed], timeout=PATIENCE_SECONDS)
    if not done:
        log.error("the sinks did not close within %g s", PATIENCE_SECONDS)


async def _report(counters: Counters) -> None:
    while True:
        await asyncio.sleep(REPORT_SECONDS)
        line = counters.report()
        if line:
            log.info("since the start: %s", line)
