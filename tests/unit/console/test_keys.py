"""Keys of the review pages: another key for each act, or none, for the session."""

import pytest

from streams.console.site import Site
from tests.unit.console.made_site import browser, token
from tests.unit.console.test_pages import JOB

CHOSEN = {"copy": "a", "other": "B", "unsure": "", "escalate": "ㅁ", "undo": "z", "keys": "on", "back": JOB}


async def test_each_act_has_the_key_that_the_person_chose(site: Site) -> None:
    async with browser(site) as client:
        assert (await client.get("/keys?back=//evil.example")).text.count('name="back" value="/"') == 1
        to = await client.post("/keys/choose", data=CHOSEN | {"token": token(site)})
        html = (await client.get(to.headers["location"])).text
    assert [f'value="{act}" data-key="{key}"' in html for act, key in (("copy", "a"), ("other", "b"))] == [True] * 2
    assert 'value="escalate" data-key="ㅁ"' in html
    assert "<kbd>A</kbd>" in html
    assert 'value="unsure">' in html


@pytest.mark.parametrize("changes", [{"copy": "ab"}, {"copy": "B"}, {"copy": "\x07"}])
async def test_keys_that_cannot_be_told_apart_are_refused(site: Site, changes: dict[str, str]) -> None:
    async with browser(site) as client:
        refused = await client.post("/keys/choose", data=CHOSEN | changes | {"token": token(site)})
        html = (await client.get(JOB)).text
    assert (refused.status_code, "Each key has to be one character" in refused.text) == (409, True)
    assert 'value="copy" data-key="1"' in html


async def test_keys_are_switched_off_for_the_session(site: Site) -> None:
    async with browser(site) as client:
        await client.post("/keys/choose", data={"token": token(site), "copy": "1"})
        assert "data-key" not in (await client.get(JOB)).text
