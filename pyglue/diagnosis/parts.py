"""The parts of the pipeline as `status` shows them: collector, topic, supervisor, datasource, dataset. Pure."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from pyglue.counted import counted
from pyglue.diagnosis.facts import Facts, Supervisor
from pyglue.errors import PyglueError
from pyglue.pipeline.clients import COLLECTOR
from pyglue.screen import span
from pyglue.superset.dashboards import FOLDER


@dataclass(frozen=True)
class Part:
    """One part: its words for people, its figures for programs, and why it could not be asked, if so."""

    kind: str
    name: str
    text: str
    figures: dict[str, Any] = field(default_factory=dict)
    problem: str | None = None


def parts(facts: Facts) -> tuple[Part, ...]:
    """Every part; none if nothing was asked."""
    if not facts.asked:
        return ()
    return (
        *(
            []
            if facts.collector is None
            else [_part("collector", COLLECTOR, facts.collector, _collector(facts))]
        ),
        _part("topic", facts.topic_name, facts.topic, _topic(facts)),
        _part("supervisor", facts.datasource, facts.supervisor, _supervisor(facts)),
        _part("datasource", facts.datasource, facts.rows, _datasource(facts)),
        _part("dataset", facts.datasource, facts.dataset, _dataset(facts)),
        _part("dashboards", str(FOLDER), facts.absent, _dashboards(facts)),
    )


def _part(kind: str, name: str, asked: object, told: tuple[str, dict[str, Any]]) -> Part:
    if isinstance(asked, PyglueError):
        return Part(kind, name, "unknown", {}, asked.message)
    return Part(kind, name, *told)


def _newest(now: float, newest: float | None) -> tuple[str, float | None]:
    """How long ago, in words and in seconds; a time that lies ahead of this clock counts as now."""
    if newest is None:
        return "", None
    age = max(0.0, now - newest)
    return f", newest {span(age)} ago", age


def _collector(facts: Facts) -> tuple[str, dict[str, Any]]:
    told = facts.collector
    if told is None or isinstance(told, PyglueError):
        return "none", {}
    some = {"discarded": told.discarded, "refused": told.refused, "in the spool": told.spool}
    words = [
        f"{counted(told.received, 'event')} since its start",
        *(f"{n:,} {what}" for what, n in some.items() if n),
    ]
    return ", ".join(words), asdict(told)


def _topic(facts: Facts) -> tuple[str, dict[str, Any]]:
    topic = facts.topic
    if topic is None or isinstance(topic, PyglueError):
        return "none", {}
    text, age = _newest(facts.now, topic.newest)
    return f"{counted(topic.records, 'event')}{text}", {"events": topic.records, "newest_age_s": age}


def lag(facts: Facts, found: Supervisor) -> int | None:
    """Records in the topic that Druid has not read; None while the topic can't be asked, or Druid tells no offsets.

    Druid reports those of its tasks every few seconds; a lag that it knows to be 0 is newer than that. A suspended
    supervisor has no tasks, and what it has published stays as it is.
    """
    if found.status.lag == 0 and found.status.state != "SUSPENDED":
        return 0
    if facts.topic is None or isinstance(facts.topic, PyglueError):
        return found.status.lag
    ends = facts.topic.ends
    if not found.read and any(ends.values()):
        return None
    return sum(max(0, end - found.read.get(partition, 0)) for partition, end in ends.items())


def _supervisor(facts: Facts) -> tuple[str, dict[str, Any]]:
    found = facts.supervisor
    if found is None or isinstance(found, PyglueError):
        return "none", {}
    status, behind = found.status, lag(facts, found)
    figures = {
        "state": status.state,
        "detail": status.detail,
        "lag": behind,
        "processed": status.processed,
        "unparseable": status.unparseable,
        "thrown_away": status.thrown_away,
        "errors": list(status.errors),
    }
    words = f"{status.detail}, lag {'unknown' if behind is None else f'{behind:,}'}"
    return f"{words}, {status.unparseable:,} unparseable", figures


def _datasource(facts: Facts) -> tuple[str, dict[str, Any]]:
    rows = facts.rows
    if rows is None or isinstance(rows, PyglueError):
        return "no rows yet", {"rows": 0, "newest_age_s": None, "segments": 0}
    text, age = _newest(facts.now, rows.newest)
    return (
        f"{counted(rows.rows, 'row')}{text}, {counted(rows.segments, 'segment')}",
        {"rows": rows.rows, "newest_age_s": age, "segments": rows.segments},
    )


def _dataset(facts: Facts) -> tuple[str, dict[str, Any]]:
    if facts.dataset is None or isinstance(facts.dataset, PyglueError):
        return "none", {}
    return counted(len(facts.dataset), "column"), {"columns": len(facts.dataset)}


def _dashboards(facts: Facts) -> tuple[str, dict[str, Any]]:
    if facts.absent is None or isinstance(facts.absent, PyglueError):
        return "unknown", {}
    shipped, there = len(facts.shipped), len(facts.shipped) - len(facts.absent)
    return f"{there} of {shipped} in Superset", {"shipped": shipped, "there": there}
