"""Waits until PostgreSQL lets this pod in, for at most five minutes.

Where the database is comes from libpq's variables (PGHOST, PGPORT, ...). What waiting cannot mend, such as a wrong
password, ends it at once.
"""

import os
import sys
import time

import psycopg2

LIMIT_SECONDS = 300
HOPELESS = ("authentication failed", "does not exist", "no pg_hba.conf entry")

where = f"{os.environ['PGHOST']}:{os.environ['PGPORT']}"
give_up = time.monotonic() + LIMIT_SECONDS
while True:
    try:
        psycopg2.connect("").close()
        print(f"database at {where} is ready", flush=True)
        break
    except psycopg2.OperationalError as error:
        reason = " ".join(str(error).split())
    if any(text in reason for text in HOPELESS):
        sys.exit(f"the database at {where} refuses this pod: {reason}")
    if time.monotonic() > give_up:
        sys.exit(f"the database at {where} was not reachable for {LIMIT_SECONDS} s: {reason}")
    print(f"waiting for the database at {where}: {reason}", flush=True)
    time.sleep(2)
