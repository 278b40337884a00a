"""Check of the audit trail's keys: the own one can be read, and is among the trusted ones."""

from streams.audit.signing import own_signer
from streams.audit.trusted_keys import trusted_keys
from streams.doctor.finding import Finding, ok, wrong
from streams.errors import UsageError
from streams.settings import Settings

_REMEDY = "see ops/docs/audit.md; `jikimi audit keys` prints the keys"


def audit_keys(settings: Settings) -> Finding:
    """Check the signing key, without creating it, and the trusted keys."""
    file = settings.audit.key_file
    if not file.exists() and settings.audit.trusted_keys is None:
        return ok("audit keys", f"{file} does not exist yet: it is created at the first signature; it is trusted alone")
    try:
        trusted = trusted_keys(settings)
        own = own_signer(settings).key_id if file.exists() else ""
    except UsageError as error:
        return wrong("audit keys", str(error), _REMEDY)
    if own not in trusted:
        message = f"the own key {own or 'is not made yet and'} is not among JIKIMI_AUDIT_TRUSTED_KEYS"
        return wrong("audit keys", message, f"add it: nobody acts on what it signs; {_REMEDY}")
    return ok("audit keys", f"signs with {own}; {len(trusted.pems)} trusted")
