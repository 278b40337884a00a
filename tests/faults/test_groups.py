"""Stages that move to processes of their own go on where they were."""

from tests.faults.rig import Rig, duplicates, posts


def test_from_several_stages_in_one_process_to_one_stage_a_process_no_record_is_read_twice(rig: Rig) -> None:
    rig.environment |= {"JIKIMI_ARCHIVE_DIR": str(rig.folder / "archive"), "JIKIMI_TERM_KEY": "0123456789abcdef"}
    rig.command = ("streams.cli", "worker", "decode", "takedown")
    rig.feed(posts(40, "a caption"))
    together = rig.worker()
    rig.wait_until_committed()
    assert together.terminate() == 0

    rig.command = ("streams.cli", "worker", "decode")
    rig.feed(posts(40, "a caption", start=40))
    rig.worker()
    rig.wait_until_committed()
    keys = rig.keys()
    assert (len(keys), duplicates(keys)) == (80, 0)
    assert not rig.dead_letters()
