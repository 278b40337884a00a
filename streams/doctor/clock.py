"""Checks of this machine's clock, from which deadlines, ages and takedown times are read."""

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
_TOLERANCE_S = 5.0
_STA_UNSYNC = 0x0040
_TIMEX_BYTES = 256
_STATUS_AT, _MAX_ERROR_AT = 40, 24
"""Byte offsets of status (int) and maxerror (long, µs) in struct timex on 64-bit Linux; see adjtimex(2)."""


def kernel_clock() -> Finding:
    """Check in the kernel that the clock is synchronised; this changes nothing."""
    if sys.platform != "linux":
        return warn("clock", "its synchronisation can be checked only on Linux", "make sure that NTP runs")
    timex = ctypes.create_string_buffer(_TIMEX_BYTES)  # modes = 0: only read
    if ctypes.CDLL(None, use_errno=True).adjtimex(timex) < 0:
        return warn("clock", "the kernel does not report its synchronisation", "make sure that NTP runs on the host")
    status = ctypes.c_int.from_buffer(timex, _STATUS_AT).value
    max_error_s = ctypes.c_long.from_buffer(timex, _MAX_ERROR_AT).value / 1e6
    if status & _STA_UNSYNC:
        return warn("clock", "not synchronised, according to the kernel", "run chrony or systemd-timesyncd on the host")
    return ok("clock", f"synchronised by NTP to {max_error_s:.3g} s")


def records_clock(settings: Settings) -> Iterator[Finding]:
    """Check that no record is newer than this clock: otherwise this clock or the writer's is wrong."""
    try:
        newest, topic = max(_newest(settings), default=(0.0, ""))
    except KafkaException as error:
        yield warn("clock", f"timestamps of records cannot be read: {error.args[0].str()}", "see the rights below")
        return
    ahead_s = newest - time.time()
    if ahead_s > _TOLERANCE_S:
        message = f"the newest record of {topic} is {ahead_s:.0f} s in the future"
        yield wrong("clock", message, "compare the clocks of this machine and of the writer (chronyc tracking)")
    elif newest:
        yield ok("clock", f"no record is newer than now; the newest is {-ahead_s:.0f} s old")


def _newest(settings: Settings) -> Iterator[tuple[float, str]]:
    """Yield the newest timestamp of each partition by its writer's clock, seconds since the epoch, and its topic."""
    client = AdminClient(client_config(settings))
    existing = client.list_topics(timeout=_ANSWER_S).topics
    names = [settings.topic_prefix + name for name in TOPICS if settings.topic_prefix + name in existing]
    newest = OffsetSpec.max_timestamp()  # type: ignore[no-untyped-call]
    request = {TopicPartition(name, number): newest for name in names for number in existing[name].partitions}
    if not request:
        return
    for partition, answer in client.list_offsets(request, request_timeout=_ANSWER_S).items():
        try:
            if (milliseconds := answer.result(_ANSWER_S).timestamp) > 0:
                yield milliseconds / 1000, partition.topic
        except KafkaException:
            continue  # no right to this topic, reported by the check of rights
