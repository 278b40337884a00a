"""Caption of a post from its texts: its own, and those of links, cards and polls."""


def joined(*texts: str) -> str:
    """Return the texts that are not empty, each once, as paragraphs of their own."""
    return "\n\n".join(dict.fromkeys(text for given in texts if (text := given.strip())))
