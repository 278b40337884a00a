"""Names of a Mastodon stream in the three places of the API."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream and its names."""

    name: str
    """Such as public:remote:media."""
    tag: str | None = None

    @property
    def parameters(self) -> dict[str, str]:
        """Query parameters of the WebSocket."""
        return {"stream": self.name} | ({"tag": self.tag} if self.tag else {})

    @property
    def sse(self) -> tuple[str, dict[str, str]]:
        """Path and query parameters of its server-sent events."""
        names = self.name.split(":")
        path = "/".join(name for name in names if name != "media")
        media = {"only_media": "true"} if "media" in names else {}
        return f"/api/v1/streaming/{path}", media | ({"tag": self.tag} if self.tag else {})

    @property
    def timeline(self) -> tuple[str, dict[str, str]]:
        """Path and query parameters of the timeline with the same posts."""
        first, *rest = self.name.split(":")
        parameters = {"local": "local", "remote": "remote", "media": "only_media"}
        path = {"user": "home", "hashtag": f"tag/{self.tag}"}.get(first, first)
        return f"/api/v1/timelines/{path}", {parameters[name]: "true" for name in rest}


STREAMS = (
    *(f"public{where}{media}" for where in ("", ":local", ":remote") for media in ("", ":media")),
    *("user", "hashtag", "hashtag:local"),
)
