"""Landmarks of a segment's sound, as posts and references carry them beside its fingerprints."""

import numpy as np

from models.landmarks.peaks import RATE_HZ, peaks
from models.landmarks.rows import pack_peaks
from schemas.messages import Matrix
from streams.describe.descriptors import SegmentSound


def landmarks_of(sound: SegmentSound, rate_hz: int) -> Matrix | None:
    """Return the landmarks of a segment, from its start on; None of silence, and at another rate than theirs."""
    if rate_hz != RATE_HZ:
        return None
    found = peaks(np.frombuffer(sound.pcm, "<i2")[round(sound.lead_s * rate_hz) :])
    return pack_peaks(found) if len(found) else None
