"""HTTP signatures of the fediverse: draft-cavage-http-signatures-12 with rsa-sha256 and a digest of the body."""

import base64
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from hashlib import sha256

import httpx
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from streams.errors import UsageError


class RequestSigner:
    """Signs requests as an actor.

    Parameters
    ----------
    actor
        URL of the actor; its key is #main-key.
    pem
        RSA private key.
    name
        Of the secret, for the error.

    Raises
    ------
    UsageError
        The secret is no such key.
    """

    def __init__(self, actor: str, pem: str, name: str) -> None:
        try:
            key = load_pem_private_key(pem.encode(), password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            key = None
        if not isinstance(key, RSAPrivateKey):
            raise UsageError(f"the secret {name} is not an RSA private key in PEM without a passphrase") from None
        self._key = key
        self._key_id = f"{actor}#main-key"

    def headers(
        self, method: str, url: str, body: bytes | None = None, *, at: datetime | None = None
    ) -> dict[str, str]:
        """Return the headers that sign a request, with its body if it has one.

        Raises
        ------
        httpx.InvalidURL
            The address is malformed.
        """
        signed = {
            "(request-target)": f"{method.lower()} {_target(url)}",
            "host": httpx.URL(url).netloc.decode(),
            "date": format_datetime(at or datetime.now(UTC), usegmt=True),
        }
        if body is not None:
            signed["digest"] = f"SHA-256={base64.b64encode(sha256(body).digest()).decode()}"
        return {
            **{name.title(): value for name, value in signed.items() if not name.startswith("(")},
            "Signature": self._signature(signed),
        }

    def _signature(self, signed: Mapping[str, str]) -> str:
        text = "\n".join(f"{name}: {value}" for name, value in signed.items())
        signature = base64.b64encode(self._key.sign(text.encode(), PKCS1v15(), SHA256())).decode()
        names = " ".join(signed)
        return f'keyId="{self._key_id}",algorithm="rsa-sha256",headers="{names}",signature="{signature}"'


def _target(url: str) -> str:
    return httpx.URL(url).raw_path.decode()
