"""HTTPS on a real socket: the same answers, handshakes with a deadline, and a certificate that is renewed."""

from __future__ import annotations

import logging
import os
import signal
import socket
import ssl
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from pyglue.collector.config.configured import Tls
from pyglue.collector.http import tls as module
from pyglue.collector.http.connection import Connection
from pyglue.collector.http.room import Room
from pyglue.collector.http.tls import Certificate, Secured
from pyglue.collector.loading import load
from pyglue.errors import InputError
from tests.collector import certificates
from tests.collector.http.test_connection import Wire
from tests.collector.http_fakes import FakeOutlet, app_with, json_request
from tests.collector.test_server import EVENT, PING, Plant, Running, read_answers, receive, rest, until


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    """A certificate for localhost."""
    return certificates.make(tmp_path_factory.mktemp("certificates"))


class Secure(Running):
    """A served app behind TLS."""

    def __init__(self, tls: Tls) -> None:
        outlet = FakeOutlet()
        super().__init__(app_with(outlet), outlet)
        self.certificate = Certificate(tls)
        self.trust = certificates.trusting(tls)
        self.handshakes: list[Secured] = []

    def protocol(self) -> Secured:
        """See Running."""
        connection = Connection(self.app, self.connections, lambda: self.now)
        made = Secured(connection, self.connections, self.certificate.context, lambda: self.now)
        self.handshakes.append(made)
        return made

    def secured(self) -> ssl.SSLSocket:
        """A client's socket after the handshake."""
        sock = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        return self.trust.wrap_socket(sock, server_hostname="localhost")

    def sweep(self) -> None:
        """What the server does now and then."""
        for guest in self.connections:
            guest.sweep(self.now)


@pytest.fixture
def secure(files: Tls) -> Iterator[Secure]:
    """A collector that speaks HTTPS; its outlet acknowledges at once."""
    served = Secure(files)
    served.start()
    yield served
    served.stop()


def test_the_same_answers_by_tls(secure: Secure) -> None:
    """Events, pings, the tag, bodies large and small, one after the other and together; HTTP/1.1 is what is agreed on."""
    requests = [
        EVENT,
        PING,
        json_request(),
        json_request(chunk=3),
        b"GET /divolte.js HTTP/1.1\r\n\r\n",
        PING * 500,
    ]
    with secure.secured() as sock, sock.makefile("rb") as stream:
        assert sock.selected_alpn_protocol() == "http/1.1"
        for request in requests:
            sock.sendall(request)
        statuses = [status for status, _ in read_answers(stream, 505)]
    assert statuses == [200, 200, 204, 204, 200] + [200] * 500
    assert len(secure.outlet.records) == 3
    until(lambda: len(secure.connections) == 0)


def test_a_request_in_pieces_by_tls(secure: Secure) -> None:
    """How records cut the bytes does not matter."""
    with secure.secured() as sock:
        for byte in EVENT:
            sock.sendall(bytes([byte]))
        assert receive(sock, 1)[0][0] == 200


def test_who_is_turned_away_sees_why_by_tls(secure: Secure, caplog: pytest.LogCaptureFixture) -> None:
    """The answer comes whole, then TLS's own end, though more was sent."""
    with secure.secured() as sock:
        sock.sendall(b"nonsense\r\n\r\n" + b"x" * 100_000)
        assert rest(sock) == b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    with secure.secured() as sock:
        sock.sendall(PING.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        assert rest(sock).endswith(b"pong")
    until(lambda: len(secure.connections) == 0)
    assert caplog.records == []


def test_an_answer_comes_after_the_client_stopped_sending(files: Tls) -> None:
    """Its goodbye does not cost it the answer that it waits for."""
    served = Secure(files)
    served.outlet.verdict = None
    served.start()
    with served.secured() as sock:
        sock.sendall(EVENT)
        until(lambda: len(served.outlet.waiting) == 1)
        socket.socket.shutdown(sock, socket.SHUT_WR)  # without telling ssl, which would forget its keys
        served.within(lambda: served.outlet.waiting[0](True))
        sock.settimeout(10)
        assert sock.recv(12) == b"HTTP/1.1 200"
    served.stop()


def test_plain_http_is_told_nothing(secure: Secure) -> None:
    """Nor is anything else that is no handshake; it is counted, and its place is free again."""
    for garbage in (PING, b"\x16\x03\x01\x00\x05hello", bytes(range(256)) * 12):
        with secure.client() as sock, suppress(ConnectionResetError):
            sock.sendall(garbage)
            assert b"HTTP" not in rest(sock)
    until(lambda: len(secure.connections) == 0)
    assert secure.app.counters["failed handshake"] == 3


def test_old_versions_are_refused(files: Tls) -> None:
    """The oldest one is what the configuration says."""
    served = Secure(Tls(files.certificate, files.key, "1.3"))
    served.start()
    served.trust.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(ssl.SSLError, match=r"(?i)version"):
        served.secured()
    served.trust.maximum_version = ssl.TLSVersion.TLSv1_3
    with served.secured() as sock:
        assert sock.version() == "TLSv1.3"
    served.stop()


def test_a_handshake_has_its_time(secure: Secure) -> None:
    """Whatever a client sends meanwhile; half a handshake has a place in the room, and leaves it."""
    with secure.client() as silent, secure.client() as slow:
        slow.sendall(b"\x16\x03\x01\x02\x00\x01")
        until(lambda: len(secure.connections) == 2)
        secure.now = module.HANDSHAKE_SECONDS
        secure.within(secure.sweep)
        slow.sendall(b"\x00")
        assert len(secure.connections) == 2
        secure.now += 0.1
        secure.within(secure.sweep)
        until(lambda: len(secure.connections) == 0)
        for sock in (silent, slow):
            with suppress(ConnectionResetError):
                assert rest(sock) == b""


def test_a_handshake_that_was_done_meanwhile_is_not_ended(secure: Secure) -> None:
    """Whoever goes through the guests may have begun before that."""
    with secure.secured() as sock:
        sock.sendall(EVENT)
        receive(sock, 1)
        (handshake,) = secure.handshakes
        secure.within(lambda: handshake.sweep(module.HANDSHAKE_SECONDS + 1))
        sock.sendall(EVENT)
        assert receive(sock, 1)[0][0] == 200


def test_handshakes_make_way(files: Tls) -> None:
    """Half a handshake never keeps anybody out."""
    served = Secure(files)
    served.connections = Room(4)
    served.start()
    with served.client(), served.client(), served.client(), served.client():
        until(lambda: len(served.connections) == 4)
        with served.secured() as sock:
            sock.sendall(PING)
            assert receive(sock, 1)[0][0] == 200
    assert served.app.counters["made way"] == 1
    served.stop()


def test_an_answer_to_nobody_by_tls(files: Tls) -> None:
    """A client that is cut off in the middle of what it sends, or asks, harms nobody."""
    wire = Wire()
    connection = Connection(app_with(), Room(), lambda: 0.0)
    secured = Secured(connection, Room(), module.load(files), lambda: 0.0)
    secured.connection_made(wire)
    secured.data_received(b"\x16\x03\x01\x02\x00\x01")
    assert not secured.eof_received()
    secured.connection_lost(None)
    secured.write(b"late")
    secured.close()
    secured.abort()
    assert (secured.is_closing(), secured.get_extra_info("peername"), wire.written) == (True, None, b"")


def test_a_renewed_certificate_is_used_by_the_next_handshake(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """On SIGHUP; connections that are open go on, and files that can't be used change nothing but the log."""
    mine = certificates.make(tmp_path)
    (tmp_path / "new").mkdir()
    other = certificates.make(tmp_path / "new")
    kept = Tls(tmp_path / "kept.pem", mine.key, "1.2")
    kept.certificate.write_bytes(mine.certificate.read_bytes())
    plant = Plant(tls=mine)
    seen: list[object] = []

    def secured(trust: Tls) -> ssl.SSLSocket:
        return certificates.trusting(trust).wrap_socket(plant.connect(), server_hostname="localhost")

    def told(what: str, trust: Tls) -> int:
        os.kill(os.getpid(), signal.SIGHUP)
        until(lambda: what in caplog.text)
        with secured(trust) as sock:
            sock.sendall(PING)
            return receive(sock, 1)[0][0]

    def client() -> None:
        with secured(mine) as early:
            mine.certificate.write_bytes(other.certificate.read_bytes())  # its key is still to come
            seen.append(told("stays what it was", kept))
            mine.key.write_bytes(other.key.read_bytes())
            seen.append(told("was read anew", other))
            early.sendall(PING)
            seen.append(receive(early, 1)[0][0])
        os.kill(os.getpid(), signal.SIGTERM)

    with caplog.at_level(logging.INFO):
        plant.run(client)
    assert seen == [200, 200, 200]
    assert f"{mine.key}: is not the key of {mine.certificate}" in caplog.text


def test_what_is_wrong_with_the_files_is_told_before_the_start(tmp_path: Path, files: Tls) -> None:
    """Each file with its reason, together with what is wrong with other files."""
    (tmp_path / "other").mkdir()
    other = certificates.make(tmp_path / "other")
    empty, absent = tmp_path / "empty.pem", tmp_path / "absent.pem"
    empty.write_text("")
    torn = tmp_path / "torn.pem"
    torn.write_bytes(files.certificate.read_bytes()[:300] + b"\n-----END CERTIFICATE-----\n")
    locked = certificates.encrypted(other.key)
    unread = f"{absent}: can't be read: No such file or directory"
    no_certificate, no_key = "holds no certificate in PEM", "holds no private key in PEM"
    cases: list[tuple[Path, Path, list[str]]] = [
        (absent, files.key, [unread]),
        (empty, absent, [f"{empty}: {no_certificate}", unread]),
        (files.key, files.certificate, [f"{files.key}: {no_certificate}", f"{files.certificate}: {no_key}"]),
        (files.certificate, other.key, [f"{other.key}: is not the key of {files.certificate}"]),
        (files.certificate, locked, [f"{locked}: is encrypted; nobody is there to type its password"]),
    ]
    for certificate, key, expected in cases:
        with pytest.raises(InputError) as caught:
            module.load(Tls(certificate, key, "1.2"))
        assert list(map(str, caught.value.problems)) == expected
    with pytest.raises(InputError) as caught:
        module.load(Tls(torn, files.key, "1.2"))
    assert [problem.message for problem in caught.value.problems] == [
        f"can't be used with {files.key}: one of both is damaged"
    ]

    conf = tmp_path / "c.conf"
    mapping = "mappings.a { sources = [browser], sinks = [], mapping_script_file = absent.groovy }"
    conf.write_text(
        f"divolte {{ global.hdfs.enabled = false, {mapping} }}\n"
        f'pyglue.collector.tls {{ certificate = "{absent}", key = "{files.key}" }}'
    )
    with pytest.raises(InputError) as caught:
        load(conf, {})
    assert [Path(problem.file).name for problem in caught.value.problems] == ["absent.pem", "absent.groovy"]
