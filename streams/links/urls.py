"""Addresses that others wrote, taken apart and joined; Python's own functions raise for malformed ones."""

from urllib.parse import SplitResult, urljoin, urlsplit

_NONE = SplitResult("", "", "", "", "")


def parts_of(url: str) -> SplitResult:
    """Return the parts of an address, all empty if it is malformed, as http://[ is; its `port` may raise even so."""
    try:
        return urlsplit(url)
    except ValueError:
        return _NONE


def joined(base: str, reference: str) -> str:
    """Return the address that a reference in a document at `base` leads to, empty if either is malformed."""
    try:
        return urljoin(base, reference)
    except ValueError:
        return ""
