"""What `reconcile` calls wrong: causes, hops that could not be asked, damaged counts, and what is missing. Pure.

Each comes with its likely cause and what to type; what only looks like a loss is no finding (see `reconcile`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from pyglue.diagnosis.findings import Finding
from pyglue.errors import PyglueError
from pyglue.pipeline.minutes import shown, text
from pyglue.pipeline.reconcile import Gap, InKafka, Seen
from pyglue.pipeline.replays import Replays


def findings(seen: Seen, found: Iterable[Gap], causes: Sequence[Finding]) -> tuple[Finding, ...]:
    """Causes first: what is wrong with the hops by a look at everything, then what could not be asked or is missing.

    A hop that could not be asked is left out where one of the causes is at that hop: it is the same news.
    """
    own: list[Finding] = []
    for hop in ("collector", "kafka", "druid", "superset"):
        error = getattr(seen, hop)
        if isinstance(error, PyglueError) and all(one.hop != hop for one in causes):
            own.append(_unasked(hop, error))
        if hop == "collector":
            own += _damaged(seen.damaged)
        if hop == "kafka" and seen.account.damaged:
            own.append(_damaged_account(seen.account))
        for gap in found:
            if gap.kind == "missing" and gap.hop == hop:
                cause = next((one for one in causes if one.hop == hop), None)
                own.append(_missing(seen, gap, cause))
    return (*causes, *own)


def _unasked(hop: str, error: PyglueError) -> Finding:
    return Finding(
        error.code if error.code else "bad-answer",
        hop,
        error.message,
        error.try_ or "pyglue status",
        None,
        tuple(error.details),
    )


def _damaged(places: Sequence[str]) -> Iterator[Finding]:
    if places:
        yield Finding(
            "counts-damaged",
            "collector",
            "the collector's counts are damaged: it may have counted more, or less",
            "take what can't be read out of these files: docs/collector.md#counts-on-disk",
            None,
            tuple(f"can't be read  {place}" for place in places),
        )


def _damaged_account(account: Replays) -> Finding:
    return Finding(
        "replays-damaged",
        "kafka",
        "the account of what `pyglue replay` sent is damaged: its records look as if they came past the collector,"
        " or stand for others that are missing",
        account.remedy,
        None,
        (
            f"can't be read  {account.place}",
            "before that     `pyglue replay --dry-run` shows what would be sent twice",
        ),
    )


def _missing(seen: Seen, gap: Gap, cause: Finding | None) -> Finding:
    where = f"in         {shown(gap.minutes)}"
    if gap.hop == "kafka":
        why, try_ = _lost_in_kafka(seen, gap)
        return Finding("records-missing", "kafka", gap.message, try_, None, (where, f"perhaps    {why}"))
    why, try_ = (cause.message, cause.try_) if cause else _lost_in(gap.hop, seen)
    details = (where, f"because    {why}" if cause else f"perhaps    {why}")
    if gap.hop == "druid":
        return Finding("rows-missing", "druid", gap.message, try_, None, details)
    return Finding("chart-count-differs", "superset", gap.message, try_, None, details)


def _lost_in_kafka(seen: Seen, gap: Gap) -> tuple[str, str]:
    """A likely cause and what to type: nothing brings records back that Kafka has deleted."""
    kafka = seen.kafka
    if isinstance(kafka, InKafka) and kafka.removed:
        reason = "Kafka deleted them after KAFKA_RETENTION_HOURS, before Druid had read them"
        return reason, "a larger KAFKA_RETENTION_HOURS in .env, then `pyglue up`"
    if isinstance(kafka, InKafka) and all(map(kafka.begins_after, gap.minutes)):
        reason = (
            "the topic was deleted and made anew, before Druid had read them; its rows of the old one stay"
        )
        if kafka.began is None:
            return f"{reason}; the new one is empty", "pyglue trace  (does what comes now arrive?)"
        return reason, f"pyglue reconcile --from {text(kafka.began + 1)}  (what came since then)"
    return f"the collector writes to another topic than {seen.topic}, or to another Kafka", "pyglue check"


def _lost_in(hop: str, seen: Seen) -> tuple[str, str]:
    """A likely cause and what to type, where no service says what is wrong."""
    if hop == "superset":
        return "the dataset asks another table, or a cache answered", "pyglue refresh-datasources"
    kafka = seen.kafka
    unreadable = sum(kafka.unreadable.values()) if isinstance(kafka, InKafka) else 0
    if unreadable or seen.unparseable:
        count = max(unreadable, seen.unparseable)
        return (
            f"Druid can't parse them: {count:,} unparseable since its tasks began",
            "pyglue tail --bad --no-follow",
        )
    if seen.thrown_away:
        reason = f"Druid threw {seen.thrown_away:,} away: a filter of the spec, or too early or late for it"
        return reason, "pyglue submit-spec --dry-run"
    return "Druid skipped them: a reset of the supervisor, or rows older than its retention", "pyglue status"
