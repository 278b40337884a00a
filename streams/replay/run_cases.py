"""Cases of a run: the copy that a replay made at its start, or the live ones."""

from models.fusion.model import FusionModel
from schemas.messages import Policy
from streams.cases.open_cases import OpenCases
from streams.fusion.rules import Rules
from streams.match.live_index import LiveIndex
from streams.match.reference_index import ReferenceIndex


class RunCases:
    """References to search in and policies to decide by.

    Parameters
    ----------
    cases
        Open cases of the run's copy, or of the live topic.
    model
        Fusion model of the run.
    policy
        Replaces every case's own policy.
    pinned
        Whether the cases are a copy, which gets no new cases, so that policies need no read barrier.
    look_at
        Probability from which a case is looked at again; None if none is.
    """

    def __init__(
        self,
        cases: OpenCases,
        model: FusionModel,
        policy: Policy | None,
        *,
        pinned: bool,
        look_at: float | None = None,
    ) -> None:
        self._cases = cases
        self._model = model
        self._policy = policy
        self._pinned, self._look_at = pinned, look_at
        self._index = LiveIndex(cases)

    async def run(self) -> None:
        """Keep the index up to date until cancelled."""
        await self._index.run()

    async def index(self) -> ReferenceIndex:
        """Return the newest index."""
        return await self._index.current()

    async def rules(self, case_ids: set[str]) -> Rules:
        """Return the fusion model and the policies of those of these cases that are open."""
        await self._cases.start()
        policies = {}
        for case_id in case_ids:
            own = self._cases.policy(case_id) if self._pinned else await self._cases.fresh_policy(case_id)
            if own is not None:
                policies[case_id] = self._policy or own
        return Rules(self._model, policies, self._look_at)
