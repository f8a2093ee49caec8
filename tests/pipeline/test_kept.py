"""Bad events read where the collector has kept them, and their lines."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import cast

import pytest

from pyglue.collector.bad.entries import BadEvent
from pyglue.engine import Engine
from pyglue.errors import PyglueError
from pyglue.pipeline import kept
from pyglue.pipeline.tail import Begin
from tests.pipeline.bad_events import TIME, Files, bad_event, unreadable


def numbers(found: Iterable[BadEvent]) -> list[int]:
    """Their numbers."""
    return [int(event.id.partition("-")[2]) for event in found]


def test_all_but_those_that_were_sent() -> None:
    """Lines that can't be read are counted."""
    files = Files(bad_event(1), bad_event(2), bad_event(3))
    files.rest = b'{"torn\n'
    found = kept.Kept(cast(Engine, files), {"test-2"})
    assert (numbers(found), found.torn) == ([1, 3], 1)
    assert list(kept.Kept(cast(Engine, Files()), ())) == []


def test_a_folder_that_can_not_be_read_is_told() -> None:
    """With the code of the catalogue, whoever asks."""
    files = Files(bad_event(1))
    now = [TIME / 1000]
    following = kept.Following(cast(Engine, files), (), lambda: now[0])
    files.error = PermissionError(13, "Permission denied")
    asks: list[Callable[[], object]] = [
        lambda: list(kept.Kept(cast(Engine, files), ())),
        lambda: list(following.first(Begin())),
        lambda: following.fresh(),
    ]
    now[0] += 1
    for ask in asks:
        with pytest.raises(PyglueError) as caught:
            ask()
        assert caught.value.code == "bad-events-unreadable"


@pytest.mark.parametrize(
    ("begin", "expected"),
    [
        (Begin(), []),
        (Begin(follow=False), [1, 2, 3]),
        (Begin(last=2), [2, 3]),
        (Begin(last=0), []),
        (Begin(last=9), [1, 2, 3]),
        (Begin(since_ms=TIME + 2000), [2, 3]),
    ],
)
def test_they_begin_where_the_topic_does(begin: Begin, expected: list[int]) -> None:
    """With the last ones, a time, all, or only what comes."""
    engine = cast(Engine, Files(bad_event(1), bad_event(2), bad_event(3)))
    assert numbers(kept.Following(engine, (), lambda: TIME / 1000).first(begin)) == expected


def test_what_comes_later_is_followed() -> None:
    """Looked for once a second, each event once, also over midnight."""
    now = [TIME / 1000]
    files = Files(bad_event(1))
    following = kept.Following(cast(Engine, files), {"test-9"}, lambda: now[0])
    assert list(following.first(Begin())) == []
    files.events += [bad_event(2), bad_event(9)]
    now[0] += 0.5
    assert following.fresh() == []
    now[0] += 0.5
    assert numbers(following.fresh()) == [2]
    files.events.append(bad_event(3))
    now[0] += 86_400  # the day's last ones, written since the last look
    assert numbers(following.fresh()) == [3]
    now[0] += 86_400
    assert following.fresh() == []


def test_a_look_reads_only_what_is_new() -> None:
    """The file of a day may be large; one that shrank or was replaced is read anew, and a line once it is whole."""
    now = [TIME / 1000]
    files = Files(*(bad_event(number) for number in range(1, 9)))
    following = kept.Following(cast(Engine, files), (), lambda: now[0])

    def look() -> list[int]:
        now[0] += 1
        files.read = 0
        return numbers(following.fresh())

    line = len(bad_event(1).line()) + 1
    assert look() == list(range(1, 9))
    assert (look(), files.read) == ([], line)
    whole = bad_event(9).line().encode() + b"\n"
    files.rest = whole[:50]
    assert look() == []
    files.rest = whole
    assert (look(), files.read) == ([9], line + len(whole))
    files.rest = b""
    files.events = [bad_event(number) for number in range(10, 13)]
    assert look() == [10, 11, 12]
    files.events = [bad_event(number) for number in range(20, 29)]
    assert look() == list(range(20, 29))


def test_what_is_nested_too_deeply_is_shown_by_its_first_bytes() -> None:
    """Also if it can just be read, and not be written any more."""
    for depth in (*range(900, 1010), 8000):
        deep = b'{"parameters": ' + b"[" * depth + b"]" * depth + b"}"
        body = bad_event(1, method="POST", target=b"/api/events?p=1", body=deep)
        custom = bad_event(2, target=b"/csc-event?u=" + b"a" * depth + b"." * depth)
        for event, size in ((body, len(deep)), (custom, 2 * depth + 2)):
            assert f", {size:,} bytes  " in kept.line(event)
            assert json.loads(kept.json_line(event))["_size"] == size


def test_a_line_tells_what_can_be_read() -> None:
    """When, why, where it was sent to, and what a browser's event or an app's says."""
    text = kept.line(unreadable())
    assert text.endswith("kept: missing p (identifier), /csc-event, 11 bytes  t=click")
    body = b'{"event_type": "buy", "parameters": {"price": 1}, "more": 1}'
    app = bad_event(2, "unknown json field", method="POST", target=b"/api/events?p=1", body=body)
    assert kept.line(app).endswith('/api/events, 60 bytes  event_type=buy  parameters={"price": 1}')
    broken = bad_event(3, "bad json", method="POST", target=b"/api/events?p=1", body=b"\xff{")
    assert kept.line(broken).endswith("kept: bad json (parse), /api/events, 2 bytes  ff 7b")
    assert kept.line(bad_event(4, method="POST", body=b"[1]")).endswith("3 bytes  5b 31 5d")


def test_a_line_of_json_has_all_of_it() -> None:
    """The custom parameters taken apart, if they can be."""
    found = json.loads(kept.json_line(bad_event(1, target=b"/csc-event?t=a&t=b&u=(sab!c!)&l=%ff")))
    assert found == {
        "_kept": "test-1",
        "_time": TIME + 1000,
        "_why": "no value for field eventType",
        "_kind": "schema",
        "_path": "/csc-event",
        "_lost": [{"reason": "no value for field eventType", "mapping": "clickstream", "place": None}],
        "_size": 24,
        "_first": "74 3d 61 26 74 3d 62 26 75 3d 28 73 61 62 21 63",
        "_parameters": {"t": "a", "u": {"ab": "c"}, "l": "\ufffd"},
    }
    odd = json.loads(kept.json_line(bad_event(1, target=b"/csc-event?u=(torn")))
    assert odd["_parameters"] == {"u": "(torn"}
