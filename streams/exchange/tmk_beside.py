"""TMK+PDQF in files beside a list, as exchanges give them out."""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from models.tmk.file import tmk_bytes
from streams.errors import UsageError
from streams.exchange.tmk_of_file import read_tmk_file, tmk_paths
from streams.exchange.tmk_store import TmkStore


def add_tmk_files(store: TmkStore, folder: Path | None, entries: Iterable[str]) -> None:
    """Add the files of a folder, ID.tmk, which are named by the last part of the ids of entries.

    Raises
    ------
    UsageError
        A file is broken, of no entry or of several, or there are too many.
    """
    origins: dict[str, list[str]] = defaultdict(list)
    for origin in entries if folder is not None else ():
        origins[origin.rpartition("/")[2]].append(origin)
    for file in tmk_paths([] if folder is None else [folder]):
        named = origins.get(file.stem, [])
        if len(named) != 1:
            raise UsageError(f"{file} has the id of {len(named)} entries of the list; nothing was imported")
        store.add(named[0], tmk_bytes(read_tmk_file(file)))
