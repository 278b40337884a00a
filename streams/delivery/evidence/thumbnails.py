"""Thumbnails of a pack, unsealed with the key in their case's entry."""

from schemas.messages import Case
from streams.delivery.evidence.history import CaseHistory
from streams.errors import UsageError
from streams.sealing.case_key import CaseSeal
from streams.sealing.keyring import Keyring
from streams.settings import Settings


def unseal_thumbnails(settings: Settings, history: CaseHistory, entries: list[Case]) -> int:
    """Unseal the kept thumbnails of a case; return the number of those that were left out because they do not unseal.

    Raises
    ------
    UsageError
        The keys cannot be read.
    """
    key = next((entry.data_key for entry in entries if entry.data_key), b"")
    sealing = settings.sealing.model_copy(update={"create": False})
    if not key or not history.has_sealed_thumbnails():
        return history.unseal_thumbnails(lambda *_: None)
    try:
        seal = CaseSeal(Keyring(sealing))
    except UsageError as error:
        raise UsageError(f"{error}; or leave out --thumbnails") from error
    return history.unseal_thumbnails(lambda sealed, scene: seal.unseal(key, sealed, scene))
