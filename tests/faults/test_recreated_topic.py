"""A topic that is deleted and created again while a worker reads it."""

from confluent_kafka.admin import AdminClient, NewTopic

from schemas.topics import TOPICS
from streams.kafka.topic_settings import settings_of
from tests.faults.rig import N_PARTITIONS, Rig, posts
from tests.support.deadline import DEADLINE_S, until


def recreate(rig: Rig) -> None:
    name, admin = rig.prefix + rig.source, AdminClient({"bootstrap.servers": rig.bootstrap})
    admin.delete_topics([name])[name].result(DEADLINE_S)
    until(lambda: name not in admin.list_topics(timeout=DEADLINE_S).topics, "the topic gone")
    new = NewTopic(name, num_partitions=N_PARTITIONS, config=settings_of(TOPICS[rig.source]))
    admin.create_topics([new])[name].result(DEADLINE_S)


def test_records_of_a_topic_that_was_created_again_are_all_processed(rig: Rig) -> None:
    worker = rig.worker()
    rig.feed(posts(80))
    rig.wait_until_committed()
    recreate(rig)
    rig.feed(posts(16, start=80))  # fewer than before: no offset reaches the committed one
    until(lambda: len(rig.keys()) == 96 or not worker.alive, "every record processed")
    assert set(rig.keys()) == {f"post-{i}" for i in range(96)}
    rig.wait_until_committed()
    assert worker.alive
    assert rig.dead_letters() == []
