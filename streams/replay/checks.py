"""Checks before a run writes anything; each error is one line."""

import time
from collections.abc import Iterable

from schemas.codec import Codec, WireError
from schemas.ids import full_name
from schemas.messages import MODALITIES, Case, Choice, Modality, Run
from streams.engine.record import Record
from streams.errors import UsageError
from streams.live_models.selection import difference
from streams.replay.merged_reader import MergedReader
from streams.replay.naming import DESCRIBED, Naming
from streams.replay.span import Span
from streams.settings import Settings

_OTHER_SCHEMA = {"wire_unknown_fingerprint", "wire_unknown_schema_id"}
_FIRST_S, _READ_S = 20.0, 0.5


def check_source(source: str, live: Choice, wanted: Choice) -> set[Modality]:
    """Return the modalities whose model differs from the live one.

    Raises
    ------
    UsageError
        The source is downstream of a changed model.
    """
    changed = {modality for modality in MODALITIES if getattr(live, modality) != getattr(wanted, modality)}
    topics = {modality: topic for topic, modality in DESCRIBED.items()}
    for modality in sorted(changed):
        if source not in {"posts", topics[modality]}:
            start = topics[modality] if len(changed) == 1 else "posts"
            raise UsageError(f"another {modality} model has no effect on records from {source}: use --from {start}")
    return changed


def check_described(entries: Iterable[Case], choice: Choice, changed: set[Modality]) -> None:
    """Raise a UsageError if a changed model has described no open case, so that it could find none."""
    described = {
        (entry.reference.modality, full_name(entry.reference.model, entry.reference.version))
        for entry in entries
        if entry.reference is not None and not entry.benign
    }
    for modality in sorted(changed):
        model = getattr(choice, modality)
        if (modality, model) not in described:
            reference = "--phrase TEXT" if modality == "text" else "--reference FILE"
            raise UsageError(
                f"no open case is described by {model}: "
                f"run `jikimi case describe CASE_ID {reference} --with {modality}={model}` on the desk"
            )


def check_same(stored: Run, requested: Run, *, times: bool) -> None:
    """Raise a UsageError if a run of this id was started with other arguments.

    Parameters
    ----------
    times
        Whether to compare since and until: a duration such as 24h is another time on each call.
    """
    differences = [
        f"{name}: {before} -> {after}"
        for name in ("kind", "source", "share", *(("since", "until") if times else ()))
        if (before := getattr(stored, name)) != (after := getattr(requested, name))
    ]
    differences += difference(stored.choice, requested.choice)
    if differences:
        command = "shadow run" if stored.kind == "shadow" else "replay --run"
        raise UsageError(
            f"{stored.run_id} was started with other arguments ({'; '.join(differences)}): `jikimi {command} "
            f"{stored.run_id}` without other arguments continues it, `jikimi replay clean {stored.run_id}` deletes it"
        )


def check_readable(settings: Settings, naming: Naming, codec: Codec, span: Span) -> None:
    """Raise a UsageError if the first record of a partition has a schema that this version lacks.

    A broken record is one dead letter; after a change of schema every record would be one.
    """
    firsts = {partition: min(start + 1, span.ends[partition]) for partition, start in span.starts.items()}
    reader = MergedReader(settings, naming.group, span.starts, firsts)
    deadline_s = time.monotonic() + _FIRST_S
    try:
        while not reader.done and time.monotonic() < deadline_s:
            for record in reader.read(len(firsts), _READ_S):
                _check_schema(codec, record)
    finally:
        reader.close()


def _check_schema(codec: Codec, record: Record) -> None:
    try:
        codec.decode(record.topic, record.value or b"")
    except WireError as error:
        if error.reason in _OTHER_SCHEMA:
            raise UsageError(
                f"{record.topic}/{record.partition} cannot be decoded from offset {record.offset} on ({error}): "
                "replay it with the version of Jikimi that wrote it"
            ) from error
