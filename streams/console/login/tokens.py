"""Exchange of a login's code for its ID token, and the verification of that token."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

import httpx
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri, prepare_token_request
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError

from streams.console.login.begun import Begun
from streams.console.login.provider import Addresses, Provider, parsed

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"]
"""Signatures that a token may have: by keys that only the provider has; never none, never a shared secret."""
LEEWAY_S = 60
"""Most that the provider's clock may be off."""
_MAX_CODE = 4000


class LoginError(Exception):
    """A login failed, and a new one may not; the message is a slug for the log."""


def login_address(provider: Provider, addresses: Addresses, begun: Begun, redirect: str) -> str:
    """Return the address at which the person logs in."""
    oidc = provider.oidc
    address: str = prepare_grant_uri(
        addresses.login,
        oidc.client_id,
        "code",
        redirect_uri=redirect,
        scope=oidc.scope,
        state=begun.state,
        nonce=begun.nonce,
        code_challenge=create_s256_code_challenge(begun.verifier),
        code_challenge_method="S256",
    )
    return address


def logout_address(provider: Provider, addresses: Addresses, back: str) -> str:
    """Return the address that ends the session at the provider, empty if it has none."""
    query = urlencode({"client_id": provider.oidc.client_id, "post_logout_redirect_uri": back})
    return f"{addresses.logout}{'&' if '?' in addresses.logout else '?'}{query}" if addresses.logout else ""


async def claims_of(provider: Provider, code: str, begun: Begun, redirect: str) -> Mapping[str, Any]:
    """Return the verified claims of the person who logged in.

    Raises
    ------
    LoginError
        The provider refuses the code, or its token is not one for this login.
    TransientError
        The provider does not answer.
    """
    sent = await _exchange(provider, code, begun, redirect)
    token, access = sent.get("id_token"), sent.get("access_token")
    if not isinstance(token, str):
        raise LoginError("no_id_token")
    try:
        decoded = await _decoded(provider, token)
        claims = CodeIDToken(
            decoded.claims,
            decoded.header,
            {
                "iss": {"essential": True, "value": provider.oidc.issuer},
                "aud": {"essential": True, "value": provider.oidc.client_id},
            },
            {"nonce": begun.nonce, "client_id": provider.oidc.client_id, "access_token": access},
        )
        claims.validate(leeway=LEEWAY_S)
    except (JoseError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise LoginError(f"token_{getattr(error, 'error', 'malformed')}") from error
    return dict(claims)


async def _exchange(provider: Provider, code: str, begun: Begun, redirect: str) -> Mapping[str, object]:
    oidc, addresses = provider.oidc, await provider.addresses()
    secret = oidc.client_secret.get_secret_value()
    headers = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
    fields = {"client_id": oidc.client_id, "code_verifier": begun.verifier}
    if secret and addresses.takes_basic:
        # RFC 6749, section 2.3.1: both parts are encoded as in a form.
        pair = (quote(oidc.client_id, safe=""), quote(secret, safe=""))
        headers["authorization"] = httpx.BasicAuth(*pair)._auth_header  # noqa: SLF001
    elif secret:
        fields["client_secret"] = secret
    body = prepare_token_request("authorization_code", redirect_uri=redirect, code=code[:_MAX_CODE], **fields)
    reply = await provider.send("POST", addresses.token, headers, body.encode())
    if reply.status in {httpx.codes.BAD_REQUEST, httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
        raise LoginError("code_refused")
    return parsed(reply)


async def _decoded(provider: Provider, token: str) -> jwt.Token:
    try:
        return jwt.decode(token, await provider.keys(), algorithms=ALGORITHMS)
    except InvalidKeyIdError:
        return jwt.decode(token, await provider.keys(unknown=True), algorithms=ALGORITHMS)
