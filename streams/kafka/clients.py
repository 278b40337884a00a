"""Configuration of every Kafka client: address, TLS and SASL for both client libraries, and the codec."""

import ssl
from typing import TYPE_CHECKING, Any, cast

from confluent_kafka import Message

from schemas.codec import Codec
from streams.errors import UsageError
from streams.settings import Settings
from streams.topology import readers_group

if TYPE_CHECKING:
    from faust.types.auth import CredentialsT

    from schemas.registry import SchemaRegistry


def client_config(settings: Settings, **options: Any) -> dict[str, Any]:  # noqa: ANN401 - librdkafka's own values
    """Return librdkafka's configuration.

    Parameters
    ----------
    options
        More of librdkafka's options, with _ for the dots of their names.
    """
    config: dict[str, Any] = {
        "bootstrap.servers": settings.bootstrap_servers,
        "security.protocol": settings.security_protocol,
        "log_level": 0,  # it would bypass our log; failures are raised as errors
    }
    if settings.uses_sasl:
        config |= {
            "sasl.mechanism": settings.sasl_mechanism,
            "sasl.username": settings.sasl_username,
            "sasl.password": settings.sasl_password.get_secret_value(),
        }
    if settings.uses_tls:
        files = {
            "ssl.ca.location": settings.ca_file,
            "ssl.certificate.location": settings.certificate_file,
            "ssl.key.location": settings.key_file,
        }
        config |= {name: str(file) for name, file in files.items() if file is not None}
    return config | {name.replace("_", "."): value for name, value in options.items()}


def reader_config(settings: Settings, group_id: str | None = None, /, **options: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return the configuration of a consumer that joins no group, commits nothing and reports partition ends.

    Parameters
    ----------
    group_id
        Required by the client and by a broker with access rules; that of readers by default.
    """
    group_id = group_id or readers_group(settings)
    return client_config(settings, group_id=group_id, enable_auto_commit=False, enable_partition_eof=True, **options)


def create_codec(settings: Settings) -> Codec:
    """Return a codec that uses the schema registry, or none where none is set."""
    url = settings.schema_registry_url
    return Codec(create_schema_registry(settings, url)) if url else Codec()


def create_schema_registry(settings: Settings, url: str) -> "SchemaRegistry":
    """Return a client of the schema registry at this address."""
    from schemas.registry import SchemaRegistry  # noqa: PLC0415 - slow to import, and few deployments have one

    return SchemaRegistry(url, auth=settings.schema_registry_auth.get_secret_value(), prefix=settings.topic_prefix)


def headers_of(message: Message) -> dict[str, bytes]:
    """Return a record's headers; Kafka allows one without a value, our messages do not."""
    headers = cast("list[tuple[str, bytes | None]]", message.headers() or [])
    return {name: value or b"" for name, value in headers}


def worker_credentials(settings: Settings) -> "CredentialsT | None":
    """Return Faust's credentials; None without TLS and SASL.

    Raises
    ------
    UsageError
        A certificate or key cannot be read.
    """
    from faust.auth import SASLCredentials, SSLCredentials  # noqa: PLC0415 - slow to import, for workers only

    context = _tls(settings) if settings.uses_tls else None
    if settings.uses_sasl:
        return SASLCredentials(
            username=settings.sasl_username,
            password=settings.sasl_password.get_secret_value(),
            mechanism=settings.sasl_mechanism,
            ssl_context=context,
        )
    return SSLCredentials(context) if context is not None else None


def _tls(settings: Settings) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=settings.ca_file)
        if settings.certificate_file is not None:
            context.load_cert_chain(settings.certificate_file, settings.key_file)
    except OSError as error:  # ssl.SSLError among them
        raise UsageError(f"certificates for the broker cannot be read: {error}") from error
    return context
