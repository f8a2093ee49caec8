"""Every command that talks to services, against services that answer wrongly: it says so and ends with 1."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pyglue.cli import run
from pyglue.cli.traffic import FOLDER
from pyglue.pipeline import spec as specs
from pyglue.superset.register import TABLE
from pyglue.traffic import crowd, faults, truth
from tests.bad_services import EVENT, TIME_MS, Bad, Services, superset_with_druid
from tests.cli.ended import Ended, Run
from tests.fake_overlord import Overlord
from tests.local_server import serve
from tests.pipeline.mock_kafka import MockKafka
from tests.pipeline.test_tail import encoded as encoded
from tests.pipeline.test_tail import shipped as shipped
from tests.superset.fake import PASSWORD

ADDRESSES = ("PYGLUE_COLLECTOR_URL", "PYGLUE_DRUID_URL", "PYGLUE_DRUID_BROKER_URL", "PYGLUE_SUPERSET_URL")
# As typed. Those of the first group speak to Kafka, too.
KAFKA = ["tail --no-follow", "submit-spec", "submit-spec --dry-run", "trace", f"trace {EVENT}", "smoke-test"]
LOOKS = ["status", "status --json", "reconcile", "reconcile --json"]
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
    "traffic verify --wait 1s",
]
COMMANDS = [*KAFKA[1:], *LOOKS, *OTHERS]
Call = Callable[..., Ended]


@pytest.fixture(scope="module")
def kafka() -> MockKafka:
    """A Kafka that is well."""
    return MockKafka()


@pytest.fixture
def well(
    checkout: Path,
    project: Path,
    pyglue: Run,
    kafka: MockKafka,
    encoded: Callable[..., bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> Services:
    """A pipeline that is well, with one dashboard of which the project has the files, and a truth to verify."""
    (project / "superset").unlink()
    shutil.copytree(checkout / "superset", project / "superset")
    shutil.rmtree(project / "superset" / "dashboards")
    shutil.copytree(
        checkout / "tests" / "superset" / "board", project / "superset" / "dashboards" / "clickstream"
    )
    _write_truth(project / FOLDER / "truth.tsv")
    overlord = Overlord()
    overlord.post(specs.addressed(specs.read(project / specs.FILE), kafka.servers))
    monkeypatch.setenv("SUPERSET_ADMIN_PASSWORD", PASSWORD)
    monkeypatch.setenv("PYGLUE_KAFKA", kafka.servers)
    services = Services(overlord, superset_with_druid(), lambda event: kafka.send(encoded(eventId=event)))
    kafka.send(encoded(eventId=EVENT), time_ms=TIME_MS)
    with at(services, monkeypatch):
        assert pyglue("dashboards", "import").code == 0
    services.count = 0
    return services


def _write_truth(file: Path) -> None:
    file.parent.mkdir(parents=True)
    now = TIME_MS
    sent = list(faults.deliveries(crowd.actions(2, 2000, now, now + 2000, 5.0, run="run01x"), 2))
    with file.open("w") as out:
        truth.begin(out, truth.Made("run01x", 2, 5.0, 2000, now, history=False))
        out.writelines(truth.line(delivery, now, now + 3, 200) for delivery in sent[:1])
        truth.end(out, now + 3000)


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
