import asyncio
import io
from datetime import UTC, datetime

import pytest
from rich.console import Console

from schemas.messages import DeadLetter
from streams.engine.dead_letters import by_stage_and_reason, print_dead_letters, redrive
from streams.errors import UsageError
from streams.kafka.producer import writing
from streams.kafka.topic_reader import read_whole
from streams.settings import Settings, load_settings
from tests.support.brokers import make_topics


@pytest.fixture
def settings(kafka: str, prefix: str) -> Settings:
    make_topics(kafka, prefix)
    return load_settings(bootstrap_servers=kafka, topic_prefix=prefix)


def letter(offset: int, reason: str, *, again: int = 0) -> DeadLetter:
    return DeadLetter(
        dead_letter_id=f"{offset}-{again}",
        stage="decode",
        topic="posts",
        partition=3,
        offset=offset,
        reason=reason,
        fate="unprocessable",
        detail=f"detail of {offset}",
        key=b"post \xff",
        value=b"original \x00",
        headers={"traceparent": b"00-1"},
        at=datetime.now(UTC),
    )


def write_letters(settings: Settings, *letters: DeadLetter) -> None:
    with writing(settings) as writer:
        for dead in letters:
            writer.write("dead-letters", dead.dead_letter_id, dead)


def test_a_redriven_record_is_written_back_unchanged_and_once(settings: Settings) -> None:
    write_letters(settings, letter(5, "link_gone"), letter(5, "link_gone", again=1), letter(6, "media_unreadable"))
    assert redrive(settings, by_stage_and_reason("decode", "link_gone")) == 1
    (back,) = asyncio.run(read_whole(settings, "posts"))
    assert (back.key, back.value) == (b"post \xff", b"original \x00")


def test_dead_letters_are_listed_by_stage_and_reason(settings: Settings) -> None:
    write_letters(settings, letter(5, "link_gone"), letter(6, "media_unreadable"))
    shown = io.StringIO()
    print_dead_letters(settings, by_stage_and_reason(None, "link_gone"), Console(file=shown, width=200))
    assert "posts 3 @ 5" in shown.getvalue()
    assert "posts 3 @ 6" not in shown.getvalue()


def test_nothing_to_redrive_is_one_line(settings: Settings) -> None:
    with pytest.raises(UsageError, match="no such dead letters"):
        redrive(settings, by_stage_and_reason(None, None))
