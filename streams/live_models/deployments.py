"""History of deployments, from the deployments topic; plain values except for the reader."""

from collections.abc import Iterable
from datetime import datetime

from schemas.codec import Codec
from schemas.messages import Choice, Deployment
from streams.kafka.clients import create_codec
from streams.kafka.compacted_topic import decode_or_refuse
from streams.kafka.topic_reader import Update
from streams.kafka.whole_topic import read_whole
from streams.settings import Settings

TOPIC = "deployments"
KEY = "live"


class History:
    """Every deployment so far, oldest first, and the choice before the first.

    Promotions form a stack: a promotion is pushed onto the one before it, and a rollback pops the top.
    """

    def __init__(self, start: Choice, deployments: Iterable[Deployment] = ()) -> None:
        self._start = start
        self.deployments: list[Deployment] = []
        self._stack = [start]
        for deployment in deployments:
            self.add(deployment)

    def add(self, deployment: Deployment) -> None:
        """Add a deployment."""
        self.deployments.append(deployment)
        if deployment.why == "promote":
            self._stack.append(deployment.choice)
        else:
            # Not the choice below: that may be the settings' choice, and another machine's settings may differ.
            self._stack[-2:] = [deployment.choice]

    @property
    def live(self) -> Choice:
        """The live choice."""
        return self._stack[-1]

    @property
    def last(self) -> Deployment | None:
        """The last deployment; None while the settings' choice is live."""
        return self.deployments[-1] if self.deployments else None

    @property
    def before(self) -> Choice | None:
        """The choice that a rollback makes live; None without a promotion that is not rolled back."""
        return self._stack[-2] if len(self._stack) > 1 else None

    def newest_first(self) -> list[Choice]:
        """Return every choice that was ever live, the live one first."""
        return [*(deployment.choice for deployment in reversed(self.deployments)), self._start]

    def live_since(self, moment: datetime) -> list[Choice]:
        """Return every choice that was live at some time after the moment, the live one first."""
        choices = self.newest_first()
        replaced = sum(deployment.at > moment for deployment in self.deployments)
        return choices[: replaced + 1]


def decode_deployments(codec: Codec, updates: Iterable[Update]) -> list[Deployment]:
    """Return the deployments in these records; a record that cannot be decoded is left out."""
    found = []
    for update in updates:
        deployment = decode_or_refuse(codec, TOPIC, update)
        if isinstance(deployment, Deployment):
            found.append(deployment)
    return found


async def read_history(settings: Settings, start: Choice) -> History:
    """Return the history in the deployments topic.

    Raises
    ------
    UsageError
        The broker does not answer, or has no such topic.
    """
    return History(start, decode_deployments(create_codec(settings), await read_whole(settings, TOPIC)))
