"""The native engine with a real supervisord: order, what is kept, what is restarted, what has died, what is left."""

from __future__ import annotations

import os
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Callable

import psutil
import pytest

from pyglue.errors import PyglueError
from pyglue.layout import Layout
from pyglue.native.contract import IDENTITY
from tests.native.stacks import HEALTHY, SERVES, Checkout, Heard, until

Make = Callable[[str], Checkout]


def failed(checkout: Checkout, heard: Heard | None = None) -> PyglueError:
    """The error with which `up` ends."""
    with pytest.raises(PyglueError) as caught:
        checkout.up(heard)
    return caught.value


def test_a_service_starts_once_what_it_needs_is_healthy(two: Checkout) -> None:
    """The second one's `start` finds the first one's health."""
    two.service("one", 'sleep 0.3\ntouch "$DATA_DIR/../was-healthy"\n' + SERVES)
    two.service("two", "[[ -e $DATA_DIR/../was-healthy ]] || exit 9\n" + SERVES)
    assert two.up() == [("Start one", "ok"), ("Start two", "ok")]


def test_a_second_up_keeps_everything(two: Checkout) -> None:
    """Twice is harmless: the same processes, the verdict `kept`."""
    two.up()
    before = two.pids()
    assert set(before) == {"one", "two"}
    assert two.up() == [("Start one", "kept"), ("Start two", "kept")]
    assert two.pids() == before


def test_down_leaves_nothing_but_data(two: Checkout) -> None:
    """No process, no socket; the state stays. A second `down` finds nothing to do."""
    two.service("one", 'echo kept >"$DATA_DIR/file"\n' + SERVES)
    two.up()
    engine = two.engine()
    assert len(two.marked()) >= 2
    assert engine.down() == []
    assert two.marked() == []
    assert engine.supervisord.pid() is None
    assert not engine.layout.run.exists()
    assert (engine.layout.data / "one/file").read_text() == "kept\n"
    assert engine.down() == []


@pytest.mark.parametrize("what", ["environment", "argument", "start", "configuration"])
def test_only_what_changed_is_restarted(two: Checkout, what: str) -> None:
    """A changed value, argument or file restarts its service; the others keep their processes."""
    two.up()
    before = two.pids()

    def change() -> None:
        if what == "environment":
            two.compose("one: {build: one}", "two: {build: two, depends_on: [one], environment: {A: 1}}")
        elif what == "argument":
            two.compose("one: {build: one}", "two: {build: two, depends_on: [one], command: [a]}")
        elif what == "start":
            two.service("two", "# other\n" + SERVES)
        else:
            (two.path / "two/x.properties").write_text("x")

    change()
    assert two.engine().changed() == ["two"]
    assert two.engine().outdated() == (["two"] if what in ("start", "configuration") else [])
    assert two.up() == [("Start one", "kept"), ("Start two", "ok")]
    after = two.pids()
    assert after["one"] == before["one"]
    assert after["two"] != before["two"]
    assert two.engine().changed() == []
    assert two.engine().outdated() == []


def test_services_come_and_go_with_the_compose_file(two: Checkout) -> None:
    """A service taken out of docker-compose.yml is stopped, a new one is started, the rest is kept."""
    two.up()
    before = two.pids()
    two.service("three")
    two.compose("one: {build: one}", "three: {build: three}")
    assert sorted(two.up()) == [("Start one", "kept"), ("Start three", "ok")]
    after = two.pids()
    assert set(after) == {"one", "three"}
    assert after["one"] == before["one"]


def test_a_service_that_dies_while_starting_is_named_with_its_last_words(two: Checkout) -> None:
    """Name, code and log lines come at once, whatever `restart` says; what did start goes on running."""
    two.service("two", "echo out of memory >&2\nexit 3\n")
    two.compose("one: {build: one}", "two: {build: two, depends_on: [one], restart: always}")
    heard = Heard()
    error = failed(two, heard)
    assert error.message.startswith("two stopped")
    assert error.details == ["last lines of two:", "  | hello ", "  | out of memory"]
    assert error.try_ == "pyglue logs two"
    assert heard.lines == [("Start one", "ok"), ("Start two", "failed")]
    assert set(two.pids()) >= {"one"}


def test_a_half_started_stack_goes_on_from_where_it_was(two: Checkout) -> None:
    """After the mistake is mended `up` keeps what runs and starts the rest, even out of supervisord's back-off."""
    two.service("two", "exit 3\n")
    two.compose("one: {build: one}", "two: {build: two, depends_on: [one], restart: always}")
    failed(two)
    before = two.pids()["one"]
    two.service("two")
    assert two.up() == [("Start one", "kept"), ("Start two", "ok")]
    assert two.pids()["one"] == before


def test_a_service_that_dies_after_it_was_healthy_is_noticed_during_up(two: Checkout) -> None:
    """While the second one still starts, the death of the first ends the waiting."""
    two.service(
        "one", 'touch "$RUN_DIR/healthy"\nuntil [[ -e $DATA_DIR/../die ]]; do sleep 0.05; done\nexit 4\n'
    )
    two.service("two", 'touch "$DATA_DIR/../die"\nexec sleep 1000\n')
    assert failed(two).message.startswith("one stopped")


def test_a_service_killed_while_starting_is_noticed(two: Checkout) -> None:
    """Also where there is no exit code."""
    two.service("one", "kill -9 $$\n")
    error = failed(two)
    assert error.message.startswith("one stopped")
    assert error.details == ["last lines of one:", "  | hello "]


def test_an_interpreter_that_is_not_there_is_told(two: Checkout) -> None:
    """A script that can't be executed is a service that died, with the reason in its words."""
    (two.path / "one/start").write_text("#!/no/such/shell\n")
    assert "No such file or directory" in failed(two).details[-1]


def test_a_service_that_never_gets_healthy_is_told_with_the_last_reason(two: Checkout) -> None:
    """After the compose file's time it says what `healthy` said, how often, and what the log says."""
    two.service("one", "exec sleep 1000\n", "echo port 7 refuses; exit 1\n")
    (two.path / "docker-compose.yml").write_text(
        "services:\n  one:\n    build: one\n"
        "    healthcheck: {test: [CMD, /service/healthy], interval: 100ms, retries: 3}\n"
    )
    error = failed(two)
    assert error.message == "one runs, but was not healthy within 0.3 s"
    assert error.details[0].startswith("last seen  port 7 refuses (")
    assert error.details[1:] == ["last lines of one:", "  | hello "]


def test_a_service_without_a_health_check_is_up_once_it_runs(two: Checkout) -> None:
    """Nothing is asked that docker-compose.yml does not say."""
    two.service("one", "exec sleep 1000\n", "exit 1\n")
    (two.path / "docker-compose.yml").write_text("services:\n  one: {build: one}\n")
    assert two.up() == [("Start one", "ok")]
    (state,) = two.engine().states()
    assert (state.state, state.healthy, state.reason) == ("running", True, "")


VALUES = {
    "PERCENT": "100% %s %(ENV_HOME)s %%",
    "QUOTES": 'it\'s "quoted" `too`',
    "BLANKS": "  two  blanks  ",
    "SHELL": "$HOME $(id) \\ \\n ; # & | * ~",
    "COMMA": 'a,b="c",d',
    "UMLAUT": "Grüße, 日本",
    "EMPTY": "",
}


def test_values_arrive_unharmed(checkouts: Make) -> None:
    """Percent signs, quotes, blanks and what a shell would expand reach the service as they were written."""
    checkout = checkouts("100% odd 'näme'")
    checkout.service(
        "one", 'env -0 >"$DATA_DIR/environment"\nprintf "%s\\0" "$@" >"$DATA_DIR/arguments"\n' + SERVES
    )
    quoted = ", ".join(f"{name}: '{value}'" for name, value in _escaped())
    words = ", ".join(f"'{value}'" for _, value in _escaped())
    checkout.compose(f"one: {{build: one, environment: {{{quoted}}}, command: [{words}]}}")
    checkout.up()
    data = checkout.engine().layout.data / "one"
    environment = dict(
        row.split("=", 1) for row in (data / "environment").read_text().split("\0") if "=" in row
    )
    assert {name: environment[name] for name in VALUES} == VALUES
    assert (data / "arguments").read_text().split("\0")[:-1] == list(VALUES.values())


def _escaped() -> list[tuple[str, str]]:
    """As docker-compose.yml must write them between single quotes."""
    return [(name, value.replace("'", "''").replace("$", "$$")) for name, value in VALUES.items()]


@pytest.mark.parametrize("name", ["a;b", "a ;b", "a #b", 'a"b', "a\\b"])
def test_odd_names_of_a_checkout_work_or_are_refused(checkouts: Make, name: str) -> None:
    """What supervisord's configuration can't hold is said; nothing is half understood."""
    checkout = checkouts(name)
    checkout.service("one")
    checkout.compose("one: {build: one}")
    if name == "a;b":
        assert checkout.up() == [("Start one", "ok")]
    else:
        assert "can't run in a folder with such a name" in failed(checkout).message


def test_what_ignores_sigterm_is_killed_after_its_grace(two: Checkout) -> None:
    """A stuck process and what it started end with SIGKILL; `down` leaves nothing."""
    stubborn = "trap '' TERM\nsleep 1000 &\ntouch \"$RUN_DIR/healthy\"\nwhile :; do sleep 0.1; done\n"
    two.service("one", stubborn)
    two.compose("one: {build: one, stop_grace_period: 1s}", "two: {build: two}")
    two.up()
    two.engine().down()
    assert two.marked() == []


def test_sigterm_lets_a_service_finish(two: Checkout) -> None:
    """A service is asked before it is killed, and dependents are gone by then."""
    two.service(
        "one",
        "trap '[[ -e $DATA_DIR/../two-gone ]] && touch \"$DATA_DIR/bye\"; exit 0' TERM\n"
        'touch "$RUN_DIR/healthy"\nwhile :; do sleep 0.02; done\n',
    )
    two.service(
        "two",
        "trap 'touch \"$DATA_DIR/../two-gone\"; exit 0' TERM\n"
        'touch "$RUN_DIR/healthy"\nwhile :; do sleep 0.02; done\n',
    )
    two.up()
    engine = two.engine()
    assert engine.down() == []
    assert (engine.layout.data / "one/bye").exists()


def test_children_do_not_outlive_a_killed_supervisord(two: Checkout) -> None:
    """kill -9 of supervisord ends the services; the next `up` starts them again."""
    two.up()
    before = two.pids()
    pid = two.engine().supervisord.pid()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    until(lambda: two.marked() == [])
    assert two.engine().running() == set()
    assert two.up() == [("Start one", "ok"), ("Start two", "ok")]
    assert not set(two.pids().values()) & set(before.values())


def test_down_finds_what_survived_a_killed_supervisord(two: Checkout) -> None:
    """A grandchild that does not die with its parents is found by its mark."""
    two.service("one", 'touch "$RUN_DIR/healthy"\nsetsid sleep 1000 &\nwait\n')
    two.compose("one: {build: one}")
    two.up()
    pid = two.engine().supervisord.pid()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    until(lambda: [process.name() for process in two.marked()] == ["sleep"])
    (killed,) = two.engine().down()
    assert killed.startswith("sleep (")
    assert two.marked() == []


def test_up_ends_what_survived_a_killed_supervisord(two: Checkout) -> None:
    """A stray of the last run does not hold a port, or the data, against the new one."""
    two.service("one", 'touch "$RUN_DIR/healthy"\nsetsid sleep 1000 &\nwait\n')
    two.compose("one: {build: one}")
    two.up()
    pid = two.engine().supervisord.pid()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    until(lambda: [process.name() for process in two.marked()] == ["sleep"])
    (stray,) = two.marked()
    assert two.up() == [("Start one", "ok")]
    assert not _lives(stray.pid)


def test_down_ends_a_supervisord_whose_pid_file_is_gone(two: Checkout) -> None:
    """Somebody cleaned /tmp: supervisord can't be asked any more, but it is found and ended."""
    two.up()
    engine = two.engine()
    pid = engine.supervisord.pid()
    assert pid is not None
    engine.layout.pid_file.unlink()
    engine.layout.socket.unlink()
    engine.down()
    assert two.marked() == []
    until(lambda: not _lives(pid))


def _lives(pid: int) -> bool:
    """Whether a process runs; a zombie, which only waits for this test to end, does not."""
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_a_taken_port_is_named_with_its_holder(two: Checkout) -> None:
    """Before anything is started: the port, for which service, and which process holds it."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        two.compose("one: {build: one}", f"two: {{build: two, expose: [{port}]}}")
        error = failed(two)
    assert error.message == "a port is taken"
    assert error.details[0].startswith(f"{port} (for two) by process {os.getpid()} (")
    assert two.pids() == {}


def test_a_taken_port_of_a_service_that_runs_is_named_all_the_same(two: Checkout) -> None:
    """It is started again and again, and dies of it, or it runs with another port than it is to have by now."""
    two.up()
    before = two.pids()
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        two.compose(f"one: {{build: one, expose: [{port}]}}", "two: {build: two, depends_on: [one]}")
        with pytest.raises(PyglueError) as caught:
            two.engine().check()
        assert caught.value.message == "a port is taken"
        assert caught.value.details[0].startswith(f"{port} (for one) by process {os.getpid()} (")
        two.engine().check_ports(["two"])
    assert two.pids() == before


def test_a_port_held_by_the_running_service_itself_is_fine(two: Checkout) -> None:
    """A second `up` does not take a service for a stranger on its own port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = (
        "import os, pathlib, socket, time; s = socket.socket(); s.setsockopt(1, 2, 1);"
        f" s.bind(('127.0.0.1', {port})); s.listen();"
        " pathlib.Path(os.environ['RUN_DIR'], 'healthy').touch(); time.sleep(1000)"
    )
    two.service("one", f"exec python3 -c {shlex.quote(server)}\n")
    two.compose(f"one: {{build: one, expose: [{port}]}}")
    assert two.up() == [("Start one", "ok")]
    assert two.up() == [("Start one", "kept")]


def test_what_runs_is_known_with_the_ports_of_its_start(two: Checkout) -> None:
    """Whatever docker-compose.yml says by now: they are shown, and health is asked there."""
    two.service("two", healthy="[[ $PORT == 7001 ]] || { echo wrong; exit 1; }\n")
    two.compose("one: {build: one}", "two: {build: two, expose: [7001], environment: {PORT: '7001'}}")
    two.up()
    two.compose("one: {build: one}", "two: {build: two, expose: [7002], environment: {PORT: '7002'}}")
    engine = two.engine()
    assert engine.started_with() == {"one": (), "two": (7001,)}
    assert [(state.healthy, state.ports) for state in engine.states()] == [(True, ()), (True, (7001,))]
    engine.stop(["two"])
    assert two.engine().started_with() == {"one": ()}


def test_two_stacks_run_side_by_side(checkouts: Make) -> None:
    """Two checkouts with the same services do not know each other; ending one leaves the other."""
    stacks = [checkouts(name) for name in ("left", "right")]
    for stack in stacks:
        stack.service("one")
        stack.compose("one: {build: one}")
        stack.up()
    left, right = stacks
    before = right.pids()
    left.engine().down()
    assert left.marked() == []
    assert right.pids() == before
    assert right.up() == [("Start one", "kept")]


def test_status_tells_what_is_so_now(two: Checkout) -> None:
    """Running and healthy, running but not healthy with the reason, stopped: each with what is known."""
    assert [state.state for state in two.engine().states()] == ["stopped", "stopped"]
    two.up()
    engine = two.engine()
    (engine.layout.run / "two/healthy").unlink()
    one, other = engine.states()
    assert (one.state, one.healthy, other.state, other.healthy, other.reason) == (
        "running",
        True,
        "running",
        False,
        "not yet",
    )
    assert one.pid == two.pids()["one"]
    assert one.memory is not None
    assert one.memory > 100_000
    assert one.up is not None
    engine.stop(["two"])
    assert [state.state for state in two.engine().states()] == ["running", "stopped"]


@pytest.mark.parametrize(
    ("restart", "comes_back"), [("always", True), ("unless-stopped", True), ("no", False)]
)
def test_what_dies_after_up_is_restarted_as_the_compose_file_says(
    two: Checkout, restart: str, comes_back: bool
) -> None:
    """supervisord brings a service back, or leaves it, by the key `restart`."""
    two.compose(f"one: {{build: one, restart: '{restart}'}}")
    two.up()
    before = two.pids()["one"]
    until(lambda: two.engine().supervisord.processes()["one"].label == "running")
    os.kill(before, signal.SIGKILL)
    until(lambda: two.pids().get("one") != before)
    if comes_back:
        until(lambda: "one" in two.pids())
    else:
        assert two.engine().states()[0].state == "exited"


def test_a_service_sees_nothing_of_the_callers_environment(
    two: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Variables of whoever calls pyglue do not reach a service."""
    monkeypatch.setenv("LEAK", "1")
    two.service("one", "[[ -z ${LEAK:-} ]] || exit 5\n" + SERVES, "[[ -z ${LEAK:-} ]] || exit 5\n" + HEALTHY)
    assert two.up()[0] == ("Start one", "ok")


def test_ports_of_what_a_killed_supervisord_left_are_not_taken(checkouts: Make) -> None:
    """`check` ends such processes; a look beforehand leaves them alone."""
    checkout = checkouts("checkout")
    checkout.service("one")
    serve = "import socket; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", serve],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={IDENTITY: Layout(checkout.path).identity},
        text=True,
    ) as left:
        assert left.stdout is not None
        port = int(left.stdout.readline())
        checkout.compose(f"one: {{build: one, expose: ['{port}']}}")
        engine = checkout.engine()
        assert engine.taken_ports() == []
        assert left.poll() is None
        engine.check()
        assert left.wait() < 0


def test_a_folder_that_supervisord_can_not_have_is_an_obstacle(checkouts: Make) -> None:
    """Told before anything is installed."""
    checkout = checkouts('a "quoted" name')
    checkout.service("one")
    checkout.compose("one: {build: one}")
    (error,) = checkout.engine().obstacles()
    assert error.code == "folder-unusable"


def test_a_file_below_a_data_dir_is_read(two: Checkout) -> None:
    """Whether the service runs or not; what is not there is None."""
    engine = two.engine()
    assert engine.read_data("one", "counts/open.json") is None
    folder = engine.layout.data / "one" / "counts"
    folder.mkdir(parents=True)
    (folder / "open.json").write_text("{}")
    assert engine.read_data("one", "counts/open.json") == b"{}"
    assert engine.read_data("one", "counts/open.json", 1) == b"}"
    assert engine.read_data("one", "counts/open.json", 9) == b""


def test_the_files_of_a_folder_below_a_data_dir_are_read(two: Checkout) -> None:
    """In the order of their names; folders in it are none of them, and where there is no folder there is no file."""
    engine = two.engine()
    assert list(engine.read_folder("one", "bad")) == []
    folder = engine.layout.data / "one" / "bad"
    (folder / "deeper").mkdir(parents=True)
    (folder / "b.jsonl").touch()
    (folder / "a.jsonl").write_text("{}")
    assert list(engine.read_folder("one", "bad")) == [("a.jsonl", b"{}"), ("b.jsonl", b"")]
