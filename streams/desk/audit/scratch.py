"""Temporary databases of the verification, of which little is in memory, however long the log is."""

import sqlite3

_PRAGMAS = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA cache_size = -65536;
"""


def scratch_database(tables: str) -> sqlite3.Connection:
    """Return a new database with these tables, in a file without a name; all is one transaction that nothing ends."""
    database = sqlite3.connect("", isolation_level=None)
    database.executescript(_PRAGMAS + tables)
    database.execute("BEGIN")
    return database
