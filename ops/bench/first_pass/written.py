"""What the first pass writes for files: bytes by topic, before compression, and rows of descriptors by modality."""

from collections import Counter
from collections.abc import Callable, Iterable

from schemas.codec import Codec
from schemas.messages import Descriptors, Frames, Sounds
from streams.engine.record import Output


def written(records: Iterable[object], describe: Callable[[object], Output]) -> Counter[str]:
    """Return the bytes of the topics frames, sounds and descriptors, and `rows of MODALITY`.

    Parameters
    ----------
    records
        Decode's records.
    describe
        Returns a record's descriptors.
    """
    codec, found = Codec(), Counter[str]()
    for record in records:
        if not isinstance(record, Frames | Sounds):
            continue
        topic, described = "frames" if isinstance(record, Frames) else "sounds", describe(record).message
        assert isinstance(described, Descriptors)
        found[topic] += len(codec.encode(topic, record))
        found["descriptors"] += len(codec.encode("descriptors", described))
        found[f"rows of {described.modality}"] += described.vectors.rows
    return found
