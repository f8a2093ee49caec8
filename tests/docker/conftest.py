"""A checkout of two services, and a daemon that is a fake."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.docker.fakes import Shop


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """Nothing of it runs yet; its port is free."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
    return Shop.made(tmp_path / "shop", port)
