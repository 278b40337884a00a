"""Decodes files as the sandbox does, with this user's rights and then as nobody without any: `unprivileged FILE …`.

Prints one line per file: what was decoded with rights, and what without. Everything is loaded the first time, for
nobody may not be able to read where it lies.
"""

import os
import sys
from pathlib import Path

import msgspec

from streams.decode.decoder import post_sampling
from streams.decode.media.decoded import DecodedSegment, Job, MediaInfo
from streams.decode.media.segments import work
from streams.decode.sandbox.worker import _give_up_rights
from streams.decode.settings import MediaSettings
from streams.errors import UnprocessableError

_NOBODY = 65534


def told(path: Path) -> str:
    """Return what became of a file."""
    sampling = post_sampling(MediaSettings())
    try:
        (info,) = work(msgspec.msgpack.encode(Job(path=str(path), sampling=sampling, info=None)))
        scanned = msgspec.msgpack.decode(info, type=MediaInfo)
        answers = work(msgspec.msgpack.encode(Job(path=str(path), sampling=sampling, info=scanned)))
        segments = [msgspec.msgpack.decode(answer, type=DecodedSegment) for answer in answers]
    except UnprocessableError as error:
        return f"{error.reason}"
    except OSError as error:
        return repr(error)
    return f"{sum(len(segment.frames) for segment in segments)} frames {sum(len(each.pcm) for each in segments)} bytes"


def main() -> None:
    """Decode every file twice."""
    files = [Path(name) for name in sys.argv[1:]]
    before = [told(file) for file in files]
    if os.geteuid() == 0:  # whom the limit on processes and threads does not hold
        os.setgroups([])
        os.setgid(_NOBODY)
        os.setuid(_NOBODY)
    _give_up_rights()
    after = [told(file) for file in files]
    for with_rights, without in zip(before, after, strict=True):
        sys.stdout.write(f"{with_rights}\t{without}\n")


if __name__ == "__main__":
    main()
