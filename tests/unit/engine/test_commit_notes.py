"""Notes that the owners of a partition leave to the next, after starts, commits and deaths."""

import pytest

from streams.engine.commit_notes import CommitNotes, Note
from streams.engine.dead_letter_limit import DeadLetterLimit, TooManyDeadLettersError

_WINDOW = 4


class Partition:
    """One partition: its committed offset and note outlive the owners."""

    def __init__(self, committed: int = 100) -> None:
        self.committed, self.text = committed, ""

    def start(self) -> CommitNotes[str]:
        """Give the partition to a new owner, which commits its note."""
        notes: CommitNotes[str] = CommitNotes(_WINDOW)
        notes.take_over("p", self.committed, self.text)
        self.commit(notes, self.committed)
        return notes

    def commit(self, notes: CommitNotes[str], offset: int, letters: int = 0) -> None:
        self.text = notes.text("p", offset, letters)
        self.committed = offset

    def die(self, times: int) -> CommitNotes[str]:
        """Let so many owners die without progress; return the next."""
        for _ in range(times):
            self.start()
        return self.start()

    def die_alone(self, offset: int) -> CommitNotes[str]:
        """Let the next owner die of a record that it processes alone; return the next."""
        notes = self.start()
        assert notes.is_suspect("p", offset)
        notes.isolate("p", offset)
        self.commit(notes, self.committed)
        return self.start()


def suspects(notes: CommitNotes[str]) -> list[int]:
    return [offset for offset in range(90, 120) if notes.is_suspect("p", offset)]


@pytest.mark.parametrize("deaths", [0, 1])
def test_one_death_makes_no_suspects(deaths: int) -> None:
    assert suspects(Partition().die(deaths)) == []


def test_two_deaths_without_progress_make_the_records_in_flight_suspects() -> None:
    assert suspects(Partition().die(2)) == [100, 101, 102, 103]


def test_deaths_with_progress_in_between_make_no_suspects() -> None:
    partition = Partition()
    for offset in (105, 110, 115):
        partition.commit(partition.start(), offset)
    assert suspects(partition.start()) == []


def test_owners_that_left_in_order_are_no_deaths() -> None:
    partition = Partition()
    for _ in range(5):
        notes = partition.start()
        notes.leave("p")
        partition.commit(notes, partition.committed)
    assert partition.text == ""
    assert suspects(partition.start()) == []


def test_a_record_that_killed_twice_alone_is_the_killer_and_no_other_is() -> None:
    partition = Partition()
    partition.die(1)
    assert not partition.die_alone(102).has_killed("p", 102)
    notes = partition.die_alone(102)
    assert [offset for offset in suspects(notes) if notes.has_killed("p", offset)] == [102]


def test_deaths_at_two_records_alone_are_no_proof_against_either() -> None:
    partition = Partition()
    partition.die(1)
    partition.die_alone(101)
    notes = partition.die_alone(102)
    assert not any(notes.has_killed("p", offset) for offset in suspects(notes))


def test_a_record_that_ended_alone_is_not_blamed_for_the_death_of_another() -> None:
    partition = Partition()
    partition.die(1)
    for _ in range(3):
        notes = partition.start()
        notes.isolate("p", 101)
        partition.commit(notes, partition.committed)
        notes.finish_isolated("p")
        partition.commit(notes, partition.committed)
    assert not partition.start().has_killed("p", 101)


def test_a_record_is_not_blamed_for_the_death_of_an_owner_that_had_not_begun_it() -> None:
    partition = Partition()
    partition.die(1)
    partition.die_alone(102)
    notes = partition.die(2)
    assert not notes.has_killed("p", 102)
    assert partition.die_alone(102).has_killed("p", 102)


def test_a_suspect_that_was_committed_is_no_longer_one() -> None:
    partition = Partition()
    partition.die(1)
    notes = partition.die_alone(100)
    partition.commit(notes, 101)
    assert Note.parse(partition.text) == Note(owned=True)
    assert suspects(partition.start()) == []


@pytest.mark.parametrize("text", ["", "metadata of another program", '{"unknown": 1}', "[1]", "7"])
def test_the_text_of_another_program_is_no_note(text: str) -> None:
    partition = Partition()
    partition.text = text
    assert suspects(partition.start()) == []


def test_the_limit_on_dead_letters_goes_on_after_a_restart() -> None:
    partition, limit = Partition(), DeadLetterLimit(20)
    notes = partition.start()
    for _ in range(20):
        limit.failed("bad")
    partition.commit(notes, 120, limit.in_a_row)
    again = DeadLetterLimit(20)
    again.restore(CommitNotes[str](_WINDOW).take_over("p", partition.committed, partition.text).letters)
    for _ in range(2):  # a tenth
        again.failed("bad")
    with pytest.raises(TooManyDeadLettersError, match="18 before the restart"):
        again.failed("bad")


def test_a_success_after_a_restart_ends_the_row() -> None:
    limit = DeadLetterLimit(20)
    limit.restore(20)
    limit.passed()
    assert limit.in_a_row == 0


def test_a_rebalance_counts_no_dead_letter_twice() -> None:
    limit = DeadLetterLimit(20)
    for _ in range(5):
        limit.failed("bad")
    limit.restore(5)
    assert limit.in_a_row == 5
