"""The explicitness rating is shown to reviewers and decides nothing."""

import msgspec
import pytest

from models.registry import Registry
from models.visual.model import VisualModel
from schemas.messages import Descriptors, Frame, Frames, Parts, Verdict
from streams.describe.explicit import rater
from streams.describe.visual import described, prepare
from streams.fusion.post_state import PostState
from streams.fusion.rules import Rules
from streams.match.scores import scores_record
from streams.settings import load_settings
from tests.unit.made_messages import POLICY, match, post_ref, scores, segment
from tests.unit.models.made import jpeg, picture

NOW_S = 1_772_368_215.0
RULES = Rules(Registry().fusion(), {"case-a": POLICY})
FRAMES = Frames(segment=segment(), frames=[Frame(time_s=0.0, jpeg=jpeg(picture(1)))])


def verdict(score: float, explicit: float | None) -> Verdict:
    state = PostState(post=post_ref(), parts=Parts(visual=1, audio=0, text=0), deadline_s=NOW_S + 30)
    rated = msgspec.structs.replace(scores("visual", match(score)), explicit=explicit)
    (found,) = state.add(rated, RULES, NOW_S)
    return found


@pytest.mark.parametrize("score", [0.2, 0.45, 0.6, 0.9])
def test_the_rating_changes_neither_probability_nor_decision(score: float) -> None:
    unrated = verdict(score, None)
    for explicit in (0.0, 1.0):
        rated = verdict(score, explicit)
        assert (rated.probability, rated.decision) == (unrated.probability, unrated.decision)


async def test_pictures_are_rated_only_if_enabled() -> None:
    assert await rater(load_settings(explicit=False), Registry())(FRAMES) is None
    rating = await rater(load_settings(explicit=True), Registry())(FRAMES)
    assert rating is not None
    assert 0.0 <= rating <= 1.0


def test_the_rating_is_copied_from_the_descriptors_into_the_scores() -> None:
    model: VisualModel = Registry().visual()
    prepared = prepare(model, FRAMES)
    output = described(model, FRAMES, prepared, model.embed(prepared.pixels), 0.25)
    assert isinstance(output.message, Descriptors)
    assert output.message.explicit == 0.25
    assert scores_record(output.message, []).explicit == 0.25
