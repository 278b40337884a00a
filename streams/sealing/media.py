"""Frames and sounds as they are on the broker: pictures, thumbnails and samples sealed, all else in the clear.

Each picture is sealed by itself: it costs 20 microseconds (ops/bench/sealing.py), and a thumbnail can go on alone.
"""

import msgspec

from schemas.messages import Descriptors, Frames, Message, Segment, Sounds, Thumbnail
from streams.sealing.keyring import Keyring, key_id_of, place
from streams.sealing.purposes import Purpose
from streams.sealing.settings import SealingSettings


class MediaSeal:
    """Seals and unseals the media in messages; raises as `Keyring` does."""

    def __init__(self, settings: SealingSettings) -> None:
        self.keyring = Keyring(settings)
        self._accepts_plain = settings.accept_plain

    def sealed[M: Message](self, message: M) -> M:
        """Return a message with its media sealed; one without media as it is."""
        match message:
            case Frames():
                return msgspec.structs.replace(message, **self._sealed_frames(message))
            case Sounds():
                pcm = self.keyring.seal("media", message.pcm, _of_sound(message))
                return msgspec.structs.replace(message, pcm=pcm)
            case _:
                return message

    def frames(self, message: Frames) -> Frames:
        """Return frames with their pictures unsealed; the thumbnails stay sealed."""
        frames = [
            msgspec.structs.replace(frame, jpeg=self._unsealed("media", frame.jpeg, _of_frame(message, frame.time_s)))
            for frame in message.frames
        ]
        return msgspec.structs.replace(message, frames=frames)

    def sounds(self, message: Sounds) -> Sounds:
        """Return sounds with their samples unsealed."""
        return msgspec.structs.replace(message, pcm=self._unsealed("media", message.pcm, _of_sound(message)))

    def thumbnail(self, message: Descriptors | Frames, thumbnail: Thumbnail) -> bytes:
        """Return the JPEG of a segment's thumbnail."""
        where = _of_thumbnail(message.segment, thumbnail.time_s)
        return self._unsealed("thumbnails", thumbnail.jpeg, where)

    def _sealed_frames(self, message: Frames) -> dict[str, object]:
        seal = self.keyring.seal
        return {
            "frames": [
                msgspec.structs.replace(one, jpeg=seal("media", one.jpeg, _of_frame(message, one.time_s)))
                for one in message.frames
            ],
            "thumbnails": [
                msgspec.structs.replace(
                    one, jpeg=seal("thumbnails", one.jpeg, _of_thumbnail(message.segment, one.time_s))
                )
                for one in message.thumbnails
            ],
        }

    def _unsealed(self, purpose: Purpose, content: bytes, where: bytes) -> bytes:
        if self._accepts_plain and key_id_of(content) is None:
            return content
        return self.keyring.unseal(purpose, content, where)


def _of_frame(message: Frames, time_s: float) -> bytes:
    return _place("frames.jpeg", message.segment, time_s)


def _of_thumbnail(segment: Segment, time_s: float) -> bytes:
    return _place("frames.thumbnail", segment, time_s)


def _of_sound(message: Sounds) -> bytes:
    return _place(f"sounds.pcm@{message.rate_hz}", message.segment, message.segment.start_s)


def _place(field: str, segment: Segment, time_s: float) -> bytes:
    return place(field, segment.post.post_id, segment.medium, segment.segment, time_s)
