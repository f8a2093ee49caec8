"""pyglue/bootstrap.sh on machines that lack something; a machine is a folder of fakes, its whole PATH."""

import shutil
import subprocess
from pathlib import Path

import pytest

REAL_TOOLS = ("bash", "cat", "dirname", "mktemp", "rm", "sed", "tail")
BOOKWORM = ("python3.11-venv", "openjdk-17-jdk-headless", "maven", "chromium", "shellcheck")
TRIXIE = ("openjdk-21-jdk-headless", "maven", "chromium", "shellcheck")
# Every question it is asked is answered with success; asked for its package, it names it.
FITTING_PYTHON = "[[ $2 != *print* ]] || echo python3.12-venv"


class Machine:
    """A copy of the script, and a PATH that holds the tools it may assume and what a test adds."""

    def __init__(self, root: Path, script: Path) -> None:
        self.bin = root / "bin"
        self.bin.mkdir()
        self.script = root / "checkout" / "pyglue" / script.name
        self.script.parent.mkdir(parents=True)
        shutil.copy(script, self.script)
        for name in REAL_TOOLS:
            path = shutil.which(name)
            assert path is not None
            (self.bin / name).symlink_to(path)
        self.user(1000)

    def tool(self, name: str, body: str) -> None:
        """A program in PATH."""
        path = self.bin / name
        path.write_text(f"#!/bin/bash\n{body}\n", encoding="utf-8")
        path.chmod(0o755)

    def user(self, uid: int) -> None:
        """Who runs the script."""
        self.tool("id", f"echo {uid}")

    def apt(self, known: tuple[str, ...], get: str = "exit 0") -> None:
        """apt that knows these packages; `get` is what apt-get does."""
        self.tool("apt-get", get)
        names = "|".join(known)
        self.tool(
            "apt-cache", f'for name in "${{@:2}}"; do case $name in {names}) exit 0 ;; esac; done; exit 100'
        )

    def run(self, purpose: str = "run") -> subprocess.CompletedProcess[str]:
        """The script's answer."""
        bash = str(self.bin / "bash")
        command = [bash, str(self.script), purpose]
        return subprocess.run(
            command, env={"PATH": str(self.bin)}, capture_output=True, text=True, check=False
        )


@pytest.fixture
def machine(tmp_path: Path, checkout: Path) -> Machine:
    """A machine without Python, Java and apt."""
    return Machine(tmp_path, checkout / "pyglue" / "bootstrap.sh")


def test_who_is_not_root_is_told_what_to_type(machine: Machine) -> None:
    """All that is missing stands in one line to copy."""
    machine.apt(BOOKWORM)
    answer = machine.run()
    assert answer.returncode == 1
    assert "install -y python3.11-venv openjdk-17-jdk-headless maven\n" in answer.stderr


def test_what_is_there_is_not_asked_for(machine: Machine) -> None:
    """A Python, a JDK and a Maven that will do are left alone."""
    machine.apt(BOOKWORM)
    machine.tool("python3.12", FITTING_PYTHON)
    machine.tool("javac", "echo javac 21.0.4")
    answer = machine.run()
    assert "install -y maven\n" in answer.stderr


def test_with_docker_neither_java_nor_maven_is_asked_for(machine: Machine) -> None:
    """Containers bring their own; the tests need both all the same, for they run both engines."""
    machine.apt(BOOKWORM)
    machine.tool("docker", "exit 0")
    assert "install -y python3.11-venv\n" in machine.run().stderr
    assert "openjdk-17-jdk-headless maven" in machine.run("test").stderr
    machine.tool("docker", "[[ $1 != compose ]]")
    assert "openjdk-17-jdk-headless maven" in machine.run().stderr


def test_a_java_that_is_too_old_counts_as_none(machine: Machine) -> None:
    """A JDK 11 in PATH does not hide that 17 or 21 is needed."""
    machine.apt(TRIXIE)
    machine.tool("python3.12", FITTING_PYTHON)
    machine.tool("javac", "echo javac 11.0.2")
    assert "install -y openjdk-21-jdk-headless maven\n" in machine.run().stderr


def test_a_system_without_a_fitting_python_is_told_so(machine: Machine) -> None:
    """Where apt offers newer Pythons only, no package is named that does not exist."""
    machine.apt(TRIXIE)
    machine.tool("python3", "exit 1")
    answer = machine.run()
    assert answer.returncode == 1
    assert "needs Python 3.11 or 3.12" in answer.stderr
    assert "install -y" not in answer.stderr


def test_tests_need_a_browser_where_there_is_a_package_of_one(machine: Machine) -> None:
    """Ubuntu has no package chromium; that is no reason to refuse all other tests."""
    machine.apt(BOOKWORM)
    assert " chromium " in machine.run("test").stderr
    machine.apt(tuple(name for name in BOOKWORM if name != "chromium"))
    assert "chromium" not in machine.run("test").stderr


def test_without_apt_the_names_are_told(machine: Machine) -> None:
    """Another system's user learns what to look for."""
    answer = machine.run()
    assert answer.returncode == 1
    assert "under whatever names this system has for them: python3.12-venv" in answer.stderr


def test_what_apt_said_is_shown_when_it_fails(machine: Machine) -> None:
    """Root gets the end of apt-get's own output, and the command to repeat."""
    machine.user(0)
    machine.apt(BOOKWORM, get="[[ $1 == update ]] || { echo E: no space left; exit 100; }")
    answer = machine.run()
    assert answer.returncode == 1
    assert "E: no space left\ntry: apt-get update && apt-get install -y python3.11-venv" in answer.stderr
