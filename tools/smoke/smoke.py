"""Uses an MLflow server as a person would, and reads everything back.

MLFLOW_TRACKING_URI names the server; the optional arguments are the Ingress's URL and host. Prints one JSON line per
check, {"check": ..., "ok": true}, and exits 1 after the first that fails. Names are unique and nothing is deleted, so
that the UI has something to show.
"""

import json
import os
import sys
import tempfile
import time
import urllib.request
import warnings
from contextlib import contextmanager
from pathlib import Path

# The ways around the server's artifact proxy differ per store; what the smoke run tests is the server.
os.environ.setdefault("MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD", "false")
os.environ.setdefault("MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD", "false")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")
os.environ["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] = "true"
os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
warnings.simplefilter("ignore")

import mlflow  # noqa: E402
from mlflow import MlflowClient  # noqa: E402

NAME = f"smoke-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"
PARAMETERS = {"learning_rate": "0.01", "Größe": "größer als 数 ✓"}
LOSSES = [1.0, 0.5, 0.25]
TEXT = "naïve café, 東京, 🚀\n"
BINARY = bytes(range(256)) * 1024


@contextmanager
def check(name: str):
    """Reports what happens inside as one check."""
    try:
        yield
    except Exception as error:  # whatever goes wrong is the answer
        print(json.dumps({"check": name, "ok": False, "error": f"{type(error).__name__}: {error}"}), flush=True)
        raise SystemExit(1) from error
    print(json.dumps({"check": name, "ok": True}), flush=True)


def expect(actual, expected) -> None:
    if actual != expected:
        raise AssertionError(f"expected {expected!r:.200}, got {actual!r:.200}")


def double(model_input: list[float]) -> list[float]:
    return [2 * value for value in model_input]


def main() -> None:
    client = MlflowClient()

    with check(f"server answers as MLflow {mlflow.__version__}"):
        with urllib.request.urlopen(f"{os.environ['MLFLOW_TRACKING_URI']}/version", timeout=30) as answer:
            expect(answer.read().decode().strip(), mlflow.__version__)

    with check("experiment created and found by name"):
        mlflow.set_experiment(NAME)
        experiment = client.get_experiment_by_name(NAME)
        expect(experiment.name, NAME)

    with tempfile.TemporaryDirectory() as folder, mlflow.start_run(run_name=f"{NAME} ✓") as run:
        run_id = run.info.run_id
        with check("parameters and metrics logged"):
            mlflow.log_params(PARAMETERS)
            for step, loss in enumerate(LOSSES):
                mlflow.log_metric("loss", loss, step=step)
        with check("text and binary artifacts logged"):
            mlflow.log_text(TEXT, "notes/text.txt")
            path = Path(folder, "data.bin")
            path.write_bytes(BINARY)
            mlflow.log_artifact(str(path), "data")
        with check("model logged and registered"):
            mlflow.pyfunc.log_model(
                name="model", python_model=double, pip_requirements=[], registered_model_name=NAME
            )

    with check("parameters read back"):
        expect(client.get_run(run_id).data.params, PARAMETERS)
    with check("metrics read back with their history"):
        history = sorted(client.get_metric_history(run_id, "loss"), key=lambda metric: metric.step)
        expect([metric.value for metric in history], LOSSES)
    with check("run found by search"):
        found = client.search_runs([experiment.experiment_id], "metrics.loss < 0.3 and params.learning_rate = '0.01'")
        expect([each.info.run_id for each in found], [run_id])
    with check("artifacts read back byte for byte"), tempfile.TemporaryDirectory() as folder:
        expect(mlflow.artifacts.load_text(f"runs:/{run_id}/notes/text.txt"), TEXT)
        expect(Path(client.download_artifacts(run_id, "data/data.bin", folder)).read_bytes(), BINARY)
    with check("registered model loaded and used"):
        expect(client.get_model_version(NAME, "1").run_id, run_id)
        expect(mlflow.pyfunc.load_model(f"models:/{NAME}/1").predict([1.5, 2.0]), [3.0, 4.0])

    if len(sys.argv) == 3:
        url, host = sys.argv[1:]
        with check(f"run read through the Ingress as {host}"):
            request = urllib.request.Request(f"{url}/api/2.0/mlflow/runs/get?run_id={run_id}", headers={"Host": host})
            with urllib.request.urlopen(request, timeout=30) as answer:
                expect(json.load(answer)["run"]["info"]["run_id"], run_id)
        with check("UI served through the Ingress"):
            with urllib.request.urlopen(urllib.request.Request(f"{url}/", headers={"Host": host}), timeout=30) as answer:
                expect("<title>MLflow</title>" in answer.read().decode(), True)


main()
