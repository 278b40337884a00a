"""Probe of the broker with the workers' client, aiokafka: connection, features, transactional ids."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiokafka.client import AIOKafkaClient, CoordinationType
from aiokafka.errors import CoordinatorNotAvailableError, KafkaError, TransactionalIdAuthorizationFailed
from aiokafka.protocol.admin import ApiVersionRequest
from faust.transport.drivers.aiokafka import credentials_to_aiokafka_auth

from streams.kafka.clients import worker_credentials
from streams.settings import Settings

_ANSWER_S = 10.0
_RETRY_S = 0.2
_FEATURES = {22: "transactions", 44: "incremental settings", 68: "new group protocol", 76: "share groups"}
"""Features by API key of the request that needs them; see Kafka's protocol guide."""

logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # it logs errors that it also raises


@dataclass(frozen=True)
class Probe:
    """Queries to the broker with a worker's client."""

    settings: Settings

    def features(self) -> list[str]:
        """Return the broker's optional features.

        Raises
        ------
        KafkaError, OSError, TimeoutError
            The broker does not answer this client.
        """
        return asyncio.run(self._query(_features))

    def transactional_id_allowed(self, name: str) -> bool | None:
        """Return whether this transactional id may be used, None if the broker does not answer."""

        async def look_up(client: AIOKafkaClient) -> bool:
            while True:
                try:
                    await client.coordinator_lookup(CoordinationType.TRANSACTION, name)
                except TransactionalIdAuthorizationFailed:
                    return False
                except CoordinatorNotAvailableError:  # a new broker creates it on the first request
                    await asyncio.sleep(_RETRY_S)
                else:
                    return True

        try:
            return asyncio.run(self._query(look_up))
        except (KafkaError, OSError, TimeoutError):
            return None

    async def _query[T](self, query: Callable[[AIOKafkaClient], Awaitable[T]]) -> T:
        client = AIOKafkaClient(
            bootstrap_servers=self.settings.bootstrap_servers,
            request_timeout_ms=int(_ANSWER_S * 1000),
            **credentials_to_aiokafka_auth(worker_credentials(self.settings)),
        )
        try:
            async with asyncio.timeout(_ANSWER_S):
                await client.bootstrap()
                return await query(client)
        finally:
            await client.close()


async def _features(client: AIOKafkaClient) -> list[str]:
    answer = await client.send(client.get_random_node(), ApiVersionRequest())
    keys = {key for key, _, _ in answer.api_versions}
    return [feature for key, feature in _FEATURES.items() if key in keys]
