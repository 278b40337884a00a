"""`jikimi evidence`: gather a history, write its pack, and say what is in it."""

import asyncio
from pathlib import Path
from typing import NamedTuple

from schemas.messages import Filer
from streams.audit.checkpoints import anchor_line
from streams.audit.last_checkpoint import last_checkpoint
from streams.audit.signing import load_key
from streams.delivery.evidence.context import Source
from streams.delivery.evidence.gather import gather
from streams.delivery.evidence.history import CaseHistory
from streams.delivery.evidence.moments import Clock
from streams.delivery.evidence.pack import Written, write_pack
from streams.delivery.evidence.words import Language
from streams.delivery.platforms.registry import load_registry
from streams.settings import Settings


class PackRequest(NamedTuple):
    """What `jikimi evidence` was asked for."""

    identifier: str
    """Case or takedown."""
    out: Path
    languages: tuple[Language, ...]
    thumbnails: bool
    zone: str
    pdf_posts: int


def make_pack(settings: Settings, request: PackRequest) -> Written:
    """Write the pack of a case or a takedown.

    Raises
    ------
    UsageError
        A setting is wrong, the broker does not answer, or no takedown has this id.
    """
    key, clock = load_key(settings.audit.key_file), Clock(request.zone)
    registry = load_registry(settings.delivery.platforms)
    history = CaseHistory(request.identifier, thumbnails=request.thumbnails)
    try:
        facts = asyncio.run(gather(settings, history))
        source = Source(facts, history, registry, _filer(settings), clock, request.thumbnails, _anchor(settings))
        return write_pack(request.out, source, key, request.languages, pdf_posts=request.pdf_posts)
    finally:
        history.close()


def _anchor(settings: Settings) -> str:
    last = last_checkpoint(settings)
    return anchor_line(last) if last is not None else ""


def _filer(settings: Settings) -> Filer:
    filer = settings.filer
    return Filer(
        body=filer.body, role=filer.role, email=filer.email, phone=filer.phone, address=filer.address,
        authority=filer.authority,
    )  # fmt: skip
