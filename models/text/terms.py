"""Keyed digests of names, handles and titles, so that posts are searched for a term nobody downstream can read.

HMAC-SHA-256 cut to 16 bytes. Without the key a digest cannot be guessed back from a list of names; with it it can, so
the key belongs to the deployment, not to the wire.
"""

import hashlib
import hmac
import re
import unicodedata

DIGEST_BYTES = 16
MAX_TOKENS_PER_TERM = 5
_MAX_TOKENS = 2000
"""Of one running text; the rest is not searched. A caption has some hundred."""
_MAX_FORM_CHARACTERS = 64
_MIN_HANGUL = 2
_MIN_OTHER = 3

_HANGUL = re.compile(r"[가-힣]+")
_INVISIBLE = frozenset({"Cf", "Mn", "Cc"})


def term_digests(term: str, key: bytes) -> set[bytes]:
    """Return the digests of one term: a name, a handle, a title of at most five words.

    Raises
    ------
    ValueError
        If the term is too short, too long or has too many words to be looked for.
    """
    tokens = normal_tokens(term)
    form = "".join(tokens)
    least = _MIN_HANGUL if _HANGUL.search(form) else _MIN_OTHER
    if len(form) < least:
        raise ValueError(f"a term needs at least {least} letters or digits: shorter ones are found everywhere")
    if len(tokens) > MAX_TOKENS_PER_TERM or len(form) > _MAX_FORM_CHARACTERS:
        raise ValueError(f"a term has at most {MAX_TOKENS_PER_TERM} words and {_MAX_FORM_CHARACTERS} letters")
    return {_digest(form, key)}


def digests(text: str, key: bytes) -> set[bytes]:
    """Return the digests of every form found in running text; a post names a term when the two sets intersect.

    One to five words in a row, written together: spacing is often wrong or dropped on purpose. The last word of a form
    also counts without its ending if it is Hangul, for particles are glued to it: 민지가 contains 민지.
    """
    tokens = normal_tokens(text)[:_MAX_TOKENS]
    forms: set[str] = set()
    for first in range(len(tokens)):
        head = ""
        for last in tokens[first : first + MAX_TOKENS_PER_TERM]:
            forms.update(head + ending for ending in _stems(last))
            head += last
            if len(head) >= _MAX_FORM_CHARACTERS:
                break
    return {_digest(form, key) for form in forms if _MIN_HANGUL <= len(form) <= _MAX_FORM_CHARACTERS}


def normal_tokens(text: str) -> list[str]:
    """Return the words of a text in normal form: compatibility forms and case folded, marks and punctuation gone.

    Invisible characters are removed, so that they cannot split a word; punctuation inside a word too: hidden_cam,
    hidden.cam and hiddencam are one.
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    words = ("".join(filter(str.isalnum, word)) for word in _visible(folded).split())
    return [word for word in words if word]


def _visible(text: str) -> str:
    return "".join(letter for letter in text if letter.isspace() or unicodedata.category(letter) not in _INVISIBLE)


def _stems(token: str) -> list[str]:
    """Return a token and, if Hangul, its beginnings of two syllables or more."""
    stems = [token]
    if _HANGUL.fullmatch(token):
        stems += [token[:length] for length in range(_MIN_HANGUL, min(len(token), _MAX_FORM_CHARACTERS))]
    return stems


def _digest(form: str, key: bytes) -> bytes:
    return hmac.digest(key, form.encode(), hashlib.sha256)[:DIGEST_BYTES]
