"""Choice among the formats of one video that yt-dlp names: one that the decode stage can fetch; runs in the child."""

from collections.abc import Mapping, Sequence
from typing import Any

from streams.decode.fetch.pieces import LEAST_SHORT_SIDE, smallest_enough
from streams.desk.checking.extractor.wire import Named

type Format = Mapping[str, Any]

_FILES = frozenset({"http", "https"})
_PLAYLISTS = frozenset({"m3u8", "m3u8_native"})
_MANIFESTS = frozenset({"http_dash_segments"})


def media_of(video: Mapping[str, Any]) -> list[Named]:
    """Return the media of a video: one with picture and sound if there is one, else a picture and a sound apart.

    A file before a playlist, because it is one request; of several, the smallest that loses nothing when its frames are
    sampled. Empty if every format has another protocol.
    """
    formats = video.get("formats") or [video]
    usable = [one for one in formats if isinstance(one.get("url"), str) and not one.get("has_drm")]
    files = [one for one in usable if one.get("protocol") in _FILES]
    if whole := [one for one in files if _has(one, "vcodec") and _has(one, "acodec")]:
        return [Named(_smallest(whole)["url"], "video")]
    for protocols in (_PLAYLISTS, _MANIFESTS):
        if listed := [one for one in usable if one.get("protocol") in protocols]:
            return _of_playlist(listed)
    return _apart(files)


def _of_playlist(listed: Sequence[Format]) -> list[Named]:
    """Return the playlist of all of them, from which the decode stage chooses picture and sound."""
    pictures = [one for one in listed if _has(one, "vcodec")]
    chosen = _smallest(pictures or listed)
    return [Named(chosen.get("manifest_url") or chosen["url"], "video" if pictures else "audio")]


def _apart(files: Sequence[Format]) -> list[Named]:
    pictures = [one for one in files if _has(one, "vcodec")]
    sounds = [one for one in files if not _has(one, "vcodec") and _has(one, "acodec")]
    return [
        *([Named(_smallest(pictures)["url"], "video")] if pictures else []),
        *([Named(_smallest(sounds)["url"], "audio")] if sounds else []),
    ]


def _has(one: Format, codec: str) -> bool:
    """Return whether a format has a picture (vcodec) or a sound (acodec); one that does not state its codecs may."""
    return one.get(codec) != "none"


def _smallest(formats: Sequence[Format]) -> Format:
    return smallest_enough(formats, _size, LEAST_SHORT_SIDE)


def _size(one: Format) -> tuple[int, int]:
    sides = [int(one[name]) for name in ("width", "height") if one.get(name)]
    return min(sides, default=0), int(one.get("tbr") or 0)
