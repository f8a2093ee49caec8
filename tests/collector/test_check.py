"""What is wrong with the files that a configuration names, and the command that tells it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyglue.collector.__main__ import main
from pyglue.collector.check import checked
from pyglue.errors import InputError, Problem
from tests.collector import certificates
from tests.collector.support import CONF, MAPPING, SCHEMA

ENVIRONMENT = {"DIVOLTE_SCHEMA": str(SCHEMA), "DIVOLTE_MAPPING": str(MAPPING)}


def problems(conf: Path, env: dict[str, str]) -> list[Problem]:
    """What is wrong."""
    try:
        checked(conf, env)
    except InputError as error:
        return error.problems
    return []


def test_the_shipped_files_are_fine() -> None:
    """Configuration, schema and mapping fit each other."""
    assert problems(CONF, ENVIRONMENT) == []


def test_the_built_in_files_are_fine(tmp_path: Path) -> None:
    """So do the schema and the mapping that count where a configuration names none."""
    conf = tmp_path / "divolte-collector.conf"
    conf.write_text("")
    assert problems(conf, {}) == []


def test_in_the_stack_the_collector_speaks_http(tmp_path: Path) -> None:
    """Health checks, proofs and pages ask it so: HTTPS there is told before the start, and is fine without the stack."""
    tls = certificates.make(tmp_path)
    conf = tmp_path / "divolte-collector.conf"
    conf.write_text(f'pyglue.collector.tls {{ certificate = "{tls.certificate}", key = "{tls.key}" }}')
    assert [problem.message.partition(":")[0] for problem in problems(conf, {})] == ["pyglue.collector.tls"]
    assert main(["--config", str(conf), "--check"]) == 0


def test_what_would_drop_every_event_is_a_problem(tmp_path: Path) -> None:
    """The collector starts with it, as Divolte does, but who asks before a start wants to know."""
    mapping = tmp_path / "mapping.groovy"
    mapping.write_text(
        "mapping {\n  def m = match '(' against location()\n  map m.matches() onto 'firstInSession'\n}"
    )
    found = problems(CONF, {**ENVIRONMENT, "DIVOLTE_MAPPING": str(mapping)})
    assert (found[0].line, found[0].column) == (2, 17)
    assert any("nothing is mapped onto 'timestamp'" in problem.message for problem in found)


@pytest.mark.parametrize(
    ("schema", "place", "message"),
    [
        ('{"type": "record",\n "name": "R" "fields": []}', (2, 14), "no JSON"),
        (
            '{"type": "record", "name": "R", "fields": [{"name": "a", "type": "lang"}]}',
            (None, None),
            "no Avro schema",
        ),
        ('"string"', (None, None), "expected a schema of type record"),
        (
            '{"type": "record", "name": "R", "fields": [\n'
            '  {"name": "a", "type": {"type": "array", "items": "int"}, "default": ["x"]}]}',
            (2, 4),
            "field 'a': its default does not fit its type",
        ),
        (None, (None, None), "can't be read: no such file"),
    ],
)
def test_broken_schemas(
    tmp_path: Path, schema: str | None, place: tuple[int | None, int | None], message: str
) -> None:
    """A broken schema is a problem of that file, with its place where it has one."""
    path = tmp_path / "s.avsc"
    if schema is not None:
        path.write_text(schema)
    found = problems(CONF, {**ENVIRONMENT, "DIVOLTE_SCHEMA": str(path)})
    assert [(problem.file, problem.line, problem.column) for problem in found] == [(str(path), *place)]
    assert message in found[0].message


def test_the_command_checks(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--check` says fine and 0, or every problem on stderr and 1; wrong usage is 2."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    assert main(["--config", str(CONF), "--check"]) == 0
    assert capsys.readouterr().out.endswith(f"{CONF}: fine\n")
    broken = tmp_path / "m.groovy"
    broken.write_text("mapping {\n  map partyId() onot 'partyId'\n  map foo() onto 'bar'\n}\n")
    monkeypatch.setenv("DIVOLTE_MAPPING", str(broken))
    assert main(["--config", str(CONF), "--check"]) == 1
    assert f"{broken}:2:" in capsys.readouterr().err
    with pytest.raises(SystemExit) as usage:
        main([])
    assert usage.value.code == 2
