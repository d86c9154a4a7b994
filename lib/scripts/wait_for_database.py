"""Waits until the tracking database lets this pod in, for at most five minutes.

What waiting cannot mend, such as a wrong password, ends it at once.
"""

import sys
import time

from sqlalchemy.exc import DBAPIError

import database

LIMIT_SECONDS = 300
LONGEST_PAUSE_SECONDS = 15
HOPELESS = (
    # PostgreSQL
    "authentication failed",
    "does not exist",
    "does not match host name",
    "no pg_hba.conf entry",
    "not permitted to log in",
    "permission denied for database",
    "server does not support SSL",
    # PostgreSQL and MySQL
    "certificate verify failed",
    # MySQL
    "Access denied",
    "Unknown database",
    # SQL Server
    "Cannot open database",
    "Login failed",
)


def is_hopeless(reason):
    # Rights in a cloud take up to a minute until they count.
    return "PAM authentication failed" not in reason and any(text in reason for text in HOPELESS)


def wait(url):
    where, engine = database.server(url), database.engine(url)
    give_up = time.monotonic() + LIMIT_SECONDS
    pause = 1
    while True:
        try:
            engine.connect().close()
            print(f"database at {where} is ready", flush=True)
            return
        except DBAPIError as error:
            reason = database.reason(error)
        if is_hopeless(reason):
            sys.exit(f"the database at {where} refuses this pod: {reason}")
        if time.monotonic() > give_up:
            sys.exit(f"the database at {where} was not reachable for {LIMIT_SECONDS} s: {reason}")
        print(f"waiting for the database at {where}: {reason}", flush=True)
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


if __name__ == "__main__":
    tracking = database.tracking()
    if not database.is_sqlite(tracking):
        wait(tracking)
