"""Context of a search in the background, without a broker."""

from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

from schemas.codec import Codec
from streams.settings import load_settings


def made_context(codec: Codec, send: Callable[..., Awaitable[None]], owned: Callable[[str], set[int]]) -> Any:
    """Return a context whose outputs are passed to `send`, and whose partitions are those that `owned` returns."""
    return SimpleNamespace(
        settings=load_settings(),
        codec=codec,
        group="match",
        app=SimpleNamespace(rebalancing=False),
        physical=lambda topic: topic,
        generation=lambda: 1,
        owned=owned,
        send=send,
    )
