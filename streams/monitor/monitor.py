"""`jikimi monitor`: metrics computed from the broker, correct even for a stage that hangs or does not run."""

import signal
import threading
import time
from contextlib import closing

import structlog
from confluent_kafka import KafkaException

from streams.errors import UsageError
from streams.kafka.lag import LagReader
from streams.kafka.wait_for_broker import wait_for_broker
from streams.monitor.open_cases import OpenCases
from streams.monitor.pending_takedowns import PendingTakedowns
from streams.monitor.waiting_cases import WaitingCases
from streams.settings import Settings
from streams.telemetry import metrics
from streams.telemetry.metrics_server import serve_metrics

log = structlog.get_logger()


def run_monitor(settings: Settings) -> None:
    """Update the monitor's metrics from the broker every few seconds and serve them, until SIGTERM.

    While the broker does not answer, `MONITOR_LOOKED` is not updated.

    Raises
    ------
    UsageError
        No metrics port is set or it is in use, or at the start no broker answers or topics are missing.
    """
    if settings.metrics_port is None:
        raise UsageError("the monitor needs a metrics port: set JIKIMI_METRICS_PORT")
    serve_metrics(settings.metrics_port)
    wait_for_broker(settings)
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    with closing(Monitor(settings)) as monitor:
        monitor.check()
        log.info("monitor started", every_s=settings.monitor_interval_s)
        while not stopping.is_set():
            try:
                monitor.update()
            except (KafkaException, ConnectionError, UsageError) as error:
                log.warning("metrics not updated", error=str(error))
            stopping.wait(settings.monitor_interval_s)


class Monitor:
    """Metrics of consumer lag, topics, open and waiting cases, and pending takedowns."""

    def __init__(self, settings: Settings) -> None:
        self._prefix = settings.topic_prefix
        self._lag_reader = LagReader(settings)
        self._takedowns = PendingTakedowns(settings)
        self._cases = OpenCases(settings)
        self._waiting = WaitingCases(settings, self._cases)

    def close(self) -> None:
        """Close the connections."""
        self._lag_reader.close()
        self._takedowns.close()
        self._cases.close()
        self._waiting.close()

    def check(self) -> None:
        """Raise a `UsageError` if a topic that a stage reads does not exist."""
        self._lag_reader.partitions()

    def update(self) -> None:
        """Update all metrics once.

        Raises
        ------
        KafkaException
            The broker does not answer.
        """
        ends = self._lag_reader.end_offsets()
        lags = self._lag_reader.lags(ends)
        self._takedowns.read()
        self._cases.read()
        self._waiting.read()
        now_s = time.time()
        for topic in {topic for topic, _ in ends}:
            records = sum(end for (name, _), end in ends.items() if name == topic)
            metrics.TOPIC_RECORDS.labels(topic.removeprefix(self._prefix)).set(records)
        for stage, lag in lags.items():
            age_s = 0.0 if lag.oldest_s is None else max(0.0, now_s - lag.oldest_s)
            metrics.OLDEST_RECORD_AGE_SECONDS.labels(stage).set(age_s)
            metrics.WAITING_RECORDS.labels(stage).set(lag.records)
        self._takedowns.set_metrics(now_s)
        self._cases.set_metrics()
        self._waiting.set_metrics(now_s)
        metrics.MONITOR_LOOKED.set(now_s)
