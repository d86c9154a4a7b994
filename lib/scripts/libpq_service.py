"""Writes how to reach databases to a file that libpq reads, so that no password is an argument or a variable.

https://www.postgresql.org/docs/current/libpq-pgservice.html
"""

import os
import sys

import database
from launch import write_private

SERVICE = "mlflow"


def service(url, name=SERVICE):
    """What the URL does not say, libpq takes from the variables of the pod."""
    host = {"host": url.host, "port": url.port, "dbname": url.database, "user": url.username, "password": url.password}
    known = {**host, **{option: value for option, value in url.query.items() if isinstance(value, str)}}
    return "\n".join([f"[{name}]", *(f"{option}={value}" for option, value in known.items() if value), ""])


if __name__ == "__main__":
    tracking = database.tracking()
    if not database.is_postgresql(tracking):
        sys.exit(f"{database.describe(tracking)} is no PostgreSQL")
    write_private(sys.argv[1], service(tracking))
