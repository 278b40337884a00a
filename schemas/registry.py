"""Client of a schema registry with Confluent's REST API: ids of schemas, and schemas by id."""

from collections.abc import Iterator
from contextlib import contextmanager

from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.common._httpx_compat import httpx  # the httpx whose errors the client raises
from confluent_kafka.schema_registry.error import SchemaRegistryError

from schemas.avro import Parsed, parse
from schemas.topics import TOPICS

_NOT_FOUND = 404
_SERVER_ERROR = 500
_TOO_MANY = 429


class UnknownSchemaError(LookupError):
    """The registry has no schema of this id."""


class SchemaRegistry:
    """Ids and schemas, each requested once and cached.

    Parameters
    ----------
    url
        Base of the API.
    auth
        User and password, as user:password; empty for none.
    prefix
        Prefix of every topic name, as on the broker.
    timeout_s
        Limit of one request.
    """

    def __init__(self, url: str, *, auth: str = "", prefix: str = "", timeout_s: float = 5.0) -> None:
        login = {"basic.auth.user.info": auth} if auth else {}
        self._client = SchemaRegistryClient({"url": url, "timeout": timeout_s, "max.retries": 1, **login})
        self._prefix = prefix
        self._ids: dict[str, int] = {}
        self._schemas: dict[int, Parsed] = {}

    def id_of(self, topic: str, text: str) -> int:
        """Return the id of a topic's schema, registering it if it is new to the registry.

        Raises
        ------
        ConnectionError
            If the registry cannot be reached.
        ValueError
            If the registry refuses the schema, for example because it would break readers.
        """
        if topic not in self._ids:
            with _translated(f"the schema of {topic}"):
                self._ids[topic] = self._client.register_schema(self.subject(topic), Schema(text, "AVRO"))
        return self._ids[topic]

    def lookup(self, topic: str, text: str) -> int:
        """Return the id under which a topic's schema is registered; registers nothing.

        Raises
        ------
        UnknownSchemaError
            If it is not registered.
        ConnectionError
            If the registry cannot be reached.
        """
        with _translated(f"the schema of {topic}"):
            found = self._client.lookup_schema(self.subject(topic), Schema(text, "AVRO")).schema_id
        if found is None:
            raise UnknownSchemaError(f"the registry gave no id for the schema of {topic}")
        return found

    def compatible(self, topic: str, text: str) -> bool:
        """Return whether the registry would accept this schema for a topic; registers nothing.

        Raises
        ------
        ConnectionError
            If the registry cannot be reached.
        """
        try:
            with _translated(f"the schema of {topic}"):
                return bool(self._client.test_compatibility(self.subject(topic), Schema(text, "AVRO")))
        except UnknownSchemaError:
            return True  # the first of its subject

    def schema(self, schema_id: int) -> Parsed:
        """Return the schema of an id.

        Raises
        ------
        UnknownSchemaError
            If there is none, or it is not Avro.
        ConnectionError
            If the registry cannot be reached.
        """
        if schema_id not in self._schemas:
            with _translated(f"schema id {schema_id}"):
                found = self._client.get_schema(schema_id)
            if found.schema_type != "AVRO" or found.schema_str is None:
                raise UnknownSchemaError(f"schema id {schema_id} is {found.schema_type}, not Avro")
            self._schemas[schema_id] = parse(found.schema_str)[1]
        return self._schemas[schema_id]

    def close(self) -> None:
        """Close the client's connections."""
        self._client.close()

    def subject(self, topic: str) -> str:
        """Return the registry's subject of a topic's schema."""
        return f"{self._prefix}{TOPICS[topic].subject}"


@contextmanager
def _translated(what: str) -> Iterator[None]:
    """Translate the client's errors into ours."""
    try:
        yield
    except httpx.TransportError as exc:
        raise ConnectionError(f"the schema registry does not answer: {exc}") from exc
    except SchemaRegistryError as exc:
        if exc.http_status_code == _NOT_FOUND:
            raise UnknownSchemaError(f"the registry does not have {what}") from exc
        if exc.http_status_code >= _SERVER_ERROR or exc.http_status_code == _TOO_MANY:
            raise ConnectionError(f"the schema registry failed: {exc}") from exc
        raise ValueError(f"the schema registry refuses {what}: {exc}") from exc
