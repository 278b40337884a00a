"""Recorded traffic made of random vectors."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from ops.broker.raw import CODEC, Fed
from schemas.ids import record_id
from schemas.matrix import pack
from schemas.messages import Case, Descriptors, Modality, Parts, Policy, PostRef, Reference, Segment

type Vectors = npt.NDArray[np.float32]

DAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=3)
"""Day of the recorded traffic; recent, because retention would delete older records at once."""
ONE_EACH = Parts(visual=1, audio=1, text=1)
TERM = b"t" * 16
MODEL = {"visual": "sscd-distilled@0.1.0", "audio": "neural-fingerprint@1", "text": "use-multilingual@3"}
_STEP_S: dict[Modality, float] = {"visual": 1.0, "audio": 0.25, "text": 0.0}
_ROWS: dict[Modality, int] = {"visual": 8, "audio": 40, "text": 1}


class VectorGenerator:
    """Random vectors, and copies of a given cosine with their original."""

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)

    def original(self, modality: Modality) -> Vectors:
        """Return new vectors, similar to no others."""
        columns = {"visual": 512, "audio": 192, "text": 512}[modality]
        return _normed(self._random.normal(size=(_ROWS[modality], columns)))

    def copy(self, original: Vectors, cosine: float) -> Vectors:
        """Return vectors with about this cosine to the original's."""
        noise = _normed(self._random.normal(size=original.shape))
        return _normed(cosine * original + np.sqrt(1 - cosine**2) * noise)


def _normed(rows: npt.NDArray[Any]) -> Vectors:
    normed: Vectors = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return normed


def post_ref(post_id: str, at: datetime) -> PostRef:
    """Return a post published and seen at this time."""
    return PostRef(post_id=post_id, platform="made", url=f"https://made.example/{post_id}", published_at=at, seen_at=at)


def described(
    post: PostRef, modality: Modality, rows: Vectors, *, digests: list[bytes] | None = None, parts: Parts = ONE_EACH
) -> Descriptors:
    """Return the descriptors of a post's only segment."""
    name, version = MODEL[modality].split("@")
    return Descriptors(
        descriptor_id=record_id("made", post.post_id, modality),
        segment=Segment(post=post, parts=parts, segment=0, medium=0, start_s=0.0, duration_s=10.0),
        modality=modality,
        model=name,
        version=version,
        vectors=pack(rows),
        times_s=[index * _STEP_S[modality] for index in range(len(rows))],
        digests=digests or [],
    )


def case_entries(case_id: str, originals: dict[Modality, Vectors]) -> list[Fed]:
    """Return the entries of a case with these references, which acts at 0.95 and reviews at 0.5."""
    case = Case(case_id=case_id, name="made", opened_at=DAY)
    policy = Policy(act=0.95, review=0.5, version="act=0.95,review=0.5")
    entries = [(case_id, msgspec.structs.replace(case, policy=policy))]
    for modality, rows in originals.items():
        name, version = MODEL[modality].split("@")
        reference = Reference(
            reference_id="r1",
            segment=0,
            modality=modality,
            model=name,
            version=version,
            start_s=0.0,
            duration_s=10.0,
            vectors=pack(rows),
            times_s=[index * _STEP_S[modality] for index in range(len(rows))],
            digests=[TERM] if modality == "text" else [],
        )
        key = f"{case_id}/r1/{modality}/0/{MODEL[modality]}"
        entries.append((key, msgspec.structs.replace(case, reference=reference)))
    return [Fed("cases", key, CODEC.encode("cases", entry), DAY) for key, entry in entries]


def traffic(n_posts: int, seed: int = 1) -> list[Fed]:
    """Return two cases and a day of descriptors: three of four posts match no case, some lack descriptors.

    The fourth is a copy of random quality in one, two or three modalities, so that every decision occurs.
    """
    generator = VectorGenerator(seed)
    random = np.random.default_rng(seed)
    originals: dict[Modality, Vectors] = {m: generator.original(m) for m in ("visual", "audio", "text")}
    records = case_entries("case-a", originals) + case_entries("case-b", {"visual": generator.original("visual")})
    for number in range(n_posts):
        at = DAY + timedelta(seconds=86_400 * number / n_posts)
        post = post_ref(f"post-{number}", at)
        for index, modality in enumerate(originals):
            if number % 9 == 3 and modality == "text":
                continue  # missing, so the deadline closes this post
            copied = number % 4 == 0 and bool(number // 4 % 7 + 1 >> index & 1)
            rows = (
                generator.copy(originals[modality], random.uniform(0.4, 0.95))
                if copied
                else generator.original(modality)
            )
            digests = [TERM] if copied and modality == "text" else []
            message = described(post, modality, rows, digests=digests)
            lag = timedelta(seconds=float(random.uniform(0, 20)))
            value = CODEC.encode("descriptors", message)
            records.append(Fed("descriptors", f"{post.post_id}/0/{modality}", value, at + lag))
    return sorted(records, key=lambda record: record.at)
