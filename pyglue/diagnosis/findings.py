"""From facts to findings: which hop, why, and what to type. Pure.

Order is cause before consequence: a service that can't be well while one that it needs is not comes after that one and
says so; a part of the pipeline that could not be asked is left out where a service of its hop is told already. So the
first finding is the one to mend first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pyglue.catalogue import CATALOGUE
from pyglue.diagnosis.facts import FULL, Disk, Facts, Supervisor
from pyglue.engine import State
from pyglue.errors import InputError, PyglueError
from pyglue.moved import error
from pyglue.pipeline import spec as specs
from pyglue.pipeline.clients import COLLECTOR
from pyglue.screen import amount, span

UP = "pyglue up"
YOUNG = 60.0  # seconds after a start in which a service may not serve yet, as docker-compose.yml has it (start_period)
TOLD = 110  # characters of a file's problem in one sentence; all of it stands below
INDEXER = "druid-indexer"
SETTLING = (
    60.0  # seconds after the indexer's start; seen: 45 until the tasks of one that was killed are given up
)
HOPS = ("collector", "kafka", "druid", "superset")  # in the order in which an event passes them


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong. `hop` is one of HOPS, or the service's name where it is none.

    `message` is one sentence, `try_` the command that mends it or, where nothing typed can, looks into it. `follows` is
    true if another finding explains this one.
    """

    code: str
    hop: str
    message: str
    try_: str
    service: str | None = None
    details: tuple[str, ...] = ()
    follows: bool = False

    def __post_init__(self) -> None:
        assert self.code in CATALOGUE, self.code  # noqa: S101 - a code that no page explains is a bug of ours

    def __str__(self) -> str:
        return f"{self.message}; try: {self.try_}"

    def to_json(self) -> dict[str, Any]:
        """As `--json` prints it."""
        return {
            "code": self.code,
            "hop": self.hop,
            "service": self.service,
            "message": self.message,
            "details": list(self.details),
            "try": self.try_,
            "follows": self.follows,
        }


def hop_of(service: str) -> str:
    """The hop at which a service works."""
    if service.startswith("druid-") or service == "zookeeper":
        return "druid"
    return "collector" if service == COLLECTOR else service


def findings(facts: Facts) -> tuple[Finding, ...]:
    """Everything that is wrong, the first cause first."""
    if not facts.asked and all(state.state == "stopped" for state in facts.services):
        return (Finding("nothing-runs", "collector", "nothing runs", UP),)
    services = _services(facts)
    ill = {finding.hop for finding in services}
    parts = [
        finding
        for finding in (
            *_topic(facts),
            *_supervisor(facts),
            *_rows(facts),
            *_dataset(facts),
            *_dashboards(facts),
        )
        if not (finding.code in _UNASKED and finding.hop in ill)
    ]
    found = (*_moved(facts), *_disks(facts), *services, *_unsettled(facts, parts), *_files(facts))
    return (*(one for one in found if not one.follows), *(one for one in found if one.follows))


def _unsettled(facts: Facts, parts: Sequence[Finding]) -> Iterator[Finding]:
    """The findings of the parts; where Druid is not over an indexer that was just started anew, that one is the cause.

    It is well by then, while the broker still asks for the rows, and the overlord for the tasks, of the one that ended.
    """
    indexer = facts.service(INDEXER)
    young = indexer is not None and indexer.healthy and indexer.up is not None and indexer.up < SETTLING
    shaken = [
        part
        for part in parts
        if young and part.hop == "druid" and part.code in (*_UNASKED, "supervisor-not-running")
    ]
    if shaken and indexer is not None:
        message = f"{INDEXER} was started {span(indexer.up)} ago, and Druid has not got over it yet"
        yield Finding("service-unhealthy", "druid", message, f"pyglue logs {INDEXER}", INDEXER)
    for part in parts:
        yield replace(part, follows=True) if part in shaken else part


def cause(found: Sequence[Finding], hop: str | None) -> Finding | None:
    """The finding that explains why an event stopped at `hop`: the first at that hop or one before it.

    Kafka counts as before the collector, which answers 503 without it. For an event that arrived (None) it is the first.
    Files that nothing has read yet stopped no event.
    """
    if hop is None:
        return found[0] if found else None
    passed = HOPS[: max(HOPS.index(hop), HOPS.index("kafka")) + 1]
    read = [finding for finding in found if finding.code != "bad-input" or finding.service is not None]
    return next((finding for finding in read if finding.hop in passed), None)


_UNASKED = ("no-answer", "bad-answer", "kafka-away", "no-leader")  # what a hop that is ill says itself


# -- services


def _services(facts: Facts) -> list[Finding]:
    """Of each that is not healthy. What can't be well without another one has the remedy of that."""
    told = {state.name: _service(facts, state) for state in facts.services if not state.healthy}
    needed = {name: _needs(facts, name) & told.keys() for name in told}
    for name, finding in list(told.items()):
        causes = [told[other].try_ for other in told if other in needed[name] and not needed[other]]
        if causes and finding.code == "service-stopped":
            told[name] = replace(finding, follows=True)
        elif causes and finding.code == "service-unhealthy":
            told[name] = replace(finding, follows=True, try_=causes[0])
    return list(told.values())


def _needs(facts: Facts, name: str) -> set[str]:
    """What a service depends on, directly or not."""
    found: set[str] = set()
    waiting = list(facts.depends.get(name, ()))
    while waiting:
        other = waiting.pop()
        if other not in found:
            found.add(other)
            waiting += facts.depends.get(other, ())
    return found


def _service(facts: Facts, state: State) -> Finding:
    """Why a service does not serve, by the most telling of what was seen."""
    name, hop = state.name, hop_of(state.name)
    if name in facts.holders:
        message = f"{name} can't start: its port {facts.holders[name]}"
        try_ = "end that process, or choose another port in .env, then `pyglue up`"
        return Finding("port-taken", hop, message, try_, name)
    if name == COLLECTOR and facts.files is not None:
        return _refused(facts.files, f"{name} does not start with its files", name)
    if state.state != "running":
        return Finding("service-stopped", hop, f"{name} is {state.state}", UP, name)
    reason = f"{name} is not healthy ({state.reason})"
    if state.up is not None and state.up < YOUNG:
        reason += f"; it was started {span(state.up)} ago"
        return Finding("service-unhealthy", hop, reason, f"pyglue logs {name}", name)
    return Finding("service-unhealthy", hop, reason, f"pyglue restart {name}", name)


def _files(facts: Facts) -> Iterator[Finding]:
    """Files that were edited since the start, while what runs goes on with those of before."""
    collector = facts.service(COLLECTOR)
    if facts.files is not None and (collector is None or collector.healthy):
        yield _refused(facts.files, "the next start would refuse the files that were edited")


def _refused(files: InputError, message: str, service: str | None = None) -> Finding:
    problems = tuple(line for problem in files.problems for line in str(problem).splitlines())
    more = f" (and {len(files.problems) - 1} more)" if len(files.problems) > 1 else ""
    try_ = "mend it (`pyglue check`), then `pyglue up`"
    return Finding(
        "bad-input", "collector", f"{message}: {_start(problems[0])}{more}", try_, service, problems
    )


def _start(line: str) -> str:
    """As much of a line as fits into a sentence."""
    return line if len(line) <= TOLD else line[:TOLD] + " ..."


def _moved(facts: Facts) -> Iterator[Finding]:
    """The stack runs at other ports than this shell says: what is asked there is asked in vain."""
    if facts.moved:
        told = error(facts.moved)
        yield Finding(
            "ports-differ",
            hop_of(facts.moved[0].service),
            told.message,
            told.try_ or UP,
            None,
            tuple(told.details),
        )


def _disks(facts: Facts) -> Iterator[Finding]:
    for disk in facts.disks:
        if disk.free < FULL:
            yield _full(disk)


def _full(disk: Disk) -> Finding:
    hops = [hop_of(service) for service in disk.services]
    hop = next((hop for hop in ("kafka", "druid") if hop in hops), hops[0])
    left = f"{amount(disk.free)} of {amount(disk.total)} free at {disk.path}"
    message = f"the disk of {', '.join(disk.services)} is full: {left}"
    return Finding("disk-full", hop, message, f"make room there (du -sh {disk.path}/*), then `pyglue up`")


# -- the pipeline


def _error(error: PyglueError, hop: str) -> Finding:
    """What could not be asked, told as it was."""
    return Finding(error.code, hop, error.message, error.try_ or UP, None, tuple(error.details))


def _topic(facts: Facts) -> Iterator[Finding]:
    if isinstance(facts.topic, PyglueError):
        yield _error(facts.topic, "kafka")


def _supervisor(facts: Facts) -> Iterator[Finding]:
    found, name = facts.supervisor, facts.datasource
    if isinstance(found, PyglueError):
        yield _error(found, "druid")
    elif found is None:
        if facts.asked:
            message = f"Druid has no supervisor {name}, so nothing reads the topic"
            yield Finding("supervisor-missing", "druid", message, "pyglue submit-spec")
    else:
        yield from _reading(facts, found)


def _reading(facts: Facts, found: Supervisor) -> Iterator[Finding]:
    """Whether the supervisor reads what the collector writes."""
    name, topic, status = facts.datasource, facts.topic_name, found.status
    told, wanted = specs.servers(found.spec), specs.servers(facts.wanted)
    if told != wanted:
        message = f"the supervisor {name} is told to read from Kafka at {told}, but Kafka is at {wanted}"
        yield Finding(
            "supervisor-wrong-kafka", "druid", message, "pyglue submit-spec", details=status.errors[:2]
        )
        return
    if (read := specs.topic(dict(found.spec))) != topic:
        message = f"the supervisor {name} reads the topic {read}, not {topic}"
        yield Finding("supervisor-wrong-topic", "druid", message, UP)
        return
    if _ahead(facts, found):
        message = (
            f"the supervisor {name} has read further than the topic {topic} goes: the topic was made anew"
        )
        yield Finding("topic-recreated", "druid", message, UP)
    elif status.state == "SUSPENDED":
        message = f"the supervisor {name} is suspended, so nothing reads the topic"
        yield Finding("supervisor-suspended", "druid", message, "pyglue supervisor resume")
    elif not status.healthy or status.state != "RUNNING" or status.detail == "CONNECTING_TO_STREAM":
        message = f"the supervisor {name} reads nothing now: {status.detail}"
        try_ = "pyglue logs druid-coordinator druid-indexer"
        yield Finding("supervisor-not-running", "druid", message, try_, details=status.errors[:2])
    yield from _schema(facts, found)


def _ahead(facts: Facts, found: Supervisor) -> bool:
    if facts.topic is None or isinstance(facts.topic, PyglueError):
        return False
    return any(offset > facts.topic.ends.get(partition, 0) for partition, offset in found.read.items())


def _schema(facts: Facts, found: Supervisor) -> Iterator[Finding]:
    """Bare Avro carries no version: a collector that was started with another schema than Druid reads with."""
    theirs, collector = specs.schema(dict(found.spec)), facts.service(COLLECTOR)
    if theirs is None or facts.schema is None or theirs == facts.schema:
        return
    if collector is None or collector.up is None or facts.now - collector.up < facts.schema_changed:
        return  # not written with yet; `pyglue check` tells about files
    what = specs.schema_difference(facts.schema, theirs)
    message = f"Druid reads records with another schema than {COLLECTOR} writes them with ({what})"
    details = (
        f"written    with {specs.SCHEMA}, since {span(collector.up)}",
        f"read       with the schema in the supervisor {facts.datasource}",
    )
    try_ = f"make {specs.FILE} and {specs.SCHEMA} agree (`pyglue check`), then `pyglue up`"
    yield Finding("schema-differs", "druid", message, try_, None, details)


def _rows(facts: Facts) -> Iterator[Finding]:
    if isinstance(facts.rows, PyglueError):
        yield _error(facts.rows, "druid")


def _dataset(facts: Facts) -> Iterator[Finding]:
    name = facts.datasource
    if isinstance(facts.dataset, PyglueError):
        yield _error(facts.dataset, "superset")
    elif facts.dataset is None:
        if facts.asked and facts.rows is not None:
            message = f"Superset has no dataset {name}"
            try_ = UP if facts.absent else "pyglue refresh-datasources"
            yield Finding("dataset-missing", "superset", message, try_)
    elif facts.rows is not None and not isinstance(facts.rows, PyglueError):
        missing = sorted(facts.rows.columns - facts.dataset)
        if missing:
            message = f"Superset's dataset {name} lacks columns that Druid has: {', '.join(missing)}"
            yield Finding("dataset-behind", "superset", message, "pyglue refresh-datasources")


def _dashboards(facts: Facts) -> Iterator[Finding]:
    """Shipped ones that Superset lacks; before the first row there can be none."""
    absent = facts.absent
    if isinstance(absent, PyglueError):
        yield _error(absent, "superset")
    elif absent and facts.rows is not None:
        names = ", ".join(f"{facts.shipped[slug]} ({slug})" for slug in absent)
        if len(absent) == 1:
            message = f"Superset has no dashboard {names}"
        else:
            message = f"Superset lacks {len(absent)} of {len(facts.shipped)} dashboards: {names}"
        bare = facts.dataset is None
        try_ = UP if bare else f"pyglue dashboards import {' '.join(absent)}"
        yield Finding("dashboard-missing", "superset", message, try_, follows=bare)
