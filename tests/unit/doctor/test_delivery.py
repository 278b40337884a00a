"""The doctor on the delivery: what would keep a notice from being written or sent."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from streams.doctor.delivery import delivery
from streams.settings import load_settings

_FILER = {"body": "A centre", "email": "notices@centre.example"}
_WEBHOOK = {"kind": "webhook", "url": "https://site.example/notices", "secret": "site"}


def platforms(folder: Path, **site: Any) -> Path:
    file = folder / "platforms.yaml"
    file.write_text(
        yaml.safe_dump({"site": {"title": "A site", "posts": ["site"]} | site, "other": {"title": "Others"}})
    )
    return file


def test_a_dry_run_that_could_be_sent_is_well(tmp_path: Path) -> None:
    file = platforms(tmp_path, channels=[_WEBHOOK])
    settings = load_settings(filer=_FILER, delivery={"platforms": file, "secrets": {"site": "a secret of the site"}})
    found = delivery(settings)
    assert (found.health, "dry run" in found.message) == ("ok", True)
    assert "a secret" not in found.message


@pytest.mark.parametrize("send", [True, False])
def test_a_missing_field_of_the_filer_is_named(*, send: bool) -> None:
    found = delivery(load_settings(delivery={"send": send}))
    assert (found.health, "JIKIMI_FILER_BODY" in found.message) == ("wrong" if send else "warn", True)


def test_a_missing_secret_is_named(tmp_path: Path) -> None:
    file = platforms(tmp_path, channels=[_WEBHOOK])
    found = delivery(load_settings(filer=_FILER, delivery={"platforms": file, "send": True}))
    assert (found.health, "site" in found.message) == ("wrong", True)


def test_a_wrong_file_is_wrong_in_any_case(tmp_path: Path) -> None:
    found = delivery(load_settings(delivery={"platforms": platforms(tmp_path, chanels=[])}))
    assert (found.health, "chanels" in found.message) == ("wrong", True)
