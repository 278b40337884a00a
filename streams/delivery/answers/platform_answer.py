"""Answer of a platform to a notice, as its webhook brings it."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from schemas.ids import record_id
from schemas.messages import Delivery, DeliveryOutcome

TAKEDOWN_ID = r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
TAKEDOWN_ID_LENGTH = 36
"""Also given as a limit: Python's $ allows a line feed after it, and the dialect of JSON Schema has no \\Z."""
_CHANNEL = "answers/"
_OUTCOMES: dict[str, DeliveryOutcome] = {"acknowledged": "acknowledged", "refused": "refused", "removed": "gone"}


class PlatformAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of a request."""

    takedown_id: Annotated[str, msgspec.Meta(pattern=TAKEDOWN_ID, max_length=TAKEDOWN_ID_LENGTH)]
    """Of an item of the notice."""
    outcome: Literal["acknowledged", "refused", "removed"]
    receipt: Annotated[str, msgspec.Meta(max_length=200)] = ""
    """Id that the platform gave the notice."""
    reason: Annotated[str, msgspec.Meta(max_length=2_000)] = ""
    """Reason of the decision, and where to object to it."""

    def to_delivery(self, platform: str, webhook_id: str, at: datetime) -> Delivery:
        """Return the record of the answer; a repeat has the same id.

        A claim of removal is no proof: the takedown is looked at and ends by that look only. The channel names the
        platform that signed, which must be that of the takedown.
        """
        return Delivery(
            delivery_id=record_id("platform-answer", platform, webhook_id),
            takedown_id=self.takedown_id,
            case_id="",
            kind="answer",
            outcome=_OUTCOMES[self.outcome],
            number=0,
            at=at,
            channel=answer_channel(platform),
            receipt=_one_line(self.receipt),
            detail=_one_line(self.reason),
        )


def answer_channel(platform: str) -> str:
    """Return the channel of answers that a platform of the registry has signed."""
    return f"{_CHANNEL}{platform}"


def is_of_another_platform(answer: Delivery, platform: str) -> bool:
    """Return whether an answer is signed by another platform than the takedown's: it has no say in it."""
    return answer.channel.startswith(_CHANNEL) and answer.channel != answer_channel(platform)


def _one_line(text: str) -> str:
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
