"""Prints the size of MLflow's databases and of their tables as JSON, largest first: [[database, bytes, [[table, bytes]]]]."""

import json
import os

from sqlalchemy import text

import database

TABLES = {
    "mssql": "SELECT t.name, SUM(u.total_pages) * 8192 FROM sys.tables t JOIN sys.partitions p ON p.object_id = t.object_id "
    "JOIN sys.allocation_units u ON u.container_id = p.partition_id GROUP BY t.name",
    "mysql": "SELECT table_name, COALESCE(data_length, 0) + COALESCE(index_length, 0) FROM information_schema.tables "
    "WHERE table_schema = DATABASE()",
    "postgresql": "SELECT relname, pg_total_relation_size(relid) FROM pg_stat_user_tables",
    # The library of Python may lack the statistics of pages: rows tell then how the file is divided.
    "sqlite": "SELECT name, 0 FROM sqlite_master WHERE type = 'table'",
}
WHOLE = {"postgresql": "SELECT pg_database_size(current_database())"}


def size(url):
    """The whole of a database, which may be more than its tables, and each table."""
    dialect = url.get_backend_name()
    with database.engine(url).connect() as connection:
        tables = sorted(((name, int(of)) for name, of in connection.execute(text(TABLES[dialect]))), key=lambda row: -row[1])
        if dialect == "sqlite":
            whole = os.path.getsize(url.database)
        else:
            whole = int(connection.scalar(text(WHOLE[dialect]))) if dialect in WHOLE else sum(of for _, of in tables)
    return [database.describe(url), whole, tables]


urls = {database.describe(url): url for url in (database.tracking(), database.registry(), database.auth()) if url}
print(json.dumps([size(url) for url in urls.values()]))
