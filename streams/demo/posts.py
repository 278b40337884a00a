"""Posts of the scenario: their media files and links."""

from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from schemas.ids import record_id
from schemas.messages import Medium, Post
from streams.demo.scenario import MEDIA, SCENES, Expected, Kind, Scene
from streams.evaluation.edits import EDITS, make_copy

N_PROCESSES = 2

Progress = Callable[[int, int], None]
"""Callback after each file, with the number of files made and their total."""


@dataclass(frozen=True, slots=True)
class DemoPost:
    """A post with its expected result."""

    post: Post
    kind: Kind
    what: str
    expected: Expected
    case: str | None
    """Pseudonym of the case it belongs to."""


def build_posts(
    base_url: str, folder: Path, *, scenes: Iterable[Scene] = SCENES, progress: Progress = lambda _made, _of: None
) -> list[DemoPost]:
    """Make the missing media of every scene in the folder, served at ``base_url``, and return the posts in order.

    Ids depend on the scene alone, so two runs have the same posts. `Post.seen_at` is to be set when a post is fed.
    """
    scenes = list(scenes)
    _make_media(scenes, folder, progress)
    now = datetime.now(UTC)
    return [_post(scene, base_url, now) for scene in scenes]


def _make_media(scenes: list[Scene], folder: Path, progress: Progress) -> None:
    head = (MEDIA / "morning.mp4").read_bytes()[:2_000]  # of a real video, followed by noise
    (folder / "corrupt.mp4").write_bytes(head + np.random.default_rng(0).bytes(50_000))
    edited = [scene for scene in scenes if scene.edit]
    # Spawned, not forked: the caller may already have threads of a Kafka client.
    with ProcessPoolExecutor(N_PROCESSES, mp_context=get_context("spawn")) as pool:
        jobs = [pool.submit(_make_file, scene, folder, seed) for seed, scene in enumerate(edited)]
        for n_made, job in enumerate(as_completed(jobs), start=1):
            job.result()
            progress(n_made, len(jobs))


def _make_file(scene: Scene, folder: Path, seed: int) -> None:
    assert scene.edit is not None
    source, other = MEDIA / f"{scene.clip}.mp4", MEDIA / f"{scene.other}.mp4"
    if not (file := folder / _file_name(scene)).exists():
        unfinished = file.with_stem(f"unfinished-{file.stem}")
        make_copy(EDITS[scene.edit], source, unfinished, other=other, seed=seed)
        unfinished.rename(file)


def _file_name(scene: Scene) -> str:
    assert scene.edit is not None
    return scene.name + EDITS[scene.edit].suffix


def _post(scene: Scene, base_url: str, now: datetime) -> DemoPost:
    post = Post(
        post_id=record_id("demo-post", scene.name),
        platform="demo",
        url=f"https://social.example/posts/{scene.name}",
        author=f"user_of_{scene.name}",
        published_at=now,
        seen_at=now,
        caption=scene.caption,
        media=[Medium(url=link) for link in _links(scene, base_url)],
    )
    return DemoPost(post, scene.kind, scene.what, scene.expected, scene.case)


def _links(scene: Scene, base_url: str) -> list[str]:
    if scene.edit:
        return [f"{base_url}/{_file_name(scene)}"]
    if scene.link is None:
        return []
    return [scene.link if "://" in scene.link else f"{base_url}/{scene.link}"]
