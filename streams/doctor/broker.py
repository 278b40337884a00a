"""The broker: reached by both client libraries, what it can do, its topics."""

from collections.abc import Iterator

from aiokafka.errors import KafkaError as WorkerKafkaError
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from streams.doctor.finding import Finding, ok, warn, wrong
from streams.doctor.probe import Probe
from streams.errors import UsageError
from streams.kafka import topic_admin
from streams.kafka.clients import client_config
from streams.kafka.transactions import has_transactions
from streams.kafka.wait_for_broker import telling
from streams.settings import Settings

_REACH_S = 5.0
_MISSING = ": missing"
_MEND = {
    KafkaError._AUTHENTICATION: "check JIKIMI_SASL_USERNAME, JIKIMI_SASL_PASSWORD and JIKIMI_SASL_MECHANISM",  # noqa: SLF001 - its public name
    KafkaError._SSL: "check JIKIMI_CA_FILE (who signed the broker's certificate) and the host names in it",  # noqa: SLF001 - likewise
    KafkaError._RESOLVE: "check the host names in JIKIMI_BOOTSTRAP_SERVERS",  # noqa: SLF001 - likewise
}


def reach(settings: Settings) -> Finding:
    """Return whether the desk's and the feeds' client reaches the broker."""
    troubles: list[KafkaError] = []
    client = AdminClient(client_config(settings) | {"error_cb": troubles.append})
    try:
        cluster = client.list_topics(timeout=_REACH_S)
    except KafkaException as error:
        why = telling(client, troubles, error)
        mend = _MEND.get(why.code(), "check JIKIMI_BOOTSTRAP_SERVERS and JIKIMI_SECURITY_PROTOCOL; is it running?")
        return wrong("broker", f"{settings.bootstrap_servers} does not answer {_way(settings)}: {why.str()}", mend)
    n_brokers = len(cluster.brokers)
    return ok("broker", f"{n_brokers} at {settings.bootstrap_servers}, {_way(settings)}, cluster {cluster.cluster_id}")


def features(probe: Probe) -> Finding:
    """Return whether the workers' client reaches the broker too, and what it can do."""
    try:
        found = probe.features()
    except (WorkerKafkaError, OSError, TimeoutError, UsageError) as error:
        said = f"the workers' client does not reach it: {error or type(error).__name__}"
        return wrong("broker", said, "check JIKIMI_CA_FILE and the SASL settings")
    if "transactions" not in found or not has_transactions(probe.settings):
        return warn("broker", "has no transactions", "feeds write at least once: a restart may repeat a post")
    return ok("broker", f"workers reach it too; it has {', '.join(found)}")


def topics(settings: Settings) -> Iterator[Finding]:
    """Yield how the topics fall short of topics.yaml, or that they do not."""
    try:
        differences = topic_admin.check(settings)
    except KafkaException as error:
        mend = "look as an operator, or with the right DescribeConfigs on topics"
        yield warn("topics", f"their settings cannot be seen: {error.args[0].str()}", mend)
        return
    except UsageError as error:
        yield wrong("topics", str(error), "look again")
        return
    if missing := [line.removesuffix(_MISSING) for line in differences if line.endswith(_MISSING)]:
        mend = "run `jikimi topics create`; or they are there and may not be seen, see the rights"
        yield wrong("topics", f"missing: {', '.join(missing)}", mend)
    for line in differences:
        if not line.endswith(_MISSING):
            yield wrong("topics", line, "run `jikimi topics create`, which raises what may be raised")
    if not differences:
        yield ok("topics", "all are as declared")


def _way(settings: Settings) -> str:
    """Return how it is spoken to."""
    sasl = f" as {settings.sasl_username} by {settings.sasl_mechanism}" if settings.uses_sasl else ""
    return ("with TLS" if settings.uses_tls else "without TLS") + sasl
