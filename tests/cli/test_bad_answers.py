"""Every command that talks to services, against services that answer wrongly: it says so and ends with 1."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pyglue.cli import run
from pyglue.cli.traffic import FOLDER
from pyglue.pipeline import spec as specs
from pyglue.superset.register import TABLE
from pyglue.traffic import crowd, faults, truth
from tests.bad_services import ANSWERS, EVENT, SHAPES, TIME_MS, Bad, Services, with_all
from tests.cli.ended import Ended, Run
from tests.local_server import Reply, serve
from tests.pipeline.mock_kafka import MockKafka
from tests.pipeline.test_tail import encoded as encoded
from tests.pipeline.test_tail import shipped as shipped
from tests.superset.fake import PASSWORD

ADDRESSES = ("PYGLUE_COLLECTOR_URL", "PYGLUE_DRUID_URL", "PYGLUE_DRUID_BROKER_URL", "PYGLUE_SUPERSET_URL")
BOARD = Path("tests/superset/board")
# As typed. Those of the first group speak to Kafka, too.
KAFKA = ["tail --no-follow", "submit-spec", "submit-spec --dry-run", "trace", f"trace {EVENT}", "smoke-test"]
LOOKS = ["status", "reconcile"]
JSON = ["status --json", "reconcile --json", "smoke-test --json", "trace --json"]
OTHERS = [
    "supervisor list",
    "supervisor status",
    "supervisor suspend",
    "supervisor resume",
    "supervisor reset --yes",
    "supervisor terminate --yes",
    "supervisor history",
    "register-cluster",
    "refresh-datasources",
    "dashboards import --overwrite",
    "dashboards export",
    "dashboards diff",
    "dashboards test",
]
COMMANDS = [*KAFKA[1:], *LOOKS, *OTHERS]
# What makes things anew can't be asked in part here: the fakes have nothing to wipe.
RESETS = [f"reset --hop {hop} --yes" for hop in ("kafka", "druid", "superset")]
VERIFY = "traffic verify --wait 1s"
# The coordinator, Superset, the collector, and all at once: these get each kind of answer. The others ask through the same
# doors, and get a few: a run takes a tenth of a second, most of it for reading the checkout.
DOORS = ["supervisor list", "register-cluster", "smoke-test", "status"]
FEW = ("html", "half")
CLOSED = "127.0.0.1:9"  # the port for what is thrown away: nobody listens there
PATIENT = 0.1
QUESTIONS = 2  # what comes after is asked in tests/pipeline/test_other_shapes.py, too
Call = Callable[..., tuple[Ended, int]]


@pytest.fixture(scope="module")
def kafka() -> MockKafka:
    """A Kafka that is well."""
    return MockKafka()


@pytest.fixture(scope="module")
def pipeline(checkout: Path, kafka: MockKafka, encoded: Callable[..., bytes]) -> Services:
    """Services that are well, with an event everywhere and one dashboard."""
    kafka.send(encoded(eventId=EVENT), time_ms=TIME_MS)
    spec = specs.addressed(specs.read(checkout / specs.FILE), kafka.servers)
    return with_all(spec, checkout / BOARD, lambda event: kafka.send(encoded(eventId=event)))


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What traffic wrote down: a request."""
    file = tmp_path_factory.mktemp("sent") / "truth.tsv"
    made = truth.Made("run01x", 2, 5.0, 2000, TIME_MS, history=False)
    actions = crowd.actions(made.seed, made.visitors, TIME_MS, TIME_MS + 2000, made.rate, run=made.run)
    with file.open("w") as out:
        truth.begin(out, made)
        out.write(truth.line(next(faults.deliveries(actions, made.seed)), TIME_MS, TIME_MS + 3, 200))
        truth.end(out, TIME_MS + 3000)
    return file


@pytest.fixture
def well(
    checkout: Path,
    project: Path,
    kafka: MockKafka,
    pipeline: Services,
    sent: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Services:
    """The pipeline, with a project that has the files of its dashboard, and a truth to verify."""
    (project / "superset").unlink()
    (project / "superset").mkdir()
    for entry in (checkout / "superset").iterdir():
        if entry.name != "dashboards":
            (project / "superset" / entry.name).symlink_to(entry)
    shutil.copytree(checkout / BOARD, project / "superset" / "dashboards" / "clickstream")
    (project / FOLDER).mkdir(parents=True)
    shutil.copy(sent, project / FOLDER)
    monkeypatch.chdir(project)
    monkeypatch.setenv("SUPERSET_ADMIN_PASSWORD", PASSWORD)
    monkeypatch.setenv("PYGLUE_KAFKA", kafka.servers)
    return pipeline


@contextmanager
def at(services: Services, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """While inside, the services are where pyglue looks for them."""
    with serve(services) as server:
        for name in ADDRESSES:
            monkeypatch.setenv(name, server.url)
        yield


@pytest.fixture
def call(well: Services, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Call:
    """Runs a command against services that answer well so many times, and then this."""

    def typed(command: str, bad: Bad | None, good: int = 0, patience: float = 5.0) -> tuple[Ended, int]:
        services = well.misled(bad, good)
        words = command.split()
        if words[0] in ("trace", "smoke-test"):
            words += ["--timeout", "0.3"]
        if words[-1] == "resume":
            services.overlord.specs[TABLE]["suspended"] = True
        with at(services, monkeypatch):
            capsys.readouterr()
            code = run(words, patience)
            captured = capsys.readouterr()
        return Ended(code, captured.out, captured.err), services.count

    return typed


def tells(ended: Ended) -> None:
    """What was asked, what came back, and the next command; exit code 1."""
    text = ended.out + ended.err
    assert ended.code == 1, text
    assert "asked  " in text, text
    assert "came back  " in text, text
    assert "try: " in text or '"try": "' in text, text
    assert "Traceback" not in text


@pytest.mark.parametrize(
    ("command", "kinds"),
    [(command, tuple(ANSWERS) if command in DOORS else FEW) for command in [*COMMANDS, *RESETS]]
    + [(VERIFY, ("403",))],
)
def test_a_service_that_answers_wrongly(call: Call, command: str, kinds: tuple[str, ...]) -> None:
    """A page, a refusal, a redirect to itself, half an answer or none, in place of every answer."""
    for kind in kinds:
        patient = PATIENT if kind in ("503", "307 to itself") else 5.0  # these mean "not yet", for so long
        ended, _ = call(command, ANSWERS[kind], patience=patient)
        tells(ended)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_service_that_answers_something_else(call: Call, command: str) -> None:
    """JSON that is none of what was asked for, from each question on: what it was, or that nothing came of it."""
    _, count = call(command, None)
    for good in range(min(count, QUESTIONS)):
        ended, _ = call(command, SHAPES["null"], good, PATIENT)
        assert ended.code in (0, 1), ended.err
        if ended.code == 1:
            tells(ended)


@pytest.mark.parametrize(
    "command", ["status", "trace", "supervisor list", "register-cluster", "dashboards export"]
)
def test_a_service_that_hangs(call: Call, command: str) -> None:
    """No command waits longer than its own patience."""
    ended, _ = call(command, lambda _: Reply(wait=True), patience=0.3)
    tells(ended)
    assert "nothing within 0.3 s" in ended.out + ended.err


@pytest.mark.parametrize("command", [*COMMANDS, *RESETS, *JSON, KAFKA[0], VERIFY])
def test_services_that_are_down(
    well: Services, pyglue: Run, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """Nothing listens at any address."""
    assert well
    for name in ADDRESSES:
        monkeypatch.setenv(name, f"http://{CLOSED}")
    monkeypatch.setenv("PYGLUE_KAFKA", CLOSED)
    tells(pyglue(*command.split()))


@pytest.mark.parametrize("command", [*COMMANDS, *RESETS, VERIFY])
def test_a_stack_that_is_down(
    well: Services, pyglue: Run, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """Without addresses of other services it is this checkout's stack, and nothing of it runs: `pyglue up`."""
    assert well
    for name in (*ADDRESSES, "PYGLUE_KAFKA"):
        monkeypatch.delenv(name, raising=False)
    ended = pyglue(*command.split())
    assert ended.code == 1
    assert "nothing runs" in ended.err + ended.out
    assert "try: pyglue up\n" in ended.err + ended.out


@pytest.mark.parametrize("command", [*KAFKA, "status", "reconcile"])
def test_a_kafka_that_says_nothing(
    well: Services, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    """It takes connections, and that is all."""
    with socket.create_server(("127.0.0.1", 0)) as silent, at(well, monkeypatch):
        monkeypatch.setenv("PYGLUE_KAFKA", f"127.0.0.1:{silent.getsockname()[1]}")
        code = run(command.split(), 0.5)
    captured = capsys.readouterr()
    tells(Ended(code, captured.out, captured.err))


@pytest.mark.parametrize("kind", ["403", "503", "half", "hung up"])
def test_traffic_to_what_is_no_collector(call: Call, kind: str) -> None:
    """Every request that was not recorded is counted."""
    ended, count = call("traffic --rate 20 --even --duration 1s", ANSWERS[kind])
    assert count > 0
    assert ended.code == 1
    assert "not every request was recorded" in ended.err
    assert "try: pyglue status" in ended.err
