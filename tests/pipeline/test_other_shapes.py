"""Everything that pyglue asks of Druid and Superset, answered with JSON of another shape at each of its questions."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pyglue.diagnosis import facts
from pyglue.errors import PyglueError
from pyglue.pipeline import hop_counts, sampler, supervisors, trace
from pyglue.pipeline import spec as specs
from pyglue.pipeline.addresses import Addresses
from pyglue.pipeline.clients import Clients
from pyglue.pipeline.minutes import Span
from pyglue.superset import chart_data, exported, register
from pyglue.superset import dashboards as boards
from pyglue.superset.register import TABLE
from tests.bad_services import EVENT, SHAPES, Services, with_all
from tests.local_server import LocalServer, serve
from tests.superset.fake import PASSWORD

MINUTES = Span(29_453_760, 29_453_820)
SPEC = specs.read(Path(__file__).parents[2] / specs.FILE)
BOARD = Path(__file__).parents[1] / "superset" / "board"
READ = boards.read(BOARD)
Ask = Callable[[Clients], object]


def no_wait(_: float) -> None:
    """Time does not matter."""


def _refresh(clients: Clients) -> register.Dataset:
    return register.refresh_dataset(clients.superset)


def _import(clients: Clients) -> object:
    return boards.import_dashboard(
        clients.superset, READ, register.Dataset(1, "u", TABLE, register.Outcome.KEPT, 2)
    )


def _charts(clients: Clients) -> list[object]:
    return [
        chart_data.ask(clients.superset, one, "1 = 1")
        for one in chart_data.charts(clients.superset, "clickstream")
    ]


QUESTIONS: dict[str, Ask] = {
    "list": lambda clients: clients.druid.supervisors(),
    "status": lambda clients: supervisors.status(clients.druid, TABLE),
    "history": lambda clients: supervisors.versions(clients.druid.history(TABLE)),
    "unread": lambda clients: supervisors.unread(clients.druid, TABLE),
    "suspend": lambda clients: supervisors.suspend(clients.druid, TABLE, no_wait),
    "terminate": lambda clients: supervisors.terminate(clients.druid, TABLE, no_wait),
    "sample": lambda clients: sampler.take(clients.druid, SPEC, 1, "pyglue status"),
    "submit": lambda clients: clients.druid.submit(SPEC),
    "lost tasks": lambda clients: clients.druid.replace_lost(TABLE),
    "waiting tasks": lambda clients: clients.druid.wake(),
    "retention": lambda clients: clients.druid.set_retention(TABLE, [{"type": "loadForever"}]),
    "what runs": lambda clients: facts.supervisor(clients.druid, TABLE),
    "rows": lambda clients: facts.rows(clients.druid, TABLE),
    "a row": lambda clients: trace.row(clients.druid, TABLE, EVENT),
    "rows by minute": lambda clients: hop_counts.in_druid(clients.druid, TABLE, MINUTES),
    "columns of the dataset": lambda clients: facts.dataset(clients.superset, TABLE),
    "a chart by minute": lambda clients: hop_counts.in_superset(clients.superset, TABLE, MINUTES),
    "an event on a chart": lambda clients: chart_data.find_event(clients.superset, 1, EVENT),
    "register": lambda clients: register.register_cluster(clients.superset, uri="druid://here/"),
    "refresh": _refresh,
    "import": _import,
    "export": lambda clients: exported.read(boards.export(clients.superset, 1), TABLE),
    "slugs": lambda clients: boards.slugs(clients.superset),
    "charts": _charts,
}


@pytest.fixture(scope="module")
def well() -> Services:
    """Druid and Superset with all there is to ask for."""
    return with_all(SPEC, BOARD)


@pytest.fixture(scope="module")
def server(well: Services) -> Iterator[LocalServer]:
    """The server that plays both."""
    with serve(well) as local:
        yield local


def _clients(server: LocalServer) -> Clients:
    addresses = Addresses(**{**dict.fromkeys(Addresses.__annotations__, server.url), "kafka": "127.0.0.1:9"})
    return Clients.of(addresses, {"SUPERSET_ADMIN_PASSWORD": PASSWORD}, no_wait, 5.0)


def _asked(server: LocalServer, services: Services, ask: Ask) -> PyglueError | None:
    server.answer = services
    clients = _clients(server)
    try:
        ask(clients)
    except PyglueError as error:
        return error
    finally:
        clients.close()
    return None


@pytest.mark.parametrize("question", QUESTIONS)
def test_another_shape_is_never_a_bug_of_ours(server: LocalServer, well: Services, question: str) -> None:
    """It raises nothing but our own errors, whichever of its questions gets which shape; each says what to type."""
    server.asked.clear()
    _asked(server, well.misled(None, 0), QUESTIONS[question])
    kinds = [re.sub(r"\d+|\?.*", "", path) for path in server.paths()]
    for good in sorted({kinds.index(kind) for kind in kinds}):  # the first of each kind
        for shape, bad in SHAPES.items():
            error = _asked(server, well.misled(bad, good), QUESTIONS[question])
            assert error is None or (error.details and error.try_), (good, shape, error)
