"""Local Bluesky in one server: directory of DIDs, server of accounts and their records, and a labeler behind it."""

import re
from typing import Any, ClassVar

from tests.support.platforms.http_server import LocalServer, Request, Response, reply

ACCOUNT, PASSWORD = "centre.test", "abcd-efgh-ijkl-mnop"
DID, LABELER, AUTHOR = "did:plc:centre", "did:plc:labeler", "did:plc:mallory"
_XRPC = "/xrpc/"
_REASONS = [
    *(f"tools.ozone.report.defs#reason{name}" for name in ("SexualNCII", "SexualDeepfake", "HarassmentDoxxing")),
    "tools.ozone.report.defs#reasonChildSafetyCSAM",
]


class LocalBluesky(LocalServer):
    """An account, posts of `AUTHOR` that can be added and removed, and a labeler with its declaration."""

    main: ClassVar[str] = f"{_XRPC}com.atproto.moderation.createReport"
    create_session: ClassVar[str] = f"{_XRPC}com.atproto.server.createSession"
    refresh_session: ClassVar[str] = f"{_XRPC}com.atproto.server.refreshSession"
    get_record: ClassVar[str] = f"{_XRPC}com.atproto.repo.getRecord"

    def __init__(self, *, tls: bool = False) -> None:
        super().__init__(tls=tls)
        self.reports: list[dict[str, Any]] = []
        self.posts: dict[str, str] = {}
        """Cids by key."""
        self.declaration: dict[str, Any] | None = {
            "reasonTypes": _REASONS,
            "subjectTypes": ["account", "record"],
            "subjectCollections": ["app.bsky.feed.post"],
        }
        self._n_sessions = 0
        self._valid: str | None = None

    def add_post(self, key: str, *, did: str = AUTHOR) -> str:
        """Add a post, and return the address of its page."""
        self.posts[key] = f"bafyrei{key}"
        return f"https://bsky.app/profile/{did}/post/{key}"

    def remove_post(self, key: str) -> None:
        del self.posts[key]

    def expire_session(self) -> None:
        """Let the access token expire."""
        self._valid = None

    def answer(self, request: Request) -> Response:  # noqa: PLR0911 - one for each call
        if request.path.startswith("/did:"):
            pds = {"id": "#atproto_pds", "type": "AtprotoPersonalDataServer", "serviceEndpoint": self.url}
            return reply({"id": request.path[1:], "service": [{"id": "#other"}, pds]})
        match request.path.removeprefix(_XRPC):
            case "com.atproto.server.createSession":
                right = request.json() == {"identifier": ACCOUNT, "password": PASSWORD}
                return (
                    self._session()
                    if right
                    else _error("AuthenticationRequired", "Invalid identifier or password", 401)
                )
            case "com.atproto.server.refreshSession":
                right = request.headers.get("authorization") == f"Bearer refresh-{self._n_sessions}"
                return self._session() if right else _error("ExpiredToken", "Token has been revoked")
            case "com.atproto.identity.resolveHandle":
                return reply({"did": AUTHOR})
            case "com.atproto.repo.getRecord":
                return self._record({name: values[0] for name, values in request.query.items()})
            case "com.atproto.moderation.createReport":
                return self._report(request)
            case _:
                return _error("MethodNotImplemented", "Method Not Implemented", 501)

    def _session(self) -> Response:
        self._n_sessions += 1
        self._valid = f"access-{self._n_sessions}"
        return reply(
            {"accessJwt": self._valid, "refreshJwt": f"refresh-{self._n_sessions}", "did": DID, "handle": ACCOUNT}
        )

    def _record(self, query: dict[str, str]) -> Response:
        if query["collection"] == "app.bsky.labeler.service" and self.declaration is not None:
            return reply({"uri": "at://…", "cid": "bafylabeler", "value": self.declaration})
        if query["collection"] == "app.bsky.feed.post" and query["rkey"] in self.posts:
            uri = f"at://{query['repo']}/{query['collection']}/{query['rkey']}"
            return reply({"uri": uri, "cid": self.posts[query["rkey"]], "value": {"text": "a video"}})
        return _error("RecordNotFound", "Could not locate record")

    def _report(self, request: Request) -> Response:
        if self._valid is None or request.headers.get("authorization") != f"Bearer {self._valid}":
            return _error("ExpiredToken", "Token has expired")
        if request.headers.get("atproto-proxy") != f"{LABELER}#atproto_labeler":
            return _error("InvalidRequest", "no such service")
        report = request.json()
        subject = report["subject"]
        is_uri = re.fullmatch(r"at://did:[a-z]+:[^/]+/app\.bsky\.feed\.post/[^/]+", subject["uri"])
        if not is_uri or subject["$type"] != "com.atproto.repo.strongRef" or len(report["reason"]) > 2_000:
            return _error("InvalidRequest", "Input/reason must not be longer than 2000 graphemes")
        if self.declaration and report["reasonType"] not in self.declaration.get("reasonTypes", [report["reasonType"]]):
            return _error("InvalidRequest", "Reason type not supported")
        self.reports.append(report)
        echoed = {field: report[field] for field in ("reasonType", "reason", "subject")}
        return reply({"id": len(self.reports), "reportedBy": DID, "createdAt": "2026-03-01T12:00:00.000Z", **echoed})


def _error(name: str, message: str, status: int = 400) -> Response:
    return reply({"error": name, "message": message}, status)
