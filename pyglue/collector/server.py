"""The collector's life: open the port, serve, and end in order.

The ports open at once; until the sinks are ready, `/ping` and events get 503. On SIGTERM or SIGINT `/ping` says so,
and events are still taken for the configured delay; then nobody is let in any more, and what is under way gets its
answer, within the configured time; then the sinks are closed. Metrics can be asked for to the end.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import uvloop

from pyglue.collector import useragent
from pyglue.collector.app import App
from pyglue.collector.bad.folder import Folder
from pyglue.collector.bad.keeping import BadEvents
from pyglue.collector.configured import CountsKept, FileSink, KafkaSink, MappingFiles, Tls
from pyglue.collector.connection import Connection, Site
from pyglue.collector.count_files import CountFiles
from pyglue.collector.counters import Counters
from pyglue.collector.duplicates import DuplicateMemory
from pyglue.collector.loading import Setup
from pyglue.collector.metrics_site import MetricsSite
from pyglue.collector.opening import OpenSinks
from pyglue.collector.room import Room, places
from pyglue.collector.sinks import Outlet, Queues
from pyglue.collector.timings import Timings
from pyglue.collector.tls import Certificate, Secured
from pyglue.errors import PyglueError

log = logging.getLogger("pyglue.collector")

REPORT_SECONDS = 60.0
KEEP_SECONDS = 1.0
LATE_MS = 1000  # after the acknowledgement time
SWEEP_SECONDS = 5.0  # for a look at all connections
SWEPT = 64  # of them at a time
CLOSE_SECONDS = 1.0  # for the sinks, when nothing is under way any more
BACKLOG = 1024
SCRAPES = 100  # connections to the port for metrics
GARBAGE_THRESHOLD = 50_000  # objects made since, before the next look for cycles among the young ones


class Sinks(Protocol):
    """Where records go, open."""

    def outlet(self, sink: KafkaSink | FileSink, mapping: MappingFiles) -> Outlet:
        """The way into `sink` for the records of `mapping`."""

    def queues(self) -> Queues:
        """What waits to be safe."""

    def close(self, seconds: float) -> None:
        """Let nothing be lost that is under way, as far as that takes no more than `seconds`; this may block."""


# Opens the sinks of a configuration, inside the running loop; they call the function if one of them can't go on at all.
Opener = Callable[[Setup, Counters, Callable[[str], None]], Sinks]


def run(setup: Setup, open_sinks: Opener = OpenSinks) -> None:
    """Serve until a signal ends it; raises PyglueError if the port is taken or a sink is beyond repair."""
    useragent.parse("Mozilla/5.0")  # the rules load on first use, which no event should wait for
    # An event's objects die with it, without cycles: looking for those among all that never dies costs 3 % of the time.
    gc.freeze()
    gc.set_threshold(GARBAGE_THRESHOLD)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(setup, open_sinks))


async def _serve(setup: Setup, open_sinks: Opener) -> None:
    config = setup.config
    loop = asyncio.get_running_loop()
    end = asyncio.Event()
    fatal: list[str] = []

    def failed(reason: str) -> None:
        fatal.append(reason)
        end.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end.set)
    memory = _memory(config.duplicate_memory_size)
    counters = Counters(_now_ms())
    sinks = open_sinks(setup, counters, failed)
    bad = _bad_events(setup)
    app = App(
        setup.table(sinks.outlet),
        memory,
        counters,
        clock=_now_ms,
        later=loop.call_later,
        retry_after_s=config.limits.retry_after_s,
        use_x_forwarded_for=config.use_x_forwarded_for,
        serve_static_resources=config.serve_static_resources,
        debug_requests=config.debug_requests,
        privacy=config.privacy,
        bad=bad,
    )
    connections, scrapes = Room(_places(config.max_connections)), Room(SCRAPES)
    servers: list[asyncio.Server] = []
    try:
        certificate = None if config.tls is None else _certificate(config.tls)
        servers.append(await _listen(app, connections, config.host, config.port, certificate))
        if config.metrics is not None:
            site = _metrics(app, connections, sinks, bad)
            servers.append(await _listen(site, scrapes, config.metrics.host, config.metrics.port))
    except PyglueError:
        for server in servers:
            server.close()
        sinks.close(0)
        raise
    keeper = Keeper(counters, app.timings, config.counts, config.limits.acknowledge_timeout_ms + LATE_MS)
    chores = [
        loop.create_task(_report(counters)),
        loop.create_task(_sweep(connections, scrapes)),
        loop.create_task(keeper.work()),
        *([loop.create_task(bad.work())] if bad is not None else ()),
    ]
    await end.wait()
    app.stopping = True
    if not fatal:
        await asyncio.sleep(config.shutdown_delay_ms / 1000)
    servers[0].close()
    await _finish(app, connections, config.shutdown_timeout_ms / 1000)
    for chore in chores:
        chore.cancel()
    await loop.run_in_executor(None, sinks.close, CLOSE_SECONDS)
    await keeper.end()
    if bad is not None:
        await bad.end()
    for server in servers[1:]:
        server.close()
    for scrape in scrapes:
        scrape.abort()
    log.info("ended; since the start: %s", counters)
    if fatal:
        raise PyglueError(f"the collector can't go on: {fatal[0]}", code="kafka-refused")


async def _listen(
    site: Site, room: Room, host: str, port: int, certificate: Certificate | None = None
) -> asyncio.Server:
    def protocol() -> asyncio.Protocol:
        connection = Connection(site, room, time.monotonic)
        return (
            connection
            if certificate is None
            else Secured(connection, room, certificate.context, time.monotonic)
        )

    try:
        server = await asyncio.get_running_loop().create_server(protocol, host, port, backlog=BACKLOG)
    except OSError as error:
        raise PyglueError(
            f"can't listen on {host}:{port}: {error.strerror or error}", code="port-taken"
        ) from error
    log.info("listening on %s:%d%s", host, port, "" if certificate is None else ", by TLS")
    return server


def _certificate(tls: Tls) -> Certificate:
    """The certificate, which is read anew on SIGHUP; raises InputError."""
    certificate = Certificate(tls)
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, certificate.renew)
    return certificate


def _places(wanted: int) -> int:
    found = places(wanted)
    if found < wanted:
        log.info(
            "room for %d connections, not %d: the system grants too few files (ulimit -n)", found, wanted
        )
    return found


def _metrics(app: App, connections: Room, sinks: Sinks, bad: BadEvents | None) -> Site:
    # Only where it is wanted: it takes 27 ms of a start and 2.7 MB.
    from pyglue.collector.metrics import Metrics

    return MetricsSite(Metrics(app, connections, sinks.queues, bad).text)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


class Keeper:
    """Once a second: sorts times in, closes minutes that are over, and keeps these on disk if a folder is configured."""

    def __init__(self, counters: Counters, timings: Timings, kept: CountsKept | None, late_ms: int) -> None:
        """A minute is closed `late_ms` after its end: by then its events have their answers. The disk has a thread."""
        self._counters = counters
        self._timings = timings
        self._late_ms = late_ms
        self._files = CountFiles(kept.directory, kept.keep_days, counters.run) if kept else None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="counts")  # one call after the other

    async def work(self) -> None:
        """Until it is cancelled."""
        while True:
            await self._call(_now_ms())
            await asyncio.sleep(KEEP_SECONDS)

    async def _call(self, now_ms: int) -> None:
        self._timings.sort()
        finished = self._counters.close(now_ms - self._late_ms)
        if self._files is not None:
            loop, unfinished = asyncio.get_running_loop(), self._counters.open()
            await loop.run_in_executor(self._thread, self._files.keep, finished, unfinished, now_ms)

    async def end(self) -> None:
        """Write what there is. A disk that hangs is not waited for."""
        finished = self._counters.close()
        if self._files is not None:
            loop = asyncio.get_running_loop()
            last = loop.run_in_executor(self._thread, self._files.end, finished, _now_ms())
            await asyncio.wait([last], timeout=CLOSE_SECONDS)
        self._thread.shutdown(wait=False)


def _bad_events(setup: Setup) -> BadEvents | None:
    kept = setup.config.bad_events
    if kept is None:
        return None
    folder = Folder(kept.directory, kept.max_bytes, kept.keep_days)
    return BadEvents(folder, setup.headers_read, _now_ms)


def _memory(size: int) -> DuplicateMemory:
    try:
        return DuplicateMemory(size)
    except MemoryError:
        key = "divolte.global.mapper.duplicate_memory_size"
        raise PyglueError(
            f"there is no memory for {size} events; make {key} smaller", code="bad-input"
        ) from None


async def _finish(app: App, connections: Room, seconds: float) -> None:
    """Let every connection have the answers that it waits for, for up to `seconds`."""
    deadline = time.monotonic() + seconds
    for connection in connections:
        connection.finish()
    while (app.in_flight or len(connections)) and time.monotonic() < deadline:
        await asyncio.sleep(0.02)
    for connection in connections:
        connection.abort()


async def _report(counters: Counters) -> None:
    while True:
        await asyncio.sleep(REPORT_SECONDS)
        line = counters.report()
        if line:
            log.info("since the start: %s", line)


async def _sweep(*rooms: Room) -> None:
    """Let go who takes too long, a few at a time: what came together would be cut off, and come again, together."""
    while True:
        guests = [guest for room in rooms for guest in room]
        turns = max(-(-len(guests) // SWEPT), 1)
        for turn in range(turns):
            await asyncio.sleep(SWEEP_SECONDS / turns)
            now = time.monotonic()
            for guest in guests[turn * SWEPT : (turn + 1) * SWEPT]:
                guest.sweep(now)
