"""Checkpoints: each goes on from the last one that verifies, and covers what was written since."""

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from schemas.messages import Act, Checkpoint
from streams.audit import checkpoints
from streams.audit.checkpointer import Checkpointer
from streams.audit.digest import NOTHING, extended
from streams.audit.signatures import signature_fault, signed
from streams.audit.signing import own_signer
from streams.audit.trusted_keys import TrustedKeys
from streams.settings import load_settings
from tests.unit.audit.made_topics import MadeTopics


class Rig(MadeTopics):
    """Topics, and the writer of checkpoints, new for each one: nothing is kept in between."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.settings = load_settings(audit={"signing_key_file": folder / "key"})
        self.signer = own_signer(self.settings)
        self.keys = TrustedKeys([self.signer.pem])

    def act(self, number: int, gap: int = 0) -> None:
        act = Act(act_id=f"a{number}", act="label", subject="s", by="officer", why="why", at=datetime.now(UTC))
        self.write("acts", "s", act, gap)

    def next(self) -> Checkpoint | None:
        made = Checkpointer(self.settings, self.codec, self.signer, self.keys, self.reader).next()
        if made is not None:
            self.write(checkpoints.TOPIC, checkpoints.KEY, made)
        return made


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


def test_a_checkpoint_is_written_only_after_something_else_was(rig: Rig) -> None:
    assert rig.next() is None
    rig.act(1)
    first = rig.next()
    assert first is not None
    assert rig.next() is None
    rig.act(2)
    second = rig.next()
    assert second is not None
    assert (first.number, second.number) == (1, 2)
    assert (first.previous, second.previous) == (b"", checkpoints.hash_of(first))
    assert signature_fault(second, rig.keys) is None


def test_its_digest_is_over_every_record_also_where_offsets_have_gaps(rig: Rig) -> None:
    rig.act(1)
    rig.next()
    rig.act(2, gap=3)
    rig.act(3)
    last = rig.next()
    assert last is not None
    digest = NOTHING
    for record in rig.records["acts"]:
        digest = extended(digest, record.offset, record.key, record.value)
    (position,) = last.positions
    assert (position.topic, position.end, position.digest) == ("acts", 6, digest)


def test_a_forged_or_broken_checkpoint_is_passed_over(rig: Rig, tmp_path: Path) -> None:
    rig.act(1)
    first = rig.next()
    assert first is not None
    thief = own_signer(load_settings(audit={"signing_key_file": tmp_path / "thief"}))
    forged = msgspec.structs.replace(first, number=7, positions=[])
    rig.write(checkpoints.TOPIC, checkpoints.KEY, signed(forged, thief))
    rig.write(checkpoints.TOPIC, checkpoints.KEY, msgspec.structs.replace(first, number=8))
    broken = rig.records[checkpoints.TOPIC][-1]
    rig.records[checkpoints.TOPIC].append(broken._replace(offset=broken.offset + 1, value=b"no avro"))
    rig.act(2)
    second = rig.next()
    assert second is not None
    assert (second.number, second.previous) == (2, checkpoints.hash_of(first))


def test_a_topic_that_was_cut_is_read_again_from_its_first_record(rig: Rig) -> None:
    for number in range(3):
        rig.act(number)
    rig.next()
    del rig.records["acts"][1:]
    after = rig.next()
    assert after is not None
    (position,) = after.positions
    only = rig.records["acts"][0]
    assert (position.end, position.digest) == (1, extended(NOTHING, 0, only.key, only.value))


def test_an_anchor_is_one_line_that_names_a_checkpoint(rig: Rig) -> None:
    rig.act(1)
    made = rig.next()
    assert made is not None
    line = checkpoints.anchor_line(made)
    assert "\n" not in line
    anchor = checkpoints.parse_anchor(f" {line}\n")
    assert (anchor.number, anchor.hash) == (1, checkpoints.hash_of(made).hex())
    for wrong in ("", "jikimi-anchor-v1 1", line[:-1], line.replace("v1", "v2")):
        with pytest.raises(ValueError, match="jikimi audit anchor"):
            checkpoints.parse_anchor(wrong)


def test_one_turn_is_bounded_and_the_next_covers_the_rest(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.audit.checkpointer._MOST_RECORDS", 2)
    for number in range(3):
        rig.act(number)
    ends = [made.positions[0].end for made in (rig.next(), rig.next()) if made is not None]
    assert ends == [2, 3]
    assert rig.next() is None
