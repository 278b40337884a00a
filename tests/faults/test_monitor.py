"""Monitor while its broker is down: the age of its metrics grows, and they are updated when the broker is back."""

import os
import subprocess
import sys
import time
from contextlib import suppress
from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families

from ops.broker.kafka import Kafka
from streams.kafka.serving import free_port
from tests.support.brokers import make_topics
from tests.support.deadline import DEADLINE_S, until


def updated_s(port: int) -> float:
    """Return the time of the monitor's last update, seconds since the epoch."""
    with suppress(OSError), urlopen(f"http://127.0.0.1:{port}/metrics", timeout=DEADLINE_S) as page:  # not served yet
        for family in text_string_to_metric_families(page.read().decode()):
            if family.name == "jikimi_monitor_looked_timestamp_seconds":
                return family.samples[0].value
    return 0.0


def test_the_monitor_outlives_its_broker_and_its_metrics_get_old(own_kafka: Kafka) -> None:
    make_topics(own_kafka.bootstrap, "")
    port = free_port()
    settings = {
        "JIKIMI_BOOTSTRAP_SERVERS": own_kafka.bootstrap,
        "JIKIMI_METRICS_PORT": str(port),
        "JIKIMI_MONITOR_INTERVAL_S": "0.2",
    }
    with subprocess.Popen([sys.executable, "-m", "streams.cli", "monitor"], env=os.environ | settings) as monitor:
        try:
            until(lambda: updated_s(port) > time.time() - 2, "a first update")
            own_kafka.kill()
            until(lambda: updated_s(port) < time.time() - 4, "old metrics")
            last_s = updated_s(port)
            time.sleep(1.0)
            assert updated_s(port) == last_s
            assert monitor.poll() is None
            own_kafka.start()
            until(lambda: updated_s(port) > time.time() - 2, "a new update")
            monitor.terminate()
            assert monitor.wait(DEADLINE_S) == 0
        finally:
            monitor.kill()
