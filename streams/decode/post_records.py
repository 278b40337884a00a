"""The records of one post on frames, sounds and texts: their numbers, keys and total count."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import count

from schemas.messages import Frames, Modality, Parts, Post, Segment, Sounds, Text, Texts
from streams.decode.media.decoded import DecodedSegment, Span
from streams.decode.media_access import OpenMedium
from streams.engine.record import Output

_POST_ITSELF = -1
"""Medium index of the post's own text, which is in no medium."""
_MAX_URL = 2_048
"""Longest address that records carry, as fusion keeps one for each medium: one with a longer one has no second look."""


class PostRecords:
    """The records of one post, numbered by modality.

    Parameters
    ----------
    post
        The post, for its identity and its own text.
    voice
        True if the audio stage also describes voices.
    read_on_screen
        True if the screen stage writes a record on texts for each record on frames.
    """

    def __init__(self, post: Post, *, voice: bool, read_on_screen: bool) -> None:
        self._post = post
        self._voice, self._read_on_screen = voice, read_on_screen
        self._ref = post.ref()
        self._numbers: dict[Modality, count[int]] = {"visual": count(), "audio": count(), "text": count(1)}
        self._n_frames = self._n_sounds = self._n_subtitles = 0
        self._begun: set[tuple[Modality, int]] = set()
        self._parts = self._counted(pending=bool(post.media))

    def add(self, opened: Sequence[OpenMedium], *, last: bool) -> None:
        """Count media into `parts` of all further records; the numbers are final with the last ones."""
        spans = [span for medium in opened for span in medium.spans]
        self._n_sounds += sum(span.has_sound for span in spans)
        self._n_frames += sum(span.has_picture for span in spans)
        self._n_subtitles += sum(bool(medium.info.subtitles) for medium in opened)
        self._parts = self._counted(pending=not last)

    def _counted(self, *, pending: bool) -> Parts:
        least = int(pending)  # where nothing is known yet, fusion waits for something
        return Parts(
            visual=max(least, self._n_frames),
            audio=max(least, self._n_sounds),
            voice=self._n_sounds if self._voice else 0,
            text=1 + self._n_subtitles + (self._n_frames if self._read_on_screen else 0),
            pending=pending,
        )

    def own_text(self) -> Output:
        """Return the post's own text, even if empty; written again it overwrites itself."""
        segment = self._segment(0, _POST_ITSELF)
        return self._output("texts", "text", Texts(segment=segment, texts=_own_texts(self._post)))

    def subtitles(self, opened: Iterable[OpenMedium]) -> Iterator[Output]:
        """Yield the subtitles of each medium that has some."""
        for medium in opened:
            if medium.info.subtitles:
                segment = self._next("text", medium.index)
                yield self._output("texts", "text", Texts(segment=segment, texts=medium.info.subtitles))

    def segment(self, medium: OpenMedium, span: Span, decoded: DecodedSegment, rate_hz: int) -> Iterator[Output]:
        """Yield the records of one decoded segment."""
        times = (span.start_s, span.duration_s)
        if span.has_sound:
            segment = self._next("audio", medium.index, *times)
            digests = self._once("audio", medium.index, medium.info.digests_of_post["audio"])
            sounds = Sounds(
                segment=segment,
                rate_hz=rate_hz,
                pcm=decoded.pcm,
                lead_s=decoded.lead_s,
                coverage=decoded.sound,
                digests=digests,
            )
            yield self._output("sounds", "audio", sounds)
        if span.has_picture:
            segment = self._next("visual", medium.index, *times)
            digests = self._once("visual", medium.index, medium.info.digests_of_post["visual"])
            frames = Frames(
                segment=segment,
                frames=decoded.frames,
                thumbnails=decoded.thumbnails,
                coverage=decoded.picture,
                digests=[*digests, decoded.digest] if decoded.digest else digests,
            )
            yield self._output("frames", "visual", frames)

    def _once(self, modality: Modality, medium: int, digests: list[bytes]) -> list[bytes]:
        """Return the digests of a whole medium for its first record of a modality, none for the others."""
        if (modality, medium) in self._begun:
            return []
        self._begun.add((modality, medium))
        return digests

    def _next(self, modality: Modality, medium: int, start_s: float = 0.0, duration_s: float = 0.0) -> Segment:
        return self._segment(next(self._numbers[modality]), medium, start_s, duration_s)

    def _segment(self, number: int, medium: int, start_s: float = 0.0, duration_s: float = 0.0) -> Segment:
        return Segment(
            post=self._ref,
            parts=self._parts,
            segment=number,
            medium=medium,
            start_s=start_s,
            duration_s=duration_s,
            url=self._url(medium),
        )

    def _url(self, medium: int) -> str:
        url = "" if medium == _POST_ITSELF else self._post.media[medium].url
        return url if len(url) <= _MAX_URL else ""

    def _output(self, topic: str, modality: Modality, message: Frames | Sounds | Texts) -> Output:
        """Return a record with a key that spreads the segments of one post over partitions."""
        return Output(topic, f"{self._ref.post_id}/{modality}/{message.segment.segment}", message)


def _own_texts(post: Post) -> list[Text]:
    """Return caption, tags and alternative texts, without the empty ones."""
    texts = [("caption", post.caption), *(("tag", tag) for tag in post.tags), *(("alt", m.alt) for m in post.media)]
    return [Text(source=source, text=text) for source, text in texts if text]
