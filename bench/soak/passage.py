"""A way to a server on which connections can be left hanging half-open, as a cable that is pulled leaves them.

Both ends stay open, nobody is told, and nothing goes through any more; connections made later are not touched.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import TypeVar

Result = TypeVar("Result")
PIECE_BYTES = 1 << 16


class Passage:
    """From a port of 127.0.0.1 to another one; a context manager. It works in a thread of its own."""

    def __init__(self, port: int, to: int) -> None:
        self._port = port
        self._to = to
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="passage", daemon=True)
        self._server: asyncio.Server | None = None
        self._going: dict[asyncio.Task[None], tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = {}
        self._hanging: list[asyncio.StreamWriter] = []

    def __enter__(self) -> Passage:
        self._thread.start()
        self._call(self._open())
        return self

    def __exit__(self, *_: object) -> None:
        self._call(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def hang(self) -> int:
        """Leave all connections that are open hanging; their number."""
        return self._call(self._hang())

    def _call(self, coroutine: Coroutine[object, object, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    async def _open(self) -> None:
        self._server = await asyncio.start_server(self._pass, "127.0.0.1", self._port)

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        for writer in (*self._hanging, *(end for ends in self._going.values() for end in ends)):
            writer.transport.abort()

    async def _hang(self) -> int:
        going = dict(self._going)
        for task, ends in going.items():
            self._hanging += ends
            task.cancel()
        await asyncio.gather(*going, return_exceptions=True)
        return len(going)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._to)
        except (OSError, asyncio.CancelledError):  # the latter at the end alone
            writer.transport.abort()
            return
        ends = (writer, far_writer)
        pumps = asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))
        task = asyncio.ensure_future(self._until_it_ends(pumps, ends))
        self._going[task] = ends
        task.add_done_callback(self._going.pop)

    async def _until_it_ends(
        self, pumps: asyncio.Future[tuple[None, None]], ends: tuple[asyncio.StreamWriter, ...]
    ) -> None:
        """One end that closes closes the other, unless the connection was left hanging."""
        try:
            await pumps
        except OSError:
            pumps.cancel()
        for writer in ends:
            writer.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Raises ConnectionResetError at the end, for the other direction is over then, too."""
    while data := await reader.read(PIECE_BYTES):
        writer.write(data)
        await writer.drain()
    raise ConnectionResetError
