"""The cases that a run looks for: those of its start, kept beside its outputs, or the live ones."""

from models.fusion.model import FusionModel
from schemas.messages import Policy
from streams.cases.open_cases import OpenCases
from streams.fusion.post_state import Rules
from streams.match.live_index import LiveIndex
from streams.match.reference_index import ReferenceIndex


class RunCases:
    """References to search in and policies to decide by.

    Parameters
    ----------
    cases
        Following the topic that holds them.
    model
        The fusion of the run.
    policy
        Instead of every case's own.
    pinned
        Whether nothing is written there any more, so that what is not there need not be asked for.
    """

    def __init__(self, cases: OpenCases, model: FusionModel, policy: Policy | None, *, pinned: bool) -> None:
        self._cases = cases
        self._model = model
        self._policy = policy
        self._pinned = pinned
        self._index = LiveIndex(cases)

    async def run(self) -> None:
        """Keep the index up to date until cancelled."""
        await self._index.run()

    async def index(self) -> ReferenceIndex:
        """Return the newest index."""
        return await self._index.current()

    async def rules(self, case_ids: set[str]) -> Rules:
        """Return by what these cases are judged; those that are not open have no policy there."""
        await self._cases.start()
        found = {case_id: await self._ask(case_id) for case_id in case_ids}
        return Rules(self._model, {case_id: self._policy or own for case_id, own in found.items() if own is not None})

    async def _ask(self, case_id: str) -> Policy | None:
        return self._cases.policy(case_id) if self._pinned else await self._cases.fresh_policy(case_id)
