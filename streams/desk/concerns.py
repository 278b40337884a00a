"""Concerns about a case before it opens: mistakes that a person should see before anything is searched."""

from collections.abc import Collection, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from models.text.chance import has_frequencies
from models.text.forms import chance_of_term
from models.text.words import normal_tokens
from schemas.messages import Frame
from streams.decode.media.decoded import DecodedSegment, MediaInfo
from streams.describe.reference_ids import reference_id_of

_SHORT_S = 3.0
_MISSING_S, _MISSING_SHARE = 1.0, 0.05
_DARK = 16.0
"""Mean of a picture's gray values, of 255, below which it shows next to nothing."""
_SILENT = 33.0
"""Root mean square of 16-bit samples, -60 dB of full scale."""


_LEAST_LETTERS = 3
"""Of a name within another: one or two letters are in most."""


SENTENCES: Mapping[str, str] = {
    "name_like_term": "the pseudonym {name!r} resembles the term {term!r}: a pseudonym must not be the victim's name",
    "common_word": "the term {term!r} is a common word: a post with nothing else leads to no review; "
    "add a handle or a second name",
    "unknown_word": "there are no word frequencies for the script of the term {term!r}: if it is a common word, "
    "each post with it is reviewed",
    "same_bytes": "{file} has the same bytes as {other}: described once",
    "of_other_case": "{file} is already a reference of {case}",
    "already_there": "{file} is a reference of this case already: left out",
    "short": "{file}: only {length} s long: few copies will be found by it",
    "still": "{file}: the picture does not move: few copies will be found by it",
    "dark": "{file}: the picture is dark throughout: few copies will be found by it",
    "silent": "{file}: the sound is silent throughout: few copies will be found by it",
    "truncated": "{file}: only {readable} of {length} s can be read: the file is truncated",
    "track_left_out": "{file}: {track}, and was not described",
}
"""English sentence of each concern; the console has its own, by the same slugs."""


class Concern(NamedTuple):
    """One concern about a case, shown to a person."""

    slug: str
    values: Mapping[str, str]
    """Texts for the sentence, by name."""
    is_severe: bool
    """Whether the case is refused where no person can be asked."""

    @property
    def text(self) -> str:
        """The English sentence."""
        return SENTENCES[self.slug].format(**self.values)


def name_concerns(name: str, terms: Sequence[str]) -> list[Concern]:
    """Return whether a pseudonym contains a term, which is often the victim's name, or is contained in one."""
    of_name = _plain(name)
    for term in terms:
        shorter, longer = sorted((of_name, _plain(term)), key=len)
        if len(shorter) >= _LEAST_LETTERS and shorter in longer:
            return [Concern("name_like_term", {"name": name, "term": term}, is_severe=True)]
    return []


def term_concerns(terms: Sequence[str]) -> list[Concern]:
    """Return which terms are common words, so that a post with one of them alone is not even reviewed, or may be."""
    unknown = [term for term in terms if not has_frequencies(_plain(term))]
    common = [term for term in terms if chance_of_term(term).is_common]
    return [
        *(Concern("common_word", {"term": term}, is_severe=False) for term in common),
        *(Concern("unknown_word", {"term": term}, is_severe=False) for term in unknown),
    ]


def _plain(text: str) -> str:
    return "".join(normal_tokens(text))


def file_concerns(
    files: Sequence[Path], digests: Mapping[Path, str], others: Mapping[str, Collection[str]]
) -> list[Concern]:
    """Return which files are given twice, or belong to other open cases.

    Parameters
    ----------
    digests
        Digest of each file's bytes.
    others
        Reference ids of every open case.
    """
    found, first = [], dict[str, Path]()
    for file in files:
        if (earlier := first.setdefault(digests[file], file)) is not file:
            found.append(Concern("same_bytes", {"file": str(file), "other": str(earlier)}, is_severe=False))
            continue
        for case_id, references in others.items():
            if reference_id_of(case_id, digests[file]) in references:
                found.append(Concern("of_other_case", {"file": str(file), "case": case_id}, is_severe=True))
    return found


class FileMeasures:
    """Measures of one file, taken while it is described."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._info: MediaInfo | None = None
        self._n_frames = self._n_segments = 0
        self._brightest = self._loudest = 0.0

    def add(self, info: MediaInfo, segment: DecodedSegment) -> None:
        """Add a decoded segment."""
        self._info = info
        self._n_segments += 1
        self._n_frames += len(segment.frames)
        self._brightest = max([self._brightest, *map(_brightness, segment.frames)])
        if segment.pcm:
            samples = np.frombuffer(segment.pcm, "<i2").astype(np.float32)
            self._loudest = max(self._loudest, float(np.sqrt(np.mean(samples**2))))

    def concerns(self) -> list[Concern]:
        """Return what is odd about the file."""
        if (info := self._info) is None:
            return []
        length = {"file": str(self._file), "length": f"{info.duration_s:.1f}"}
        found = [Concern(slug, length, is_severe=False) for slug in self._oddities(info)]
        found += [
            Concern("track_left_out", {"file": str(self._file), "track": one.detail}, is_severe=True)
            for one in info.refused
        ]
        missing_s = info.declared_s - info.duration_s
        if missing_s > max(_MISSING_S, _MISSING_SHARE * info.declared_s):
            parts = {"readable": f"{info.duration_s:.1f}", "length": f"{info.declared_s:.1f}"}
            found.append(Concern("truncated", {"file": str(self._file)} | parts, is_severe=True))
        return found

    def _oddities(self, info: MediaInfo) -> list[str]:
        is_dark = info.has_picture and self._brightest < _DARK
        is_bright_film = info.kind == "video" and not is_dark
        slugs = {
            "short": info.kind != "image" and info.duration_s < _SHORT_S,
            # Frames that do not differ are sampled once a segment.
            "still": is_bright_film and info.duration_s >= _SHORT_S and self._n_frames <= self._n_segments,
            "dark": is_dark,
            "silent": info.has_sound and self._loudest < _SILENT,
        }
        return [slug for slug, holds in slugs.items() if holds]


def _brightness(frame: Frame) -> float:
    with Image.open(BytesIO(frame.jpeg), formats=("JPEG",)) as image:
        image.draft("L", (32, 32))
        return float(np.asarray(image.convert("L")).mean())
