"""Every notice fits its Avro schema and its published JSON Schema."""

import json
from itertools import product
from typing import Any

import jsonschema
import msgspec
import pytest

from ops.notice_schema import DOCUMENT, document
from schemas.codec import Codec
from schemas.messages import CaseKind, Delivery, Law, Notice
from tests.unit.delivery.notices.made_notices import KINDS, LAWS, made_takedown, notice, text_evidence
from tests.unit.made_messages import NOW

BASES: list[tuple[Law, ...]] = [*((law,) for law in LAWS), LAWS]


def attempt(written: Notice) -> Delivery:
    fields: dict[str, Any] = {"kind": "attempt", "outcome": "dry_run", "number": 1, "at": NOW, "notice": written}
    return Delivery(delivery_id="d1", takedown_id="t1", case_id=written.case_id, **fields)


@pytest.mark.parametrize(("laws", "kind", "minor"), list(product(BASES, KINDS, (False, True))))
def test_a_notice_of_every_law_and_kind_fits_both_schemas(laws: tuple[Law, ...], kind: CaseKind, minor: bool) -> None:
    written = notice(laws, kind, minor=minor, confirmed_by="officer-3", known_copies=["https://c.example/9"])
    codec = Codec()
    assert codec.decode("deliveries", codec.encode("deliveries", attempt(written))) == attempt(written)
    as_json = msgspec.json.encode(written)
    jsonschema.validate(json.loads(as_json), document())
    assert msgspec.json.decode(as_json, type=Notice) == written


def test_a_bundle_and_a_notice_of_a_text_fit_too() -> None:
    for takedowns in ([made_takedown(1), made_takedown(2)], [made_takedown(evidence=[text_evidence()])]):
        jsonschema.validate(json.loads(msgspec.json.encode(notice(takedowns=takedowns))), document())


def test_something_else_does_not_fit() -> None:
    broken = json.loads(msgspec.json.encode(notice())) | {"laws": ["US_DMCA"]}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(broken, document())


def test_the_published_json_schema_is_current() -> None:
    assert json.loads(DOCUMENT.read_text("utf-8")) == document(), "run `python -m ops.notice_schema`"
