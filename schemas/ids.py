"""Ids of records, which are pure functions of their parts so that a repeat overwrites itself, and names of models."""

import uuid

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "urn:jikimi")


def record_id(kind: str, *parts: object) -> str:
    """Return the uuid5 of a kind and its parts; different parts never give the same name."""
    name = "\x1f".join(f"{len(text)}:{text}" for text in (kind, *map(str, parts)))
    return str(uuid.uuid5(_NAMESPACE, name))


def full_name(name: str, version: str) -> str:
    """Return a model's name and version, as in settings, runs and deployments: name@version."""
    return f"{name}@{version}"
