"""Our hash lists read by threatexchange, Meta's package, and its hashes by us; needs the group `bench`.

python -m ops.bench.exchange
"""

import asyncio
import json
import os
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from xml.etree import ElementTree as ET

import faiss
import numpy as np
import typer
from PIL import Image
from threatexchange.exchanges.clients.fb_threatexchange.threat_updates import ThreatUpdateJSON
from threatexchange.exchanges.clients.ncmec.hash_api import GetEntriesResponse, _XMLWrapper
from threatexchange.exchanges.clients.stopncii.api import StopNCIIAPI
from threatexchange.exchanges.impl import stop_ncii_api
from threatexchange.exchanges.impl.fb_threatexchange_api import FBThreatExchangeIndicatorRecord
from threatexchange.exchanges.impl.file_api import FileCollaborationConfig, LocalFileSignalExchangeAPI
from threatexchange.signal_type.md5 import VideoMD5Signal
from threatexchange.signal_type.pdq.signal import PdqSignal

from models.pdq.hash import BYTES, picture_hash
from models.tmk.score import scores
from schemas.codec import Codec
from schemas.messages import ListEntry, ListPart, SignalKind
from streams.decode.decoder import Decoder
from streams.decode.settings import MediaSettings
from streams.exchange.export_case import signals_of_file
from streams.exchange.formats import FORMATS, Format
from streams.exchange.formats.changes import Change, Signal, Skipped
from streams.exchange.import_list import read_changes
from streams.exchange.list_index import ListIndex
from streams.exchange.lists import part_of, parts_of
from streams.exchange.tmk_of_file import tmk_of_file
from streams.match.seen_rows import ROW, candidates
from tests.unit.decode.made import video
from tests.unit.exchange.test_export import detailed

_AT = datetime(2026, 11, 23, tzinfo=UTC)
type Read = Mapping[str, set[str]]
"""Hashes by the package's name of their kind."""


def of_stopncii(content: bytes) -> Read:
    """Return what the package reads in a page of StopNCII."""

    class Client(StopNCIIAPI):  # type: ignore[misc]
        def _get(self, *_: object, **__: object) -> object:
            return json.loads(content)

    found = Client("key", "key").fetch_hashes().hashRecords
    pairs = [stop_ncii_api._get_delta_mapping(record)[0] for record in found]  # noqa: SLF001 - what its exchange does
    return _grouped(pairs)


def of_ncmec(content: bytes) -> Read:
    """Return what the package reads in a page of NCMEC."""
    root = ET.fromstring(content)  # noqa: S314 - our own
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    updates = GetEntriesResponse.from_xml(_XMLWrapper(root), 0).updates
    names = {"md5": "video_md5", "pdq": "pdq"}
    return _grouped([(names[k], value) for one in updates if not one.deleted for k, value in one.fingerprints.items()])


def of_threatexchange(content: bytes) -> Read:
    """Return what the package reads in a page of /threat_updates."""
    names = {"HASH_PDQ": "pdq", "HASH_VIDEO_MD5": "video_md5"}
    found = [ThreatUpdateJSON(record) for record in json.loads(content)["data"]]
    read = [one for one in found if FBThreatExchangeIndicatorRecord.from_threatexchange_json(1, one) is not None]
    return _grouped([(names[one.threat_type], one.indicator) for one in read])


def of_lines(content: bytes) -> Read:
    """Return what the package reads in a local file."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        config = FileCollaborationConfig(name="ours", filename=file.name)
        (delta,) = LocalFileSignalExchangeAPI(config).fetch_iter([], None)
    return _grouped(list(delta.updates))


READERS: Mapping[Format, Callable[[bytes], Read]] = {
    "stopncii": of_stopncii,
    "ncmec": of_ncmec,
    "threatexchange": of_threatexchange,
    "lines": of_lines,
}


def check(folder: Path) -> list[str]:
    """Return what is wrong."""
    frames = [detailed(n // 20, n % 20 // 4) for n in range(80)]
    original = video(folder / "original.mp4", frames)
    picture = folder / "upload.jpg"
    Image.fromarray(frames[5]).resize((300, 180)).save(picture, quality=60)
    other = folder / "other.jpg"
    Image.fromarray(detailed(99, 0)).save(other)
    ours = asyncio.run(_signals(original))
    wrong = [fault for form in READERS for fault in _theirs(form, ours, original, picture, other)]
    their_list = folder / "theirs"
    pdq, md5 = PdqSignal.hash_from_file(picture), VideoMD5Signal.hash_from_file(original)
    their_list.write_text(f"pdq {pdq}\nvideo_md5 {md5}\n")
    read = read_changes([their_list], "lines", Skipped())
    index = index_of("list-theirs", read)
    hashes = np.stack([np.frombuffer(s.value, np.uint8) for c in ours for s in c.signals if s.kind == "pdq"])
    distances = [found.distance for near in index.near(hashes) for found in near]
    typer.echo(f"their list, our pictures: {len(distances)} of {len(hashes)} near, at {distances} bits")
    names = {signal.name for change in read.values() for signal in change.signals}
    same = {signal.name for signal in ours[0].signals} <= names
    return wrong + ([] if distances and same else ["their list does not find our file"])


def _theirs(form: Format, ours: list[Change], original: Path, picture: Path, other: Path) -> list[str]:
    read = READERS[form](FORMATS[form].write(ours, at=_AT, member=1))
    index = PdqSignal.get_index_cls().build([(value, value) for value in read["pdq"]])
    near = [len(index.query(PdqSignal.hash_from_file(file))) for file in (picture, other)]
    has_file = VideoMD5Signal.hash_from_file(original) in read["video_md5"]
    gone = READERS[form](FORMATS[form].write(ours, at=_AT, member=1, withdrawn=True)) if FORMATS[form].withdraws else {}
    typer.echo(
        f"{form}: reads {len(read['pdq'])} PDQ and {len(read['video_md5'])} MD5; re-upload near {near[0]}, "
        f"another picture near {near[1]}, file found {has_file}, left after withdrawal {sum(map(len, gone.values()))}"
    )
    return [] if near == [1, 0] and has_file else [form]


def cost() -> None:
    """Print the seconds of a core for hashes and searches."""
    faiss.omp_set_num_threads(1)
    picture = Image.fromarray(detailed(1, 0)).resize((568, 320))
    typer.echo(f"PDQ of a frame: {_cpu_s(partial(picture_hash, picture)) * 1000:.1f} ms")
    rng = np.random.default_rng(0)
    queries = rng.integers(0, 256, (240, BYTES), dtype=np.uint8)
    for size in (100_000, 1_000_000):
        hashes = rng.integers(0, 256, (size, BYTES), dtype=np.uint8)
        entries = {f"{n}": Change(f"{n}", (Signal("pdq", each.tobytes()),)) for n, each in enumerate(hashes)}
        index = ListIndex(None)
        typer.echo(f"a first list of {size:,}: {_put(index, parts_of('list-a', entries, _AT)):.2f} s")
        typer.echo(f"240 hashes among {size:,}: {_cpu_s(partial(index.near, queries)):.2f} s")
        ten = {f"{n}": Change(f"{n}", (Signal("pdq", bytes(hashes[n])[::-1]),)) for n in range(10)}
        wanted, changed = parts_of("list-a", {**entries, **ten}, _AT), {f"{part_of(name):03x}" for name in ten}
        parts = {key: part for key, part in wanted.items() if key.rpartition("/")[2] in changed}
        n_rows = sum(len(part.entries) for part in parts.values())
        typer.echo(f"ten changed of {size:,}, {n_rows} rows of parts: {1000 * _put(index, parts):.1f} ms")


def past() -> None:
    """Print the seconds of a core for new hashes in a file of past ones."""
    rng = np.random.default_rng(0)
    rows = np.zeros(65_536, ROW)
    rows["value"] = rng.integers(0, 256, (len(rows), BYTES), np.uint8)
    for n_hashes in (10, 512):
        new = rng.integers(0, 256, (n_hashes, BYTES), np.uint8)
        taken_s = _cpu_s(partial(candidates, rows, new, frozenset()))
        typer.echo(f"{n_hashes} new hashes in {len(rows):,} past ones: {1000 * taken_s:.0f} ms")


def whole_videos(folder: Path) -> None:
    """Print the seconds of a core that TMK+PDQF of a minute of video takes, with its processes, and a comparison."""
    film = video(folder / "minute.mp4", [detailed(n // 60, n % 60) for n in range(900)], fps=15)
    began = os.times()
    tmk = tmk_of_file(MediaSettings(), film)
    taken = [now - before for now, before in zip(os.times()[:4], began[:4], strict=True)]
    assert tmk is not None
    typer.echo(
        f"TMK+PDQF of a minute: {sum(taken):.1f} s; a comparison: {1000 * _cpu_s(partial(scores, tmk, tmk)):.1f} ms"
    )


def memory() -> None:
    """Print the bytes that a worker holds of each hash, of a table that has just been filled."""
    kinds: tuple[SignalKind, ...] = ("pdq", "md5")
    for kind in kinds:
        tracemalloc.start()
        index = ListIndex(b"k" * 32)
        for number in range(100):
            values = np.random.default_rng(number).integers(0, 256, (1_000, 32 if kind == "pdq" else 16), np.uint8)
            entries = [ListEntry(origin="one", kind=kind, value=each.tobytes()) for each in values]
            index.put(f"{number}", ListPart(list_id="list-a", part=number, entries=entries, at=_AT))
        del entries
        typer.echo(
            f"memory of one {kind} in {len(index):,}: {tracemalloc.get_traced_memory()[0] / len(index):.0f} bytes"
        )
        tracemalloc.stop()


def index_of(list_id: str, entries: Mapping[str, Change]) -> ListIndex:
    """Return an index of one list."""
    index = ListIndex(None)
    _put(index, parts_of(list_id, entries, _AT))
    return index


def _put(index: ListIndex, parts: Mapping[str, ListPart]) -> float:
    """Put the parts as a worker does that reads them, and return the seconds of a core."""
    codec = Codec()
    written = {key: codec.encode("lists", part) for key, part in parts.items()}
    began_s = time.process_time()
    for key, value in written.items():
        decoded = codec.decode("lists", value)
        assert isinstance(decoded, ListPart)
        index.put(key, decoded)
    return time.process_time() - began_s


def _cpu_s(work: Callable[[], object]) -> float:
    """Return the smallest time of a core of three runs."""
    work()
    taken = []
    for _ in range(3):
        began_s = time.process_time()
        work()
        taken.append(time.process_time() - began_s)
    return min(taken)


async def _signals(file: Path) -> list[Change]:
    async with Decoder(MediaSettings()) as decoder:
        return await signals_of_file(decoder, "film", file)


def _grouped(pairs: list[tuple[str, str]]) -> Read:
    return {kind: {value for name, value in pairs if name == kind} for kind in ("pdq", "video_md5")}


def main() -> int:
    """Print what was read, and return 1 if something is wrong."""
    cost()
    past()
    memory()
    with tempfile.TemporaryDirectory() as folder:
        whole_videos(Path(folder))
        wrong = check(Path(folder))
    typer.echo(f"wrong: {', '.join(wrong)}" if wrong else "nothing is wrong")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
