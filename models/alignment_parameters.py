"""Parameters of alignment, for frames and for sounds: how similarity becomes evidence, and what a run of times is."""

from dataclasses import dataclass


@dataclass(frozen=True)
class AlignmentParameters:
    """Parameters that map similarities to evidence and define a run; see ops/bench/alignment_calibration.py."""

    floor: float
    """Least similarity of a pair that votes for lines."""
    even: float
    """Similarity equally likely on a copy and by chance: above it a time is evidence for a copy, below it against."""
    nats: float
    """Evidence per unit of similarity."""
    most: float
    """Most evidence for a copy from one independent time, nats."""
    miss: float
    """Most evidence against a copy from one independent time, nats."""
    tolerance_s: float
    """Largest distance of a pair from the line, in reference time."""
    independent_s: float
    """Distance of query times from which each counts in full."""
    changed: float
    """A time that differs nowhere by this much from the one before shows a still scene, and counts in part."""
    min_pairs: int
    """Independent times that must agree for a run to count in full; fewer if one side has fewer."""
    half: float
    """Evidence, nats, that makes a score of one half."""
    contrast: float = 0.0
    """Margin of similarity on the line over off the line for a run to count in full; 0 disables the test."""
    sure: float = 1.0
    """Similarity that chance hardly reaches: above it a time is stronger evidence."""
    sure_nats: float = 0.0
    """Further evidence per unit of similarity above that."""
    still: float = 0.7
    """Similarity from which a run counts without that margin: a still scene is similar everywhere."""
    around_s: float = 2.5
    """Reference time on either side of the line that does not count as off it."""
    rival: float = 1.0
    """Similarity from which a query row counts only for the case whose reference it resembles most."""
    max_speed: float = 2.0
    """Speeds from 1 / max_speed to max_speed are tried."""
    window_s: float = 0.0
    """Duration that a descriptor covers, centred on its time; 0 for a single moment."""
    backwards: bool = False
    """Whether a query is also read backwards if it is not clearly a copy forwards."""


VISUAL = AlignmentParameters(
    floor=0.25,
    even=0.30,
    nats=25.0,
    most=30.0,
    miss=3.0,
    tolerance_s=0.75,
    independent_s=1.0,
    changed=0.15,
    min_pairs=3,
    half=8.0,
    contrast=0.06,
    rival=0.45,
    sure=0.8,
    sure_nats=60.0,
    backwards=True,
)
"""For frames one to ten seconds apart against frames a second apart."""
AUDIO = AlignmentParameters(
    floor=0.25,
    even=0.25,
    nats=14.0,
    most=40.0,
    miss=0.5,
    tolerance_s=0.3,
    independent_s=1.5,
    changed=0.0,
    min_pairs=2,
    half=8.0,
    max_speed=1.25,
    sure=0.75,
    sure_nats=120.0,
    window_s=2.67,
)
"""For windows of 2.67 s, a post's each half a second and a reference's each quarter, timed by their middles.

They match at no greater change of speed. Similarities are relative, see models/audio/likeness.py. Like words of one
voice hardly exceed 0.85, while most windows of a copy do: from 0.75 on evidence grows faster.
"""
