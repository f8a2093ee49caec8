"""Files, secrets, ports, and data that is there already."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pyglue.doctor.checkout import DEFAULTS, KEY_LENGTH, data
from pyglue.doctor.machine import Data
from pyglue.engine import Taken
from pyglue.errors import Problem, PyglueError
from pyglue.native.marks import Mark
from pyglue.ports import Holder
from tests.doctor.machines import found, machine, only, verdict

PLACE = "/home/me/pyglue/.pyglue/data/kafka-data"


def test_each_problem_of_a_file_is_a_finding() -> None:
    """As `pyglue check` tells it, with line and column."""
    finding = only(problems=(Problem("mapping.groovy", 3, 5, "expected a field"),))
    assert (finding.code, finding.message) == ("bad-input", "mapping.groovy:3:5: expected a field")


def test_what_an_engine_would_refuse() -> None:
    """The error is the same, with its remedy and code."""
    error = PyglueError("it runs in Docker", details=["why"], try_="pyglue down", code="other-engine")
    finding = only(obstacles=(error,))
    assert (finding.severity, finding.code, finding.try_) == ("error", "other-engine", "pyglue down")
    assert finding.details == ("why",)


@pytest.mark.parametrize(("mode", "said"), [(0o600, None), (0o400, None), (None, None), (0o644, "0644")])
def test_secrets_are_for_their_owner(mode: int | None, said: str | None) -> None:
    """Others may not read .env; a checkout without one is fine."""
    findings = found(mode=mode)
    assert [finding.code for finding in findings] == (["env-open"] if said else [])
    assert all(str(said) in finding.message for finding in findings)


@pytest.mark.parametrize(
    ("name", "value", "known"),
    [
        ("SUPERSET_ADMIN_PASSWORD", "Admin", True),
        ("SUPERSET_ADMIN_PASSWORD", "administrator", False),
        ("SUPERSET_ADMIN_PASSWORD", "", False),
        ("SUPERSET_SECRET_KEY", "\2\1thisismyscretkey\1\2\\e\\y\\y\\h", True),
        ("SUPERSET_SECRET_KEY", "x" * 15, True),
        ("SUPERSET_SECRET_KEY", "x" * 16, False),
        ("SUPERSET_SECRET_KEY", "", False),
    ],
)
def test_known_defaults_are_refused_and_never_shown(name: str, value: str, known: bool) -> None:
    """The variable is named, its value is not."""
    findings = found(secrets={name: value})
    assert [finding.code for finding in findings] == (["known-secret"] if known else [])
    assert all(value not in str(finding) for finding in findings if value)


def test_the_known_defaults_are_those_that_superset_refuses(checkout: Path) -> None:
    """One list in superset/start, which has to work without pyglue, and the same here."""
    start = (checkout / "superset/start").read_text()
    for name, patterns in DEFAULTS.items():
        case = re.search(rf"case \$\{{{name}:-\}} in\n(.*?)\)\n", start, re.DOTALL)
        assert case is not None
        assert tuple(part.strip() for part in case[1].replace("\\\n", "").split("|")) == patterns
    assert f"#SUPERSET_SECRET_KEY}} >= {KEY_LENGTH})" in start


def test_a_taken_port_names_its_holder() -> None:
    """All ports of one holder together; a process can be ended."""
    nginx = Holder(12, "process 12 (nginx)")
    taken = (Taken(9092, "kafka", nginx), Taken(8088, "superset", nginx))
    finding = only(taken=taken)
    assert finding.message == "9092 (for kafka), 8088 (for superset) are taken by process 12 (nginx)"
    assert finding.try_.startswith("kill 12  (or other ports in .env")


def test_a_port_of_somebody_else_can_only_be_left_to_them() -> None:
    """Nothing is to be killed whose process is not known."""
    finding = only(taken=(Taken(8088, "superset", Holder(None, "a process of another user")),))
    assert finding.try_ == "other ports in .env: docs/configuration.md#ports"


def test_services_of_another_stack_are_that_stack() -> None:
    """Killing one of them would do no good: it would be started again."""
    taken = (
        Taken(9092, "kafka", Holder(12, "process 12 (java)")),
        Taken(8088, "superset", Holder(13, "process 13 (python)")),
    )
    finding = only(taken=taken, stacks={12: "/home/me/two", 13: "/home/me/two"})
    assert finding.message.endswith("are taken by the stack of the checkout /home/me/two")
    assert finding.try_.startswith("pyglue --project-dir /home/me/two down")


def test_ports_for_outgoing_connections_are_a_warning() -> None:
    """They are free today."""
    finding = only(ports=(8088, 40000, 61000), outgoing=(32768, 60999))
    assert (finding.severity, finding.code) == ("warning", "port-outgoing")
    assert finding.message.endswith("ours would be 40000")


@pytest.mark.parametrize(
    ("mark", "now", "said"),
    [
        ("4.1.2", "4.1.2", None),
        ("", "1.0.0", None),
        ("4.0.0", "4.10.0", "no way back"),
        ("4.10.0", "4.9.0", "older"),
    ],
)
def test_data_of_another_version(mark: str, now: str, said: str | None) -> None:
    """Versions are compared by their numbers; back is worse than forth."""
    findings = found(data=(Data("kafka", Mark(mark, PLACE), now, PLACE),))
    assert [finding.code for finding in findings] == (["other-data"] if said else [])
    assert all(str(said) in finding.details[0] for finding in findings)


@pytest.mark.parametrize(
    ("services", "seen"),
    [
        (["kafka"], "1 of 3 services has some here"),
        (["kafka", "druid-broker"], "2 of 3 services have some here"),
        ([], "none with a mark"),
    ],
)
def test_how_many_services_have_data(services: list[str], seen: str) -> None:
    """Of all that there are: one may keep none."""
    kept = tuple(Data(name, Mark("1", PLACE), "1", PLACE) for name in services)
    assert data(machine(data=kept)).seen == seen


def test_data_that_was_moved_is_told_once() -> None:
    """Whichever services have some."""
    moved = tuple(
        Data(name, Mark("1", f"/old/.pyglue/data/{name}"), "1", f"/new/.pyglue/data/{name}")
        for name in ("kafka", "superset")
    )
    assert only(data=moved).message.startswith("the data was made at /old/.pyglue/data/kafka")


def test_data_of_the_other_engine() -> None:
    """A daemon that began to answer lets `auto` choose containers, and they begin empty."""
    finding = only(elsewhere="docker")
    assert finding.severity == "warning"
    assert finding.try_.startswith("pyglue --engine docker up")


def test_what_a_broken_file_leaves_unknown_is_skipped() -> None:
    """Neither fine nor wrong."""
    nothing = {"needs": (), "ports": ()}
    assert [verdict(name, **nothing) for name in ("ports", "data")] == ["skipped", "skipped"]
