"""Local server of the fediverse: posts, actors, and an inbox that verifies signatures as Mastodon does."""

import base64
import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from hashlib import sha256
from typing import Any, ClassVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

from tests.support.platforms.certificates import private_key
from tests.support.platforms.http_server import LocalServer, Request, Response, reply

ACTOR = "https://centre.example/actor"
_MAX_SKEW = timedelta(hours=12)


class LocalFediverse(LocalServer):
    """A server that answers only to requests signed by `ACTOR`."""

    main: ClassVar[str] = "/inbox"

    def __init__(self, *, tls: bool = False) -> None:
        super().__init__(tls=tls)
        self.flags: list[dict[str, Any]] = []
        self.posts: dict[str, dict[str, Any]] = {}
        """Objects by path."""
        self.n_forged = 0

    def add_post(self, post_id: str, author: str = "mallory") -> str:
        """Add a post, and return its address."""
        path = f"/notes/{post_id}"
        self.posts[path] = {"id": self.url + path, "type": "Note", "attributedTo": f"{self.url}/users/{author}"}
        return self.url + path

    def remove_post(self, post_id: str) -> None:
        del self.posts[f"/notes/{post_id}"]

    def answer(self, request: Request) -> Response:
        if not self._is_signed(request):
            self.n_forged += 1
            return reply({"error": "Request not signed"}, 401)
        if request.path in self.posts:
            return reply(self.posts[request.path])
        if request.path.startswith("/users/"):
            actor = self.url + request.path
            endpoints = {"sharedInbox": self.url + self.main}
            return reply({"id": actor, "type": "Person", "inbox": f"{actor}/inbox", "endpoints": endpoints})
        if request.path == self.main and request.method == "POST":
            return self._flag(request.json())
        return reply({"error": "Gone"}, 410)

    def _flag(self, activity: dict[str, Any]) -> Response:
        actors = [uri for uri in activity["object"] if uri.startswith(f"{self.url}/users/")]
        if activity["type"] != "Flag" or activity["actor"] != ACTOR or len(actors) != 1:
            return Response(202)  # as Mastodon, which drops what it cannot use
        self.flags.append(activity)
        return Response(202)

    def _is_signed(self, request: Request) -> bool:
        """Verify a signature by the text of draft-cavage-http-signatures-12."""
        given = dict(re.findall(r'(\w+)="([^"]*)"', request.headers.get("signature", "")))
        names = given.get("headers", "").split()
        if given.get("keyId") != f"{ACTOR}#main-key" or given.get("algorithm") != "rsa-sha256":
            return False
        needed = {"(request-target)", "host", "date"} | ({"digest"} if request.method == "POST" else set())
        if not needed <= set(names) or not self._is_fresh(request) or not self._has_digest(request):
            return False
        fields = {**request.headers, "(request-target)": f"{request.method.lower()} {request.target}"}
        signed = "\n".join(f"{name}: {fields[name]}" for name in names)
        try:
            signature = base64.b64decode(given["signature"])
            private_key().public_key().verify(signature, signed.encode(), PKCS1v15(), SHA256())
        except InvalidSignature:
            return False
        return True

    def _is_fresh(self, request: Request) -> bool:
        return abs(datetime.now(UTC) - parsedate_to_datetime(request.headers["date"])) < _MAX_SKEW

    def _has_digest(self, request: Request) -> bool:
        expected = f"SHA-256={base64.b64encode(sha256(request.body).digest()).decode()}"
        return request.method != "POST" or request.headers["digest"] == expected
