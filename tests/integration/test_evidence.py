"""Evidence packs from the topics of a real Kafka."""

from pathlib import Path

from streams.delivery.evidence import pack_file
from streams.delivery.evidence.verify import verify_pack
from tests.integration.system import System
from tests.unit.delivery.evidence.made_history import CASE, entries, issued, life


def test_a_pack_has_the_case_of_the_topics_and_no_other_and_verifies(system: System, tmp_path: Path) -> None:
    opened, *references = entries()
    system.write("cases", CASE, opened)
    for number, reference in enumerate(references):
        system.write("cases", f"{CASE}/{number}", reference)
    events, deliveries = life()
    for event in [*events, issued(8, case_id="another-case")]:
        system.write("takedowns", event.takedown_id, event)
    for delivery in deliveries:
        system.write("deliveries", delivery.takedown_id, delivery)
    system.flush()
    out, key = tmp_path / "pack.zip", {"JIKIMI_DELIVERY_SIGNING_KEY_FILE": str(tmp_path / "key.pem")}
    made = system.jikimi_here("evidence", CASE, "--out", str(out), "--lang", "ko", "--pdf-posts", "0", environment=key)
    assert made.code == 0, made.err
    assert f"{out}: 1 takedowns, 4 events" in made.out
    found = verify_pack(out)
    assert (found.faults, found.notes) == ([], [])
    assert found.key in made.out
    case = pack_file.open_pack(out).read(pack_file.CASE)
    assert b'"authority": "POA-2026-118"' in case
    assert b'"minor": true' in case
    unknown = system.jikimi_here("evidence", "case-0", "--out", str(tmp_path / "no"), environment=key)
    assert (unknown.code, unknown.out) == (2, "")
    assert "no case and no takedown has this id" in unknown.err
    assert not (tmp_path / "no").exists()
