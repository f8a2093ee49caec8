"""The pure part of the traffic: the same for the same seed, plausible, and exactly what the tag would send."""

from __future__ import annotations

import random
from collections import Counter
from itertools import pairwise
from statistics import mean, median

from hypothesis import given
from hypothesis import strategies as st

from pyglue.collector.events import base36
from pyglue.collector.events.event import of_parameters, of_tag
from pyglue.collector.events.useragent import parse
from pyglue.collector.http import query
from pyglue.traffic import crowd, people, schedule, site, visits, wire
from pyglue.traffic.people import Visitor
from pyglue.traffic.visits import Action

NOW = 1_760_000_000_000
HOUR = 3_600_000
RUN = "run01x"


def chance(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - no secret


def many(count: int) -> list[Visitor]:
    """So many different visitors."""
    draws = chance(7)
    return [people.visitor(number, NOW, RUN, draws, draws) for number in range(count)]


MANY = many(3000)
VISITS = [
    list(visits.visit(visitor, NOW, chance(visitor.number), chance(visitor.number))) for visitor in MANY
]


def plain(action: Action) -> tuple[object, ...]:
    """What can be compared of an action."""
    return (action.visitor.party, *(getattr(action, name) for name in Action.__slots__ if name != "visitor"))


def test_the_same_seed_makes_the_same_people() -> None:
    """Each is somebody else, and carries the run's name."""
    assert [visitor.party for visitor in many(50)] == [visitor.party for visitor in MANY[:50]]
    assert len({visitor.party for visitor in MANY}) == len(MANY)
    assert all(visitor.party.split(":")[2].startswith(RUN) for visitor in MANY)
    assert all(len(visitor.party.split(":")[2]) == 32 for visitor in MANY)


@given(st.integers(0, 2**32))
def test_the_collector_takes_what_is_sent(seed: int) -> None:
    """Every query is in the tag's own form, whole, and says what the action says; the general parser agrees."""
    draws = chance(seed)
    visitor = people.visitor(0, NOW, RUN, draws, draws)
    for action in visits.visit(visitor, NOW, draws, draws):
        raw = wire.query(action).encode()
        query.check_target(raw)
        event = of_tag(raw)
        assert event is not None
        assert not event.corrupt
        assert vars(event) == vars(of_parameters(query.parameters(raw)))
        assert (event.party.decode(), event.session.decode()) == (visitor.party, action.session)
        assert event.event_id.decode() == action.event_id
        assert (event.client_time, event.first_in_session) == (
            action.at_ms + visitor.skew_ms,
            action.first_in_session,
        )
        assert (event.location or b"").decode() == action.location
        assert (event.referer or b"").decode() == action.referrer
        assert (event.screen_width, event.screen_height, event.device_pixel_ratio) == visitor.screen
        assert (event.viewport_width, event.viewport_height) == (action.width, action.height)
        if action.parameters:
            assert event.parameters() == dict(action.parameters)


def test_headers_are_a_browsers() -> None:
    """Only a robot that is known by it leaves its languages out."""
    for visitor, found in zip(MANY, VISITS, strict=True):
        headers = wire.headers(found[0], "localhost:1")
        assert headers["User-Agent"] == visitor.user_agent
        assert ("Accept-Language" in headers) is (visitor.browser.robot != "no Accept-Language")


def test_visits_are_visits() -> None:
    """One session each, times that grow, no pause as long as a session's end, and its first event is marked."""
    for found in VISITS:
        assert len({action.session for action in found}) == 1
        assert [action.first_in_session for action in found] == [True] + [False] * (len(found) - 1)
        times = [action.at_ms for action in found]
        assert all(0 < late - early <= 20 * 60_000 for early, late in pairwise(times))
        assert len({action.event_id for action in found}) == len(found)


def test_people_are_plausible() -> None:
    """A part are robots, a part of humans leaves at once, they read, and what is popular is clicked more often."""
    robots = [visitor for visitor in MANY if visitor.is_robot]
    assert 0.02 < len(robots) / len(MANY) < 0.07
    assert {visitor.browser.robot for visitor in robots} == {
        "user agent",
        "no Accept-Language",
        people.UNSEEN,
    }
    human = [found for found in VISITS if not found[0].visitor.is_robot]
    assert 0.3 < mean(len(found) == 1 for found in human) < 0.6
    pauses = [b.at_ms - a.at_ms for found in human for a, b in pairwise(found)]
    assert 10_000 < median(pauses) < 20_000
    clicks = Counter(
        action.parameters[0][1] for found in VISITS for action in found if action.type == "click"
    )
    counts = [clicks[share.name] for share in site.TECHNOLOGIES]
    assert counts == sorted(counts, reverse=True)
    skewed = [visitor.skew_ms for visitor in MANY if visitor.skew_ms]
    assert 0.01 < len(skewed) / len(MANY) < 0.03
    assert all(2 * 60_000 <= abs(skew) <= 90 * 60_000 for skew in skewed)


def test_some_are_new() -> None:
    """A new visitor's identifier is as old as the first visit, the others' at least half a day older."""
    ages = [
        int(found[0].session.split(":")[1], 36) - int(visitor.party.split(":")[1], 36)
        for visitor, found in zip(MANY, VISITS, strict=True)
    ]
    assert 0.55 < mean(age == 0 for age in ages) < 0.7
    assert all(age == 0 or age >= 12 * HOUR for age in ages)


def test_browsers_are_what_they_say() -> None:
    """The parser of user agents finds the family and the device that the truth will name, and the robots that say so."""
    for browser in (*people.BROWSERS, *people.ROBOTS):
        found = parse(browser.header.format(version=browser.versions[0]))
        assert (found.family, found.device_category) == (browser.family, browser.device)
        assert (found.type == "Robot") is (browser.robot == "user agent")


def test_a_week_is_average() -> None:
    """Over a week as many visits begin as were asked for; at night fewer than in the evening."""
    week = list(schedule.beginnings(NOW, NOW + 7 * 24 * HOUR, 0.05, chance(1)))
    assert 0.93 < len(week) / (7 * 86_400 * 0.05) < 1.07
    by_hour = [sum(at // HOUR % 24 == hour for at in week) for hour in range(24)]
    assert by_hour[20] > 4 * by_hour[3]
    assert week == sorted(week)


def test_a_crowd_keeps_order_and_rate() -> None:
    """Actions come in the order of time, about as many as asked for from the first minute on, one visit a visitor."""
    found = list(crowd.actions(3, 5000, NOW, NOW + HOUR, 10.0, run=RUN, curved=False))
    times = [action.at_ms for action in found]
    assert times == sorted(times)
    assert times[0] >= NOW
    assert times[-1] < NOW + HOUR
    assert 0.9 < len(found) / 36_000 < 1.1
    for minute in range(6):
        begin = NOW + minute * 60_000
        assert 0.7 < sum(begin <= at < begin + 60_000 for at in times) / 600 < 1.3
    open_session: dict[str, str] = {}
    for action in found:
        party = action.visitor.party
        if open_session.get(party) != action.session:
            assert action.first_in_session or party not in open_session
            open_session[party] = action.session
    again = crowd.actions(3, 5000, NOW, NOW + HOUR, 10.0, run=RUN, curved=False)
    assert list(map(plain, found)) == list(map(plain, again))


def test_there_are_enough_visitors() -> None:
    """With as few as are said to be enough, a visitor who is not here can be found, and the rate is kept."""
    least = crowd.least_visitors(50.0)
    found = sum(1 for _ in crowd.actions(3, least, NOW, NOW + 600_000, 50.0, run=RUN, curved=False))
    assert 0.9 < found / 30_000 < 1.1
    assert base36.parse(RUN) is not None
