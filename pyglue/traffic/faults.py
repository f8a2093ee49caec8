"""What goes wrong between a browser and the collector, on purpose and by known numbers.

    duplicate   a proxy, or a tag that saw no answer, sends the event again
    corrupt     somebody on the way changes the address, so that the checksum does not fit any more
    late        a phone without a network sends what it kept, minutes or hours later
    unreadable  the party identifier is cut off: the collector answers such an event and drops it

Wrong clocks belong to the visitors, for they are always wrong by the same time.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count

from pyglue.traffic import wire
from pyglue.traffic.visits import Action

SHARES = {"duplicate": 0.004, "corrupt": 0.003, "late": 0.005, "unreadable": 0.001}  # of the events
LATE_MS = 60_000  # the least
WAY_LOG_MS, WAY_SPREAD = (
    4.1,
    0.6,
)  # from browser to collector: 60 ms in the median, one in a hundred over 240 ms
AFTER_MS = 5000  # within which everything comes after the last action
_MOST_LATE_MS = 6 * 3_600_000


@dataclass(slots=True, eq=False)
class Delivery:
    """A request to the collector: when it is due (since 1970, by a right clock), for which action, with which query.

    `fault` names what is wrong with it, empty if nothing is.
    """

    at_ms: int
    action: Action
    query: str
    fault: str = ""


def deliveries(
    actions: Iterable[Action], seed: int, shares: Mapping[str, float] = SHARES
) -> Iterator[Delivery]:
    """The requests for `actions` (which come in the order of time), in the order in which they are due.

    What would be late beyond the last action is due then, so that nothing is left out.
    """
    chance = random.Random(f"faults:{seed}")  # noqa: S311 - no secret
    order = count()
    waiting: list[tuple[int, int, Delivery]] = []
    last_ms = 0
    for action in actions:
        last_ms = action.at_ms
        while waiting and waiting[0][0] <= last_ms:
            yield heapq.heappop(waiting)[2]
        way_ms = int(chance.lognormvariate(WAY_LOG_MS, WAY_SPREAD))
        delivery = Delivery(last_ms + way_ms, action, wire.query(action), _drawn(chance, shares))
        if delivery.fault:
            for one in _spoiled(delivery, chance):
                heapq.heappush(waiting, (one.at_ms, next(order), one))
        else:
            heapq.heappush(waiting, (delivery.at_ms, next(order), delivery))
    while waiting:
        delivery = heapq.heappop(waiting)[2]
        delivery.at_ms = min(delivery.at_ms, last_ms + AFTER_MS)
        yield delivery


def _drawn(chance: random.Random, shares: Mapping[str, float]) -> str:
    left = chance.random()
    for name, share in shares.items():
        left -= share
        if left < 0:
            return name
    return ""


def _spoiled(delivery: Delivery, chance: random.Random) -> Iterator[Delivery]:
    """What becomes of a delivery with a fault."""
    if delivery.fault == "duplicate":
        at_ms = delivery.at_ms + chance.randrange(50, 5000)
        yield Delivery(delivery.at_ms, delivery.action, delivery.query)
        yield Delivery(at_ms, delivery.action, delivery.query, "duplicate")
        return
    if delivery.fault == "corrupt":
        delivery.query = delivery.query.replace("&k=", "&k=1", 1)
    elif delivery.fault == "unreadable":
        delivery.query = f"p=0%3Azz&{delivery.query.partition('&')[2]}"
    elif delivery.fault == "late":
        delivery.at_ms += LATE_MS + int(chance.random() ** 3 * _MOST_LATE_MS)
    yield delivery
