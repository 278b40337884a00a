"""Origin of a dead letter: the post that its original belongs to, and the redrives that preceded it."""

from schemas.codec import Codec, WireError
from schemas.messages import (
    DeadLetter,
    Descriptors,
    Frames,
    Look,
    Post,
    Removal,
    Scores,
    Sounds,
    Takedown,
    Texts,
    Verdict,
)
from schemas.topics import TOPICS

PREDECESSOR = "jikimi-redriven-from"
"""Header of a redriven record: id of the dead letter whose original it is.

The outputs of a record have its headers, so a dead letter of a later stage for the same post names it too.
"""
REDRIVES = "jikimi-redrives"
"""Header of a redriven record: number of redrives up to it."""
_MAX_DIGITS = 6


def url_of(letter: DeadLetter, codec: Codec) -> str:
    """Return the URL of the post that the original belongs to; empty if the original cannot be decoded.

    Raises
    ------
    ConnectionError
        The schema registry does not answer.
    """
    if letter.topic not in TOPICS or letter.value is None:
        return ""
    try:
        message = codec.decode(letter.topic, letter.value)
    except WireError:
        return ""
    match message:
        case Post() | Removal():
            return message.url or ""
        case Verdict() | Takedown():
            return message.post.url
        case Frames() | Sounds() | Texts() | Descriptors() | Scores() | Look():
            return message.segment.post.url
        case _:
            return ""


def redrives_of(letter: DeadLetter) -> int:
    """Return the number of redrives before this dead letter; 0 for one whose header is malformed."""
    digits = letter.headers.get(REDRIVES, b"")
    return int(digits) if digits.isdigit() and len(digits) <= _MAX_DIGITS else 0


def headers_of_redrive(letter: DeadLetter) -> dict[str, bytes]:
    """Return the headers of the redriven record: the original's, with predecessor and number of redrives."""
    count = min(redrives_of(letter) + 1, 10**_MAX_DIGITS - 1)
    return letter.headers | {PREDECESSOR: letter.dead_letter_id.encode(), REDRIVES: str(count).encode()}
