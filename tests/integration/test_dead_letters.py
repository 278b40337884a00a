"""Dead letters on a real broker: listed with their state, and redriven once, also after a kill."""

import asyncio
import io
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from confluent_kafka import Consumer, TopicPartition
from rich.console import Console

from schemas.codec import Codec
from schemas.messages import DeadLetter, Post
from schemas.topics import TOPICS
from streams.engine.dead_letter_index import TOPIC, Selection, State
from streams.engine.dead_letter_origin import PREDECESSOR, REDRIVES
from streams.engine.dead_letters import print_dead_letter, print_dead_letters
from streams.engine.redrive import MAX_REDRIVES, WRITER, Redriven, redrive
from streams.errors import UsageError
from streams.kafka.clients import headers_of, reader_config
from streams.kafka.producer import writing
from streams.kafka.topic_scan import TopicScan
from streams.kafka.transactions import TransactionWriter
from streams.kafka.whole_topic import read_whole
from streams.settings import Settings, load_settings
from streams.topology import readers_group
from tests.support.brokers import make_topics
from tests.support.deadline import DEADLINE_S

POST = Post(
    post_id="p", platform="demo", url="https://example.org/p", published_at=datetime.now(UTC), seen_at=datetime.now(UTC)
)
VALUE = Codec().encode("posts", POST)


@pytest.fixture
def settings(kafka: str, prefix: str) -> Settings:
    make_topics(kafka, prefix)
    return load_settings(bootstrap_servers=kafka, topic_prefix=prefix)


def letter(offset: int, reason: str = "link_gone", **changes: Any) -> DeadLetter:
    made = DeadLetter(
        dead_letter_id=f"id-{offset}",
        stage="decode",
        topic="posts",
        partition=3,
        offset=offset,
        reason=reason,
        fate="unprocessable",
        detail=f"detail of {offset}",
        key=b"post \xff",
        value=VALUE,
        headers={"traceparent": b"00-1"},
        at=datetime.now(UTC),
    )
    return msgspec.structs.replace(made, **changes)


def write_letters(settings: Settings, *letters: DeadLetter) -> None:
    with writing(settings) as writer:
        for dead in letters:
            writer.write(TOPIC, dead.dead_letter_id, dead)


def written_back(settings: Settings) -> list[tuple[bytes, bytes | None]]:
    return [(update.key, update.value) for update in asyncio.run(read_whole(settings, "posts"))]


def headers_in(settings: Settings, topic: str) -> dict[str, bytes]:
    """Return the headers of the one record of a topic."""
    with closing(Consumer(reader_config(settings, readers_group(settings), auto_offset_reset="earliest"))) as consumer:
        consumer.assign([TopicPartition(settings.topic_prefix + topic, n, 0) for n in range(TOPICS[topic].partitions)])
        while (message := consumer.poll(DEADLINE_S)) is not None and message.error() is not None:
            pass
        assert message is not None
        return headers_of(message)


def listed(settings: Settings, state: State = "all", **selection: Any) -> str:
    shown = io.StringIO()
    print_dead_letters(settings, Selection(**selection), Console(file=shown, width=400), state=state)
    return shown.getvalue()


def only(*ids: str) -> Selection:
    return Selection(ids=frozenset(ids))


def redriven(settings: Settings, selection: Selection, **options: Any) -> Redriven:
    """Redrive, and return once readers see it: a commit is written to the topics a moment after it is accepted."""
    done = redrive(settings, selection, **options)
    settle(settings)
    return done


def settle(settings: Settings) -> None:
    """Return once the last transaction of a redrive has ended: the next writer of its name waits for that."""
    TransactionWriter(settings, WRITER).start()


def test_a_redriven_record_is_written_back_once_and_the_second_command_puts_back_nothing(settings: Settings) -> None:
    write_letters(settings, letter(5), letter(6, "media_unreadable"), letter(7), letter(5, stage="decode"))
    selection = Selection(stage="decode", reason="link_gone")
    assert redriven(settings, selection) == Redriven(redriven=2)
    assert redriven(settings, selection) == Redriven(before=2)
    assert written_back(settings) == [(b"post \xff", VALUE)] * 2
    assert ("id-6" in listed(settings, "open"), "id-5" in listed(settings, "open")) == (True, False)
    assert ("id-6" in listed(settings, "redriven"), "id-5" in listed(settings, "redriven")) == (False, True)
    assert redriven(settings, only("id-5"), again=True) == Redriven(redriven=1)
    assert "2 times" in listed(settings, "redriven")


def test_dead_letters_are_picked_by_id_and_an_unknown_one_is_refused_before_anything_is_written(
    settings: Settings,
) -> None:
    write_letters(settings, *(letter(number) for number in range(4)))
    with pytest.raises(UsageError, match="no dead letter id-9"):
        redrive(settings, only("id-0", "id-9"))
    assert written_back(settings) == []
    assert redriven(settings, only("id-0", "id-2")) == Redriven(redriven=2)
    assert redriven(settings, Selection()) == Redriven(redriven=2, before=2)


def test_a_record_of_which_two_stages_gave_up_is_written_back_once(settings: Settings) -> None:
    visual = letter(1, stage="visual", topic="frames", value=b"no frames")
    screen = msgspec.structs.replace(visual, dead_letter_id="id-2", stage="screen")
    write_letters(settings, visual, screen)
    assert redriven(settings, Selection()) == Redriven(redriven=1)
    assert [update.value for update in asyncio.run(read_whole(settings, "frames"))] == [b"no frames"]
    assert redriven(settings, Selection()) == Redriven(before=2)


def test_only_topics_that_the_stage_reads_are_written(settings: Settings) -> None:
    write_letters(settings, letter(1, topic="deployments"), letter(2, topic="feed-jsonl", stage="feed-jsonl"))
    assert redriven(settings, Selection()) == Redriven(foreign=2)
    assert asyncio.run(read_whole(settings, "deployments")) == []


def test_a_redrive_that_was_killed_in_between_is_neither_lost_nor_doubled(settings: Settings) -> None:
    write_letters(settings, letter(1), letter(2))
    killed = TransactionWriter(settings, WRITER)
    killed.start()
    killed.write_transaction(lambda: _write_both(killed, letter(1)))
    _write_without_commit(killed, letter(2))
    assert redriven(settings, Selection()) == Redriven(redriven=1, before=1)
    assert len(written_back(settings)) == 2
    assert not listed(settings, "open").startswith("id")


def _write_both(writer: TransactionWriter, dead: DeadLetter) -> None:
    writer.write_bytes(dead.topic, dead.key, dead.value)
    mark = msgspec.structs.replace(dead, value=None, redriven_at=datetime.now(UTC))
    writer.write_bytes(TOPIC, dead.key, writer.codec.encode(TOPIC, mark))


def _write_without_commit(writer: TransactionWriter, dead: DeadLetter) -> None:
    producer = writer._producer
    producer.begin_transaction()
    _write_both(writer, dead)
    assert producer.flush() == 0


def test_a_second_redrive_ends_the_first(settings: Settings) -> None:
    write_letters(settings, letter(1), letter(2))
    others: list[Redriven] = []

    def start_another(_: float) -> None:
        others.append(redrive(settings, Selection()))

    with pytest.raises(UsageError, match="taken over"):
        redrive(settings, Selection(), rate=1, sleep=start_another)
    assert others == [Redriven(redriven=1, before=1)]
    settle(settings)
    assert len(written_back(settings)) == 2


def test_a_redriven_record_names_its_dead_letter_and_too_many_redrives_of_it_are_refused(settings: Settings) -> None:
    often = {PREDECESSOR: b"id-0", REDRIVES: str(MAX_REDRIVES).encode()}
    write_letters(settings, letter(1), letter(2, headers=often))
    assert redriven(settings, Selection()) == Redriven(redriven=1, exhausted=1)
    assert headers_in(settings, "posts") == {"traceparent": b"00-1", PREDECESSOR: b"id-1", REDRIVES: b"1"}
    assert f"after {MAX_REDRIVES} redrives" in listed(settings)


def test_dead_letters_are_listed_with_the_posts_address_or_their_position(settings: Settings) -> None:
    odd = letter(6, "wire_not_avro", value=b"junk", detail="\x1b[31m evil [/x]")
    write_letters(settings, letter(5), odd)
    shown = listed(settings)
    assert "id-5" in shown
    assert "https://example.org/p  detail of 5" in shown
    assert "posts 3 @ 6, key post \N{REPLACEMENT CHARACTER}" in shown
    assert "\x1b" not in shown
    assert "[/x]" in shown
    assert "id-5" not in listed(settings, reason="wire_not_avro")


def test_only_the_records_since_a_time_are_read(settings: Settings) -> None:
    write_letters(settings, letter(1))
    since = datetime.now(UTC) + timedelta(milliseconds=2)
    with closing(TopicScan(settings, TOPIC)) as scan:
        assert len(list(scan.records(since - timedelta(hours=1)))) == 1
        assert list(scan.records(since + timedelta(hours=1))) == []


def test_one_dead_letter_is_shown_with_its_traceback(settings: Settings) -> None:
    write_letters(settings, letter(1, traceback="Traceback of 1"), letter(2, traceback="Traceback of 2"))
    shown = io.StringIO()
    print_dead_letter(settings, "id-1", Console(file=shown, width=400))
    assert "Traceback of 1" in shown.getvalue()
    assert "Traceback of 2" not in shown.getvalue()


def test_nothing_to_redrive_is_one_line(settings: Settings) -> None:
    with pytest.raises(UsageError, match="no such dead letters"):
        redrive(settings, Selection())
