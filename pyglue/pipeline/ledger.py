"""What the collector says of its events since its start: its ledger, as its metrics tell it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from pyglue.web import Client

PATH = "/metrics"
_PREFIX = "pyglue_collector_"


@dataclass(frozen=True)
class Ledger:
    """Events by what became of them; `spool` are records that are on the disk and not in Kafka yet."""

    received: int
    acknowledged: int
    discarded: int
    refused: int
    in_flight: int
    spool: int

    @property
    def adds_up(self) -> bool:
        """Whether every event that was received is one of the others."""
        return self.received == self.acknowledged + self.discarded + self.refused + self.in_flight


def ledger(metrics: Client) -> Ledger:
    """Ask for it. Raises Unreachable, or BadAnswer where something else than a collector's metrics came back."""
    # Here: no other command needs it.
    from prometheus_client.parser import text_string_to_metric_families

    answer = metrics.request("GET", PATH)
    found: Counter[str] = Counter()
    try:
        for family in text_string_to_metric_families(answer.text):
            for sample in family.samples:
                found[sample.name.removeprefix(_PREFIX)] += int(sample.value)
    except (ValueError, OverflowError):
        found.clear()
    if "events_received_total" not in found:
        raise metrics.bad(answer, "GET", PATH)
    return Ledger(
        received=found["events_received_total"],
        acknowledged=found["events_acknowledged_total"],
        discarded=found["events_discarded_total"],
        refused=found["events_refused_total"],
        in_flight=found["events_in_flight"],
        spool=found["spool_records"],
    )
