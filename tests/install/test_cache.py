"""Where the cache lies."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyglue.install.cache import Cache


@pytest.mark.parametrize(
    ("environment", "root"),
    [
        ({"PYGLUE_CACHE": "/c", "XDG_CACHE_HOME": "/x"}, Path("/c")),
        ({"XDG_CACHE_HOME": "/x"}, Path("/x/pyglue")),
        ({}, Path.home() / ".cache/pyglue"),
        ({"PYGLUE_CACHE": "", "XDG_CACHE_HOME": ""}, Path.home() / ".cache/pyglue"),
        ({"PYGLUE_CACHE": "~/c"}, Path.home() / "c"),
        ({"PYGLUE_CACHE": "c"}, Path.cwd() / "c"),
    ],
)
def test_the_environment_chooses_the_place(environment: dict[str, str], root: Path) -> None:
    """Our own variable, then XDG's, then ~/.cache; always absolute, for archives hold the path."""
    assert Cache.of(environment).root == root
