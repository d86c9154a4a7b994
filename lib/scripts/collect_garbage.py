"""Runs `mlflow gc` with the arguments of this script and the tracking database, whose password is thus no argument."""

import sys

import click
from sqlalchemy.exc import DBAPIError

import database
import users


def main():
    from mlflow.cli import gc
    from mlflow.exceptions import MlflowException

    auth = database.auth()
    if auth and database.is_oidc():
        users.issue_token(auth, "MLFLOW_TRACKING", "mlflow-gc")
    elif auth:
        users.ensure(auth, "MLFLOW_TRACKING")
    arguments = ["--backend-store-uri", database.uri(database.tracking()), *sys.argv[1:]]
    try:
        gc.main(arguments, standalone_mode=False)
    except (MlflowException, DBAPIError, click.ClickException) as error:
        sys.stdout.flush()
        sys.exit(f"garbage collection stopped: {database.reason(error)}")


if __name__ == "__main__":
    main()
