"""Where an address is, by a GeoIP2 or GeoLite2 City database.

A database is read whole and kept in memory: a file that somebody writes into while it is mapped would end the process.
It is read anew when the file changes, in the middle of the work; a file that is then no database changes nothing but
the log.
"""

from __future__ import annotations

import gzip
import io
import logging
import os
import re
import sys
import time
import zlib
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, Generic, TypeVar

import maxminddb

from pyglue.collector.events.dropped import DroppedEvent
from pyglue.collector.http.addresses import LOCALHOST
from pyglue.errors import InputError, Problem

log = logging.getLogger("pyglue.collector")

CHECK_EVERY_S = 1.0
REMEMBERED = 4096  # places by address; a city's record takes about 5 kB

LOOPBACK = "127.0.0.1"
_NUMBER = re.compile(r"\+?0*[0-9]{1,3}|-0+")
_INT_BOUND = 2**31
_BAD_FILE = (OSError, EOFError, zlib.error, maxminddb.InvalidDatabaseError, ValueError)

T = TypeVar("T")


class _Value(Generic[T]):
    """A value of the record at a path of names and indexes, None if the record lacks it."""

    def __init__(self, *path: str | int) -> None:
        self._path = path

    def __get__(self, geo: Geo, _: type[Geo]) -> T | None:
        value: T | None = _dig(geo.record, self._path)
        return value


class _Number:
    """Like _Value, for whole numbers, which wrap beyond 32 bits with sign (numbers of autonomous systems do)."""

    def __init__(self, *path: str | int) -> None:
        self._path = path

    def __get__(self, geo: Geo, _: type[Geo]) -> int | None:
        value = _dig(geo.record, self._path)
        return (value + _INT_BOUND) % (2 * _INT_BOUND) - _INT_BOUND if isinstance(value, int) else None


class _Truth:
    """A truth of the record; what it lacks is false."""

    def __init__(self, *path: str) -> None:
        self._path = path

    def __get__(self, geo: Geo, _: type[Geo]) -> bool:
        return bool(_dig(geo.record, self._path))


class _Each(Generic[T]):
    """A value of each subdivision, the largest first; empty if there are none.

    Raises DroppedEvent if a subdivision lacks it: Avro's lists have no gaps.
    """

    def __init__(self, *path: str) -> None:
        self._path = path

    def __get__(self, geo: Geo, _: type[Geo]) -> list[T]:
        subdivisions = geo.record.get("subdivisions")
        if not isinstance(subdivisions, list):
            return []
        values: list[T | None] = [_dig(each, self._path) for each in subdivisions]
        present = [value for value in values if value is not None]
        if len(present) < len(values):
            raise DroppedEvent("ip2geo: a subdivision without a value")
        return present


def _dig(value: Any, path: tuple[str | int, ...]) -> Any:
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return None
    return value


class Geo:
    """What the database tells of an address. Ids are GeoNames', codes ISO's, names English; degrees are decimal."""

    __slots__ = ("record",)

    def __init__(self, record: dict[str, Any]) -> None:
        self.record = record

    city_id = _Number("city", "geoname_id")
    city_name = _Value[str]("city", "names", "en")
    continent_code = _Value[str]("continent", "code")
    continent_id = _Number("continent", "geoname_id")
    continent_name = _Value[str]("continent", "names", "en")
    country_code = _Value[str]("country", "iso_code")
    country_id = _Number("country", "geoname_id")
    country_name = _Value[str]("country", "names", "en")
    latitude = _Value[float]("location", "latitude")
    longitude = _Value[float]("location", "longitude")
    metro_code = _Number("location", "metro_code")
    time_zone = _Value[str]("location", "time_zone")
    postal_code = _Value[str]("postal", "code")
    registered_country_code = _Value[str]("registered_country", "iso_code")
    registered_country_id = _Number("registered_country", "geoname_id")
    registered_country_name = _Value[str]("registered_country", "names", "en")
    represented_country_code = _Value[str]("represented_country", "iso_code")
    represented_country_id = _Number("represented_country", "geoname_id")
    represented_country_name = _Value[str]("represented_country", "names", "en")
    subdivision_codes = _Each[str]("iso_code")
    subdivision_ids = _Each[int]("geoname_id")
    subdivision_names = _Each[str]("names", "en")
    most_specific_subdivision_code = _Value[str]("subdivisions", -1, "iso_code")
    most_specific_subdivision_id = _Number("subdivisions", -1, "geoname_id")
    most_specific_subdivision_name = _Value[str]("subdivisions", -1, "names", "en")
    autonomous_system_number = _Number("traits", "autonomous_system_number")
    autonomous_system_organization = _Value[str]("traits", "autonomous_system_organization")
    domain = _Value[str]("traits", "domain")
    isp = _Value[str]("traits", "isp")
    organisation = _Value[str]("traits", "organization")
    anonymous_proxy = _Truth("traits", "is_anonymous_proxy")
    satellite_provider = _Truth("traits", "is_satellite_provider")


class Database:
    """A database file at work. Not for several threads."""

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Read `path`, compressed if its name ends in `.gz`; raises InputError if it can't be read or is no database.

        `clock` gives seconds.
        """
        self._path = path
        self._clock = clock
        self._checked = clock()
        self._seen = _signature(path)
        try:
            self._reader = _read(path)
        except _BAD_FILE as error:
            raise InputError(
                [Problem(str(path), None, None, f"no GeoIP database: {_reason(error)}")]
            ) from error
        self._remembered = lru_cache(REMEMBERED)(self._find)

    def lookup(self, host: str) -> Geo | None:
        """The place of a recorded address (see `addresses`), None if the database has none."""
        return self._place(LOOPBACK if host.lower() == LOCALHOST else host)

    def lookup_ipv4(self, text: str) -> Geo | None:
        """The place of an address that an event holds; None if it is not of four numbers, or if there is no place.

        The numbers are decimal whatever they begin with, and repeated dots count as one.
        """
        numbers = [number for number in text.split(".") if number]
        if len(numbers) != 4 or not all(map(_NUMBER.fullmatch, numbers)):
            return None
        return self._place(".".join(str(int(number[-3:])) for number in numbers))

    def _place(self, address: str) -> Geo | None:
        now = self._clock()
        if now - self._checked >= CHECK_EVERY_S:
            self._checked = now
            self._reread_if_changed()
        return self._remembered(address)

    def _find(self, address: str) -> Geo | None:
        try:
            record = self._reader.get(address)
        except ValueError:  # no address, or one of IPv6 in a database of IPv4
            return None
        except (maxminddb.InvalidDatabaseError, SystemError):  # the latter is a slip of the reader's
            # Without the reader's own words: they name the address.
            log.warning("%s: the entry of an address can't be read", self._path)
            return None
        return Geo(record) if isinstance(record, dict) else None

    def _reread_if_changed(self) -> None:
        signature = _signature(self._path)
        if signature == self._seen:
            return
        self._seen = signature
        try:
            self._reader = _read(self._path)
        except _BAD_FILE as error:
            log.warning(
                "%s has changed, but is no GeoIP database; the old one stays: %s", self._path, _reason(error)
            )
            return
        self._remembered.cache_clear()
        log.info("%s has changed and was read anew", self._path)


def _signature(path: Path) -> tuple[int, int, int] | None:
    """What tells one state of a file from another; None if there is no file."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def _read(path: Path) -> maxminddb.Reader:
    content = path.read_bytes()
    reader = _opened(gzip.decompress(content) if path.suffix == ".gz" else content)
    kind = reader.metadata().database_type
    if "City" not in kind:
        log.warning("%s is a %s database; ip2geo is made for City databases", path, kind)
    return reader


def _opened(content: bytes) -> maxminddb.Reader:
    """A reader of a database in memory. The fast one takes files only, so it gets one without a disk where it can."""
    if sys.platform != "linux":
        return maxminddb.open_database(io.BytesIO(content), maxminddb.MODE_FD)
    with os.fdopen(os.memfd_create("geo"), "wb") as file:
        file.write(content)
        file.flush()
        return maxminddb.open_database(f"/dev/fd/{file.fileno()}")


def _reason(error: Exception) -> str:
    if isinstance(error, OSError | EOFError):
        return str(getattr(error, "strerror", None) or error).lower()
    return "it is not in MaxMind's format"
