"""Secrets of the channels by name: from files, as Kubernetes mounts them, else from the settings."""

import base64
import binascii
import re
from pathlib import Path

from standardwebhooks import Webhook
from standardwebhooks.webhooks import EmptyWebhookSecretError

from streams.errors import UsageError
from streams.secrets.settings import read_secret
from streams.settings import Settings

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}")


def secret(settings: Settings, name: str) -> str:
    """Return a secret without white space around it.

    Raises
    ------
    UsageError
        There is none, or it is empty or unreadable; the message has the name and no part of the secret.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(f"a secret cannot be named {name!r}: use letters, digits, dots, hyphens and underscores")
    found = _from_file(settings.delivery.secrets_folder, name)
    if found is None and name in settings.delivery.secrets:
        found = settings.delivery.secrets[name].get_secret_value().strip()
    if not found:
        raise UsageError(
            f"the secret {name} is missing or empty: put it into a file of this name in"
            " JIKIMI_DELIVERY_SECRETS_FOLDER, or into JIKIMI_DELIVERY_SECRETS"
        )
    return found


def webhook_signer(text: str, name: str) -> Webhook:
    """Return the signer and verifier of Standard Webhooks for a secret: whsec_ and base64, or any other text.

    Raises
    ------
    UsageError
        What follows whsec_ is no base64, or nothing.
    """
    try:
        if not text.startswith("whsec_"):
            return Webhook(text.encode())
        unpadded = text.removeprefix("whsec_").rstrip("=")
        return Webhook(base64.b64decode(unpadded + "=" * (-len(unpadded) % 4), validate=True))
    except (binascii.Error, EmptyWebhookSecretError):
        raise UsageError(f"the secret {name} starts with whsec_, but no base64 follows") from None  # it has the secret


def _from_file(folder: Path | None, name: str) -> str | None:
    if folder is None or not (folder / name).is_file():
        return None
    return read_secret(folder / name, name)
