"""Labels are written for posts that were seen, and refused for others."""

from datetime import UTC, datetime

import pytest

from schemas.messages import Label
from streams.cases.labels import write_label
from streams.errors import UsageError
from tests.integration.made import entry
from tests.integration.system import System


def label(post_id: str, case_id: str = "case-a") -> Label:
    return Label(post_id=post_id, case_id=case_id, decision="copy", reviewer="kim", at=datetime.now(UTC))


def test_a_label_of_a_post_or_case_that_never_was_is_refused(system: System) -> None:
    system.write("cases", "case-a", entry("case-a"))
    system.write_raw("verdicts", "judged", b"not decoded")
    system.write_raw("posts", "seen", b"not decoded")
    system.flush()
    with pytest.raises(UsageError, match="no post never in the last 180 days"):
        write_label(system.settings, label("never"))
    with pytest.raises(UsageError, match="no case nobody"):
        write_label(system.settings, label("seen", "nobody"))
    for post_id in ("judged", "seen"):
        write_label(system.settings, label(post_id))
    assert {kept.key for kept in system.records("labels")} == {"judged/case-a", "seen/case-a"}
