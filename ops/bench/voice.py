"""Print how well voices are distinguished: ``python -m ops.bench.voice SPEAKERS [--music FOLDER] [--most N]``.

SPEAKERS has one folder of recordings for each speaker; folders whose names are equal up to a + belong to one person, as
a+en and a+es. The first half of a speaker's sounds is the reference, the second half is cut into posts of 12 s, each
compared with every reference. Scores are those of the match stage; below them cosines, for choosing its threshold.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
import numpy.typing as npt
from av.audio.resampler import AudioResampler

from models.metrics import equal_error_rate
from models.registry import Registry
from models.voice.likeness import RUN, most_similar_run, runs_of
from models.voice.model import RATE_HZ, VoiceDescription, VoiceModel

_MOST_S = 60
"""Duration used of each speaker, half of it as the reference."""
_POST_S = 12
_REVIEW = 0.8
"""Score from which a person reviews."""

Pcm = npt.NDArray[np.int16]


class Speaker(NamedTuple):
    """Voice descriptors of one speaker."""

    name: str
    reference: VoiceDescription
    posts: Sequence[VoiceDescription]

    @property
    def person(self) -> str:
        """Person, the same in all languages."""
        return self.name.partition("+")[0]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("speakers", type=Path)
    parser.add_argument("--music", type=Path)
    parser.add_argument("--most", type=int, default=1000)
    arguments = parser.parse_args()
    model = Registry().voice()
    began_s, sounds = time.process_time(), 0.0
    speakers = []
    for folder in sorted(path for path in arguments.speakers.iterdir() if path.is_dir())[: arguments.most]:
        pcm = recordings(folder)
        sounds += len(pcm) / RATE_HZ
        speakers.append(described(model, folder.name, pcm))
    print_trials(speakers)
    sys.stdout.write(f"{(time.process_time() - began_s) / sounds * 60:.2f} processor seconds a minute, decoding too\n")
    if arguments.music is not None:
        print_music(model, speakers, arguments.music)


def described(model: VoiceModel, name: str, pcm: Pcm) -> Speaker:
    """Return a speaker whose first half is the reference."""
    half = len(pcm) // 2
    posts = cut(pcm[half:])
    return Speaker(name, model.describe(pcm[:half]), [model.describe(post) for post in posts])


def print_trials(speakers: Sequence[Speaker]) -> None:
    """Print the equal error rate, and the share of trials that a person reviews."""
    same: list[float] = []
    other: list[float] = []
    across: list[float] = []
    for reference in speakers:
        for speaker in speakers:
            found = [score(post, reference.reference) for post in speaker.posts if len(post.vectors) >= RUN]
            mine = speaker.person == reference.person
            (across if mine and speaker is not reference else same if mine else other).extend(found)
    for name, scores in (("same voice", same), ("another language", across), ("another voice", other)):
        if scores:
            above = float(np.mean(np.array(scores) >= _REVIEW))
            sys.stdout.write(
                f"{name:18} {len(scores):6} trials  median {np.median(scores):.2f}  reviewed {above:.1%}\n"
            )
    posts = [post for speaker in speakers for post in speaker.posts]
    short = sum(len(post.vectors) < RUN for post in posts)
    sys.stdout.write(f"too little speech in {short} of {len(posts)} posts: no trials\n")
    rate, at = equal_error_rate(np.array(same), np.array(other))
    sys.stdout.write(f"equal error rate {rate:.1%} at a score of {at:.2f}\n")


def print_music(model: VoiceModel, speakers: Sequence[Speaker], folder: Path) -> None:
    """Print how much music passes for speech, and how often it matches a speaker."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    posts = [post for file in files for post in cut(decoded(file)[: 36 * RATE_HZ])]
    found = [model.describe(post) for post in posts]
    rows = sum(len(post.vectors) for post in found) / max(1, sum(len(post) for post in posts) / RATE_HZ / 0.8)
    scores = np.array([score(post, speaker.reference) for post in found for speaker in speakers])
    sys.stdout.write(
        f"music: {len(posts)} pieces of {_POST_S} s, {rows:.0%} of their windows pass for speech; "
        f"{len(scores)} trials, reviewed {np.mean(scores >= _REVIEW):.2%}, highest {scores.max():.2f}\n"
    )


def score(post: VoiceDescription, reference: VoiceDescription) -> float:
    """Return the match stage's score, 0 without a match."""
    found = most_similar_run(runs_of(post.vectors), post.times_s, reference.vectors)
    return 0.0 if found is None else found.score


def cut(pcm: Pcm) -> list[Pcm]:
    """Return the whole pieces of 12 s."""
    size = _POST_S * RATE_HZ
    return [pcm[start : start + size] for start in range(0, len(pcm) - size + 1, size)]


def recordings(folder: Path) -> Pcm:
    """Return a minute of a folder's sounds, in a seeded order."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    np.random.default_rng(0).shuffle(files)
    sounds: list[Pcm] = []
    for file in files:
        sounds.append(decoded(file))
        if sum(map(len, sounds)) >= _MOST_S * RATE_HZ:
            break
    return np.concatenate([np.zeros(0, np.int16), *sounds])[: _MOST_S * RATE_HZ]


def decoded(file: Path) -> Pcm:
    """Return a file's sound as the decode stage samples it, empty without sound."""
    resampler = AudioResampler(format="s16", layout="mono", rate=RATE_HZ)
    try:
        with av.open(str(file)) as container:
            chunks = [frame for decoded in container.decode(audio=0) for frame in resampler.resample(decoded)]
    except (av.error.FFmpegError, IndexError):
        return np.zeros(0, np.int16)
    sounds = (chunk.to_ndarray()[0].astype(np.int16) for chunk in [*chunks, *resampler.resample(None)])
    return np.concatenate([np.zeros(0, np.int16), *sounds])


if __name__ == "__main__":
    main()
