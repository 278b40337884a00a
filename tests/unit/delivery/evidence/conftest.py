"""Packs written once for all tests that only read them."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from streams.delivery.evidence.pack import write_pack
from tests.unit.delivery.evidence.made_history import hostile, life, source

KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)


@pytest.fixture(scope="session")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a pack in both languages, with PDF and without thumbnails."""
    out = tmp_path_factory.mktemp("evidence") / "pack"
    write_pack(out, source(life(1), life(2), hostile()), KEY, ("ko", "en"), pdf_posts=2)
    return out
