"""The sandbox of the decoders: a child is started as for a video and tells how it is held."""

import asyncio
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path

from streams.decode.sandbox.sandbox import Sandbox
from streams.doctor.finding import Finding, ok, warn, wrong
from streams.errors import UnprocessableError
from streams.settings import Settings

_ANSWER_S = 20.0
_NETWORK = Path("/proc/self/ns/net")
"""Links to the name of the network namespace one is in."""


def sandbox(settings: Settings) -> Finding:
    """Return whether decoders start, and whether they have a network."""
    try:
        network = asyncio.run(_ask_child(settings))
    except (UnprocessableError, RuntimeError, OSError) as error:
        mend = "see JIKIMI_MEDIA_DECODER_MEMORY_BYTES and the limit on processes"
        return wrong("sandbox", f"no decoder starts: {error}", mend)
    if network == _network():
        mend = "allow user namespaces (sysctl user.max_user_namespaces), or keep the network away from the decode pods"
        return warn("sandbox", "decoders start but keep the network: the kernel allows no user namespaces", mend)
    return ok("sandbox", "decoders start, without network, files or new processes")


def tell_network(_: bytes) -> Iterator[bytes]:
    """Yield the network namespace; runs within a child."""
    yield _network()


def _network() -> bytes:
    return str(_NETWORK.readlink()).encode()


async def _ask_child(settings: Settings) -> bytes:
    memory_bytes = settings.media.decoder_memory_bytes
    children = Sandbox(f"{__name__}:tell_network", n_children=1, n_working=1, memory_bytes=memory_bytes)
    job = children.run(b"", answer_timeout_s=_ANSWER_S, job_timeout_s=_ANSWER_S)
    async with children, aclosing(job) as answers:
        return await anext(answers)
