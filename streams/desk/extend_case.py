"""`jikimi case extend`: references and terms added to an open case."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from schemas.messages import Case, Reference
from streams.audit.acts import write_act
from streams.cases.entries import is_terms, read_case, reference_key, references_of
from streams.cases.reference_reviews import read_reviews
from streams.describe.reference_ids import added_terms, digest_of, reference_id_of
from streams.describe.reference_maker import digest_terms
from streams.desk.case_files import check_files, concerns_of_files, describe_new, each_once
from streams.desk.concerns import Concern, name_concerns, term_concerns
from streams.desk.new_case import Ask, NewCase, OpenedCase, Preview, Progress
from streams.errors import UsageError
from streams.kafka.producer import writing
from streams.settings import Settings


def extend_case(
    settings: Settings,
    new: NewCase,
    progress: Progress = lambda *_: None,
    ask: Ask = lambda _: None,
    preview: Preview = lambda _: None,
) -> OpenedCase:
    """Describe further references, terms and phrases of a case on this machine, and write them.

    Under the four-eyes rule what is found by them alone waits until a second person has confirmed the case again.

    Parameters
    ----------
    new
        The case's id, and what is added to it; the rest is that of the case.

    Raises
    ------
    UsageError
        There is no such case, it is an allow-list, it has these files already, one was withdrawn from it, nothing is
        given, a file is unreadable, a term too short, or the broker does not answer. Nothing was written then, nor if
        `ask` raises.
    """
    case_id = new.case_id or ""
    if not (new.references or new.terms or new.phrases):
        raise UsageError("nothing to add: give --reference FILE, --term NAME or --phrase TEXT")
    check_files(new.references)
    entries = asyncio.run(read_case(settings, case_id))
    term_digests = digest_terms(new.terms, settings.required_term_key()) if new.terms else []
    digests = {file: digest_of(file) for file in new.references}
    _refuse(settings, new, entries, digests)
    own = {file for file in digests if reference_id_of(case_id, digests[file]) in _ids(entries)}
    there = [Concern("already_there", {"file": str(file)}, is_severe=False) for file in digests if file in own]
    named = [*name_concerns(entries[0].name, new.terms), *term_concerns(new.terms)]
    ask([*there, *named, *concerns_of_files(settings, new, digests)])
    once = each_once({file: digest for file, digest in digests.items() if file not in own})
    new = replace(new, references=once)
    pieces, concerns = asyncio.run(describe_new(settings, case_id, new, term_digests, progress))
    added = [*(piece for piece in pieces if not is_terms(piece.reference_id)), *_terms(case_id, pieces)]
    preview(added)
    ask(concerns)
    _write(settings, new, added)
    names = {reference_id_of(case_id, digests[file]): file.name for file in once}
    return OpenedCase(case_id, entries[0].name, entries[0].opened_at, names)


def _ids(entries: Sequence[Case]) -> set[str]:
    return {piece.reference_id for piece in references_of(entries)}


def _terms(case_id: str, pieces: Sequence[Reference]) -> list[Reference]:
    terms = [piece for piece in pieces if is_terms(piece.reference_id)]
    return added_terms(case_id, terms) if terms else []


def _refuse(settings: Settings, new: NewCase, entries: Sequence[Case], digests: Mapping[Path, str]) -> None:
    case_id = entries[0].case_id
    if entries[0].benign:
        raise UsageError(f"{case_id} is an allow-list: open another for further files")
    files = {reference_id_of(case_id, digest) for digest in digests.values()}
    if not (new.terms or new.phrases or files - _ids(entries)):
        raise UsageError(f"nothing to add: give a file that is not a reference of {case_id} yet, a term or a phrase")
    withdrawn = {
        review.reference_id
        for review in asyncio.run(read_reviews(settings)).values()
        if review.case_id == case_id and review.standing == "withdrawn"
    }
    for file, digest in digests.items():
        if reference_id_of(case_id, digest) in withdrawn:
            raise UsageError(f"{file} was withdrawn from {case_id}, because it is not the victim's")


def _write(settings: Settings, new: NewCase, pieces: Sequence[Reference]) -> None:
    """Write the pieces, unless the case was withdrawn while they were described."""
    case_id = new.case_id or ""
    case = msgspec.structs.replace(
        asyncio.run(read_case(settings, case_id))[0], policy=None, reference=None, data_key=b""
    )
    with writing(settings) as writer:
        if new.opened_by:
            detail = f"{len(new.references)} files, {len(new.terms)} terms, {len(new.phrases)} phrases"
            write_act(writer, "extend", case_id, new.opened_by, new.why, detail)
        for piece in pieces:
            writer.write("cases", reference_key(case_id, piece), msgspec.structs.replace(case, reference=piece))
