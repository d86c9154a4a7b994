"""PostgreSQL servers behind RDS instances: pods of a namespace of their own, which speak TLS and nothing else. As with RDS,
the master user is no superuser.
"""

import json
import subprocess
import time

SUPERUSER = "rdsadmin"

# What RDS knows beside PostgreSQL's own parameters, and what needs files that only RDS has.
NOT_POSTGRES = ("rds.", "shared_preload_libraries")


class Databases:
    def __init__(self, settings, log_in):
        self.settings = settings
        self.log_in = log_in
        self.dumps = {}
        self.ports = {}

    def address(self, name):
        return f"{name}.{self.settings['namespace']}.svc.cluster.local"

    def start(self, name, *, port, parameters, content, user, password, database):
        self.ports[name] = port
        forced = parameters.get("rds.force_ssl", "1") == "1"
        arguments = ["postgres", "-c", "ssl=on", "-c", "ssl_cert_file=/tls/tls.crt", "-c", "ssl_key_file=/tls/tls.key"]
        arguments += ["-c", f"port={port}"]
        if forced:
            arguments += ["-c", "hba_file=/hba/pg_hba.conf"]
        for key, value in parameters.items():
            if not key.startswith(NOT_POSTGRES):
                arguments += ["-c", f"{key}={value}"]
        labels = {"app": name}
        image = self.settings["image"]
        container = {
            "name": "postgres",
            "image": image,
            "imagePullPolicy": "IfNotPresent",
            "args": arguments,
            "env": [
                {"name": "POSTGRES_USER", "value": SUPERUSER},
                {"name": "POSTGRES_DB", "value": "postgres"},
                {"name": "POSTGRES_HOST_AUTH_METHOD", "value": "scram-sha-256"},
                {"name": "POSTGRES_PASSWORD", "value": "nobody-logs-in-with-this"},
                {"name": "PGDATA", "value": "/tmp/data"},
            ],
            # Once it has started it is ready: a busy machine must not take it from its clients.
            "startupProbe": {
                "exec": {"command": ["pg_isready", "-h", "127.0.0.1", "-p", str(port)]},
                "periodSeconds": 1,
                "timeoutSeconds": 10,
                "failureThreshold": 120,
            },
            "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}},
            "volumeMounts": [{"name": "tls", "mountPath": "/tls"}, {"name": "hba", "mountPath": "/hba"}],
        }
        files = [
            {"name": "tls", "secret": {"secretName": "tls", "defaultMode": 0o440}},
            {"name": "hba", "configMap": {"name": name}},
        ]
        # Whoever logs in by tokens has no password any more.
        hba = f"local all all trust\n{self.log_in.rule(name)}hostssl all all all scram-sha-256\n"
        metadata = {"name": name, "labels": labels}
        for manifest in (
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"pg_hba.conf": hba}},
            {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"selector": labels, "ports": [{"port": port}]}},
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": metadata,
                "spec": {
                    "enableServiceLinks": False,
                    "securityContext": {"runAsUser": 999, "runAsGroup": 999, "fsGroup": 999},
                    "terminationGracePeriodSeconds": 1,
                    "containers": [container],
                    "volumes": files,
                },
            },
        ):
            self._kubectl("apply", "--filename", "-", input=json.dumps(manifest))
        self._kubectl("wait", f"pod/{name}", "--for=condition=Ready", "--timeout=120s")
        if content is not None:
            self._psql(name, self.dumps[content], stop=False)
        else:
            self._psql(name, f"""
CREATE ROLE rds_superuser; CREATE ROLE rds_iam;
GRANT pg_monitor, pg_signal_backend TO rds_superuser WITH ADMIN OPTION;
CREATE ROLE {quoted(user)} LOGIN CREATEDB CREATEROLE PASSWORD {literal(password)};
GRANT rds_superuser TO {quoted(user)};""")
            if database:
                self._psql(name, f"CREATE DATABASE {quoted(database)} OWNER {quoted(user)};")
        if password:
            self.set_password(name, user, password)

    def set_password(self, name, user, password):
        self._psql(name, f"ALTER ROLE {quoted(user)} PASSWORD {literal(password)};")

    def dump(self, name, snapshot):
        self.dumps[snapshot] = self._exec(name, "pg_dumpall", "--username", SUPERUSER, "--port", str(self.ports[name]))

    def stop(self, name):
        self._kubectl("delete", f"pod/{name}", f"service/{name}", f"configmap/{name}", "--ignore-not-found")

    def _psql(self, name, text, stop=True):
        options = ["--set", "ON_ERROR_STOP=1"] if stop else []
        common = ["--no-psqlrc", "--quiet", "--username", SUPERUSER, "--dbname", "postgres", "--port", str(self.ports[name])]
        return self._exec(name, "psql", *common, *options, input=text)

    def _exec(self, name, *command, input=None):
        return self._kubectl("exec", "--stdin", name, "--", *command, input=input)

    def _kubectl(self, *arguments, input=None):
        command = [*self.settings["kubectl"], "--namespace", self.settings["namespace"], *arguments]
        done = subprocess.run(command, input=input or "", capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(arguments)}: {done.stderr}")
        return done.stdout


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


def literal(text):
    return "'" + text.replace("'", "''") + "'"
