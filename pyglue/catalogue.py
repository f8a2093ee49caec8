"""The catalogue of errors: each stable code with its cause and its remedy.

Law of this file: a code never changes its meaning and is never used again for another one. Every error that pyglue
raises has one of these codes, every code here is raised somewhere, and docs/errors.md is this file as a page
(tests/test_catalogue.py holds all three). `python -m pyglue.catalogue > docs/errors.md` writes the page.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

from pyglue.screen import Screen

WIDTH = 120  # columns of the page
HEAD = (
    "Every error ends with a line `see: docs/errors.md#CODE`. The codes are stable: scripts may rely on them. What was"
    " asked and what came back in your case stands in the error itself; this page says what lies behind it in general,"
    " hop by hop. What shows itself without an error: [troubleshooting](troubleshooting.md)."
)


@dataclass(frozen=True)
class Entry:
    """What lies behind a code, in general: why it comes, and what helps. Markdown, one paragraph each."""

    cause: str
    remedy: str


HOPS: dict[str, dict[str, Entry]] = {
    "before a start": {
        "bad-input": Entry(
            "A file that you edit is not as it must be. All problems are told together, with file and line, and"
            " nothing was changed.",
            "Mend the places that are named; `pyglue check` looks at all files without starting anything. What each"
            " file may hold: [configuration](configuration.md), [events](events.md), [the mapping language](mapping.md).",
        ),
        "port-taken": Entry(
            "Another program listens on a port that a service is to have. The error names the process. A second stack"
            " on this machine needs ports of its own.",
            "End that process, or choose another port in `.env` ([ports](configuration.md#ports)); then `pyglue up`.",
        ),
        "no-java": Entry(
            "Kafka and Druid run in Java 17 or 21, and there is none, another one comes first in `PATH`, or it is one"
            " without the compiler.",
            "Type the command that the error names (Debian: `sudo apt-get install -y openjdk-17-jdk-headless`), then"
            " `pyglue up`. `java -version` shows which one is found.",
        ),
        "no-maven": Entry(
            "The native engine lets Maven fetch Kafka, Druid and their libraries.",
            "Type the command that the error names (Debian: `sudo apt-get install -y maven`), then `pyglue up`.",
        ),
        "no-uv": Entry(
            "`uv` installs Superset and the collector, each into an environment of its own. It comes with pyglue and"
            " must lie beside the Python that runs pyglue.",
            "`make up` installs what is missing in `.venv`.",
        ),
        "no-docker": Entry(
            "The Docker engine was asked for, or this checkout was started with it, but no daemon answers: it does not"
            " run, you may not use it, or there is no `docker` command.",
            "`docker info` says why. Debian's group `docker` may use the daemon: `sudo usermod -aG docker $USER`, then"
            " log in anew. Or do without: `pyglue --engine native up`; it has data of its own.",
        ),
        "no-compose": Entry(
            "There is a Docker, but its plugin Compose is missing or older than version 2.20.",
            "Install it (Debian: `sudo apt-get install -y docker-compose-v2`, or Docker's own package"
            " `docker-compose-plugin`). Or do without: `pyglue --engine native up`.",
        ),
        "not-this-checkout": Entry(
            "Containers or volumes of the same Docker project belong to another checkout, or to this one under another"
            " name. Two checkouts with one name would end each other's containers.",
            "Give this one a name and ports of its own"
            " ([a second stack](configuration.md#a-second-stack-beside-the-first)), or end the other one; the error has"
            " both commands.",
        ),
        "other-engine": Entry(
            "This checkout's stack runs with the other engine. Both want the same ports, and each has data of its own.",
            "Stop the one that runs: `pyglue --engine native down` or `pyglue --engine docker down`.",
        ),
        "another-pyglue": Entry(
            "Another pyglue changes this checkout's stack at this moment. The error names its command and process.",
            "Wait until it has ended, or end it with Ctrl-C where it runs. When a pyglue was killed, its lock went with"
            " it: no file needs to be removed.",
        ),
        "folder-unusable": Entry(
            "pyglue can't use one of its folders: it can't be made, others may write into it, or the checkout's name"
            " has signs that supervisord does not take.",
            "`ls -ld FOLDER` shows whose it is. Remove it if it is not yours to share, or move the checkout.",
        ),
        "no-python": Entry(
            "pyglue runs with Python 3.11 or 3.12, and this one is another.",
            "`make up` finds one that will do, or names the package to install.",
        ),
        "machine-unknown": Entry(
            "The stack is made for Linux on x86_64 and arm64. Elsewhere some of its libraries don't exist ready to use.",
            "Another machine; or a Docker daemon on one: `DOCKER_HOST=ssh://HOST pyglue --engine docker up`.",
        ),
        "memory-short": Entry(
            "Heaps, direct memory and what a JVM needs beside them, added up over all services, are more than the machine,"
            " or the container in which pyglue itself runs, has left. Below half of it the stack does not come up; above"
            " that it comes up, and the system may end a service under load.",
            "End other programs, or give the machine or the container more memory. Or have smaller heaps"
            " ([sizes](configuration.md#sizes-and-behaviour)): the table of `pyglue doctor` shows whose are large.",
        ),
        "cpu-short": Entry(
            "There are fewer than two processors, or a quota lets pyglue use less. Services start side by side, and may be"
            " so slow that they are taken for dead.",
            "Give the machine more processors, or raise the quota of the container or service in which pyglue runs.",
        ),
        "disk-short": Entry(
            "The file system where data, artefacts or images go has fewer bytes, or can take fewer files, than a start"
            " wants.",
            "Make room there; or have artefacts elsewhere, by `PYGLUE_CACHE`; or move the checkout.",
        ),
        "env-open": Entry(
            "`.env` holds secrets, and others who use this machine may read it.",
            "`chmod 600 .env`; `pyglue up` does the same.",
        ),
        "known-secret": Entry(
            "A secret is one that everybody knows, or it is too short. Superset refuses to start with it.",
            "Take the line out of `.env`: `pyglue up` makes a secret and writes it there. Or set one of your own"
            " ([.env](configuration.md#env)).",
        ),
        "other-data": Entry(
            "There is data that this start would not find as it was left: another version had it last, the checkout was"
            " moved (Druid looks for its segments where they were made), or it is the other engine's.",
            "Go on as the finding says: back to the version, the place or the engine. Or begin without data:"
            " `pyglue reset`.",
        ),
        "limits-low": Entry(
            "The system lets this user open too few files, or have too few processes. supervisord refuses to run below 1024"
            " and 200; Kafka and Druid hold hundreds of files open.",
            "Raise the hard limits, by a file in `/etc/security/limits.d/`, and log in anew; in a container by `--ulimit`.",
        ),
        "no-loopback": Entry(
            "Everything listens on 127.0.0.1, and that address does not work here, or `localhost` is not that address.",
            "`sudo ip link set lo up`; for the name a line `127.0.0.1 localhost` in `/etc/hosts`.",
        ),
        "clock-behind": Entry(
            "The clock is earlier than the times of the checkout's own files. Events would be of the past, and charts show"
            " the last hour.",
            "Set the clock: `sudo timedatectl set-ntp true`.",
        ),
        "port-outgoing": Entry(
            "A service is to have a port out of the range from which the system serves outgoing connections of any program."
            " It may be free today and taken at the next start.",
            "Choose ports below 32768 in `.env` ([ports](configuration.md#ports)).",
        ),
    },
    "installing": {
        "install-failed": Entry(
            "Maven or uv ended with an error. Mostly it is the network: no way out, a proxy, or inspected TLS. Its last"
            " lines follow, and the file with all of them.",
            "Type `pyglue install SERVICE` again: what was downloaded stays. Behind a proxy Maven reads"
            " `~/.m2/settings.xml`, and uv reads `HTTPS_PROXY`.",
        ),
        "artifacts-differ": Entry(
            "A jar that Maven brought is another one than when `artifacts.lock` was written.",
            "If you changed `pom.xml`, type `make lock` and look at the difference. If you did not, don't trust it:"
            " remove what is cached, `rm -r ~/.cache/pyglue`, and type `pyglue install SERVICE`.",
        ),
        "lock-broken": Entry(
            "The file `artifacts.lock` of a service is missing, or a line of it is none.",
            "`git checkout -- '*/artifacts.lock'` brings back the one of this version; `make lock` writes one for a"
            " `pom.xml` of yours.",
        ),
        "image-failed": Entry(
            "An image could not be built. What the step said of errors follows, and the file with all of it."
            " `certificate verify failed`, or of Maven `PKIX path building failed`: the network inspects TLS. `pull"
            " access denied` or a time-out for `debian:bookworm-slim`: the machine reaches no registry of images.",
            "Put the network's certificate into `images/base/certificates/`, hand on the proxy (`HTTPS_PROXY=..."
            " HTTP_PROXY=... pyglue up`), or make the base image yourself: [images](../images/README.md) has all three.",
        ),
    },
    "services": {
        "nothing-runs": Entry(
            "No service of this checkout runs, in neither engine.",
            "`pyglue up` starts the stack. Does it run for another checkout, say where:"
            " `pyglue --project-dir DIR status`; on another machine:"
            " [variables](configuration.md#what-pyglue-itself-is-told).",
        ),
        "service-stopped": Entry(
            "A service was stopped, ended by itself, or dies again and again (`backoff`, `fatal`).",
            "`pyglue up` starts it, and tells the last lines of its log if it does not stay;"
            " `pyglue logs SERVICE` has more.",
        ),
        "service-unhealthy": Entry(
            "A service runs, but does not serve: it has just been started, hangs, or waits for another one.",
            "Wait some seconds after a start. Else `pyglue restart SERVICE`: what hangs is killed and started again."
            " `pyglue logs SERVICE` says what it was at.",
        ),
        "ports-differ": Entry(
            "The running stack was started with other ports than this shell and `.env` have: by another shell, with"
            " variables such as `KAFKA_PORT`, or `.env` was changed since. What asks the stack would look for it at the"
            " wrong places, so nothing is asked.",
            "Type the `export` that the error names, or put these lines into `.env`, for good. Or let `pyglue up` move the"
            " stack: it restarts what is to listen elsewhere.",
        ),
        "service-died": Entry(
            "A service ended by itself. Its last log lines follow, and the reason mostly stands in them."
            " `java.lang.OutOfMemoryError` wants a larger heap or more direct memory; `it wanted more memory than its"
            " limit` a larger [limit of the container](configuration.md#with-docker-only).",
            "`pyglue logs SERVICE` shows more. For memory: `DRUID_BROKER_HEAP=384m pyglue up` (for good: a line in"
            " `.env`). What did start goes on running; `pyglue up` continues from there.",
        ),
        "service-slow": Entry(
            "A service runs, but did not become healthy in time: the machine is too busy or too small, or the service"
            " waits for something.",
            "`pyglue logs SERVICE` says for what; then `pyglue up` again, which waits anew. One that ran before and hangs:"
            " `pyglue restart SERVICE`.",
        ),
        "waits-in-circle": Entry(
            "Steps wait for one another, or for one that does not exist.",
            "`pyglue check` looks at `depends_on` in `docker-compose.yml`. If that is fine, it is a bug: please report"
            " it.",
        ),
        "no-supervisord": Entry(
            "The native engine's processes are kept by supervisord, and it did not start, has ended, or does not"
            " answer.",
            "`pyglue down`, then `pyglue up`. Its own words are in `.pyglue/supervisord.log`.",
        ),
        "not-ended": Entry(
            "Processes did not end, not even by SIGKILL: they belong to another user, or the kernel holds them.",
            "Type `pyglue down` again; end those that are named as the user to whom they belong.",
        ),
        "docker-refused": Entry(
            "Docker's daemon did not do what it was asked. What it said stands in the error.",
            "`docker info` says whether it is well; then type the same command again.",
        ),
        "compose-failed": Entry(
            "Docker Compose ended with an error, or made no container for a service. What it said of errors follows.",
            "`docker compose config` shows whether it can read `docker-compose.yml`, `docker compose ps --all` what it"
            " has made; then `pyglue up`.",
        ),
        "no-answer": Entry(
            "A service did not answer: nothing listens at its address, it hangs, or it broke off.",
            "`pyglue status` says whether it runs, `pyglue logs SERVICE` why not; `pyglue up` starts what does not run, and"
            " `pyglue restart SERVICE` replaces what hangs.",
        ),
        "bad-answer": Entry(
            "Something answered, but not with what was asked for: an error, a page of HTML, half an answer. Perhaps"
            " another program has the port.",
            "What came back stands in the error. `pyglue status` says what is healthy, `pyglue logs SERVICE` what the"
            " service itself says.",
        ),
    },
    "collector": {
        "worker-dies": Entry(
            "The collector is several processes. One died five times within ten seconds, of a fault of ours or because the"
            " system ended it for want of memory; or it died, or took too long, when all were told to end; or the system had"
            " no process for it at the start. What was answered is in Kafka or in the spool.",
            "`pyglue logs divolte` has the last words of each; `DIVOLTE_WORKERS=1 pyglue up` does without several. Where"
            " memory is short, fewer workers need less. A trace of ours is worth a report: `pyglue support-bundle`.",
        ),
        "event-dropped": Entry(
            "The collector would drop the event: it is no event of the tag, or a filter of the mapping or of"
            " `divolte-collector.conf` takes it out, or its visitor does not want to be counted. The error has the reason.",
            "Change the event, or the mapping, until `pyglue mapping test EVENT` shows a record.",
        ),
        "requests-lost": Entry(
            "The collector did not take every request of `pyglue traffic`. 503 means that neither Kafka nor the"
            " collector's spool took it, `without an answer` that the collector did not run or was too busy.",
            "`pyglue status`, then `pyglue logs divolte`. The truth file tells of each request how it was answered.",
        ),
        "no-counts": Entry(
            "The collector keeps its counts per minute in a folder, and they are not there or can't be read: its"
            " `divolte-collector.conf` has no `pyglue.collector.counts.directory`, the disk refuses them, or no collector"
            " of this version has run here yet.",
            "`pyglue logs divolte` says if they can't be written. [The collector](collector.md#counts-on-disk) has the"
            " setting; then `pyglue up`.",
        ),
        "bad-events-unreadable": Entry(
            "The collector keeps bad events in a folder for its own user alone, and that can't be read: mostly another user"
            " than the one who types the command has started the stack.",
            "Type it as the user who has started the stack. [Bad events](collector.md#bad-events) says where they are.",
        ),
        "replays-unreadable": Entry(
            "`pyglue replay` notes in `.pyglue/replays.jsonl` what it has sent, and that can't be read: mostly another user"
            " than the one who types the command has sent it. It does not count as nothing, or all would be sent twice.",
            "`ls -ld .pyglue .pyglue/replays.jsonl` shows whose it is; type the command as that user, or mend that.",
        ),
        "replays-damaged": Entry(
            "`pyglue replay` notes in `.pyglue/replays.jsonl` what it has sent and dismissed, and a line of that can't be"
            " read: the disk is ill, or somebody edited it. (The last line may be torn where a replay was killed: that is"
            " told, and mends itself.) The events that it settled, 500 at most for a line of what was sent, look bad once"
            " more, so nothing is sent: it could be sent twice. `pyglue reconcile` takes their records for ones that came"
            " past the collector, so that as many others of that minute could be missing unseen.",
            "`pyglue replay --dry-run` goes on, and tells what would be sent, those events included. Mend the line, from a"
            " backup say; or take it out, `sed -i.damaged 3d .pyglue/replays.jsonl` for line 3, which keeps the file as it"
            " was beside it. Where doubles would hurt, settle what Kafka has by when it was received: `pyglue replay"
            " --since 3h --until 2h --dismiss 'sent before'`. `pyglue replay` sends what is left.",
        ),
        "counts-damaged": Entry(
            "The collector keeps its counts per minute in files, and a line of them can't be read, or says what no minute"
            " can hold: the machine went down while it was written, the disk is ill, or somebody edited it. It counts for"
            " nothing, so that the collector may have counted more.",
            "The error names files and lines, below the folder `counts` of the collector's"
            " [data](collector.md#counts-on-disk): take these lines out. `open.json` and `open-0.json` are written anew by a"
            " collector that runs. `pyglue reconcile --from TIME` looks at the days after.",
        ),
        "event-kept": Entry(
            "The collector answered the event, and could make no record of it: something in it, in the mapping or in the"
            " schema is at fault. The error has the reason, and the event is kept.",
            "Mend the cause ([bad events](collector.md#bad-events) has it for each kind of reason), then `pyglue replay`.",
        ),
        "event-unknown": Entry(
            "Neither Kafka nor Druid has an event of this id. It was refused (then the sender got no success),"
            " dropped with a"
            " reason, or is older than what both keep.",
            "`pyglue tail --bad --no-follow` shows events of which no record could be made; `pyglue reconcile` says in which"
            " minute something is missing.",
        ),
    },
    "Kafka": {
        "kafka-away": Entry(
            "The broker does not answer: it does not run, is just starting, or hangs.",
            "`pyglue up` starts it; `pyglue restart kafka` replaces one that hangs; `pyglue logs kafka` says why it ended.",
        ),
        "topic-missing": Entry(
            "Kafka runs, but has no topic of that name: it was deleted, nothing has made it yet, or `DIVOLTE_TOPIC` and"
            " `supervisor-spec.json` name two.",
            "`pyglue up` makes it. `pyglue check` compares the names.",
        ),
        "kafka-address": Entry(
            "The address of Kafka that Druid would be told leads nowhere, or Kafka sends whoever asks there to an address"
            " that does. Druid would wait for it in vain. Nothing was changed.",
            "`pyglue status` says whether Kafka runs and where. The address is that of `DIVOLTE_KAFKA_BROKER_LIST` in"
            " `docker-compose.yml`, or `PYGLUE_KAFKA`; where Kafka sends its clients is `KAFKA_ADVERTISED_LISTENERS`.",
        ),
        "kafka-refused": Entry(
            "Kafka answered, but did not take a record, or did not confirm it in time: its disk may be full, or the"
            " topic was removed meanwhile.",
            "`pyglue status`, `df -h`, and `pyglue logs kafka`; then type the same again.",
        ),
        "record-unreadable": Entry(
            "A value in the topic is no record of this schema: it was written with another one, or by another program."
            " Bare Avro carries no version, so a record can only be read with the schema that wrote it.",
            "`git log -p divolte/DefaultEventRecord.avsc` shows what changed. Druid counts such records as unparseable"
            " and goes on. `pyglue up` brings collector and Druid to the same schema.",
        ),
        "records-missing": Entry(
            "The collector has counted records as acknowledged that are not in the topic, and Druid has no rows of them:"
            " Kafka deleted them before Druid read them (retention, or the topic was deleted), or the collector writes to"
            " another topic or another Kafka than pyglue asks. What `pyglue reset --hop` removed is no error.",
            "The minutes stand in the message; `pyglue logs kafka` and `pyglue logs divolte` tell what happened then."
            " `pyglue check` compares the topics. A longer `KAFKA_RETENTION_HOURS` keeps events for a Druid that is away."
            " Nothing brings back what a topic had that was deleted: `pyglue reconcile --from TIME` looks at what came"
            " since.",
        ),
        "event-not-in-kafka": Entry(
            "The collector answered with success, but the event is not in the topic that Druid reads: the collector"
            " writes to"
            " another topic or another Kafka, or it left the event out on purpose (a setting to discard duplicates or"
            " corrupt"
            " events).",
            "Compare `DIVOLTE_TOPIC` with the topic in `supervisor-spec.json` (`pyglue check` does), and look at what"
            " `pyglue logs divolte` counts as `dropped`.",
        ),
    },
    "Druid": {
        "supervisor-missing": Entry(
            "Druid has no supervisor for the datasource, so nobody reads the topic. Events wait in Kafka meanwhile.",
            "`pyglue submit-spec` posts it; what waits in the topic is read. `pyglue supervisor list` shows those that"
            " there are, if a name was misspelled.",
        ),
        "supervisor-wrong-kafka": Entry(
            "The supervisor that runs was posted with another address of Kafka than the one in use, by hand or for another"
            " stack.",
            "`pyglue submit-spec` posts the checkout's spec with the right address; what waits in the topic is read.",
        ),
        "supervisor-wrong-topic": Entry(
            "The supervisor that runs reads another topic than the checkout's spec names.",
            "`pyglue up` lets Druid read the old topic to its end and posts the spec; the new topic is read from its"
            " earliest event.",
        ),
        "supervisor-suspended": Entry(
            "The supervisor was suspended: it has no tasks, and nobody reads the topic. Events wait in Kafka meanwhile.",
            "`pyglue supervisor resume`; reading goes on where it ended.",
        ),
        "supervisor-not-running": Entry(
            "Druid has the supervisor, but its tasks don't run: they fail, wait for a worker, or don't reach Kafka.",
            "Druid's own errors stand below the message; `pyglue supervisor status` shows them with their times,"
            " `pyglue logs druid-coordinator druid-indexer` has the rest, and `pyglue up` mends what is known to keep Druid"
            " from reading.",
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
        "schema-changed": Entry(
            "The spec has another schema than the one that runs, and records of the old one are still to be read. Bare"
            " Avro carries no version: they would be lost. The collector is stopped, the old spec still runs.",
            "See in `pyglue status` whether the lag goes down; type `pyglue up` again once it is 0. If it does not,"
            " `pyglue logs druid-indexer` says why. Or put the old schema back.",
        ),
        "spec-refused": Entry(
            "Druid does not take a supervisor spec, or can't read with it: a type that it does not know, an expression"
            " that it can't parse. What runs goes on as it was.",
            "Druid's reason stands in the error; `pyglue submit-spec --print` shows what it was given, and"
            " `pyglue submit-spec --dry-run` tries it on real records without posting it.",
        ),
        "other-schema": Entry(
            "A spec has another Avro schema or topic than the one that runs, or the collector would be restarted with"
            " one. Bare Avro carries no version: records that are not yet read would be lost, or written as nobody reads"
            " them. Nothing was changed.",
            "`pyglue up` stops the collector, lets Druid read what is left, and posts it then.",
        ),
        "columns-missing": Entry(
            "Druid has rows of the new spec, but its broker does not yet know the new columns. It looks for them"
            " every five seconds.",
            "Type `pyglue up` again; `pyglue logs druid-broker` if it stays so.",
        ),
        "rows-missing": Entry(
            "Druid has not all the rows of what was sent, or of what lies in Kafka, and no new ones come.",
            "`pyglue status` tells lag and unparseable records; `pyglue smoke-test` says at which hop one event stops.",
        ),
        "segments-stay": Entry(
            "Druid was told to drop the segments of a datasource, and its historical still serves them. The coordinator"
            " looks for such segments once a minute.",
            "Type the same again after a minute; if they stay, `pyglue logs druid-coordinator druid-historical`.",
        ),
        "event-not-in-druid": Entry(
            "The event is in the topic, but Druid has no row of it: nobody reads the topic, Druid is behind, or it"
            " can't read"
            " the record.",
            "`pyglue status` tells the supervisor's state and its lag; `pyglue logs druid-indexer druid-coordinator`"
            " the rest.",
        ),
        "row-differs": Entry(
            "The event's row in Druid has other values than its record in Kafka: Druid reads with another schema than the"
            " collector writes with, or a transform of the spec has the name of a field.",
            "`pyglue check` compares the files; `pyglue up` posts the spec as it is in the checkout.",
        ),
    },
    "Superset": {
        "chart-count-differs": Entry(
            "A chart's query without filters counts fewer events than Druid has rows: Superset's dataset asks another table"
            " or another Druid, or an old answer came out of a cache.",
            "`pyglue register-cluster`, then `pyglue refresh-datasources`; then `pyglue reconcile` again.",
        ),
        "superset-password": Entry(
            "Superset does not take the password of the user `admin`, or none is known: somebody changed it in Superset"
            " or in `.env`, or the stack was started by `docker compose up`, where Superset makes one for itself. When"
            " it starts, Superset takes `SUPERSET_ADMIN_PASSWORD` of `.env`.",
            "`pyglue up` brings it back. The one that a container made: `docker compose exec superset cat"
            " /data/admin_password`.",
        ),
        "database-missing": Entry(
            "Superset has no database of that name: it was removed, or never registered.",
            "`pyglue register-cluster`.",
        ),
        "dataset-missing": Entry(
            "Superset has no dataset over the datasource, so no chart can ask it.",
            "`pyglue refresh-datasources` makes it.",
        ),
        "dataset-behind": Entry(
            "Druid has columns that Superset's dataset lacks; charts with them fail.",
            "`pyglue refresh-datasources`. Druid itself sees a new column some seconds after its first row.",
        ),
        "table-missing": Entry(
            "Superset can make a dataset only of a table that Druid shows, and Druid shows one after its first row.",
            "`pyglue smoke-test` sends an event; then `pyglue refresh-datasources`.",
        ),
        "dashboard-missing": Entry(
            "Superset has no dashboard of that name: it was deleted there, a reset of Superset was broken off, or it was"
            " never imported.",
            "`pyglue dashboards import SLUG`; where the dataset is missing, too, `pyglue up`.",
        ),
        "dashboard-without-slug": Entry(
            "The dashboard's slug was removed in Superset. Its files need one, for it is the end of its address.",
            "Give it one in Superset: Edit properties, URL slug. Or `pyglue dashboards import SLUG --overwrite`, which"
            " makes it as its files say.",
        ),
        "dashboard-broken": Entry(
            "A chart's dataset was deleted, or its settings can't be read, so that an export could not be imported"
            " again. The error names the charts.",
            "Give the chart another dataset in Superset, or take it off the dashboard; then type the same again.",
        ),
        "chart-missing": Entry(
            "Superset has no chart of that name: it was deleted or renamed there.",
            "`pyglue dashboards import --overwrite` brings back what the files say.",
        ),
        "chart-unsaved": Entry(
            "The chart was never saved in Superset's editor, so nothing tells what it asks for.",
            "Open it in Superset and save it, then `pyglue dashboards export SLUG`.",
        ),
        "charts-differ": Entry(
            "A chart answered with an error, without rows, too late, or with a number that a truth file contradicts."
            " The lines before say which.",
            "`pyglue dashboards diff` shows what was changed in Superset, `pyglue status` what is wrong before it.",
        ),
        "event-not-on-charts": Entry(
            "Druid has the row, but a query of Superset's does not find it: its dataset is another one, or Superset asks"
            " another Druid.",
            "`pyglue register-cluster`, then `pyglue refresh-datasources`.",
        ),
    },
    "data and traffic": {
        "traffic-differs": Entry(
            "Druid or a chart says something else than `pyglue traffic` wrote down. The lines before say which"
            " question, which row, what was expected and what was found. Rows from before `supervisor-spec.json` got"
            " new columns have nothing in them.",
            "Does `events` differ, too, events were refused or lost: `pyglue status`. Is it one chart only:"
            " `pyglue dashboards diff`. After a change of columns compare with a truth file from after it.",
        ),
        "events-still-bad": Entry(
            "`pyglue replay` could not make records of all bad events that it looked at: what was wrong with them is not"
            " mended, or can't be. The error tells how many have which reason now; they stay where they are.",
            "`pyglue tail --bad --no-follow` shows them. A field without a value is mended in `mapping.groovy` or with a"
            " default in the schema, a record that is too large by the producer's `max.request.size`; an event without"
            " identifiers stays bad. `pyglue replay --reason REASON` sends only what you have mended"
            " ([bad events](collector.md#bad-events)); `pyglue replay --reason REASON --dismiss WHY` is done with what can"
            " never be.",
        ),
        "no-truth": Entry(
            "There is no truth file to compare with.",
            "`pyglue traffic --duration 1m` writes one.",
        ),
        "truth-damaged": Entry(
            "A truth file is of another version, was cut off, or was changed by hand.",
            "Leave it out by naming the good ones, `pyglue traffic verify FILE`, or write a new one:"
            " `pyglue traffic --duration 1m`.",
        ),
        "history-failed": Entry(
            "A process that writes a history was killed or broke off. Mostly there was not enough memory.",
            "`pyglue reset`, `pyglue up`, and a smaller history: `pyglue traffic --backfill 7d`.",
        ),
    },
    "this program": {
        "usage": Entry(
            "The command line, or the value of an option or variable, is not understood. Exit code 2.",
            "Type the command with `--help`.",
        ),
        "not-confirmed": Entry(
            "Something would have been removed for good, and the question was not answered with yes.",
            "Nothing was changed. `pyglue reset --yes` does not ask.",
        ),
        "disk-full": Entry(
            "The file system in which a service keeps its data, or in which pyglue writes a file, has no room. Kafka"
            " ends then; Druid can't write segments.",
            "Make room there (`df -h` shows where), then `pyglue up`. How long data is kept: `KAFKA_RETENTION_HOURS` and"
            " [Druid's retention](events.md#how-long-they-are-kept). Files in `.pyglue/traffic` are the truth of"
            " `pyglue traffic`, `~/.cache/pyglue` can be installed anew.",
        ),
        "cannot-write": Entry(
            "A file could not be written: the folder is not there, or you may not write into it.",
            "`ls -ld FOLDER` shows whose it is; mend that, then type the same again.",
        ),
    },
}
CATALOGUE: dict[str, Entry] = {code: entry for hop in HOPS.values() for code, entry in hop.items()}


def page() -> str:
    """The catalogue as the page docs/errors.md."""
    rows = [f"| {hop} | {', '.join(f'[{code}](#{code})' for code in codes)} |" for hop, codes in HOPS.items()]
    parts = [
        "# Errors and their codes",
        _filled(HEAD),
        "\n".join(["| where | codes |", "| --- | --- |", *rows]),
    ]
    for code, entry in CATALOGUE.items():
        parts += [f"## {code}", _filled(entry.cause), _filled(entry.remedy)]
    return "\n\n".join(parts)


def _filled(text: str) -> str:
    return textwrap.fill(text, WIDTH, break_long_words=False, break_on_hyphens=False)


if __name__ == "__main__":
    Screen().data(page())
