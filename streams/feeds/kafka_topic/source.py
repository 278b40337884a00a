"""Settings for the Kafka of the source topic."""

import os

from streams.errors import UsageError
from streams.feeds.kafka_topic.mapping import Source
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
    password = ""
    if source.sasl_password_env is not None:
        password = os.environ.get(source.sasl_password_env, "")
        if not password:
            raise UsageError(f"the source's password is not in the environment variable {source.sasl_password_env}")
    return load_settings(
        bootstrap_servers=source.bootstrap_servers,
        security_protocol=source.security_protocol,
        sasl_mechanism=source.sasl_mechanism,
        sasl_username=source.sasl_username,
        sasl_password=password,
        ca_file=source.ca_file,
        certificate_file=source.certificate_file,
        key_file=source.key_file,
        start_grace_s=ours.start_grace_s,
    )
