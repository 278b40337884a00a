"""Voices are described only if enabled, and a match of voices alone at most requests a review."""

from typing import Any

import msgspec
import pytest

from models.registry import Registry
from models.voice.export import DIMENSIONS
from schemas.matrix import pack
from schemas.messages import Case, Choice, Descriptors, Parts, Policy, Reference, Sounds
from streams.cases.coverage import coverage_gaps
from streams.describe.descriptors import describe_sound
from streams.describe.voice import VoiceDescriber
from streams.errors import UnprocessableError
from streams.fusion.post_state import PostState
from streams.fusion.rules import Rules
from streams.match.reference_index import ReferenceIndex
from streams.settings import load_settings
from tests.unit.made_messages import NOW, match, post_ref, scores, segment
from tests.unit.models.test_voice import needs_weights, times, voice

NOW_S = 1_772_368_215.0
WITH_VOICE = Parts(visual=0, audio=1, text=0, voice=1)
EAGER = Policy(act=0.1, review=0.05, version="eager")


def sounds(parts: Parts = WITH_VOICE, rate_hz: int = 8000) -> Sounds:
    return Sounds(segment=segment(parts=parts), rate_hz=rate_hz, pcm=b"\x00\x00" * 8000)


def rows(seed: int, n_windows: int) -> Any:
    """Return the fields of a voice's rows in references and descriptors."""
    model = {"modality": "voice", "model": "resemblyzer", "version": "0.1.4"}
    return {**model, "vectors": pack(voice(seed, n_windows)), "times_s": times(n_windows).tolist()}


def reference(seed: int, reference_id: str, n_windows: int = 30) -> Reference:
    return Reference(reference_id=reference_id, segment=0, start_s=0.0, duration_s=24.0, **rows(seed, n_windows))


def case(case_id: str, piece: Reference, *, benign: bool = False) -> Case:
    return Case(case_id=case_id, name="x", opened_at=NOW, reference=piece, benign=benign)


def index(*cases: Case) -> ReferenceIndex:
    return ReferenceIndex([(one.case_id, one, one.reference) for one in cases if one.reference is not None])


def described_voice(seed: int) -> Descriptors:
    return Descriptors(descriptor_id="d1", segment=segment(parts=WITH_VOICE), **rows(seed, 20))


@pytest.mark.parametrize("policy", [EAGER, Policy(act=0.95, review=0.5, version="usual")])
@pytest.mark.parametrize("name", ["noisy-or@1", None])
def test_a_voice_alone_never_acts_under_any_policy(policy: Policy, name: str | None) -> None:
    state = PostState(post=post_ref(), parts=WITH_VOICE, deadline_s=NOW_S + 30)
    rules = Rules(Registry().fusion(name), {"case-a": policy})
    assert state.add(scores("audio", parts=WITH_VOICE), rules, NOW_S) == []
    (verdict,) = state.add(scores("voice", match(1.0), parts=WITH_VOICE), rules, NOW_S)
    assert (verdict.decision, verdict.reason, verdict.missing) == ("review", "complete", [])


def test_a_post_whose_voice_has_no_scores_yet_is_not_complete() -> None:
    state = PostState(post=post_ref(), parts=WITH_VOICE, deadline_s=NOW_S + 30)
    state.add(scores("audio", parts=WITH_VOICE), Rules(Registry().fusion(), {}), NOW_S)
    assert state.missing() == ["voice"]


def test_the_same_voice_matches_and_another_scores_low() -> None:
    (found, *others) = index(case("a", reference(1, "r1")), case("b", reference(2, "r2"))).search(described_voice(1))
    assert (found.case_id, found.score > 0.8) == ("a", True)
    assert all(other.score < 0.5 for other in others)


def test_a_benign_voice_suppresses_no_match() -> None:
    found = index(case("a", reference(1, "r1")), case("b", reference(1, "r2"), benign=True)).search(described_voice(1))
    assert [(one.case_id, one.score > 0.8) for one in found] == [("a", True)]


def test_a_case_never_lacks_voice_descriptors() -> None:
    choice = Choice(visual="v@1", audio="a@1", text="t@1", fusion="f@1")
    assert coverage_gaps([case("a", reference(1, "r1"))], choice) == []


async def test_voices_are_described_only_if_enabled() -> None:
    assert await VoiceDescriber(load_settings(voice=False), Registry()).describe(sounds()) == []


@needs_weights
async def test_only_a_counted_voice_is_described() -> None:
    describer = VoiceDescriber(load_settings(voice=True), Registry())
    (output,) = await describer.describe(sounds())
    assert (output.topic, output.key) == ("descriptors", "p1/0/voice")
    assert isinstance(output.message, Descriptors)
    assert (output.message.vectors.rows, output.message.vectors.columns) == (0, DIMENSIONS)
    without_voice = msgspec.structs.replace(WITH_VOICE, voice=0)
    assert await describer.describe(sounds(without_voice)) == []
    with pytest.raises(UnprocessableError, match="8000 Hz"):
        describe_sound("voice", Registry().voice(), sounds(rate_hz=16000))
