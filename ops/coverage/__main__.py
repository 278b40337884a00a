"""Table of what is decoded of which medium, in ops/docs/coverage.md: `python -m ops.coverage`."""

import asyncio
from collections.abc import Iterable
from contextlib import aclosing
from pathlib import Path
from tempfile import TemporaryDirectory

from ops.coverage.cases import Case, cases
from schemas.messages import Coverage
from streams.decode.decoder import Decoder
from streams.decode.media.decoded import DecodedSegment
from streams.decode.settings import MediaSettings
from streams.errors import UnprocessableError

DOCUMENT = Path(__file__).parent.parent / "docs" / "coverage.md"
_HEAD = "| container | codec | oddity | picture | sound | reason |\n|---|---|---|---|---|---|\n"


async def table(chosen: Iterable[Case]) -> str:
    """Return the table in Markdown, one row for each case, decoded in the sandbox."""
    rows = [_HEAD]
    async with Decoder(MediaSettings()) as decoder:
        for case in chosen:
            with TemporaryDirectory() as folder:
                path = Path(folder) / f"medium.{case.container}"
                case.make(path)
                rows.append(await _row(case, path, decoder))
    return "".join(rows)


async def _row(case: Case, path: Path, decoder: Decoder) -> str:
    found: list[DecodedSegment] = []
    reason = ""
    try:
        info = await decoder.scan(path)
        async with aclosing(decoder.segments(path, info)) as segments:
            async for segment in segments:
                found.append(segment)  # noqa: PERF401 - those before an error count
    except UnprocessableError as error:
        reason = f"{error.reason}: {error.detail}"
    stills = sum(bool(segment.frames) and segment.picture is None for segment in found)
    picture = ", ".join(filter(None, ("picture" if stills else "", _share(segment.picture for segment in found))))
    sound = _share(segment.sound for segment in found)
    return f"| {case.container} | {case.codec} | {case.oddity} | {picture} | {sound} | {reason} |\n"


def _share(coverages: Iterable[Coverage | None]) -> str:
    """Return decoded and present seconds of all tracks of a kind; empty without one."""
    known = [each for each in coverages if each is not None]
    if not known:
        return ""
    return f"{sum(each.decoded_s for each in known):.1f} of {sum(each.present_s for each in known):.1f} s"


def main() -> None:
    """Write the table into the page."""
    text = DOCUMENT.read_text(encoding="utf-8")
    before, _, after = text.partition(_HEAD)
    rest = after.partition("\n\n")[2]
    DOCUMENT.write_text(before + asyncio.run(table(cases())) + (f"\n{rest}" if rest else ""), encoding="utf-8")


if __name__ == "__main__":
    main()
