"""The table of keys in docs/service-folders.md is the one that the reader of docker-compose.yml obeys."""

from __future__ import annotations

import re
from pathlib import Path

from pyglue.stack import keys

TABLES = {
    "top": keys.TOP,
    "service": keys.SERVICE,
    "`build`": keys.BUILD,
    "`healthcheck`": keys.HEALTH,
    "a volume": keys.VOLUME,
    "`deploy`": keys.DEPLOY,
}
ROW = re.compile(r"^\| (?P<where>[^|]+) \| `(?P<key>[a-z_]+)` \| (?P<meaning>.+) \|$", re.MULTILINE)


def test_the_documented_table_is_the_real_one(checkout: Path) -> None:
    """Every key is documented with what the native engine makes of it, and no other key is."""
    text = (checkout / "docs/service-folders.md").read_text(encoding="utf-8")
    documented = [(row["where"], row["key"], row["meaning"]) for row in ROW.finditer(text)]
    assert documented == [
        (where, key, meaning) for where, table in TABLES.items() for key, meaning in table.items()
    ]


def test_each_key_says_whether_it_is_obeyed() -> None:
    """A key's meaning begins with one of two words."""
    for table in TABLES.values():
        for key, meaning in table.items():
            assert re.match(r"(obeyed|meaningless: .+)", meaning), key
            assert keys.is_known(table, key)


def test_extension_keys_are_known_everywhere() -> None:
    """What begins with `x-` is the user's own; anything else that no table lists is not known."""
    assert keys.is_known(keys.SERVICE, "x-note")
    assert not keys.is_known(keys.SERVICE, "services")
