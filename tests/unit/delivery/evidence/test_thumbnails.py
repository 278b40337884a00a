"""A pack's thumbnails are unsealed with the key of their case; without it the pack has none."""

from hashlib import sha256
from pathlib import Path

import msgspec
import pytest

from schemas.messages import Case, Takedown
from streams.delivery.evidence.agreement import agreement
from streams.delivery.evidence.context import Context
from streams.delivery.evidence.history import CaseHistory
from streams.delivery.evidence.thumbnails import unseal_thumbnails
from streams.delivery.evidence.words import words
from streams.errors import UsageError
from streams.sealing.case_key import CaseSeal, Scene, new_case_key
from streams.sealing.keyring import Keyring
from streams.settings import Settings, load_settings
from tests.unit.delivery.evidence.made_history import CASE, evidence, issued, jpeg, source
from tests.unit.made_messages import NOW, POLICY
from tests.unit.sealing.made import settings as sealing_settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(sealing=sealing_settings(tmp_path))


def sealed(settings: Settings, key: bytes) -> tuple[Takedown, bytes]:
    """Return a takedown's event with a sealed thumbnail, and the thumbnail."""
    event = issued(1)
    scene = Scene(event.case_id, event.post.post_id, 0)
    thumbnail = CaseSeal(Keyring(settings.sealing)).seal(key, jpeg(), scene)
    return msgspec.structs.replace(event, evidence=[evidence(thumbnail=thumbnail)]), thumbnail


def entry(key: bytes) -> Case:
    return Case(case_id=CASE, name="", opened_at=NOW, policy=POLICY, data_key=key)


def test_a_sealed_thumbnail_is_in_the_pack_under_the_digest_of_its_event(settings: Settings) -> None:
    key = new_case_key(Keyring(settings.sealing), CASE)
    event, thumbnail = sealed(settings, key)
    history = CaseHistory(CASE, thumbnails=True)
    history.add_event(event)
    assert unseal_thumbnails(settings, history, [entry(key)]) == 0
    assert history.thumbnail(sha256(thumbnail).hexdigest()) == jpeg()
    history.close()


@pytest.mark.parametrize("with_entry", [False, True], ids=["withdrawn", "another key"])
def test_without_the_cases_key_the_pack_shows_no_thumbnail(settings: Settings, *, with_entry: bool) -> None:
    key, other = (new_case_key(Keyring(settings.sealing), CASE) for _ in "12")
    event, _ = sealed(settings, key)
    history = CaseHistory(CASE, thumbnails=True)
    history.add_event(event)
    assert unseal_thumbnails(settings, history, [entry(other)] if with_entry else []) == 1
    assert list(history.thumbnails()) == []
    made = source(([event], []), thumbnails=True)._replace(history=history)
    shown = list(agreement(Context(made, words("en")), event))
    assert not any(type(block).__name__ == "Pictures" for block in shown)


def test_a_plain_thumbnail_of_an_earlier_version_stays(settings: Settings) -> None:
    history = CaseHistory(CASE, thumbnails=True)
    history.add_event(issued(1))
    assert unseal_thumbnails(settings, history, []) == 0
    assert jpeg() in [picture for _, picture in history.thumbnails()]


def test_a_machine_without_the_keys_refuses_in_one_line(settings: Settings, tmp_path: Path) -> None:
    key = new_case_key(Keyring(settings.sealing), CASE)
    history = CaseHistory(CASE, thumbnails=True)
    history.add_event(sealed(settings, key)[0])
    elsewhere = load_settings(sealing=sealing_settings(tmp_path / "elsewhere"))
    with pytest.raises(UsageError, match="leave out --thumbnails"):
        unseal_thumbnails(elsewhere, history, [entry(key)])
