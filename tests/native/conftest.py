"""Small stacks of bash services under a real supervisord, ended after the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.native.stacks import Checkout


@pytest.fixture
def checkouts(tmp_path: Path) -> Iterator[Callable[[str], Checkout]]:
    """Makes checkouts by name; what runs in them is ended at the end."""
    made: list[Checkout] = []

    def make(name: str) -> Checkout:
        made.append(Checkout(tmp_path / name))
        return made[-1]

    yield make
    for checkout in made:
        checkout.engine().down()
        assert checkout.marked() == []


@pytest.fixture
def two(checkouts: Callable[[str], Checkout]) -> Checkout:
    """A checkout with the services one and two; two needs one."""
    checkout = checkouts("checkout")
    checkout.service("one")
    checkout.service("two")
    checkout.compose("one: {build: one}", "two: {build: two, depends_on: [one]}")
    return checkout
