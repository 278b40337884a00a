"""Lines of `jikimi takedown tail`."""

import msgspec

from streams.desk.local_time import LocalTime
from streams.desk.takedown_tail import events_of, json_line, line
from streams.settings import load_settings
from tests.unit.made_messages import evidence, removal, takedown


def test_only_events_of_the_case_are_shown() -> None:
    mine, others = takedown(), takedown(case_id="case-b")
    assert list(events_of([mine, removal(), others], "case-a")) == [mine]
    assert list(events_of([mine, removal(), others], None)) == [mine, others]


def test_a_line_of_json_has_every_field_and_no_picture() -> None:
    event = takedown(evidence=[evidence(thumbnail=b"sealed")], hash=b"\x00\xff")
    found = msgspec.json.decode(json_line(event))
    assert found.keys() == {field.name for field in msgspec.structs.fields(type(event))}
    assert (found["evidence"][0]["thumbnail"], found["hash"]) == (None, "AP8=")


def test_a_line_for_a_person_has_time_state_ids_and_the_whole_address() -> None:
    text = line(takedown(), LocalTime(load_settings(time_zone="Asia/Seoul")))
    assert text.split() == ["2026-03-01", "21:30:15", "KST", "issued", "t1", "case-a", "https://example.org/p1"]
