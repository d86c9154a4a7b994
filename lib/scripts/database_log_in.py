"""Keeps a fresh token of AWS in the file where libpq looks for passwords, since each lets in for 15 minutes only.

libpq reads the file anew for each connection, so that nothing else has to know of it.
"""

import os
import sys
import time

import boto3
from botocore.exceptions import BotoCoreError, ClientError

RENEWAL_SECONDS = int(os.environ.get("TOKEN_RENEWAL_SECONDS", "600"))
RETRY_SECONDS = 5


def token(environment):
    host, port, user = (environment[name] for name in ("PGHOST", "PGPORT", "PGUSER"))
    client = boto3.client("rds", region_name=environment["AWS_REGION"])
    return client.generate_db_auth_token(DBHostname=host, Port=int(port), DBUsername=user)


def line(password):
    """https://www.postgresql.org/docs/current/libpq-pgpass.html"""
    escaped = password.replace("\\", "\\\\").replace(":", "\\:")
    return f"*:*:*:*:{escaped}\n"


def write(path, content):
    """At once, so that nobody reads half of it; and for its owner alone, which libpq insists on."""
    new = f"{path}.new"
    with open(os.open(new, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "w") as file:
        file.write(content)
    os.replace(new, path)


def renew(environment):
    """Seconds until the next time."""
    try:
        write(environment["PGPASSFILE"], line(token(environment)))
        return RENEWAL_SECONDS
    except (BotoCoreError, ClientError) as error:
        print(f"no token for the database yet: {error}", file=sys.stderr, flush=True)
        return RETRY_SECONDS


if __name__ == "__main__":
    while True:
        time.sleep(renew(os.environ))
