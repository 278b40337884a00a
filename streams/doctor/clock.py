"""Whether this machine's clock can be trusted: deadlines, ages and takedowns' times are read from it."""

import ctypes
import sys
import time
from collections.abc import Iterator

from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from schemas.topics import TOPICS
from streams.doctor.finding import Finding, ok, warn, wrong
from streams.kafka.clients import client_config
from streams.settings import Settings

_ANSWER_S = 10.0
_TOLERATED_S = 5.0
_STA_UNSYNC = 0x0040
_TIMEX_BYTES = 256
_STATUS_AT, _MAX_ERROR_AT = 40, 24
"""Where struct timex holds status (int) and maxerror (long, µs) on 64-bit Linux; see adjtimex(2)."""


def kernel_clock() -> Finding:
    """Return whether the kernel says that something keeps its clock right; reading that changes nothing."""
    if sys.platform != "linux":
        return warn("clock", "only Linux tells whether it is kept right", "see that NTP runs")
    timex = ctypes.create_string_buffer(_TIMEX_BYTES)  # modes = 0: only read
    if ctypes.CDLL(None, use_errno=True).adjtimex(timex) < 0:
        return warn("clock", "the kernel does not tell whether it is kept right", "see that NTP runs on the host")
    status = ctypes.c_int.from_buffer(timex, _STATUS_AT).value
    max_error_s = ctypes.c_long.from_buffer(timex, _MAX_ERROR_AT).value / 1e6
    if status & _STA_UNSYNC:
        return warn("clock", "nothing keeps it right, says the kernel", "run chrony or systemd-timesyncd on the host")
    return ok("clock", f"kept right by NTP to {max_error_s:.3g} s")


def records_clock(settings: Settings) -> Iterator[Finding]:
    """Yield whether records were written in what is the future here: then this clock or the writer's is wrong."""
    try:
        newest, topic = max(_newest(settings), default=(0.0, ""))
    except KafkaException as error:
        yield warn("clock", f"records' times cannot be read: {error.args[0].str()}", "see the rights below")
        return
    ahead_s = newest - time.time()
    if ahead_s > _TOLERATED_S:
        said = f"the newest record of {topic} is {ahead_s:.0f} s in the future"
        yield wrong("clock", said, "compare the clocks of this machine and of what writes there (chronyc tracking)")
    elif newest:
        yield ok("clock", f"no record is newer than now; the newest is {-ahead_s:.0f} s old")


def _newest(settings: Settings) -> Iterator[tuple[float, str]]:
    """Yield the time of the newest record of each partition, as its writer's clock had it, in s."""
    client = AdminClient(client_config(settings))
    existing = client.list_topics(timeout=_ANSWER_S).topics
    names = [settings.topic_prefix + name for name in TOPICS if settings.topic_prefix + name in existing]
    newest = OffsetSpec.max_timestamp()  # type: ignore[no-untyped-call]
    questions = {TopicPartition(name, number): newest for name in names for number in existing[name].partitions}
    if not questions:
        return
    for partition, answer in client.list_offsets(questions, request_timeout=_ANSWER_S).items():
        try:
            if (milliseconds := answer.result(_ANSWER_S).timestamp) > 0:
                yield milliseconds / 1000, partition.topic
        except KafkaException:
            continue  # no right to this one, said elsewhere
