"""Puts this pod's databases where MLflow looks for them and becomes the command in its arguments.

MLflow takes the databases from variables and from a file, so that no password is an argument.
"""

import os
import shutil
import sys

import database


def auth_config(uri, settings):
    """MLflow's auth file. Its reader takes % for the start of a reference, so it is doubled."""
    return "\n".join(["[mlflow]", settings, f"database_uri = {uri.replace('%', '%%')}", ""])


def write_private(path, content):
    with open(os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "w") as file:
        file.write(content)


def environment():
    """The variables that MLflow needs beside those of the pod."""
    urls = {
        "MLFLOW_BACKEND_STORE_URI": database.tracking(),
        "MLFLOW_REGISTRY_STORE_URI": database.registry(),
        "MLFLOW_READ_REPLICA_BACKEND_STORE_URI": database.read_replica(),
    }
    variables = {variable: database.uri(url) for variable, url in urls.items() if url}
    auth = database.auth()
    if auth and database.is_oidc():
        variables["OIDC_USERS_DB_URI"] = database.uri(auth)
    elif auth:
        path = os.path.join(home(), "auth.ini")
        write_private(path, auth_config(database.uri(auth), os.environ["AUTH_CONFIG"]))
        variables["MLFLOW_AUTH_CONFIG_PATH"] = path
    if "GUARDED_APP" in os.environ:
        variables["PYTHONPATH"] = os.pathsep.join(filter(None, [install_guard(), os.environ.get("PYTHONPATH")]))
    return variables


def install_guard():
    """Where Python finds our guard as what it finds plug-ins by: an installed package with an entry point."""
    module = "mlflow_stack_guard"
    folder = os.path.join(home(), "guard")
    package = os.path.join(folder, f"{module}-1.dist-info")
    os.makedirs(package, exist_ok=True)
    shutil.copyfile(os.path.join(os.path.dirname(__file__), "guard.py"), os.path.join(folder, f"{module}.py"))
    write_private(os.path.join(package, "METADATA"), f"Metadata-Version: 2.1\nName: {module}\nVersion: 1\n")
    write_private(os.path.join(package, "entry_points.txt"), f"[mlflow.app]\nmlflow-stack = {module}:app\n")
    return folder


def home():
    return os.environ.get("HOME", "/tmp")


if __name__ == "__main__":
    command = sys.argv[1:]
    os.environ.update(environment())
    try:
        os.execvp(command[0], command)
    except OSError as error:
        sys.exit(f"{command[0]} does not start in this image: {error.strerror}; use an image that holds MLflow")
