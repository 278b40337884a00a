"""Check of the decoders' sandbox: start a child as for a video and read its isolation."""

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
"""Link to the name of this process's network namespace."""


def sandbox(settings: Settings) -> Finding:
    """Check that decoders start and have no network."""
    try:
        network = asyncio.run(_network_of_child(settings))
    except (UnprocessableError, RuntimeError, OSError) as error:
        remedy = "check JIKIMI_MEDIA_DECODER_MEMORY_BYTES and the limit on processes"
        return wrong("sandbox", f"no decoder starts: {error}", remedy)
    if network == _network():
        remedy = (
            "allow user namespaces (sysctl user.max_user_namespaces), or keep the network away from the decode pods"
        )
        return warn("sandbox", "decoders start but have a network: the kernel allows no user namespaces", remedy)
    return ok("sandbox", "decoders start, without network, files or new processes")


def child_network(_: bytes) -> Iterator[bytes]:
    """Yield the network namespace; runs within a child."""
    yield _network()


def _network() -> bytes:
    return str(_NETWORK.readlink()).encode()


async def _network_of_child(settings: Settings) -> bytes:
    memory_bytes = settings.media.decoder_memory_bytes
    children = Sandbox(f"{__name__}:child_network", n_children=1, n_working=1, memory_bytes=memory_bytes)
    job = children.run(b"", answer_timeout_s=_ANSWER_S, job_timeout_s=_ANSWER_S)
    async with children, aclosing(job) as answers:
        return await anext(answers)
