"""The scripts of superset/: run as an engine runs them, with a stand-in for what is installed."""

from __future__ import annotations

import os
import runpy
import socket
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]
TABLES = """
CREATE TABLE alembic_version (version_num TEXT);
CREATE TABLE ab_user (id INTEGER PRIMARY KEY, first_name, last_name, username TEXT UNIQUE, email, active, password,
                      created_on, changed_on);
CREATE TABLE ab_role (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE ab_user_role (id INTEGER PRIMARY KEY, user_id, role_id, UNIQUE (user_id, role_id));
INSERT INTO ab_role (name) VALUES ('Public'), ('Admin');
"""


@pytest.fixture
def service(checkout: Path) -> Path:
    return checkout / "superset"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A SERVICE_HOME whose server prints its arguments and its settings instead of serving."""
    home = tmp_path / "home"
    (home / "bin").mkdir(parents=True)
    make_database(home / "superset.db", "v2")
    python = home / "bin" / "python"
    server = 'printf "%s\\n" "serve $*"; env'
    python.write_text(f'#!/bin/bash\nif [[ $1 == -I ]]; then exec {sys.executable} "$@"; fi\n{server}\n')
    program = home / "bin" / "superset"
    program.write_text('#!/bin/bash\nprintf "%s\\n" "superset $*"\n')
    python.chmod(0o755)
    program.chmod(0o755)
    return home


def make_database(path: Path, version: str) -> None:
    with sqlite3.connect(path) as database:
        database.executescript(TABLES)
        database.execute("INSERT INTO alembic_version VALUES (?)", (version,))
    database.close()


def admins(path: Path) -> list[tuple[str, str, int]]:
    """The users with the role Admin: name, password's hash, whether active."""
    database = sqlite3.connect(path)
    query = (
        "SELECT username, password, active FROM ab_user u JOIN ab_user_role ur ON ur.user_id = u.id"
        " JOIN ab_role r ON r.id = ur.role_id WHERE r.name = 'Admin'"
    )
    try:
        return database.execute(query).fetchall()
    finally:
        database.close()


@pytest.fixture
def start(service: Path, home: Path, tmp_path: Path) -> Run:
    """Run `start` with the environment of the compose file, changed by the arguments; None leaves one out."""
    for name in ("data", "run"):
        (tmp_path / name).mkdir()

    def run(**changes: str | None) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": os.environ["PATH"],
            "SERVICE_HOME": str(home),
            "DATA_DIR": str(tmp_path / "data"),
            "RUN_DIR": str(tmp_path / "run"),
            "BIND_ADDRESS": "127.0.0.1",
            "SUPERSET_PORT": "8088",
            "SUPERSET_THREADS": "8",
            "SUPERSET_SECRET_KEY": "a key of the tests, long enough",
            "SUPERSET_ADMIN_PASSWORD": "a password of the tests",
            "SUPERSET_CONFIG_PATH": str(service / "superset_config.py"),
        } | changes
        given = {name: value for name, value in environment.items() if value is not None}
        return subprocess.run([service / "start"], env=given, capture_output=True, text=True, timeout=30)

    return run


def test_a_first_start_places_the_database_and_serves(start: Run, tmp_path: Path) -> None:
    """The migrated database is copied for its owner only, admin is in it, and the server takes over."""
    done = start()
    assert done.returncode == 0, done.stderr
    assert "serve -W ignore -m gunicorn" in done.stdout
    assert "TZ=UTC" in done.stdout.splitlines()
    copied = tmp_path / "data" / "superset.db"
    assert stat.S_IMODE(copied.stat().st_mode) == 0o600
    assert [(name, active) for name, _, active in admins(copied)] == [("admin", 1)]
    assert not list((tmp_path / "data").glob("*.part"))


def test_the_password_stays_out_of_the_servers_environment(start: Run) -> None:
    """The server never needs the admin's password, so it does not get it."""
    assert "a password of the tests" not in start().stdout


def test_a_second_start_keeps_what_is_there(start: Run, tmp_path: Path) -> None:
    """Data is never copied over, and a password that is right already is not written again."""
    start()
    path = tmp_path / "data" / "superset.db"
    before = admins(path)
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE mine (x)")
    database.close()
    start()
    assert admins(path) == before
    with sqlite3.connect(path) as database:
        database.execute("SELECT x FROM mine")
    database.close()


def test_another_password_replaces_the_old_one(start: Run, service: Path, tmp_path: Path) -> None:
    """The password of the environment is the one that opens."""
    start()
    start(SUPERSET_ADMIN_PASSWORD="another one")
    [(_, stored, _)] = admins(tmp_path / "data" / "superset.db")
    matches = runpy.run_path(str(service / "database.py"))["matches"]
    assert matches("another one", stored)
    assert not matches("a password of the tests", stored)


def test_a_locked_out_admin_comes_back(start: Run, tmp_path: Path) -> None:
    """An admin without role, or made inactive, is admin again after a start."""
    start()
    path = tmp_path / "data" / "superset.db"
    with sqlite3.connect(path) as database:
        database.execute("DELETE FROM ab_user_role")
        database.execute("UPDATE ab_user SET active = 0")
    database.close()
    start()
    assert [(name, active) for name, _, active in admins(path)] == [("admin", 1)]


def test_missing_secrets_are_made_once(start: Run, tmp_path: Path) -> None:
    """Without a key and a password, both are generated for their owner only, and the same are used again."""
    first = start(SUPERSET_SECRET_KEY="", SUPERSET_ADMIN_PASSWORD=None)
    files = [tmp_path / "data" / name for name in ("secret_key", "admin_password")]
    made = [file.read_text() for file in files]
    assert all(len(text) == 32 for text in made)
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in files)
    assert f"SUPERSET_SECRET_KEY={made[0]}" in first.stdout
    assert made[1] not in first.stdout + first.stderr
    start(SUPERSET_SECRET_KEY=None, SUPERSET_ADMIN_PASSWORD="")
    assert [file.read_text() for file in files] == made


def test_an_old_database_is_migrated(start: Run, tmp_path: Path) -> None:
    """A database of another version is copied aside and migrated before the server starts."""
    make_database(tmp_path / "data" / "superset.db", "v1")
    done = start()
    lines = [line for line in done.stdout.splitlines() if line.startswith(("superset ", "serve"))]
    assert lines[:2] == ["superset db upgrade", "superset init"]
    assert lines[2].startswith("serve")
    assert (tmp_path / "data" / "superset.db.before-migration").exists()


def test_another_key_takes_over_what_the_old_one_encrypted(start: Run, tmp_path: Path) -> None:
    """With another key, what the database keeps encrypted is written anew, once, and before the server starts."""
    keys = ("the first key of the tests", "the second key of the tests")
    runs = [start(SUPERSET_SECRET_KEY=key).stdout.splitlines() for key in (keys[0], keys[1], keys[1])]
    commands = [[line for line in run if line.startswith("serve")] for run in runs]
    assert [len(found) for found in commands] == [1, 2, 1]
    assert commands[1][0].endswith("superset/rekey.py")
    previous = [[line for line in run if line.startswith("SUPERSET_PREVIOUS_KEY=")] for run in runs]
    assert previous == [[], [f"SUPERSET_PREVIOUS_KEY={keys[0]}"], []]
    used = tmp_path / "data" / "key_in_use"
    assert used.read_text() == keys[1]
    assert stat.S_IMODE(used.stat().st_mode) == 0o600


def test_a_damaged_database_is_named(start: Run, tmp_path: Path) -> None:
    """What cannot be read is told in one line, and nothing is served."""
    (tmp_path / "data" / "superset.db").write_bytes(b"no database at all" * 100)
    done = start()
    assert done.returncode != 0
    assert "serve" not in done.stdout
    [line] = done.stderr.splitlines()
    assert str(tmp_path / "data" / "superset.db") in line


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SUPERSET_PORT", None),
        ("SUPERSET_PORT", "0"),
        ("SUPERSET_PORT", "65536"),
        ("SUPERSET_PORT", "http"),
        ("SUPERSET_THREADS", "0"),
        ("SUPERSET_THREADS", "many"),
        ("SUPERSET_SECRET_KEY", "short"),
        ("SUPERSET_SECRET_KEY", "CHANGE_ME_TO_A_COMPLEX_RANDOM_SECRET"),
        ("SUPERSET_SECRET_KEY", "thisISaSECRET_1234"),
        ("SUPERSET_ADMIN_PASSWORD", "admin"),
        ("SUPERSET_ADMIN_PASSWORD", "Admin"),
        ("SUPERSET_CONFIG_PATH", "/nowhere/superset_config.py"),
    ],
)
def test_bad_settings_are_refused_in_one_line(
    start: Run, tmp_path: Path, name: str, value: str | None
) -> None:
    """A setting that can't be right is named, and nothing is written or started."""
    done = start(**{name: value})
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert line.startswith("superset: ")
    assert name in line
    assert not list((tmp_path / "data").iterdir())


def test_hashes_are_those_of_werkzeug(service: Path) -> None:
    """A hash that Werkzeug 3.1 made of a password is recognised, and only for that password."""
    matches = runpy.run_path(str(service / "database.py"))["matches"]
    stored = WERKZEUG
    assert matches("correct horse", stored)
    assert not matches("correct mule", stored)
    assert not matches("correct horse", "pbkdf2:sha256:600000$salt$00")
    assert not matches("correct horse", "")


# Made by werkzeug.security.generate_password_hash("correct horse").
WERKZEUG = (
    "scrypt:32768:8:1$AWlkQ7IRydefc7R5$"
    "4bf048106835669572bc13c947efd5fe9b9a93c529e6ceecc20eb46a460d9a1d"
    "19c26a5097531f06f03a76f4d376a19186724bc47aee36c61e4018101ed6c94a"
)


# -- healthy


@contextmanager
def answering(line: bytes) -> Iterator[int]:
    """A port where every connection gets these bytes."""

    class Handler(BaseHTTPRequestHandler):
        def handle(self) -> None:
            while self.rfile.readline() not in (b"\r\n", b""):  # bash writes a request line by line
                pass
            self.wfile.write(line)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server.server_port
        server.shutdown()


def healthy(service: Path, port: int) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "SUPERSET_PORT": str(port)}
    return subprocess.run([service / "healthy"], env=environment, capture_output=True, text=True, timeout=30)


def test_a_server_that_answers_is_healthy(service: Path) -> None:
    """200 for /health is health, and nothing is said."""
    with answering(b"HTTP/1.1 200 OK\r\n\r\nOK") as port:
        done = healthy(service, port)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_server_in_trouble_is_not(service: Path) -> None:
    """Another status is told as it came."""
    with answering(b"HTTP/1.1 500 Internal Server Error\r\n\r\n") as port:
        done = healthy(service, port)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout == "GET /health: HTTP/1.1 500 Internal Server Error\n"


def test_nothing_listens(service: Path) -> None:
    """A closed port is told in one line."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    done = healthy(service, port)
    assert (done.returncode, done.stdout, done.stderr) == (1, f"nothing listens on port {port}\n", "")


# -- superset_config.py


@pytest.fixture
def settings(service: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Superset's settings, read without Superset: of it, the file needs only the class of its action log."""

    class Recorder:
        def __init__(self) -> None:
            self.recorded: list[str] = []

        def log(self, _: int | None, action: str) -> None:
            self.recorded.append(action)

    module = ModuleType("superset.utils.log")
    module.DBEventLogger = Recorder  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "superset.utils.log", module)
    monkeypatch.setenv("SUPERSET_SECRET_KEY", "key")
    monkeypatch.setenv("SUPERSET_DATABASE", "/data/superset.db")
    monkeypatch.setenv("SUPERSET_PORT", "8088")
    return runpy.run_path(str(service / "superset_config.py"))


def test_the_page_may_speak_to_its_own_server_only(settings: dict[str, Any]) -> None:
    """No source that the content security policy allows is another host, and everything else is forbidden."""
    policy = settings["TALISMAN_CONFIG"]["content_security_policy"]
    allowed = {"'self'", "'none'", "'unsafe-inline'", "'strict-dynamic'", "blob:", "data:"}
    for directive, sources in policy.items():
        assert set([sources] if isinstance(sources, str) else sources) <= allowed, directive
    assert policy["default-src"] == ["'self'"]
    assert "'unsafe-inline'" not in policy["script-src"]
    assert settings["TALISMAN_ENABLED"] is True


def test_chart_data_is_never_cached(settings: dict[str, Any]) -> None:
    """A refresh shows the rows of this second."""
    assert settings["DATA_CACHE_CONFIG"] == {"CACHE_TYPE": "NullCache"}
    assert settings["CACHE_CONFIG"] == {"CACHE_TYPE": "NullCache"}


def test_stacks_on_one_machine_keep_their_sessions_apart(settings: dict[str, Any]) -> None:
    """The session's cookie is named after the port, for browsers do not tell ports apart."""
    assert settings["SESSION_COOKIE_NAME"] == "superset_8088"


def test_refreshes_do_not_fill_the_action_log(settings: dict[str, Any]) -> None:
    """What a chart's refresh does is not recorded; what people do is."""
    logger = settings["EVENT_LOGGER"]
    for action in ("ChartDataRestApi.data", "execute_sql", "login", "DashboardRestApi.put"):
        logger.log(1, action)
    assert logger.recorded == ["login", "DashboardRestApi.put"]
