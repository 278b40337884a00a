"""`jikimi case add` and `allow`: a case opened from the victim's own files."""

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from schemas.messages import Case, Policy, Reference
from schemas.topics import TOPICS
from streams.cases.entries import case_key, reference_key
from streams.cases.policy import policy_version
from streams.decode.decoder import Decoder
from streams.describe.reference_maker import Describers, ReferenceMaker, check_readable, digest_terms
from streams.errors import UsageError
from streams.kafka.producer import writing
from streams.live_models.deployments import read_history
from streams.live_models.selection import create_registry, default_choice
from streams.settings import Settings


@dataclass(frozen=True, slots=True)
class NewCase:
    """Case as the officer opens it."""

    name: str
    references: Sequence[Path]
    terms: Sequence[str] = ()
    phrases: Sequence[str] = ()
    case_id: str | None = None
    """Random by default, so it reveals nothing."""
    benign: bool = False
    """Whether it is an allow-list: its files are allowed wherever they are found."""


def add_case(settings: Settings, new: NewCase) -> str:
    """Describe the references on this machine, write the case's entries, and return its id.

    Raises
    ------
    UsageError
        No reference, term or phrase, an unreadable file, a term too short, or no broker. Nothing was written then.
    """
    if not (new.references or new.terms or new.phrases):
        raise UsageError("a case needs a reference, a term or a phrase: --reference FILE, --term NAME or --phrase TEXT")
    if new.benign and (new.terms or new.phrases):
        raise UsageError("an allow-list takes pictures and sounds only, no terms or phrases")
    for file in new.references:
        check_readable(file)
    case_id = new.case_id or f"{'allow' if new.benign else 'case'}-{secrets.token_hex(8)}"
    digests = digest_terms(new.terms, settings.required_term_key()) if new.terms else []
    pieces = asyncio.run(_describe(settings, case_id, new, digests))
    case = Case(case_id=case_id, name=new.name, opened_at=datetime.now(UTC), benign=new.benign)
    version = policy_version(settings.act, settings.review)
    policy = Policy(act=settings.act, review=settings.review, version=version)
    with writing(settings) as writer:
        # The policy first: a worker that has a reference of the case then has the policy for its matches. An allow-list
        # has none, because its matches have no verdict.
        if not new.benign:
            writer.write("cases", case_key(case_id), msgspec.structs.replace(case, policy=policy))
        for piece in pieces:
            writer.write("cases", reference_key(case_id, piece), msgspec.structs.replace(case, reference=piece))
    return case_id


async def _describe(settings: Settings, case_id: str, new: NewCase, digests: Sequence[bytes]) -> list[Reference]:
    registry = create_registry(settings)
    history = await read_history(settings, default_choice(registry, settings))
    # Described by the choices that described the posts in the archive, which a new case still finds.
    choices = history.live_since(datetime.now(UTC) - timedelta(hours=TOPICS["descriptors"].retention_hours))
    maker = ReferenceMaker(await asyncio.to_thread(Describers.of, registry, choices, voice=settings.voice))
    pieces = await describe_files(settings, maker, case_id, new.references)
    return [*pieces, *maker.terms(digests, new.phrases)] if digests or new.phrases else pieces


async def describe_files(
    settings: Settings, maker: ReferenceMaker, case_id: str, files: Sequence[Path]
) -> list[Reference]:
    """Return the pieces of all files in write order: a file's first piece last, as the mark that it is complete."""
    pieces: list[Reference] = []
    async with Decoder(settings.media) as decoder:
        for file in files:
            pieces += reversed(await maker.describe(case_id, file, decoder))
    return pieces
