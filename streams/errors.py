"""Errors whose type decides what happens to a record.

Exception
├── RecordError              a record cannot be processed, with a reason
│   ├── UnprocessableError   dead letter at once: the input is broken or refused, a retry cannot help
│   └── TransientError       retried a few times with jitter, then a dead letter
│       └── WorkerError      retried likewise, then the worker stops, because no record is at fault
│           └── BrokerError  the broker is
├── UsageError               a person's mistake at the command line: one line, exit code 2
└── anything else            a bug: dead letter with its traceback, counted separately
"""


class RecordError(Exception):
    """A record cannot be processed.

    Parameters
    ----------
    reason
        Stable slug, one of few: metric label and field of the dead letter.
    detail
        One line for the operator.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class UnprocessableError(RecordError):
    """This record can never be processed."""


class TransientError(RecordError):
    """This record may succeed on a retry."""


class WorkerError(TransientError):
    """This worker, or a service that it needs, failed: its disk is full, the broker is down."""


class BrokerError(WorkerError):
    """The broker does not answer."""

    def __init__(self, detail: str) -> None:
        super().__init__("broker_unreachable", detail)


class UsageError(Exception):
    """The command line or the settings are wrong; the message contains the remedy."""
