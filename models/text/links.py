"""Addresses and handles in a text, also disguised ones, which may lead to the film itself.

A post often gives only an address: t.me/name, an open chat, "텔레 @name". Addresses help the reviewer; they are no
evidence that a post is a copy.
"""

import re
from collections.abc import Iterable, Iterator

from models.text.lookalikes import latin
from models.text.words import visible

MOST_LINKS = 32
"""Most links of one record."""
_LONGEST = 200
_MAX_CHARACTERS = 50_000
"""Most characters searched in all texts together."""

_HOSTS = (
    *("t.me", "telegram.me", "telegram.dog", "discord.gg", "discord.com/invite", "discordapp.com/invite"),
    *("open.kakao.com", "pf.kakao.com", "line.me", "lin.ee", "chat.whatsapp.com", "wa.me", "signal.me", "signal.group"),
    *("bit.ly", "tinyurl.com", "is.gd", "cutt.ly", "rb.gy", "shorturl.at", "t.co", "ouo.io", "me2.kr", "han.gl"),
    *("url.kr", "vo.la", "buly.kr", "abit.ly", "linktr.ee", "litt.ly", "mega.nz", "gofile.io"),
    *("pixeldrain.com", "terabox.com"),
)
"""Hosts on which a short path is a channel, a room or a file; also found without http."""
_LEADING_AWAY = tuple(f"{host}/" for host in _HOSTS)
_SAME = {"telegram.me": "t.me", "telegram.dog": "t.me", "discord.com/invite": "discord.gg"}
_SAME["discordapp.com/invite"] = "discord.gg"

_DOTS = re.compile(
    r"\s*[(\[{<]\s*(?:\.|dot|점|닷|쩜)\s*[)\]}>]\s*"
    r"|(?<=[a-z0-9])\s*(?:점|닷|쩜|。|•|·)\s*(?=[a-z])"
    r"|(?<=[a-z0-9])\s+dot\s+(?=[a-z])",
    re.IGNORECASE,
)
_SLASHES = re.compile(r"\s*[(\[{]\s*(?:/|slash)\s*[)\]}]\s*|\s*(?:슬래시|슬래쉬|\bslash\b)\s*", re.IGNORECASE)
_PATH = r"(?P<path>[a-z0-9_.~%+@#-]+(?:/[a-z0-9_.~%+@#-]+)*)"
_SPACED = "|".join(re.escape(host).replace(r"\.", r"\s*\.\s*").replace("/", r"\s*/\s*") for host in _HOSTS)
_KNOWN = re.compile(rf"(?<![\w.-])(?P<host>{_SPACED})\s*/\s*{_PATH}", re.IGNORECASE)
_URL = re.compile(rf"h(?:tt|xx)ps?\s*:\s*//\s*(?P<host>[\w-]+(?:\.[\w-]+)+)(?::\d+)?(?:/{_PATH})?", re.IGNORECASE)
_HANDLE = re.compile(r"(?<![\w.+@/-])@(?P<name>[a-z0-9_](?:[a-z0-9_.-]{1,62}[a-z0-9_]))(?!\w)", re.IGNORECASE)
_MESSENGER_HANDLE = re.compile(
    r"(?:(?:텔레그램|텔레|텔그|라인|카톡|카카오톡|디스코드|디코|인스타|스냅챗|위챗)\s*(?:아이디|id|채널|방)?\s*[:=>~-]*"
    r"|(?<![a-z])(?:telegram|tele|line|kakao|kik|snap|snapchat|wechat|insta|discord)(?:\s*id)?\s*[:=])"
    r"\s*(?:@\s*)?(?P<name>[a-z][a-z0-9_.]{2,30}[a-z0-9_])(?![\w/@]|\.\w)",
    re.IGNORECASE,
)


def leads_away(link: str) -> bool:
    """Return whether a link found by `links` leads to a channel, a room or a file of another service."""
    return link.startswith(_LEADING_AWAY)


def links(texts: Iterable[str]) -> list[str]:
    """Return the links in texts, each once, in order, at most 32: host and path without scheme, or @name.

    Handles and hosts are in lower case; paths keep their case, because invitations differ by it.
    """
    found: dict[str, None] = {}
    room = _MAX_CHARACTERS
    for text in texts:
        plain = _plain(text[: max(0, room)])
        room -= len(text)
        handles = [f"@{name['name'].lower()}" for form in (_HANDLE, _MESSENGER_HANDLE) for name in form.finditer(plain)]
        found |= dict.fromkeys(link for link in (*_addresses(plain), *handles) if len(link) <= _LONGEST)
    return list(found)[:MOST_LINKS]


def _plain(text: str) -> str:
    """Return a text with disguised letters, dots and slashes restored."""
    spaced = " ".join(visible(text).split())
    letters = "".join(letter if "가" <= letter <= "힣" else latin(letter) for letter in spaced)
    return _SLASHES.sub("/", _DOTS.sub(".", letters))


def _addresses(text: str) -> Iterator[str]:
    for found in _URL.finditer(text):
        path = (found["path"] or "").rstrip(".")
        host = found["host"].lower().removeprefix("www.")
        if not any(f"{host}/{path}".startswith(known) for known in _HOSTS):
            yield f"{host}/{path}".rstrip("/")
    for found in _KNOWN.finditer(text):
        host = re.sub(r"\s", "", found["host"]).lower()
        host = _SAME.get(host, host)
        path = found["path"].rstrip(".").removeprefix("s/" if host == "t.me" else "")
        # A channel's name is case-insensitive, an invitation is not.
        is_name = host == "t.me" and not path.startswith(("+", "joinchat/"))
        yield f"{host}/{path.lower() if is_name else path}"
