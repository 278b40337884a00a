"""Verification of platforms' answers: signed, fresh, and each accepted once."""

import binascii
from collections import OrderedDict
from collections.abc import Mapping
from typing import Literal

from standardwebhooks import Webhook, WebhookVerificationError

type Fault = Literal["forged", "old", "replayed"]

_MAX_IDS = 100_000
"""Ids that are kept. Older than the signature's five minutes they are refused by their time; a replay of one dropped
early has the delivery id of the first, and changes nothing."""
_MAX_ID_LENGTH = 255


class AnswerError(Exception):
    """An answer that is refused."""

    def __init__(self, fault: Fault, detail: str) -> None:
        super().__init__(detail)
        self.fault = fault


class Verification:
    """Verifies the answers of all platforms.

    Parameters
    ----------
    signers
        Of the platforms that answer, by name.
    """

    def __init__(self, signers: Mapping[str, Webhook]) -> None:
        self._signers = signers
        self._accepted: OrderedDict[tuple[str, str], int] = OrderedDict()

    def __contains__(self, platform: str) -> bool:
        return platform in self._signers

    def check(self, platform: str, headers: Mapping[str, str], body: bytes) -> str:
        """Return the id of an answer.

        Raises
        ------
        AnswerError
            It is forged, older than five minutes, or the very request that was accepted before. A platform that did not
            get our response sends the same id with a new time, which is no replay.
        """
        self._verify(platform, headers, body)
        webhook_id, sent_s = headers["webhook-id"], _sent_s(headers)
        if sent_s <= self._accepted.get((platform, webhook_id), -1):
            raise AnswerError("replayed", "this answer was accepted before")
        return webhook_id

    def is_accepted(self, platform: str, webhook_id: str) -> bool:
        """Return whether an answer is written already."""
        return (platform, webhook_id) in self._accepted

    def accept(self, platform: str, headers: Mapping[str, str]) -> None:
        """Keep an answer as accepted, once it is written."""
        self._accepted[platform, headers["webhook-id"]] = _sent_s(headers)
        while len(self._accepted) > _MAX_IDS:
            self._accepted.popitem(last=False)

    def _verify(self, platform: str, headers: Mapping[str, str], body: bytes) -> None:
        if len(headers.get("webhook-id", "")) > _MAX_ID_LENGTH:
            raise AnswerError("forged", f"webhook-id has at most {_MAX_ID_LENGTH} characters")
        try:
            self._signers[platform].verify(body, dict(headers), json_parse=False)
        except WebhookVerificationError as error:
            is_old = "too old" in str(error)
            raise AnswerError("old" if is_old else "forged", str(error)) from error
        except (ValueError, binascii.Error, OverflowError) as error:
            raise AnswerError("forged", "a malformed signature or body") from error


def _sent_s(headers: Mapping[str, str]) -> int:
    return int(float(headers["webhook-timestamp"]))
