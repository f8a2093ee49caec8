"""Bad events read where the collector has kept them, and their lines."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import cast

import pytest

from pyglue.collector.bad.entries import BadEvent
from pyglue.engine import Engine
from pyglue.errors import PyglueError
from pyglue.pipeline import kept
from pyglue.pipeline.tail import Begin
from tests.pipeline.bad_events import DAY, TIME, Files, bad_event, unreadable


def numbers(found: Iterable[BadEvent]) -> list[int]:
    """Their numbers."""
    return [int(event.id.partition("-")[2]) for event in found]


def test_all_but_those_that_were_sent() -> None:
    """These are counted; lines that can't be read are told with their file."""
    files = Files(bad_event(1), bad_event(2), bad_event(3))
    found = kept.Kept(cast(Engine, files), {"test-2"})
    assert (numbers(found), found.passed, found.torn, found.told) == ([1, 3], 1, 0, "")
    files.rest = b'{"torn\n\nx\n'
    found = kept.Kept(cast(Engine, files), {"test-2"})
    assert (numbers(found), found.torn) == ([1, 3], 2)
    assert found.told == (
        "can't be read, so left out, of the collector's files: bad/2023-11-14.jsonl, line 4, 6"
    )
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


def test_they_come_by_receive_time() -> None:
    """To the millisecond, though several workers wrote them; at once, and as they come."""
    now = [TIME / 1000]
    files = Files(*(bad_event(number, time_ms=TIME + ms) for number, ms in ((1, 7), (2, 5), (3, 6), (4, 5))))
    following = kept.Following(cast(Engine, files), (), lambda: now[0])
    assert numbers(following.first(Begin(follow=False))) == [2, 4, 3, 1]
    assert numbers(following.first(Begin(last=2))) == [3, 1]
    files.events += [bad_event(5, time_ms=TIME + 9), bad_event(6, time_ms=TIME + 8)]
    now[0] += 1
    assert numbers(following.fresh()) == [6, 5]


def test_of_many_events_only_some_wait() -> None:
    """So that a full folder does not fill the memory; each may stand that far from its place."""
    times = [3, 1, 2, 6, 5, 7, 4]
    events = [bad_event(number, time_ms=ms) for number, ms in enumerate(times)]
    taken: list[int] = []

    def given() -> Iterator[BadEvent]:
        for event in events:
            taken.append(event.came.time_ms)
            yield event

    found = kept.in_order(given(), most=2)
    assert (next(found).came.time_ms, taken) == (1, times[:3])
    assert [event.came.time_ms for event in found] == [2, 3, 5, 4, 6, 7]
    assert list(kept.in_order([])) == []


def test_lines_that_can_not_be_read_are_told_once() -> None:
    """Those that were there, and those that come, by their numbers in the whole file."""
    now = [TIME / 1000]
    files = Files(bad_event(1))
    files.rest = b"torn\n"
    following = kept.Following(cast(Engine, files), (), lambda: now[0])
    list(following.first(Begin()))
    for more, lines in ((b"", {2}), (b"to", {2}), (b"rn\n", {2, 3}), (b"", {2, 3}), (b"x\n", {2, 3, 4})):
        files.rest += more
        now[0] += 1
        assert following.fresh() == []
        assert following.kept.unreadable == {DAY: lines}


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
