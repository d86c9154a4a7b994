"""A few clients that log, search and move artifacts until a line on standard input tells them to stop, and then until each
of them has got through once more (240 s at most).

Prints a line when all are at work, and at the end what they saw as JSON: how many writes were confirmed, which of those
are not there, and which are there more than once.
"""

import json
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import as_host  # noqa: F401
from mlflow import MlflowClient
from mlflow.entities import Metric

CLIENTS = 4
LIMIT_SECONDS = 240

client = MlflowClient()
experiment = client.create_experiment(sys.argv[1])
stop = threading.Event()
at_work = threading.Barrier(CLIENTS + 1)
acknowledged: list[tuple[str, int]] = []
errors: list[str] = []
give_up = time.monotonic() + LIMIT_SECONDS


def work() -> None:
    run = client.create_run(experiment).info.run_id
    at_work.wait()
    step = 0
    while not stop.is_set() and time.monotonic() < give_up:
        try:
            client.log_batch(run, [Metric(f"metric-{n}", n, int(time.time() * 1000), step) for n in range(10)])
            acknowledged.append((run, step))
            if step % 5 == 0:
                client.search_runs([experiment], max_results=10)
            if step % 10 == 0:
                text = f"{run} {step}"
                client.log_text(run, text, f"step-{step}.txt")
                with tempfile.TemporaryDirectory() as folder:
                    path = client.download_artifacts(run, f"step-{step}.txt", folder)
                    if Path(path).read_text() != text:
                        errors.append(f"artifact of {run} {step} differs")
        except Exception as error:  # what users would see
            errors.append(" ".join(f"{type(error).__name__}: {error}".split())[:300])
        step += 1
        time.sleep(0.1)


threads = [threading.Thread(target=work, daemon=True) for _ in range(CLIENTS)]
for thread in threads:
    thread.start()
at_work.wait()


def wait_for_each_client() -> None:
    before = Counter(run for run, _ in acknowledged)
    while time.monotonic() < give_up:
        now = Counter(run for run, _ in acknowledged)
        if len(now) == CLIENTS and all(now[run] > before[run] + 5 for run in now):
            return
        time.sleep(0.2)


wait_for_each_client()
print("at work", flush=True)
sys.stdin.readline()
wait_for_each_client()
stop.set()
for thread in threads:
    thread.join()

lost, doubled = [], []
for run in {run for run, _ in acknowledged}:
    steps = Counter(metric.step for metric in client.get_metric_history(run, "metric-9"))
    lost += [f"{run} {step}" for known, step in acknowledged if known == run and step not in steps]
    doubled += [f"{run} {step}" for step, count in steps.items() if count > 1]
print(json.dumps({"acknowledged": len(acknowledged), "errors": errors, "lost": lost, "doubled": doubled}))
