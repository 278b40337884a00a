from pathlib import Path

from streams.match.progress import Progress


def test_the_end_is_the_highest_one_marked(tmp_path: Path) -> None:
    progress = Progress(tmp_path / "progress")
    assert progress.end(3) == 0
    progress.mark_ends({3: 400, 4: 10})
    progress.close()
    progress = Progress(tmp_path / "progress")
    progress.mark_ends({3: 399, 4: 11})
    assert (progress.end(3), progress.end(4), progress.end(2)) == (400, 11, 0)


def test_searched_pieces_outlive_a_restart(tmp_path: Path) -> None:
    progress = Progress(tmp_path / "progress")
    for partitions, token in [({0}, "a"), ({0}, "b"), ({1}, "c"), ({1}, "c")]:
        progress.mark_searched(partitions, token)
    progress.close()
    progress = Progress(tmp_path / "progress")
    assert [progress.searched(partition) for partition in range(3)] == [{"a", "b"}, {"c"}, set()]


def test_a_piece_that_is_gone_leaves_nothing_in_any_partition_nor_in_the_file(tmp_path: Path) -> None:
    progress = Progress(tmp_path / "progress")
    tokens = [f"{number:032x}" for number in range(40)]
    for token in tokens:
        progress.mark_searched({0, 7}, token)
    progress.keep_searched(tokens[::2])
    assert progress.searched(0) == progress.searched(7) == set(tokens[::2])
    left = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert tokens[0].encode() in left
    assert not any(token.encode() in left for token in tokens[1::2])


def test_progress_of_an_archive_of_an_earlier_version_is_erased(tmp_path: Path) -> None:
    older = Progress(tmp_path / "progress")
    older.mark_ends({0: 7})
    older.mark_searched([0], "token")
    older._database.execute("PRAGMA user_version = 0")
    older.close()
    for _ in range(2):
        reopened = Progress(tmp_path / "progress")
        assert (reopened.end(0), reopened.searched(0)) == (0, set())
        reopened.close()
