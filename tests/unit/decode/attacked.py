"""Attacks on this process by children of its sandbox, with all layers and with some missing: `attacked [equal]`.

Prints as JSON, for each list of layers, what is missing of them and the attacks that succeeded. `equal` drops the
capabilities that root has: then the children have the rights of this process, as those of any other user. Run as a
process of its own, because it changes its rights.
"""

import asyncio
import json
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, aclosing, contextmanager
from pathlib import Path

from streams.decode.sandbox import kernel, layers
from streams.decode.sandbox.sandbox import Sandbox
from streams.errors import UnprocessableError
from tests.support.deadline import DEADLINE_S

_MEMORY_BYTES = 512 * 1024 * 1024
_ADDRESS = "127.0.0.1"


def main() -> None:
    """Print the outcomes: without layers, with all, and with each one missing."""
    every = layers.available()
    if sys.argv[1:] == ["equal"]:
        kernel.drop_capabilities()
        every = tuple(name for name in every if name != layers.USER)
    selections = [(), every, *(tuple(name for name in every if name != missing) for missing in every)]
    with _targets() as attacks:
        outcomes = {",".join(names): asyncio.run(_successes(names, attacks)) for names in selections}
    sys.stdout.write(f"\n{json.dumps(outcomes)}")  # after the lines of the log


async def _successes(names: tuple[str, ...], attacks: dict[str, str]) -> tuple[layers.Report, list[str]]:
    """Return the report on some layers, and the attacks that succeed in spite of them."""
    kernel.set_dumpable(dumpable=True)
    work = "tests.unit.decode.attacks:work"
    async with Sandbox(work, n_children=1, n_working=1, memory_bytes=_MEMORY_BYTES, layer_names=names) as sandbox:
        succeeded = [name for name, attack in attacks.items() if await _succeeds(sandbox, attack)]
        return sandbox.report, succeeded


async def _succeeds(sandbox: Sandbox, attack: str) -> bool:
    run = sandbox.run(attack.encode(), answer_timeout_s=DEADLINE_S, job_timeout_s=DEADLINE_S)
    try:
        async with aclosing(run):
            return [answer async for answer in run] == [b""]
    except UnprocessableError as error:
        return error.detail == "the decoder exited with 0"


@contextmanager
def _targets() -> Iterator[dict[str, str]]:
    """Yield attacks, by name, all of which succeed without a sandbox."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))  # a UNIX socket's path has at most 107 bytes
        tcp, udp = socket.create_server((_ADDRESS, 0)), socket.socket(type=socket.SOCK_DGRAM)
        unix, abstract = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
        for each in (tcp, udp, unix, abstract):
            stack.enter_context(each)
        udp.bind((_ADDRESS, 0))
        unix.bind(str(folder / "socket"))
        abstract.bind(f"\0{folder.name}")
        unix.listen()
        abstract.listen()
        (folder / "file").write_text("secret")
        parent = os.getpid()
        yield {
            "environment": f"read /proc/{parent}/environ",
            "memory": f"read_memory {parent}",
            "open files": f"list_folder /proc/{parent}/fd",
            "trace": f"trace {parent}",
            "signal": f"signal {parent}",
            "limit": f"limit {parent}",
            "tcp": f"connect {tcp.getsockname()[1]}",
            "udp": f"send {udp.getsockname()[1]}",
            "unix": f"unix {folder / 'socket'}",
            "abstract": f"abstract {folder.name}",
            "read": f"read {folder / 'file'}",
            "write": f"write {folder / 'new'}",
            "execute": f"execute {shutil.which('true')}",
            "remove": f"remove {folder / 'file'}",
        }


if __name__ == "__main__":
    main()
