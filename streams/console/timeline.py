"""Two timelines of a match, query above and reference below, as inline SVG without styles of its own."""

from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup, escape

_WIDTH, _LEFT, _TOP, _BAR, _GAP = 640.0, 4.0, 4.0, 18.0, 34.0
_MAX_STRETCHES = 24
"""Drawn of one match; the text names the number of all."""


class Stretch(NamedTuple):
    """One matched stretch, positions in seconds."""

    query_start_s: float
    query_end_s: float
    reference_start_s: float
    reference_end_s: float


def timeline(stretches: Sequence[Stretch], title: str) -> Markup:
    """Return the drawing: a bar for each side on one scale of its own, and a band between matched stretches.

    Parameters
    ----------
    title
        The same in words, for those who do not see the drawing.
    """
    drawn = stretches[:_MAX_STRETCHES]
    query_s = max((one.query_end_s for one in drawn), default=0.0) or 1.0
    reference_s = max((one.reference_end_s for one in drawn), default=0.0) or 1.0
    whole_s = max(query_s, reference_s)  # one scale for both, so that a changed speed is seen
    height = 2 * (_TOP + _BAR) + _GAP
    below = _TOP + _BAR + _GAP
    parts = [
        Markup('<svg class="timeline" viewBox="0 0 {} {}" role="img" aria-label="{}">').format(
            _n(_WIDTH + 2 * _LEFT), _n(height), title
        ),
        _rect("track", 0, query_s / whole_s, _TOP),
        _rect("track", 0, reference_s / whole_s, below),
    ]
    parts += [_band(one, whole_s, below) for one in drawn]
    parts += [_rect("match", one.query_start_s / whole_s, one.query_end_s / whole_s, _TOP) for one in drawn]
    parts += [_rect("match", one.reference_start_s / whole_s, one.reference_end_s / whole_s, below) for one in drawn]
    return Markup("").join([*parts, Markup("</svg>")])


def _rect(kind: str, start: float, end: float, top: float) -> Markup:
    width = max(2.0, (end - start) * _WIDTH)
    place = (_n(_LEFT + start * _WIDTH), _n(top), _n(width), _n(_BAR))
    return Markup('<rect class="{}" x="{}" y="{}" width="{}" height="{}"/>').format(kind, *place)


def _band(one: Stretch, whole_s: float, below: float) -> Markup:
    corners = (
        (one.query_start_s, _TOP + _BAR),
        (one.query_end_s, _TOP + _BAR),
        (one.reference_end_s, below),
        (one.reference_start_s, below),
    )
    points = " ".join(f"{_n(_LEFT + at_s / whole_s * _WIDTH)},{_n(y)}" for at_s, y in corners)
    return Markup('<polygon class="band" points="{}"/>').format(escape(points))


def _n(value: float) -> str:
    return f"{value:.1f}"
