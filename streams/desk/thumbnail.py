"""One thumbnail of a verdict, blurred as it is stored, read from the verdict's record and unsealed on this machine."""

from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import timedelta

from schemas.codec import Codec, WireError
from schemas.messages import Case, Evidence, Verdict
from streams.errors import UsageError
from streams.kafka.clients import create_codec
from streams.kafka.topic_scan import ScannedRecord, TopicScan
from streams.kafka.usage_errors import usage_errors
from streams.sealing.case_key import CaseSeal, Scene, is_sealed_for_case
from streams.sealing.keyring import Keyring
from streams.settings import Settings

_CLOCKS = timedelta(minutes=5)
"""Most by which the clocks of a worker and of the broker may differ."""


def read_thumbnail(settings: Settings, verdict: Verdict, number: int, entries: Iterable[Case]) -> bytes | None:
    """Return the JPEG of a piece of evidence, None if it has none or does not unseal.

    Parameters
    ----------
    verdict
        Verdict, without its pictures.
    number
        Of the piece in its evidence, from 0.
    entries
        Entries of its case: one of them holds the key.

    Raises
    ------
    UsageError
        The verdict is no longer retained, the keys cannot be read, or the broker does not answer.
    """
    with usage_errors(settings), closing(TopicScan(settings, "verdicts")) as scan:
        records = scan.records(verdict.decided_at - _CLOCKS, partition_of_key=verdict.post.post_id.encode())
        whole = next(_found(create_codec(settings), records, verdict), None)
    if whole is None:
        raise UsageError("the verdict is no longer retained, and its pictures are gone with it")
    evidence = whole.evidence[number] if number < len(whole.evidence) else None
    return _unsealed(settings, whole, evidence, entries) if evidence is not None else None


def _found(codec: Codec, records: Iterable[ScannedRecord], wanted: Verdict) -> Iterator[Verdict]:
    for record in records:
        if record.key != wanted.post.post_id.encode():
            continue
        try:
            verdict = codec.decode("verdicts", record.value or b"")
        except WireError:
            continue
        if isinstance(verdict, Verdict) and verdict.verdict_id == wanted.verdict_id:
            yield verdict


def _unsealed(settings: Settings, verdict: Verdict, evidence: Evidence, entries: Iterable[Case]) -> bytes | None:
    sealed, key = evidence.thumbnail, next((entry.data_key for entry in entries if entry.data_key), b"")
    if sealed is None or not is_sealed_for_case(sealed):
        return sealed
    seal = CaseSeal(Keyring(settings.sealing.model_copy(update={"create": False})))
    return seal.unseal(key, sealed, Scene(verdict.case_id or "", verdict.post.post_id, evidence.medium))
