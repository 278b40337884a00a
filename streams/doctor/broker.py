"""Checks of the broker: connections with both client libraries, features, topics."""

from collections.abc import Iterator

from aiokafka.errors import KafkaError as WorkerKafkaError
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from streams.doctor.broker_probe import Probe
from streams.doctor.finding import Finding, ok, warn, wrong
from streams.errors import UsageError
from streams.kafka import topic_admin
from streams.kafka.advertised import look_at
from streams.kafka.clients import client_config
from streams.kafka.transactions import has_transactions
from streams.kafka.wait_for_broker import underlying_error
from streams.settings import Settings

_CONNECT_S = 10.0
_MISSING = ": missing"
_REMEDY = {
    KafkaError._AUTHENTICATION: "check JIKIMI_SASL_USERNAME, JIKIMI_SASL_PASSWORD and JIKIMI_SASL_MECHANISM",  # noqa: SLF001 - its public name
    KafkaError._SSL: "check JIKIMI_CA_FILE (who signed the broker's certificate) and the host names in it",  # noqa: SLF001 - likewise
    KafkaError._RESOLVE: "check the host names in JIKIMI_BOOTSTRAP_SERVERS",  # noqa: SLF001 - likewise
}
_OTHER_REMEDY = "check JIKIMI_BOOTSTRAP_SERVERS and JIKIMI_SECURITY_PROTOCOL; is it running?"


def connection(settings: Settings) -> Finding:
    """Check the broker with the client of the desk and the feeds."""
    client_errors: list[KafkaError] = []
    client = AdminClient(client_config(settings) | {"error_cb": client_errors.append})
    try:
        cluster = client.list_topics(timeout=_CONNECT_S)
    except KafkaException as error:
        cause = underlying_error(client, client_errors, error)
        message = f"{settings.bootstrap_servers} does not answer {_protocol(settings)}: {cause.str()}"
        return wrong("broker", message, _REMEDY.get(cause.code(), _OTHER_REMEDY))
    if (advertised := look_at(cluster)).unreachable:
        remedy = "correct the brokers' advertised.listeners, or open the way to these addresses"
        return wrong("broker", advertised.sentence(settings.bootstrap_servers), remedy)
    where = f"{len(cluster.brokers)} at {settings.bootstrap_servers}"
    return ok("broker", f"{where}, {_protocol(settings)}, cluster {cluster.cluster_id}")


def features(probe: Probe) -> Finding:
    """Check the broker with the workers' client, and its features."""
    try:
        found = probe.features()
    except (WorkerKafkaError, OSError, TimeoutError, UsageError) as error:
        message = f"the workers' client cannot connect: {error or type(error).__name__}"
        return wrong("broker", message, "check JIKIMI_CA_FILE and the SASL settings")
    if "transactions" not in found or not has_transactions(probe.settings):
        return warn("broker", "has no transactions", "feeds write at least once: a restart may repeat a post")
    return ok("broker", f"the workers' client connects too; it has {', '.join(found)}")


def topics(settings: Settings) -> Iterator[Finding]:
    """Yield the differences of the topics from topics.yaml, or that there are none."""
    try:
        differences = topic_admin.check(settings)
    except KafkaException as error:
        remedy = "run the doctor as an operator, or with the right DescribeConfigs on topics"
        yield warn("topics", f"their settings cannot be read: {error.args[0].str()}", remedy)
        return
    except UsageError as error:
        yield wrong("topics", str(error), "run the doctor again")
        return
    if missing := [line.removesuffix(_MISSING) for line in differences if line.endswith(_MISSING)]:
        remedy = "run `jikimi topics create`; if they exist, the right to describe them is missing, see the rights"
        yield wrong("topics", f"missing: {', '.join(missing)}", remedy)
    for line in differences:
        if not line.endswith(_MISSING):
            yield wrong("topics", line, "run `jikimi topics create`, which raises settings where it can")
    if not differences:
        yield ok("topics", "all are as declared")


def _protocol(settings: Settings) -> str:
    sasl = f" as {settings.sasl_username} by {settings.sasl_mechanism}" if settings.uses_sasl else ""
    return ("with TLS" if settings.uses_tls else "without TLS") + sasl
