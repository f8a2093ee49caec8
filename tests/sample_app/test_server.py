"""The sample app's scripts and its web server."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[2] / "sample-app"


def ask(app: Any, method: str, path: str) -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", app.port, timeout=10)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer, answer.read()
    finally:
        connection.close()


def test_page(start: Callable[..., Any]) -> None:
    """The page names the collector and links to the dashboard, and its policy lets nothing else in."""
    app = start(DIVOLTE_URL="https://clicks.example.org:8443/in/", SUPERSET_URL="http://charts.example.org")
    answer, body = ask(app, "GET", "/?from=mail")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert b'data-collector="https://clicks.example.org:8443/in"' in body
    assert b'href="http://charts.example.org/superset/dashboard/clickstream/"' in body
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'; script-src 'self' https://clicks.example.org:8443; " in policy
    assert "connect-src https://clicks.example.org:8443;" in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_without_superset(start: Callable[..., Any]) -> None:
    """Without SUPERSET_URL there is no link to a dashboard; the collector's default is the stack's."""
    _, body = ask(start(), "GET", "/")
    assert b"Superset</a>" not in body
    assert b'data-collector="http://localhost:8290"' in body


def test_head(app: Any) -> None:
    """HEAD answers as GET does, without the content."""
    get, body = ask(app, "GET", "/style.css")
    head, _ = ask(app, "HEAD", "/style.css")
    with (
        socket.create_connection(("127.0.0.1", app.port), timeout=10) as connection,
        connection.makefile() as raw,
    ):
        connection.sendall(b"HEAD /style.css HTTP/1.0\r\n\r\n")
        assert raw.read().endswith("\n\n")
    assert head.status == 200
    assert head.headers["Content-Length"] == get.headers["Content-Length"] == str(len(body))


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/../server.py",
        "/%2e%2e/server.py",
        "//etc/passwd",
        "/logos/../../start",
        "/logos",
        "/logos/",
        "*",
    ],
)
def test_not_found(app: Any, path: str) -> None:
    """What is not one of the page's files is 404, whatever the path looks like."""
    answer, _ = ask(app, "GET", path)
    assert answer.status == 404
    assert "Content-Security-Policy" in answer.headers


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_other_methods(app: Any, method: str) -> None:
    """The page is there to be read: other methods are told what is allowed."""
    answer, _ = ask(app, method, "/")
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")


def test_open_connections_do_not_block(app: Any) -> None:
    """A visitor who connects and says nothing keeps neither others from the page nor the app from ending."""
    with socket.create_connection(("127.0.0.1", app.port)):
        assert ask(app, "GET", "/")[0].status == 200
        stdout, stderr = app.end()
    assert app.process.returncode == 0
    assert stdout == f"sample app on {app.address}, events to {app.environment['DIVOLTE_URL']}\n"
    assert stderr == ""


def test_healthy(app: Any) -> None:
    """The health check says nothing while the page is served, and one line of reason when not."""
    well = app.healthy()
    assert (well.returncode, well.stdout, well.stderr) == (0, "", "")
    app.end()
    ill = app.healthy()
    assert (ill.returncode, ill.stdout, ill.stderr) == (1, f"nothing listens on port {app.port}\n", "")


def test_healthy_asks_for_the_page(tmp_path: Path) -> None:
    """A port that something else listens on is not healthy."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        check = subprocess.Popen(
            [FOLDER / "healthy"],
            env={"PATH": os.environ["PATH"], "SAMPLE_APP_PORT": str(port)},
            stdout=subprocess.PIPE,
            text=True,
        )
        connection, _ = other.accept()
        with connection:
            connection.sendall(b"HTTP/1.0 500 Oh no\r\n\r\n")
            said, _ = check.communicate(timeout=10)
    assert (check.returncode, said) == (1, f"port {port} answers 500, expected 200\n")


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("SAMPLE_APP_PORT", "http", "SAMPLE_APP_PORT=http: expected a port, a number from 1 to 65535"),
        ("SAMPLE_APP_PORT", "65536", "SAMPLE_APP_PORT=65536: expected a port, a number from 1 to 65535"),
        (
            "SAMPLE_APP_PORT",
            "9" * 5000,
            f"SAMPLE_APP_PORT={'9' * 5000}: expected a port, a number from 1 to 65535",
        ),
        *(
            ("DIVOLTE_URL", value, f"DIVOLTE_URL={value}: expected an address like http://localhost:8290")
            for value in (
                "localhost:8290",
                "http://a b",
                "http://a'; script-src *",
                'http://a/"><script>',
                "",
            )
        ),
        (
            "SUPERSET_URL",
            "javascript:1",
            "SUPERSET_URL=javascript:1: expected an address like http://localhost:8290",
        ),
    ],
)
def test_bad_settings(name: str, value: str, problem: str) -> None:
    """A setting that can't work ends the start with one line that names it."""
    environment = {"PATH": os.environ["PATH"], "SERVICE_HOME": sys.prefix, name: value}
    done = subprocess.run(
        [FOLDER / "start"], env=environment, capture_output=True, text=True, check=False, timeout=30
    )
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"sample-app: {problem}\n")


def test_nothing_from_elsewhere() -> None:
    """The page's files refer to nothing outside: the demo runs without the Internet."""
    for path in (FOLDER / "page").rglob("*.*"):
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert "http" not in text, path
