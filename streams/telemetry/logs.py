"""Logging configuration of the commands: one format for our own lines, those of libraries, and uncaught errors."""

import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, TextIO

import stamina.instrumentation
import structlog

from streams.secrets.redaction import masked

_OURS = "jikimi"
_QUIET_S = 10.0
_MAX_MESSAGES = 1_000
"""Messages whose last time is kept; beyond it all are dropped, and each may pass once more."""
_KEY_CHARS = 200
"""Characters by which messages are compared: some libraries build the whole text before they log it."""
_COMMON: list[structlog.typing.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


class _StandardError(logging.StreamHandler[TextIO]):
    """Handler of the standard error at the time of each line: a test may have replaced it since."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)


class _Repeats(logging.Filter):
    """Filter that passes one line a library's message and `_QUIET_S`: an outage makes some clients log without end."""

    def __init__(self, clock_s: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock_s = clock_s
        self._last_s: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to log this record; ours are never filtered."""
        if record.name == _OURS:
            return True
        now_s, message = self._clock_s(), (record.name, str(record.msg)[:_KEY_CHARS])
        if now_s - self._last_s.get(message, float("-inf")) < _QUIET_S:
            return False
        if len(self._last_s) >= _MAX_MESSAGES:
            self._last_s.clear()
        self._last_s[message] = now_s
        return True


def configure_logging(level: int) -> None:
    """Log to standard error, one line per event: JSON, or colours on a terminal.

    Parameters
    ----------
    level
        Of our own events; libraries log from warnings on, and each message of theirs at most every 10 s.
    """
    handler = _StandardError()
    handler.setFormatter(_formatter(pretty=sys.stderr.isatty()))
    handler.addFilter(_Repeats())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger(_OURS).setLevel(level)
    structlog.configure(
        processors=[*_COMMON, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        # One logger for all modules: which of them wrote a line follows from its event.
        logger_factory=lambda *_: logging.getLogger(_OURS),
    )
    # A successful retry, as after a topic was just created, needs no log line; an unsuccessful one ends in an error.
    stamina.instrumentation.set_on_retry_hooks([])


def configure_service_logging() -> None:
    """Log as a process that runs for weeks: its uncaught errors and warnings are events, too."""
    configure_logging(logging.INFO)
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # it would write plain text, past Python
    logging.captureWarnings(capture=True)
    _log_uncaught_errors()


def _formatter(*, pretty: bool) -> logging.Formatter:
    render: list[structlog.typing.Processor] = (
        # The default prints each local variable of a traceback: passwords, and a case's terms.
        [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
        if pretty
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False, default=repr)]
    )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.add_logger_name, *_COMMON],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *render, _mask],
    )


def _mask(_: object, __: str, line: Any) -> str:  # noqa: ANN401 - what the renderer returned: text
    return masked(line)


def _log_uncaught_errors() -> None:
    """Log what Python would print as plain text: errors that end a thread or the process, and those of finalizers."""
    log = structlog.get_logger()

    def end(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, traceback)
        else:
            log.critical("uncaught error", exc_info=(kind, error, traceback))

    def end_thread(failed: threading.ExceptHookArgs) -> None:
        name = failed.thread.name if failed.thread is not None else ""
        log.error("uncaught error in a thread", thread=name, exc_info=failed.exc_value or failed.exc_type)

    def end_finalizer(failed: "sys.UnraisableHookArgs") -> None:
        log.error("uncaught error in a finalizer", object=repr(failed.object), exc_info=failed.exc_value)

    sys.excepthook, threading.excepthook, sys.unraisablehook = end, end_thread, end_finalizer
