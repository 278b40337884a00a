"""`jikimi case add` and `allow`: a case opened from the victim's own files."""

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import msgspec

from schemas.messages import Case, Policy, Reference
from streams.audit.acts import write_act
from streams.cases.entries import case_key, reference_key
from streams.cases.policy import policy_version
from streams.describe.reference_ids import digest_of, reference_id_of
from streams.describe.reference_maker import digest_terms
from streams.desk.case_files import check_files, concerns_of_files, describe_new, each_once
from streams.desk.concerns import name_concerns, term_concerns
from streams.desk.new_case import Ask, NewCase, OpenedCase, Preview, Progress
from streams.errors import UsageError
from streams.kafka.producer import writing
from streams.sealing.case_key import new_case_key
from streams.sealing.keyring import Keyring
from streams.settings import Settings


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
