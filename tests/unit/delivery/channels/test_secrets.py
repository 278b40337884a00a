"""No secret gets into an answer, a log, an exception or a repr, even if a platform repeats the request in its error."""

import logging
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from streams.delivery.secrets import secret
from streams.errors import UsageError
from streams.secrets.redaction import Redaction
from tests.support.platforms import bluesky
from tests.support.platforms.bluesky import LocalBluesky
from tests.unit.delivery.channels.made import KEY, SECRETS, SERVERS, channel_to, notice, post_of, settings

SHOWN = st.text(st.characters(min_codepoint=33, max_codepoint=0xFFFF, exclude_categories=("Cs", "Z", "C")), min_size=8)


@pytest.mark.parametrize("kind", SERVERS)
@pytest.mark.parametrize("failure", ["echo", "reset", "half_answer", "nonsense", 401, 422, 500])
async def test_no_secret_in_answers_logs_or_reprs(
    kind: str, failure: str | int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with SERVERS[kind]() as server, channel_to(server) as channel:
        server.fail_next(failure)
        answer = await channel.send(notice(post_of(server)), KEY)
        shown = repr(answer) + repr(channel) + repr(vars(channel)) + caplog.text
    assert SECRETS[kind] not in shown
    assert "access-1" not in shown
    assert "refresh-1" not in shown
    if failure == "echo":
        assert answer.outcome == "refused"
        assert "[secret]" in answer.detail or kind in {
            "webhook",
            "activitypub",
        }  # which send no secret, only signatures


async def test_a_server_that_repeats_the_login_shows_no_password() -> None:
    async with LocalBluesky() as server, channel_to(server) as channel:
        server.fail_next("echo", path=server.create_session)
        answer = await channel.send(notice(post_of(server)), KEY)
    assert answer.status == 400
    assert bluesky.PASSWORD not in repr(answer)
    assert "[secret]" in answer.detail


@given(SHOWN, st.text(max_size=50), st.text(max_size=50))
@hypothesis_settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_secret_is_masked_wherever_it_occurs(hidden: str, before: str, after: str) -> None:
    line = Redaction(hidden).line(f"{before}{hidden} {hidden!r} {after}", limit=10_000)
    assert hidden not in line.replace("[secret]", "\x00")
    assert line.isprintable()


def test_the_start_of_a_secret_is_not_left_by_the_limit_of_a_line() -> None:
    assert Redaction("a-long-secret").line("x" * 8 + "a-long-secret", limit=12) == "xxxxxxxx[sec"


def test_tokens_of_old_sessions_are_dropped() -> None:
    redaction = Redaction("fixed-secret")
    redaction.add(*(f"token-{number:03}" for number in range(100)))
    assert redaction.line("fixed-secret token-099 token-000") == "[secret] [secret] token-000"


def test_a_secret_comes_from_its_file_else_from_the_settings(tmp_path: Path) -> None:
    (tmp_path / "one").write_text("from the file\n")
    ours = settings(secrets_folder=tmp_path, secrets={"one": "not this", "two": "from the settings"})
    assert (secret(ours, "one"), secret(ours, "two")) == ("from the file", "from the settings")
    assert "from the settings" not in repr(ours)


@pytest.mark.parametrize("name", ["three", "", "../one", "/etc/passwd", "a/b", ".hidden", "empty"])
def test_a_secret_that_is_missing_or_has_a_wrong_name_is_one_line_with_its_name(name: str, tmp_path: Path) -> None:
    (tmp_path / "empty").write_text(" \n")
    with pytest.raises(UsageError, match=name or "named"):
        secret(settings(secrets_folder=tmp_path), name)


def test_a_secret_that_is_no_text_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="the secret one cannot be read"):
        secret(settings(secrets_folder=tmp_path), "one")
