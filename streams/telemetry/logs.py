"""Logging configuration of the commands."""

import logging
import sys

import stamina.instrumentation
import structlog


def configure_logging(level: int) -> None:
    """Log to standard error, one line per event: JSON, or colours on a terminal."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s %(message)s")
    pretty = sys.stderr.isatty()
    render = structlog.dev.ConsoleRenderer() if pretty else structlog.processors.JSONRenderer(ensure_ascii=False)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *([] if pretty else [structlog.processors.format_exc_info]),
            render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    # A successful retry, as after a topic was just created, needs no log line; an unsuccessful one ends in an error.
    stamina.instrumentation.set_on_retry_hooks([])
