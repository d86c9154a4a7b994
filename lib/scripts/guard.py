"""The app of an auth plug-in behind what MLflow's own app checks and plug-ins leave out.

That is the Host and Origin of a request, and who may read the metrics: their scraper alone, whom no plug-in knows.
"""

import hmac
import os
from base64 import b64encode

from mlflow.server.fastapi_security import (
    CORSBlockingMiddleware,
    HostValidationMiddleware,
    SecurityHeadersMiddleware,
    get_allowed_hosts,
    get_allowed_origins,
)
from mlflow.utils.plugins import get_entry_points

METRICS_PATH = "/metrics"


class Metrics:
    """Answers the scraper itself, and nobody else."""

    def __init__(self, app, username, password):
        self.app = app
        self.expected = b"Basic " + b64encode(f"{username}:{password}".encode())

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http" or scope["path"].rstrip("/") != METRICS_PATH:
            return await self.app(scope, receive, send)
        given = dict(scope["headers"]).get(b"authorization", b"")
        if not hmac.compare_digest(given, self.expected):
            return await answer(send, 401, b"the metrics are for their scraper", (b"www-authenticate", b"Basic"))
        content, content_type = metrics()
        return await answer(send, 200, content, (b"content-type", content_type.encode()))


def metrics():
    """Summed over all processes, as MLflow's own exporter does."""
    from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest, multiprocess

    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)
    return generate_latest(registry), CONTENT_TYPE_LATEST


async def answer(send, status, body, *headers):
    await send({"type": "http.response.start", "status": status, "headers": list(headers)})
    await send({"type": "http.response.body", "body": body})


def plugin(name):
    found = next(entry for entry in get_entry_points("mlflow.app") if entry.name == name)
    return found.load()


def guarded(app):
    if "METRICS_USERNAME" in os.environ:
        app = Metrics(app, os.environ["METRICS_USERNAME"], os.environ["METRICS_PASSWORD"])
    app = CORSBlockingMiddleware(app, get_allowed_origins())
    app = HostValidationMiddleware(app, get_allowed_hosts())
    return SecurityHeadersMiddleware(app)


app = guarded(plugin(os.environ["GUARDED_APP"]))
