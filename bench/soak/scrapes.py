"""The collector's ledger, asked for again and again while everything fails: whether it adds up each time."""

from __future__ import annotations

import threading

from pyglue.errors import PyglueError
from pyglue.pipeline.ledger import Ledger, ledger
from pyglue.web import Client

SECONDS = 0.2  # between two scrapes


class Scrapes:
    """A thread that scrapes; a context manager. `count` were answered, `wrong` are the ledgers that did not add up."""

    def __init__(self, url: str) -> None:
        self.count = 0
        self.wrong: list[Ledger] = []
        self._client = Client(url, "the collector's metrics", timeout=5.0)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._scrape, name="scrapes")

    def __enter__(self) -> Scrapes:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self._client.close()

    def _scrape(self) -> None:
        while not self._over.wait(SECONDS):
            try:
                found = ledger(self._client)
            except PyglueError:
                continue  # it is away, as it should be now and then
            self.count += 1
            if not found.adds_up:
                self.wrong.append(found)
