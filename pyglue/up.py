"""What `pyglue up` does after the installation: services and steps as jobs, each with what it needs.

Every step looks first and acts if needed, so that twice is harmless. The collector comes after the supervisor:
bare Avro carries no version, so when the schema changes Druid must first have read what is left of the old one
(docs/events.md). The last job is the proof: an event of our own that came back from a chart.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from pyglue.checks import Checked
from pyglue.counted import counted
from pyglue.engine import Engine, ServiceJob
from pyglue.errors import BadAnswer, PyglueError
from pyglue.flow import Call, Cancel, Done, Job
from pyglue.pipeline import spec as specs
from pyglue.pipeline import supervisors
from pyglue.pipeline.addresses import Addresses
from pyglue.pipeline.clients import COLLECTOR, Clients
from pyglue.pipeline.columns import names as columns_of
from pyglue.pipeline.druid import Druid
from pyglue.pipeline.kafka import PARTITIONS
from pyglue.pipeline.smoke import Pipeline, Probe, Report
from pyglue.pipeline.supervisors import await_running
from pyglue.restart import Silent, restart
from pyglue.superset.dashboards import import_dashboard
from pyglue.superset.register import Dataset, refresh_dataset, register_cluster, sqlalchemy_uri

FIRST_ROW_SECONDS = 90.0  # a new supervisor's first row; seen: 3.5 s
PROOF_SECONDS = 90.0  # longer than any pause that Druid makes of its own accord (a minute)
DRAIN_SECONDS = 60.0
OFFSETS_SECONDS = (
    20.0  # Druid first asks 15 s after a supervisor's start, then by the spec's offsetFetchPeriod
)
PAUSE = 0.1


class Up:
    """The jobs of one `up`: what they share is here, what each does stands below."""

    def __init__(
        self, checked: Checked, engine: Engine, clients: Clients, addresses: Addresses, cancel: Cancel
    ) -> None:
        self.checked = checked
        self.engine = engine
        self.clients = clients
        self.addresses = addresses
        self.cancel = cancel
        self._dataset: Dataset | None = None
        self._changed = False  # whether this run changed what Druid's columns are
        self._topic_made = False
        self.memory = 0  # bytes that everything uses, once the proof was given

    def jobs(self, pool: ThreadPoolExecutor) -> list[Job]:
        """Services and steps; the loop finds the order."""
        extra = {COLLECTOR: {"supervisor"}}
        jobs: list[Job] = [
            ServiceJob(
                self.engine, service, frozenset(set(service.depends_on) | extra.get(service.name, set()))
            )
            for service in self.checked.stack.services.values()
        ]
        topic, datasource = specs.topic(self.checked.spec), specs.datasource(self.checked.spec)

        def step(name: str, label: str, needs: set[str], function: Callable[[], Done]) -> None:
            jobs.append(Call(name, label, frozenset(needs), function, pool))

        druid = {name for name in self.checked.stack.services if name.startswith("druid-")}
        step("topic", f"Create topic {topic} ({PARTITIONS} partitions)", {"kafka"}, self.topic)
        step(
            "supervisor",
            f"Post supervisor {datasource}",
            {"topic", "druid-coordinator", "druid-indexer"},
            self.supervisor,
        )
        step("keeping", "Set retention and compaction", {"druid-coordinator"}, self.keeping)
        step("register", "Register Druid in Superset", {"superset", "druid-broker"}, self.register)
        step("row", "First row in Druid", {COLLECTOR, *druid}, self.first_row)
        step("dataset", f"Refresh dataset {datasource}", {"register", "row"}, self.dataset)
        titles = ", ".join(dashboard.title for dashboard in self.checked.dashboards)
        several = "s" if len(self.checked.dashboards) != 1 else ""
        step("dashboards", f"Import dashboard{several} {titles}", {"dataset"}, self.dashboards)
        step(
            "proof",
            "An event reaches a chart",
            {"dashboards", "keeping", *self.checked.stack.services},
            self.proof,
        )
        return jobs

    # -- steps

    def topic(self) -> Done:
        """The topic must be there before supervisor and collector, or the first event takes a minute."""
        self._topic_made = self.clients.kafka.ensure_topic(specs.topic(self.checked.spec))
        return Done("made" if self._topic_made else "kept")

    def supervisor(self) -> Done:
        """Post the spec unless it runs already; when the schema changes, let Druid read the old records first."""
        wanted = specs.addressed(self.checked.spec, self.addresses.kafka_for_druid)
        posted = submit(
            wanted,
            self.clients,
            self.engine.stack.directory,
            self.cancel.wait,
            before_schema_change=self._stop_collector,
            topic_made=self._topic_made,
        )
        self._changed |= posted
        suspend_others(self.clients.druid, self.engine.stack.directory, specs.datasource(wanted))
        return Done("made" if posted else "kept")

    def keeping(self) -> Done:
        """How long Druid keeps what, and how it makes large segments of small ones."""
        name, druid = specs.datasource(self.checked.spec), self.clients.druid
        kept_longer = druid.set_retention(name, self.checked.retention)
        compacted = druid.set_compaction(name, self.checked.compaction)
        return Done("made" if kept_longer or compacted else "kept")

    def _stop_collector(self) -> None:
        if COLLECTOR in self.engine.running():
            self.engine.stop([COLLECTOR])

    def register(self) -> Done:
        """Superset's database for Druid. A Superset that refuses the password is started anew, and takes that of `.env`."""
        uri = sqlalchemy_uri(self.addresses.broker_for_superset)
        try:
            return Done(str(register_cluster(self.clients.superset, uri=uri)))
        except BadAnswer as error:
            if error.code != "superset-password":
                raise
        restart(self.engine, ["superset"], Silent(), self.cancel.wait)
        return Done(str(register_cluster(self.clients.superset, uri=uri)))

    def first_row(self) -> Done:
        """Superset can make a dataset, or see a new column, only after the first row with it: send one if need be."""
        datasource, wanted = specs.datasource(self.checked.spec), set(specs.dimensions(self.checked.spec))
        druid = self.clients.druid
        columns = druid.columns(datasource)
        if columns and wanted <= columns:
            return Done("kept")
        self._changed = True
        probe = Probe(self._pipeline(), FIRST_ROW_SECONDS, self.cancel.wait, mend=self._mend)
        probe.send()
        probe.in_druid()
        waited = 0.0
        while missing := wanted - druid.columns(datasource):
            if waited >= FIRST_ROW_SECONDS:
                raise PyglueError(
                    f"Druid has the row, but after {waited:.0f} s not these columns: {', '.join(sorted(missing))}",
                    try_="pyglue logs druid-broker",
                    code="columns-missing",
                )
            self.cancel.wait(PAUSE)
            waited += PAUSE
        return Done("made")

    def dataset(self) -> Done:
        """The dataset's columns as Druid has them now."""
        table = specs.datasource(self.checked.spec)
        known = set() if self._changed else self.clients.druid.columns(table)
        self._dataset = refresh_dataset(
            self.clients.superset,
            table=table,
            known=known,
            keep=columns_of(self.checked.spec) or set(),
        )
        return Done(str(self._dataset.outcome))

    def dashboards(self) -> Done:
        """The dashboards of superset/dashboards, over that dataset."""
        assert self._dataset is not None  # noqa: S101 - the loop runs `dataset` first
        outcomes = [
            str(import_dashboard(self.clients.superset, dashboard, self._dataset))
            for dashboard in self.checked.dashboards
        ]
        return Done(next((outcome for outcome in outcomes if outcome != "kept"), "kept"))

    def proof(self) -> Done:
        """Ready means that data arrived. Meanwhile what everything uses is added up."""
        with ThreadPoolExecutor(1) as beside:
            memory = beside.submit(self.engine.memory)
            report = Probe(self._pipeline(), PROOF_SECONDS, self.cancel.wait, mend=self._mend).run()
            self.memory = memory.result()
        if report.problem is not None:
            raise with_log(report, self.engine)
        return Done(
            "ok",
            f"An event reached Druid after {report.ms('druid'):.0f} ms, a chart after {report.ms('superset'):.0f} ms",
        )

    def _mend(self) -> None:
        """What is known to keep Druid from reading: tasks that nobody hands out or has, offsets of a topic that is gone."""
        self.clients.druid.wake()
        self.clients.druid.replace_lost(specs.datasource(self.checked.spec))
        name, topic = specs.datasource(self.checked.spec), specs.topic(self.checked.spec)
        reset_if_ahead(self.clients, name, topic, self.cancel.wait)

    def _pipeline(self) -> Pipeline:
        return self.clients.pipeline(self.checked.spec, self.checked.schema)


def with_log(report: Report, engine: Engine | None) -> PyglueError:
    """The report's problem, with the last log lines of the service at which the event stopped."""
    problem, service = report.problem, report.failed_service
    assert problem is not None  # noqa: S101 - asked only of a report that failed
    assert service is not None  # noqa: S101
    words = engine.last_words(service) if engine is not None else []
    return PyglueError(
        f"at {report.hops[-1].hop}: {problem.message}",
        details=[*problem.details, *words],
        try_=problem.try_,
        code=problem.code,
    )


def submit(
    wanted: dict[str, Any],
    clients: Clients,
    directory: Path,
    wait: Callable[[float], None],
    *,
    before_schema_change: Callable[[], None],
    topic_made: bool = False,
) -> bool:
    """Post a spec unless it is what runs; True if it was posted.

    With another schema or topic than the one that runs, `before_schema_change` is called and unread records are waited
    for. `topic_made`: there was no topic a moment ago, so what Druid may have read was another. Raises PyglueError if
    records remain, or if the supervisor does not come to run.
    """
    name, topic = specs.datasource(wanted), specs.topic(wanted)
    file = directory / specs.POSTED / f"{name}.json"
    running = clients.druid.supervisor(name)
    if running is not None and specs.Posted.load(file) == specs.Posted.of(wanted, running):
        return (topic_made and reset_if_read(clients, name, wait)) or reset_if_ahead(
            clients, name, topic, wait
        )
    moved = running is not None and specs.topic(running) != topic
    if running is not None and specs.reads_otherwise(running, wanted):
        before_schema_change()
        drain(clients, name, specs.topic(running), wait)
    file.unlink(missing_ok=True)
    if moved or (topic_made and running is not None):  # offsets of the old topic mean nothing in the new one
        supervisors.publish(clients.druid, name, wait)
        clients.druid.reset(name)
    clients.druid.submit(wanted)
    await_running(clients.druid, name, wait)
    after = clients.druid.supervisor(name)
    if after is not None:
        specs.Posted.of(wanted, after).save(file)
    return True


def reset_if_ahead(clients: Clients, name: str, topic: str, wait: Callable[[float], None]) -> bool:
    """Begin anew where Druid has read further than the topic goes: it is another topic of the same name by now."""
    read = clients.druid.offsets(name)  # before the ends, which only grow
    ends = clients.kafka.ends(topic)
    if not any(offset > ends.get(partition, 0) for partition, offset in read.items()):
        return False
    supervisors.begin_anew(clients.druid, name, wait)
    return True


def reset_if_read(clients: Clients, name: str, wait: Callable[[float], None]) -> bool:
    """Begin anew where Druid has read anything: for a topic that was made a moment ago.

    The new topic may soon go further than the old one did, so offsets are not compared. Druid asks its tasks now and then
    how far they are: so long is waited for a first offset, for the last events of the old topic may be as new.
    """
    waited = 0.0
    while not any(clients.druid.offsets(name).values()):
        if waited >= OFFSETS_SECONDS:
            return False
        wait(0.2)
        waited += 0.2
    supervisors.begin_anew(clients.druid, name, wait)
    return True


def suspend_others(druid: Druid, directory: Path, name: str) -> None:
    """Suspend supervisors that were posted from here under another name: they would keep the slots for tasks."""
    for file in (directory / specs.POSTED).glob("*.json"):
        if file.stem != name:
            druid.suspend(file.stem)
            file.unlink()


def drain(clients: Clients, name: str, topic: str, wait: Callable[[float], None]) -> None:
    """Wait until Druid has read the whole topic with the schema that still runs; raises PyglueError if it can't."""
    try:
        ends = {partition: end for partition, end in clients.kafka.ends(topic).items() if end}
    except PyglueError as error:
        if error.code != "topic-missing":
            raise
        return  # it was deleted: nothing is left of it
    waited = 0.0
    while True:
        read = clients.druid.offsets(name)
        unread = {p: end - read.get(p, 0) for p, end in ends.items() if read.get(p, 0) < end}
        if not unread:
            return
        if waited >= DRAIN_SECONDS:
            raise PyglueError(
                f"the schema changed, but Druid has not yet read {counted(sum(unread.values()), 'record')} of the old one",
                details=[
                    f"topic      {topic}, unread by partition: {unread}",
                    "why        bare Avro carries no version: records of the old schema would be lost",
                    "type `pyglue up` again once the lag is 0, or put the old schema back",
                ],
                try_="pyglue status",
                code="schema-changed",
            )
        wait(0.2)
        waited += 0.2
