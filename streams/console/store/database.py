"""Database of the console: a private one in an unlinked file, rebuilt from the topics at every start."""

import sqlite3

_CACHE_KIB = 32 * 1024
_PRAGMAS = f"PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -{_CACHE_KIB};"
_SCHEMA = """
CREATE TABLE entries (key TEXT PRIMARY KEY, case_id TEXT NOT NULL, entry BLOB NOT NULL) WITHOUT ROWID;
CREATE INDEX entries_of_case ON entries (case_id);
CREATE TABLE cases (
    case_id TEXT PRIMARY KEY, name TEXT NOT NULL, opened_s REAL NOT NULL, kind TEXT NOT NULL,
    minor INT NOT NULL, benign INT NOT NULL, opened_by TEXT NOT NULL, waits INT NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX cases_by_time ON cases (benign, opened_s DESC, case_id);
CREATE INDEX cases_of_owner ON cases (opened_by);
CREATE INDEX waiting_cases ON cases (opened_s, case_id) WHERE waits;
CREATE TABLE standings (key TEXT PRIMARY KEY, case_id TEXT NOT NULL, standing BLOB NOT NULL) WITHOUT ROWID;
CREATE INDEX standings_of_case ON standings (case_id);

CREATE TABLE takedowns (
    takedown_id TEXT PRIMARY KEY, case_id TEXT NOT NULL, review TEXT NOT NULL, state TEXT NOT NULL,
    platform TEXT NOT NULL, author TEXT, minor INT NOT NULL, pending INT NOT NULL, found_s REAL NOT NULL,
    due_s REAL NOT NULL, held INT NOT NULL, last BLOB NOT NULL
);
CREATE INDEX by_due ON takedowns (pending, due_s, takedown_id);
CREATE INDEX by_state ON takedowns (state, due_s, takedown_id);
CREATE INDEX by_platform ON takedowns (platform, due_s, takedown_id);
CREATE INDEX by_case ON takedowns (case_id, due_s, takedown_id);
CREATE INDEX by_review ON takedowns (review);
CREATE INDEX by_author ON takedowns (author, platform) WHERE author IS NOT NULL;
CREATE INDEX are_held ON takedowns (case_id) WHERE held;
CREATE TABLE counts (case_id TEXT, state TEXT, n INT NOT NULL, PRIMARY KEY (case_id, state)) WITHOUT ROWID;
CREATE TRIGGER counted AFTER INSERT ON takedowns BEGIN
    INSERT INTO counts VALUES (new.case_id, new.state, 1) ON CONFLICT DO UPDATE SET n = n + 1;
    UPDATE reviews SET waiting = 0 WHERE key = new.review;
END;
CREATE TRIGGER counted_again AFTER UPDATE OF state ON takedowns WHEN new.state <> old.state BEGIN
    UPDATE counts SET n = n - 1 WHERE case_id = old.case_id AND state = old.state;
    INSERT INTO counts VALUES (new.case_id, new.state, 1) ON CONFLICT DO UPDATE SET n = n + 1;
END;
CREATE TABLE events (
    takedown_id TEXT, event_id TEXT, at_s REAL NOT NULL, state TEXT NOT NULL, by TEXT NOT NULL, why TEXT NOT NULL,
    PRIMARY KEY (takedown_id, event_id)
) WITHOUT ROWID;
CREATE TABLE steps (
    takedown_id TEXT, delivery_id TEXT, step BLOB NOT NULL, PRIMARY KEY (takedown_id, delivery_id)
) WITHOUT ROWID;
CREATE TABLE dues (takedown_id TEXT PRIMARY KEY, due_s REAL NOT NULL) WITHOUT ROWID;

CREATE TABLE reviews (
    key TEXT PRIMARY KEY, case_id TEXT NOT NULL, post_id TEXT NOT NULL, author TEXT, decided_s REAL NOT NULL,
    waiting INT NOT NULL, minor INT, verdict BLOB NOT NULL
);
CREATE INDEX queue ON reviews (waiting, minor DESC, decided_s, key) WHERE minor IS NOT NULL;
CREATE INDEX queue_of_case ON reviews (case_id, waiting);
CREATE INDEX reviews_of_post ON reviews (post_id);
CREATE INDEX reviews_by_time ON reviews (decided_s);
CREATE TABLE labels (
    key TEXT PRIMARY KEY, post_id TEXT NOT NULL, case_id TEXT NOT NULL, decision TEXT NOT NULL,
    reviewer TEXT NOT NULL, at_s REAL NOT NULL
) WITHOUT ROWID;
"""
OWN = "(? IS NULL OR {0} IN (SELECT case_id FROM cases WHERE opened_by = ?))"
"""Condition on the column of a case, which takes its owner twice; None accepts every case."""
NEVER_S = 9e11
"""Due time of a takedown that has none: after all others."""


def open_database() -> sqlite3.Connection:
    """Return an empty database that ends with its connection; `_CACHE_KIB` are in memory at most."""
    database = sqlite3.connect("", isolation_level=None)
    database.executescript(_PRAGMAS + _SCHEMA)
    database.execute("BEGIN")  # for ever: nothing is kept beyond the process
    return database
