"""Secrets are masked in every form in which others repeat them."""

import base64
import json
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.secrets.redaction import Redaction, hide, masked

SECRET = "geheim/+wort-für'alle\"5"
FORMS: dict[str, Callable[[str], str]] = {
    "itself": str,
    "json": json.dumps,
    "url": lambda text: quote(text, safe=""),
    "hex": lambda text: text.encode().hex(),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "urlsafe base64": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
    "basic": lambda text: base64.b64encode(f"user:{text}".encode()).decode(),
    "plain": lambda text: base64.b64encode(f"\0centre\0{text}".encode()).decode(),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_masked(form: str) -> None:
    shown = FORMS[form](SECRET)
    line = Redaction(SECRET).line(f"refused: {shown} ({shown})", limit=10_000)
    assert "[secret]" in line
    assert shown not in line


@given(
    st.binary(max_size=7),
    st.binary(max_size=7),
    st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=12),
)
def test_a_secret_is_masked_in_the_base64_of_a_login(before: bytes, after: bytes, hidden: str) -> None:
    shown = base64.b64encode(before + hidden.encode() + after).decode()
    line = Redaction(hidden).mask(shown)
    assert "[secret]" in line
    assert len(line.replace("[secret]", "")) <= len(shown) - len(hidden) * 4 // 3 + 4


def test_a_process_masks_what_it_has_hidden_but_no_short_words() -> None:
    hide("a-secret-of-this-process", "desk")
    assert masked("desk: a-secret-of-this-process, a-secret-of-another") == "desk: [secret], a-secret-of-another"


def test_without_secrets_nothing_is_masked() -> None:
    assert Redaction().mask("a text") == "a text"
    assert Redaction("").mask("a text") == "a text"
