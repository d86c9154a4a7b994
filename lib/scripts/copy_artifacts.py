"""Copies artifacts between the store of the stack and another place: a bucket that this pod reaches, too, or, as a stream of
tar, a folder of whoever runs the command. Files that are the same at both ends stay as they are, and nothing is deleted.

    list URI                      prints {path: [bytes, mark]}
    send URI                      writes files as tar, but for those whose mark {path: mark} on standard input has
    take URI                      reads files as tar, and prints [path, mark] of each
    between STORE COPY [--back]   copies from one to the other, with an index in the copy

A mark changes with the content of a file. Every place has its own, so an index keeps the marks at both ends.
"""

import io
import json
import os
import shutil
import sys
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import backup

INDEX = ".mlflow-stack-copy.json"
MARK = "MLFLOW.mark"
THREADS = 8
CHUNK = 2**20


class Folder:
    def __init__(self, uri):
        self.root = Path(uri.removeprefix("file://"))

    def files(self):
        found = (Path(folder, name) for folder, _, names in os.walk(self.root) for name in names)
        return {file.relative_to(self.root).as_posix(): self.state(file) for file in found}

    def state(self, file):
        status = file.stat()
        return status.st_size, f"{status.st_size}-{status.st_mtime_ns}"

    def read(self, path):
        file = self.root / path
        return open(file, "rb"), *self.state(file)

    def write(self, path, source):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        unfinished = file.with_name(f"{file.name}.unfinished")
        with open(unfinished, "wb") as target:
            shutil.copyfileobj(source, target, CHUNK)
        unfinished.rename(file)
        return self.state(file)[1]


class Bucket:
    def __init__(self, uri):
        parts = urlsplit(uri)
        self.name = parts.netloc
        self.prefix = f"{parts.path.strip('/')}/".lstrip("/")


class S3(Bucket):
    def __init__(self, uri):
        import boto3
        from botocore.config import Config

        super().__init__(uri)
        style = os.environ.get("MLFLOW_BOTO_CLIENT_ADDRESSING_STYLE", "auto")
        config = Config(s3={"addressing_style": style}, max_pool_connections=2 * THREADS)
        self.client = boto3.client("s3", endpoint_url=os.environ.get("MLFLOW_S3_ENDPOINT_URL"), config=config)

    def files(self):
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=self.prefix)
        objects = (each for page in pages for each in page.get("Contents", []) if not each["Key"].endswith("/"))
        return {each["Key"].removeprefix(self.prefix): (each["Size"], each["ETag"]) for each in objects}

    def read(self, path):
        answer = self.client.get_object(Bucket=self.name, Key=self.prefix + path)
        return answer["Body"], answer["ContentLength"], answer["ETag"]

    def write(self, path, source):
        self.client.upload_fileobj(OnlyRead(source), self.name, self.prefix + path)
        return self.client.head_object(Bucket=self.name, Key=self.prefix + path)["ETag"]


class OnlyRead:
    """A stream that nobody tries to go back in."""

    def __init__(self, source):
        self.read = source.read


class CloudStorage(Bucket):
    def __init__(self, uri):
        from google.cloud import storage

        super().__init__(uri)
        self.bucket = storage.Client().bucket(self.name)

    def files(self):
        blobs = (each for each in self.bucket.list_blobs(prefix=self.prefix) if not each.name.endswith("/"))
        return {each.name.removeprefix(self.prefix): (each.size, str(each.generation)) for each in blobs}

    def read(self, path):
        blob = self.bucket.get_blob(self.prefix + path)
        return blob.open("rb"), blob.size, str(blob.generation)

    def write(self, path, source):
        blob = self.bucket.blob(self.prefix + path)
        with blob.open("wb") as target:
            shutil.copyfileobj(source, target, CHUNK)
        blob.reload()
        return str(blob.generation)


def place(uri):
    scheme = urlsplit(uri).scheme
    kinds = {"": Folder, "file": Folder, "s3": S3, "gs": CloudStorage}
    if scheme not in kinds:
        sys.exit(f"{uri} can be copied by its own tools only; this one knows claims, s3:// and gs://")
    return kinds[scheme](uri)


def send(uri):
    store, known = place(uri), json.load(sys.stdin)
    with tarfile.open(fileobj=sys.stdout.buffer, mode="w|", format=tarfile.PAX_FORMAT) as archive:
        for path, (_, mark) in sorted(store.files().items()):
            if known.get(path) == mark:
                continue
            body, size, mark = store.read(path)
            entry = tarfile.TarInfo(path)
            entry.size, entry.pax_headers = size, {MARK: mark}
            with body:
                archive.addfile(entry, body)


def take(uri):
    store = place(uri)
    with tarfile.open(fileobj=sys.stdin.buffer, mode="r|") as archive:
        for entry in archive:
            print(json.dumps([entry.name, store.write(safe(entry.name), archive.extractfile(entry))]), flush=True)


def safe(path):
    if path.startswith("/") or ".." in path.split("/"):
        sys.exit(f"{path} is no path within the store")
    return path


def between(store_uri, copy_uri, *back):
    store, copy = place(store_uri), place(copy_uri)
    source, target = (copy, store) if back else (store, copy)
    marks = {"store": store.files(), "copy": copy.files()}
    index = json.load(copy.read(INDEX)[0]) if INDEX in marks["copy"] else {}
    end, other = ("copy", "store") if back else ("store", "copy")

    def is_same(path):
        return path in index and all(marks[each].get(path, (0, None))[1] == index[path][each] for each in marks)

    def transfer(path):
        body, size, mark = source.read(path)
        with body:
            return path, size, {end: mark, other: target.write(safe(path), body)}

    changed = [path for path in marks[end] if path != INDEX and not is_same(path)]
    copied = files = 0
    try:
        with ThreadPoolExecutor(THREADS) as pool:
            for path, size, both in pool.map(transfer, changed):
                index[path] = both
                copied, files = copied + size, files + 1
                if files % 1000 == 0:
                    print(f"{files} of {len(changed)} files", file=sys.stderr, flush=True)
    finally:
        copy.write(INDEX, io.BytesIO(json.dumps(index, sort_keys=True).encode()))
    print(json.dumps({"files": files, "bytes": copied}))


def main(command, *arguments):
    with backup.reported("the copy is not complete, and the next one goes on from there"):
        if command == "list":
            print(json.dumps(place(arguments[0]).files()))
        else:
            {"send": send, "take": take, "between": between}[command](*arguments)


if __name__ == "__main__":
    main(*sys.argv[1:])
