"""Single records of a real topic, read with small fetches."""

from streams.kafka.producer import writing
from streams.kafka.range_reader import RangeReader
from streams.match.past_segments import ONE_RECORD
from streams.settings import load_settings
from tests.support.brokers import make_topics


def test_single_records_are_read_wherever_they_are_and_however_large(kafka: str, prefix: str) -> None:
    make_topics(kafka, prefix)
    settings = load_settings(bootstrap_servers=kafka, topic_prefix=prefix)
    values = [bytes([number]) * (300_000 if number == 20 else 1_000) for number in range(60)]
    with writing(settings) as writer:
        for value in values:
            writer.write_bytes("descriptors", b"post", value, partition=0)
    reader = RangeReader(settings, "descriptors", None, **ONE_RECORD)
    assert {record.offset: record.value for record in reader.records(0, [59, 0, 20, 21, 40])} == {
        offset: values[offset] for offset in (0, 20, 21, 40, 59)
    }
