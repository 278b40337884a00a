"""Scenario of the demo: three cases, and posts with known edits and expected results."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from streams.evaluation.edits import EDITS

Kind = Literal["copy", "mention", "unrelated", "broken"]
"""Contains a reference; only contains a term or a phrase; belongs to no case; has a link without media."""
Expected = Literal["act", "review", "none"]

MEDIA = Path(__file__).parent / "media"


@dataclass(frozen=True, slots=True)
class DemoCase:
    """A case as a case officer would open it."""

    name: str
    """Pseudonym."""
    references: tuple[Path, ...]
    terms: tuple[str, ...] = ()
    phrases: tuple[str, ...] = ()
    late: bool = False
    """Opened after the posts were processed."""


@dataclass(frozen=True, slots=True)
class Scene:
    """One post to be made."""

    name: str
    kind: Kind
    what: str
    """Description of the edit for the table."""
    expected: Expected
    case: str | None = None
    """Pseudonym of the case it belongs to."""
    caption: str = ""
    clip: str | None = None
    edit: str | None = None
    other: str = "trap"
    """Unrelated clip for the edits that need one."""
    link: str | None = None
    """Path of a prepared file, or a whole link, in place of a clip."""


CLOVER = DemoCase(
    "clover",
    (MEDIA / "carving.mp4", MEDIA / "flowers.mp4"),
    ("@byeolhaneul_07", "별하늘 브이로그 유출"),
    ("별하늘 브이로그 원본 영상은 프로필에 있는 링크에서 볼 수 있습니다",),
)
WILLOW = DemoCase("willow", (MEDIA / "flight.mp4",), late=True)
HAZEL = DemoCase("hazel", (MEDIA / "room.mp4",))
"""A recording by a fixed camera. The other one of that room is of another person, who has no case."""
CASES = (CLOVER, HAZEL, WILLOW)

_FIXED_CAMERA = {"room": "room by a fixed camera", "room-again": "the same room, another person"}
"""What the table calls these clips."""


def _copy(
    edit: str, clip: str, caption: str = "", *, expected: Expected = "act", other: str = "trap", case: DemoCase = CLOVER
) -> Scene:
    name = f"{edit}-{clip}".replace("_", "-")
    what = f"{_FIXED_CAMERA.get(clip, clip)}, {EDITS[edit].description}{', before its case' if case.late else ''}"
    return Scene(name, "copy", what, expected, case.name, caption, clip, edit, other)


def _mention(name: str, caption: str, how: str = "names the term") -> Scene:
    return Scene(name, "mention", f"text that {how}", "review", CLOVER.name, caption)


def _unrelated(edit: str, clip: str, caption: str = "") -> Scene:
    name = f"{clip}-{edit}".replace("_", "-")
    what = _FIXED_CAMERA.get(clip, "other video")
    return Scene(name, "unrelated", f"{what}, {EDITS[edit].description}", "none", None, caption, clip, edit)


def _chatter(name: str, caption: str) -> Scene:
    return Scene(name, "unrelated", "other text", "none", None, caption)


def _broken(name: str, what: str, link: str, caption: str = "") -> Scene:
    return Scene(name, "broken", what, "none", None, caption, link=link)


SCENES: tuple[Scene, ...] = (
    _copy("reencoded", "carving", "이거 진짜 미쳤다 ㅋㅋ"),
    _unrelated("unchanged", "morning", "Good morning from the hills"),
    _copy("cropped", "flowers"),
    _broken("corrupt", "corrupt file", "corrupt.mp4", "does this play for you?"),
    _unrelated("captioned", "meadow", "오늘 산책 영상 🐿️"),
    _copy("mirrored", "carving", "re-up before it goes down again"),
    _copy("captioned", "flowers", "풀버전은 프로필 링크에"),
    _chatter("weather", "밤하늘에 별이 정말 많다. 내일도 맑으면 좋겠다."),
    _copy("sped_up", "carving", "1.25x so the filter sleeps"),
    _unrelated("mirrored", "butterfly"),
    _copy("picture_in_picture", "flowers", "my reaction 😳", other="rodents"),
    _broken("missing", "link to nothing (404)", "gone.mp4", "deleted already?"),
    _copy("excerpt_inside_another", "carving", "wait for it…", other="meadow"),
    _unrelated("reencoded", "path", "throwback"),
    _copy("sound_only", "flowers", "음악 뭐예요?", expected="review", other="trunk"),
    _mention("handle", "anyone still got the video of ByeolHaneul_07?? dm me"),
    _copy("cropped", "flight", "날다람쥐 아님 주의", case=WILLOW),
    _unrelated("sped_up", "trunk"),
    _copy("silent", "carving", "no sound, sorry"),
    _broken("private", "link to a private address", "http://169.254.169.254/latest/meta-data/"),
    _copy("letterboxed", "flowers", "#shorts"),
    _unrelated("silent", "trap"),
    _copy("rotated", "carving"),
    _chatter("lunch", "Lunch was great, pictures tomorrow. @sky_and_stars you missed it!"),
    _copy("grayscale", "flowers", "black and white era"),
    _unrelated("grayscale", "hunter", "no colour needed"),
    _unrelated("cropped", "rodents", "우리 동네 다람쥐들"),
    _copy("noisy", "carving"),
    _broken("moved", "link that leads to a private address", "moved"),
    _copy("still", "carving", "캡처본"),
    _unrelated("still", "hunter", "wallpaper"),
    _mention("title", "별하늘브이로그 유출 원본 어디서 봐요"),
    _unrelated("unchanged", "branch"),
    _mention("lookalikes", "got it: b y е o l h a n 3 u l _ 0 7, dm @here", "names it in look-alike letters"),  # noqa: RUF001
    _mention("jamo", "ㅂㅕㄹ하늘 브ㅇㅣ로그ㅋㅋ 유출된 거 원본 있는 사람 연락 좀", "names it in jamo"),
    _copy("recoloured", "flowers"),
    _unrelated("recoloured", "morning", "same place, evening light"),
    _unrelated("letterboxed", "dusk", "evening walk"),
    _mention(
        "paraphrase",
        "프로필에 걸린 링크로 가면 별하늘 브이로그 원본 영상을 볼 수 있어요",
        "says its phrase in other words",
    ),
    _copy("sound_file", "flowers", "ringtone", expected="review"),
    _unrelated("picture_in_picture", "burrow", "split screen test"),
    _copy("captioned", "room", "watch till the end", case=HAZEL),
    _unrelated("captioned", "room-again", "room tour"),
    _copy("excerpt", "room", "part 1", case=HAZEL),
    _copy("still", "room", "who is this?", expected="review", case=HAZEL),  # it shows which room, not which recording
)
"""Scenes in posting order."""
