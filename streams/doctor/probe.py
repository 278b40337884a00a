"""The broker seen through the workers' client, aiokafka: that it answers it too, and what it can do."""

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
_AGAIN_S = 0.2
_FEATURES = {22: "transactions", 44: "incremental settings", 68: "new group protocol", 76: "share groups"}
"""By the number of the request that needs them; see Kafka's protocol guide."""

logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # it logs what it also raises


@dataclass(frozen=True)
class Probe:
    """Asks the broker as a worker would."""

    settings: Settings

    def features(self) -> list[str]:
        """Return what the broker can do beyond the ordinary.

        Raises
        ------
        KafkaError, OSError, TimeoutError
            It does not answer this client.
        """
        return asyncio.run(self._ask(_features))

    def transactional_id_allowed(self, name: str) -> bool | None:
        """Return whether this transactional id may be used, None if the broker does not tell."""

        async def ask(client: AIOKafkaClient) -> bool:
            while True:
                try:
                    await client.coordinator_lookup(CoordinationType.TRANSACTION, name)
                except TransactionalIdAuthorizationFailed:
                    return False
                except CoordinatorNotAvailableError:  # a new broker has none until it was asked
                    await asyncio.sleep(_AGAIN_S)
                else:
                    return True

        try:
            return asyncio.run(self._ask(ask))
        except (KafkaError, OSError, TimeoutError):
            return None

    async def _ask[T](self, question: Callable[[AIOKafkaClient], Awaitable[T]]) -> T:
        client = AIOKafkaClient(
            bootstrap_servers=self.settings.bootstrap_servers,
            request_timeout_ms=int(_ANSWER_S * 1000),
            **credentials_to_aiokafka_auth(worker_credentials(self.settings)),
        )
        try:
            async with asyncio.timeout(_ANSWER_S):
                await client.bootstrap()
                return await question(client)
        finally:
            await client.close()


async def _features(client: AIOKafkaClient) -> list[str]:
    answer = await client.send(client.get_random_node(), ApiVersionRequest())
    known = {key for key, _, _ in answer.api_versions}
    return [feature for key, feature in _FEATURES.items() if key in known]
