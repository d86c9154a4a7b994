"""One pass of MLflow's trace archival outside its server: the spans of old traces move from the database to files.

Without it MLflow needs its job runners, which are six more processes in every server pod.
"""

import json
import logging
import os
import sys
import tempfile

from sqlalchemy.exc import DBAPIError

import database


def archival_config(location, retention, most_traces):
    """MLflow's YAML, of which JSON is a part. Its own interval between passes must not hold up the only one."""
    settings = {
        "enabled": True,
        "interval_seconds": 1,
        "location": location,
        "max_traces_per_pass": most_traces,
        "retention": retention,
    }
    return json.dumps({"trace_archival": settings})


class Failures(logging.Filter):
    """MLflow logs failures, with their stack, and goes on. This keeps their causes and leaves the stacks out."""

    def __init__(self):
        super().__init__()
        self.reasons = []

    def filter(self, record):
        if record.exc_info:
            *_, cause = database.causes(record.exc_info[1])
            self.reasons.append(database.reason(cause))
            record.exc_info = None
        return True


def main():
    location = os.environ["ARCHIVE_LOCATION"]
    with tempfile.NamedTemporaryFile("w", suffix=".yaml", delete=False) as file:
        file.write(archival_config(location, os.environ["ARCHIVE_RETENTION"], int(os.environ["ARCHIVE_MAX_TRACES"])))
    os.environ["MLFLOW_TRACE_ARCHIVAL_CONFIG"] = file.name
    os.environ["MLFLOW_BACKEND_STORE_URI"] = database.uri(database.tracking())
    # Where the workspaces are listed; outside its server MLflow would make a file of its own for that.
    os.environ.setdefault("MLFLOW_WORKSPACE_STORE_URI", os.environ["MLFLOW_BACKEND_STORE_URI"])

    from mlflow.exceptions import MlflowException
    from mlflow.tracing.trace_archival_service import run_trace_archival_scheduler

    failures = Failures()
    for logger in ("mlflow.store.tracking.sqlalchemy_store", "mlflow.tracing.trace_archival_service"):
        logging.getLogger(logger).addFilter(failures)
    try:
        archived = run_trace_archival_scheduler()
    except (DBAPIError, MlflowException) as error:
        sys.exit(f"no trace was archived to {location}: {database.reason(error)}")
    print(f"traces archived to {location}: {archived}", flush=True)
    if failures.reasons:
        sys.exit(f"not all traces could be archived to {location}: {failures.reasons[-1]}")


if __name__ == "__main__":
    main()
