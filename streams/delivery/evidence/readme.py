"""README.txt of a pack: what is in it and how to verify it without Jikimi."""

from importlib.resources import files


def readme() -> bytes:
    """Return README.txt, in Korean and English."""
    return files(__package__).joinpath("templates", "README.txt").read_bytes()
