"""The catalogue of errors: each stable code with its cause and its remedy.

Law of this file: a code never changes its meaning and is never used again for another one. Every error that pyglue
raises has one of these codes, every code here is raised somewhere, and docs/errors.md has the same words
(tests/test_catalogue.py holds all three).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """What lies behind a code, in general: why it comes, and what helps. Markdown, one paragraph each."""

    cause: str
    remedy: str


CATALOGUE: dict[str, Entry] = {
    "usage": Entry(
        "The command line, or the value of an option or variable, is not understood. Exit code 2.",
        "Type the command with `--help`.",
    ),
    "bad-input": Entry(
        "A file that you edit is not as it must be. All problems are told together, with file and line, and nothing was"
        " changed.",
        "Mend the places that are named; `pyglue check` looks at all files without starting anything.",
    ),
    "no-answer": Entry(
        "A service did not answer: nothing listens at its address, it hangs, or it broke off.",
        "`pyglue status` says whether it runs, `pyglue logs SERVICE` why not; `pyglue up` starts what does not run.",
    ),
    "bad-answer": Entry(
        "Something answered, but not with what was asked for: an error, a page of HTML, half an answer. Perhaps another"
        " program has the port.",
        "What came back stands in the error. `pyglue status` says what is healthy, `pyglue logs SERVICE` what the"
        " service itself says.",
    ),
    "nothing-runs": Entry(
        "No service of this checkout runs, in neither engine.",
        "`pyglue up` starts the stack. Does it run for another checkout, say where: `pyglue --project-dir DIR status`.",
    ),
    "service-stopped": Entry(
        "A service was stopped, ended by itself, or dies again and again (`backoff`, `fatal`).",
        "`pyglue up` starts it, and tells the last lines of its log if it does not stay; `pyglue logs SERVICE` has more.",
    ),
    "service-unhealthy": Entry(
        "A service runs, but does not serve: it has just been started, hangs, or waits for another one.",
        "Wait some seconds after a start. Else `pyglue logs SERVICE`; a process that hangs for good is replaced by"
        " `pyglue down` and `pyglue up`.",
    ),
    "port-taken": Entry(
        "Another program listens at a port that a service needs.",
        "End that program (the error names its process), or choose other ports in `.env`"
        " ([ports](configuration.md#ports)); then `pyglue up`.",
    ),
    "disk-full": Entry(
        "The file system in which a service keeps its data has no room. Kafka ends then; Druid can't write segments.",
        "Make room there, then `pyglue up`. How long data is kept: `KAFKA_RETENTION_HOURS` and"
        " [Druid's retention](events.md#how-long-they-are-kept).",
    ),
    "supervisor-missing": Entry(
        "Druid has no supervisor for the datasource, so nobody reads the topic. Events wait in Kafka meanwhile.",
        "`pyglue submit-spec` posts it; what waits in the topic is read.",
    ),
    "supervisor-wrong-kafka": Entry(
        "The supervisor that runs was posted with another address of Kafka than the one in use, by hand or for another"
        " stack.",
        "`pyglue submit-spec` posts the checkout's spec with the right address; what waits in the topic is read.",
    ),
    "supervisor-wrong-topic": Entry(
        "The supervisor that runs reads another topic than the checkout's spec names.",
        "`pyglue submit-spec`; the topic is read from its earliest event.",
    ),
    "supervisor-suspended": Entry(
        "The supervisor was suspended: it has no tasks, and nobody reads the topic. Events wait in Kafka meanwhile.",
        "`pyglue supervisor resume`; reading goes on where it ended.",
    ),
    "supervisor-not-running": Entry(
        "The supervisor runs, but its tasks don't: they fail, wait for a worker, or don't reach Kafka.",
        "Druid's own errors stand below the message; `pyglue logs druid-coordinator druid-indexer` has the rest, and"
        " `pyglue up` mends what is known to keep Druid from reading.",
    ),
    "topic-recreated": Entry(
        "The topic was deleted and made anew. Druid goes on at the offsets of the old one, which the new one has not"
        " reached, and so reads nothing.",
        "`pyglue up` lets Druid begin anew with the topic; rows of the old topic stay.",
    ),
    "schema-differs": Entry(
        "The collector was started with another Avro schema than the one with which Druid reads. Bare Avro carries no"
        " version: values land in the wrong columns, or can't be read at all.",
        "Make `divolte/DefaultEventRecord.avsc` and `supervisor-spec.json` agree (`pyglue check` compares them), then"
        " `pyglue up`, which lets Druid read what is left of the old schema first"
        " ([changing the schema](events.md#changing-the-schema)).",
    ),
    "dataset-missing": Entry(
        "Superset has no dataset over the datasource, so no chart can ask it.",
        "`pyglue refresh-datasources` makes it.",
    ),
    "dataset-behind": Entry(
        "Druid has columns that Superset's dataset lacks; charts with them fail.",
        "`pyglue refresh-datasources`. Druid itself sees a new column up to a minute after its first row.",
    ),
    "event-not-in-kafka": Entry(
        "The collector answered with success, but the event is not in the topic that Druid reads: the collector writes to"
        " another topic or another Kafka, or it left the event out on purpose (a setting to discard duplicates or corrupt"
        " events).",
        "Compare `DIVOLTE_TOPIC` with the topic in `supervisor-spec.json` (`pyglue check` does), and look at what"
        " `pyglue logs divolte` counts as `dropped`.",
    ),
    "record-unreadable": Entry(
        "The record in the topic can't be read with the schema of this checkout, or says something else: the collector was"
        " started with another schema.",
        "`pyglue up` starts the collector with the files as they are now.",
    ),
    "event-not-in-druid": Entry(
        "The event is in the topic, but Druid has no row of it: nobody reads the topic, Druid is behind, or it can't read"
        " the record.",
        "`pyglue status` tells the supervisor's state and its lag; `pyglue logs druid-indexer druid-coordinator` the rest.",
    ),
    "event-not-on-charts": Entry(
        "Druid has the row, but a query of Superset's does not find it: its dataset is another one, or Superset asks"
        " another Druid.",
        "`pyglue register-cluster`, then `pyglue refresh-datasources`.",
    ),
    "event-unknown": Entry(
        "Neither Kafka nor Druid has an event of this id. It was refused (then the sender got no success), dropped with a"
        " reason, or is older than what both keep.",
        "`pyglue logs divolte` counts what was dropped and why; `pyglue reconcile` says in which minute something is"
        " missing.",
    ),
    "row-differs": Entry(
        "The event's row in Druid has other values than its record in Kafka: Druid reads with another schema than the"
        " collector writes with, or a transform of the spec has the name of a field.",
        "`pyglue check` compares the files; `pyglue up` posts the spec as it is in the checkout.",
    ),
}
