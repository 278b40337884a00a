"""Master key of a key management service, under which the key file is encrypted.

Tink's envelope encryption: a data key drawn at each write encrypts the file and is itself encrypted by the service,
which sees neither the file nor its size. A process asks the service once for each reading of the file: while the
service is down running workers go on. Credentials are those that the service's own client finds in the environment.
"""

from collections.abc import Callable
from typing import Any

import tink
from tink import aead

from streams.errors import UsageError

_HC_VAULT = "hcvault://"
_EXTRA = 'install the extra "kms"'


def master_key(uri: str) -> Any:  # noqa: ANN401 - a primitive of Tink, which ships no types
    """Return the AEAD of a master key.

    Raises
    ------
    UsageError
        The service's client is not installed, has no credentials, or does not have the key.
    """
    aead.register()
    (remote,) = [make for prefix, make in _SERVICES.items() if uri.startswith(prefix)]
    try:
        return aead.KmsEnvelopeAead(aead.aead_key_templates.AES256_GCM, remote(uri))
    except ImportError as error:
        raise UsageError(f"JIKIMI_SEALING_KMS_URI: {_EXTRA}: {error}") from error
    except (tink.TinkError, ValueError, OSError) as error:
        raise UsageError(f"JIKIMI_SEALING_KMS_URI: {uri}: {error}") from error


def _aws(uri: str) -> Any:  # noqa: ANN401 - likewise
    from tink.integration import awskms  # noqa: PLC0415 - an extra

    return awskms.AwsKmsClient(uri, None).get_aead(uri)


def _gcp(uri: str) -> Any:  # noqa: ANN401 - likewise
    from tink.integration import gcpkms  # noqa: PLC0415 - an extra

    return gcpkms.GcpKmsClient(uri).get_aead(uri)


def _vault(uri: str) -> Any:  # noqa: ANN401 - likewise
    import hvac  # noqa: PLC0415 - an extra
    from tink.integration import hcvault  # noqa: PLC0415 - an extra

    client = hvac.Client()  # address and token from VAULT_ADDR and VAULT_TOKEN
    return hcvault.new_aead(uri.removeprefix(_HC_VAULT), client)


_SERVICES: dict[str, Callable[[str], Any]] = {"aws-kms://": _aws, "gcp-kms://": _gcp, _HC_VAULT: _vault}
