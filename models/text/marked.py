"""Marks before forms that are other evidence than the same letters as a whole word; no letter is one."""

MAX_WORDS = 5
"""Most words of a term."""
MAX_CHARACTERS = 64

INNER = "<"
"""Found within a longer word, tag or handle."""
EXACT = "="
"""A Hangul word with nothing or only particles behind it."""
REVERSED = ","
"""Words around a comma, those behind it first."""
SHORT = "~"
"""A short skeleton, which is weak evidence and must differ from the plain word."""
AFFIX_LEAST = 6
"""Least letters of a term that is also found where words are joined without a boundary."""

MIN_SKELETON, STRONG_SKELETON = 4, 5


def marked_skeleton(skeleton: str) -> str:
    """Return a skeleton as a form: with a prefix if short, empty if too short."""
    if len(skeleton) >= STRONG_SKELETON:
        return skeleton
    return SHORT + skeleton if len(skeleton) >= MIN_SKELETON else ""
