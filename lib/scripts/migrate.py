"""Brings the database to the schema of this image's MLflow, and fails rather than guesses.

An empty database is initialised, an older schema is upgraded, the current one is left alone. A database that holds
something else, or a newer schema, is refused before anything is changed.
"""

import importlib.util
import os
import subprocess
import sys

import psycopg2
from alembic.script import ScriptDirectory

URI = "postgresql+psycopg2://"
DATABASE = f"{os.environ['PGDATABASE']} at {os.environ['PGHOST']}:{os.environ['PGPORT']}"


def tables(cursor):
    cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")
    return {row[0] for row in cursor.fetchall()}


def revision():
    """The schema revision that the database is at; None when it is empty."""
    with psycopg2.connect("") as connection, connection.cursor() as cursor:
        found = tables(cursor)
        if "alembic_version" not in found:
            strangers = sorted(name for name in found if not name.startswith("alembic_"))
            if strangers:
                sys.exit(
                    f"database {DATABASE} holds tables but no MLflow schema ({', '.join(strangers[:5])}); "
                    "name an empty database or one that MLflow made"
                )
            return None
        cursor.execute("SELECT version_num FROM alembic_version")
        row = cursor.fetchone()
        return row[0] if row else None


package = importlib.util.find_spec("mlflow").submodule_search_locations[0]
revisions = ScriptDirectory(os.path.join(package, "store", "db_migrations"))
head = revisions.get_current_head()
known = {script.revision for script in revisions.walk_revisions()}

before = revision()
if before == head:
    print(f"database {DATABASE} is at revision {head} already")
    sys.exit(0)
if before is not None and before not in known:
    sys.exit(
        f"database {DATABASE} is at revision {before}, which this MLflow does not know; it was made by a newer MLflow: "
        "deploy that version, or restore a backup from before the upgrade"
    )

subprocess.run([sys.executable, "-m", "mlflow", "db", "upgrade", URI], check=True)

after = revision()
if after != head:
    sys.exit(f"database {DATABASE} is at revision {after} after the migration; expected {head}")
print(f"database {DATABASE} went from revision {before or '(empty)'} to {head}")
