"""The Docker engine's decisions, with a daemon that is a fake; the real one is in tests/e2e."""

from __future__ import annotations

import socket
import time
from dataclasses import replace

import pytest

from pyglue import flow
from pyglue.docker.daemon import End, Owner
from pyglue.engine import ServiceJob
from pyglue.errors import InputError, PyglueError
from pyglue.ports import Holder
from pyglue.restart import restart
from tests.docker.fakes import Shop, container
from tests.native.stacks import Heard


def up(shop: Shop) -> tuple[list[str], list[tuple[str, str]]]:
    """What `pyglue up` does with services: what was stopped, and the verdicts."""
    engine, heard = shop.engine(), Heard()
    engine.check()
    engine.layout.make()
    stopped = engine.make_ready()
    jobs = [ServiceJob(engine, s, frozenset(s.depends_on)) for s in engine.stack.services.values()]
    flow.run(jobs, heard, flow.Cancel(), watch=engine.watch)
    return stopped, heard.lines


def test_a_first_up_makes_and_starts_in_order(shop: Shop) -> None:
    """Compose makes the containers; each is started once what it needs is healthy, by its own question."""
    stopped, lines = up(shop)
    assert stopped == []
    assert lines == [("Start kafka", "ok"), ("Start divolte", "ok")]
    assert shop.compose.calls == ["create"]
    assert shop.daemon.done == ["start kafka", "kafka: timeout 3 /service/healthy now", "start divolte"]


def test_a_second_up_touches_nothing(shop: Shop) -> None:
    """What runs as it should is kept."""
    up(shop)
    shop.daemon.done.clear()
    assert up(shop) == ([], [("Start kafka", "kept"), ("Start divolte", "kept")])
    assert [word for word in shop.daemon.done if word.startswith(("start", "stop"))] == []


def test_what_docker_itself_found_healthy_is_not_asked_again(shop: Shop) -> None:
    """A question costs a process."""
    shop.daemon.there = {"kafka": container("kafka", healthy=True), "divolte": container("divolte")}
    up(shop)
    assert [word for word in shop.daemon.done if "healthy" in word] == []


def test_a_changed_file_that_is_mounted_restarts_its_reader_alone(shop: Shop) -> None:
    """Compose sees no difference there."""
    up(shop)
    shop.daemon.done.clear()
    assert shop.engine().outdated() == []
    (shop.path / "mapping.groovy").write_text("mapping { }\n")
    assert shop.engine().outdated() == ["divolte"]
    stopped, lines = up(shop)
    assert stopped == ["divolte"]
    assert shop.engine().outdated() == []
    assert lines == [("Start kafka", "kept"), ("Start divolte", "ok")]
    assert "stop kafka" not in shop.daemon.done


def test_what_compose_by_hand_has_started_is_kept_unless_a_file_is_newer(shop: Shop) -> None:
    """Nobody noted what its start has read, so its time decides."""
    later = f"{time.gmtime().tm_year + 1}-01-01T00:00:00.5Z"
    shop.daemon.there = {name: container(name, started=later) for name in ("kafka", "divolte")}
    assert up(shop)[0] == []
    shop.daemon.there = {name: container(name, id=f"other-{name}") for name in ("kafka", "divolte")}
    assert up(shop)[0] == ["divolte"]


def test_what_compose_makes_anew_is_told_as_stopped(shop: Shop) -> None:
    """Whatever was changed in docker-compose.yml or its variables."""
    up(shop)
    shop.compose.changed = {"kafka"}
    stopped, lines = up(shop)
    assert stopped == ["kafka"]
    assert lines == [("Start kafka", "ok"), ("Start divolte", "kept")]


def test_a_container_that_dies_while_starting_is_the_error(shop: Shop) -> None:
    """With its exit code and its last words; that it is restarted does not hide it."""
    shop.daemon.answers["kafka"] = (1, "not yet")
    engine = shop.engine()
    engine.layout.make()
    engine.make_ready()
    job = ServiceJob(engine, engine.stack.services["kafka"], frozenset())
    job.begin()
    while engine.lives()["kafka"].token == "":
        time.sleep(0.01)
    assert job.poll() is None
    shop.daemon.there["kafka"] = container("kafka", state="exited", exit_code=3)
    engine._look_again()
    with pytest.raises(PyglueError) as caught:
        job.poll()
    assert caught.value.message == "kafka stopped with exit code 3"
    assert caught.value.details == ["last lines of kafka:", "  | kafka said this"]
    shop.daemon.there["kafka"] = container("kafka", started="2026-01-02T03:04:09Z")
    engine._look_again()
    with pytest.raises(PyglueError, match="kafka stopped"):
        job.poll()


def test_out_of_memory_names_the_limit_and_its_variable(shop: Shop) -> None:
    """What the system did is no fault of the service's."""
    engine = shop.engine()
    shop.daemon.there["kafka"] = container("kafka", memory_limit=64 * 2**20)  # it runs again
    shop.daemon.ends["kafka"] = End(137, out_of_memory=True)
    error = engine.died("kafka", engine.lives()["kafka"])
    assert error.message == "kafka stopped by a signal"
    assert error.details[0] == "it wanted more memory than its limit of 64 MiB, so the system ended it"
    assert error.try_ == "KAFKA_MEMORY=2g pyglue up  (and set it in .env)"


def test_a_start_that_docker_refuses_is_the_error(shop: Shop) -> None:
    """Such as a port that was taken between the look and the start."""

    shop.daemon.refusal = PyglueError("Docker did not do it", details=["port is already allocated"])
    with pytest.raises(PyglueError) as caught:
        up(shop)
    assert caught.value.details == ["port is already allocated"]


def test_a_taken_port_is_named_before_anything_is_made(shop: Shop) -> None:
    """Only published ports count; those inside are each container's own."""
    port = shop.engine().stack.services["kafka"].published[0]
    with socket.create_server(("127.0.0.1", port)), pytest.raises(PyglueError, match="a port is taken"):
        shop.engine().check()
    shop.daemon.is_local = False  # a daemon elsewhere has ports of its own
    with socket.create_server(("127.0.0.1", port)):
        shop.engine().check()
    assert shop.compose.calls == []


def test_the_project_of_another_checkout_is_refused(shop: Shop) -> None:
    """And so is another project of this checkout: its containers would be left behind."""
    shop.daemon.foreign = [Owner("shop-kafka-1", "shop", "/home/other")]
    with pytest.raises(PyglueError) as caught:
        shop.engine().check()
    assert caught.value.message == "the Docker project shop belongs to another checkout"
    assert "shop-kafka-1 of /home/other" in caught.value.details[0]
    shop.daemon.foreign = [Owner("old-kafka-1", "old", str(shop.path))]
    with pytest.raises(PyglueError) as caught:
        shop.engine().check()
    assert caught.value.try_ == "PYGLUE_PROJECT=old pyglue down"


def test_a_file_that_nobody_else_can_read_is_refused_with_its_line(shop: Shop) -> None:
    """A container's user is nobody here."""
    (shop.path / "mapping.groovy").chmod(0o600)
    with pytest.raises(InputError) as caught:
        shop.engine().check()
    problem = caught.value.problems[0]
    assert problem.line == 9
    assert "chmod o+rX mapping.groovy" in problem.message


def test_down_tells_what_had_to_be_killed(shop: Shop) -> None:
    """Gently first, all of it; the data stays."""
    up(shop)
    shop.compose.calls.clear()
    shop.compose.killed = {"kafka"}
    assert shop.engine().down() == ["kafka"]
    assert shop.compose.calls == ["stop", "down"]
    assert shop.engine().down() == []
    assert shop.compose.calls == ["stop", "down"]


def test_data_of_a_project_that_was_never_up_from_here_is_left_alone(shop: Shop) -> None:
    """Volumes have no mark of their checkout: neither used nor wiped, and said so."""
    shop.daemon.data = ["shop_kafka-data"]
    shop.engine().layout.make()
    for act in (shop.engine().check, shop.engine().wipe):
        with pytest.raises(PyglueError, match="never up from here") as caught:
            act()
        assert "shop_kafka-data" in caught.value.details[0]
    assert shop.compose.calls == []


@pytest.mark.parametrize("by_hand", [False, True])
def test_containers_prove_whose_the_data_is(shop: Shop, by_hand: bool) -> None:
    """Those of this checkout, whoever has started them; also once they are gone."""
    if by_hand:
        shop.daemon.there["kafka"] = container("kafka")
    else:
        up(shop)
    shop.daemon.data = ["shop_kafka-data"]
    shop.engine().layout.make()
    shop.engine().check()
    shop.engine().down()
    shop.engine().wipe()
    assert shop.compose.calls[-1] == "down --volumes"


def test_a_down_that_finds_nothing_proves_nothing(shop: Shop) -> None:
    """Containers removed by hand, then another project's name: the data of that name stays another's."""
    up(shop)
    shop.daemon.there.clear()
    file = shop.path / "docker-compose.yml"
    file.write_text(file.read_text().replace("name: shop", "name: other", 1))
    assert shop.engine().down() == []
    shop.daemon.data = ["other_kafka-data"]
    with pytest.raises(PyglueError, match="never up from here"):
        shop.engine().wipe()


def test_what_is_paused_goes_on(shop: Shop) -> None:
    """Compose could neither start nor stop it, and its port is no other's."""
    up(shop)
    shop.daemon.there["kafka"] = replace(shop.daemon.there["kafka"], state="paused")
    assert up(shop) == ([], [("Start kafka", "kept"), ("Start divolte", "kept")])
    shop.daemon.there["kafka"] = replace(shop.daemon.there["kafka"], state="paused")
    shop.daemon.done.clear()
    shop.engine().down()
    assert shop.daemon.done == ["start kafka"]


def test_down_under_another_name_is_no_silent_success(shop: Shop) -> None:
    """The containers of this checkout run as what it was called before."""
    shop.daemon.foreign = [Owner("old-kafka-1", "old", str(shop.path))]
    with pytest.raises(PyglueError) as caught:
        shop.engine().down()
    assert caught.value.try_ == "PYGLUE_PROJECT=old pyglue down"


def test_a_container_that_was_removed_is_told_as_that(shop: Shop) -> None:
    """While it was started, by somebody else."""
    engine = shop.engine()
    engine.layout.make()
    engine.make_ready()
    job = ServiceJob(engine, engine.stack.services["kafka"], frozenset())
    shop.daemon.there.clear()
    engine._look_again()
    with pytest.raises(PyglueError, match="the container of kafka was removed"):
        job.poll()


def test_status_shows_what_is_there(shop: Shop) -> None:
    """State, health with its reason, memory, ports; what was never made is stopped."""
    shop.daemon.there["kafka"] = container("kafka")
    shop.daemon.answers["kafka"] = (1, "nothing listens on port 1")
    kafka, divolte = shop.engine().states()
    assert (kafka.state, kafka.healthy, kafka.reason) == ("running", False, "nothing listens on port 1")
    assert (kafka.memory, kafka.pid) == (2**20, 7)
    assert (divolte.state, divolte.healthy, divolte.memory) == ("stopped", False, None)
    shop.daemon.answers["kafka"] = (124, "")  # of timeout(1)
    assert shop.engine().states()[0].reason == "no answer within 3 s"
    shop.daemon.there["kafka"] = replace(container("kafka"), state="paused")
    assert shop.engine().states()[0].state == "paused"


def test_the_time_of_a_start_is_read_to_the_microsecond() -> None:
    """The daemon writes nanoseconds, or none at all."""
    assert container("kafka").since == 1767323045.123456
    assert container("kafka", started="2026-01-02T03:04:05Z").since == 1767323045


def test_a_file_of_a_service_is_read_out_of_its_container(shop: Shop) -> None:
    """Below its DATA_DIR, whether it runs or not; without a container there is none."""
    assert shop.engine().read_data("divolte", "counts/open.json") is None
    shop.daemon.there["divolte"] = container("divolte", state="exited")
    assert shop.engine().read_data("divolte", "counts/open.json") == b"/data/counts/open.json of divolte"
    assert shop.engine().read_data("divolte", "counts/open.json", 26) == b"divolte"


def test_so_are_the_files_of_a_folder(shop: Shop) -> None:
    """By their names; without a container there are none."""
    assert list(shop.engine().read_folder("divolte", "bad")) == []
    shop.daemon.there["divolte"] = container("divolte", state="exited")
    assert list(shop.engine().read_folder("divolte", "bad")) == [("a.jsonl", b"/data/bad of divolte")]


def test_a_port_of_a_container_that_is_there_is_its_own(shop: Shop) -> None:
    """Docker has the port for it, even while it is paused; of one that has ended another program has it."""
    proxy = Holder(1, "docker-proxy")
    for state, its_own in (("paused", True), ("running", True), ("exited", False)):
        shop.daemon.there["kafka"] = container("kafka", state=state, ports=(9092,))
        engine = shop.engine()
        assert engine.holds("kafka", 9092, proxy) is its_own
        assert not engine.holds("kafka", 9093, proxy)


def test_a_port_that_compose_gives_to_another_of_ours_is_not_taken(shop: Shop) -> None:
    """Two services may change their ports with each other."""
    port = shop.engine().stack.services["kafka"].published[0]
    with socket.create_server(("127.0.0.1", port)):
        shop.daemon.there = {
            "kafka": container("kafka", ports=(1,)),
            "divolte": container("divolte", ports=(port,)),
        }
        shop.engine().check()
        shop.daemon.there["divolte"] = container("divolte", ports=(2,))
        with pytest.raises(PyglueError, match="a port is taken"):
            shop.engine().check()


def test_what_runs_is_known_with_its_published_ports(shop: Shop) -> None:
    """Of a daemon elsewhere they are not this machine's."""
    shop.daemon.there = {
        "kafka": container("kafka", ports=(9,)),
        "divolte": container("divolte", state="exited"),
    }
    assert shop.engine().started_with() == {"kafka": (9,)}
    shop.daemon.is_local = False
    assert shop.engine().started_with() == {}


@pytest.mark.parametrize("state", ["running", "paused"])
def test_a_restart_concerns_what_is_named(shop: Shop, state: str) -> None:
    """It is stopped, also one that is paused, and Compose sees to what the file says by now; the rest is left alone."""
    up(shop)
    shop.daemon.there["divolte"] = replace(shop.daemon.there["divolte"], state=state)
    shop.daemon.done.clear()
    heard = Heard()
    restart(shop.engine(), ["divolte"], heard)
    assert heard.lines == [("Stop divolte", "stopped"), ("Start divolte", "ok")]
    assert shop.compose.calls[-1] == "renew divolte"
    resumed = ["start divolte"] if state == "paused" else []
    assert shop.daemon.done == [*resumed, "stop divolte", "start divolte"]


def test_a_restart_starts_what_compose_made_anew_beside_it(shop: Shop) -> None:
    """What the named one depends on had changed, too: it would be left stopped."""
    up(shop)
    shop.compose.changed = {"kafka"}
    heard = Heard()
    restart(shop.engine(), ["divolte"], heard)
    assert heard.lines == [
        ("Stop kafka, divolte", "stopped"),
        ("Start kafka", "ok"),
        ("Start divolte", "ok"),
    ]
