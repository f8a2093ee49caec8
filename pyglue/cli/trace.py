"""`pyglue trace`: one event and every hop that it passes, with its time, its record and its row."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import click

from pyglue.cli.options import SECONDS, App, common
from pyglue.collector.bad.entries import BadEvent
from pyglue.counted import counted
from pyglue.diagnosis import facts as looking
from pyglue.diagnosis.findings import HOPS, Finding, cause, findings
from pyglue.engine import Engine
from pyglue.errors import PyglueError, UsageError
from pyglue.pipeline import kept, replays
from pyglue.pipeline import spec as specs
from pyglue.pipeline import trace as tracing
from pyglue.pipeline.smoke import Hop, Probe, Report
from pyglue.settings import Settings
from pyglue.stack.model import Stack

PERCENTS = (50, 95, 99)
WIDE = 60  # characters of a value that are shown


@click.command()
@click.argument("event_id", required=False)
@click.option(
    "--repeat",
    type=click.IntRange(1, 10_000),
    default=1,
    metavar="N",
    help="Send N events, one after the other.",
)
@click.option(
    "--timeout", type=SECONDS, default=30.0, show_default=True, help="Seconds that each hop may take."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@common
def trace(app: App, event_id: str | None, repeat: int, timeout: float, as_json: bool) -> int:
    """Send one marked event, or look for the event EVENT_ID, and tell every hop that it passes.

    Told are the answer, the place in Kafka, the record, the row in Druid, and whether a chart finds it, with the
    milliseconds since it was sent. It stops at the hop that broke, with the cause, the log of the service at fault, and what
    to type. With --repeat: percentiles of each hop. Exits with 1 if the event did not arrive everywhere, or something else
    is wrong.

    \b
    pyglue trace
    pyglue trace --repeat 100
    pyglue trace 0:mgx2k1ab:Tq3    # an event that came some time ago
    """
    if event_id is not None and (not event_id or not _is_text(event_id)):
        raise UsageError("an event's id is a text of at least one letter")
    settings, stack, engine = app.running()
    app.needs_running(settings, engine)
    tracer = _Tracer(app, settings, stack, engine, timeout)
    try:
        return tracer.run(event_id, repeat, as_json)
    finally:
        tracer.clients.close()


class _Tracer:
    """What one trace needs: the pipeline, and whom to ask when an event does not arrive."""

    def __init__(self, app: App, settings: Settings, stack: Stack, engine: Engine, timeout: float) -> None:
        self.app, self.settings, self.engine, self.timeout = app, settings, engine, timeout
        self.stack = stack
        addresses = app.addresses(settings, stack, engine)
        self.wanted = specs.addressed(specs.read(settings.project / specs.FILE), addresses.kafka_for_druid)
        self.clients = app.clients(settings, stack, engine, time.sleep)
        self.pipeline = self.clients.pipeline(self.wanted, settings.project / specs.SCHEMA)
        self.alive = _alive(engine)

    def run(self, event_id: str | None, repeat: int, as_json: bool) -> int:
        """Trace, tell, and return the exit code."""
        reports: list[Report] = []
        row: dict[str, Any] | None = None
        for number in range(repeat):
            if event_id is None:
                report = Probe(self.pipeline, self.timeout, mend=self.alive).run()
                if report.ok and number == repeat - 1:
                    row = tracing.row(self.clients.druid, self.pipeline.datasource, report.event_id)
            else:
                report, row = tracing.follow(self.pipeline, event_id, time.time())
            reports.append(report)
            if not report.ok:
                break
            if repeat > 1:
                self.app.screen.move(f"{number + 1} of {counted(repeat, 'event')}")
        self.app.screen.still()
        reports[-1] = self.explained(reports[-1])
        found = self.findings()
        differing = tracing.differences(reports[-1].record or {}, row or {})
        wrong = not reports[-1].ok or found or differing
        if as_json:
            self.app.screen.data(json.dumps(_json(reports, row, found, differing)))
            return 1 if wrong else 0
        self._tell(reports, row)
        if wrong:
            error = _error(reports[-1], found, differing, self.engine)
            self.app.screen.problem(error.message, error.details, error.try_, error.code)
        return 1 if wrong else 0

    def explained(self, report: Report) -> Report:
        """The report, with what the collector's bad events say of it."""
        known = replays.read(self.settings.project / replays.FILE)
        return explained(report, kept.Kept(self.engine, known.ids), known.dismissed)

    def findings(self) -> tuple[Finding, ...]:
        """What a look at everything finds wrong."""
        clients = self.app.clients(self.settings, self.stack, self.engine, time.sleep, looking.PATIENCE)
        try:
            return findings(looking.look(self.settings, self.engine, clients, self.wanted))
        finally:
            clients.close()

    def _tell(self, reports: Sequence[Report], row: Mapping[str, Any] | None) -> None:
        last = reports[-1]
        for hop in last.hops:
            label = f"{hop.hop:<10} {_where(hop, self.pipeline.topic, self.pipeline.datasource)}"
            self.app.screen.hop(label.rstrip(), "ok" if hop.ok else "failed", hop.ms)
        if len(reports) > 1:
            self.app.screen.table(_percentiles(reports))
        elif last.record is not None:
            self.app.screen.table(_fields(last.record, row))


def explained(report: Report, bad: Iterable[BadEvent], dismissed: Mapping[str, str]) -> Report:
    """The report; of an event that is not in Kafka with the reason, if it is among the bad ones of the collector.

    `dismissed` says of some of these why they were settled without a record.
    """
    if report.problem is None or (report.hops and report.hops[-1].hop != "kafka"):
        return report
    try:
        found = kept.find(bad, report.event_id)
    except PyglueError:  # then the problem is told as it is
        return report
    if found is None:
        return report
    hops = tuple(replace(hop, ok=False) for hop in report.hops[:1])  # the collector is where it ended
    return replace(report, hops=hops, problem=kept.explained(report.event_id, found, dismissed.get(found.id)))


def _alive(engine: Engine) -> Callable[[], None]:
    """Raises PyglueError if a service that ran at first has gone: nothing is to be waited for then."""
    names = set(engine.stack.services)

    def check() -> None:
        gone = sorted(names - engine.running()) if engine.running() else []
        if gone:
            raise PyglueError(f"{', '.join(gone)} does not run", try_="pyglue up", code="service-stopped")

    return check


def _where(hop: Hop, topic: str, datasource: str) -> str:
    """What is known of an event at a hop, in words."""
    if hop.hop == "collector":
        return f"answered {hop.known['status']}" if "status" in hop.known else ""
    if hop.hop == "kafka":
        if hop.known.get("offset") is None:
            return f"topic {topic}" + (", deleted there by now" if hop.ok else "")
        return f"topic {topic}, partition {hop.known['partition']}, offset {hop.known['offset']:,}"
    return f"a row of {datasource}" if hop.hop == "druid" else "a chart's query"


def _fields(record: Mapping[str, Any], row: Mapping[str, Any] | None) -> list[tuple[str, ...]]:
    """The fields that hold something, as Kafka and as Druid have them."""
    shown: list[tuple[str, ...]] = [("FIELD", "IN KAFKA", "IN DRUID")]
    for name, value in record.items():
        if value is None:
            continue
        theirs = "-" if row is None or name not in row else _short(row[name])
        shown.append((name, _short(value), theirs))
    return shown


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= WIDE else text[: WIDE - 3] + "..."


def _figures(reports: Sequence[Report]) -> dict[str, dict[str, float]]:
    """Percentiles of the milliseconds by hop, of the events that arrived there."""
    times = {
        hop: [h.ms for r in reports for h in r.hops if h.hop == hop and h.ms is not None] for hop in HOPS
    }
    return {
        hop: {f"p{percent}": tracing.percentile(values, percent) for percent in PERCENTS}
        | {"max": max(values), "events": float(len(values))}
        for hop, values in times.items()
        if values
    }


def _percentiles(reports: Sequence[Report]) -> list[tuple[str, ...]]:
    rows = [("HOP", "EVENTS", *(f"P{percent}" for percent in PERCENTS), "MAX")]
    for hop, figures in _figures(reports).items():
        times = (*(figures[f"p{percent}"] for percent in PERCENTS), figures["max"])
        rows.append((hop, f"{figures['events']:.0f}", *(f"{ms:.0f} ms" for ms in times)))
    return rows


def _is_text(word: str) -> bool:
    """Whether a word of the command line is UTF-8; what is not comes as halves of characters."""
    return word.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in word)


def _cause(report: Report, found: Sequence[Finding]) -> Finding | None:
    """What explains a report that is not well. That nobody knows an event has nothing to do with what is wrong now."""
    if not report.hops:
        return None
    return cause(found, None if report.ok else report.hops[-1].hop)


def _error(report: Report, found: Sequence[Finding], differing: Sequence[str], engine: Engine) -> PyglueError:
    """What is wrong, with its hop, its cause and the log of the service at fault."""
    because = _cause(report, found)
    details = [f"{finding.hop}: {finding}" for finding in found if finding is not because]
    if report.problem is None and because is None:
        lines = [*(f"  {line}" for line in differing)]
        return PyglueError(
            "at druid: the row does not say what the record says",
            details=lines,
            try_="pyglue check",
            code="row-differs",
        )
    if because is None:
        assert report.problem is not None  # noqa: S101 - the case before
        service = report.failed_service
        words = engine.last_words(service) if service is not None else []
        problem = report.problem
        return PyglueError(
            f"at {report.hops[-1].hop}: {problem.message}" if report.hops else problem.message,
            details=[*problem.details, *details, *words],
            try_=problem.try_,
            code=problem.code,
        )
    stopped = (
        [] if report.problem is None else [f"stopped at {report.hops[-1].hop}: {report.problem.message}"]
    )
    words = engine.last_words(because.service) if because.service is not None else []
    return PyglueError(
        f"at {because.hop}: {because.message}",
        details=[*stopped, *because.details, *details, *words],
        try_=because.try_,
        code=because.code,
    )


def _json(
    reports: Sequence[Report],
    row: Mapping[str, Any] | None,
    found: Sequence[Finding],
    differing: Sequence[str],
) -> dict[str, Any]:
    last = reports[-1]
    because = _cause(last, found)
    hop = because.hop if because is not None else (None if last.ok or not last.hops else last.hops[-1].hop)
    return {
        **last.to_json(),
        "ok": last.ok and not found and not differing,
        "hop": hop or ("druid" if differing else None),
        "record": last.record,
        "row": row,
        "differences": list(differing),
        "problems": [finding.to_json() for finding in found],
        "percentiles": _figures(reports) if len(reports) > 1 else None,
    }
