"""Logging of a command that runs in the test's own process."""

import logging
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import stamina.instrumentation
import structlog


@contextmanager
def restored_logging() -> Iterator[None]:
    """Undo at the end what a command configures: later tests would log as it does."""
    hooks = sys.excepthook, threading.excepthook, sys.unraisablehook
    show, root = warnings.showwarning, logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    sys.excepthook, threading.excepthook, sys.unraisablehook = hooks
    logging.captureWarnings(capture=False)
    warnings.showwarning, root.handlers[:] = show, handlers
    root.setLevel(level)
    structlog.reset_defaults()
    stamina.instrumentation.set_on_retry_hooks(None)
