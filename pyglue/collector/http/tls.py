"""HTTPS: TLS between a socket and the connection on it, and the certificate, which can be renewed meanwhile.

Bytes of one side in, bytes of the other out, by Python's `ssl` in memory. A handshake takes a place in the room like any
connection: it has a deadline, and makes way. Once it is done the connection begins, and sees a transport like another.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from pyglue.collector.config.configured import Tls
from pyglue.collector.http.connection import Connection
from pyglue.collector.http.room import Room
from pyglue.errors import InputError, Problem

log = logging.getLogger("pyglue.collector")

HANDSHAKE_SECONDS = 10.0
_PART = 1 << 16
_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


def load(tls: Tls) -> ssl.SSLContext:
    """What handshakes need; raises InputError with everything that is wrong with the files."""
    problems = [
        *_problems(tls.certificate, b"-----BEGIN CERTIFICATE-----", "certificate"),
        *_problems(tls.key, b"PRIVATE KEY-----", "private key"),
    ]
    if problems:
        raise InputError(problems)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = _VERSIONS[tls.minimum_version]
    context.options |= ssl.OP_NO_RENEGOTIATION  # a client could have the costly part over and over
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(tls.certificate, tls.key, password=_no_password)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise InputError([_problem(tls.key, f"is not the key of {tls.certificate}")]) from None
        reason = (error.reason or "one of both is damaged").lower().replace("_", " ")
        raise InputError([_problem(tls.certificate, f"can't be used with {tls.key}: {reason}")]) from None
    except _Encrypted:
        raise InputError([_problem(tls.key, "is encrypted; nobody is there to type its password")]) from None
    return context


class Certificate:
    """The certificate with which handshakes begin."""

    def __init__(self, tls: Tls) -> None:
        """Raises InputError if the files can't be used."""
        self.context = load(tls)
        self._tls = tls

    def renew(self) -> None:
        """Read the files anew, for the handshakes to come. If something is wrong with them, all stays as it was."""
        try:
            self.context = load(self._tls)
        except InputError as error:
            for problem in error.problems:
                log.error("the certificate stays what it was: %s", problem)  # noqa: TRY400 - a problem of files
        else:
            log.info("the certificate was read anew: %s", self._tls.certificate)


class Secured(asyncio.Protocol):
    """The protocol of a socket, and the transport of the `connection` on it, which begins after the handshake."""

    def __init__(
        self, connection: Connection, room: Room, context: ssl.SSLContext, clock: Callable[[], float]
    ) -> None:
        self._connection = connection
        self._room = room
        self._clock = clock
        self._came = clock()
        self._transport: asyncio.Transport | None = None
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._secure = False
        self._ended = False  # the client sends no more
        self._deaf = False  # nobody wants what it sends

    # asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client is there."""
        self._transport = cast(asyncio.Transport, transport)
        if not self._room.enter(self):
            self._connection.app.count("no room")
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client has gone."""
        self._transport = None
        self._room.leave(self)
        if self._secure:
            self._connection.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        if self._deaf:
            return
        self._incoming.write(data)
        if self._secure or self._shake_hands():
            self._deliver()

    def eof_received(self) -> bool:
        """The client sends no more; True keeps the connection for the answers that it waits for."""
        if not self._secure or self._ended:
            return self._ended
        return not self._deaf and self._connection.eof_received()

    def pause_writing(self) -> None:
        """The client takes its answers too slowly."""
        if self._secure:
            self._connection.pause_writing()

    def resume_writing(self) -> None:
        """The client caught up."""
        if self._secure:
            self._connection.resume_writing()

    # the room's side, until the handshake is done

    @property
    def rests_since(self) -> float:
        """See Guest."""
        return self._came

    def sweep(self, now: float) -> None:
        """End a handshake that takes too long; one that is done by now is the connection's business."""
        if not self._secure and now - self._came > HANDSHAKE_SECONDS:
            self.abort()

    def finish(self) -> None:
        """Nothing was asked yet."""
        self.abort()

    def make_way(self) -> None:
        """Leave for somebody else."""
        self._connection.app.count("made way")
        self.abort()

    # the connection's side: a transport

    def get_extra_info(self, name: str, default: object = None) -> Any:
        """What the socket's transport knows."""
        return default if self._transport is None else self._transport.get_extra_info(name, default)

    def set_write_buffer_limits(self, high: int) -> None:
        """From how many bytes on the client is waited for."""
        if self._transport is not None:
            self._transport.set_write_buffer_limits(high)

    def is_closing(self) -> bool:
        """Whether the end was asked for."""
        return self._transport is None or self._transport.is_closing()

    def write(self, data: bytes) -> None:
        """Encrypt and send."""
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[self._tls.write(rest) :]
        except ssl.SSLError:
            self.abort()
            return
        self._send()

    def write_eof(self) -> None:
        """Nothing follows; what still comes is thrown away."""
        self._say_goodbye()
        if self._transport is not None:
            self._transport.write_eof()

    def close(self) -> None:
        """End once all is sent."""
        self._say_goodbye()
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """End at once."""
        if self._transport is not None:
            self._transport.abort()

    def pause_reading(self) -> None:
        """Take nothing more from the client."""
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Go on."""
        if self._transport is not None:
            self._transport.resume_reading()

    # between both

    def _shake_hands(self) -> bool:
        """Go on with the handshake: whether it is done."""
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            self._send()
            return False
        except ssl.SSLError:
            self._connection.app.count("failed handshake")
            self._deaf = True
            self._send()  # why
            if self._transport is not None:
                self._transport.close()
            return False
        self._send()
        self._secure = True
        self._room.leave(self)
        self._connection.connection_made(cast(asyncio.BaseTransport, self))
        return True

    def _deliver(self) -> None:
        parts = []
        broken = False
        try:
            while part := self._tls.read(_PART):
                parts.append(part)
            self._ended = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError:
            broken = True
        self._send()
        if parts:
            self._connection.data_received(b"".join(parts))
        if broken:
            self.abort()
        elif self._ended and not self._deaf:
            self._deaf = True
            if not self._connection.eof_received():
                self.close()

    def _send(self) -> None:
        data = self._outgoing.read()
        if data and self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def _say_goodbye(self) -> None:
        self._deaf = True
        with suppress(ssl.SSLError):  # it wants the client's goodbye as well
            self._tls.unwrap()
        self._send()


class _Encrypted(Exception):
    """A key needs a password."""


def _no_password() -> str:
    raise _Encrypted


def _problems(file: Path, beginning: bytes, what: str) -> list[Problem]:
    try:
        content = file.read_bytes()
    except OSError as error:
        return [_problem(file, f"can't be read: {error.strerror or error}")]
    return [] if beginning in content else [_problem(file, f"holds no {what} in PEM")]


def _problem(file: Path, message: str) -> Problem:
    return Problem(str(file), None, None, message)
