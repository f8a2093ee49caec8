"""What a visitor does in one visit: page views and clicks with the pauses of somebody who reads, as planned events."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlencode

from pyglue.collector.events import base36
from pyglue.traffic import site
from pyglue.traffic.people import Visitor, identifier

READING_SECONDS = 14.0  # the median pause between two actions
HASTE_SECONDS = 0.15  # a robot's
MOST_PAUSE_SECONDS = 20 * 60.0  # shorter than the 30 minutes after which a visit is another one
BOUNCE = 0.38  # the part of visits that ends after one page view
GO_ON = 0.80  # after any further page
Parameters = tuple[tuple[str, str | int], ...]


@dataclass(slots=True, eq=False)
class Action:
    """One event as it happens in a browser, at `at_ms` since 1970 by a right clock. `width` and `height`: the window."""

    visitor: Visitor
    session: str
    page_view: str
    event_id: str
    at_ms: int
    first_in_session: bool
    type: str
    location: str
    referrer: str
    width: int
    height: int
    parameters: Parameters


def visit(visitor: Visitor, begin_ms: int, chance: random.Random, names: random.Random) -> Iterator[Action]:
    """The actions of one visit that begins at `begin_ms`, in their order; identifiers come from `names`."""
    return _Visit(visitor, begin_ms, chance, names).actions()


class _Visit:
    def __init__(self, visitor: Visitor, begin_ms: int, chance: random.Random, names: random.Random) -> None:
        self._visitor = visitor
        self._chance = chance
        self._names = names
        self._now = begin_ms
        self._session = f"0:{base36.render(begin_ms + visitor.skew_ms)}:{identifier(names)}"
        self._first = True
        width, height, _ = visitor.screen
        narrow = visitor.browser.device in ("Smartphone", "Tablet")
        self._width = width if narrow else width - chance.randrange(0, 40)
        self._height = height - chance.randrange(80, 180)
        self._page_view, self._location, self._referrer, self._count = "", "", "", 0

    def actions(self) -> Iterator[Action]:
        """See `visit`."""
        chance, visitor = self._chance, self._visitor
        yield self._view(self._landing())
        if chance.random() < BOUNCE and not visitor.is_robot:
            return
        if chance.random() < site.START_OF_FUNNEL[visitor.variant]:
            yield from self._sign_up()
            return
        while chance.random() < GO_ON:
            technology = chance.choices(site.TECHNOLOGIES, cum_weights=visitor.tastes)[0].name
            yield self._act("click", ("technology", technology))
            yield self._view(site.ORIGIN + site.page_of(technology))

    def _landing(self) -> str:
        chance = self._chance
        path = chance.choices(site.LANDINGS, [share.weight for share in site.LANDINGS])[0].name
        if chance.random() < site.CAMPAIGN_SHARE:
            campaign = chance.choices(site.CAMPAIGNS, [one.weight for one in site.CAMPAIGNS])[0]
            tags = {
                "utm_source": campaign.source,
                "utm_medium": campaign.medium,
                "utm_campaign": campaign.name,
            }
            return f"{site.ORIGIN}{path}?{urlencode(tags)}"
        self._location = chance.choices(site.REFERRERS, [share.weight for share in site.REFERRERS])[0].name
        return site.ORIGIN + path

    def _sign_up(self) -> Iterator[Action]:
        for step, (path, onward) in enumerate(site.FUNNEL, 1):
            yield self._view(site.ORIGIN + path)
            yield self._act("signUpStep", ("step", step))
            if self._chance.random() >= onward:
                return

    def _view(self, location: str) -> Action:
        if not self._first:
            self._pause()
        self._referrer, self._location = self._location, location
        self._page_view, self._count = f"0:{identifier(self._names)}", 0
        return self._event("pageView", ())

    def _act(self, type_: str, parameter: tuple[str, str | int]) -> Action:
        self._pause()
        return self._event(type_, (parameter, ("variant", self._visitor.variant)))

    def _event(self, type_: str, parameters: Parameters) -> Action:
        action = Action(
            self._visitor,
            self._session,
            self._page_view,
            f"{self._page_view}{base36.DIGITS[self._count]}",
            self._now,
            self._first,
            type_,
            self._location,
            self._referrer,
            self._width,
            self._height,
            parameters,
        )
        self._first = False
        self._count += 1
        return action

    def _pause(self) -> None:
        median = HASTE_SECONDS if self._visitor.is_robot else READING_SECONDS
        seconds = min(median * self._chance.lognormvariate(0, 0.9), MOST_PAUSE_SECONDS)
        self._now += max(int(seconds * 1000), 1)
