"""Errors whose type decides what happens to a record.

Exception
├── RecordError              a record cannot be processed, with a reason
│   ├── UnprocessableError   dead letter at once: the input is broken or refused, a retry cannot help
│   └── TransientError       retried a few times with jitter, then a dead letter
│       └── WorkerError      retried likewise, then the worker stops, because no record is at fault
│           └── ServiceError waited for longer: the broker or the schema registry does not answer
├── UsageError               a person's mistake at the command line: one line, exit code 2
└── anything else            a bug: dead letter with its traceback, counted separately

A full disk, a lack of memory or of open files is the worker's too, whatever error a library makes of it:
`worker_fault` recognises it by the error's chain of causes.
"""

import errno

_HOST_ERRNOS = frozenset(
    {
        errno.EAGAIN,  # of a fork: no process or thread is left
        errno.EDQUOT,
        errno.EIO,
        errno.EMFILE,
        errno.ENFILE,
        errno.ENOMEM,
        errno.ENOSPC,
        errno.EROFS,
    }
)
_NO_THREAD = "can't start new thread"


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


class ServiceError(WorkerError):
    """A service that every worker needs does not answer."""


class RegistryError(ServiceError):
    """The schema registry does not answer."""

    def __init__(self, detail: str) -> None:
        super().__init__("registry_unreachable", detail)


class BrokerError(ServiceError):
    """The broker does not answer."""

    def __init__(self, detail: str) -> None:
        super().__init__("broker_unreachable", detail)


class UsageError(Exception):
    """The command line or the settings are wrong; the message contains the remedy."""


def disk_error(what: str, error: OSError) -> WorkerError:
    """Return the error of a worker whose own disk is full or fails.

    Parameters
    ----------
    what
        What fails with it, such as "the archive failed".
    """
    reason = "disk_full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "disk_failed"
    return WorkerError(reason, f"{what}: {error.strerror}")


def worker_fault(error: BaseException) -> WorkerError | None:
    """Return the fault of the worker or its machine that caused an error, None if there is none."""
    cause: BaseException | None = error
    seen: set[int] = set()  # libraries raise an error from itself, and its chain then has no end
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        if isinstance(cause, WorkerError):
            return cause
        if _is_host_fault(cause):
            return WorkerError("worker_resources", str(cause) or type(cause).__name__)
        cause = cause.__cause__
    return None


def _is_host_fault(error: BaseException) -> bool:
    if isinstance(error, RuntimeError):
        return str(error) == _NO_THREAD
    return isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno in _HOST_ERRNOS)
