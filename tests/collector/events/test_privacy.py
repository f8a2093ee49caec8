"""What the privacy settings make of requests: addresses cut short, events of those who do not want to be watched."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import pytest

from pyglue.collector.app import App
from pyglue.collector.config.configured import Privacy
from pyglue.collector.events.privacy import refusal
from pyglue.collector.http.plain_head import Block
from pyglue.collector.loading import load
from pyglue.errors import InputError
from tests.collector.http_fakes import JSON_EVENT, FakeOutlet, app_with
from tests.collector.support import CONF, MAPPING, SCHEMA
from tests.collector.test_app import EVENT, IS_JSON, JSON, ask

SHORT = Privacy(truncate_addresses=True)
BOTH = Privacy(honour_do_not_track=True, honour_global_privacy_control=True)
RELOAD = '"6b3edc43-20ec-4078-bc47-e965dd76b88a"'


def hosts(outlet: FakeOutlet) -> list[bytes]:
    """The addresses in the records."""
    return [value.split(b"|")[1] for _, value, _ in outlet.records]


def watched(privacy: Privacy) -> tuple[App, FakeOutlet]:
    """An app with these settings, and where its records go."""
    outlet = FakeOutlet()
    return app_with(outlet, privacy=privacy), outlet


def test_addresses_are_cut() -> None:
    """The mapping sees no more of an address than is kept, of whatever source the event is."""
    app, outlet = watched(SHORT)
    ask(app, EVENT)
    ask(app, JSON, "POST", JSON_EVENT, lines=IS_JSON)
    ask(app, EVENT, x_forwarded_for="203.0.113.77")
    assert hosts(outlet) == [b"10.0.0.0"] * 3


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("203.0.113.77", b"203.0.113.0"),
        ("198.51.100.1, 2001:db8:1:2::3", b"2001:db8:1:0:0:0:0:0"),
        ("nobody", b"10.0.0.0"),
        ("", b"localhost"),
    ],
)
def test_forwarded_addresses_are_cut(given: str, kept: bytes) -> None:
    """So is one that a proxy tells, and the proxy's own where it tells none."""
    outlet = FakeOutlet()
    app = app_with(outlet, privacy=SHORT, use_x_forwarded_for=True)
    ask(app, EVENT, x_forwarded_for=given)
    assert hosts(outlet) == [kept]


def test_no_address_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """With every request in the log there is still no address in it."""
    caplog.set_level(logging.DEBUG)
    app = app_with(FakeOutlet(), privacy=SHORT, use_x_forwarded_for=True, debug_requests=True)
    ask(app, EVENT, x_forwarded_for="203.0.113.77", forwarded="for=203.0.113.77", x_real_ip="203.0.113.77")
    assert "x-forwarded-for: ..." in caplog.text
    assert not re.search(r"203\.|10\.0\.0\.", caplog.text)


@pytest.mark.parametrize(("name", "reason"), [("dnt", "do not track"), ("sec-gpc", "global privacy control")])
def test_who_does_not_want_it_is_not_recorded(name: str, reason: str) -> None:
    """The answer is that of any event, without a cookie; the event is counted with its reason, and nowhere else."""
    app, outlet = watched(BOTH)
    other, _ = watched(BOTH)
    assert ask(app, EVENT, lines=[(name, "1")]) == ask(other, EVENT)
    answer = ask(app, JSON, "POST", JSON_EVENT, lines=[*IS_JSON, (name, "1")])
    assert (answer.status, answer.headers) == (204, (("Server", "divolte"),))
    assert outlet.records == []
    (minute,) = app.counters.close()
    assert (minute.received, minute.acknowledged, minute.dropped) == (2, 0, {reason: 2})


def test_the_refused_leave_no_trace() -> None:
    """A refused event is not remembered, needs no sink, and a reload of it is one of any event."""
    app, outlet = watched(BOTH)
    ask(app, EVENT, dnt="1")
    ask(app, EVENT)
    assert [value.split(b"|")[2] for _, value, _ in outlet.records] == [b"False"]
    outlet.ready = False
    assert (ask(app, EVENT, dnt="1").status, ask(app, EVENT).status) == (200, 503)
    assert ask(app, EVENT, dnt="1", if_none_match=RELOAD).status == 304
    assert ask(app, "/csc-event?s=1", dnt="1").status == 200
    assert app.counters["dropped: do not track"] == 2
    assert app.counters["dropped: missing p"] == 1


@pytest.mark.parametrize(
    ("privacy", "lines"),
    [
        (Privacy(), [("dnt", "1"), ("sec-gpc", "1")]),
        (Privacy(honour_do_not_track=True), [("sec-gpc", "1")]),
        (Privacy(honour_global_privacy_control=True), [("dnt", "1")]),
        (BOTH, [("dnt", "0"), ("sec-gpc", "0")]),
        (BOTH, [("dnt", ""), ("sec-gpc", "true"), ("x-dnt", "1")]),
    ],
)
def test_everybody_else_is_recorded(privacy: Privacy, lines: list[tuple[str, str]]) -> None:
    """What is not honoured, or says something else than 1, changes nothing."""
    app, outlet = watched(privacy)
    ask(app, EVENT, lines=lines)
    assert len(outlet.records) == 1


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"\r\nHost: x\r\nDNT: 1\r\n", "do not track"),
        (b"\r\nSec-GPC: 1\r\nHost: x\r\n", "global privacy control"),
        (b"\r\nsec-gpc:  1 \r\n", "global privacy control"),
        (b"\r\nDNT: 0\r\nDNT: 1\r\n", "do not track"),
        (b"\r\nDNT: 1\r\nSec-GPC: 1\r\n", "do not track"),
        (b"\r\nHost: DNT: 1\r\n", None),
        (b"\r\nDNT: 11\r\nSec-GPC: 0\r\n", None),
    ],
)
def test_signals_as_they_come(text: bytes, reason: str | None) -> None:
    """Headers are understood in any case of letters, and the first reason counts."""
    refused = refusal(BOTH)
    assert refused is not None
    assert refused(Block(text, None, None)) == reason


def test_nothing_is_looked_at_when_off() -> None:
    """Without a signal to honour no header is asked for."""
    assert refusal(Privacy(truncate_addresses=True, consent=True, cookies=False)) is None


def configured(folder: Path, mapping: str, privacy: str) -> Path:
    """A configuration with the shipped schema and this mapping."""
    (folder / "mapping.groovy").write_text(mapping)
    conf = folder / "c.conf"
    conf.write_text(
        f"""divolte {{ global {{ hdfs.enabled = false, kafka.enabled = true }}
        mappings.m {{ sources = [browser], sinks = [kafka], schema_file = "{SCHEMA}"
        mapping_script_file = "{folder / "mapping.groovy"}" }} }}
        pyglue.collector.privacy {{ {privacy} }}"""
    )
    return conf


@pytest.mark.parametrize("name", ["X-Forwarded-For", "forwarded", "CF-Connecting-IP"])
def test_headers_with_addresses(tmp_path: Path, name: str) -> None:
    """Where addresses are cut, a mapping that reads them whole from a header is refused with its place."""
    shipped = MAPPING.read_text(encoding="utf-8")
    mapping = shipped.replace("map referer()", f"map header('{name}').last()")
    line = shipped[: shipped.index("map referer()")].count("\n") + 1
    with pytest.raises(InputError) as refused:
        load(configured(tmp_path, mapping, "truncate_addresses = true"), {})
    (problem,) = refused.value.problems
    assert (problem.line, problem.message.partition(";")[0]) == (
        line,
        f"header '{name}' can't be read: it holds whole addresses, "
        "and pyglue.collector.privacy.truncate_addresses is on",
    )
    assert load(configured(tmp_path, mapping, ""), {})
    assert load(configured(tmp_path, mapping.replace(name, "X-Country"), "truncate_addresses = true"), {})


def test_the_tag_is_made_by_the_settings(tmp_path: Path) -> None:
    """What the configuration says of cookies and consent is in the tag that pages get."""
    plain = load(configured(tmp_path, MAPPING.read_text(encoding="utf-8"), ""), {})
    private = load(configured(tmp_path, MAPPING.read_text(encoding="utf-8"), "cookies.same_site = lax"), {})
    bodies = [setup.tags["browser"].answer([], None).body for setup in (plain, private)]
    assert [b"SameSite=Lax" in body for body in bodies] == [False, True]
    shipped = load(CONF, {}).tags["browser"].answer([], None).body
    assert all(word in shipped for word in (b"globalPrivacyControl", b"doNotTrack", b"SameSite=Lax"))
    assert b"_dvc" not in shipped
