"""The installer with a uv, a mvn and a javac that are short shell scripts."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from pyglue.errors import InputError, PyglueError
from pyglue.flow import Cancel, Cancelled
from pyglue.install.cache import Cache
from pyglue.install.installer import Installer

JAR = b"a jar's bytes\n"
LOCK = f"{hashlib.sha256(JAR).hexdigest()}  {len(JAR)}  lib/a.jar\n"
# What the real tools are told: where Maven is to put its jars, where uv is to make the environment.
MVN = """
for word; do case $word in -Dservice.home=*) home=${word#*=};; -Dmaven.repo.local=*) cache=${word#*=};; esac; done
pwd >"$cache/cwd"; printf '%s\\n' "$@" >"$cache/words"
mkdir -p "$home/lib" && printf "a jar's bytes\\n" >"$home/lib/a.jar"
"""
UV = """
echo "$*" >>"$UV_CACHE_DIR/calls"
if [ "$1" = venv ]; then for home; do :; done; mkdir -p "$home/bin"; touch "$home/bin/python"; fi
"""


class Machine:
    """A machine with these tools and an empty cache."""

    def __init__(self, root: Path) -> None:
        self.tools = root / "bin"
        self.tools.mkdir()
        self.cache = Cache(root / "cache")
        self.cache.uv.mkdir(parents=True)
        self.progress: list[tuple[str, tuple[int, int], tuple[int, int]]] = []
        self.tool("mvn", MVN)
        self.tool("javac", "")
        self.tool("uv", UV)

    def tool(self, name: str, text: str) -> None:
        """Put a shell script on the PATH."""
        script(self.tools / name, text)

    def installer(self, cancel: Cancel | None = None, java: str = "17.0.1") -> Installer:
        """An installer that notes its progress."""

        def progress(label: str, files: tuple[int, int], size: tuple[int, int]) -> None:
            self.progress.append((label, files, size))

        return Installer(self.cache, java, str(self.tools / "python"), progress, cancel or Cancel())

    def install(self, folder: Path) -> bool:
        """Install as `pyglue install` does."""
        installer = self.installer()
        return installer.install(folder, installer.home(folder))

    def home(self, folder: Path) -> Path:
        """The folder's SERVICE_HOME."""
        return self.installer().home(folder)

    def homes(self) -> list[str]:
        """What lies in the cache as an installation: folders and marks."""
        found = self.cache.services.iterdir() if self.cache.services.exists() else ()
        return sorted(path.name for path in found if path.suffix not in (".log", ".lock"))


def script(path: Path, text: str) -> None:
    path.write_text("#!/bin/sh\nset -e\n" + text)
    path.chmod(0o755)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """The machine on which the installer runs: its own tools, and coreutils."""
    made = Machine(tmp_path)
    monkeypatch.setenv("PATH", f"{made.tools}:/usr/bin:/bin")
    return made


@pytest.fixture
def kafka(tmp_path: Path) -> Path:
    """A Maven folder with a module of its own."""
    folder = tmp_path / "checkout/kafka"
    (folder / "module/src").mkdir(parents=True)
    (folder / "pom.xml").write_text("<project/>")
    module = '<project xmlns="http://maven.apache.org/POM/4.0.0"><artifactId>own</artifactId></project>'
    (folder / "module/pom.xml").write_text(module)
    (folder / "module/src/A.java").write_text("class A {}")
    (folder / "artifacts.lock").write_text(LOCK)
    return folder


@pytest.fixture
def superset(tmp_path: Path) -> Path:
    """A Python folder."""
    folder = tmp_path / "checkout/superset"
    folder.mkdir(parents=True)
    (folder / "requirements.txt").write_text("a==1 \\\n    --hash=sha256:00\nb==2 \\\n    --hash=sha256:11\n")
    return folder


def refused(install: Callable[[], object]) -> PyglueError:
    with pytest.raises(PyglueError) as caught:
        install()
    return caught.value


def test_maven_fills_the_home_and_the_checkout_stays_clean(machine: Machine, kafka: Path) -> None:
    """The jars lie in SERVICE_HOME; Maven worked on a copy, with its repository in the cache."""
    before = sorted(kafka.rglob("*"))
    assert machine.install(kafka)
    assert (machine.home(kafka) / "lib/a.jar").read_bytes() == JAR
    assert sorted(kafka.rglob("*")) == before
    words = (machine.cache.maven / "words").read_text().split("\n")
    assert f"-Dmaven.repo.local={machine.cache.maven}" in words
    assert {"-B", "-ntp", "-DskipTests", "package"} <= set(words)
    assert str(kafka) not in " ".join(words)


def test_python_gets_an_environment_from_hashed_requirements(machine: Machine, superset: Path) -> None:
    """uv makes the environment, then installs into it with hashes required and its cache in ours."""
    assert machine.install(superset)
    home = machine.home(superset)
    assert (home / "bin/python").exists()
    venv, install = (machine.cache.uv / "calls").read_text().splitlines()
    assert venv == f"venv -q --python {machine.tools / 'python'} {home}"
    assert install.startswith(f"pip install -q --python {home}/bin/python ")
    assert "--require-hashes" in install
    assert install.endswith(f"-r {superset}/requirements.txt")


def test_empty_requirements_install_nothing(machine: Machine, superset: Path) -> None:
    """A service of the standard library alone gets an environment and no package."""
    (superset / "requirements.txt").write_text("# none\n")
    assert machine.install(superset)
    assert len((machine.cache.uv / "calls").read_text().splitlines()) == 1


def test_a_second_installation_has_nothing_to_do(machine: Machine, kafka: Path) -> None:
    """What is complete is kept: no tool runs again."""
    assert machine.install(kafka)
    machine.tool("mvn", "exit 1")
    assert not machine.install(kafka)


def test_prepare_sees_the_contract_and_nothing_else(machine: Machine, kafka: Path) -> None:
    """SERVICE_HOME is writable, DATA_DIR and RUN_DIR are there, BIND_ADDRESS is loopback; the rest is not passed."""
    script(
        kafka / "prepare", 'test -d "$DATA_DIR"; test -d "$RUN_DIR"; env | cut -d= -f1 >"$SERVICE_HOME/names"'
    )
    machine.install(kafka)
    names = set((machine.home(kafka) / "names").read_text().split()) - {
        "PWD",
        "SHLVL",
        "_",
        "OLDPWD",
        "JAVA_HOME",
    }
    assert names == {"PATH", "HOME", "LANG", "SERVICE_HOME", "DATA_DIR", "RUN_DIR", "BIND_ADDRESS"}


def test_the_mark_is_written_last(machine: Machine, kafka: Path) -> None:
    """While `prepare` runs the installation is not yet complete."""
    mark = machine.cache.marker  # its place depends on prepare's own content, so the script looks for any
    script(kafka / "prepare", 'for mark in "${SERVICE_HOME%/*}"/*.complete; do test ! -e "$mark"; done')
    assert machine.install(kafka)
    assert mark(machine.home(kafka)).exists()


def test_a_failed_tool_leaves_nothing_and_shows_its_errors(machine: Machine, kafka: Path) -> None:
    """The home is gone, the error lines are shown, and the next try starts anew."""
    machine.tool("mvn", MVN + "echo '[INFO] much'; echo '[ERROR] no such artifact: x:y:1'; exit 1")
    error = refused(lambda: machine.install(kafka))
    assert error.message == "installing kafka failed: mvn ended with 1"
    assert "  | [ERROR] no such artifact: x:y:1" in error.details
    assert not any("much" in line for line in error.details)
    assert error.try_ == "pyglue install kafka"
    assert machine.homes() == []
    machine.tool("mvn", MVN)
    assert machine.install(kafka)


def test_a_failed_prepare_shows_its_last_lines(machine: Machine, kafka: Path) -> None:
    """What `prepare` printed is the reason; the artefacts it was to prepare are removed, too."""
    script(
        kafka / "prepare",
        "i=0; while [ $i -lt 40 ]; do i=$((i+1)); echo line $i; done; echo broken >&2; exit 7",
    )
    error = refused(lambda: machine.install(kafka))
    assert error.message == "installing kafka failed: prepare ended with 7"
    shown = [line for line in error.details if line.startswith("  | ")]
    assert shown[-2:] == ["  | line 40", "  | broken"]
    assert len(shown) == 15
    assert machine.homes() == []


def test_a_jar_that_is_not_the_locked_one_is_refused(machine: Machine, kafka: Path) -> None:
    """Other contents, a missing and an unknown jar are named; nothing is left installed."""
    (kafka / "artifacts.lock").write_text(LOCK.replace(LOCK[:64], "0" * 64) + LOCK.replace("a.jar", "b.jar"))
    machine.tool("mvn", MVN + 'touch "$home/lib/c.jar"')
    error = refused(lambda: machine.install(kafka))
    assert error.message == "what Maven brought for kafka is not what kafka/artifacts.lock names"
    assert sorted(line.split()[0] for line in error.details) == ["lib/a.jar", "lib/b.jar", "lib/c.jar"]
    assert machine.homes() == []


def test_a_jar_of_our_own_is_in_no_lock(machine: Machine, kafka: Path) -> None:
    """What a module of the folder compiles may differ from build to build."""
    machine.tool("mvn", MVN + 'date +%N >"$home/lib/own.jar"')
    assert machine.install(kafka)


def test_a_missing_lock_is_refused(machine: Machine, kafka: Path) -> None:
    """Without artifacts.lock nothing says what Maven may bring."""
    (kafka / "artifacts.lock").unlink()
    with pytest.raises(InputError, match="1 problem in"):
        machine.install(kafka)
    assert machine.homes() == []


@pytest.mark.parametrize(
    "name",
    ["pom.xml", "artifacts.lock", "prepare", "module/pom.xml", "module/src/A.java", "module/src/B.java"],
)
def test_a_changed_pin_is_a_new_address(machine: Machine, kafka: Path, name: str) -> None:
    """The new installation lies beside the old one, which other checkouts may use."""
    machine.install(kafka)
    before = machine.home(kafka)
    path = kafka / name
    path.write_text((path.read_text() if path.exists() else "") + "\n")
    assert machine.home(kafka) != before
    assert machine.cache.is_complete(before)


@pytest.mark.parametrize(
    "name", ["start", "README.md", "module/README.md", "module/target/classes/A.class", "x.conf"]
)
def test_what_pins_nothing_changes_no_address(machine: Machine, kafka: Path, name: str) -> None:
    """Scripts, documents and what Maven once built do not install anew."""
    before = machine.home(kafka)
    (kafka / name).parent.mkdir(parents=True, exist_ok=True)
    (kafka / name).write_text("x")
    assert machine.home(kafka) == before


def test_another_java_is_a_new_address_for_maven_only(machine: Machine, kafka: Path, superset: Path) -> None:
    """Archives of classes belong to one JVM; Python services do not care."""
    one, other = machine.installer(java="17.0.1"), machine.installer(java="21.0.2")
    assert one.home(kafka) != other.home(kafka)
    assert one.home(superset) == other.home(superset)


def test_two_checkouts_share_one_installation(machine: Machine, kafka: Path, tmp_path: Path) -> None:
    """The address does not depend on where the checkout lies."""
    machine.install(kafka)
    kafka.parent.rename(tmp_path / "elsewhere")
    assert not machine.install(tmp_path / "elsewhere/kafka")


def test_what_was_killed_is_made_anew(machine: Machine, kafka: Path) -> None:
    """A home without its mark is half-done: it is removed first."""
    (machine.home(kafka) / "lib").mkdir(parents=True)
    (machine.home(kafka) / "lib/rest.jar").touch()
    assert machine.install(kafka)
    assert [path.name for path in (machine.home(kafka) / "lib").iterdir()] == ["a.jar"]


def test_a_mark_without_its_home_is_not_complete(machine: Machine, kafka: Path) -> None:
    """Somebody emptied half of the cache: it is installed again."""
    machine.install(kafka)
    (machine.home(kafka) / "lib/a.jar").unlink()
    (machine.home(kafka) / "lib").rmdir()
    machine.home(kafka).rmdir()
    assert machine.install(kafka)


class CancelOnceThere(Cancel):
    """Cancelled as soon as a file appears."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.file = file

    def wait(self, seconds: float) -> None:  # noqa: ARG002 - looks more often than it is asked to
        """Sleep as usual, unless the file is there."""
        if self.file.exists():
            self.set()
        super().wait(0.02)


def test_an_interruption_ends_the_tool_and_what_it_started(
    machine: Machine, kafka: Path, tmp_path: Path
) -> None:
    """The whole process group is gone, stubborn children included, and nothing half-done is left."""
    stubborn = "(trap '' TERM; echo here >there; mv there pids; while :; do sleep 0.1; done) &"
    script(kafka / "prepare", f"cd {tmp_path}\n{stubborn}\nsleep 1000\n")
    installer = machine.installer(CancelOnceThere(tmp_path / "pids"))
    with pytest.raises(Cancelled):
        installer.install(kafka, installer.home(kafka))
    assert machine.homes() == []
    left = [
        process
        for process in psutil.process_iter(["cmdline"])
        if str(kafka / "prepare") in (process.info["cmdline"] or ())
    ]
    assert left == []


def test_two_at_once_wait_for_each_other(machine: Machine, kafka: Path, tmp_path: Path) -> None:
    """The second finds what the first installed; the tool ran once."""
    machine.tool("mvn", f"echo x >>{tmp_path}/runs; until [ -e {tmp_path}/go ]; do sleep 0.02; done\n" + MVN)
    results: list[bool] = []
    threads = [threading.Thread(target=lambda: results.append(machine.install(kafka))) for _ in range(2)]
    for thread in threads:
        thread.start()
    while not (tmp_path / "runs").exists():
        threads[0].join(0.02)
    (tmp_path / "go").touch()
    for thread in threads:
        thread.join()
    assert sorted(results) == [False, True]
    assert (tmp_path / "runs").read_text() == "x\n"


def test_who_waits_can_be_interrupted(machine: Machine, kafka: Path) -> None:
    """Ctrl-C ends the waiting for another pyglue, too."""
    cancel = Cancel()
    installer = machine.installer(cancel)
    home = installer.home(kafka)

    class Nested(Cancel):
        """Interrupts the outer installation from inside."""

        def wait(self, seconds: float) -> None:
            cancel.set()
            with pytest.raises(Cancelled):
                installer.install(kafka, home)
            super().wait(seconds)

    outer = Installer(
        machine.cache, "17.0.1", str(machine.tools / "python"), machine.installer()._progress, Nested()
    )
    assert outer.install(kafka, home)


def test_progress_counts_the_locked_jars(machine: Machine, kafka: Path) -> None:
    """Totals are the lock's files and bytes; what counts is what Maven's repository holds."""
    (machine.cache.maven / "g/a").mkdir(parents=True)
    (machine.cache.maven / "g/a/a.jar").write_bytes(JAR)
    (machine.cache.maven / "g/a/other.jar").write_bytes(JAR)
    machine.tool("mvn", MVN + "sleep 0.3")
    machine.install(kafka)
    assert ("Install kafka", (1, 1), (len(JAR), len(JAR))) in machine.progress


@pytest.mark.parametrize(
    ("name", "said"), [("mvn", "Maven is not installed"), ("javac", "no compiler (javac)")]
)
def test_a_missing_tool_is_named_with_the_command_that_installs_it(
    machine: Machine, kafka: Path, monkeypatch: pytest.MonkeyPatch, name: str, said: str
) -> None:
    """Before anything is downloaded; the next command is a package manager's."""
    (machine.tools / name).unlink()
    monkeypatch.setenv("PATH", str(machine.tools))
    error = refused(lambda: machine.install(kafka))
    assert said in error.message
    assert error.try_ is not None
    assert error.try_.startswith("sudo apt-get install -y ")
    assert machine.homes() == []
