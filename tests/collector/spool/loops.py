"""Scenarios in a loop of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


def lived(play: Callable[[], Awaitable[None]]) -> None:
    """Run a scenario."""

    async def go() -> None:
        async with asyncio.timeout(20):
            await play()

    asyncio.run(go())


async def until(condition: Callable[[], bool]) -> None:
    """Wait for it."""
    while not condition():
        await asyncio.sleep(0.002)
