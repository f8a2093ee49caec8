"""Each fault is told with its hop and what to type, the first cause first; a healthy stack has none."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from pyglue.catalogue import CATALOGUE
from pyglue.diagnosis.facts import Disk, Facts, Rows, Supervisor, _worth_checking
from pyglue.diagnosis.findings import Finding, cause, findings
from pyglue.errors import BadAnswer, InputError, Problem, Unreachable
from pyglue.moved import Moved
from pyglue.pipeline.kafka import TopicState
from pyglue.settings import Settings
from tests.diagnosis.faults import DEPENDS, NOW, SCHEMA, STATUS, healthy, spec, state, stopped, without

AWAY = Unreachable("it does not answer", try_="pyglue logs it")


def running(**changes: object) -> Supervisor:
    """A supervisor whose status or spec differs."""
    own = {name: value for name, value in changes.items() if name in ("spec", "read")}
    status = replace(STATUS, **{name: value for name, value in changes.items() if name not in own})  # type: ignore[arg-type] # a test's words
    return replace(Supervisor(status, spec(), {0: 5, 1: 2}), **own)  # type: ignore[arg-type] # as above


def test_a_healthy_stack_has_no_findings() -> None:
    """Nothing is made up."""
    assert findings(healthy()) == ()


FAULTS: dict[str, tuple[Facts, str, str, str]] = {
    "kafka stopped": (
        healthy(services=without("kafka"), topic=AWAY),
        "service-stopped",
        "kafka",
        "pyglue up",
    ),
    "indexer stopped": (healthy(services=without("druid-indexer")), "service-stopped", "druid", "pyglue up"),
    "topic missing": (healthy(topic=AWAY), "no-answer", "kafka", "pyglue logs it"),
    "no supervisor": (healthy(supervisor=None), "supervisor-missing", "druid", "pyglue submit-spec"),
    "wrong broker": (
        healthy(supervisor=running(spec=spec(kafka="kafka:1"), state="UNHEALTHY_SUPERVISOR", healthy=False)),
        "supervisor-wrong-kafka",
        "druid",
        "pyglue submit-spec",
    ),
    "wrong topic": (
        healthy(supervisor=running(spec=spec(topic="other"))),
        "supervisor-wrong-topic",
        "druid",
        "pyglue up",
    ),
    "topic re-created": (
        healthy(topic=TopicState({0: 1}, 1, NOW)),
        "topic-recreated",
        "druid",
        "pyglue up",
    ),
    "suspended": (
        healthy(supervisor=running(state="SUSPENDED", detail="SUSPENDED")),
        "supervisor-suspended",
        "druid",
        "pyglue supervisor resume",
    ),
    "tasks fail": (
        healthy(supervisor=running(state="UNHEALTHY_TASKS", healthy=False)),
        "supervisor-not-running",
        "druid",
        "pyglue logs druid-coordinator druid-indexer",
    ),
    "schema renamed": (
        healthy(schema={**SCHEMA, "fields": [{"name": "cost", "type": "long"}]}),
        "schema-differs",
        "druid",
        "make supervisor-spec.json and divolte/DefaultEventRecord.avsc agree (`pyglue check`), then `pyglue up`",
    ),
    "password changed": (
        healthy(dataset=BadAnswer("Superset refused the user admin", status=401, try_="pyglue up")),
        "bad-answer",
        "superset",
        "pyglue up",
    ),
    "no dataset": (healthy(dataset=None), "dataset-missing", "superset", "pyglue refresh-datasources"),
    "dataset behind": (
        healthy(rows=Rows(7, NOW, 1, frozenset({"__time", "price", "new"}))),
        "dataset-behind",
        "superset",
        "pyglue refresh-datasources",
    ),
    "no dashboard": (
        healthy(absent=("live",)),
        "dashboard-missing",
        "superset",
        "pyglue dashboards import live",
    ),
    "no dashboards and no dataset": (
        healthy(absent=("live", "audience"), dataset=None),
        "dataset-missing",
        "superset",
        "pyglue up",
    ),
    "broker hangs": (healthy(rows=AWAY), "no-answer", "druid", "pyglue logs it"),
    "port taken": (
        healthy(services=without("divolte"), holders={"divolte": "8290 is held by process 7 (nc)"}),
        "port-taken",
        "collector",
        "end that process, or choose another port in .env, then `pyglue up`",
    ),
    "mapping broken": (
        healthy(
            services=without("divolte"),
            files=InputError([Problem("mapping.groovy", 4, 7, "expected a function")]),
        ),
        "bad-input",
        "collector",
        "mend it (`pyglue check`), then `pyglue up`",
    ),
    "edited badly": (
        healthy(files=InputError([Problem(".env", 3, None, "DIVOLTE_WORKERS: expected auto")])),
        "bad-input",
        "collector",
        "mend it (`pyglue check`), then `pyglue up`",
    ),
    "hangs": (
        healthy(services=(*without()[:-1], state("superset", healthy=False, reason="no answer within 5 s"))),
        "service-unhealthy",
        "superset",
        "pyglue restart superset",
    ),
    "starts": (
        healthy(services=(*without()[:-1], state("superset", healthy=False, reason="refused", up=9.0))),
        "service-unhealthy",
        "superset",
        "pyglue logs superset",
    ),
    "other shell": (
        healthy(asked=False, moved=(Moved("kafka", "KAFKA_PORT", 12592, 9092),)),
        "ports-differ",
        "kafka",
        "export KAFKA_PORT=12592",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_told_first_with_its_hop_and_what_to_type(fault: str) -> None:
    """The first finding is the cause."""
    facts, code, hop, typed = FAULTS[fault]
    first = findings(facts)[0]
    assert (first.code, first.hop, first.try_) == (code, hop, typed)


def test_bad_files_come_after_what_is_wrong_with_what_runs() -> None:
    """They explain nothing of it, for it was started with others; of a collector that is ill they are the cause."""
    files = InputError([Problem(".env", 3, None, "DIVOLTE_WORKERS: expected auto")])
    found = findings(healthy(services=without("superset"), files=files))
    assert [finding.service for finding in found] == ["superset", None]
    assert found[1].message.endswith("edited: .env:3: DIVOLTE_WORKERS: expected auto")
    assert cause(found[1:], "collector") is None
    (ill,) = findings(healthy(services=without("divolte"), files=files))
    assert (ill.service, ill.code) == ("divolte", "bad-input")


@pytest.mark.parametrize(
    ("edited", "up", "healthy", "worth"),
    [
        (False, 60.0, True, False),
        (True, 60.0, True, True),
        (True, None, True, False),
        (False, 60.0, False, True),
    ],
)
def test_files_are_checked_only_where_they_may_be_wrong(
    tmp_path: Path, edited: bool, up: float | None, healthy: bool, worth: bool
) -> None:
    """Where .env is younger than what runs, or the collector is ill: it takes a while."""
    (tmp_path / ".env").touch()
    if not edited:
        hour_ago = time.time() - 3600
        os.utime(tmp_path / ".env", (hour_ago, hour_ago))
    states = [state("divolte", up=up, healthy=healthy)]
    settings = Settings(tmp_path, "auto", {})
    assert _worth_checking(settings, states, {}) == worth
    assert _worth_checking(settings, states, {"kafka": ("kafka/start",)})
    (tmp_path / ".env").unlink()
    assert _worth_checking(settings, states, {}) == (not healthy)


def test_what_follows_from_a_cause_comes_after_it_and_says_so() -> None:
    """Without Kafka the collector is not healthy either; Kafka is what has to be mended."""
    ill = tuple(
        replace(one, healthy=False, reason="503") if one.name == "divolte" else one
        for one in without("kafka")
    )
    found = findings(healthy(services=ill, topic=AWAY))
    assert [(finding.service, finding.follows) for finding in found] == [("kafka", False), ("divolte", True)]


def test_what_follows_from_a_service_that_hangs_has_its_remedy() -> None:
    """The collector waits for Kafka: another start of the collector would not help. One that is stopped needs a start."""
    ill = {"kafka": state("kafka", healthy=False), "divolte": state("divolte", healthy=False)}
    found = findings(healthy(services=tuple(ill.get(one.name, one) for one in without()), topic=AWAY))
    assert [(finding.service, finding.try_) for finding in found] == [
        ("kafka", "pyglue restart kafka"),
        ("divolte", "pyglue restart kafka"),
    ]
    ill["divolte"] = stopped("divolte")
    found = findings(healthy(services=tuple(ill.get(one.name, one) for one in without()), topic=AWAY))
    assert [(finding.service, finding.try_) for finding in found][1] == ("divolte", "pyglue up")


def test_with_other_ports_only_what_is_known_is_told() -> None:
    """The pipeline was not asked, so nothing of it is missed; a service that is stopped is stopped all the same."""
    moved = (Moved("kafka", "KAFKA_PORT", 12592, 9092),)
    facts = healthy(services=without("superset"), asked=False, moved=moved)
    unasked = replace(facts, topic=None, supervisor=None, rows=None, dataset=None)
    assert [finding.code for finding in findings(unasked)] == ["ports-differ", "service-stopped"]


def test_a_part_that_can_not_be_asked_is_not_told_beside_its_service() -> None:
    """The coordinator is stopped: that its supervisor can't be asked is the same news."""
    found = findings(healthy(services=without("druid-coordinator"), supervisor=AWAY, rows=AWAY))
    assert [finding.service for finding in found] == ["druid-coordinator"]


@pytest.mark.parametrize("rows", [BadAnswer("druid-broker answered 500", status=500), None])
def test_an_indexer_that_was_just_started_anew_is_the_cause(rows: BadAnswer | None) -> None:
    """The broker still asks the old one for its rows, the overlord for its tasks: what they say comes after it."""
    shaken = running(state="UNHEALTHY_TASKS", healthy=False) if rows is None else running()
    services = (*(one for one in without() if one.name != "druid-indexer"), state("druid-indexer", up=6.0))
    facts = healthy(supervisor=shaken, services=services, **({} if rows is None else {"rows": rows}))
    first, second = findings(facts)
    assert (first.service, first.follows, first.try_) == ("druid-indexer", False, "pyglue logs druid-indexer")
    assert "started 6s ago" in first.message
    assert (second.follows, second.code) == (
        True,
        "supervisor-not-running" if rows is None else "bad-answer",
    )
    old = healthy(supervisor=shaken, **({} if rows is None else {"rows": rows}))
    assert [finding.follows for finding in findings(old)] == [False]
    assert findings(healthy(services=services)) == ()


def test_dashboards_that_are_missing_with_the_dataset_follow_from_it() -> None:
    """They are named all the same; before the first row there can be none, and nothing is missed."""
    facts = healthy(absent=("live", "audience"), dataset=None)
    first, second = findings(facts)
    assert (first.follows, second.follows, second.try_) == (False, True, "pyglue up")
    assert second.message == "Superset lacks 2 of 2 dashboards: Live (live), Audience (audience)"
    assert findings(replace(facts, rows=None)) == ()


def test_dashboards_that_can_not_be_asked_for_are_told() -> None:
    """As it was said."""
    (found,) = findings(healthy(absent=AWAY))
    assert (found.code, found.hop) == ("no-answer", "superset")


def test_a_disk_without_room_is_told_before_the_service_that_died_of_it() -> None:
    """Starting Kafka again would not help."""
    full = Disk(Path("/data"), ("kafka",), 4096, 1 << 30)
    found = findings(healthy(services=without("kafka"), topic=AWAY, disks=(full,)))
    assert [(finding.code, finding.hop) for finding in found] == [
        ("disk-full", "kafka"),
        ("service-stopped", "kafka"),
    ]
    assert "/data" in found[0].message


def test_nothing_runs_is_one_finding() -> None:
    """And not one for each service."""
    facts = healthy(
        services=tuple(map(stopped, DEPENDS)), asked=False, topic=None, supervisor=None, rows=None
    )
    assert [finding.code for finding in findings(replace(facts, dataset=None))] == ["nothing-runs"]


def test_a_schema_that_the_collector_has_not_read_yet_is_no_fault() -> None:
    """The file was edited after the collector's start: nothing is written with it."""
    edited = {**SCHEMA, "fields": [{"name": "cost", "type": "long"}]}
    assert findings(healthy(schema=edited, schema_changed=NOW - 5)) == ()


def test_before_the_first_row_no_dataset_is_missed() -> None:
    """Superset can make one only after Druid has a row."""
    assert findings(healthy(rows=None, dataset=None)) == ()


def test_a_finding_has_a_code_that_can_be_looked_up() -> None:
    """One that the catalogue lacks is refused."""
    with pytest.raises(AssertionError):
        Finding("made-up", "kafka", "", "")
    assert {code for _, code, _, _ in FAULTS.values()} <= set(CATALOGUE)


def test_the_cause_of_a_stop_lies_at_that_hop_or_before() -> None:
    """A Superset that is ill does not explain why an event is missing in Druid; Kafka explains the collector's 503."""
    superset = Finding("service-unhealthy", "superset", "", "")
    kafka = Finding("service-stopped", "kafka", "", "")
    assert cause([superset, kafka], "druid") == kafka
    assert cause([superset, kafka], "collector") == kafka
    assert cause([superset], "druid") is None
    assert cause([superset, kafka], None) == superset
    assert cause([], None) is None
