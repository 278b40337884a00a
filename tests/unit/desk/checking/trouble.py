"""A list of 50 links with every kind of trouble, and the site that they lead to."""

from typing import NamedTuple

from tests.support.platforms.http_server import LocalServer, Request, Response

HTML = {"Content-Type": "text/html; charset=utf-8"}


def page(*head: str, body: str = "") -> Response:
    return Response(200, f"<!doctype html><html><head>{''.join(head)}</head><body>{body}</body>".encode(), HTML)


def meta(name: str, content: str) -> str:
    return f'<meta property="{name}" content="{content}">'


def linked(json: str) -> str:
    return f'<script type="application/ld+json">{json}</script>'


class Site(LocalServer):
    """Answers by path; any other path is 404."""

    def __init__(self, clip: bytes = b"\x00\x00\x00\x18ftypmp42 bytes of a clip") -> None:
        super().__init__()
        objects = ", ".join(f'{{"@type": "VideoObject", "contentUrl": "/media/{n}.mp4"}}' for n in range(3_000))
        password = '<form><input type="password" name="p"></form>'
        self.pages: dict[str, Response] = {
            "/clip.mp4": Response(200, clip, {"Content-Type": "text/html"}),  # what servers call it is often wrong
            "/og": page(meta("og:video", "/clip.mp4"), meta("og:image", "/thumb.jpg"), meta("og:title", "a title")),
            "/video": page(body="<video><source src='clip.mp4' type='video/mp4'></video>"),
            "/json-ld": page(linked('{"@graph": [{"@type": ["VideoObject"], "contentUrl": "/clip.mp4"}]}')),
            "/player": page(meta("twitter:player", "/og")),
            "/channel": page(linked(f"[{objects}]")),
            "/picture": page(meta("og:image", "/thumb.jpg")),
            "/words": page("<title>only words</title>"),
            "/empty": Response(200, b"", HTML),
            "/login": page(meta("og:image", "/logo.png"), body=password),
            "/to-login": Response(302, headers={"Location": "/accounts/login/?next=%2Fp"}),
            "/accounts/login/": page("<title>Log in</title>"),
            "/private": Response(403, b"", HTML),
            "/members": Response(401, b"", HTML),
            "/gone": Response(410, b"", HTML),
            "/busy": Response(503, b"", HTML),
            "/round": Response(302, headers={"Location": "/round"}),
            "/inside": Response(302, headers={"Location": "http://169.254.169.254/latest/meta-data/"}),
            "/to-file": Response(302, headers={"Location": "file:///etc/passwd"}),
            "/to-og": Response(302, headers={"Location": "/og"}),
        }

    def answer(self, request: Request) -> Response:
        return self.pages.get(request.path, Response(404, b"<!doctype html>no such page", HTML))


class Link(NamedTuple):
    """One link of the list."""

    address: str
    media: list[str] | str
    """Paths of its media on the site, or the reason why it has none."""


def links(site: Site) -> list[Link]:
    """Return 50 links."""
    base, closed = site.url, "http://127.0.0.1:1"
    good: dict[str, list[str] | str] = {
        f"/{name}": ["/clip.mp4"] for name in ("clip.mp4", "video", "json-ld", "player")
    }
    troubles: dict[str, list[str] | str] = {
        "/words": "page_without_media", "/empty": "media_empty", "/login": "link_login", "/to-login": "link_login",
        "/private": "link_forbidden", "/members": "link_forbidden", "/gone": "link_gone", "/missing": "link_gone",
        "/busy": "link_unavailable", "/round": "redirect_loop", "/inside": "link_private_address",
        "/to-file": "link_scheme",
    }  # fmt: skip
    malformed = [
        "not a link", "ftp://host.example/a.mp4", "file:///etc/passwd", "javascript:alert(1)", "https://", "//host/a",
        "http://[half", "http://host.example:none/", "https://host.example/" + "a" * 2_000, "http://a b.example/",
        "mailto:a@b.example", "s3://bucket/key", "data:text/html,x", "http:///path", "at://did:plc:x/app/y", "\x1b[31m",
        "www.example.org/a.mp4",
    ]  # fmt: skip
    elsewhere = {
        f"{closed}/clip.mp4": "link_unavailable", "http://169.254.169.254/": "link_private_address",
        "http://[::1]/": "link_private_address", "http://10.0.0.1/a.mp4": "link_private_address",
        "http://nowhere.invalid/": "link_unavailable", f"http://0x7f000001:{site.url.rsplit(':', 1)[1]}/": "",
    }  # fmt: skip
    found = [Link(base + path, media) for path, media in {**good, **troubles}.items()]
    found += [Link(f"{base}/og", ["/clip.mp4", "/thumb.jpg"]), Link(f"{base}/picture", ["/thumb.jpg"])]
    found += [Link(f"{base}/to-og", ["/clip.mp4", "/thumb.jpg"])]
    found += [Link(f"{base}/channel", [f"/media/{n}.mp4" for n in range(20)])]
    found += [Link(address, "link_malformed") for address in malformed]
    found += [Link(address, reason) for address, reason in elsewhere.items() if reason]
    found += [Link(f"{base}/clip.mp4?part={n}", ["/clip.mp4"]) for n in range(50 - len(found))]
    assert len(found) == 50
    return found
