"""Measures a tracking server from outside, with nothing but the standard library; prints figures as JSON.

load.py ADDRESS requests SECONDS     each kind of request for so long, from 8 clients that never repeat a failed one
load.py ADDRESS upload MEBIBYTES     one artifact through the server; `download` fetches it again
"""

import json
import os
import sys
import threading
import time
from http.client import HTTPConnection
from multiprocessing import Pool
from statistics import quantiles

CLIENTS = 8
RUNS_TO_SEARCH = 100
WARM_UP_SECONDS = 1
HEADERS = {"Host": "mlflow", "Content-Type": "application/json"}
ARTIFACT = "/api/2.0/mlflow-artifacts/artifacts/bench/large"
address, mode, amount = sys.argv[1], sys.argv[2], int(sys.argv[3])


def send(connection, method, path, body=None, headers=HEADERS):
    connection.request(method, path, body, headers)
    response = connection.getresponse()
    answer = response.read()
    if response.status != 200:
        raise OSError(f"{method} {path}: {response.status} {answer[:300]}")
    return answer


def call(connection, path, body):
    return json.loads(send(connection, "POST", f"/api/2.0/mlflow/{path}", json.dumps(body)))


def connect():
    return HTTPConnection(address, timeout=300)


def metrics(step):
    now = int(time.time() * 1000)
    return [{"key": f"metric-{n}", "value": n, "timestamp": now, "step": step} for n in range(10)]


KINDS = {
    "log batch": ("runs/log-batch", lambda _, run, step: {"run_id": run, "metrics": metrics(step)}),
    "create run": ("runs/create", lambda experiments, *_: {"experiment_id": experiments[1]}),
    "search runs": ("runs/search", lambda experiments, *_: {"experiment_ids": experiments[:1], "max_results": 100}),
}


def work(kind, experiments, run, seconds):
    """One client. Its connections live for a second, so that a Service spreads them over pods and workers."""
    path, body = KINDS[kind]
    taken, failed, step = [], 0, 0
    begin = time.perf_counter()
    end = begin + seconds
    while (now := time.perf_counter()) < end:
        connection, renew = connect(), min(now + 1, end)
        try:
            while (start := time.perf_counter()) < renew:
                step += 1
                call(connection, path, body(experiments, run, step))
                taken.append(time.perf_counter() - start)
        except OSError:
            failed += 1
        connection.close()
    return taken, failed, len(taken) / (time.perf_counter() - begin)


def requests(seconds):
    connection, name = connect(), time.time_ns()
    experiments = [call(connection, "experiments/create", {"name": f"{name}-{n}"})["experiment_id"] for n in range(2)]
    runs = []
    for _ in range(RUNS_TO_SEARCH):
        runs.append(call(connection, "runs/create", {"experiment_id": experiments[0]})["run"]["info"]["run_id"])
        call(connection, "runs/log-batch", {"run_id": runs[-1], "metrics": metrics(0)})
    figures = {}
    with Pool(CLIENTS) as pool:
        for kind in KINDS:
            for duration in (WARM_UP_SECONDS, seconds):
                clients = [(kind, experiments, runs[n], duration) for n in range(CLIENTS)]
                results = pool.starmap(work, clients, chunksize=1)
            taken = [each for client, *_ in results for each in client]
            cuts = quantiles(taken, n=20) if len(taken) > 1 else [0.0] * 19
            figures[kind] = {
                "perSecond": sum(rate for *_, rate in results),
                "p50": cuts[9],
                "p95": cuts[18],
                "failed": sum(failed for _, failed, _ in results),
            }
    return figures


def transfer(size):
    """How long the artifact takes, and the longest time that somebody else waits for an answer meanwhile."""
    done, waits = threading.Event(), []

    def others():
        connection = connect()
        while not done.wait(0.2):
            start = time.perf_counter()
            call(connection, "experiments/search", {"max_results": 1})
            waits.append(time.perf_counter() - start)

    other = threading.Thread(target=others)
    other.start()
    chunk, start = os.urandom(2**20), time.perf_counter()
    try:
        if mode == "upload":
            headers = {"Host": "mlflow", "Content-Length": str(size * len(chunk))}
            send(connect(), "PUT", ARTIFACT, (chunk for _ in range(size)), headers)
        else:
            connection = connect()
            connection.request("GET", ARTIFACT, headers={"Host": "mlflow"})
            response, received = connection.getresponse(), 0
            while piece := response.read(2**20):
                received += len(piece)
            if response.status != 200 or received != size * len(chunk):
                raise OSError(f"GET {ARTIFACT}: {response.status} with {received} bytes")
        seconds = time.perf_counter() - start
    finally:
        done.set()
        other.join()
    return {"seconds": seconds, "longestWait": max(waits, default=0.0)}


print(json.dumps(requests(amount) if mode == "requests" else transfer(amount)))
