"""Decoding of files as in the sandbox, first with this user's privileges, then without: `unprivileged FILE …`.

Prints one line per file: the outcome with privileges, and without. All modules are loaded by the first pass, because
the user nobody may not be able to read them.
"""

import os
import sys
from pathlib import Path

import msgspec

from streams.decode.decoder import post_sampling
from streams.decode.media.decoded import DecodedSegment, Job, MediaInfo
from streams.decode.media.segments import work
from streams.decode.sandbox.child_main import _drop_privileges
from streams.decode.settings import MediaSettings
from streams.errors import UnprocessableError

_NOBODY = 65534


def outcome(path: Path) -> str:
    """Return the decoded amounts of a file, or its error."""
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
    before = [outcome(file) for file in files]
    if os.geteuid() == 0:  # root is exempt from the limit on processes and threads
        os.setgroups([])
        os.setgid(_NOBODY)
        os.setuid(_NOBODY)
    _drop_privileges()
    after = [outcome(file) for file in files]
    for privileged, unprivileged in zip(before, after, strict=True):
        sys.stdout.write(f"{privileged}\t{unprivileged}\n")


if __name__ == "__main__":
    main()
