"""The one boundary: exit codes, and what is shown with them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest

from pyglue import __version__
from pyglue.cli import pyglue as group
from pyglue.errors import InputError, Problem, PyglueError, UsageError
from tests.cli.ended import Run

COMMANDS = sorted(group.commands)
# As typed: a command of a group behind the group's name.
TYPED = [
    f"{name} {inner}" if inner else name
    for name, command in sorted(group.commands.items())
    for inner in (sorted(command.commands) if isinstance(command, click.Group) else [""])
]


@pytest.fixture
def ending() -> Iterator[Callable[[BaseException | None], None]]:
    """Adds the command `fail`, which ends with this exception, for the time of a test."""

    def add(error: BaseException | None) -> None:
        @click.command()
        def fail() -> None:
            if error is not None:
                raise error

        group.add_command(fail)

    yield add
    group.commands.pop("fail", None)


def test_the_commands() -> None:
    """All that the README promises, and no other."""
    assert COMMANDS == [
        "check",
        "completion",
        "dashboards",
        "demo",
        "doctor",
        "down",
        "install",
        "logs",
        "mapping",
        "reconcile",
        "refresh-datasources",
        "register-cluster",
        "replay",
        "reset",
        "restart",
        "smoke-test",
        "status",
        "submit-spec",
        "supervisor",
        "support-bundle",
        "tail",
        "trace",
        "traffic",
        "up",
    ]


@pytest.mark.parametrize("command", TYPED)
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_every_command_has_help(pyglue: Run, command: str, flag: str) -> None:
    """Help goes to stdout with code 0, names the shared options and says what the command does."""
    ended = pyglue(*command.split(), flag)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith(f"Usage: pyglue {command} ")
    assert "--project-dir" in ended.out
    assert "--engine" in ended.out
    assert group.commands[command.split()[0]].get_short_help_str().rstrip(".")


def test_every_command_of_a_group_has_a_line(pyglue: Run) -> None:
    """A group's help lists its commands."""
    assert "dashboards export" in TYPED
    for name in sorted({*COMMANDS} - {*TYPED}):
        lines = pyglue(name, "--help").out
        assert all(f"\n  {typed.split()[1]} " in lines for typed in TYPED if typed.split()[0] == name)


def test_help_of_the_group_lists_every_command(pyglue: Run) -> None:
    """One line a command."""
    ended = pyglue("--help")
    assert ended.code == 0
    assert all(f"\n  {command} " in ended.out for command in COMMANDS)


def test_version(pyglue: Run) -> None:
    """The version of the package."""
    assert pyglue("--version").out == f"pyglue, version {__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["nosuch"],
        ["--nosuch"],
        ["status", "--nosuch"],
        ["--engine", "podman", "status"],
        ["status", "--engine", "podman"],
        ["smoke-test", "--timeout", "soon"],
        ["down", "kafka"],
        ["logs", "nosuch"],
        ["restart"],
        ["restart", "nosuch"],
        ["logs", "-n", "-1"],
        ["install", "nosuch"],
        ["submit-spec", "a", "b"],
        ["dashboards", "nosuch"],
        ["dashboards", "import", "nosuch"],
        ["dashboards", "export", "--overwrite"],
    ],
)
def test_a_wrong_command_line_is_2(pyglue: Run, arguments: list[str]) -> None:
    """Usage errors are told on stderr; nothing is done."""
    ended = pyglue(*arguments)
    assert (ended.code, ended.out) == (2, "")
    assert "error" in ended.err.lower()


def test_known_trouble_is_1(pyglue: Run, ending: Callable[[BaseException], None]) -> None:
    """The sentence, its details, the next command: on stderr."""
    ending(PyglueError("kafka stopped", details=["last lines"], try_="pyglue logs kafka"))
    ended = pyglue("fail")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err == "error: kafka stopped\n  last lines\n  try: pyglue logs kafka\n"


def test_problems_of_input_files_are_a_list(pyglue: Run, ending: Callable[[BaseException], None]) -> None:
    """File, line, column, message: one row each."""
    ending(InputError([Problem("a.yml", 3, 7, "bad"), Problem("b", None, None, "worse")]))
    ended = pyglue("fail")
    assert ended.code == 1
    assert (
        ended.err
        == "error: 2 problems in a.yml, b\n  a.yml:3:7: bad\n  b: worse\n  see: docs/errors.md#bad-input\n"
    )


def test_our_own_usage_error_is_2(pyglue: Run, ending: Callable[[BaseException], None]) -> None:
    """A wrong value found below the command line counts as usage, too."""
    ending(UsageError("no such service"))
    assert pyglue("fail").code == 2


def test_a_bug_is_3_and_lies_in_a_file(
    pyglue: Run, ending: Callable[[BaseException], None], tmp_path: Path
) -> None:
    """Two lines on the screen; version, command and traceback in a file ready to be pasted."""
    ending(ZeroDivisionError("it broke"))
    ended = pyglue("fail")
    assert (ended.code, ended.out) == (3, "")
    first, second = ended.err.splitlines()
    assert first == "ZeroDivisionError: it broke"
    report = Path(second.rpartition(" ")[2])
    assert report.parent == tmp_path
    text = report.read_text()
    assert f"pyglue {__version__}" in text
    assert "command: pyglue fail" in text
    assert "Traceback" in text


@pytest.mark.parametrize("error", [KeyboardInterrupt(), click.Abort()])
def test_ctrl_c_is_130(pyglue: Run, ending: Callable[[BaseException], None], error: BaseException) -> None:
    """It says so, and shows no traceback."""
    ending(error)
    ended = pyglue("fail")
    assert ended.code == 130
    assert ended.err.strip() == "interrupted"
    assert "Traceback" not in ended.err


def test_a_reader_that_leaves_is_no_trouble(project: Path) -> None:
    """`pyglue logs | head -1` ends quietly, with code 0."""
    log = project / ".pyglue/log/kafka.log"
    log.parent.mkdir(parents=True)
    log.write_text("line\n" * 100_000)
    words = [sys.executable, "-m", "pyglue", "logs", "-n", "100000", "kafka"]
    with subprocess.Popen(words, cwd=project, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


def test_python_m_pyglue_is_the_same_program() -> None:
    """The package runs without its console script."""
    words = [sys.executable, "-m", "pyglue", "--version"]
    assert __version__ in subprocess.run(words, capture_output=True, text=True, check=True).stdout
