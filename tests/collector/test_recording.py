"""Events that come in one turn of the loop, and are taken together."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hypothesis import given
from hypothesis import strategies as st

from pyglue.collector import recording
from pyglue.collector.app import App, Place
from pyglue.collector.counting.counters import Counters
from pyglue.collector.duplicates import DuplicateMemory
from pyglue.collector.events.event import Event
from pyglue.collector.http.headers import Headers
from pyglue.collector.http.request import Request
from pyglue.collector.sources import EventsAt, JsonEventsAt, Pipeline
from tests.collector.http_fakes import JSON_EVENT, NOW, PARTY, FakeOutlet, Timer, encode, event_query

JSON = b"application/json"


class Site:
    """An app, and the end of its turns when the test says so; without `turns` each event is a turn of its own."""

    def __init__(self, *, turns: bool = True) -> None:
        self.strict, self.lax = FakeOutlet(verdict=None), FakeOutlet(verdict=None)
        self.answers: list[list[int]] = []
        self.ends: list[Callable[[], None]] = []
        pipelines = (
            Pipeline(picky, (self.strict,), discard_corrupted=True, discard_duplicates=True),
            Pipeline(picky, (self.lax,)),
        )
        table: dict[str, Place] = {
            "/csc-event": EventsAt(pipelines),
            "/strict": EventsAt(pipelines[:1]),
            "/json": JsonEventsAt(pipelines, "p", 5000),
        }
        self.app = App(
            table,
            DuplicateMemory(1000),
            Counters(),
            clock=lambda: NOW,
            later=Timer().later,
            soon=self.ends.append if turns else recording.at_once,
            retry_after_s=3,
        )

    def ask(self, target: str, method: str = "GET", body: bytes = b"", headers: Headers = ()) -> None:
        """Have a request answered, now or later."""
        answers: list[int] = []
        self.answers.append(answers)
        request = Request(method, target.encode(), headers, b"::1", body)
        self.app.respond(request, lambda answer: answers.append(answer.status))

    def end_turn(self) -> None:
        """Take what came."""
        ends = list(self.ends)
        self.ends.clear()
        for end in ends:
            end()

    def acknowledge(self) -> None:
        """All records are safe."""
        self.strict.acknowledge_all()
        self.lax.acknowledge_all()


def picky(event: Event) -> bytes:
    """A mapping with a bug of ours: it can't stand one page view."""
    if event.page_view == b"bug":
        raise KeyError
    return encode(event)


# What may come: events, some of them twice, damaged, in another order or unreadable, and what is no event.
KINDS: Sequence[Callable[[Site], None]] = (
    lambda site: site.ask(f"/csc-event?{event_query('e1')}"),
    lambda site: site.ask(f"/strict?{event_query('e1')}"),
    lambda site: site.ask(f"/strict?{event_query('e2')}"),
    lambda site: site.ask(f"/csc-event?{event_query('e2')}0"),
    lambda site: site.ask("/csc-event?" + "&".join(sorted(event_query("e3").split("&")))),
    lambda site: site.ask(f"/csc-event/?{event_query('e3')}"),
    lambda site: site.ask(f"/csc-event?{event_query('e4', page_view_id='bug')}"),
    lambda site: site.ask("/csc-event?p=1"),
    lambda site: site.ask("/csc-event?p=%ZZ"),
    lambda site: site.ask(f"/csc-event?{event_query('e5')}", headers=[(b"if-none-match", b"*")]),
    lambda site: site.ask(f"/csc-event?{event_query('e5')}", "get"),
    lambda site: site.ask(f"/csc-event?{event_query('e5')}", "PUT"),
    lambda site: site.ask(f"/json?p={PARTY.decode()}", "POST", JSON_EVENT, [(b"content-type", JSON)]),
    lambda site: site.ask(f"/json?p={PARTY.decode()}", "POST", b"{", [(b"content-type", JSON)]),
    lambda site: site.app.count("no room"),
)
VERDICTS = (None, None, True, False)  # of sinks: mostly later


@given(
    st.lists(
        st.tuples(
            st.sampled_from(KINDS),
            st.booleans(),
            st.integers(0, 9).map(lambda number: not number),
            st.sampled_from(VERDICTS),
        )
    )
)
def test_a_turn_makes_no_difference(
    came: list[tuple[Callable[[Site], None], bool, bool, bool | None]],
) -> None:
    """Records, their order, answers and counts are the same, whether events come one by one or together.

    Before a turn ends, some sinks acknowledge what waits; during one, each may take, refuse or keep all that comes.
    """
    one_by_one, together = Site(turns=False), Site()
    verdict: bool | None = None
    waiting: list[Callable[[Site], None]] = []
    for ask, ends, acknowledged, next_verdict in came:
        waiting.append(ask)
        if not (ends or acknowledged):
            continue
        for site in (one_by_one, together):
            site.strict.verdict = verdict
            for one in waiting:
                one(site)
            site.end_turn()
            if acknowledged:
                site.acknowledge()
        waiting, verdict = [], next_verdict
    for site in (one_by_one, together):
        site.acknowledge()
    assert together.strict.records == one_by_one.strict.records
    assert together.lax.records == one_by_one.lax.records
    assert together.answers == one_by_one.answers
    assert all(len(answers) == 1 for answers in together.answers)
    assert together.app.counters.totals() == one_by_one.app.counters.totals()
    assert together.app.idle


def test_more_than_are_taken_together() -> None:
    """A long turn is taken in parts: none is left out, and all keep their order."""
    site = Site()
    count = 2 * recording.TOGETHER + 1
    for number in range(count):
        site.ask(f"/csc-event?{event_query(f'e{number}')}")
    assert len(site.ends) == 1
    site.end_turn()
    sent = [value.partition(b"|")[0] for _, value, _ in site.lax.records]
    assert sent == [f"e{number}".encode() for number in range(count)]
    site.acknowledge()
    assert site.answers == [[200]] * count


def test_an_event_is_under_way_before_its_turn_ends() -> None:
    """So a collector that ends does not leave it behind."""
    site = Site()
    assert site.app.idle
    site.ask(f"/csc-event?{event_query()}")
    assert not site.app.idle
    site.end_turn()
    assert not site.app.idle
    site.acknowledge()
    assert site.app.idle


def test_a_bug_costs_its_event_alone() -> None:
    """Those that came in the same turn, before it and after it, are recorded."""
    site = Site()
    for number, view in enumerate(("v", "bug", "v")):
        site.ask(f"/csc-event?{event_query(f'e{number}', page_view_id=view)}")
    site.end_turn()
    site.acknowledge()
    assert site.answers == [[200], [500], [200]]
    assert len(site.lax.records) == 2
    assert site.app.counters["internal error"] == 1


def test_the_first_event_of_a_duplicate_in_the_same_turn_fails() -> None:
    """The second one counts as the first, as if they had come in two turns."""
    site = Site()
    site.strict.verdict = False
    for _ in range(2):
        site.ask(f"/strict?{event_query()}")
    site.end_turn()
    assert site.answers == [[503], [503]]
    assert [value.split(b"|")[2] for _, value, _ in site.strict.records] == [b"False", b"False"]


def test_two_duplicates_of_one_turn_whose_firsts_fail() -> None:
    """Each is looked up again, for the fate of its first may have become known meanwhile."""
    site = Site()
    site.strict.verdict = False
    for name in ("e1", "e2", "e1", "e2"):
        site.ask(f"/strict?{event_query(name)}")
    site.end_turn()
    assert site.answers == [[503]] * 4
    assert [value.split(b"|")[2] for _, value, _ in site.strict.records] == [b"False"] * 4
