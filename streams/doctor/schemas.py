"""Check of the schema registry, if one is set: connection and registered schemas."""

from collections.abc import Iterator
from contextlib import closing

from schemas.avro import schema
from schemas.registry import SchemaRegistry, UnknownSchemaError
from schemas.topics import TOPICS
from streams.doctor.finding import Finding, ok, warn, wrong
from streams.kafka.clients import create_schema_registry
from streams.settings import Settings

_CHECK = "schemas"


def schemas(settings: Settings) -> Iterator[Finding]:
    """Check that every topic's schema is registered or compatible."""
    if not settings.schema_registry_url:
        yield ok(_CHECK, "no registry is set: messages carry their schema's fingerprint")
        return
    with closing(create_schema_registry(settings, settings.schema_registry_url)) as registry:
        try:
            yield from _findings(registry)
        except ConnectionError as error:
            yield wrong(_CHECK, str(error), "check JIKIMI_SCHEMA_REGISTRY_URL")


def _findings(registry: SchemaRegistry) -> Iterator[Finding]:
    named = {topic.name: topic.schema for topic in TOPICS.values() if topic.schema}
    new: list[str] = []
    for topic, name in named.items():
        try:
            registry.lookup(topic, schema(name).text)
        except UnknownSchemaError:
            new.append(topic)
            if not registry.compatible(topic, schema(name).text):
                yield wrong(
                    _CHECK,
                    f"the registry would refuse {name}.avsc for {topic}: not compatible with what is registered",
                    f"check the subject's versions and its compatibility level ({registry.subject(topic)})",
                )
        except ValueError as error:
            yield wrong(_CHECK, str(error), "give this client the right to read and register schemas")
            return
    if new:
        yield warn(_CHECK, f"not registered yet: {', '.join(new)}", "the first writer of each registers it")
    else:
        yield ok(_CHECK, f"all {len(named)} are registered")
