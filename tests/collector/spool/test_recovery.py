"""What a life before left, against what Kafka has of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pyglue.collector.spool.entries import MAGIC, Entry
from pyglue.collector.spool.recovery import SKEW_MS, Arrived, Left, _hash, count, page
from pyglue.collector.spool.store import File

TIME = 1_700_000_000_000


def entry(number: int, topic: str = "clicks") -> Entry:
    """One of many."""
    return Entry(topic, b"party", b"value %d" % number, TIME + number, queued=bool(number % 2))


def left(directory: Path, number: int, entries: list[Entry], behind: bytes = b"") -> File:
    """A file of a life before."""
    path = directory / f"{number:012}.spool"
    path.write_bytes(MAGIC + b"".join(entry.encoded() for entry in entries) + behind)
    return File(path, path.stat().st_size, left=True)


def left_of(*entries: Entry) -> Left:
    """What `count` answers for a file with these."""
    hashes = {_hash(one.topic, one.key, one.value) for one in entries}
    return Left({one.topic: TIME for one in entries}, hashes)


class FakeTopics:
    """Topics that hold these records."""

    def __init__(self, *records: tuple[str, bytes, bytes, int | None]) -> None:
        self.records = records
        self.asked: dict[str, int] = {}

    def since(self, topic: str, timestamp: int) -> Iterator[tuple[bytes, bytes, int | None]]:
        """See Topics."""
        self.asked[topic] = timestamp
        for of, key, value, time in self.records:
            if of == topic and (time is None or time >= timestamp):
                yield key, value, time


def test_entries_are_counted_up_to_a_torn_end(tmp_path: Path) -> None:
    """The earliest time of each topic is known then; the bytes behind the last entry are not the spool's any more."""
    file = left(tmp_path, 1, [entry(5), entry(3), entry(4, "other")], b"torn")
    size = file.size
    empty = left(tmp_path, 2, [])
    assert count([empty, file]).earliest == {"clicks": TIME + 3, "other": TIME + 4}
    assert (file.entries, file.counted, file.size, file.damaged) == (3, True, size - 4, False)
    assert (empty.entries, empty.counted) == (0, True)


def test_a_torn_end_is_no_damage_at_the_start_after_the_next(tmp_path: Path) -> None:
    """It was left by a life before the last one, which wrote a file behind it."""
    torn = left(tmp_path, 1, [entry(1)], b"torn")
    count([torn])
    files = [File(torn.path, torn.path.stat().st_size, left=True), left(tmp_path, 2, [entry(2)], b"torn")]
    assert len(count(files).hashes) == 2
    assert [file.damaged for file in files] == [False, False]


def test_a_file_of_something_else_is_no_reason_not_to_start(tmp_path: Path) -> None:
    """It has no entries."""
    path = tmp_path / "000000000001.spool"
    for content in (b"", b"pyglue", b"\x00" * 100):
        path.write_bytes(content)
        file = File(path, path.stat().st_size, left=True)
        assert count([file]).earliest == {}
        assert file.damaged == (len(content) > len(MAGIC))
        assert page([(file, file.size)], (0, 0), 10)[0] == []


def test_pages_go_through_all_files_in_order(tmp_path: Path) -> None:
    """Each entry once, whatever the size of a page; a file that was removed meanwhile is passed over."""
    files = [left(tmp_path, 3, [entry(n) for n in range(4)]), left(tmp_path, 7, [entry(4), entry(5)])]
    for most in (1, 3, 4, 100):
        place, found = (0, 0), list[Entry]()
        for _ in range(10):
            read, place = page([(file, file.size) for file in files], place, most)
            found += [one for _, one, _ in read]
        assert found == [entry(n) for n in range(6)]
    later = [(files[1], files[1].size)]
    assert [one for _, one, _ in page(later, (3, files[0].size), 10)[0]] == [entry(4), entry(5)]


def test_a_file_is_read_as_far_as_it_was_when_asked(tmp_path: Path) -> None:
    """What is added meanwhile is for the next page; else it would never be sent."""
    file = left(tmp_path, 1, [entry(1), entry(2)])
    half = len(MAGIC) + len(entry(1).encoded())
    found, place = page([(file, half)], (0, 0), 10)
    assert [one for _, one, _ in found] == [entry(1)]
    assert place == (1, half)


def test_what_kafka_has_is_taken_once() -> None:
    """By topic, key, value and time; two that are alike count as two."""
    one, two = entry(1), entry(2)
    topics = FakeTopics(
        ("clicks", one.key, one.value, one.timestamp),
        ("clicks", two.key, two.value, None),  # the broker's time
        ("clicks", b"another", entry(3).value, entry(3).timestamp),
        ("clicks", entry(4).key, entry(4).value, entry(5).timestamp),
    )
    arrived = Arrived(topics, left_of(one, two, entry(3), entry(4)))
    assert topics.asked == {"clicks": TIME - SKEW_MS}
    assert [arrived.take(one), arrived.take(one)] == [True, False]
    assert [arrived.take(two), arrived.take(two)] == [True, False]
    assert not arrived.take(entry(3))
    assert not arrived.take(entry(4))
    assert not Arrived(topics, left_of(entry(1, "other"))).take(entry(1, "other"))


def test_damage_is_kept_for_people(tmp_path: Path) -> None:
    """A file that is not the last was written to its end; what can't be read of it may have been answered."""
    files = [left(tmp_path, 1, [entry(1)], b"damage"), left(tmp_path, 2, [entry(2)])]
    count(files)
    assert [file.damaged for file in files] == [True, False]
    count(files)
    assert [file.entries for file in files] == [1, 1]  # a second look counts no entry twice
    assert [file.damaged for file in files] == [True, False]


@pytest.mark.parametrize("damaged", [0, 1, 2])
def test_what_lies_before_whole_entries_is_no_torn_end(tmp_path: Path, damaged: int) -> None:
    """In the last file, too, it was written once, and may have been answered; what is behind it is sent."""
    file = left(tmp_path, 1, [entry(number) for number in range(4)])
    content = bytearray(file.path.read_bytes())
    content[len(MAGIC) + damaged * len(entry(0).encoded()) + 20] ^= 1
    file.path.write_bytes(content)
    count([file])
    found, _ = page([(file, file.size)], (0, 0), 10)
    assert [one for _, one, _ in found] == [entry(number) for number in range(4) if number != damaged]
    assert (file.damaged, file.entries, file.size) == (True, 3, len(content))
    assert file.path.read_bytes() == content


@pytest.mark.parametrize(
    "damaged", [range(1), range(3), range(100)], ids=["a length", "a word", "two entries"]
)
def test_damage_that_hides_whole_entries_is_no_torn_end(tmp_path: Path, damaged: range) -> None:
    """What is behind it can't be told apart from an event's text, and is not sent; but nothing is cut off."""
    file = left(tmp_path, 1, [entry(number) for number in range(9)])
    content = bytearray(file.path.read_bytes())
    first = len(MAGIC) + 2 * len(entry(0).encoded())
    for at in damaged:
        content[first + at] ^= 0xFF
    file.path.write_bytes(content)
    count([file])
    assert (file.damaged, file.entries) == (True, 2)
    assert file.path.read_bytes() == content


def test_looking_for_entries_in_a_torn_end_has_an_end(tmp_path: Path) -> None:
    """A client can write what begins like entries into its event; what takes too long counts as damage."""
    begins = (400_000).to_bytes(4, "little") + bytes(12) + b"\x01\x01\x00\x01\x00\x00\x00"
    file = left(tmp_path, 1, [entry(1)], begins * 40_000)
    count([file])
    assert file.damaged


def test_a_file_that_was_removed_is_passed_over(tmp_path: Path) -> None:
    """Kafka has all of it."""
    files = [left(tmp_path, 1, [entry(1)]), left(tmp_path, 2, [entry(2)])]
    files[0].path.unlink()
    found, _ = page([(file, file.size) for file in files], (0, 0), 10)
    assert [one for _, one, _ in found] == [entry(2)]
