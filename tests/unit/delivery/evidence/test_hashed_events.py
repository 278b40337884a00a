"""Stored events: the bytes that their hashes are over, by today's rule and by those of earlier schemas."""

from hashlib import sha256
from typing import Any

import msgspec
import pytest

from schemas.avro import history
from schemas.codec import Codec
from schemas.messages import Filer, Interval, Takedown
from streams.delivery.evidence.hashed_events import stored
from streams.takedown.life import chained, step
from tests.unit.delivery.evidence.made_history import delivery, issued, jpeg, notice

BY_SCHEMA_1 = {
    "event_id", "takedown_id", "state", "post", "case_id", "verdict_id", "probability", "act_at", "policy_version",
    "evidence", "at", "previous", "hash",
}  # fmt: skip
"""Fields of the first version of the schema that mattered to the hash."""


def hashed_by_schema_1(event: Takedown) -> Takedown:
    """Return an event with the hash that the first version computed: over its own fields, thumbnails inside."""
    fields: dict[str, Any] = msgspec.to_builtins(msgspec.structs.replace(event, hash=b""))
    fields = {name: value for name, value in fields.items() if name in BY_SCHEMA_1}
    for evidence in fields["evidence"]:
        for later in ("terms", "passages"):
            evidence.pop(later)
    return msgspec.structs.replace(event, hash=sha256(msgspec.json.encode(fields, order="sorted")).digest())


def old(*, thumbnail: bool = True, **changes: Any) -> Takedown:
    event = issued(1, links=[], **changes)
    bare = {"terms": 0, "passages": []} | ({} if thumbnail else {"thumbnail": None})
    evidence = [msgspec.structs.replace(one, **bare) for one in event.evidence]
    return hashed_by_schema_1(msgspec.structs.replace(event, evidence=evidence))


def test_an_events_stored_json_has_its_hash() -> None:
    event = step(issued(1), "sent", "x", by="officer-3")
    kept = stored(event, thumbnails=False)
    assert kept.check == "recomputable"
    assert sha256(kept.json).digest() == event.hash


@pytest.mark.parametrize("thumbnails", [False, True])
def test_no_stored_event_contains_a_picture_but_its_digest(thumbnails: bool) -> None:
    kept = msgspec.json.decode(stored(issued(1), thumbnails=thumbnails).json, type=Takedown)
    assert kept.evidence[0].thumbnail == sha256(jpeg()).digest()


def test_an_event_of_an_earlier_version_is_stored_with_the_fields_that_it_had() -> None:
    event = old(thumbnail=False)
    kept = stored(event, thumbnails=False)
    assert kept.check == "recomputable"
    assert sha256(kept.json).digest() == event.hash
    assert b"passages" not in kept.json


def test_an_earlier_event_with_a_thumbnail_is_checked_and_recomputable_only_with_it() -> None:
    assert stored(old(), thumbnails=True).check == "recomputable"
    kept = stored(old(), thumbnails=False)
    assert kept.check == "checked"
    assert jpeg() not in [evidence.thumbnail for evidence in msgspec.json.decode(kept.json, type=Takedown).evidence]


def test_a_field_that_an_earlier_hash_does_not_cover_makes_the_event_unchecked() -> None:
    event = msgspec.structs.replace(old(thumbnail=False), by="somebody")
    assert stored(event, thumbnails=True).check == "unchecked"


def test_an_event_whose_hash_fits_no_version_is_unchecked_and_not_called_changed() -> None:
    assert stored(msgspec.structs.replace(issued(1), hash=b"\1" * 32), thumbnails=True).check == "unchecked"


def test_every_version_of_the_schema_is_tried() -> None:
    assert len(history("takedown")) >= 6


def test_the_name_of_a_victim_who_filed_in_person_is_withheld() -> None:
    filer = Filer(body="REAL NAME", role="victim", email="real@name.example")
    attempt = delivery(
        issued(1), "attempt", "delivered", notice=notice([issued(1)], filer=filer, signed_by="REAL NAME")
    )
    kept = stored(step(issued(1), "sent", "x", delivery=attempt), thumbnails=True)
    assert kept.check == "checked"
    assert b"REAL NAME" not in kept.json
    assert b"real@name.example" not in kept.json


def test_an_events_hash_is_the_same_after_the_wire_also_with_ints_in_fields_of_floats() -> None:
    whole = [msgspec.structs.replace(one, query=Interval(start_s=0, end_s=9)) for one in issued(1).evidence]
    event = chained(msgspec.structs.replace(issued(1), evidence=whole), None)
    read = Codec().decode("takedowns", Codec().encode("takedowns", event))
    assert isinstance(read, Takedown)
    assert stored(read, thumbnails=False).check == "recomputable"


def test_the_chain_covers_a_thumbnail_by_its_digest() -> None:
    event = issued(1)
    other = [msgspec.structs.replace(one, thumbnail=b"other") for one in event.evidence]
    assert chained(msgspec.structs.replace(event, evidence=other), None).hash != event.hash
