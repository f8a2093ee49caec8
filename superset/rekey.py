"""Writes anew, with another SECRET_KEY, what the metadata database keeps encrypted.

Superset 6.0 has a command for this (`superset re-encrypt-secrets`), but it finds none of its tables and ends with
success. The columns below are those of the version in requirements.txt. All of it happens in one transaction; what
the key before can't read is left as it is, for it may have been written with the new one already.
"""

import os
import sqlite3
import sys
from collections.abc import Callable

from sqlalchemy import String
from sqlalchemy.dialects import sqlite
from sqlalchemy_utils import EncryptedType

COLUMNS = {
    "dbs": ("password", "encrypted_extra", "server_cert"),
    "ssh_tunnels": ("password", "private_key", "private_key_password"),
    "database_user_oauth2_tokens": ("access_token", "refresh_token"),
}


def rekey(database: sqlite3.Connection, change: Callable[[bytes], bytes]) -> int:
    """Pass every encrypted value through `change`; returns how many rows were written."""
    count = 0
    for table, columns in COLUMNS.items():
        for column in columns:
            select = f"SELECT id, {column} FROM {table} WHERE {column} IS NOT NULL"  # noqa: S608 - our own names
            found = database.execute(select).fetchall()
            for number, value in found:
                try:
                    fresh = change(value)
                except ValueError:  # not written with the key before
                    continue
                database.execute(f"UPDATE {table} SET {column} = ? WHERE id = ?", (fresh, number))  # noqa: S608 - our own names
                count += 1
    return count


def changer(before: str, now: str) -> Callable[[bytes], bytes]:
    """Decrypts with one key and encrypts with the other, as Superset's models do; raises ValueError."""
    dialect = sqlite.dialect()
    old, new = EncryptedType(String, before), EncryptedType(String, now)
    return lambda value: new.process_bind_param(old.process_result_value(value, dialect), dialect)


def main() -> None:
    database = sqlite3.connect(os.environ["SUPERSET_DATABASE"], timeout=30)
    try:
        with database:
            count = rekey(
                database, changer(os.environ["SUPERSET_PREVIOUS_KEY"], os.environ["SUPERSET_SECRET_KEY"])
            )
    finally:
        database.close()
    sys.stdout.write(f"superset: encrypted {count} values anew\n")


if __name__ == "__main__":
    main()
