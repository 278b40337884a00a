"""A process that fetches one link and keeps the medium until it is killed: ``fetching FOLDER URL``."""

import asyncio
import sys
from pathlib import Path

from streams.decode.fetch.fetcher import Fetcher
from streams.decode.settings import MediaSettings


async def main(folder: str, url: str) -> None:
    """Print the medium's size once it is fetched."""
    settings = MediaSettings(temporary_folder=Path(folder), allowed_hosts=("127.0.0.1",))
    async with Fetcher(settings) as fetcher, fetcher.fetch(url) as path:
        sys.stdout.write(f"{path.stat().st_size}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
