"""Puts the metadata database in its place, and its user `admin`, before the server starts.

Law of this file: Python's own library only, because it runs before every start and importing Superset costs
seconds. It reads the environment that `start` sets. What it knows of Superset's tables (`ab_user`, `ab_role`,
`ab_user_role`, `alembic_version`) and of the format of password hashes (Werkzeug's
`scrypt:N:r:p$salt$hash`) belongs to the versions in requirements.txt.

Prints `migrate` where the database is of another version of Superset than the one that is installed.
"""

import hashlib
import hmac
import os
import secrets
import shutil
import sqlite3
import sys
from pathlib import Path

N, R, P = 32768, 8, 1  # scrypt's cost: 32 MiB and some 60 ms for a password


def hashed(password: str, salt: str, n: int = N, r: int = R, p: int = P) -> str:
    """The password's hash in the form that Superset stores."""
    key = hashlib.scrypt(password.encode(), salt=salt.encode(), n=n, r=r, p=p, maxmem=132 * n * r * p)
    return f"scrypt:{n}:{r}:{p}${salt}${key.hex()}"


def matches(password: str, stored: str) -> bool:
    """Whether `stored` is the hash of this password; False for a hash of another kind."""
    method, _, rest = stored.partition("$")
    salt, _, _ = rest.partition("$")
    kind, *cost = method.split(":")
    if kind != "scrypt" or len(cost) != 3:
        return False
    n, r, p = (int(number) for number in cost)
    return hmac.compare_digest(stored, hashed(password, salt, n, r, p))


def place(template: Path, target: Path) -> None:
    """Copy the migrated database, whole or not at all, unless there is one already."""
    if target.exists():
        return
    part = target.with_name(target.name + ".part")
    shutil.copyfile(template, part)
    part.chmod(0o600)
    with part.open("rb+") as file:
        os.fsync(file.fileno())
    part.rename(target)


def version(path: Path) -> str | None:
    """The version of the tables in a database."""
    database = sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)
    try:
        row = database.execute("SELECT version_num FROM alembic_version").fetchone()
        return row[0] if row else None
    finally:
        database.close()


def set_admin(database: sqlite3.Connection, password: str) -> None:
    """Make the user `admin`, or give it this password and the role Admin again."""
    row = database.execute("SELECT password, active FROM ab_user WHERE username = 'admin'").fetchone()
    if row is None or not row[1] or not matches(password, row[0] or ""):
        database.execute(
            "INSERT INTO ab_user"
            " (first_name, last_name, username, email, active, password, created_on, changed_on)"
            " VALUES ('Admin', 'User', 'admin', 'admin@localhost', 1, ?, datetime(), datetime())"
            " ON CONFLICT (username)"
            " DO UPDATE SET password = excluded.password, active = 1, changed_on = datetime()",
            (hashed(password, secrets.token_urlsafe(12)),),
        )
    database.execute(
        "INSERT OR IGNORE INTO ab_user_role (user_id, role_id)"
        " SELECT u.id, r.id FROM ab_user u, ab_role r WHERE u.username = 'admin' AND r.name = 'Admin'"
    )


def main() -> None:
    template = Path(os.environ["SERVICE_HOME"]) / "superset.db"
    target = Path(os.environ["SUPERSET_DATABASE"])
    place(template, target)
    database = sqlite3.connect(target, timeout=30)
    try:
        with database:
            set_admin(database, os.environ["SUPERSET_ADMIN_PASSWORD"])
        current = database.execute("SELECT version_num FROM alembic_version").fetchone()[0]
    except sqlite3.Error as error:
        raise SystemExit(f"superset: the metadata database {target} cannot be used: {error}") from error
    finally:
        database.close()
    if current != version(template):
        sys.stdout.write("migrate\n")


if __name__ == "__main__":
    main()
