from __future__ import annotations

from collections.abc import Iterator

import pytest

from pyglue.superset.client import Superset
from pyglue.web import Client
from tests.superset.fake import PASSWORD, FakeSuperset, served


@pytest.fixture
def fake() -> Iterator[FakeSuperset]:
    """A Superset of the tests' own, on a free port of loopback."""
    with served(FakeSuperset()) as state:
        yield state


@pytest.fixture
def superset(fake: FakeSuperset) -> Iterator[Superset]:
    """A client of it."""
    with Client(fake.base, "superset") as http:
        yield Superset(http, PASSWORD)
