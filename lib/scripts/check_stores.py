"""Looks from a pod like the server's whether the stores do what MLflow needs, and prints a line of JSON per check.

What a check builds on comes before it: the first that fails is the last of its store.
"""

import json
import os
import signal
import socket
import tempfile
import uuid
from contextlib import contextmanager
from urllib.parse import urlsplit

import database

# For a check with all that the store's own client tries again.
LIMIT_SECONDS = 30
PORT_SECONDS = 5


def report(store, check, ok, detail):
    print(json.dumps({"store": store, "check": check, "ok": ok, "detail": detail}, sort_keys=True), flush=True)
    return ok


@contextmanager
def limited(seconds):
    def give_up(*_):
        raise TimeoutError(f"no answer within {seconds} s")

    signal.signal(signal.SIGALRM, give_up)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)


def attempt(store, check, action):
    """What the action returns is the detail; why it failed is, otherwise."""
    try:
        with limited(LIMIT_SECONDS):
            return report(store, check, True, action())
    except (Exception, SystemExit) as error:
        return report(store, check, False, database.reason(error) or type(error).__name__)


def reach(host, port):
    socket.create_connection((host, port), PORT_SECONDS).close()
    return f"{host}:{port} answers"


def check_database(url):
    store = database.describe(url)
    if not database.is_sqlite(url):
        host, _, port = database.server(url).rpartition(":")
        if not attempt(store, "port", lambda: reach(host, int(port))):
            return
        if not attempt(store, "log-in", lambda: log_in(url)):
            return
    # MLflow is loaded before the time counts, which says something of the database.
    import migrate

    attempt(store, "schema", lambda: schema(url, migrate))


def log_in(url):
    with database.engine(url).connect() as connection:
        user = connection.engine.url.username or os.environ.get("PGUSER")
    return f"user {user}"


def schema(url, migrate):
    auth = database.auth()
    chain = migrate.AUTH if auth and url == auth else migrate.STORE
    state = migrate.look(url, chain, database.tracking())
    if state.before == state.head:
        return f"revision {state.before}"
    has = f"revision {state.before}" if state.before else "no schema of MLflow"
    raise ValueError(f"it has {has}, and this image wants {state.head}")


def check_artifacts():
    uri = os.environ.get("MLFLOW_ARTIFACTS_DESTINATION") or os.environ["MLFLOW_DEFAULT_ARTIFACT_ROOT"]
    store = f"artifact store {uri}"
    address = endpoint(uri)
    if address and not attempt(store, "port", lambda: reach(*address)):
        return
    attempt(store, "identity", lambda: identity(uri))
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    name = f"mlflow-stack-check-{uuid.uuid4().hex}"
    repository = get_artifact_repository(f"{uri.rstrip('/')}/{name}")
    if attempt(store, "write", lambda: write(repository)):
        attempt(store, "list", lambda: listed(repository))
        attempt(store, "delete", lambda: delete(repository))


def write(repository):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "check.txt")
        with open(path, "w") as file:
            file.write("made by npm run doctor")
        repository.log_artifact(path)
    return "an object of 22 bytes"


def listed(repository):
    names = [os.path.basename(info.path) for info in repository.list_artifacts()]
    if names != ["check.txt"]:
        raise ValueError(f"what was written is not listed; listed: {names}")
    return "it is listed"


def delete(repository):
    repository.delete_artifacts()
    left = repository.list_artifacts()
    if left:
        raise ValueError("what was deleted is still listed")
    return "it is gone"


def endpoint(uri):
    """Host and port of the store, where they are known."""
    scheme = urlsplit(uri).scheme
    url = {
        "s3": s3_url(),
        "gs": os.environ.get("STORAGE_EMULATOR_HOST")
        # By which Google's client finds private addresses, too.
        or os.environ.get("API_ENDPOINT_OVERRIDE")
        or "https://storage.googleapis.com",
    }.get(scheme)
    if url is None:
        return None
    parts = urlsplit(url)
    return parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)


def s3_url():
    # As boto3 looks for it: https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
    for variable in ("MLFLOW_S3_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"):
        if os.environ.get(variable):
            return os.environ[variable]
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    return f"https://s3.{region}.amazonaws.com" if region else "https://s3.amazonaws.com"


def identity(uri):
    """Who it is that the store sees."""
    scheme = urlsplit(uri).scheme
    if scheme == "s3":
        return aws_identity()
    if scheme == "gs":
        return google_identity()
    if scheme in ("", "file"):
        return f"user id {os.getuid()} of the pod"
    return "not known for this kind of store"


def aws_identity():
    import boto3
    from botocore.config import Config

    credentials = boto3.Session().get_credentials()
    if credentials is None:
        raise LookupError("no identity: the pod has neither a role nor an access key")
    key = f"access key {credentials.access_key}"
    # Only Amazon itself knows who stands behind a key.
    if os.environ.get("MLFLOW_S3_ENDPOINT_URL") and "AWS_ENDPOINT_URL_STS" not in os.environ:
        return key
    limits = Config(connect_timeout=PORT_SECONDS, read_timeout=PORT_SECONDS, retries={"max_attempts": 0})
    return f"{boto3.client('sts', config=limits).get_caller_identity()['Arn']} ({credentials.method})"


def google_identity():
    import google.auth
    import google.auth.transport.requests

    credentials, project = google.auth.default(scopes=["https://www.googleapis.com/auth/devstorage.read_write"])
    if getattr(credentials, "service_account_email", "") == "default":
        # Of the metadata server, which tells the name with the first token.
        credentials.refresh(google.auth.transport.requests.Request())
    return f"{getattr(credentials, 'service_account_email', None) or type(credentials).__name__} (project {project})"


if __name__ == "__main__":
    urls = {database.describe(url): url for url in (database.tracking(), database.registry(), database.auth()) if url}
    for url in urls.values():
        check_database(url)
    check_artifacts()
