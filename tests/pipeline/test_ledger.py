"""The collector's ledger, read from its metrics."""

from __future__ import annotations

import pytest

from pyglue.errors import BadAnswer, Unreachable
from pyglue.pipeline.ledger import Ledger, ledger
from pyglue.web import Client
from tests.bad_services import ANSWERS, Bad
from tests.local_server import Reply, serve

TEXT = b"""\
# TYPE pyglue_collector_events_received_total counter
pyglue_collector_events_received_total 12.0
# TYPE pyglue_collector_events_acknowledged_total counter
pyglue_collector_events_acknowledged_total 6.0
# TYPE pyglue_collector_events_discarded_total counter
pyglue_collector_events_discarded_total{reason="duplicate"} 2.0
pyglue_collector_events_discarded_total{reason="bad p"} 1.0
# TYPE pyglue_collector_events_refused_total counter
pyglue_collector_events_refused_total{reason="spool full"} 1.0
# TYPE pyglue_collector_events_in_flight gauge
pyglue_collector_events_in_flight 2.0
# TYPE pyglue_collector_spool_records gauge
pyglue_collector_spool_records 5.0
"""


def test_what_became_of_events() -> None:
    """Reasons are added up."""
    with serve(lambda _: Reply(200, TEXT)) as server, Client(server.url, "divolte") as metrics:
        assert ledger(metrics) == Ledger(12, 6, 3, 1, 2, 5)


@pytest.mark.parametrize("bad", [*ANSWERS.values(), lambda _: Reply(200, b"up 1\n")])
def test_what_is_no_collectors_metrics_is_told(bad: Bad) -> None:
    """Never a traceback, and never a ledger of zeros."""
    with (
        serve(bad) as server,
        Client(server.url, "divolte", timeout=2) as metrics,
        pytest.raises((BadAnswer, Unreachable)),
    ):
        ledger(metrics)
