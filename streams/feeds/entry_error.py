"""Error of an entry that cannot become a post or a removal."""


class EntryError(ValueError):
    """The JSON lacks a required part of a post; the message explains the reason to a person."""
