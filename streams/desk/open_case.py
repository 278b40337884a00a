"""`jikimi case add` and `allow`: a case opened from the victim's own files."""

import asyncio
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import msgspec

from schemas.messages import Case, CaseKind, Policy, Reference
from schemas.topics import TOPICS
from streams.audit.acts import write_act
from streams.cases.entries import case_key, read_keys, reference_key
from streams.cases.policy import policy_version
from streams.decode.decoder import Decoder
from streams.decode.media.decoded import DecodedSegment, MediaInfo
from streams.describe.describers import Describers
from streams.describe.exact import exact_key
from streams.describe.reference_ids import digest_of, reference_id_of
from streams.describe.reference_maker import ReferenceMaker, check_readable, digest_terms
from streams.desk.concerns import Concern, FileMeasures, file_concerns, name_concerns, term_concerns
from streams.errors import UsageError
from streams.kafka.producer import writing
from streams.live_models.deployments import read_history
from streams.live_models.selection import create_registry, default_choice
from streams.sealing.case_key import new_case_key
from streams.sealing.keyring import Keyring
from streams.settings import Settings

_LINK = re.compile(r"(https?|ftp|s3|file):/+", re.IGNORECASE)

type Progress = Callable[[str, float, float], None]
"""Called with what is under way, the part that is done, and the whole; 0 if that is unknown."""
type Ask = Callable[[Sequence[Concern]], None]
"""Called with the concerns about the case; raises to stop it."""
type Preview = Callable[[Sequence[Reference]], None]
"""Called with what would be written, before the last question."""


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
    kind: CaseKind = "shared_without_consent"
    minor: bool = False
    authority: str = ""
    """Reference of the authority's file, for notices."""
    approve: bool = False
    """Whether a person approves each notice."""
    four_eyes: bool = False
    """Whether its takedowns are held until a second person has confirmed it."""
    opened_by: str = ""
    """Account of the person; empty for a program, whose case is no person's act."""
    why: str = ""
    """The reason, for the log of acts."""


class OpenedCase(NamedTuple):
    """Case that was written."""

    case_id: str
    name: str
    opened_at: datetime
    files: Mapping[str, str]
    """Names of the files that were added, by reference id."""


def add_case(settings: Settings, new: NewCase) -> str:
    """Open a case for a program, which no concern stops, and return its id; raises as `open_case` does.

    No act is recorded and no second person is needed: workers with JIKIMI_FOUR_EYES, the default, hold its takedowns.
    """
    return open_case(settings, new).case_id


def open_case(
    settings: Settings,
    new: NewCase,
    progress: Progress = lambda *_: None,
    ask: Ask = lambda _: None,
    preview: Preview = lambda _: None,
) -> OpenedCase:
    """Describe the references on this machine and write the case's entries.

    Raises
    ------
    UsageError
        No name, no reference, term or phrase, an unreadable file, a term too short, or no broker. Nothing was written
        then, nor if `ask` raises.
    """
    _check(new)
    case_id = new.case_id or f"{'allow' if new.benign else 'case'}-{secrets.token_hex(8)}"
    term_digests = digest_terms(new.terms, settings.required_term_key()) if new.terms else []
    data_key = b"" if new.benign else new_case_key(Keyring(settings.sealing), case_id)
    digests = {file: digest_of(file) for file in new.references}
    of_words = [*name_concerns(new.name, new.terms), *term_concerns(new.terms)]
    ask([*of_words, *concerns_of_files(settings, new, digests)])
    once = each_once(digests)
    new = replace(new, references=once)
    pieces, concerns = asyncio.run(describe_new(settings, case_id, new, term_digests, progress))
    preview(pieces)
    ask([concern for concern in concerns if concern.is_severe or not new.benign])
    case = Case(
        case_id=case_id,
        name=new.name,
        opened_at=datetime.now(UTC),
        benign=new.benign,
        kind=new.kind,
        minor=new.minor,
        authority=new.authority,
        opened_by=new.opened_by,
    )
    _write(settings, case, pieces, new, data_key)
    names = {reference_id_of(case_id, digests[file]): file.name for file in once}
    return OpenedCase(case_id, case.name, case.opened_at, names)


def _check(new: NewCase) -> None:
    if not new.name.strip():
        raise UsageError("the name is empty: give the case a pseudonym, --name PSEUDONYM")
    if not (new.references or new.terms or new.phrases):
        raise UsageError("a case needs a reference, a term or a phrase: --reference FILE, --term NAME or --phrase TEXT")
    if new.benign and (new.terms or new.phrases):
        raise UsageError("an allow-list takes pictures and sounds only, no terms or phrases")
    check_files(new.references)


def check_files(files: Sequence[Path]) -> None:
    """Return if these are files that can be read.

    Raises
    ------
    UsageError
        One is a link or cannot be read.
    """
    for file in files:
        if _LINK.match(str(file)):
            raise UsageError(
                f"{file} is a link: save the video itself first, as with `curl -fLo copy.mp4 LINK`, and give the file"
            )
        check_readable(file)


def each_once(digests: Mapping[Path, str]) -> list[Path]:
    """Return the first file of each digest, in their order."""
    return list({digest: file for file, digest in reversed([*digests.items()])}.values())[::-1]


def concerns_of_files(settings: Settings, new: NewCase, digests: Mapping[Path, str]) -> list[Concern]:
    """Return which files are given twice or belong to other cases; a program's case id may be open already."""
    if not digests:
        return []
    others: dict[str, set[str]] = {}
    for key in asyncio.run(read_keys(settings)):
        case_id, _, piece = key.partition("/")
        if case_id != new.case_id and piece:
            others.setdefault(case_id, set()).add(piece.partition("/")[0])
    return file_concerns(new.references, digests, others)


def _write(settings: Settings, case: Case, pieces: Sequence[Reference], new: NewCase, data_key: bytes) -> None:
    version = policy_version(settings.act, settings.review, approve=new.approve)
    policy = Policy(
        act=settings.act, review=settings.review, version=version, approve=new.approve, four_eyes=new.four_eyes
    )
    with writing(settings) as writer:
        if new.opened_by:
            detail = f"{len(new.references)} files, {len(new.terms)} terms, {len(new.phrases)} phrases"
            write_act(writer, "allow" if case.benign else "open", case.case_id, new.opened_by, new.why, detail)
        # The policy first: a worker that has a reference of the case then has the policy for its matches. An allow-list
        # has none, because its matches have no verdict.
        if not case.benign:
            writer.write(
                "cases", case_key(case.case_id), msgspec.structs.replace(case, policy=policy, data_key=data_key)
            )
        for piece in pieces:
            writer.write("cases", reference_key(case.case_id, piece), msgspec.structs.replace(case, reference=piece))


async def describe_new(
    settings: Settings, case_id: str, new: NewCase, term_digests: Sequence[bytes], progress: Progress
) -> tuple[list[Reference], list[Concern]]:
    """Return the pieces of a case's files, terms and phrases by the models of the archive, and what is odd about them.

    Raises
    ------
    UsageError
        A file cannot be read, or the broker does not answer.
    ModelError
        A live model is not available.
    """
    registry = create_registry(settings)
    history = await read_history(settings, default_choice(registry, settings))
    # Described by the choices that described the posts in the archive, which a new case still finds.
    choices = history.live_since(datetime.now(UTC) - timedelta(hours=TOPICS["descriptors"].retention_hours))
    progress("loading the models", 0.0, 0.0)
    describers = await asyncio.to_thread(Describers.of, registry, choices, voice=settings.voice)
    maker = ReferenceMaker(describers, exact_key(settings))
    pieces, concerns = await describe_files(settings, maker, case_id, new.references, progress)
    if term_digests or new.phrases:
        pieces += maker.terms(term_digests, new.phrases)
    return pieces, concerns


async def describe_files(
    settings: Settings, maker: ReferenceMaker, case_id: str, files: Sequence[Path], progress: Progress = lambda *_: None
) -> tuple[list[Reference], list[Concern]]:
    """Return the pieces of all files in write order, and what is odd about the files.

    A file's first piece is last, as the mark that it is complete.
    """
    pieces: list[Reference] = []
    concerns: list[Concern] = []
    async with Decoder(settings.media) as decoder:
        for file in files:
            measures = FileMeasures(file)

            def on_segment(
                info: MediaInfo, segment: DecodedSegment, file: Path = file, measures: FileMeasures = measures
            ) -> None:
                measures.add(info, segment)
                progress(f"describing {file.name}", segment.start_s, info.duration_s)

            pieces += reversed(await maker.describe(case_id, file, decoder, on_segment))
            concerns += measures.concerns()
    return pieces, concerns
