"""Where MLflow's databases are, read from this pod's environment, and how to speak of them without their secrets."""

import os
import sys

import sqlalchemy
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.pool import NullPool

# The drivers in MLflow's image. SQLAlchemy takes others where a URI names none.
DRIVERS = {
    "mssql": "mssql+pymssql",
    "mysql": "mysql+pymysql",
    "postgres": "postgresql+psycopg2",
    "postgresql": "postgresql+psycopg2",
}
PORTS = {"mssql": 1433, "mysql": 3306, "postgresql": 5432}


def tracking():
    """The tracking database; for PostgreSQL by parts an empty URL, because libpq reads its own variables."""
    if "DATABASE_DIALECT" not in os.environ:
        return parsed("MLFLOW_BACKEND_STORE_URI")
    return URL.create(
        DRIVERS[os.environ["DATABASE_DIALECT"]],
        username=os.environ["DATABASE_USER"],
        password=os.environ["DATABASE_PASSWORD"],
        host=os.environ["DATABASE_HOST"],
        port=int(os.environ["DATABASE_PORT"]),
        database=os.environ["DATABASE_NAME"],
        # MySQL's driver checks certificate and host with a CA from here; with MLFLOW_MYSQL_SSL_CA it checks neither.
        query={"ssl_ca": os.environ["DATABASE_CA"]} if "DATABASE_CA" in os.environ else {},
    )


def registry():
    """The model registry's own database, or None."""
    return beside_tracking("MLFLOW_REGISTRY_STORE_URI")


def read_replica():
    """The server that reads may go to, or None."""
    return beside_tracking("MLFLOW_READ_REPLICA_BACKEND_STORE_URI")


def auth():
    """The database with users and permissions, or None: another one of the tracking server, or a file beside SQLite's."""
    name = os.environ.get("AUTH_DATABASE")
    if not name:
        return None
    url = tracking()
    return url.set(database=os.path.join(os.path.dirname(url.database), f"{name}.db") if is_sqlite(url) else name)


def is_oidc():
    """Whether users are those of the plug-in mlflow-oidc-auth, and not of MLflow's basic auth."""
    return os.environ.get("AUTH_APP") == "oidc-auth"


def beside_tracking(variable):
    """The URL in a variable, or None. A URL without a user takes what it leaves out from the tracking database's."""
    if not os.environ.get(variable):
        return None
    url, base = parsed(variable), tracking()
    if url.username or url.drivername != base.drivername:
        return url
    return base.set(host=url.host or None, port=url.port, database=url.database or None, query=url.query or None)


def parsed(variable):
    try:
        url = sqlalchemy.make_url(with_driver(os.environ[variable].strip()))
    except (ArgumentError, ValueError):
        url = None
    # What follows a bare @ of a password is taken for the host.
    if url is None or "@" in (url.host or "") or url.get_backend_name() not in {*PORTS, "sqlite"}:
        sys.exit(
            f"{variable} is no URI of a PostgreSQL, MySQL or SQL Server database, such as "
            "postgresql://user:password@host:5432/mlflow; "
            "characters such as @ : / % in the user and the password must be percent-encoded"
        )
    return url


def with_driver(text):
    scheme, separator, rest = text.partition("://")
    return DRIVERS.get(scheme, scheme) + separator + rest


def uri(url):
    """With its secrets: for variables and files that only this pod sees."""
    return url.render_as_string(hide_password=False)


def is_sqlite(url):
    return url.get_backend_name() == "sqlite"


def is_postgresql(url):
    return url.get_backend_name() == "postgresql"


def name(url):
    return url.database or os.environ.get("PGDATABASE", "")


def server(url):
    """Host and port, for people."""
    libpq = os.environ if is_postgresql(url) else {}
    host = url.host or url.query.get("host") or libpq.get("PGHOST")
    port = url.port or libpq.get("PGPORT") or PORTS.get(url.get_backend_name())
    return f"{host}:{port}"


def describe(url):
    return f"database {url.database}" if is_sqlite(url) else f"database {name(url)} at {server(url)}"


def engine(url):
    """Connects anew each time and keeps no connection, so that none stands in the way of a copy."""
    tls = {option: os.environ.get(f"MLFLOW_MYSQL_{option.upper()}") for option in ("ssl_ca", "ssl_cert", "ssl_key")}
    options = {option: file for option, file in tls.items() if file} if url.get_backend_name() == "mysql" else {}
    try:
        return sqlalchemy.create_engine(url, poolclass=NullPool, connect_args=options)
    except (ImportError, NoSuchModuleError):
        sys.exit(f"this image has no driver for {url.drivername} databases; use one that has, or another database")


def autocommit(url):
    """A connection for what no transaction can hold, such as making a database."""
    return engine(url).execution_options(isolation_level="AUTOCOMMIT").connect()


def reason(error):
    """What a database or MLflow says went wrong, in one line. SQLAlchemy's own text would add the values at hand."""
    said = next((cause.orig for cause in causes(error) if isinstance(cause, DBAPIError)), error)
    # MySQL's driver puts a number before the text, SQL Server's puts both into a tuple and the text into bytes.
    while parts := said if isinstance(said, tuple) else getattr(said, "args", None):
        said = parts[-1]
    return " ".join((said.decode(errors="replace") if isinstance(said, bytes) else str(said)).split())


def causes(error):
    while error:
        yield error
        error = error.__cause__
