"""A provider of OpenID Connect for tests: real keys, real checks of code, client and PKCE, and faults on demand."""

import base64
import time
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl, urlencode

import httpx
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet
from litestar import Litestar, MediaType, Request, Response, get, post
from litestar.response import Redirect

ISSUER = "https://id.example"
CLIENT, SECRET = "jikimi-console", "a secret+with/signs"


class LocalProvider:
    """One provider with one person, who is logged in at once.

    Attributes
    ----------
    claims
        Claims of the ID token in place of the usual ones; a value of None leaves one out.
    made
        Makes the ID token from its claims.
    """

    def __init__(self) -> None:
        self.key = ECKey.generate_key("P-256", {"kid": "first"})
        self.claims: dict[str, object] = {}
        self.made: Callable[[dict[str, object]], str] = self.signed
        self.is_down = False
        self.asked: list[str] = []
        self.issuer = ISSUER
        self._codes: dict[str, dict[str, str]] = {}

    def signed(self, claims: dict[str, object]) -> str:
        """Return a token signed with the newest key."""
        return jwt.encode({"alg": "ES256", "kid": self.key.kid}, claims, self.key, algorithms=["ES256"])

    def rotate(self, kid: str = "second") -> None:
        """Sign with a new key from now on, and publish it alone."""
        self.key = ECKey.generate_key("P-256", {"kid": kid})

    def client(self) -> httpx.AsyncClient:
        """Return a client that reaches this provider and nothing else."""
        return httpx.AsyncClient(transport=httpx.ASGITransport(self._app()))  # type: ignore[arg-type]

    def _app(self) -> Litestar:
        @get("/.well-known/openid-configuration")
        async def configuration() -> Response[Any]:
            self.asked.append("configuration")
            if self.is_down:
                return Response("no", status_code=503, media_type=MediaType.TEXT)
            return Response({
                "issuer": self.issuer,
                "authorization_endpoint": f"{ISSUER}/authorize",
                "token_endpoint": f"{ISSUER}/token",
                "jwks_uri": f"{ISSUER}/keys",
                "end_session_endpoint": f"{ISSUER}/logout",
            })  # fmt: skip

        @get("/keys")
        async def keys() -> dict[str, Any]:
            self.asked.append("keys")
            return dict(KeySet([self.key]).as_dict())

        @get("/authorize")
        async def authorize(request: Request[Any, Any, Any]) -> Redirect:
            query = dict(request.query_params)
            assert (query["response_type"], query["code_challenge_method"]) == ("code", "S256")
            assert "openid" in query["scope"].split()
            code = f"code-{len(self._codes)}"
            self._codes[code] = query
            return Redirect(f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}")

        @post("/token", status_code=200)
        async def token(request: Request[Any, Any, Any]) -> Response[Any]:
            sent = dict(parse_qsl((await request.body()).decode()))
            asked = self._codes.pop(sent.get("code", ""), None)
            if asked is None or not _is_for(asked, sent, request.headers.get("authorization", "")):
                return Response({"error": "invalid_grant"}, status_code=400)
            return Response({"access_token": "access", "token_type": "Bearer", "id_token": self._token(asked)})

        return Litestar([configuration, keys, authorize, token], openapi_config=None)

    def _token(self, asked: Mapping[str, str]) -> str:
        now_s = int(time.time())
        claims: dict[str, object] = {
            "iss": ISSUER, "sub": "account", "aud": CLIENT, "iat": now_s, "exp": now_s + 300, "nonce": asked["nonce"],
            "groups": ["officers"],
        }  # fmt: skip
        return self.made({name: value for name, value in (claims | self.claims).items() if value is not None})


def _is_for(asked: Mapping[str, str], sent: Mapping[str, str], authorization: str) -> bool:
    """Return whether a code is redeemed by the client and the browser that it was given to."""
    digest = sha256(sent.get("code_verifier", "").encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    basic = base64.b64encode(f"{CLIENT}:a%20secret%2Bwith%2Fsigns".encode()).decode()
    return (
        asked["code_challenge"] == challenge
        and asked["redirect_uri"] == sent.get("redirect_uri")
        and authorization == f"Basic {basic}"
    )
