"""Brings a backup back. All of it is made ready beside the databases, which go on meanwhile; then names are exchanged.

    receive           takes an archive from standard input
    fetch NAME        takes one from BACKUP_URI; `latest` is the newest
    unlock            prints the keys in it as JSON; standard input holds the passphrase
    prepare           makes empty databases, and tells pg_restore, in another container, where they are
    complete          brings what was restored to the schema of this image
    exchange          puts it in the place of the databases, which are gone then; once more, it ends what was cut off
    abandon           removes what prepare has made

The first two check what they got and print what there is to know of it and of the databases as JSON.
"""

import fcntl
import json
import os
import shutil
import sys
import tarfile
from base64 import b64decode
from pathlib import Path

import sqlalchemy
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

import backup
import database
import migrate
import snapshot

FOLDER = Path("/tmp/restore")
# Programs of the stack itself; the passwords in their Secrets must go on working.
OWN_USERS = ("mlflow-gc", "mlflow-metrics")
# What a server that nobody has used has, too.
UNUSED = {
    "experiments": "experiment_id = 0",
    "workspaces": "name = 'default'",
    "job_locks": "TRUE",
    "scheduler_leases": "TRUE",
}
# Most telling first.
TELLING = ("runs", "registered_models", "experiments", "users")


def receive():
    make_room()
    with open(FOLDER / "archive", "wb") as file:
        shutil.copyfileobj(sys.stdin.buffer, file, 2**20)


def fetch(name):
    make_room()
    uri = os.environ["BACKUP_URI"]
    with backup.reported(f"{uri} could not be read"):
        place = backup.Store(uri)
        names = [each for each, _ in place.archives()]
        if name == "latest" and names:
            name = names[0]
        if name not in names:
            sys.exit(f"{uri} holds no {name}; it holds {', '.join(names[:5]) or 'no backup at all'}")
        os.rename(place.fetch(name, FOLDER), FOLDER / "archive")
    print(f"{name} of {uri}", file=sys.stderr)


def make_room():
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(mode=0o700)


def unpack():
    """Names in an archive are taken from its manifest alone, so nothing can land elsewhere."""
    try:
        with tarfile.open(FOLDER / "archive") as archive:
            (FOLDER / backup.MANIFEST).write_bytes(archive.extractfile(backup.MANIFEST).read())
            manifest = read_manifest()
            for role, each in manifest["databases"].items():
                if each["file"] not in (f"{role}.dump", f"{role}.sqlite"):
                    raise KeyError(each["file"])
                with archive.extractfile(each["file"]) as source, open(FOLDER / each["file"], "wb") as target:
                    shutil.copyfileobj(source, target, 2**20)
    except (tarfile.TarError, EOFError, KeyError, ValueError, AttributeError, TypeError):
        sys.exit("this is no backup of mlflow-stack, or it is damaged; nothing was changed")
    for each in manifest["databases"].values():
        if backup.checksum(FOLDER / each["file"]) != each["sha256"]:
            sys.exit(f"the backup is damaged: {each['file']} has another content than when it was made; nothing was changed")
    (FOLDER / "archive").unlink()
    return manifest


def read_manifest():
    manifest = json.loads((FOLDER / backup.MANIFEST).read_text())
    if manifest["format"] != backup.FORMAT:
        sys.exit(f"the backup has format {manifest['format']}, this program reads {backup.FORMAT}; use the one that made it")
    return manifest


def restored_urls():
    """Of the databases that the backup holds."""
    roles = read_manifest()["databases"]
    return {role: url for role, url in backup.databases().items() if role in roles}


def report(manifest):
    urls = backup.databases()
    objections = list(all_objections(manifest, urls))
    return {
        "manifest": {**manifest, "keys": None},
        "objections": objections,
        "holds": {} if objections else held(restored_urls()),
        "keys": compared_keys(manifest["keys"]),
    }


def all_objections(manifest, urls):
    """Why it cannot be brought back here."""
    for role, each in manifest["databases"].items():
        if role not in urls:
            yield f"it holds the {role} database, but the settings of the stack name none"
            continue
        dialect = urls[role].get_backend_name()
        if each["dialect"] != dialect:
            yield f"its {role} database is of {each['dialect']}, that of the stack is of {dialect}"
        if each["revision"] not in schema(role).revisions:
            yield (
                f"its {role} database is at revision {each['revision']} of MLflow {manifest['mlflow']}, which the MLflow of the "
                f"stack, {backup.version('mlflow')}, does not know: first deploy {manifest['mlflow']} or newer"
            )
    there, here = manifest["keys"]["kekVersion"], os.environ.get("MLFLOW_CRYPTO_KEK_VERSION", "1")
    if there != here:
        yield f"it was made with secrets.kekVersion {there}, the stack has {here}: set it to {there} and update first"


def schema(role):
    return migrate.AUTH if role == "auth" else migrate.STORE


def compared_keys(keys):
    salt, here = bytes.fromhex(keys["salt"]), backup.current_keys()
    names = [name for name in keys["marks"] if name not in here or backup.mark(here[name], salt) != keys["marks"][name]]
    return {"differ": names, "locked": keys["locked"] is not None}


def held(urls):
    """What users have put into the databases: {table: rows}."""
    rows = {}
    for role, url in urls.items():
        with database.engine(url).connect() as connection:
            quote = connection.dialect.identifier_preparer.quote_identifier
            for table in sqlalchemy.inspect(connection).get_table_names():
                if table.startswith("alembic_"):
                    continue
                unused = unused_users() if table == "users" else UNUSED.get(table, "FALSE")
                query = f"SELECT COUNT(*) FROM {quote(table)} WHERE NOT ({unused})"
                count = connection.scalar(text(query), own_users() if table == "users" else {})
                if count:
                    rows[table] = rows.get(table, 0) + count
    order = sorted(rows, key=lambda table: TELLING.index(table) if table in TELLING else len(TELLING))
    return {table: rows[table] for table in order}


def own_users():
    names = (*OWN_USERS, os.environ.get("MLFLOW_AUTH_ADMIN_USERNAME") or OWN_USERS[0])
    return {f"user{index}": name for index, name in enumerate(names)}


def unused_users():
    return f"username IN ({', '.join(f':{name}' for name in own_users())})"


def unlock():
    keys = read_manifest()["keys"]
    salt, locked = bytes.fromhex(keys["salt"]), b64decode(keys["locked"])
    try:
        key = backup.stretched(sys.stdin.read().strip("\n"), salt)
        print(AESGCM(key).decrypt(locked[:12], locked[12:], None).decode())
    except InvalidTag:
        sys.exit("the passphrase is not the one that the backup was made with; nothing was changed")


def beside(url, what):
    """A database that is there only for a while."""
    if database.is_sqlite(url):
        file = Path(url.database)
        return url.set(database=str(file.with_name(f"{file.stem}_{what}{file.suffix}")))
    return url.set(database=snapshot.beside_name(url, what))


def scratch(url):
    return beside(url, "restored")


def replaced(url):
    return beside(url, "replaced")


def prepare():
    urls = restored_urls()
    abandon()
    for role, url in urls.items():
        target = scratch(url)
        if database.is_sqlite(url):
            shutil.copyfile(FOLDER / backup.dump_file(role, url), target.database)
        else:
            create(target, url)
    backup.write_services(FOLDER, {role: scratch(url) for role, url in urls.items()})


def create(target, url):
    with database.autocommit(url) as connection:
        quote = connection.dialect.identifier_preparer.quote_identifier
        try:
            connection.execute(text(f"CREATE DATABASE {quote(target.database)} TEMPLATE template0"))
        except DBAPIError as error:
            user = connection.scalar(text("SELECT current_user"))
            sys.exit(
                f"{database.describe(target)} could not be made ({database.reason(error)}): where the right is missing, "
                f"let an administrator run this: ALTER ROLE {quote(user)} CREATEDB"
            )


def complete():
    tracking = database.tracking()
    for role, url in restored_urls().items():
        state = migrate.look(scratch(url), schema(role), tracking)
        if state.before != read_manifest()["databases"][role]["revision"]:
            sys.exit(f"what was restored of {role} is at revision {state.before}, not at that of the backup")
        print(migrate.bring_up(state, tracking), flush=True)
        if role == "auth" and not database.is_oidc():
            keep_own_users(url, scratch(url))


def keep_own_users(current, restored):
    """The log-ins that the Secrets of the stack hold go on working; all other users are those of the backup."""
    with database.engine(current).connect() as connection:
        query = f"SELECT username, password_hash, is_admin FROM users WHERE {unused_users()}"
        rows = [row._asdict() for row in connection.execute(text(query), own_users())]
    with database.engine(restored).begin() as connection:
        for row in rows:
            update = "UPDATE users SET password_hash = :password_hash, is_admin = :is_admin WHERE username = :username"
            insert = "INSERT INTO users (username, password_hash, is_admin) VALUES (:username, :password_hash, :is_admin)"
            if connection.execute(text(update), row).rowcount == 0:
                connection.execute(text(insert), row)


def exchange():
    """Goes on where a run was cut off, and waits for one that still goes on though nobody listens any more."""
    with open(FOLDER / "exchange", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        urls = list(restored_urls().values())
        waiting = [url for url in urls if is_there(scratch(url))]
        try:
            for group in by_server(waiting):
                for url in group:
                    # Of an exchange before; but where the database itself is away, this is it.
                    if is_there(url):
                        discard(replaced(url))
                swap([(url, scratch(url), replaced(url)) for url in group])
        except BaseException:
            taken = [url for url in urls if is_there(replaced(url)) and not is_there(scratch(url))]
            for group in by_server(taken):
                swap([(url, replaced(url), scratch(url)) for url in group])
            raise
        for url in urls:
            discard(replaced(url))
        print(f"restored: {', '.join(map(database.describe, urls))}")


def by_server(urls):
    """Databases that one transaction can rename together."""
    groups = {}
    for url in urls:
        groups.setdefault(url.database if database.is_sqlite(url) else database.server(url), []).append(url)
    return groups.values()


def swap(names):
    """Of (database, newcomer, aside): each newcomer takes the place of its database. On PostgreSQL all do or none."""
    first, _, _ = names[0]
    if database.is_sqlite(first):
        for url, newcomer, aside in names:
            if is_there(url):
                os.replace(url.database, aside.database)
            os.replace(newcomer.database, url.database)
    else:
        with apart(first) as connection:
            snapshot.take_place(
                connection, [(database.name(url), newcomer.database, aside.database) for url, newcomer, aside in names]
            )


def is_there(url):
    if database.is_sqlite(url):
        return Path(url.database).exists()
    with apart(url) as connection:
        return bool(connection.scalar(text("SELECT count(*) FROM pg_database WHERE datname = :name"), {"name": database.name(url)}))


def discard(url):
    if database.is_sqlite(url):
        Path(url.database).unlink(missing_ok=True)
    else:
        with apart(url) as connection:
            snapshot.drop_unused(connection, url.database)


def apart(url):
    """A connection to a database that every server has: none can be renamed or dropped from within."""
    try:
        return database.autocommit(url.set(database="postgres"))
    except DBAPIError:
        return database.autocommit(url.set(database="template1"))


def abandon():
    for url in restored_urls().values():
        discard(scratch(url))


def main(command, *arguments):
    with backup.reported(f"{command} failed"):
        if command in ("receive", "fetch"):
            {"receive": receive, "fetch": fetch}[command](*arguments)
            print(json.dumps(report(unpack())))
        else:
            {"unlock": unlock, "prepare": prepare, "complete": complete, "exchange": exchange, "abandon": abandon}[command]()


if __name__ == "__main__":
    main(*sys.argv[1:])
