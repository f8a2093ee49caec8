"""artifacts.lock: reading, writing, comparing."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyglue.errors import InputError
from pyglue.install import artifacts

SHA = "a" * 64


def test_what_is_scanned_renders_and_reads_as_it_was(tmp_path: Path) -> None:
    """The lock of an installation is that installation: nothing differs."""
    for name in ("lib/b.jar", "lib/a.jar", "extensions/x/c.jar", "lib/no.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    found = artifacts.scan(tmp_path)
    assert [artifact.path for artifact in found] == ["extensions/x/c.jar", "lib/a.jar", "lib/b.jar"]
    assert [artifact.size for artifact in found] == [18, 9, 9]
    (tmp_path / artifacts.FILE).write_text(artifacts.render(found))
    assert artifacts.read(tmp_path) == found
    assert artifacts.differences(found, tmp_path, frozenset()) == []


def test_all_bad_lines_come_together(tmp_path: Path) -> None:
    """Each line that is none is named with its number."""
    (tmp_path / artifacts.FILE).write_text(f"{SHA} 1 a\nx 1 b\n{SHA} many c\n{SHA} 1\n\n{SHA} ² d\n")
    with pytest.raises(InputError) as caught:
        artifacts.read(tmp_path)
    assert [problem.line for problem in caught.value.problems] == [2, 3, 4, 5, 6]


def test_the_shipped_locks_can_be_read(checkout: Path) -> None:
    """Every Maven folder of this checkout has a lock that names its jars."""
    folders = [pom.parent for pom in checkout.glob("*/pom.xml")]
    assert folders
    for folder in folders:
        locked = artifacts.read(folder)
        assert locked
        assert [artifact.path for artifact in locked] == sorted(artifact.path for artifact in locked)
