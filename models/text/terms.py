"""Keyed digests of names, handles and titles, so that posts are searched for a term that downstream cannot read.

HMAC-SHA-256 cut to 16 bytes. Without the key a digest cannot be guessed from a list of names; with it it can, so the
key stays in the deployment and is never sent. A text's digests are those of all its forms. A term's digests also
contain, in the clear, the strength of each form, the group of each term, and a mark if the term is a common word; see
forms.py and chance.py.
"""

import hashlib
import hmac
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from models.text import hangul
from models.text.forms import Strength, chance_of_term, term_forms, words_of
from models.text.marked import MAX_CHARACTERS, MAX_WORDS
from models.text.parts import is_unspaced
from models.text.running_text import text_forms

DIGEST_BYTES = 16
_GROUP_BYTES = 4
_GROUP = slice(DIGEST_BYTES + 1, DIGEST_BYTES + 1 + _GROUP_BYTES)
_COMMON = b"c"
"""Behind each digest of a term that is a common word; earlier versions read it as part of the group."""
_MIN_SYLLABLES = 2
_MIN_OTHER = 3


class Named(NamedTuple):
    """Number of terms that a text names."""

    surely: int
    """By a strong form."""
    perhaps: int
    """Only by a weak form: an abbreviation, or a form that other words share."""
    commonly: int = 0
    """A term that is itself a common word: less than `perhaps`."""


def term_digests(term: str, key: bytes) -> set[bytes]:
    """Return the digests of the forms of one term: a name, a handle, or a title of at most five words.

    Each is 16 bytes of digest, one of strength, four that the digests of one term have in common, and one more if the
    term is a common word.

    Raises
    ------
    ValueError
        If the term is too short, too long or has too many words to be searched.
    """
    words = words_of(term)
    plain = "".join(word.plain for word in words)
    least = _MIN_SYLLABLES if hangul.SYLLABLES.search(plain) or is_unspaced(plain) else _MIN_OTHER
    if len(plain) < least:
        raise ValueError(f"a term needs at least {least} letters or digits: shorter ones are found everywhere")
    if len(words) > MAX_WORDS or len(plain) > MAX_CHARACTERS:
        raise ValueError(f"a term has at most {MAX_WORDS} words and {MAX_CHARACTERS} letters")
    group = _digest(plain, key)[:_GROUP_BYTES]
    group += _COMMON if chance_of_term(term).is_common else b""
    return {_digest(form, key) + bytes([strength]) + group for form, strength in term_forms(term).items()}


def digests(text: str, key: bytes) -> set[bytes]:
    """Return the digests of every form found in running text, 16 bytes each."""
    return {_digest(form, key) for form in text_forms(text)}


def bare(digest: bytes) -> bytes:
    """Return the part of a term's digest that is compared with a text's digests."""
    return digest[:DIGEST_BYTES]


def named(terms: Iterable[bytes], found: Iterable[bytes]) -> Named:
    """Return how many terms are among the digests of a text.

    Parameters
    ----------
    terms
        Digests of one or more terms from `term_digests`; one of 16 bytes or less is a strong form of a separate term.
    found
        Digests of a text from `digests`.
    """
    texts = found if isinstance(found, AbstractSet) else frozenset(found)
    hits = [digest for digest in terms if bare(digest) in texts]
    sure = {_group(digest) for digest in hits if digest[DIGEST_BYTES : DIGEST_BYTES + 1] != bytes([Strength.WEAK])}
    common = {_group(digest) for digest in hits if digest[_GROUP.stop :] == _COMMON} - sure
    return Named(len(sure), len({_group(digest) for digest in hits} - sure - common), len(common))


def n_terms(terms: Iterable[bytes]) -> int:
    """Return the number of terms in these digests."""
    return len({_group(digest) for digest in terms})


def _group(digest: bytes) -> bytes:
    return digest[_GROUP] or digest


def _digest(form: str, key: bytes) -> bytes:
    return hmac.digest(key, form.encode(), hashlib.sha256)[:DIGEST_BYTES]
