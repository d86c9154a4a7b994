"""Brings MLflow's databases to the schema of this image, and fails rather than guesses.

Tracking first, then the registry and the auth database where they are separate. An empty database is initialised, an
older schema is upgraded, the current one is left alone. All are looked at before any is changed: one that holds
something else or a newer schema is refused.
"""

import json
import os
import re
import sys
import traceback
from importlib.util import find_spec
from typing import Callable, NamedTuple

import sqlalchemy
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import ForeignKeyConstraint, event, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

import database
import snapshot
import users

DEFAULT_WORKSPACE = "default"
DATABASE_EXISTS = {
    "mssql": "SELECT 1 FROM sys.databases WHERE name = :name",
    "mysql": "SELECT 1 FROM information_schema.schemata WHERE schema_name = :name",
    "postgresql": "SELECT 1 FROM pg_database WHERE datname = :name",
}


class Schema(NamedTuple):
    """A chain of revisions, of MLflow or of a plug-in."""

    version_table: str
    revisions: tuple  # newest first
    # What a database of the first revision holds, which MLflow makes before it writes any revision down.
    first_tables: frozenset
    upgrade: Callable


class State(NamedTuple):
    """What a database holds, beside the schema that it is to get."""

    url: URL
    schema: Schema
    exists: bool
    tables: frozenset
    revisions: dict  # by version table

    @property
    def before(self):
        return self.revisions.get(self.schema.version_table)

    @property
    def head(self):
        return self.schema.revisions[0]


def schema(version_table, folder, first_tables, upgrade, package="mlflow"):
    spec = find_spec(package)
    if spec is None:
        sys.exit(f"this image holds no {package}; use one that does as server.image")
    scripts = ScriptDirectory(os.path.join(spec.submodule_search_locations[0], folder)).walk_revisions()
    return Schema(version_table, tuple(script.revision for script in scripts), frozenset(first_tables), upgrade)


def upgrade_store(state):
    """As `mlflow db upgrade`, which takes the URI as an argument and before 3.14 does not initialise."""
    from mlflow.store.db import utils

    engine = utils.create_sqlalchemy_engine(database.uri(state.url))
    change = utils._upgrade_db if state.before else utils._initialize_tables
    change(engine)
    engine.dispose()


def upgrade_auth(state):
    from mlflow.server.auth.db import utils

    if not (database.is_postgresql(state.url) or database.is_sqlite(state.url)):
        event.listen(ForeignKeyConstraint, "after_parent_attach", name_apart)
    utils.migrate(database.engine(state.url), "head")


def upgrade_oidc(state):
    from mlflow_oidc_auth.db import utils

    utils.migrate(database.engine(state.url), "head")


def name_apart(key, table):
    """Two auth tables have a foreign key of one name, which MySQL and SQL Server refuse (mlflow/mlflow#9642)."""
    if key.name == "fk_user_id":
        key.name = f"fk_{table.name}_user_id"


STORE = schema(
    "alembic_version",
    "store/db_migrations",
    {"experiments", "metrics", "params", "runs", "tags"},
    upgrade_store,
)
AUTH = (
    schema("alembic_version", "db/migrations", (), upgrade_oidc, package="mlflow_oidc_auth")
    if database.is_oidc()
    else schema(
        "alembic_version_auth",
        "server/auth/db/migrations",
        {"experiment_permissions", "registered_model_permissions", "users"},
        upgrade_auth,
    )
)


def main():
    tracking, registry, auth = database.tracking(), database.registry(), database.auth()
    stores = {database.describe(url): url for url in (tracking, registry) if url}
    states = [look(url, STORE, tracking) for url in stores.values()]
    if auth:
        states.append(look(auth, AUTH, tracking))
    changing = [state for state in states if state.before != state.head]
    to_copy = [state for state in changing if state.tables] if os.environ.get("MIGRATION_SNAPSHOT") == "copy" else []

    objection = next(filter(None, objections(states, changing, to_copy, tracking)), None)
    if objection:
        sys.exit(objection)

    for state in changing:
        if not state.exists:
            create(state.url, tracking)
    copies = {}
    for state in to_copy:
        where = database.describe(state.url)
        copies[where] = copies.get(where) or snapshot.take(state.url, state.before or "unversioned")
    done = bring_up_all(states, copies, tracking)
    for prefix in ("MLFLOW_AUTH_ADMIN", "METRICS"):
        if f"{prefix}_USERNAME" in os.environ:
            users.ensure(auth, prefix)
    for name in sorted(os.environ):
        if client := re.fullmatch(r"(CLIENT_\d+)_USERNAME", name):
            users.ensure(auth, client[1], is_admin=False)

    print("; ".join(done))
    report(before=states[0].before, revision=states[0].head, snapshot=", ".join(copies.values()) or None)


def look(url, schema, tracking):
    try:
        if not exists(url, tracking):
            return State(url, schema, False, frozenset(), {})
        with database.engine(url).connect() as connection:
            tables = frozenset(sqlalchemy.inspect(connection).get_table_names())
            revisions = {
                table: MigrationContext.configure(connection, opts={"version_table": table}).get_current_revision()
                for table in (STORE.version_table, AUTH.version_table)
            }
            return State(url, schema, True, tables, revisions)
    except DBAPIError as error:
        sys.exit(f"{database.describe(url)} cannot be read: {database.reason(error)}")


def exists(url, tracking):
    """Known for databases of the tracking server; any other must be there."""
    if database.is_sqlite(url) or tracking.set(database=url.database) != url:
        return True
    query = text(DATABASE_EXISTS[url.get_backend_name()])
    with database.engine(tracking).connect() as connection:
        return connection.scalar(query, {"name": database.name(url)}) is not None


def objections(states, changing, to_copy, tracking):
    """Why nothing must be changed, the gravest first."""
    yield from map(content_objection, states)
    if os.environ.get("MLFLOW_ENABLE_WORKSPACES") != "true":
        yield from (workspace_objection(state) for state in states if state.schema is STORE)
    for state in changing:
        if state.schema is STORE and not state.tables:
            yield trigger_objection(state.url if state.exists else tracking)
    yield from (snapshot.objection(state.url) for state in to_copy)


def content_objection(state):
    """A database must be empty or MLflow's. MLflow's two schemas may share one."""
    where = database.describe(state.url)
    if state.before in state.schema.revisions:
        return None
    if state.before:
        return (
            f"{where} is at revision {state.before}, which this MLflow does not know; it was made by a newer MLflow: "
            "deploy that version, or restore a backup from before the upgrade"
        )
    strangers = {table for table in state.tables if not table.startswith("alembic_")}
    shared = any(state.revisions.get(other.version_table) in other.revisions for other in (STORE, AUTH))
    if shared or strangers in (set(), state.schema.first_tables):
        return None
    return (
        f"{where} holds tables but no MLflow schema ({', '.join(sorted(strangers)[:5])}); "
        "name an empty database or one that MLflow made"
    )


def workspace_objection(state):
    """MLflow itself refuses some of what other workspaces hold and silently hides the rest."""
    found = workspaces(state) if "workspaces" in state.tables else set()
    if not found:
        return None
    return (
        f"{database.describe(state.url)} holds resources in the workspaces {', '.join(sorted(found))}, which nobody "
        "can reach with workspaces off: switch them on again, or first move everything to the default one with "
        "`mlflow db migrate-to-default-workspace`"
    )


def workspaces(state):
    """The workspaces, other than the default one, that hold something."""
    import mlflow.store.db.utils  # makes all of MLflow's tables known
    from mlflow.store.db.base_sql_model import Base

    tables = [table for table in Base.metadata.tables.values() if table.name in state.tables]
    columns = [table.c.workspace for table in tables if "workspace" in table.c]
    queries = [sqlalchemy.select(column).where(column != DEFAULT_WORKSPACE).distinct() for column in columns]
    with database.engine(state.url).connect() as connection:
        return {workspace for query in queries for workspace in connection.scalars(query)}


def trigger_objection(url):
    """MySQL keeps what a failed migration has done, so what would stop it half-way is looked for first."""
    if url.get_backend_name() != "mysql":
        return None
    with database.engine(url).connect() as connection:
        settings = dict(connection.execute(text("SHOW VARIABLES LIKE 'log_bin%'")).all())
        grants = connection.scalars(text("SHOW GRANTS")).all()
    if may_make_triggers(settings, grants):
        return None
    return (
        f"the server of {database.describe(url)} writes a binary log and would refuse MLflow's triggers, because this "
        "user lacks SUPER: set log_bin_trust_function_creators to 1 on the server"
    )


def may_make_triggers(settings, grants):
    if settings.get("log_bin") != "ON" or settings.get("log_bin_trust_function_creators") != "OFF":
        return True
    return any(" ON *.* " in grant and re.search(r"\b(SUPER|ALL PRIVILEGES)\b", grant) for grant in grants)


def create(url, tracking):
    with database.autocommit(tracking) as connection:
        quote = connection.dialect.identifier_preparer.quote_identifier
        owner = ""
        if database.is_postgresql(url):
            owner = f" OWNER {quote(connection.scalar(text('SELECT current_user')))}"
        statement = f"CREATE DATABASE {quote(database.name(url))}{owner}"
        try:
            connection.execute(text(statement))
        except DBAPIError as error:
            sys.exit(
                f"{database.describe(url)} is missing and this user cannot create it ({database.reason(error)}): "
                f"let an administrator run this and give the user all rights in it: {statement}"
            )
    print(f"{database.describe(url)} created", flush=True)


def bring_up_all(states, copies, tracking):
    """Returns what was done, for people. One that fails takes all back, since the old server works with old schemas only."""
    done = []
    for index, state in enumerate(states):
        try:
            done.append(bring_up(state, tracking))
        except Exception as error:
            if not isinstance(error, (DBAPIError, UnexpectedRevision)):
                traceback.print_exc()
            where = database.describe(state.url)
            undone = "; ".join([undo(state, copies), *go_back(states[:index], copies, where)])
            sys.exit(f"the migration of {where} failed: {database.reason(error)}; {undone}")
    return done


class UnexpectedRevision(Exception):
    pass


def bring_up(state, tracking):
    where = database.describe(state.url)
    if state.before == state.head:
        return f"{where} is at revision {state.head} already"
    state.schema.upgrade(state)
    after = look(state.url, state.schema, tracking).before
    if after != state.head:
        raise UnexpectedRevision(f"it is at revision {after} afterwards, expected {state.head}")
    return f"{where} went from revision {state.before or '(empty)'} to {state.head}"


def undo(state, copies):
    """PostgreSQL alone takes back by itself what a failed migration has done."""
    if database.is_postgresql(state.url):
        return "it was rolled back"
    return put_back(state, copies)


def go_back(finished, copies, failed):
    """For databases that were migrated before another failed. What was empty before needs no way back."""
    changed = [state for state in finished if state.before != state.head and state.tables]
    return [
        f"{where}: {put_back(state, copies)}"
        for where, state in {database.describe(state.url): state for state in changed}.items()
        if where != failed or database.is_postgresql(state.url)
    ]


def put_back(state, copies):
    copy = copies.get(database.describe(state.url))
    if copy is None:
        return "restore a backup of it before the next attempt"
    try:
        snapshot.put_back(state.url, copy)
    except snapshot.FAILURES as error:
        return f"it could not be put back from its copy {copy} ({database.reason(error)}); do so before the next attempt"
    return "it was put back from its copy"


def report(**outcome):
    """For the program that waits for this pod."""
    with open(os.environ.get("TERMINATION_LOG", "/dev/termination-log"), "w") as file:
        json.dump(outcome, file, sort_keys=True)


if __name__ == "__main__":
    main()
