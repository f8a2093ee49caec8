"""Scrapes read back by Prometheus' own parser, and what always holds of them."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from pyglue.collector.counting.metrics import PREFIX


class Scrape:
    """One scrape, as values by name (without the collector's prefix) and labels."""

    def __init__(self, text: str) -> None:
        self.families = {family.name: family for family in text_string_to_metric_families(text)}
        self.samples: list[Sample] = [
            sample for family in self.families.values() for sample in family.samples
        ]

    def value(self, name: str, **labels: str) -> float:
        """The value of a sample; 0 if there is none."""
        found = [one for one in self.samples if (one.name, one.labels) == (PREFIX + name, labels)]
        return found[0].value if found else 0

    def by_label(self, name: str) -> dict[str, float]:
        """The values of a metric with one label."""
        return {
            label: one.value
            for one in self.samples
            if one.name == PREFIX + name
            for label in one.labels.values()
        }

    @property
    def fates(self) -> dict[str, float]:
        """How many events are in which state."""
        return {
            "acknowledged": self.value("events_acknowledged_total"),
            "in flight": self.value("events_in_flight"),
            **{f"discarded: {why}": n for why, n in self.by_label("events_discarded_total").items()},
            **{f"refused: {why}": n for why, n in self.by_label("events_refused_total").items()},
        }

    @property
    def received(self) -> float:
        """Events that came."""
        return self.value("events_received_total")

    def adds_up(self) -> bool:
        """Whether every event that came is in one state."""
        return self.received == sum(self.fates.values())
