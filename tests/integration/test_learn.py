"""`jikimi learn` on a broker: too few labels are refused, enough of them give a candidate that a run can choose."""

import re
from contextlib import contextmanager
from pathlib import Path

from confluent_kafka import Producer

from models.fusion.calibrated import Calibrated
from schemas.codec import Codec
from schemas.messages import Label
from streams.cases.labels import label_key
from streams.live_models.selection import change_choice, create_registry, default_choice
from streams.settings import load_settings
from tests.integration.system import running
from tests.support.deadline import DEADLINE_S
from tests.unit.replay.test_learn import labels


def write(bootstrap: str, prefix: str, written: list[Label]) -> None:
    producer = Producer({"bootstrap.servers": bootstrap})
    for label in written:
        key = label_key(label.post_id, label.case_id)
        producer.produce(f"{prefix}labels", Codec().encode("labels", label), key)
        assert producer.flush(DEADLINE_S) == 0  # each alone: the embedded broker counts a batch as one record


def test_labels_on_the_broker_give_a_candidate(embedded: str, prefix: str, tmp_path: Path) -> None:
    found = labels(800, 0.6, -1.5)
    environment = {
        "JIKIMI_FUSION_MODEL": "causes@1",
        "JIKIMI_AUDIT_SIGNING_KEY_FILE": str(tmp_path / "key.pem"),
    }
    with contextmanager(running)(embedded, prefix, tmp_path) as system:
        write(embedded, prefix, found[:40])
        refused = system.jikimi_here("learn", "--out", str(tmp_path / "out"), environment=environment)
        write(embedded, prefix, found[40:])
        made = system.jikimi_here("learn", "--out", str(tmp_path / "out"), environment=environment)
    assert (refused.code, refused.err.splitlines()[-1][:26]) == (2, "jikimi: too few labels of ")
    assert re.search(r"\d+ more copies, \d+ more others are needed", refused.err)
    assert made.code == 0, made.err
    (name,) = re.findall(r"(calibrated@[0-9a-f]{12}) is a candidate", made.out)
    settings = load_settings(manifest=tmp_path / "out" / "manifest.toml")
    registry = create_registry(settings)
    choice = change_choice(default_choice(registry, settings), f"fusion={name}", registry)
    assert isinstance(registry.fusion(choice.fusion), Calibrated)
