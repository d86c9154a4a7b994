"""Lets this pod's user log in to RDS by tokens, by its password, which counts no more afterwards."""

import os
import sys
import time

import psycopg2

LIMIT_SECONDS = 300
PAUSE_SECONDS = 5


def allow(connect):
    """Whether tokens are let in now; False to try again later."""
    try:
        connection = connect(password=os.environ["DATABASE_PASSWORD"])
    except psycopg2.OperationalError as error:
        if "password authentication failed" in str(error):
            sys.exit("the database refuses the password of its user; give the right one in backendStore.password")
        # Whoever logs in by tokens has no password any more; in RDS it is PAM that says so.
        if "authentication failed for user" in str(error):
            return True
        print(f"waiting for the database: {error}", flush=True)
        return False
    with connection, connection.cursor() as cursor:
        cursor.execute("GRANT rds_iam TO CURRENT_USER")
    connection.close()
    print("the user logs in by tokens from now on", flush=True)
    return True


if __name__ == "__main__":
    give_up = time.monotonic() + LIMIT_SECONDS
    # All else, the address among it, is in variables of libpq. The empty address makes it look there.
    while not allow(lambda **rest: psycopg2.connect("", **rest)):
        if time.monotonic() > give_up:
            sys.exit(f"the database was not reachable for {LIMIT_SECONDS} s")
        time.sleep(PAUSE_SECONDS)
