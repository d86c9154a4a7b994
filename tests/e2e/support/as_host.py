"""Importing this sends all requests under the name in AS_HOST, since the server refuses an address as Host header."""

import os

import requests

send = requests.Session.send


def send_as_host(session, request, **options):
    request.headers["Host"] = os.environ["AS_HOST"]
    return send(session, request, **options)


requests.Session.send = send_as_host
