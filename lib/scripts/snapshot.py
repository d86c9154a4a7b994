"""Copies of a database within its own server, for going back from a migration. The newest two are kept."""

import hashlib
import re
import sqlite3
import sys
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

import database

KEPT = 2
FAILURES = (DBAPIError, OSError, sqlite3.Error)
# PostgreSQL cuts names at 63 bytes, of which "_before_", a revision and the time take up to 37.
LONGEST_PREFIX = 26
WITHOUT = "take a backup and set mlflow-stack:migrations.snapshot to false"

# A database that anyone else uses cannot be copied or renamed. What is left of the stopped writers has this pod's user.
END_SESSIONS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = :database AND usename = current_user AND pid <> pg_backend_pid()
"""


def objection(url):
    if database.is_postgresql(url) or database.is_sqlite(url):
        return None
    return f"{database.describe(url)} can be copied by its own tools only: {WITHOUT}"


def take(url, revision):
    """Returns the name of the copy."""
    copy = copy_sqlite if database.is_sqlite(url) else copy_postgresql
    try:
        name = copy(url, revision, datetime.now(timezone.utc))
    except FAILURES as error:
        sys.exit(
            f"nothing was migrated, because {database.describe(url)} could not be copied "
            f"({database.reason(error)}): mend that, or {WITHOUT}"
        )
    print(f"{database.describe(url)} copied to {name}", flush=True)
    return name


def copy_postgresql(url, revision, moment):
    original = database.name(url)
    name = copy_name(original, revision, moment)
    with database.autocommit(url) as connection:
        quote = connection.dialect.identifier_preparer.quote_identifier
        connection.execute(text(END_SESSIONS), {"database": original})
        connection.execute(text(f"CREATE DATABASE {quote(name)} TEMPLATE {quote(original)}"))
        for old in outdated(original, connection.scalars(text("SELECT datname FROM pg_database"))):
            connection.execute(text(f"DROP DATABASE {quote(old)}"))
    return name


def copy_sqlite(url, revision, moment):
    file = Path(url.database)

    def beside(stem):
        return file.with_name(f"{stem}{file.suffix}")

    target = beside(copy_name(file.stem, revision, moment))
    unfinished = beside(f"{file.stem}_unfinished_copy")
    overwrite(unfinished, file)
    unfinished.rename(target)
    for old in outdated(file.stem, [path.stem for path in file.parent.iterdir()]):
        beside(old).unlink()
    return str(target)


def put_back(url, copy):
    """Makes the database what it was when it was copied. The copy stays."""
    if database.is_sqlite(url):
        overwrite(url.database, copy)
    else:
        put_back_postgresql(url, copy)


def put_back_postgresql(url, copy):
    restored, failed = beside_name(url, "restored"), beside_name(url, "failed")
    # No database can be renamed from within.
    with database.autocommit(url.set(database=copy)) as connection:
        quote = connection.dialect.identifier_preparer.quote_identifier
        drop_unused(connection, restored)
        drop_unused(connection, failed)
        connection.execute(text(f"CREATE DATABASE {quote(restored)} TEMPLATE {quote(copy)}"))
        take_place(connection, [(database.name(url), restored, failed)])
        drop_unused(connection, failed)


def take_place(connection, names):
    """Of (original, newcomer, aside): each newcomer gets the name of its original, which gets a third one. All or none do,
    whatever stops this."""
    quote = connection.dialect.identifier_preparer.quote_identifier
    renamings = []
    for original, newcomer, aside in names:
        for name in (original, newcomer):
            connection.execute(text(END_SESSIONS), {"database": name})
        renamings += [(original, aside), (newcomer, original)]
    # What reaches PostgreSQL as one text is one transaction.
    connection.exec_driver_sql(
        "; ".join(f"ALTER DATABASE {quote(name)} RENAME TO {quote(other)}" for name, other in renamings)
    )


def drop_unused(connection, name):
    connection.execute(text(f"DROP DATABASE IF EXISTS {connection.dialect.identifier_preparer.quote_identifier(name)}"))


def beside_name(url, what):
    """Name of a database that is there only for a while."""
    return f"{prefix(database.name(url))}_{what}"


def overwrite(target, source):
    with closing(sqlite3.connect(source)) as reader, closing(sqlite3.connect(target)) as writer:
        reader.backup(writer)


def prefix(name):
    """The name, or so much of it and of its hash that no copy's name is cut."""
    if len(name.encode()) <= LONGEST_PREFIX:
        return name
    mark = hashlib.sha256(name.encode()).hexdigest()[:6]
    return f"{name.encode()[: LONGEST_PREFIX - 7].decode(errors='ignore')}_{mark}"


def copy_name(name, revision, moment):
    return f"{prefix(name)}_before_{revision}_{moment:%Y%m%d%H%M%S}"


def outdated(name, names):
    """Which of the names are older copies than those to keep."""
    pattern = re.compile(re.escape(prefix(name)) + r"_before_[0-9a-z]+_(\d{14})")
    copies = sorted(filter(None, map(pattern.fullmatch, names)), key=lambda copy: copy[1], reverse=True)
    return [copy[0] for copy in copies[KEPT:]]
