"""Faults on the way: as many as said, each recognised by the collector as what it is."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from pyglue.collector.events.dropped import DroppedEvent
from pyglue.collector.events.event import Event, of_parameters, of_tag
from pyglue.collector.http import query
from pyglue.traffic import crowd, faults, people, visits
from pyglue.traffic.faults import Delivery

NOW = 1_760_000_000_000
SPAN = 20 * 60_000


@pytest.fixture(scope="module")
def found() -> list[Delivery]:
    """Twenty minutes of 20 events a second."""
    return list(faults.deliveries(crowd.actions(5, 5000, NOW, NOW + SPAN, 20.0, run="r", curved=False), 5))


def event(delivery: Delivery) -> Event:
    raw = delivery.query.encode()
    return of_tag(raw) or of_parameters(query.parameters(raw))


def test_each_action_is_delivered(found: list[Delivery]) -> None:
    """Once, or twice where it is a duplicate; in the order in which they are due."""
    times = [delivery.at_ms for delivery in found]
    assert times == sorted(times)
    actions = list(crowd.actions(5, 5000, NOW, NOW + SPAN, 20.0, run="r", curved=False))
    times_sent = Counter(delivery.action.event_id for delivery in found)
    assert set(times_sent) == {action.event_id for action in actions}
    again = {delivery.action.event_id for delivery in found if delivery.fault == "duplicate"}
    assert {one for one, count in times_sent.items() if count > 1} == again


def test_as_many_as_said(found: list[Delivery]) -> None:
    """The shares, within what chance allows."""
    counts = Counter(delivery.fault for delivery in found)
    for name, share in faults.SHARES.items():
        wanted = share * len(found)
        assert abs(counts[name] - wanted) < 5 * wanted**0.5, name


def test_the_collector_sees_each(found: list[Delivery]) -> None:
    """Only what is corrupt fails its checksum, and says the same all the same; what is unreadable is dropped."""
    for delivery in found:
        if delivery.fault == "unreadable":
            with pytest.raises(DroppedEvent):
                event(delivery)
            continue
        seen, action = event(delivery), delivery.action
        assert seen.corrupt is (delivery.fault == "corrupt")
        assert seen.event_id.decode() == action.event_id
        assert (seen.location or b"").decode() == action.location
        assert seen.client_time == action.at_ms + action.visitor.skew_ms
        if delivery.fault == "late" and delivery.at_ms < NOW + SPAN:
            assert delivery.at_ms - action.at_ms >= faults.LATE_MS


def test_no_faults_if_none_are_wanted() -> None:
    """Then every delivery is due as long after its action as a network takes, and in its order."""
    draws = random.Random(1)  # noqa: S311 - no secret
    actions = list(visits.visit(people.visitor(1, NOW, "r", draws, draws), NOW, draws, draws))
    found = list(faults.deliveries(actions, 1, {}))
    ways = [delivery.at_ms - delivery.action.at_ms for delivery in found]
    assert all(0 < way < 5000 for way in ways)
    assert len(found) == len(actions)
    assert [delivery.at_ms for delivery in found] == sorted(delivery.at_ms for delivery in found)


def test_the_way_takes_its_time(found: list[Delivery]) -> None:
    """Some tens of milliseconds for most, a quarter of a second for one in a hundred."""
    ways = sorted(one.at_ms - one.action.at_ms for one in found if not one.fault)
    assert 50 < ways[len(ways) // 2] < 70
    assert 180 < ways[len(ways) * 99 // 100] < 300
