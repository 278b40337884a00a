"""The same file again: its segments are copied, and equal what decoding gives."""

from collections.abc import AsyncGenerator, AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from schemas.messages import Frames, Medium, Post, Sounds
from streams.decode.decoder import Decoder, post_sampling
from streams.decode.fetch.fetcher import Fetcher
from streams.decode.known_media import KnownMedia
from streams.decode.media.decoded import DecodedSegment, MediaInfo, Sampling
from streams.decode.media_access import MediaAccess
from streams.decode.settings import MediaSettings
from streams.decode.stage import decode_sealed
from streams.engine.dead_letter_limit import DeadLetterLimit
from streams.engine.guard import Guard
from streams.engine.record import Output, Record
from streams.sealing.media import MediaSeal
from tests.unit.decode.made import image, moving, tone, video
from tests.unit.decode.test_damaged import damaged
from tests.unit.engine.test_guard import NO_PAUSES
from tests.unit.reuse.made import CODEC, Entries, Log, inputs, without_post
from tests.unit.sealing.made import settings as sealing

NOW = datetime(2026, 3, 1, tzinfo=UTC)


class CountingDecoder(Decoder):
    """Counts the files of which it decodes segments; can write to the file first."""

    def __init__(self, settings: MediaSettings) -> None:
        super().__init__(settings)
        self.n_files = 0
        self.changes: Path | None = None

    async def segments(
        self, path: Path, info: MediaInfo, *, reference: bool = False, sampling: Sampling | None = None
    ) -> AsyncGenerator[DecodedSegment]:
        self.n_files += 1
        if self.changes is not None:
            with self.changes.open("ab") as file:
                file.write(b"more")
        async for segment in super().segments(path, info, reference=reference, sampling=sampling):
            yield segment


class System:
    """A decode stage under its guard, with a broker in memory."""

    def __init__(self, folder: Path, fetcher: Fetcher, decoder: CountingDecoder, settings: MediaSettings) -> None:
        self.log, self.entries = Log(), Entries()
        self.decoder = decoder
        self.media = MediaAccess(fetcher, decoder, settings.max_media)
        self.seal = MediaSeal(sealing(folder))
        self.settings = settings

    async def run(self, post_id: str, *files: Path, **sampling: Any) -> None:
        links = [Medium(url=file.as_uri()) for file in files]
        url = f"https://example.org/{post_id}"
        post = Post(post_id=post_id, platform="demo", url=url, published_at=NOW, seen_at=NOW, media=links)
        changed = msgspec.structs.replace(post_sampling(self.settings), **sampling)
        known = KnownMedia(inputs("decode", self.log, self.entries), self.seal, changed)

        async def decode(post: Post, record: Record) -> AsyncIterator[Output]:
            async for output in decode_sealed(post, record, self.media, self.seal, known):
                yield output

        guard: Guard[Post] = Guard(
            "decode", CODEC, decode, self.log.deliver, DeadLetterLimit(10), timeout_s=60.0, retry=NO_PAUSES
        )
        await guard(Record("posts", 0, 0, post_id.encode(), CODEC.encode("posts", post)))

    def media_of(self, post_id: str) -> list[Frames | Sounds]:
        """Return the frames and sounds of a post, unsealed, the thumbnails too."""
        kept = self.log.kept("frames", "sounds")
        return [self._unsealed(one.message) for one in kept if one.key.startswith(f"{post_id}/")]

    def _unsealed(self, message: Frames | Sounds) -> Frames | Sounds:
        if isinstance(message, Sounds):
            return self.seal.sounds(message)
        thumbnails = [msgspec.structs.replace(t, jpeg=self.seal.thumbnail(message, t)) for t in message.thumbnails]
        return msgspec.structs.replace(self.seal.frames(message), thumbnails=thumbnails)


@pytest.fixture
async def system(tmp_path: Path) -> AsyncIterator[System]:
    settings = MediaSettings(file_roots=(tmp_path,), segment_s=2)
    async with Fetcher(settings) as fetcher, CountingDecoder(settings) as decoder:
        yield System(tmp_path, fetcher, decoder, settings)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return video(tmp_path / "clip.mp4", moving(50), sound=tone(5))


def copied(clip: Path) -> Path:
    """Return another file with the same bytes."""
    again = clip.with_name("again.mp4")
    again.write_bytes(clip.read_bytes())
    return again


def parts(system: System, post_id: str) -> set[Any]:
    return {message.segment.parts for message in system.media_of(post_id)}


async def test_the_same_file_in_another_post_is_decoded_once_with_equal_records(system: System, clip: Path) -> None:
    await system.run("p1", clip)
    again = copied(clip)
    await system.run("p2", again)
    assert system.decoder.n_files == 1
    first, second = system.media_of("p1"), system.media_of("p2")
    assert len(second) == 6
    assert [without_post(message) for message in first] == [without_post(message) for message in second]
    assert {message.segment.post.post_id for message in second} == {"p2"}
    assert {message.segment.url for message in second} == {again.as_uri()}
    assert [(one.segment.segment, one.segment.start_s) for one in second] == [
        (one.segment.segment, one.segment.start_s) for one in first
    ]
    assert parts(system, "p1") == parts(system, "p2")
    assert any(message.digests for message in second)


async def test_the_same_file_twice_in_one_post_is_decoded_once(system: System, clip: Path) -> None:
    await system.run("p1", clip, clip)
    assert system.decoder.n_files == 1
    assert [message.segment.medium for message in system.media_of("p1")] == [0] * 6 + [1] * 6
    assert [message.segment.segment for message in system.media_of("p1")] == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]


async def test_a_still_has_the_digest_of_its_pixels_again(system: System, tmp_path: Path) -> None:
    picture = image(tmp_path / "a.png")
    await system.run("p1", picture)
    await system.run("p2", picture)
    assert system.decoder.n_files == 1
    (first,), (second,) = system.media_of("p1"), system.media_of("p2")
    assert first.digests == second.digests
    assert without_post(first) == without_post(second)


async def test_other_bytes_and_another_sampling_are_decoded(system: System, clip: Path) -> None:
    await system.run("p1", clip)
    with clip.open("ab") as file:
        file.write(b"\0" * 8)
    await system.run("p2", clip)
    await system.run("p3", clip, short_side=240)
    assert system.decoder.n_files == 3


async def test_a_file_that_was_not_decoded_in_full_is_decoded_again_and_is_a_dead_letter_again(
    system: System, tmp_path: Path
) -> None:
    film = damaged(tmp_path / "damaged.mp4", 3.0, 8.0)
    for post_id in ("p1", "p2"):
        await system.run(post_id, film)
    assert system.decoder.n_files == 2
    assert not system.entries
    assert [kept.message.reason for kept in system.log.kept("dead-letters")] == ["media_partial"] * 2


async def test_records_that_are_gone_amid_a_medium_are_decoded_and_the_rest_copied(system: System, clip: Path) -> None:
    await system.run("p1", clip)
    (entry,) = system.entries.values()
    (key,) = system.entries
    gone = msgspec.structs.replace(entry.records[3], offset=99)
    system.entries[key] = msgspec.structs.replace(entry, records=[*entry.records[:3], gone, *entry.records[4:]])
    await system.run("p2", clip)
    assert system.decoder.n_files == 2
    assert [without_post(one) for one in system.media_of("p1")] == [without_post(one) for one in system.media_of("p2")]
    await system.run("p3", clip)
    assert system.decoder.n_files == 2


async def test_a_medium_with_a_record_whose_position_is_unknown_is_not_remembered(system: System, clip: Path) -> None:
    system.log.unplaced = {"sounds"}
    await system.run("p1", clip)
    assert len(system.media_of("p1")) == 6
    assert not system.entries


async def test_records_of_which_the_sealing_key_is_gone_are_decoded(system: System, clip: Path, tmp_path: Path) -> None:
    await system.run("p1", clip)
    (tmp_path / "others").mkdir()
    system.seal = MediaSeal(sealing(tmp_path / "others"))
    await system.run("p2", clip)
    assert system.decoder.n_files == 2
    assert len(system.media_of("p2")) == 6


async def test_a_file_that_is_written_to_while_it_is_decoded_is_not_remembered(system: System, clip: Path) -> None:
    system.decoder.changes = clip
    await system.run("p1", clip)
    assert len(system.media_of("p1")) == 6
    assert not system.entries
