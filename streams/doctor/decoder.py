"""Check of the decoders' sandbox: start a child as for a video and read which layers of its isolation hold."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import aclosing

from streams.decode.sandbox.sandbox import Sandbox
from streams.doctor.finding import Finding, ok, warn, wrong
from streams.errors import UnprocessableError
from streams.settings import Settings

_ANSWER_S = 20.0
_REMEDIES = {
    "namespaces": "allow user namespaces (sysctl user.max_user_namespaces), or keep the network from the decode pods",
    "landlock": "use Linux 6.12 or later with the security module landlock, and a container runtime that allows it",
    "seccomp": "use x86_64 or aarch64 and a container runtime that allows seccomp filters",
    "user": "let the worker run as a user other than root",
    "undumpable": "run on Linux",
}


def sandbox(settings: Settings) -> Finding:
    """Check that decoders start, and which layers of their isolation hold."""
    try:
        report = asyncio.run(_report(settings))
    except (UnprocessableError, RuntimeError, OSError) as error:
        remedy = "check JIKIMI_MEDIA_DECODER_MEMORY_BYTES and the limit on processes"
        return wrong("sandbox", f"no decoder starts: {error}", remedy)
    missing = {layer: lacks for layer, lacks in report.items() if lacks}
    holding = ", ".join(layer for layer in report if layer not in missing) or "none"
    if missing:
        lacking = "; ".join(f"{layer} ({lacks})" for layer, lacks in missing.items())
        remedy = "; ".join(_REMEDIES[layer] for layer in missing)
        return warn("sandbox", f"decoders start; layers that hold: {holding}; missing: {lacking}", remedy)
    return ok("sandbox", f"decoders start; all layers hold: {holding}")


def answer(_: bytes, __: Sequence[int]) -> Iterator[bytes]:
    """Yield an empty answer; runs within a child."""
    yield b""


async def _report(settings: Settings) -> dict[str, str]:
    memory_bytes = settings.media.decoder_memory_bytes
    children = Sandbox(f"{__name__}:answer", n_children=1, n_working=1, memory_bytes=memory_bytes)
    job = children.run(b"", answer_timeout_s=_ANSWER_S, job_timeout_s=_ANSWER_S)
    async with children:
        async with aclosing(job) as answers:
            await anext(answers)
        return children.report
