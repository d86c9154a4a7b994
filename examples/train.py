"""Trains a model, logs all there is to it, and makes sure that it is there.

Needs what the official image of MLflow holds: mlflow, scikit-learn, matplotlib. Where the server is, and how to log in, is
said by MLFLOW_TRACKING_URI and the variables beside it: on a workstation by hand, in a pod by ConfigMap and Secret
`mlflow-client`.
"""

import os
import sys

import matplotlib

matplotlib.use("Agg")  # there is no screen in a pod

import mlflow  # noqa: E402
from matplotlib import pyplot  # noqa: E402
from mlflow import MlflowClient  # noqa: E402
from sklearn.datasets import load_iris  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402
from sklearn.metrics import ConfusionMatrixDisplay, accuracy_score, f1_score  # noqa: E402
from sklearn.model_selection import train_test_split  # noqa: E402

EXPERIMENT = os.environ.get("EXPERIMENT", "iris")
MODEL = os.environ.get("MODEL", "iris-regression")
PARAMETERS = {"C": 0.5, "max_iter": 500, "random_state": 7}


def train() -> tuple[str, str]:
    """Logs a run and registers its model; gives back the run's id and the model's version."""
    features, labels = load_iris(return_X_y=True)
    train_x, test_x, train_y, test_y = train_test_split(features, labels, test_size=0.25, random_state=7)
    mlflow.set_experiment(EXPERIMENT)
    with mlflow.start_run() as run:
        mlflow.log_params(PARAMETERS)
        model = LogisticRegression(**PARAMETERS).fit(train_x, train_y)
        predicted = model.predict(test_x)
        mlflow.log_metrics(
            {"accuracy": accuracy_score(test_y, predicted), "f1": f1_score(test_y, predicted, average="macro")}
        )
        plot = ConfusionMatrixDisplay.from_predictions(test_y, predicted)
        mlflow.log_figure(plot.figure_, "confusion_matrix.png")
        pyplot.close(plot.figure_)
        logged = mlflow.sklearn.log_model(model, name="model", input_example=train_x[:2], registered_model_name=MODEL)
    return run.info.run_id, str(logged.registered_model_version)


def verify(run_id: str, version: str) -> None:
    """Reads everything back, as somebody else would."""
    client = MlflowClient()
    data = client.get_run(run_id).data
    expect(data.params, {key: str(value) for key, value in PARAMETERS.items()}, "parameters")
    expect(sorted(data.metrics), ["accuracy", "f1"], "metrics")
    expect("confusion_matrix.png" in [file.path for file in client.list_artifacts(run_id)], True, "plot")
    expect(client.get_model_version(MODEL, version).run_id, run_id, "registered model")
    features, labels = load_iris(return_X_y=True)
    loaded = mlflow.sklearn.load_model(f"models:/{MODEL}/{version}")
    expect(accuracy_score(labels, loaded.predict(features)) > 0.9, True, "predictions of the loaded model")


def expect(actual, expected, what: str) -> None:
    if actual != expected:
        sys.exit(f"{what}: expected {expected!r}, got {actual!r}")
    print(f"{what}: as logged", flush=True)


if __name__ == "__main__":
    run_id, version = train()
    verify(run_id, version)
    print(f"run {run_id} in experiment {EXPERIMENT}, model {MODEL} version {version}")
