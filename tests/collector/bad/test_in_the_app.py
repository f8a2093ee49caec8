"""Which events are kept as bad ones: those that were answered with success and not recorded, but for what nobody wants."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from pyglue.collector.app import App, Place
from pyglue.collector.avro import schema
from pyglue.collector.bad.entries import KINDS, Came, Lost, kind
from pyglue.collector.bad.keeping import HeadersKept
from pyglue.collector.config.configured import Privacy
from pyglue.collector.counting.counters import Counters
from pyglue.collector.duplicates import DuplicateMemory
from pyglue.collector.events.dropped import DroppedEvent
from pyglue.collector.events.event import Event
from pyglue.collector.http.headers import Headers
from pyglue.collector.http.request import Request
from pyglue.collector.sources import EventsAt, JsonEventsAt, Pipeline
from tests.collector.http_fakes import JSON_EVENT, NOW, FakeOutlet, Timer, encode, event_query
from tests.collector.support import SCHEMA, encoder, shipped_encoder
from tests.collector.test_app import IS_JSON, JSON, ask

EVENT = f"/csc-event?{event_query()}"


class Kept:
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.all: list[tuple[Came, list[Lost]]] = []

    def keep(self, came: Came, lost: Sequence[Lost]) -> None:
        """See Keeper."""
        self.all.append((came, list(lost)))

    def of(self, lines: Headers) -> tuple[tuple[str, str], ...]:
        """See Keeper."""
        return HeadersKept((b"user-agent",), ()).of(lines)

    @property
    def reasons(self) -> list[str]:
        """Of the first record of each."""
        return [lost[0].reason for _, lost in self.all]


def unfit(event: Event) -> bytes:
    """A mapping whose record lacks something."""
    raise DroppedEvent("no value for field a")


def app_of(kept: Kept, *pipelines: Pipeline, **settings: Any) -> App:
    """An app that keeps bad events, with a path for browsers and one for JSON."""
    table: dict[str, Place] = {
        "/csc-event": EventsAt(pipelines),
        "/json": JsonEventsAt(pipelines, "p", 5000),
    }
    clocks = {"clock": lambda: NOW, "later": Timer().later}
    return App(table, DuplicateMemory(100), Counters(), retry_after_s=1, bad=kept, **{**clocks, **settings})


def test_an_event_that_can_not_be_read_is_kept_as_it_came() -> None:
    """Its target, the headers that a mapping reads, and the address as it is recorded; it lacks every record."""
    kept = Kept()
    app = app_of(kept, Pipeline(encode, (FakeOutlet(),), name="m"), privacy=Privacy(truncate_addresses=True))
    assert ask(app, "/csc-event?s=1&u=%E2%82", user_agent="A", cookie="secret").status == 200
    target = b"/csc-event?s=1&u=%E2%82"
    came = Came(NOW, "GET", target, b"", (("user-agent", "A"),), "10.0.0.0")
    assert kept.all == [(came, [Lost("missing p")])]


def test_so_is_a_body_that_can_not_be_read() -> None:
    """To the byte."""
    kept = Kept()
    app = app_of(kept, Pipeline(encode, (FakeOutlet(),)))
    assert ask(app, JSON, "POST", b'{"a": \xff', IS_JSON).status == 204
    ((came, lost),) = kept.all
    assert (came.method, came.target, came.body) == ("POST", JSON.encode(), b'{"a": \xff')
    assert lost == [Lost("bad json")]


@pytest.mark.parametrize("target", ["/json", "/json?p=", "/json?p=bad", "/json?p=bad&p=0%3Alq1a7c3k%3Aparty"])
def test_an_app_without_a_party_is_told_so(target: str) -> None:
    """By 400, as Divolte does, so that nothing is kept; only the first `p` counts."""
    kept = Kept()
    app = app_of(kept, Pipeline(encode, (FakeOutlet(),)))
    assert ask(app, target, "POST", JSON_EVENT, IS_JSON).status == 400
    assert (kept.all, app.counters["incomplete request"]) == ([], 1)


def test_an_event_of_which_a_record_can_not_be_made_is_kept_with_what_it_lacks() -> None:
    """Only the records that were not made: of which mapping, and into which place."""
    kept, narrow = Kept(), FakeOutlet()
    narrow.max_bytes = 1
    narrow.place = "narrow"
    app = app_of(
        kept,
        Pipeline(unfit, (FakeOutlet(),), name="unfit"),
        Pipeline(encode, (FakeOutlet(), narrow), name="fit"),
    )
    assert ask(app, EVENT).status == 200
    ((came, lost),) = kept.all
    assert lost == [Lost("no value for field a", "unfit"), Lost("too large", "fit", "narrow")]
    assert (came.duplicate, came.time_ms) == (False, NOW)
    ask(app, EVENT)
    assert kept.all[1][0].duplicate is True


def test_a_damaged_event_is_kept_where_a_mapping_discards_it() -> None:
    """Where it is only marked, it has its record."""
    for discards, reasons in ((True, ["corrupt"]), (False, [])):
        kept = Kept()
        ask(app_of(kept, Pipeline(encode, (FakeOutlet(),), discard_corrupted=discards)), EVENT + "0")
        assert kept.reasons == reasons


def test_each_kind_of_cause_is_kept() -> None:
    """By the shipped schema and mappings of which each has another fault; one event for each of KINDS."""
    no_group = "def m = match 'c.*' against eventType()\nmap m.group(3) onto 'referer'"
    faulty = f"mapping {{\nmap timestamp() onto 'timestamp'\n{no_group}\n}}"
    narrow = FakeOutlet()
    narrow.max_bytes = 1
    record = schema.read(SCHEMA)
    found = {}
    for target, pipeline in (
        ("/csc-event?s=1", Pipeline(encode, (FakeOutlet(),))),
        (
            f"/csc-event?{event_query(client_time_ms=0).replace('&c=0', '&c=!')}",
            Pipeline(encode, (FakeOutlet(),)),
        ),
        (EVENT + "0", Pipeline(encode, (FakeOutlet(),), discard_corrupted=True)),
        (EVENT, Pipeline(encoder(faulty, record), (FakeOutlet(),))),
        (EVENT, Pipeline(encoder("mapping { }", record), (FakeOutlet(),))),
        (EVENT, Pipeline(shipped_encoder(), (narrow,))),
    ):
        kept = Kept()
        assert ask(app_of(kept, pipeline), target).status == 200
        (reason,) = kept.reasons
        found[kind(reason)] = reason
    assert found == {
        "identifier": "missing p",
        "parse": "bad c",
        "checksum": "corrupt",
        "mapping": "no such group in a regular expression",
        "schema": "no value for field detectedDuplicate",
        "size": "too large",
    }
    assert set(found) == set(KINDS)


@pytest.mark.parametrize("signal", ["dnt", "sec-gpc"])
@pytest.mark.parametrize("target", [EVENT, "/csc-event?s=1"])
def test_what_the_visitor_does_not_want_is_never_kept(signal: str, target: str) -> None:
    """Not even where the event could not have been read."""
    kept = Kept()
    privacy = Privacy(honour_do_not_track=True, honour_global_privacy_control=True)
    app = app_of(kept, Pipeline(unfit, (FakeOutlet(),)), privacy=privacy)
    assert ask(app, target, lines=[(signal, "1")]).status == 200
    assert kept.all == []


def test_what_the_configuration_leaves_out_is_not_kept() -> None:
    """Duplicates, a source without a mapping, a mapping without a sink, and reloads."""
    kept = Kept()
    app = app_of(kept, Pipeline(encode, (FakeOutlet(),), discard_duplicates=True))
    ask(app, EVENT)
    ask(app, EVENT)
    ask(app, "/csc-event?s=1", if_none_match='"6b3edc43-20ec-4078-bc47-e965dd76b88a"')
    ask(app_of(kept), EVENT)
    ask(app_of(kept, Pipeline(encode, ())), EVENT)
    assert kept.all == []


def test_an_event_that_is_refused_is_not_kept() -> None:
    """Its client sends it again, and then it would be there twice."""
    kept, outlet = Kept(), FakeOutlet(verdict=False)
    app = app_of(kept, Pipeline(unfit, (FakeOutlet(),), name="unfit"), Pipeline(encode, (outlet,)))
    assert (ask(app, EVENT).status, kept.all) == (503, [])
    assert (ask(app, JSON, "PUT", JSON_EVENT, IS_JSON).status, kept.all) == (405, [])
    outlet.verdict = True
    assert (ask(app, EVENT).status, kept.reasons) == (200, ["no value for field a"])
    outlet.ready = False
    assert (ask(app, EVENT).status, len(kept.all)) == (503, 1)


def test_an_event_that_was_late_is_kept_once_its_next_try_is_answered() -> None:
    """With what it lacks: the next try makes no record of its own."""
    kept, outlet = Kept(), FakeOutlet(verdict=None)
    app = app_of(kept, Pipeline(unfit, (FakeOutlet(),), name="unfit"), Pipeline(encode, (outlet,)))
    answers: list[int] = []
    request = Request("GET", EVENT.encode(), [], b"::1")
    app.respond(request, lambda answer: answers.append(answer.status))
    outlet.be_late()
    assert (answers, ask(app, EVENT).status, kept.all) == ([503], 503, [])
    (after_all,) = outlet.late
    after_all(None)
    assert (ask(app, EVENT).status, kept.reasons) == (200, ["no value for field a"])


def test_without_a_folder_nothing_changes() -> None:
    """The same answers, and counts."""
    app = App(
        {"/csc-event": EventsAt((Pipeline(unfit, (FakeOutlet(),)),))},
        DuplicateMemory(10),
        Counters(),
        clock=lambda: NOW,
        later=Timer().later,
        retry_after_s=1,
    )
    assert [ask(app, EVENT).status, ask(app, "/csc-event?s=1").status] == [200, 200]
    assert app.counters["dropped: no value for field a"] == 1
