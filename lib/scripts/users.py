"""Users that the stack keeps: administrators of MLflow's basic auth, kept as this pod's environment names them, and of mlflow-oidc-auth.

The administrators are the first user, garbage collection, and the scraper of metrics, since MLflow shows /metrics to
nobody else. Programs in namespaces of the cluster are users without rights of their own.
"""

import os
import sys
from datetime import datetime, timedelta, timezone

from sqlalchemy.exc import DBAPIError

import database

# Refused by MLflow for admins, because older versions shipped it.
PUBLISHED_PASSWORD = "password1234"


def ensure(auth, prefix, is_admin=True):
    """Makes the user of <prefix>_USERNAME and <prefix>_PASSWORD, or changes what differs: a new password rotates it."""
    # Slow to import, and needs more packages than the rest.
    from mlflow.exceptions import MlflowException
    from mlflow.server.auth.sqlalchemy_store import SqlAlchemyStore

    username, password = os.environ[f"{prefix}_USERNAME"], os.environ[f"{prefix}_PASSWORD"]
    if password == PUBLISHED_PASSWORD:
        sys.exit(f"{prefix}_PASSWORD is the password that older versions of MLflow shipped; choose another")
    try:
        store = SqlAlchemyStore()
        store.init_db(database.uri(auth))
        if not store.has_user(username):
            store.create_user(username, password, is_admin=is_admin)
            print(f"user {username} made in {database.describe(auth)}", flush=True)
        elif not (store.authenticate_user(username, password) and store.get_user(username).is_admin == is_admin):
            store.update_user(username, password, is_admin=is_admin)
            print(f"user {username} changed in {database.describe(auth)}", flush=True)
    except (DBAPIError, MlflowException) as error:
        sys.exit(
            f"user {username} of {prefix}_USERNAME and {prefix}_PASSWORD could not be kept in "
            f"{database.describe(auth)}: {database.reason(error)}"
        )


def issue_token(auth, prefix, username):
    """Puts the log-in of a service account of mlflow-oidc-auth into <prefix>_USERNAME and <prefix>_PASSWORD, for a day."""
    from mlflow.exceptions import MlflowException
    from mlflow_oidc_auth.sqlalchemy_store import SqlAlchemyStore

    try:
        store = SqlAlchemyStore()
        store.init_db(database.uri(auth))
        if not store.has_user(username):
            store.create_user(username, username, is_admin=True, is_service_account=True, service_account_source="internal")
        expires = datetime.now(timezone.utc) + timedelta(days=1)
        _, token, _ = store.replace_user_token(username, "mlflow-stack", expires, created_by=username)
    except (DBAPIError, MlflowException) as error:
        sys.exit(f"no token for {username} in {database.describe(auth)}: {database.reason(error)}")
    os.environ.update({f"{prefix}_USERNAME": username, f"{prefix}_PASSWORD": token})
