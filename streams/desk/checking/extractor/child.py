"""yt-dlp on one page, in a child process of the sandbox: no network, no file, no other program.

Everything that yt-dlp may load is loaded when this module is, because afterwards no module can be.
"""

import codecs
import encodings
import os
import pkgutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import msgspec

os.environ |= {"YTDLP_NO_LAZY_EXTRACTORS": "1", "YTDLP_NO_PLUGINS": "1"}  # read when yt-dlp is loaded

from yt_dlp import YoutubeDL
from yt_dlp.networking.common import RequestDirector

from streams.desk.checking.extractor.formats import media_of
from streams.desk.checking.extractor.handler import ParentRH
from streams.desk.checking.extractor.pipe import Pipe
from streams.desk.checking.extractor.refusals import refused
from streams.desk.checking.extractor.wire import Extracted, Job

_OPTIONS: dict[str, Any] = {
    "cachedir": False,
    "extractor_retries": 0,
    "format": "all",  # chosen in formats.py; otherwise yt-dlp looks for ffmpeg
    "geo_bypass": False,  # we claim no other address than ours
    "ignoreerrors": True,  # of one entry of a list: the others are still looked at
    "js_runtimes": {},
    "noplaylist": True,  # of a video that is in a list, the video
    "no_color": True,
    "no_warnings": True,
    "proxy": "",
    "quiet": True,
    "simulate": True,
}


class _Silent:
    """Takes yt-dlp's messages."""

    def debug(self, _: str) -> None:
        pass

    info = warning = error = debug


class _Extraction(YoutubeDL):  # type: ignore[misc]  # yt-dlp ships no types
    """YoutubeDL whose only network is a pipe."""

    def __init__(self, pipe: Pipe, most: int) -> None:
        self._pipe = pipe
        self.errors: list[BaseException] = []
        super().__init__({**_OPTIONS, "playlistend": most, "logger": _Silent()})

    def build_request_director(self, *_: object) -> RequestDirector:
        """Return the director of the one handler, whatever others are there."""
        return super().build_request_director([partial(ParentRH, pipe=self._pipe)])

    def trouble(self, message: str | None = None, tb: str | None = None, is_error: bool = True) -> None:
        """Keep the error that is being handled, with its type."""
        if is_error and (error := sys.exception()) is not None:
            self.errors.append(error)
        super().trouble(message, tb, is_error)


def work(job: bytes, files: Sequence[int]) -> Iterator[bytes]:
    """Yield what a page has; the descriptor is that of the socket to the parent."""
    asked = msgspec.msgpack.decode(job, type=Job)
    yield msgspec.msgpack.encode(_extracted(asked, Pipe(files[0])))


def _extracted(job: Job, pipe: Pipe) -> Extracted:
    # One more than wanted, so that a list of unknown length counts as longer.
    extraction = _Extraction(pipe, job.most + 1)
    found = extraction.extract_info(job.address, download=False)
    videos, n_missing = _videos(found)
    media = [medium for video in videos for medium in media_of(video)]
    if not media:
        return refused(extraction.errors[0] if extraction.errors else None)
    words = [str(one[name]) for one in [found, *videos] for name in ("title", "description") if one.get(name)]
    return Extracted(media[: job.most], len(media) + n_missing, "\n\n".join(dict.fromkeys(words)))


def _videos(found: Any) -> tuple[list[dict[str, Any]], int]:  # noqa: ANN401 - yt-dlp ships no types
    """Return the videos of a result, of a list of lists too, and how many more it names."""
    if not found:
        return [], 1
    if found.get("_type", "video") == "video":
        return [found], 0
    entries = list(found.get("entries") or ())
    videos, n_missing = [], max(0, (found.get("playlist_count") or 0) - len(entries))
    for entry in entries:
        more, n_more = _videos(entry)
        videos += more
        n_missing += n_more
    return videos, n_missing


for _module in pkgutil.iter_modules(encodings.__path__):
    with suppress(LookupError):  # of another system
        codecs.lookup(_module.name)
time.strptime("2026", "%Y")  # loads its module late
_Extraction(Pipe(-1), 1)  # likewise
