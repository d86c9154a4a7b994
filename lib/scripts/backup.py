"""Backups of MLflow's databases. Each is one archive: a manifest, the databases as their own tools dump them, and the keys
without which what is encrypted in them could not be read, locked by a passphrase.

    prepare   copies files of SQLite, and tells pg_dump, in another container, where the other databases are
    pack      writes the archive to standard output; standard input holds the passphrase
    store     puts the archive to BACKUP_URI under a name with the time, and keeps the newest BACKUP_KEEP there
    list      prints [[name, bytes], ...] of what is there as JSON, the newest first
"""

import hashlib
import io
import json
import os
import re
import shutil
import sqlite3
import sys
import tarfile
from base64 import b64encode
from contextlib import contextmanager
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlsplit

from alembic.migration import MigrationContext
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy.exc import DBAPIError

import database
import snapshot
from launch import write_private
from libpq_service import service

FORMAT = 1
FOLDER = Path("/tmp/backup")
SERVICES = "pg_service.conf"
MANIFEST = "manifest.json"
# What MLflow encrypts with: API keys of the gateway, secrets of webhooks. The key of browser sessions is not among them, since
# people only log in once more without it.
KEYS = ("MLFLOW_CRYPTO_KEK_PASSPHRASE", "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY")
VERSION_TABLES = {"auth": None, "registry": "alembic_version", "tracking": "alembic_version"}
NAME = re.compile(r"mlflow-\d{8}T\d{6}Z\.tar")


def databases():
    """By what they hold. Users come first: a permission must not outlive, in a backup, the thing that it is for, whose number
    another thing would get."""
    found = {"auth": database.auth(), "registry": database.registry(), "tracking": database.tracking()}
    urls = {role: url for role, url in found.items() if url}
    if "registry" in urls and database.describe(urls["registry"]) == database.describe(urls["tracking"]):
        del urls["registry"]
    for url in urls.values():
        if not (database.is_postgresql(url) or database.is_sqlite(url)):
            sys.exit(f"{database.describe(url)} can be backed up by its own tools only, such as mysqldump: see docs/backup.md")
    return urls


def version_table(role):
    return VERSION_TABLES[role] or ("alembic_version" if database.is_oidc() else "alembic_version_auth")


def dump_file(role, url):
    return f"{role}.{'sqlite' if database.is_sqlite(url) else 'dump'}"


def prepare():
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(mode=0o700)
    urls = databases()
    for role, url in urls.items():
        if database.is_sqlite(url):
            with reported(f"{database.describe(url)} could not be copied"):
                snapshot.overwrite(FOLDER / dump_file(role, url), url.database)
    write_services(FOLDER, urls)


def write_services(folder, urls):
    """A service of libpq for each PostgreSQL, by what it holds."""
    services = (service(url, role) for role, url in urls.items() if database.is_postgresql(url))
    write_private(folder / SERVICES, "".join(services))


def described(passphrase):
    """The manifest of what lies in the folder."""
    return {
        "format": FORMAT,
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "mlflow": version("mlflow"),
        "databases": {role: described_dump(role, url) for role, url in databases().items()},
        "keys": locked_keys(passphrase),
    }


def described_dump(role, url):
    file = FOLDER / dump_file(role, url)
    with database.engine(url).connect() as connection:
        options = {"version_table": version_table(role)}
        revision = MigrationContext.configure(connection, opts=options).get_current_revision()
    return {
        "file": file.name,
        "dialect": url.get_backend_name(),
        "revision": revision,
        "bytes": file.stat().st_size,
        "sha256": checksum(file),
    }


def checksum(file):
    with open(file, "rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def locked_keys(passphrase):
    """The marks tell whether a server has the same keys, and give nothing away."""
    salt = os.urandom(16)
    keys = current_keys()
    locked = None
    if passphrase:
        nonce = os.urandom(12)
        locked = b64encode(nonce + AESGCM(stretched(passphrase, salt)).encrypt(nonce, json.dumps(keys).encode(), None)).decode()
    return {
        "salt": salt.hex(),
        "kekVersion": os.environ.get("MLFLOW_CRYPTO_KEK_VERSION", "1"),
        "marks": {name: mark(value, salt) for name, value in keys.items()},
        "locked": locked,
    }


def current_keys():
    return {name: os.environ[name] for name in KEYS if os.environ.get(name)}


def mark(key, salt):
    return stretched(key, salt + b"mark").hex()


def stretched(text, salt):
    """Slow on purpose: a passphrase may be one that people can remember."""
    return hashlib.scrypt(text.encode(), salt=salt, n=2**15, r=8, p=1, maxmem=2**26, dklen=32)


def write_archive(target, manifest):
    with tarfile.open(fileobj=target, mode="w|") as archive:
        content = json.dumps(manifest, indent=2, sort_keys=True).encode()
        entry = tarfile.TarInfo(MANIFEST)
        entry.size, entry.mtime, entry.mode = len(content), int(datetime.now().timestamp()), 0o600
        archive.addfile(entry, io.BytesIO(content))
        for each in manifest["databases"].values():
            archive.add(FOLDER / each["file"], each["file"])


class Hashed:
    """A file that remembers the checksum of what was written to it."""

    def __init__(self, file):
        self.file, self.hash = file, hashlib.sha256()

    def write(self, content):
        self.hash.update(content)
        return self.file.write(content)


def pack():
    target = Hashed(sys.stdout.buffer)
    write_archive(target, described(sys.stdin.read().strip("\n")))
    sys.stdout.flush()
    # For whoever receives it, since a connection may end early and silently.
    print(target.hash.hexdigest(), file=sys.stderr)


class Store:
    """Where scheduled backups are: a folder, or whatever MLflow keeps artifacts in."""

    def __init__(self, uri):
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

        self.folder = Path(uri.removeprefix("file://")) if urlsplit(uri).scheme in ("", "file") else None
        if self.folder:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.repository = get_artifact_repository(self.folder.as_uri() if self.folder else uri)

    def put(self, name, manifest):
        """Under its name there is all of it or nothing."""
        unfinished = (self.folder or FOLDER) / f"{name}.unfinished"
        try:
            with open(unfinished, "wb") as file:
                write_archive(file, manifest)
            final = unfinished.with_name(name)
            unfinished.rename(final)
        finally:
            unfinished.unlink(missing_ok=True)
        if not self.folder:
            self.repository.log_artifact(str(final))

    def fetch(self, name, folder):
        return self.repository.download_artifacts(name, str(folder))

    def archives(self):
        """[(name, bytes)], the newest first."""
        found = [(Path(each.path).name, each.file_size) for each in self.repository.list_artifacts() if not each.is_dir]
        return sorted((each for each in found if NAME.fullmatch(each[0])), reverse=True)

    def keep(self, count):
        for name, _ in self.archives()[count:]:
            self.repository.delete_artifacts(name)
            print(f"{name} deleted, since {count} newer ones are there", flush=True)


def store():
    uri, keep = os.environ["BACKUP_URI"], int(os.environ["BACKUP_KEEP"])
    name = f"mlflow-{datetime.now(timezone.utc):%Y%m%dT%H%M%SZ}.tar"
    with reported(f"the backup could not be put to {uri}"):
        place = Store(uri)
        place.put(name, described(os.environ.get("BACKUP_PASSPHRASE")))
        print(f"{name} is in {uri}", flush=True)
        place.keep(keep)


@contextmanager
def reported(what):
    """Whatever the disk, the database or one of many kinds of store says, in one line."""
    try:
        yield
    except (SystemExit, KeyboardInterrupt):
        raise
    except Exception as error:
        said = database.reason(error) if isinstance(error, (DBAPIError, sqlite3.Error)) else error
        sys.exit(f"{what}: {said}")


def main(command):
    if command == "list":
        uri = os.environ["BACKUP_URI"]
        with reported(f"{uri} could not be read"):
            print(json.dumps(Store(uri).archives()))
    else:
        with reported("the backup was not made"):
            {"prepare": prepare, "pack": pack, "store": store}[command]()


if __name__ == "__main__":
    main(sys.argv[1])
