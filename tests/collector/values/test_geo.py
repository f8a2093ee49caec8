"""Places of addresses, from small databases of invented networks."""

from __future__ import annotations

import gzip
import logging
import os
from pathlib import Path
from typing import Any

import pytest

from pyglue.collector.events.dropped import DroppedEvent
from pyglue.collector.values.geo import CHECK_EVERY_S, Database, Geo
from pyglue.errors import InputError
from tests.collector.values.mmdb import database

CITY: dict[str, Any] = {
    "city": {"geoname_id": 11, "names": {"de": "Ortstadt", "en": "Placetown"}},
    "continent": {"code": "EU", "geoname_id": 12, "names": {"en": "Europe"}},
    "country": {"iso_code": "NL", "geoname_id": 13, "names": {"en": "Netherlands", "fr": "Pays-Bas"}},
    "location": {"latitude": 52.5, "longitude": -4.25, "metro_code": 14, "time_zone": "Europe/Amsterdam"},
    "postal": {"code": "1012"},
    "registered_country": {"iso_code": "DE", "geoname_id": 15, "names": {"en": "Germany"}},
    "represented_country": {"iso_code": "US", "geoname_id": 16, "names": {"en": "United States"}},
    "subdivisions": [
        {"iso_code": "NH", "geoname_id": 17, "names": {"en": "North"}},
        {"iso_code": "AM", "geoname_id": 18, "names": {"en": "Amst"}},
    ],
    "traits": {
        "autonomous_system_number": 4_200_000_000,
        "autonomous_system_organization": "AS org",
        "domain": "d.example",
        "is_anonymous_proxy": True,
        "is_satellite_provider": True,
        "isp": "Provider",
        "organization": "Org",
    },
}
ATTRIBUTES = {
    "city_id": 11,
    "city_name": "Placetown",
    "continent_code": "EU",
    "continent_id": 12,
    "continent_name": "Europe",
    "country_code": "NL",
    "country_id": 13,
    "country_name": "Netherlands",
    "latitude": 52.5,
    "longitude": -4.25,
    "metro_code": 14,
    "time_zone": "Europe/Amsterdam",
    "postal_code": "1012",
    "registered_country_code": "DE",
    "registered_country_id": 15,
    "registered_country_name": "Germany",
    "represented_country_code": "US",
    "represented_country_id": 16,
    "represented_country_name": "United States",
    "subdivision_codes": ["NH", "AM"],
    "subdivision_ids": [17, 18],
    "subdivision_names": ["North", "Amst"],
    "most_specific_subdivision_code": "AM",
    "most_specific_subdivision_id": 18,
    "most_specific_subdivision_name": "Amst",
    "autonomous_system_number": 4_200_000_000 - 2**32,  # as Divolte wraps it
    "autonomous_system_organization": "AS org",
    "domain": "d.example",
    "isp": "Provider",
    "organisation": "Org",
    "anonymous_proxy": True,
    "satellite_provider": True,
}
NETWORKS: dict[str, dict[str, Any]] = {
    "192.0.2.0/24": CITY,
    "198.51.100.0/25": {},
    "203.0.113.7/32": {"subdivisions": [{"iso_code": "A"}, {"names": {"de": "nur deutsch"}}]},
    "127.0.0.0/8": {"country": {"iso_code": "LO"}},
    "2001:db8::/32": {"country": {"iso_code": "V6"}},
}


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def places(tmp_path: Path) -> Database:
    file = tmp_path / "places.mmdb"
    file.write_bytes(database(NETWORKS))
    return Database(file)


def found(place: Geo | None) -> Geo:
    assert place is not None
    return place


def test_all_attributes(places: Database) -> None:
    """Every value of the mapping language comes from its own place in the record; names are English."""
    place = found(places.lookup("192.0.2.200"))
    assert {name: getattr(place, name) for name in ATTRIBUTES} == ATTRIBUTES


def test_an_empty_record_is_a_hit(places: Database) -> None:
    """Such a hit has empty lists and false truths, and nothing else."""
    place = found(places.lookup("198.51.100.1"))
    empty = {name: getattr(place, name) for name in ATTRIBUTES}
    lists: dict[str, Any] = {name: [] for name in ATTRIBUTES if name.startswith("subdivision_")}
    truths = dict.fromkeys(("anonymous_proxy", "satellite_provider"), False)
    assert empty == dict.fromkeys(ATTRIBUTES) | lists | truths


def test_gaps_in_lists(places: Database) -> None:
    """A list with a gap drops the event that asks for it; the last subdivision's values may be missing."""
    place = found(places.lookup("203.0.113.7"))
    for name in ("subdivision_codes", "subdivision_ids", "subdivision_names"):
        with pytest.raises(DroppedEvent, match="ip2geo"):
            getattr(place, name)
    assert place.most_specific_subdivision_name is place.most_specific_subdivision_code is None


@pytest.mark.parametrize(
    ("host", "country"),
    [
        ("192.0.2.1", "NL"),
        ("127.0.0.1", "LO"),
        ("localhost", "LO"),
        ("LOCALHOST", "LO"),
        ("2001:db8:0:0:0:0:0:1", "V6"),
        ("2001:db8:0:0:0:0:0:1%3", "V6"),
        ("10.0.0.1", None),
        ("198.51.100.200", None),
        ("0:0:0:0:0:0:0:1", None),
        ("", None),
        ("example.org", None),
    ],
)
def test_recorded_addresses(places: Database, host: str, country: str | None) -> None:
    """Addresses of both kinds are looked up; what is none has no place."""
    place = places.lookup(host)
    assert (place and place.country_code) == country


@pytest.mark.parametrize(
    ("text", "hit"),
    [
        ("192.0.2.1", True),
        ("192.000.2.001", True),
        ("+192.0.2.-0", True),
        (".192..0.2.1.", True),
        ("192.0.2.256", False),
        ("192.0.2.1000", False),
        ("192.0.2", False),
        ("192.0.2.1.1", False),
        ("192.0.2.1 ", False),
        ("192.0.2.-1", False),
        ("192.0.2.x", False),
        ("localhost", False),
        ("2001:db8::1", False),
        ("::ffff:192.0.2.1", False),
        ("", False),
    ],
)
def test_addresses_in_events(places: Database, text: str, hit: bool) -> None:
    """Only four decimal numbers are an address there."""
    assert (places.lookup_ipv4(text) is not None) is hit


def test_ipv4_only(tmp_path: Path) -> None:
    """A database without IPv6 has no place for such addresses."""
    file = tmp_path / "v4.mmdb"
    file.write_bytes(database({"192.0.2.0/24": CITY}, ip_version=4))
    places = Database(file)
    assert places.lookup("192.0.2.1") is not None
    assert places.lookup("2001:db8:0:0:0:0:0:1") is None


def test_compressed(tmp_path: Path) -> None:
    """A name that ends in .gz says that the file is compressed."""
    file = tmp_path / "places.mmdb.gz"
    file.write_bytes(gzip.compress(database(NETWORKS)))
    assert found(Database(file).lookup("192.0.2.1")).country_code == "NL"


def test_other_kinds(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A database of another kind is taken with a warning."""
    file = tmp_path / "asn.mmdb"
    file.write_bytes(database({"192.0.2.0/24": {}}, kind="GeoLite2-ASN"))
    Database(file)
    assert "GeoLite2-ASN" in caplog.text


def test_a_broken_entry(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """An address whose entry can't be read has no place, and the log tells of it without the address."""
    content = database({"192.0.2.0/24": CITY})
    marker = content.index(b"\xab\xcd\xefMaxMind.com")
    at = content.index(b"\x00" * 16, 0, marker) + 16
    file = tmp_path / "broken.mmdb"
    file.write_bytes(content[:at] + b"\xff" * 8 + content[at + 8 :])
    assert Database(file).lookup("192.0.2.1") is None
    assert "can't be read" in caplog.text
    assert "192.0.2" not in caplog.text


def _newer(country: str) -> bytes:
    return database({"192.0.2.0/24": {"country": {"iso_code": country}}})


def test_a_changed_file_is_read_anew(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """At most once a second; a file that is none keeps the old one and says so once; a later good one counts."""
    file, clock = tmp_path / "places.mmdb", Clock()
    file.write_bytes(_newer("AA"))
    places = Database(file, clock=clock)

    def country() -> str | None:
        return found(places.lookup("192.0.2.1")).country_code

    assert country() == "AA"
    fresh = tmp_path / "fresh"
    fresh.write_bytes(_newer("BB"))
    fresh.replace(file)
    clock.now += CHECK_EVERY_S / 2
    assert country() == "AA"
    clock.now += CHECK_EVERY_S / 2
    assert country() == "BB"
    file.write_bytes(_newer("CC")[:-30])
    for _ in range(3):
        clock.now += CHECK_EVERY_S
        assert country() == "BB"
    assert [record.levelno for record in caplog.records].count(logging.WARNING) == 1
    file.unlink()
    clock.now += CHECK_EVERY_S
    assert country() == "BB"
    file.write_bytes(_newer("DD"))
    clock.now += CHECK_EVERY_S
    assert country() == "DD"
    os.utime(file, ns=(1, 1))
    clock.now += CHECK_EVERY_S
    assert country() == "DD"


def test_overwriting_the_file_does_no_harm(tmp_path: Path) -> None:
    """A file that is emptied while it is in use can't hurt: the database is in memory."""
    file = tmp_path / "places.mmdb"
    file.write_bytes(database(NETWORKS))
    places = Database(file, clock=Clock())
    file.write_bytes(b"")
    assert found(places.lookup("192.0.2.1")).country_code == "NL"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.mmdb", None, "no such file"),
        ("empty.mmdb", b"", "format"),
        ("text.mmdb", b"hello" * 100, "format"),
        ("text.mmdb.gz", b"hello" * 100, "not a gzipped file"),
        ("short.mmdb.gz", gzip.compress(database(NETWORKS))[:-20], "compressed file ended"),
        ("damaged.mmdb.gz", gzip.compress(b"")[:10] + b"\xff" * 40, "format"),
    ],
    ids=["missing", "empty", "text", "not compressed", "cut", "damaged"],
)
def test_no_database(tmp_path: Path, name: str, content: bytes | None, message: str) -> None:
    """A start without a database fails with the file's name and the reason."""
    file = tmp_path / name
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(InputError) as raised:
        Database(file)
    (problem,) = raised.value.problems
    assert problem.file == str(file)
    assert message in problem.message


def test_cut_and_followed(tmp_path: Path) -> None:
    """A database cut anywhere is refused; bytes after it make no difference."""
    file = tmp_path / "places.mmdb"
    whole = database(NETWORKS)
    for end in range(0, len(whole), 7):
        file.write_bytes(whole[:end])
        with pytest.raises(InputError):
            Database(file)
    file.write_bytes(whole + bytes(50))
    assert found(Database(file).lookup("192.0.2.1")).country_code == "NL"
