"""Settings for the Kafka of the source topic."""

from streams.errors import UsageError
from streams.feeds.kafka_topic.mapping import Source
from streams.secrets.redaction import hide
from streams.secrets.settings import secret_from_environment
from streams.settings import Settings, load_settings


def source_settings(source: Source, ours: Settings) -> Settings:
    """Return the settings for the source; our own if the mapping names no servers.

    Our own user name, password and certificates are never sent to servers that the mapping names.

    Raises
    ------
    UsageError
        The mapping's settings are inconsistent, or the password is not in the environment.
    """
    if source.bootstrap_servers is None:
        return ours
    return load_settings(
        bootstrap_servers=source.bootstrap_servers,
        security_protocol=source.security_protocol,
        sasl_mechanism=source.sasl_mechanism,
        sasl_username=source.sasl_username,
        sasl_password=named_secret(source.sasl_password_env),
        ca_file=source.ca_file,
        certificate_file=source.certificate_file,
        key_file=source.key_file,
        start_grace_s=ours.start_grace_s,
    )


def named_secret(variable: str | None) -> str:
    """Return the secret in an environment variable that a mapping names, or in the file of its _FILE; "" for none.

    Raises
    ------
    UsageError
        The mapping names one that is not set.
    """
    if variable is None:
        return ""
    if not (found := secret_from_environment(variable)):
        raise UsageError(
            f"the source's secret is not in the environment variable {variable}, nor in a file by {variable}_FILE"
        )
    hide(found)
    return found
