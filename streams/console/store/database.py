"""Database of the console: a private one in an unlinked file, rebuilt from the topics at every start."""

import sqlite3
from collections.abc import Iterator

_CACHE_KIB = 32 * 1024
_PRAGMAS = f"""
PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -{_CACHE_KIB};
PRAGMA recursive_triggers = ON;  -- so that a replaced row fires the triggers of its deletion
"""
_SCHEMA = """
CREATE TABLE entries (
    key TEXT PRIMARY KEY, case_id TEXT NOT NULL, entry BLOB NOT NULL, offset INT NOT NULL
) WITHOUT ROWID;
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
    due_s REAL NOT NULL, held INT NOT NULL, last BLOB NOT NULL, changed_s REAL NOT NULL, late INT NOT NULL DEFAULT 0
);
CREATE INDEX by_review ON takedowns (review);
CREATE TABLE events (
    takedown_id TEXT, event_id TEXT, at_s REAL NOT NULL, state TEXT NOT NULL, by TEXT NOT NULL, why TEXT NOT NULL,
    PRIMARY KEY (takedown_id, event_id)
) WITHOUT ROWID;
CREATE TABLE steps (takedown_id TEXT NOT NULL, step BLOB NOT NULL, partition INT, offset INT);
CREATE TABLE acts (act_id TEXT PRIMARY KEY, subject TEXT NOT NULL, at_s REAL NOT NULL, act BLOB NOT NULL);
CREATE TABLE dues (takedown_id TEXT PRIMARY KEY, due_s REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE counts (case_id TEXT, what TEXT, n INT NOT NULL, PRIMARY KEY (case_id, what)) WITHOUT ROWID;
CREATE INDEX counts_by_size ON counts (what, n);

CREATE TABLE reviews (
    key TEXT PRIMARY KEY, case_id TEXT NOT NULL, post_id TEXT NOT NULL, author TEXT, decided_s REAL NOT NULL,
    waiting INT NOT NULL, minor INT, verdict BLOB NOT NULL
);
CREATE INDEX queue ON reviews (waiting, minor DESC, decided_s, key) WHERE minor IS NOT NULL;
CREATE INDEX queue_by_time ON reviews (decided_s, case_id) WHERE waiting AND minor IS NOT NULL;
CREATE INDEX queue_of_case ON reviews (case_id, waiting, decided_s);
CREATE INDEX reviews_of_post ON reviews (post_id);
CREATE INDEX reviews_by_time ON reviews (decided_s);
CREATE TABLE labels (
    key TEXT PRIMARY KEY, post_id TEXT NOT NULL, case_id TEXT NOT NULL, decision TEXT NOT NULL,
    reviewer TEXT NOT NULL, at_s REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX escalations ON labels (key) WHERE decision = 'escalate';
"""
_COUNT = "INSERT INTO counts VALUES ({0}, {1}, 1), ('', {1}, 1) ON CONFLICT DO UPDATE SET n = n + 1;"
_UNCOUNT = "UPDATE counts SET n = n - 1 WHERE case_id IN ({0}, '') AND what = {1};"
_TO_REVIEW = "{0}.waiting AND {0}.minor IS NOT NULL"
_INDEXES = f"""
CREATE INDEX by_due ON takedowns (due_s, takedown_id);
CREATE INDEX by_late ON takedowns (pending, due_s, takedown_id, state, platform);
CREATE INDEX by_state ON takedowns (state, due_s, takedown_id, platform);
CREATE INDEX by_platform ON takedowns (platform, due_s, takedown_id, state);
CREATE INDEX by_case ON takedowns (case_id, due_s, takedown_id, state, platform);
CREATE INDEX by_change ON takedowns (case_id, changed_s);
CREATE INDEX by_author ON takedowns (author, platform) WHERE author IS NOT NULL;
CREATE INDEX are_held ON takedowns (case_id) WHERE held;
CREATE INDEX not_yet_late ON takedowns (due_s) WHERE pending AND NOT late;
CREATE INDEX steps_of ON steps (takedown_id);
CREATE INDEX acts_on ON acts (subject, at_s);

UPDATE reviews SET waiting = 0 WHERE waiting AND key IN (SELECT review FROM takedowns);
INSERT INTO counts SELECT case_id, state, count(*) FROM takedowns GROUP BY 1, 2;
INSERT INTO counts SELECT case_id, 'to_review', count(*) FROM reviews WHERE waiting AND minor IS NOT NULL GROUP BY 1;
INSERT INTO counts SELECT '', what, sum(n) FROM counts GROUP BY 2;
CREATE TRIGGER found AFTER INSERT ON takedowns BEGIN
    {_COUNT.format("new.case_id", "new.state")}
    UPDATE reviews SET waiting = 0 WHERE key = new.review;
END;
CREATE TRIGGER changed AFTER UPDATE OF state ON takedowns WHEN new.state <> old.state BEGIN
    {_UNCOUNT.format("old.case_id", "old.state")}
    {_COUNT.format("new.case_id", "new.state")}
END;
CREATE TRIGGER late AFTER UPDATE OF late ON takedowns WHEN new.late AND NOT old.late BEGIN
    {_COUNT.format("new.case_id", "'late'")}
END;
CREATE TRIGGER late_no_more AFTER UPDATE OF late ON takedowns WHEN old.late AND NOT new.late BEGIN
    {_UNCOUNT.format("old.case_id", "'late'")}
END;
CREATE TRIGGER queued AFTER INSERT ON reviews WHEN {_TO_REVIEW.format("new")} BEGIN
    {_COUNT.format("new.case_id", "'to_review'")}
END;
CREATE TRIGGER dropped AFTER DELETE ON reviews WHEN {_TO_REVIEW.format("old")} BEGIN
    {_UNCOUNT.format("old.case_id", "'to_review'")}
END;
CREATE TRIGGER waits_again AFTER UPDATE OF waiting, minor ON reviews
WHEN {_TO_REVIEW.format("new")} AND NOT ({_TO_REVIEW.format("old")}) BEGIN
    {_COUNT.format("new.case_id", "'to_review'")}
END;
CREATE TRIGGER waits_no_more AFTER UPDATE OF waiting, minor ON reviews
WHEN {_TO_REVIEW.format("old")} AND NOT ({_TO_REVIEW.format("new")}) BEGIN
    {_UNCOUNT.format("old.case_id", "'to_review'")}
END;
"""  # noqa: S608 - no text of others in it
OWN = "(? IS NULL OR {0} IN (SELECT case_id FROM cases WHERE opened_by = ?))"
"""Condition on the column of a case, which takes its owner twice; None accepts every case."""
NEVER_S = 9e11
"""Due time of a takedown that has none: after all others."""


def open_database() -> sqlite3.Connection:
    """Return an empty database that ends with its connection; `_CACHE_KIB` are in memory at most.

    It has no index that only pages need, and no counts, until `add_indexes`.
    """
    database = sqlite3.connect("", isolation_level=None)
    database.executescript(_PRAGMAS + _SCHEMA)
    database.execute("BEGIN")  # for ever: nothing is kept beyond the process
    return database


def add_indexes(database: sqlite3.Connection) -> None:
    """Add what pages need, in one pass over the rows; from then on triggers keep the counts."""
    for statement in _statements(_INDEXES):
        database.execute(statement)


def _statements(script: str) -> Iterator[str]:
    """Yield the statements of a script; `executescript` would end the transaction."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
